"""How often the samples change their sign.

Counting zero crossings belongs here; librosa's own count, with which it is compared, stands in `agreement`.
"""

from __future__ import annotations

import numpy as np

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled
from flamingo_bark_assets.record import Measurement

METHOD = "sign-changes"
# What is smaller counts as 0, and 0 as positive: rounding about silence is no sound.
_NOTHING = 1e-10


class CrossingReader:
    """Counts the zero crossings of a sound that comes block by block, each channel by itself."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._below = [-1] * channels
        self._samples = 0
        self._crossings = 0

    def add(self, block: FloatArray) -> None:
        """Take the next samples, shape (n_channels, n), each channel contiguous."""
        for c, samples in enumerate(block):
            crossings, self._below[c] = _count(samples, self._below[c], _NOTHING)
            self._crossings += crossings
        self._samples += block.shape[1]

    def finish(self) -> Measurement[float]:
        """Give the crossings a second, mean over the channels."""
        if self._samples < 2:
            return Measurement.unknown("fewer than two samples", method=METHOD)
        seconds = len(self._below) * (self._samples - 1) / self._sample_rate_hz
        return Measurement.exact(self._crossings / seconds, method=METHOD)


@compiled("UniTuple(int64, 2)(float32[::1], int64, float64)")
def _count(samples: FloatArray, below: int, nothing: float) -> tuple[int, int]:
    """Count the changes of sign, and tell whether the last sample is negative.

    `below` says so of the sample before, -1 where there is none.
    """
    crossings = 0
    least = -np.float32(nothing)
    was = below if below >= 0 else (1 if samples.size and samples[0] < least else 0)
    for i in range(samples.size):
        negative = 1 if samples[i] < least else 0
        crossings += negative != was
        was = negative
    return crossings, was
