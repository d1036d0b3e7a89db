"""The beats of a song: the reading that most speaks for, its bars and its tempo.

Choosing belongs here; making readings and judging them is in `readings`, `downbeats` and `scoring`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ
from flamingo_bark_assets.analysis.rhythm.changes import part_of, steady_spans
from flamingo_bark_assets.analysis.rhythm.downbeats import BarReading, possible_bars
from flamingo_bark_assets.analysis.rhythm.evidence import Evidence
from flamingo_bark_assets.analysis.rhythm.onsets import REGISTER_COUNT
from flamingo_bark_assets.analysis.rhythm.readings import Reading, possible_readings
from flamingo_bark_assets.analysis.rhythm.scoring import certainty, shares
from flamingo_bark_assets.analysis.rhythm.starts import odds
from flamingo_bark_assets.analysis.rhythm.tempo import local_salience
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.metres import Metre

Times = NDArray[np.float64]

_SAME_TEMPO = 0.04
_SAME_PHASE = 0.1
_REFINE_FRAMES = 3
_CHANCE_S = 12.0
_LEAST_BEATS = 8
_MOST_GRIDS = 5
_LEAST_SHARE = 1e-3
_LEAST_CLARITY = 0.05
QUANTITIES = ("tempo", "grid", "metre", "bars")
"""Of what the ways to count are sure: the tempo, where beats are, the metre, where bars begin."""


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


@dataclass(frozen=True, slots=True)
class Count:
    """One way to count: a grid of beats and its bars.

    Attributes:
        grid: the beats.
        bar: their bars.
        features: what speaks for both, (n_features,).
    """

    grid: Reading
    bar: BarReading
    features: FloatArray


def find_pulses(evidence: Evidence) -> list[Pulse]:
    """Return the likeliest reading of the beat and of the bars, one for each of the song's tempi; none without any."""
    spans = [part_of(evidence, *span) for span in steady_spans(evidence)]
    return [pulse for span in spans if (pulse := _pulse(span)) is not None]


def possible_counts(evidence: Evidence, readings: Sequence[Reading], share: NDArray[np.float64]) -> list[Count]:
    """Return every way to count the bars of the likeliest grids of beats, at most five of them.

    The bars tell the beat as well: at half the tempo chords change in the middle of a beat, off the beat they start
    between beats. `share` is what each reading of the beat has for itself, (n_readings,).
    """
    grids: list[Reading] = []
    for k in np.argsort(-share, kind="stable"):
        reading = readings[int(k)]
        if reading.beats.size >= _LEAST_BEATS and not any(agree(reading, grid) for grid in grids):
            grids.append(reading)
        if len(grids) == _MOST_GRIDS:
            break
    out = []
    for grid in grids:
        same = sum(float(s) for r, s in zip(readings, share, strict=True) if agree(r, grid))
        for bar in possible_bars(evidence, grid.beats):
            out.append(Count(grid, bar, np.append(bar.features, np.float32(np.log(same + _LEAST_SHARE)))))
    return out


def _pulse(evidence: Evidence) -> Pulse | None:
    suffix = "-stems" if evidence.with_stems else ""
    readings = possible_readings(evidence)
    if not readings:
        return None
    counts = possible_counts(
        evidence, readings, shares([reading.features for reading in readings], judge="beat" + suffix)
    )
    if not counts:
        return None
    share = _by_start(evidence, counts, shares([count.features for count in counts], judge="bar" + suffix))
    chosen = counts[int(np.argmax(share))]
    of = {quantity: float(share[same_as(counts, chosen, quantity)].sum()) for quantity in QUANTITIES}
    sure = {quantity: certainty(of[quantity], quantity + suffix) for quantity in QUANTITIES}
    beats, bar = chosen.grid.beats, chosen.bar
    times_s = _refined(evidence.pulse, beats) / ONSET_RATE_HZ + evidence.start_s
    return Pulse(
        times_s=times_s,
        positions=(np.arange(times_s.size) - bar.first) % bar.metre.beats_per_bar + 1,
        start_s=evidence.start_s,
        end_s=evidence.start_s + evidence.total.size / ONSET_RATE_HZ,
        metre=bar.metre,
        tempi=_tempi(counts, share, chosen, sure["tempo"]),
        grid_certainty=sure["grid"],
        metre_certainty=sure["metre"],
        bar_certainty=min(sure["bars"], sure["grid"]),
        features=steadiness(evidence, beats, of["tempo"]),
    )


