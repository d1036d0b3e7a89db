"""What speaks for a section beginning at each bar.

Novelty, repetition and drummers' signals at bar lines belong here; the choice among them does not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.structure.bars import SLOTS_A_BEAT, BarFeatures
from flamingo_bark_assets.kernels import compiled

Values = NDArray[np.float64]

COLUMNS = (
    "timbre step", "rhythm step", "rhythm change over two", "harmony change over four",
    "harmony return", "crash", "accent", "fill", "stems step",
)  # fmt: skip
# Log odds a unit of each column, and of a bar line at which nothing happens, by logistic regression on 80 songs of
# random styles with known sections and bars, rounded (`tests.learning.sections`); the latter plus 2.5, with which the
# search finds as many sections as there are.
_WEIGHTS_MIX = np.array([2.5, 1.6, 2.9, 0.6, 3.2, 1.1, 0.9, 1.0, 0.0])
_WEIGHTS_STEMS = np.array([0.6, 1.3, 2.4, 0.9, 2.0, 1.2, 0.85, 1.2, 1.7])
_BIAS_MIX, _BIAS_STEMS = -5.3, -4.7
# Repetition is sought this far away.
_MOST_LAG = 128
_SMOOTH_BARS, _SMOOTH_LAGS = 1.5, 0.6
_NEIGHBOURHOOD = 4
_STEP_BARS = 4
_EVERY_OTHER = (0, 2, 6, 8)
_CRASH_RANGE_DB = (-6.0, 12.0)
# High frequencies further below their loudest count as silence.
_HIGH_RANGE_DB = 30.0
# RMS differences between bars that mean nothing, far below what is usual from bar to bar in music.
_LEAST_TIMBRE_DB, _LEAST_RHYTHM_DB, _LEAST_HARMONY, _LEAST_STEMS_DB = 1.0, 0.3, 0.03, 0.7


def boundary_log_odds(features: BarFeatures) -> Values:
    """Return log odds of a section beginning at each bar, length and neighbours aside, shape (n_bars,)."""
    evidence = boundary_evidence(features)
    if features.stems.shape[1]:
        return np.asarray(evidence @ _WEIGHTS_STEMS + _BIAS_STEMS)
    return np.asarray(evidence @ _WEIGHTS_MIX + _BIAS_MIX)


def boundary_evidence(features: BarFeatures) -> Values:
    """Return the evidence at each bar, shape (n_bars, 9), columns as in `COLUMNS`; that of stems is 0 without stems.

    Steps compare a bar with those before and after (Foote, ICME 2000), changes compare bar by bar with two or four
    bars before, so that a progression which is repeated is none; each on a logarithmic scale over what is usual in this
    song. Returns are the novelty of the time-lag structure (Serra, Mueller, Grosche and Arcos, IEEE Trans. Multimedia
    16, 2014). A crash is high frequencies in the first half of a bar above those of the bars around it, an accent the
    same of the first beat over the rest of its bar, a fill a last bar whose rhythm departs from the one before it.
    """
    timbre, rhythm = _Bars(features.timbre, _LEAST_TIMBRE_DB), _Bars(features.rhythm, _LEAST_RHYTHM_DB)
    harmony, stems = _Bars(features.harmony, _LEAST_HARMONY), _Bars(features.stems, _LEAST_STEMS_DB)
    high = np.maximum(features.high, features.high.max() - _HIGH_RANGE_DB)
    first_half, first_beat = high[:, : max(1, high.shape[1] // 2)].mean(axis=1), high[:, :SLOTS_A_BEAT].mean(axis=1)
    rest = high[:, SLOTS_A_BEAT:].mean(axis=1) if high.shape[1] > SLOTS_A_BEAT else first_beat
    columns = [
        _step(timbre),
        _step(rhythm),
        _change(rhythm, 2),
        _change(harmony, 4),
        _return(harmony),
        _over_neighbours(first_half),
        _over_neighbours(first_beat - rest),
        _fill(rhythm),
        _step(stems),
    ]
    return np.stack(columns, axis=1)


class _Bars:
    """One kind of feature of every bar.

    Attributes:
        values: shape (n_bars, n_columns).
        least: RMS difference that means nothing.
        spread: RMS deviation from the mean over bars.
    """

    def __init__(self, values: Values, least: float) -> None:
        self.values = values
        self.least = least
        self.spread = float(np.sqrt(values.var(axis=0).mean())) if values.shape[1] else 0.0

    def novelty(self, squares: Values) -> Values:
        """Return the logarithm of mean square differences over the usual one, with zeros put before, shape (n_bars,).

        Usual is their median, with a share of the spread where most bars are alike, and never what means nothing.
        """
        differences = np.sqrt(np.maximum(squares, 0.0))
        usual = max(self.least, float(np.median(differences)) + 0.15 * self.spread) if squares.size else 1.0
        return np.concatenate([np.zeros(len(self.values) - squares.size), np.log1p(differences / usual)])


def _step(bars: _Bars) -> Values:
    """Compute how unlike each bar is those before it, and the bar before those that follow, shape (n_bars,).

    The first is 0.

    Of four bars the likest counts: a progression of that many is no step.
    """
    x = bars.values
    n = len(x)
    if not x.shape[1]:
        return np.zeros(n)
    onward, back = np.full(n - 1, np.inf), np.full(n - 1, np.inf)
    for lag in range(1, min(_STEP_BARS, n - 1) + 1):
        apart = np.square(x[lag:] - x[:-lag]).mean(axis=1)
        # apart[i] parts bars i and i + lag: the line before the latter, and the line behind the former.
        onward[lag - 1 :] = np.minimum(onward[lag - 1 :], apart)
        back[: n - lag] = np.minimum(back[: n - lag], apart)
    return bars.novelty(0.5 * (onward + back))


def _change(bars: _Bars, width: int) -> Values:
    """Compute how far each of some bars differs from the bar as far before, shape (n_bars,); 0 where too few."""
    apart = np.square(bars.values[width:] - bars.values[:-width]).mean(axis=1)
    running = np.concatenate([[0.0], np.cumsum(apart)])
    lines = np.arange(apart.size)
    high = np.minimum(lines + width, apart.size)
    return bars.novelty((running[high] - running[lines]) / np.maximum(high - lines, 1))


def _fill(bars: _Bars) -> Values:
    """Compute how far the bar before the line differs from the one before that, shape (n_bars,)."""
    return bars.novelty(np.square(bars.values[1:-1] - bars.values[:-2]).mean(axis=1))


def _over_neighbours(level_db: Values) -> Values:
    """Compute each bar's level over the usual one around it, clipped and in units of 6 dB, shape (n_bars,).

    The usual level is the higher of the medians over the bars around and over every other one of them.
    """
    padded = np.pad(level_db, _NEIGHBOURHOOD, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURHOOD + 1)
    # What comes in every other bar, as a chord of two may, is no signal.
    usual = np.maximum(np.nanmedian(windows, axis=1), np.nanmedian(windows[:, _EVERY_OTHER], axis=1))
    return np.asarray(np.clip(level_db - usual, *_CRASH_RANGE_DB) / 6.0)


def _return(bars: _Bars) -> Values:
    """Return how much the pattern of bars that are alike changes at each bar line, 0 to 1, shape (n_bars,)."""
    from scipy.ndimage import gaussian_filter

    n, columns = bars.values.shape
    if not columns:
        return np.zeros(n)
    most = min(_MOST_LAG, n - 1)
    apart = np.full((n, 2 * most + 1), np.inf)
    _fill_lags(np.ascontiguousarray(bars.values), apart)
    count = min(max(2, math.ceil(math.sqrt(n))), 2 * most)
    nearest = np.maximum(np.partition(apart, count - 1, axis=1)[:, count - 1], columns * bars.least**2)
    others = np.clip(np.arange(n)[:, None] + np.arange(-most, most + 1)[None, :], 0, n - 1)
    # Two bars are alike where each is among the nearest of the other, or nothing parts them.
    alike = (apart <= np.minimum(nearest[:, None], nearest[others])) & np.isfinite(apart)
    smooth = gaussian_filter(alike.astype(np.float64), (_SMOOTH_BARS, _SMOOTH_LAGS), mode="nearest")
    change = np.sqrt(np.square(np.diff(smooth, axis=0)).sum(axis=1))
    norms = np.sqrt(np.square(smooth).sum(axis=1))
    return np.concatenate([[0.0], change / (norms[1:] + norms[:-1] + 1e-9)])


@compiled("void(float64[:, ::1], float64[:, ::1])")
def _fill_lags(x: Values, apart: Values) -> None:
    """Fill in the squared distance of each bar from those around it.

    Column j is lag j - (n_columns - 1) / 2, lag 0 stays.
    """
    most = (apart.shape[1] - 1) // 2
    for i in range(x.shape[0]):
        for j in range(i + 1, min(i + most + 1, x.shape[0])):
            total = 0.0
            for k in range(x.shape[1]):
                d = x[i, k] - x[j, k]
                total += d * d
            apart[i, most + j - i] = total
            apart[j, most + i - j] = total
