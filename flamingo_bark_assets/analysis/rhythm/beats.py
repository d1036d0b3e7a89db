"""The beats of a song: the reading that most speaks for, its bars and its tempo.

Choosing belongs here; making readings and judging them is in `readings`, `downbeats` and `scoring`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ
from flamingo_bark_assets.analysis.rhythm.downbeats import possible_bars
from flamingo_bark_assets.analysis.rhythm.evidence import Evidence
from flamingo_bark_assets.analysis.rhythm.onsets import REGISTER_COUNT
from flamingo_bark_assets.analysis.rhythm.readings import possible_readings
from flamingo_bark_assets.analysis.rhythm.scoring import shares
from flamingo_bark_assets.analysis.rhythm.tempo import local_salience
from flamingo_bark_assets.audio.signal import FloatArray

Times = NDArray[np.float64]

_SAME_TEMPO = 0.04
_REFINE_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Pulse:
    """The beats that were chosen.

    Attributes:
        times_s: beat times in the song, seconds, (n_beats,).
        positions: place in the bar, from 1, (n_beats,).
        beats_per_bar: 2, 3 or 4.
        compound: whether each beat has three parts, as in 6/8.
        metre_share: probability of the chosen metre, 0 to 1.
        tempi: (tempo in BPM, share of all readings), the chosen one first, then by share.
        salience: how much the onsets repeat at the beat, see `tempo.local_salience`.
        clarity: mean onset strength on the beats, in standard deviations above the mean.
    """

    times_s: Times
    positions: NDArray[np.int64]
    beats_per_bar: int
    compound: bool
    metre_share: float
    tempi: tuple[tuple[float, float], ...]
    salience: float
    clarity: float


def find_pulse(evidence: Evidence) -> Pulse | None:
    """Return the likeliest reading of the beat and of the bars; None where nothing repeats."""
    suffix = "-stems" if evidence.with_stems else ""
    readings = possible_readings(evidence)
    if not readings:
        return None
    share = shares([reading.features for reading in readings], judge="beat" + suffix)
    chosen = readings[int(np.argmax(share))]
    if chosen.beats.size < 8:
        return None
    bars = possible_bars(evidence, chosen.beats)
    bar_share = shares([bar.features for bar in bars], judge="bar" + suffix)
    bar = bars[int(np.argmax(bar_share))]
    metre_share = sum(float(s) for b, s in zip(bars, bar_share, strict=True) if b.beats_per_bar == bar.beats_per_bar)
    times_s = _refined(evidence.pulse, chosen.beats) / ONSET_RATE_HZ + evidence.start_s
    return Pulse(
        times_s=times_s,
        positions=(np.arange(times_s.size) - bar.first) % bar.beats_per_bar + 1,
        beats_per_bar=bar.beats_per_bar,
        compound=bar.beats_per_bar == 2 and bar.triple > 0.0,
        metre_share=metre_share,
        tempi=_tempi([reading.period_s for reading in readings], share, int(np.argmax(share))),
        salience=local_salience(evidence.curves[:, :REGISTER_COUNT], chosen.beats),
        clarity=float(evidence.pulse[np.clip(np.round(chosen.beats), 0, evidence.pulse.size - 1).astype(int)].mean()),
    )


def median_tempo_bpm(times_s: Times) -> float:
    """Return tempo over spans of eight beats, the median of them, which single early or late beats do not move."""
    span = min(8, times_s.size - 1)
    return 60.0 * span / float(np.median(times_s[span:] - times_s[:-span]))


def _tempi(periods: list[float], share: NDArray[np.float64], chosen: int) -> tuple[tuple[float, float], ...]:
    """Return tempi with the summed share of their readings, those within 4 % taken together."""
    order = [chosen, *(int(i) for i in np.argsort(-share, kind="stable") if i != chosen)]
    out: list[list[float]] = []
    for i in order:
        bpm = 60.0 / periods[i]
        same = next((row for row in out if abs(bpm / row[0] - 1.0) <= _SAME_TEMPO), None)
        if same is None:
            out.append([bpm, float(share[i])])
        else:
            same[1] += float(share[i])
    first, *others = out
    return tuple((bpm, value) for bpm, value in [first, *sorted(others, key=lambda row: -row[1])])


def _refined(pulse: FloatArray, beats: Times) -> Times:
    """Return the beats moved to the top of the onset peak they stand on, where there is one within 30 ms."""
    out = np.asarray(beats, np.float64).copy()
    for k, beat in enumerate(beats):
        low = max(1, round(float(beat)) - _REFINE_FRAMES)
        part = pulse[low : round(float(beat)) + _REFINE_FRAMES + 1]
        if part.size == 0:
            continue
        top = low + int(np.argmax(part))
        if not (1 <= top < pulse.size - 1 and pulse[top] > 0.5 and pulse[top] >= max(pulse[top - 1], pulse[top + 1])):
            continue
        bend = min(float(pulse[top - 1] - 2.0 * pulse[top] + pulse[top + 1]), -1e-6)
        out[k] = top + float(np.clip(0.5 * (pulse[top - 1] - pulse[top + 1]) / bend, -0.5, 0.5))
    return out
