"""The loops over bins that `frames` needs, each over a chunk of frames.

Compiled arithmetic of single spectra belongs here; borders, units and statistics do not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

Values = NDArray[np.float64]

ROLLOFF_SHARE = 0.85
CONTRAST_SHARE = 0.02
# Of the frame's strongest bin: below it is what rounding leaves; relative, so that gain does not matter.
POWER_FLOOR = 1e-10
# That many bins share one logarithm: their product, 1e-160 at least, still fits a double.
_BINS_A_LOG = 16


@compiled("void(float32[:, ::1], int64, float64, float32[:, ::1], float32[:, ::1])", fastmath=True)
def moments(power: FloatArray, last: int, bin_hz: float, magnitude: FloatArray, out: FloatArray) -> None:
    """Compute magnitudes from bin 1 to `last`, their total power and first four moments: columns 0 to 4 of `out`.

    A constant offset stands in bin 0 and, by the Hann window, with a quarter of that power in bin 1; it is taken off.
    """
    for i in range(power.shape[0]):
        magnitude[i, 1] = math.sqrt(max(power[i, 1] - 0.25 * power[i, 0], 0.0))
        for k in range(2, last):
            magnitude[i, k] = math.sqrt(power[i, k])
        total, weight, weighted = 0.0, 0.0, 0.0
        for k in range(1, last):
            m = magnitude[i, k]
            total += m * m
            weight += m
            weighted += m * k
        if total <= 0.0:
            continue
        centre = weighted / weight
        second, third, fourth = 0.0, 0.0, 0.0
        for k in range(1, last):
            d = k - centre
            w = magnitude[i, k] * d * d
            second += w
            third += w * d
            fourth += w * d * d
        second /= weight
        out[i, 0] = total
        out[i, 1] = centre * bin_hz
        out[i, 2] = math.sqrt(second) * bin_hz
        if second > 1e-9:
            out[i, 3] = third / weight / second**1.5
            out[i, 4] = fourth / weight / second**2


@compiled("void(float32[:, ::1], int64, float64, float64[:, ::1], float32[:, ::1])")
def rolloff_and_bands(magnitude: FloatArray, last: int, bin_hz: float, bands: Values, out: FloatArray) -> None:
    """Add the roll-off (column 5) and, from column 9, the energy within `bands`, whose borders may part a bin.

    `bands` are in bins, where bin k reaches from k to k + 1, shape (n_bands, 2).
    """
    running = np.zeros(last + 1, np.float64)
    for i in range(magnitude.shape[0]):
        for k in range(1, last):
            m = np.float64(magnitude[i, k])
            running[k + 1] = running[k] + m * m
        if running[last] <= 0.0:
            continue
        # The first bin at which the running sum reaches the share, as librosa has it.
        out[i, 5] = (np.searchsorted(running, ROLLOFF_SHARE * running[last]) - 1) * bin_hz
        for band in range(bands.shape[0]):
            energy = 0.0
            for side in range(2):
                x = min(max(bands[band, side], 1.0), float(last))
                k = min(int(x), last - 1)
                energy = running[k] + (x - k) * (running[k + 1] - running[k]) - energy
            out[i, 9 + band] = max(energy, 0.0)


@compiled("void(float32[:, ::1], int64, float32[:, ::1])")
def flatness(magnitude: FloatArray, last: int, out: FloatArray) -> None:
    """Compute the geometric over the arithmetic mean of the power of bins 1 to `last`: column 6."""
    for i in range(magnitude.shape[0]):
        peak = np.float32(0.0)
        for k in range(1, last):
            peak = max(peak, magnitude[i, k])
        if peak <= 0.0:
            continue
        scale = 1.0 / peak
        logs, total, product = 0.0, 0.0, 1.0
        for k in range(1, last):
            m = magnitude[i, k] * scale
            p = max(m * m, POWER_FLOOR)
            total += p
            product *= p
            if k % _BINS_A_LOG == 0:
                logs += math.log(product)
                product = 1.0
        logs += math.log(product)
        out[i, 6] = math.exp(logs / (last - 1)) * (last - 1) / total


def contrast(magnitude: FloatArray, edges: NDArray[np.int64], out: FloatArray) -> None:
    """Average over the bands the strongest over the weakest 2 % of their bins' powers, dB: column 7."""
    # Numbers that are not negative stand in the order of their bits.
    bits = magnitude.view(np.int32)
    _contrast(magnitude, bits, bits.max(axis=1), edges, out)


@compiled("void(float32[:, ::1], int32[:, ::1], int32[::1], int64[::1], float32[:, ::1])", fastmath=True)
def _contrast(
    magnitude: FloatArray, bits: NDArray[np.int32], peaks: NDArray[np.int32], edges: NDArray[np.int64], out: FloatArray
) -> None:
    """Find the contrast by halving the range in which the least of the strongest lies until as many as wanted reach it.

    Counting takes no branches, as sorting would. With all bits turned over, the strongest are the weakest.
    """
    powers = np.zeros(2, np.float64)
    for i in range(magnitude.shape[0]):
        peak = np.int64(peaks[i])
        floor = POWER_FLOOR * np.float64(peaks.view(np.float32)[i]) ** 2
        total = 0.0
        for band in range(edges.size - 1 if peak > 0 else 0):
            row, keys = magnitude[i, edges[band] : edges[band + 1]], bits[i, edges[band] : edges[band + 1]]
            kept = max(1, math.ceil(CONTRAST_SHARE * row.size))
            for side in range(2):
                turn = np.int32(-side)
                border, above, reached = (0, peak + 1, row.size) if side == 0 else (~peak, 0, row.size)
                while reached > kept and above - border > 1:
                    middle = (border + above) >> 1
                    count = 0
                    for k in range(row.size):
                        count += (keys[k] ^ turn) >= middle
                    if count >= kept:
                        border, reached = middle, count
                    else:
                        above = middle
                power, least = 0.0, 0.0
                for k in range(row.size):
                    m = np.float64(row[k]) if (keys[k] ^ turn) >= border else 0.0
                    power += m * m
                if reached > kept:
                    for k in range(row.size):
                        least = np.float64(row[k]) ** 2 if (keys[k] ^ turn) == border else least
                # More than wanted are left only where several are the same.
                powers[side] = (power - (reached - kept) * least) / kept
            total += math.log10(max(powers[0], floor) / max(powers[1], floor))
        if peak > 0:
            out[i, 7] = 10.0 * total / (edges.size - 1)


@compiled("void(float32[:, ::1], int64, float32[::1], float32[:, ::1])", fastmath=True)
def flux(magnitude: FloatArray, last: int, previous: FloatArray, out: FloatArray) -> None:
    """Measure the distance of each unit-norm spectrum from the one before: column 8, -1 after silence.

    The spectrum before is carried in `previous`.
    """
    for i in range(magnitude.shape[0]):
        norm = 1.0 / math.sqrt(out[i, 0]) if out[i, 0] > 0.0 else 0.0
        distance, before = 0.0, 0.0
        for k in range(1, last):
            unit = magnitude[i, k] * norm
            d = unit - previous[k]
            distance += d * d
            before += previous[k]
            previous[k] = unit
        out[i, 8] = math.sqrt(distance) if before > 0.0 and norm > 0.0 else -1.0
