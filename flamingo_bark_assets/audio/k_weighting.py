"""The K-weighting filter of ITU-R BS.1770-4 and the energies behind it.

Filtering and its energies, 100 ms by 100 ms, belong here; gates, windows and loudness do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.rows import GrowingRows
from flamingo_bark_assets.audio.signal import FloatArray, FrameClock
from flamingo_bark_assets.kernels import compiled

SEGMENT_S = 0.1
MIN_RATE_HZ = 4000

_SURROUND_5_1 = (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)  # L R C LFE Ls Rs
_NO_SOUND = 1e-30

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentEnergies:
    """Energy of every full 100 ms of a signal; longer windows are sums of these.

    Attributes:
        weighted: K-weighted and channel-weighted mean square, shape (n_segments,); None where the sample rate
            is too low for the K-weighting filter.
        plain: mean square of each channel, shape (n_channels, n_segments).
    """

    weighted: Floats | None
    plain: Floats


class EnergyReader:
    """Filters a sound that comes block by block and sums up its energy in segments of 100 ms.

    Six channels are taken for 5.1 (L R C LFE Ls Rs).
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._channels = channels
        self._full = math.floor(SEGMENT_S * sample_rate_hz)
        self._clock = FrameClock(sample_rate_hz, SEGMENT_S)
        self._carries_loudness = sample_rate_hz >= MIN_RATE_HZ
        sections = k_weighting(sample_rate_hz) if self._carries_loudness else np.zeros((2, 6))
        self._coefficients = np.delete(sections.reshape(-1), (3, 9))  # those that are 1 by definition
        self._state = np.zeros(((channels + 1) // 2, 8))
        # Of each channel the plain energies, then of each the weighted ones, then the number of samples.
        self._rows = GrowingRows(np.float64, (2 * channels + 1,))

    def add(self, block: FloatArray) -> None:
        """Take the next samples, shape (n_channels, n), each channel contiguous."""
        first, edges = self._clock.advance(block.shape[1])
        rows = self._rows.reach(first + edges.size - 1)[first:]
        rows[:, -1] += np.diff(edges)
        if self._channels == 2:  # the rows begin as the sums
            _energies(block[0], block[1], edges, self._coefficients, self._state[0], rows)
            return
        for c in range(0, self._channels, 2):
            pair = block[c : c + 2]
            sums = np.zeros((edges.size - 1, 4))
            _energies(pair[0], pair[-1], edges, self._coefficients, self._state[c // 2], sums)
            for start, of_pair in ((c, sums[:, :2]), (self._channels + c, sums[:, 2:])):
                rows[:, start : start + pair.shape[0]] += of_pair[:, : pair.shape[0]]

    def finish(self) -> SegmentEnergies:
        """Give the energies; a last piece shorter than 100 ms is left out."""
        rows = self._rows.take()
        rows = rows[rows[:, -1] >= max(1, self._full)]
        means = (rows[:, :-1] / rows[:, -1:]).T
        weights = _SURROUND_5_1 if self._channels == len(_SURROUND_5_1) else (1.0,) * self._channels
        plain = np.ascontiguousarray(means[: self._channels])
        if not self._carries_loudness:
            return SegmentEnergies(None, plain)
        return SegmentEnergies(np.asarray(weights) @ means[self._channels :], plain)


def k_weighting(sample_rate_hz: int) -> Floats:
    """Design the second-order sections of the K-weighting filter at any sample rate.

    BS.1770 tabulates the two sections at 48 kHz only; the analogue parameters behind that table are those of B. De Man,
    "Evaluation of Implementations of the EBU R128 Loudness Measurement" (AES 145, 2018). `sample_rate_hz` is at least
    `MIN_RATE_HZ`. Shape (2, 6): high shelf, then high pass, as scipy.signal.sosfilt takes them.
    """
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate_hz), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    norm = 1 + k / q + k * k
    shelf = [(high + band * k / q + k * k), 2 * (k * k - high), (high - band * k / q + k * k)]
    shelf_poles = [norm, 2 * (k * k - 1), 1 - k / q + k * k]
    sections = [[c / norm for c in (*shelf, *shelf_poles)]]
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate_hz), 0.5003270373238773
    norm = 1 + k / q + k * k
    sections.append([1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / norm, (1 - k / q + k * k) / norm])
    return np.array(sections)


# Not fastmath: reordering would lengthen the chain of operations from one sample to the next.
@compiled("void(float32[::1], float32[::1], int64[::1], float64[::1], float64[::1], float64[:, ::1])")
def _energies(
    left: FloatArray,
    right: FloatArray,
    edges: npt.NDArray[np.int64],
    coefficients: Floats,
    state: Floats,
    sums: Floats,
) -> None:
    """Compute the energies of two channels between the edges, unfiltered and behind the sections in direct form II.

    Names: l and r the channels, 1 and 2 the sections, p and q the values one and two samples ago.
    """
    b10, b11, b12, a11, a12 = coefficients[0], coefficients[1], coefficients[2], coefficients[3], coefficients[4]
    a21, a22 = coefficients[8], coefficients[9]  # the second section weighs its values 1, -2, 1
    l1p, l1q, l2p, l2q = state[0], state[1], state[2], state[3]
    r1p, r1q, r2p, r2q = state[4], state[5], state[6], state[7]
    for f in range(edges.size - 1):
        left_plain = right_plain = left_weighted = right_weighted = 0.0
        of_left, of_right = left[edges[f] : edges[f + 1]], right[edges[f] : edges[f + 1]]
        for i in range(of_left.size):
            x = np.float64(of_left[i])
            left_plain += x * x
            # The oldest value first, so that only one product waits for the sample before.
            l1 = (x - a12 * l1q) - a11 * l1p
            l2 = ((b10 * l1 + b11 * l1p + b12 * l1q) - a22 * l2q) - a21 * l2p
            y = (l2 - l2p) - (l2p - l2q)
            left_weighted += y * y
            l1q, l1p, l2q, l2p = l1p, l1, l2p, l2
            x = np.float64(of_right[i])
            right_plain += x * x
            r1 = (x - a12 * r1q) - a11 * r1p
            r2 = ((b10 * r1 + b11 * r1p + b12 * r1q) - a22 * r2q) - a21 * r2p
            y = (r2 - r2p) - (r2p - r2q)
            right_weighted += y * y
            r1q, r1p, r2q, r2p = r1p, r1, r2p, r2
        sums[f, 0] += left_plain
        sums[f, 1] += right_plain
        sums[f, 2] += left_weighted
        sums[f, 3] += right_weighted
        # Numbers near the smallest that there are take a hundred times as long.
        if abs(l1p) + abs(l1q) + abs(l2p) + abs(l2q) + abs(r1p) + abs(r1q) + abs(r2p) + abs(r2q) < _NO_SOUND:
            l1p = l1q = l2p = l2q = r1p = r1q = r2p = r2q = 0.0
    state[0], state[1], state[2], state[3] = l1p, l1q, l2p, l2q
    state[4], state[5], state[6], state[7] = r1p, r1q, r2p, r2q
