"""The rhythm of one stem: its onsets, how dense, even, complex and syncopated they are.

What is measured of every stem's timing belongs here; beats are the song's, and given.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.rhythm import Beat
from flamingo_bark_assets.analysis.rhythm.onsets import Times
from flamingo_bark_assets.record import Measurement

_DENSITY_METHOD = "log-flux-peaks"
_COMPLEXITY_METHOD = "ioi-entropy"
_EVENNESS_METHOD = "ioi-entropy-complement"
_SYNCOPATION_METHOD = "longuet-higgins-lee-1984"

_MIN_INTERVALS = 4
_SHORTEST_IOI_S = 0.05
_OCTAVES_OF_IOI = 6
_CELLS = 12 * _OCTAVES_OF_IOI
_MIN_BARS = 2
_MIN_NOTES = 8


def onset_density(onsets_s: Times, over_s: float, *, confidence: float = 1.0) -> Measurement[float]:
    """Return onsets a second, as sure as they are; peaks of the spectral flux are what they are defined to be."""
    if over_s <= 0.0:
        return Measurement.unknown("nothing sounds", method=_DENSITY_METHOD)
    return Measurement.of(onsets_s.size / over_s, method=_DENSITY_METHOD, confidence=confidence)


def rhythm_complexity(onsets_s: Times) -> Measurement[float]:
    """Compute the entropy of the inter-onset intervals over a grid of semitone-wide cells, 50 ms to 3.2 s, 0 to 1.

    1 would be all 72 cells filled alike; longer intervals are pauses and are left out. It has no confidence: few
    intervals cannot fill the grid, and no rating of complexity was compared.
    """
    intervals = np.diff(onsets_s)
    cells = np.round(12.0 * np.log2(np.maximum(intervals, 1e-6) / _SHORTEST_IOI_S)).astype(int)
    cells = cells[(cells >= 0) & (cells < _CELLS)]
    if cells.size < _MIN_INTERVALS:
        return Measurement.unknown("too few onsets to speak of a rhythm", method=_COMPLEXITY_METHOD)
    share = np.bincount(cells) / cells.size
    share = share[share > 0]
    entropy = float(-(share * np.log(share)).sum() / np.log(_CELLS))
    return Measurement.of(max(0.0, entropy), method=_COMPLEXITY_METHOD)


def evenness(onsets_s: Times) -> Measurement[float]:
    """Return 1 minus `rhythm_complexity`: 1 where all intervals are alike."""
    complexity = rhythm_complexity(onsets_s)
    if complexity.value is None:
        return Measurement.unknown(complexity.reason or "", method=_EVENNESS_METHOD)
    return Measurement.of(1.0 - complexity.value, method=_EVENNESS_METHOD)


def syncopation(onsets_s: Times, beats: Sequence[Beat], *, compound: bool = False) -> Measurement[float]:
    """Return mean syncopation of a bar, after Longuet-Higgins & Lee (Music Perception 1, 1984).

    Onsets are put on the grid of sixteenths. A note that is held or followed by silence over a stronger place of the
    metre counts by how much stronger the strongest such place is.
    """
    if len(beats) < 2:
        return Measurement.unknown("no beats to be syncopated against", method=_SYNCOPATION_METHOD)
    steps = 6 if compound else 4
    times_s = np.array([beat.time_s for beat in beats])
    beats_per_bar = max(beat.position for beat in beats)
    index = np.searchsorted(times_s, onsets_s, "right") - 1
    inside = (index >= 0) & (index < times_s.size - 1)
    index = index[inside]
    place = steps * (onsets_s[inside] - times_s[index]) / (times_s[index + 1] - times_s[index])
    offset = beats[0].position - 1
    step = np.unique((index + offset) * steps + np.round(place).astype(np.int64))
    bars = (times_s.size - 1) / beats_per_bar
    if step.size < _MIN_NOTES or bars < _MIN_BARS:
        return Measurement.unknown("too few onsets between the beats", method=_SYNCOPATION_METHOD)
    total = syncopation_of_steps(step, metrical_weights(beats_per_bar, compound=compound))
    return Measurement.of(total / bars, method=_SYNCOPATION_METHOD)


def metrical_weights(beats_per_bar: int, *, compound: bool = False) -> NDArray[np.int64]:
    """Return weight of each sixteenth of a bar: 0 on its first, one less on each finer level of the metre.

    A beat has two eighths, three where `compound`.
    """
    beat = 6 if compound else 4
    bar = beats_per_bar * beat
    levels = [bar, *([bar // 2] if beats_per_bar == 4 else []), beat, 2, 1]
    step = np.arange(bar)
    return np.asarray(-np.sum([step % level != 0 for level in levels], axis=0), np.int64)


def syncopation_of_steps(steps: NDArray[np.int64], weights: NDArray[np.int64]) -> float:
    """Return summed syncopation of notes on metrical steps; see `syncopation`.

    Steps are ascending, without repeats, counted from a downbeat.
    """
    total = 0
    for note, following in itertools.pairwise(steps.tolist()):
        skipped = weights[np.arange(note + 1, min(following, note + 1 + weights.size)) % weights.size]
        if skipped.size:
            total += max(0, int(skipped.max()) - int(weights[note % weights.size]))
    return float(total)
