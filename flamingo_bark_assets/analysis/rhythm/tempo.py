"""Candidate tempi of a piece: periods that its onsets repeat with, and their metrical relatives.

Candidates belong here; the judgement which of them is the beat is made in `readings`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ
from flamingo_bark_assets.audio.signal import FloatArray

LOWEST_BPM = 34.0
HIGHEST_BPM = 304.0
# A pulse faster than the fastest beat is still a sixteenth or an eighth of one.
_SHORTEST_PERIOD_S = 0.14
_LONGEST_PERIOD_S = 2.4
_RELATIVES = (1.0, 2.0, 0.5, 3.0, 1.0 / 3.0, 1.5, 2.0 / 3.0, 4.0, 0.25)
_SAME_TEMPO = 0.06
_PEAKS = 6
MOST_CANDIDATES = 10
_CHUNK_S = 600.0
LAGS = round((_LONGEST_PERIOD_S + 0.1) * ONSET_RATE_HZ)
_PIECE_S = 12.0


def autocorrelation(registers: FloatArray) -> NDArray[np.float64]:
    """Return mean autocorrelation of the registers' onset strength at lags up to 2.5 s, 1 at lag 0, unbiased.

    `registers` has shape (n_frames, n_registers); all is zero for a constant.
    """
    import scipy.fft

    lags = LAGS
    total = np.zeros(lags)
    frames, chunk = registers.shape[0], round(_CHUNK_S * ONSET_RATE_HZ)
    mean = registers.mean(axis=0)
    weight = np.zeros(lags)
    for start in range(0, max(1, frames), chunk):
        piece = registers[start : start + chunk] - mean
        if piece.shape[0] <= lags:
            if start > 0:
                break
            piece = np.pad(piece, ((0, lags + 1 - piece.shape[0]), (0, 0)))
        size = scipy.fft.next_fast_len(piece.shape[0] + lags, real=True)
        spectrum = scipy.fft.rfft(piece, size, axis=0)
        power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
        total += scipy.fft.irfft(power, size)[:lags]
        weight += np.maximum(min(chunk, frames - start) - np.arange(lags), 1.0)
    unbiased = total / np.maximum(weight, 1.0)
    return np.asarray(unbiased / unbiased[0] if unbiased[0] > 0.0 else np.zeros(lags), np.float64)


def candidate_periods(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the beat periods worth a look, s: the strongest repetitions and their doubles, halves, triples and thirds.

    At most `MOST_CANDIDATES`, likeliest first, no two within 6 %.
    """
    first = round(_SHORTEST_PERIOD_S * ONSET_RATE_HZ)
    inner = correlation[first - 1 : round(_LONGEST_PERIOD_S * ONSET_RATE_HZ) + 2]
    at = inner[1:-1]
    peaks = np.flatnonzero((at > inner[:-2]) & (at >= inner[2:]) & (at > 0.0)) + first
    if peaks.size == 0:
        return np.zeros(0)
    # A comb over multiples tells a real period from a chance one.
    strongest = peaks[np.argsort(-(correlation[peaks] * prior(peaks / ONSET_RATE_HZ)), kind="stable")][:_PEAKS]
    found: list[tuple[float, float]] = []
    for lag in strongest:
        refined = _refined(correlation, int(lag)) / ONSET_RATE_HZ
        for relative in _RELATIVES:
            period = refined * relative
            if not 60.0 / HIGHEST_BPM <= period <= 60.0 / LOWEST_BPM:
                continue
            found.append((salience(correlation, period) * float(prior(period)), period))
    chosen: list[float] = []
    for _, period in sorted(found, reverse=True):
        if all(abs(np.log(period / other)) > _SAME_TEMPO for other in chosen):
            chosen.append(period)
        if len(chosen) == MOST_CANDIDATES:
            break
    return np.asarray(chosen)


def salience(correlation: NDArray[np.float64], period_s: float) -> float:
    """Return mean autocorrelation at a period and its first multiples, 0 to 1."""
    values = []
    for multiple in (1, 2, 3, 4):
        lag = period_s * multiple * ONSET_RATE_HZ
        if lag >= correlation.size - 3:
            break
        low = int(lag)
        values.append(float(correlation[max(1, low - 1) : low + 3].max()))
    return max(0.0, float(np.mean(values))) if values else 0.0


def local_salience(registers: FloatArray, beats: NDArray[np.float64]) -> float:
    """Return how much the onsets repeat at the beat's local period or a simple part of it, mean over pieces of 12 s.

    `registers` has shape (n_frames, n_registers); `beats` are frames, ascending, at least 2.
    """
    piece = round(_PIECE_S * ONSET_RATE_HZ)
    values = []
    for start in range(0, max(1, registers.shape[0] - piece // 2), piece):
        inside = beats[(beats >= start) & (beats < start + piece)]
        if inside.size < 3:
            values.append(0.0)
            continue
        correlation = autocorrelation(registers[start : start + piece])
        period_s = float(np.median(np.diff(inside))) / ONSET_RATE_HZ
        values.append(max(salience(correlation, period_s / parts) for parts in (1, 2, 3, 4)))
    return float(np.mean(values))


def prior(period_s: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the log-normal preference for tempi about 110 BPM.

    After van Noorden & Moelants, J. New Music Res. 28, 1999.
    """
    octaves = np.log2(60.0 / np.asarray(period_s, np.float64) / 110.0)
    return np.asarray(np.exp(-0.5 * (octaves / 0.9) ** 2), np.float64)


def _refined(curve: NDArray[np.float64], peak: int) -> float:
    before, at, after = curve[peak - 1], curve[peak], curve[peak + 1]
    bend = before - 2.0 * at + after
    return peak + (float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < -1e-12 else 0.0)
