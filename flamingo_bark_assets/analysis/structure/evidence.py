"""What speaks for a section beginning at each bar.

Novelty, repetition and drummers' signals at bar lines belong here; the choice among them does not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.structure.bars import SLOTS_A_BEAT, BarFeatures
from flamingo_bark_assets.analysis.structure.model import section_model
from flamingo_bark_assets.kernels import compiled

Values = NDArray[np.float64]

COLUMNS = (
    "timbre step", "timbre step, long", "timbre step, dB", "rhythm step", "rhythm step, dB", "harmony step",
    "timbre departure", "rhythm departure", "rhythm change", "harmony change", "return", "repeat begins",
    "repeat ends", "crash", "accent", "fill", "stems step", "stems step, dB",
)  # fmt: skip
# Spans of music that are compared, in seconds: a grid at half or twice the tempo compares the same music.
_SHORT_S, _WINDOW_S, _LONG_S = 4.0, 8.0, 16.0
_AROUND_S = 12.0
# Repetition is sought this many bars away, and no nearer than a window.
_MOST_LAG = 160
_SMOOTH_BARS, _SMOOTH_LAGS = 1.5, 0.6
_NEIGHBOURHOOD = 4
_EVERY_OTHER = (0, 2, 6, 8)
_CRASH_RANGE_DB = (-6.0, 12.0)
# High frequencies further below their loudest count as silence.
_HIGH_RANGE_DB = 30.0
# RMS differences that mean nothing: what a steady sound changes by from bar to bar. What is usual in a song may be
# more, never less, so that nothing is made of the noise of a song that does not change.
_LEAST_TIMBRE_DB, _LEAST_RHYTHM_DB, _LEAST_HARMONY, _LEAST_STEMS_DB = 1.0, 0.3, 0.03, 1.0
_LEAST_CHROMA = 0.04
# Squared distances of the unit-norm chroma of two bars that sound the same: never less, never more.
_LEAST_APART, _MOST_APART = 0.06, 0.4
_NEAR_SHARE = 0.04


def boundary_log_odds(features: BarFeatures) -> Values:
    """Return log odds of a section beginning at each bar, length and neighbours aside, shape (n_bars,)."""
    model = section_model("stems" if features.stems.shape[1] else "mix")
    inputs = with_neighbours(boundary_evidence(features)[:, : model.hidden_weights.shape[0] // 3])
    return np.asarray(np.tanh(inputs @ model.hidden_weights + model.hidden_bias) @ model.out_weights + model.out_bias)


def with_neighbours(evidence: Values) -> Values:
    """Put the evidence at the bars before and behind next to that of each bar, shape (n_bars, 3 * columns)."""
    if not len(evidence):
        return np.zeros((0, 3 * evidence.shape[1]))
    padded = np.concatenate([evidence[:1], evidence, evidence[-1:]])
    return np.concatenate([evidence, padded[:-2], padded[2:]], axis=1)


def boundary_evidence(features: BarFeatures) -> Values:
    """Return the evidence at each bar, shape (n_bars, 18), columns as in `COLUMNS`; that of stems is 0 without stems.

    Steps compare the means of some seconds before and behind a bar line (Foote, ICME 2000), over how far bars scatter
    on either side, or in dB. Departures compare a bar with the likest of those before, changes bar by bar with some
    bars before, so that a progression which is repeated is none; each on a logarithmic scale over what is usual around.
    Returns are the novelty of the time-lag structure (Serra, Mueller, Grosche and Arcos, IEEE Trans. Multimedia 16,
    2014); a repeat begins where bars become those of another place, and ends where they cease to be. A crash is high
    frequencies in the first half of a bar above those of the bars around it, an accent the same of the first beat over
    the rest of its bar, a fill a last bar whose rhythm departs from the one before it.
    """
    bar_s, n = features.bar_s, len(features.timbre)
    short, window, long = (max(1, round(span / bar_s)) for span in (_SHORT_S, _WINDOW_S, _LONG_S))
    around = max(3, round(_AROUND_S / bar_s))
    high = np.maximum(features.high, features.high.max() - _HIGH_RANGE_DB)
    first_half, first_beat = high[:, : max(1, high.shape[1] // 2)].mean(axis=1), high[:, :SLOTS_A_BEAT].mean(axis=1)
    rest = high[:, SLOTS_A_BEAT:].mean(axis=1) if high.shape[1] > SLOTS_A_BEAT else first_beat
    timbre, timbre_db = _step(features.timbre, window, _LEAST_TIMBRE_DB)
    rhythm, rhythm_db = _step(features.rhythm, window, _LEAST_RHYTHM_DB)
    stems, stems_db = _step(features.stems, window, _LEAST_STEMS_DB)
    begins, ends, novelty = _repeats(features.harmony, window)
    columns = [
        timbre,
        _step(features.timbre, long, _LEAST_TIMBRE_DB)[0],
        np.log1p(timbre_db / _LEAST_TIMBRE_DB),
        rhythm,
        np.log1p(rhythm_db / _LEAST_RHYTHM_DB),
        _step(features.chroma, window, _LEAST_CHROMA)[0],
        _over(_departure(features.timbre, window), around, _LEAST_TIMBRE_DB),
        _over(_departure(features.rhythm, window), around, _LEAST_RHYTHM_DB),
        _over(_change(features.rhythm, _octaves(short)), around, _LEAST_RHYTHM_DB),
        _over(_change(features.harmony, _octaves(window)), around, _LEAST_HARMONY),
        novelty,
        begins,
        ends,
        _over_neighbours(first_half),
        _over_neighbours(first_beat - rest),
        _over(_fill(features.rhythm), around, _LEAST_RHYTHM_DB),
        stems,
        np.log1p(stems_db / _LEAST_STEMS_DB),
    ]
    return np.stack(columns, axis=1) if n else np.zeros((0, len(COLUMNS)))


def _octaves(bars: int) -> int:
    """Return the power of two next to a number of bars: the length of progressions and patterns."""
    return int(2 ** round(math.log2(max(bars, 1))))


def _step(values: Values, window: int, least: float) -> tuple[Values, Values]:
    """Compare some bars before each line with as many behind it.

    Returns:
        Logarithm of the RMS difference of their means over the error of a mean, and that difference, both (n_bars,).
    """
    n, columns = values.shape
    if n < 2 or not columns:
        return np.zeros(n), np.zeros(n)
    sums = np.concatenate([np.zeros((1, columns)), np.cumsum(values, axis=0)])
    squares = np.concatenate([np.zeros((1, columns)), np.cumsum(np.square(values), axis=0)])
    lines = np.arange(n)
    low, high = np.maximum(lines - window, 0), np.minimum(lines + window, n)
    before, behind = np.maximum(lines - low, 1)[:, None], (high - lines)[:, None]
    mean_before, mean_behind = (sums[lines] - sums[low]) / before, (sums[high] - sums[lines]) / behind
    scatter_before = np.maximum((squares[lines] - squares[low]) / before - np.square(mean_before), 0.0)
    scatter_behind = np.maximum((squares[high] - squares[lines]) / behind - np.square(mean_behind), 0.0)
    error = (scatter_before / before + scatter_behind / behind).mean(axis=1)
    apart = np.square(mean_behind - mean_before).mean(axis=1)
    ratio = 0.5 * np.log((apart + least**2) / (error + least**2))
    ratio[0] = 0.0
    apart[0] = 0.0
    return ratio, np.sqrt(apart)


def _departure(values: Values, most: int) -> Values:
    """Compute how unlike each bar is those before it, and the bar before those that follow, shape (n_bars,).

    The likest counts: a progression of some bars is no departure. The first is 0.
    """
    n, columns = values.shape
    if n < 2 or not columns:
        return np.zeros(n)
    onward, back = np.full(n - 1, np.inf), np.full(n - 1, np.inf)
    for lag in range(1, min(most, n - 1) + 1):
        apart = np.square(values[lag:] - values[:-lag]).mean(axis=1)
        # apart[i] parts bars i and i + lag: the line before the latter, and the line behind the former.
        onward[lag - 1 :] = np.minimum(onward[lag - 1 :], apart)
        back[: n - lag] = np.minimum(back[: n - lag], apart)
    return np.concatenate([[0.0], np.sqrt(0.5 * (onward + back))])


def _change(values: Values, width: int) -> Values:
    """Compute how far each of some bars differs from the bar as far before, shape (n_bars,); 0 where too few."""
    n = len(values)
    if n <= width:
        return np.zeros(n)
    apart = np.square(values[width:] - values[:-width]).mean(axis=1)
    running = np.concatenate([[0.0], np.cumsum(apart)])
    lines = np.arange(apart.size)
    high = np.minimum(lines + width, apart.size)
    mean = (running[high] - running[lines]) / np.maximum(high - lines, 1)
    return np.concatenate([np.zeros(width), np.sqrt(np.maximum(mean, 0.0))])


def _fill(values: Values) -> Values:
    """Compute how far the bar before the line differs from the one before that, shape (n_bars,)."""
    n = len(values)
    if n < 3:
        return np.zeros(n)
    return np.concatenate([[0.0, 0.0], np.sqrt(np.square(values[1:-1] - values[:-2]).mean(axis=1))])


def _over(differences: Values, around: int, least: float) -> Values:
    """Return the logarithm of differences over the median of those around, shape (n_bars,)."""
    padded = np.pad(differences, around, mode="reflect" if differences.size > around else "edge")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1), axis=1)
    return np.asarray(np.log((differences + least) / (usual + least)))


def _over_neighbours(level_db: Values) -> Values:
    """Compute each bar's level over the usual one around it, clipped and in units of 6 dB, shape (n_bars,).

    The usual level is the higher of the medians over the bars around and over every other one of them.
    """
    padded = np.pad(level_db, _NEIGHBOURHOOD, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURHOOD + 1)
    # What comes in every other bar, as a chord of two may, is no signal.
    usual = np.maximum(np.nanmedian(windows, axis=1), np.nanmedian(windows[:, _EVERY_OTHER], axis=1))
    return np.asarray(np.clip(level_db - usual, *_CRASH_RANGE_DB) / 6.0)


def _repeats(harmony: Values, window: int) -> tuple[Values, Values, Values]:
    """Return how much each bar line begins a repeat, ends one, and changes what repeats, each 0 to 1, (n_bars,)."""
    from scipy.ndimage import gaussian_filter

    n = len(harmony)
    most = min(_MOST_LAG, n - 1)
    if most < 1:
        return np.zeros(n), np.zeros(n), np.zeros(n)
    apart = np.full((n, 2 * most + 1), np.inf)
    _fill_lags(np.ascontiguousarray(harmony), apart)
    count = max(1, math.ceil(_NEAR_SHARE * n))
    near = float(np.median(np.partition(apart, count, axis=1)[:, count]))
    alike = np.exp(-apart / np.clip(near, _LEAST_APART, _MOST_APART))
    alike[:, most] = 1.0
    smooth = gaussian_filter(alike, (_SMOOTH_BARS, _SMOOTH_LAGS), mode="nearest")
    change = np.sqrt(np.square(np.diff(smooth, axis=0)).sum(axis=1))
    norms = np.sqrt(np.square(smooth).sum(axis=1))
    novelty = np.concatenate([[0.0], change / (norms[1:] + norms[:-1] + 1e-9)])
    begins, ends = np.zeros(n), np.zeros(n)
    far = np.abs(np.arange(-most, most + 1)) >= window
    if n <= window or not far.any():
        return begins, ends, novelty
    sums = _running(np.where(np.isfinite(apart[:, far]), alike[:, far], 0.0))
    counts = _running(np.isfinite(apart[:, far]).astype(np.float64))
    lines = np.arange(1, n)
    low, high = np.maximum(lines - window, 0), np.minimum(lines + window, n)
    after, before = counts[high] - counts[lines], counts[lines] - counts[low]
    # Where the other place would lie outside the song nothing is known.
    known = np.minimum(after, before) >= 0.5 * window
    change = (sums[high] - sums[lines]) / np.maximum(after, 1.0) - (sums[lines] - sums[low]) / np.maximum(before, 1.0)
    change = np.where(known, change, 0.0)
    begins[1:], ends[1:] = change.max(axis=1), -change.min(axis=1)
    return begins, ends, novelty


def _running(values: Values) -> Values:
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])


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
