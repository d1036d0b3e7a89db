"""The beats of a song: the reading that most speaks for, its bars and its tempo.

Choosing belongs here; making readings and judging them is in `readings`, `downbeats` and `scoring`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ
from flamingo_bark_assets.analysis.rhythm.changes import part_of, steady_spans
from flamingo_bark_assets.analysis.rhythm.downbeats import possible_bars
from flamingo_bark_assets.analysis.rhythm.evidence import Evidence
from flamingo_bark_assets.analysis.rhythm.onsets import REGISTER_COUNT
from flamingo_bark_assets.analysis.rhythm.readings import Reading, possible_readings
from flamingo_bark_assets.analysis.rhythm.scoring import certainty, shares
from flamingo_bark_assets.analysis.rhythm.tempo import local_salience
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.metres import Metre

Times = NDArray[np.float64]

_SAME_TEMPO = 0.04
_SAME_PHASE = 0.1
_REFINE_FRAMES = 3
_CHANCE_S = 12.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """The beats that were chosen, of a span within which one tempo holds.

    Attributes:
        times_s: beat times in the song, seconds, (n_beats,).
        positions: place in the bar, from 1, (n_beats,).
        start_s: start of the span, seconds.
        end_s: end of the span, seconds.
        metre: the metre.
        tempi: (tempo in BPM, probability), the chosen one first, then by probability.
        grid_certainty: probability that the beats are where they are said to be.
        metre_certainty: probability of the metre, 0 to 1.
        bar_certainty: probability that bars begin where they are said to.
        features: what tells a pulse from chance, (4,), see `scoring.pulse_certainty`.
    """

    times_s: Times
    positions: NDArray[np.int64]
    start_s: float
    end_s: float
    metre: Metre
    tempi: tuple[tuple[float, float], ...]
    grid_certainty: float
    metre_certainty: float
    bar_certainty: float
    features: FloatArray


def find_pulses(evidence: Evidence) -> list[Pulse]:
    """Return the likeliest reading of the beat and of the bars, one for each of the song's tempi; none without any."""
    spans = [part_of(evidence, *span) for span in steady_spans(evidence)]
    return [pulse for span in spans if (pulse := _pulse(span)) is not None]


def _pulse(evidence: Evidence) -> Pulse | None:
    suffix = "-stems" if evidence.with_stems else ""
    readings = possible_readings(evidence)
    if not readings:
        return None
    share = shares([reading.features for reading in readings], judge="beat" + suffix)
    best = int(np.argmax(share))
    chosen = readings[best]
    bars = possible_bars(evidence, chosen.beats) if chosen.beats.size >= 8 else []
    if not bars:
        return None
    bar_share = shares([bar.features for bar in bars], judge="bar" + suffix)
    bar = bars[int(np.argmax(bar_share))]
    same_metre = sum(float(s) for b, s in zip(bars, bar_share, strict=True) if b.metre == bar.metre)
    same_bars = sum(
        float(s)
        for b, s in zip(bars, bar_share, strict=True)
        if (b.metre.beats_per_bar, b.first) == (bar.metre.beats_per_bar, bar.first)
    )
    same_grid = sum(float(s) for r, s in zip(readings, share, strict=True) if agree(r, chosen))
    grid = certainty(same_grid, "grid" + suffix)
    tempi = _tempi([reading.period_s for reading in readings], share, best)
    times_s = _refined(evidence.pulse, chosen.beats) / ONSET_RATE_HZ + evidence.start_s
    return Pulse(
        times_s=times_s,
        positions=(np.arange(times_s.size) - bar.first) % bar.metre.beats_per_bar + 1,
        start_s=evidence.start_s,
        end_s=evidence.start_s + evidence.total.size / ONSET_RATE_HZ,
        metre=bar.metre,
        tempi=_certain(tempi, "tempo" + suffix),
        grid_certainty=grid,
        metre_certainty=certainty(same_metre, "metre" + suffix),
        bar_certainty=grid * certainty(same_bars, "bars" + suffix),
        features=steadiness(evidence, chosen.beats, tempi[0][1]),
    )


def steadiness(evidence: Evidence, beats: Times, share: float) -> FloatArray:
    """Return log of the repetition at the beat over what chance reaches, clarity, share of the tempo, unsteadiness.

    Chance repetition falls with the square root of the time; clarity is the mean onset strength on the beats in
    standard deviations above the mean.
    """
    repetition = local_salience(evidence.curves[:, :REGISTER_COUNT], beats)
    chance = max(1.0, (_CHANCE_S * ONSET_RATE_HZ / evidence.total.size) ** 0.5)
    on_beats = evidence.pulse[np.clip(np.round(beats), 0, evidence.pulse.size - 1).astype(int)]
    periods = np.diff(beats)
    unsteady = float(np.abs(np.diff(periods)).mean() / periods.mean())
    return np.array([np.log(repetition / chance + 0.01), on_beats.mean(), share, unsteady], np.float32)


def agree(one: Reading, other: Reading) -> bool:
    """Return whether two readings put nearly all beats at the same times."""
    if abs(one.period_s / other.period_s - 1.0) > _SAME_TEMPO:
        return False
    after = np.clip(np.searchsorted(other.beats, one.beats), 1, other.beats.size - 1)
    apart = np.minimum(np.abs(one.beats - other.beats[after - 1]), np.abs(one.beats - other.beats[after]))
    return float(np.median(apart)) < _SAME_PHASE * one.period_s * ONSET_RATE_HZ


def _certain(tempi: tuple[tuple[float, float], ...], quantity: str) -> tuple[tuple[float, float], ...]:
    """Return the tempi with the probability that each is right; the others share what the first leaves as they did."""
    (first, share), *others = tempi
    sure = certainty(share, quantity)
    left = (1.0 - sure) / max(1.0 - share, 1e-9)
    return ((first, sure), *((bpm, other * left) for bpm, other in others))


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