def _by_start(evidence: Evidence, counts: Sequence[Count], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shares where those count more whose bars the recording starts with, see `starts`.

    That tells where beats and bars lie, not how long they are: each tempo and metre keeps its share.
    """
    if evidence.start is None:
        return share
    into = evidence.start_s * ONSET_RATE_HZ
    weighted = share * [
        odds(evidence.start, count.grid.beats + into, count.bar.first, count.bar.metre.beats_per_bar)
        for count in counts
    ]
    out = np.zeros_like(share)
    for count in counts:
        alike = same_as(counts, count, "tempo") & same_as(counts, count, "metre")
        one = np.array([other is count for other in counts])
        out[one] = weighted[one] * share[alike].sum() / weighted[alike].sum()
    return np.asarray(out / out.sum(), np.float64)


def same_as(counts: Sequence[Count], one: Count, quantity: str) -> NDArray[np.bool_]:
    """Return which ways to count say the same as one of them of a quantity of `QUANTITIES`, (n_counts,)."""
    if quantity == "tempo":
        said = [abs(count.grid.period_s / one.grid.period_s - 1.0) <= _SAME_TEMPO for count in counts]
    elif quantity == "grid":
        said = [count.grid is one.grid for count in counts]
    elif quantity == "metre":
        said = [count.bar.metre == one.bar.metre for count in counts]
    else:
        bars = (one.bar.metre.beats_per_bar, one.bar.first)
        said = [count.grid is one.grid and (count.bar.metre.beats_per_bar, count.bar.first) == bars for count in counts]
    return np.array(said)


def steadiness(evidence: Evidence, beats: Times, share: float) -> FloatArray:
    """Return logs of the repetition at the beat over what chance reaches and of clarity, the tempo's share, jitter.

    Chance repetition falls with the square root of the time; clarity is the mean onset strength on the beats in
    standard deviations above the mean.
    """
    repetition = local_salience(evidence.curves[:, :REGISTER_COUNT], beats)
    chance = max(1.0, (_CHANCE_S * ONSET_RATE_HZ / evidence.total.size) ** 0.5)
    on_beats = evidence.pulse[np.clip(np.round(beats), 0, evidence.pulse.size - 1).astype(int)]
    periods = np.diff(beats)
    unsteady = float(np.abs(np.diff(periods)).mean() / periods.mean())
    clarity = max(float(on_beats.mean()), _LEAST_CLARITY)
    return np.array([np.log(repetition / chance + 0.01), np.log(clarity), share, unsteady], np.float32)


def agree(one: Reading, other: Reading) -> bool:
    """Return whether two readings put nearly all beats at the same times."""
    if abs(one.period_s / other.period_s - 1.0) > _SAME_TEMPO:
        return False
    after = np.clip(np.searchsorted(other.beats, one.beats), 1, other.beats.size - 1)
    apart = np.minimum(np.abs(one.beats - other.beats[after - 1]), np.abs(one.beats - other.beats[after]))
    return float(np.median(apart)) < _SAME_PHASE * one.period_s * ONSET_RATE_HZ


def median_tempo_bpm(times_s: Times) -> float:
    """Return tempo over spans of eight beats, the median of them, which single early or late beats do not move."""
    span = min(8, times_s.size - 1)
    return 60.0 * span / float(np.median(times_s[span:] - times_s[:-span]))


def _tempi(
    counts: Sequence[Count], share: NDArray[np.float64], chosen: Count, sure: float
) -> tuple[tuple[float, float], ...]:
    """Return tempi with their probability, the chosen one first, those within 4 % taken together.

    The others share what the first leaves by the ways to count that say so; where there are none, nobody has it.
    """
    found: list[tuple[Count, float]] = []
    for count in counts:
        if not any(same_as([count], other, "tempo")[0] for other, _ in found):
            found.append((count, float(share[same_as(counts, count, "tempo")].sum())))
    others = [(count, value) for count, value in found if not same_as([count], chosen, "tempo")[0]]
    left = (1.0 - sure) / max(sum(value for _, value in others), 1e-9)
    told = [(60.0 / count.grid.period_s, value * left) for count, value in others]
    return ((60.0 / chosen.grid.period_s, sure), *sorted(told, key=lambda row: -row[1]))


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
