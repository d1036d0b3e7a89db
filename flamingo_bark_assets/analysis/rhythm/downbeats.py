"""Bars: how many beats each has and which beat begins it.

The metre belongs here; where the beats are is settled before, in `readings`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.rhythm.evidence import Evidence, distance, mean_chroma
from flamingo_bark_assets.analysis.rhythm.onsets import REGISTER_COUNT
from flamingo_bark_assets.analysis.rhythm.readings import SLOTS, Frames, sampled
from flamingo_bark_assets.audio.signal import FloatArray

METRES = (2, 3, 4)
_LONGEST_BAR = max(METRES)


@dataclass(frozen=True, slots=True)
class BarReading:
    """One way to count the beats.

    Attributes:
        beats_per_bar: 2, 3 or 4.
        first: index of the first downbeat, less than `beats_per_bar`.
        triple: how much more starts on the thirds of a beat than on its half; above 0 in compound metre.
        features: what speaks for it, (n_features,).
    """

    beats_per_bar: int
    first: int
    triple: float
    features: FloatArray


def possible_bars(evidence: Evidence, beats: Frames) -> list[BarReading]:
    """Return each metre and phase with the mean accents on each beat of its bar, less the average.

    `beats` are frames, ascending, at least 8.
    """
    grid = sampled(evidence.curves, beats)
    level = grid.mean(axis=(0, 1)) + 1e-3
    # On the beat, and half a beat later, where a syncopated bass or kick tells the bar too.
    off_beat = grid[:, SLOTS // 2] / level
    chroma = mean_chroma(evidence, beats)
    on_beat = np.concatenate([grid[:, 0] / level, _new_harmony(chroma, 1), _new_harmony(chroma, 2)], axis=1)
    profile = grid.mean(axis=0) / level
    general = np.concatenate([profile[4] + profile[8] - profile[6], profile[6], [_octave(beats)]])
    triple = float((profile[SLOTS // 3] + profile[2 * SLOTS // 3] - 2.0 * profile[SLOTS // 2])[:REGISTER_COUNT].mean())
    out = []
    for metre in METRES:
        repeats = np.concatenate([_repetition(on_beat, metre), _repetition(off_beat, metre)])
        kind = np.eye(len(METRES))[METRES.index(metre)]
        over_a_bar = _new_harmony(chroma, metre)
        for first in range(metre):
            rows = slice(first, None, metre)
            begins = over_a_bar[rows].mean(axis=0) - over_a_bar.mean(axis=0)
            accents = [_accents(values, metre, first) for values in (on_beat, off_beat)]
            by_metre = [np.outer(kind, part).ravel() for part in (general, repeats)]
            features = np.concatenate([kind, *by_metre, *accents, begins])
            out.append(BarReading(metre, first, triple, features.astype(np.float32)))
    return out


def _accents(values: FloatArray, metre: int, first: int) -> NDArray[np.float64]:
    """Return mean of each beat of the bar above the mean of all beats, flat, for `_LONGEST_BAR` beats."""
    out = np.zeros((_LONGEST_BAR, values.shape[1]))
    for place in range(metre):
        out[place] = values[(first + place) % metre :: metre].mean(axis=0) - values.mean(axis=0)
    return out.ravel()


def _new_harmony(chroma: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    """Compute how bass and harmony change from the `span` beats before each beat to those from it on, (n_beats, 2)."""
    count = len(chroma)
    summed = np.vstack([np.zeros((1, chroma.shape[1])), np.cumsum(chroma, axis=0)])
    k = np.arange(count)
    before = summed[k] - summed[np.maximum(k - span, 0)]
    after = summed[np.minimum(k + span, count)] - summed[k]
    change = np.stack([distance(before[:, part], after[:, part]) for part in (slice(0, 12), slice(12, 24))], axis=1)
    return np.asarray(change / np.maximum(change.std(axis=0), 1e-3), np.float64)


def _octave(beats: Frames) -> float:
    return float(np.log2(np.median(np.diff(beats)) / 50.0))


def _repetition(values: FloatArray, lag: int) -> NDArray[np.float64]:
    centred = values - values.mean(axis=0)
    if len(values) <= lag:
        return np.zeros(values.shape[1])
    return np.asarray((centred[:-lag] * centred[lag:]).sum(axis=0) / ((centred**2).sum(axis=0) + 1e-3), np.float64)
