"""Bars: how many beats each has, into what its beats fall, and which beat begins it.

The metre belongs here; where the beats are is settled before, in `readings`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ
from flamingo_bark_assets.analysis.rhythm.evidence import LEAST_CHANGE, Evidence, distance, mean_chroma
from flamingo_bark_assets.analysis.rhythm.readings import SLOTS, Frames, sampled
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.metres import METRES, Metre

# 2/4 is not among them: two of its bars are one of 4/4, and nothing but a score tells them apart.
_SIMPLE = ("4/4", "3/4", "5/4", "7/4")
_COMPOUND = ("6/8", "9/8", "12/8")
_MEASURED = tuple(METRES[name] for name in _SIMPLE + _COMPOUND)
_LENGTHS = sorted({metre.beats_per_bar for metre in _MEASURED})
_LONGEST_BAR = max(_LENGTHS)
_EIGHTHS = {"5/4": "5/8", "7/4": "7/8"}
# Beats of five and seven that are faster are written as eighths.
_EIGHTHS_FROM_BPM = 200.0


@dataclass(frozen=True, slots=True)
class BarReading:
    """One way to count the beats.

    Attributes:
        metre: the metre.
        first: index of the first downbeat, less than the beats of a bar.
        features: what speaks for it, (n_features,).
    """

    metre: Metre
    first: int
    features: FloatArray


def possible_bars(evidence: Evidence, beats: Frames) -> list[BarReading]:
    """Return each metre and phase with the mean accents on each beat of its bar, less the average.

    `beats` are frames, ascending, at least 8. Bars of which there would not be two are left out.
    """
    grid = sampled(evidence.curves, beats)
    level = grid.mean(axis=(0, 1)) + 1e-3
    # On the beat, and half a beat later, where a syncopated bass or kick tells the bar too.
    off_beat = grid[:, SLOTS // 2] / level
    chroma = mean_chroma(evidence, beats)
    on_beat = np.concatenate([grid[:, 0] / level, _new_harmony(chroma, 1), _new_harmony(chroma, 2)], axis=1)
    profile = grid.mean(axis=0) / level
    period_s = float(np.median(np.diff(beats))) / ONSET_RATE_HZ
    octave = float(np.log2(period_s / 0.5))
    # What falls on the thirds, the half and the quarters of a beat tells its parts.
    parts = [
        profile[SLOTS // 3],
        profile[2 * SLOTS // 3],
        profile[SLOTS // 2],
        profile[SLOTS // 4] + profile[-SLOTS // 4],
    ]
    general = np.concatenate([*parts, [octave, octave**2, 1.0]])
    presence = _presence(chroma)
    out = []
    for beats_per_bar in _LENGTHS:
        if len(grid) < 2 * beats_per_bar:
            continue
        length = np.eye(len(_LENGTHS))[_LENGTHS.index(beats_per_bar)]
        repeats = np.concatenate([_repetition(values, beats_per_bar) for values in (on_beat, off_beat)])
        over_a_bar = _by_place(_new_harmony(chroma, beats_per_bar), beats_per_bar)
        by_place = [_by_place(values, beats_per_bar) for values in (on_beat, off_beat)]
        for first in range(beats_per_bar):
            begins = over_a_bar[first]
            accents = [_accents(values, first) for values in by_place]
            by_length = [np.outer(length, part).ravel() for part in (repeats, [octave, octave**2])]
            shared = np.concatenate([length, *by_length, *accents, begins, presence])
            for metre in _MEASURED:
                if metre.beats_per_bar == beats_per_bar:
                    kind = np.outer([not metre.is_compound, metre.is_compound], general).ravel()
                    features = np.concatenate([shared, kind]).astype(np.float32)
                    out.append(BarReading(_written(metre, period_s), first, features))
    return out


def _written(metre: Metre, period_s: float) -> Metre:
    fast = 60.0 / period_s > _EIGHTHS_FROM_BPM
    return METRES[_EIGHTHS[metre.name]] if fast and metre.name in _EIGHTHS else metre


def _by_place(values: FloatArray | NDArray[np.float64], beats_per_bar: int) -> NDArray[np.float64]:
    """Return the mean of every n-th beat above the mean of all, from each of the first n on, (n, n_columns)."""
    means = [values[place::beats_per_bar].mean(axis=0) for place in range(beats_per_bar)]
    return np.asarray(np.array(means) - values.mean(axis=0), np.float64)


def _accents(by_place: NDArray[np.float64], first: int) -> NDArray[np.float64]:
    """Return mean of each beat of the bar above the mean of all beats, flat, for `_LONGEST_BAR` beats."""
    out = np.zeros((_LONGEST_BAR, by_place.shape[1]))
    out[: len(by_place)] = np.roll(by_place, -first, axis=0)
    return out.ravel()


def _new_harmony(chroma: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    """Compute how bass and harmony change from the `span` beats before each beat to those from it on, (n_beats, 2)."""
    change = _changes(chroma, span)
    return np.asarray(change / np.maximum(change.std(axis=0), LEAST_CHANGE), np.float64)


def _changes(chroma: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    count = len(chroma)
    summed = np.vstack([np.zeros((1, chroma.shape[1])), np.cumsum(chroma, axis=0)])
    k = np.arange(count)
    before = summed[k] - summed[np.maximum(k - span, 0)]
    after = summed[np.minimum(k + span, count)] - summed[k]
    return np.stack([distance(before[:, part], after[:, part]) for part in (slice(0, 12), slice(12, 24))], axis=1)


def _presence(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much bass and harmony there are to change, 0 to 1 each."""
    return np.asarray(np.minimum(_changes(chroma, 2).std(axis=0) / (2.0 * np.asarray(LEAST_CHANGE)), 1.0))


def _repetition(values: FloatArray, lag: int) -> NDArray[np.float64]:
    centred = values - values.mean(axis=0)
    if len(values) <= lag:
        return np.zeros(values.shape[1])
    return np.asarray((centred[:-lag] * centred[lag:]).sum(axis=0) / ((centred**2).sum(axis=0) + 1e-3), np.float64)
