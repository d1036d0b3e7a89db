"""How well a hit fits what the same drum does a step and a bar earlier and later.

Drum parts repeat themselves; the evidence that this gives, without beats, belongs here. Sound does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.drums.onsets import Times
from flamingo_bark_assets.audio.signal import FloatArray

RATE_HZ = 100.0
SHORT_LAGS = (9, 62)
LONG_LAGS = (90, 420)
TOLERANCE_S = 0.03
SPREAD = np.array([0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25])


def repetition(times_s: Times, probability: FloatArray) -> FloatArray:
    """Return probability of the same drum one period away, for a short and a long period.

    The short period is the strongest lag from 0.09 to 0.62 s of each drum's own autocorrelation, the long one the
    strongest from 0.9 to 4.2 s of all drums' together, as a rule a bar or half of one.

    Args:
        times_s: candidate onsets, ascending, shape (n,).
        probability: of each drum at each, shape (n, drums).

    Returns:
        Shape (n, drums, 2): mean over one period before and after, for the short period, and over one and two
        periods before and after, for the long one; what lies outside of the stem is left out.
    """
    count, drums = probability.shape
    evidence = np.zeros((count, drums, 2), np.float32)
    if count < 4:
        return evidence
    correlation = _autocorrelations(times_s, probability)
    long_lag = _strongest(correlation.sum(axis=0), LONG_LAGS)
    for drum in range(drums):
        short_lag = _strongest(correlation[drum], SHORT_LAGS)
        for column, lags in enumerate(((-short_lag, short_lag), (-2 * long_lag, -long_lag, long_lag, 2 * long_lag))):
            evidence[:, drum, column] = _mean_at(times_s, probability[:, drum], np.array(lags) / RATE_HZ)
    return evidence


def _autocorrelations(times_s: Times, probability: FloatArray) -> NDArray[np.float64]:
    """Compute the unbiased autocorrelation of each drum's probability over time, shape (drums, LONG_LAGS[1])."""
    import scipy.fft

    frames = np.round((times_s - times_s[0]) * RATE_HZ).astype(np.int64) + SPREAD.size
    size = int(frames[-1]) + 2 * SPREAD.size
    padded = scipy.fft.next_fast_len(size + LONG_LAGS[1], real=True)
    rows = []
    for column in probability.T:
        activity = np.zeros(padded, np.float32)
        np.maximum.at(activity, frames, column)
        spectrum = scipy.fft.rfft(np.convolve(activity, SPREAD, "same").astype(np.float32))
        rows.append(scipy.fft.irfft(spectrum.real**2 + spectrum.imag**2, padded)[: LONG_LAGS[1]])
    overlap = np.maximum(size - np.arange(LONG_LAGS[1]), 0.25 * size)
    return np.asarray(np.stack(rows) / overlap, np.float64)


def _strongest(correlation: NDArray[np.float64], lags: tuple[int, int]) -> int:
    return lags[0] + int(correlation[lags[0] : lags[1]].argmax())


def _mean_at(times_s: Times, p: FloatArray, lags_s: NDArray[np.float64]) -> FloatArray:
    """Return mean over lags of the highest probability within the tolerance of a lag away, shape (n,)."""
    total, weight = np.zeros(times_s.size), np.zeros(times_s.size)
    for lag in lags_s:
        target = times_s + lag
        right = np.clip(np.searchsorted(times_s, target), 0, times_s.size - 1)
        best = np.zeros(times_s.size)
        for index in (np.maximum(right - 1, 0), right, np.minimum(right + 1, times_s.size - 1)):
            best = np.maximum(best, np.where(np.abs(times_s[index] - target) <= TOLERANCE_S, p[index], 0.0))
        inside = (target >= times_s[0] - TOLERANCE_S) & (target <= times_s[-1] + TOLERANCE_S)
        total += np.where(inside, best, 0.0)
        weight += inside
    return np.asarray(total / np.maximum(weight, 1.0), np.float32)
