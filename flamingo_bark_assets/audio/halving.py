"""Two channels as one at half their rate: a cheap first step to a low rate.

Halving belongs here; the change to any other rate stands in `resample` and with those who want it.
"""

from __future__ import annotations

import numpy as np

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

CLEAN = 0.1
"""Share of the rate up to which halving leaves the sound as it is and brings nothing down from above, to -125 dB."""

# Equiripple: half of scipy.signal.remez(12, [0, 0.2], [1], fs=1)[6:]; every other tap of a half-band filter is 0.
_TAPS = np.array([0.307994537, -0.078621756, 0.0271495794, -0.00801228456, 0.00167201501, -0.000182091352], np.float32)
_REACH = 2 * _TAPS.size


class Halver:
    """Halves the rate of one or two channels that come block by block: linear phase, no delay, 0 outside the sound."""

    def __init__(self) -> None:
        # Kept from block to block, as the system takes longer to give such memory than the filter needs.
        self._line = np.zeros(0, np.float32)
        self._parts = np.zeros((2, 0), np.float32)
        self._halved = np.zeros(0, np.float32)
        self._waiting = np.zeros(_REACH, np.float32)
        self._taken = self._given = 0

    def add(self, left: FloatArray, right: FloatArray, right_gain: float = 1.0) -> FloatArray:
        """Take the next samples, shape (n,) each; give half of left plus right, as far as it is done.

        What is given holds until the next call.
        """
        size = self._waiting.size + left.size
        if size > self._line.size:
            self._line = np.zeros(size + 1, np.float32)
            self._parts = np.zeros((2, size // 2 + 1), np.float32)
            self._halved = np.zeros(size // 2 + 1, np.float32)
        line, halved = self._line[:size], self._halved[: max(0, size // 2 - _REACH + 1)]
        line[: self._waiting.size] = self._waiting
        _halve(left, right, np.float32(0.5 * right_gain), line, self._parts, _TAPS, halved)
        self._waiting = line[2 * halved.size :].copy()
        self._taken, self._given = self._taken + left.size, self._given + halved.size
        return halved

    def finish(self) -> FloatArray:
        """Give what is left."""
        left, silence = (self._taken + 1) // 2 - self._given, np.zeros(_REACH, np.float32)
        return self.add(silence, silence)[:left]


@compiled(
    "void(float32[::1], float32[::1], float32, float32[::1], float32[:, ::1], float32[::1], float32[::1])",
    fastmath=True,
)
def _halve(
    left: FloatArray,
    right: FloatArray,
    right_gain: np.float32,
    line: FloatArray,
    parts: FloatArray,
    taps: FloatArray,
    halved: FloatArray,
) -> None:
    """Put the channels, added, at the end of `line`, and filter it; `parts` is room for its even and odd samples."""
    new = line[line.size - left.size :]
    for i in range(new.size):
        new[i] = np.float32(0.5) * left[i] + right_gain * right[i]
    even, odd = parts[0], parts[1]
    for i in range(line.size // 2):
        even[i], odd[i] = line[2 * i], line[2 * i + 1]
    middle = even[taps.size :]
    for i in range(halved.size):
        halved[i] = np.float32(0.5) * middle[i]
    for k in range(taps.size):
        before, after, tap = odd[taps.size - 1 - k :], odd[taps.size + k :], taps[k]
        for i in range(halved.size):
            halved[i] += tap * (before[i] + after[i])
