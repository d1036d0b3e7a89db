"""The sampled sound that every measurement takes: in memory, in a file, or as the sum of others.

The value and its cheap views belong here; reading files and measuring do not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

OPPOSED_CORRELATION = -0.3
BLOCK = 1 << 15  # samples a channel read at a time: 256 KiB in stereo, which stays in a processor's cache


class Sound(ABC):
    """Sampled sound that was decoded without a fault, and can be read in blocks as often as wanted."""

    __slots__ = ()

    @property
    @abstractmethod
    def sample_rate_hz(self) -> int:
        """Samples a second of each channel."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of channels."""

    @property
    @abstractmethod
    def n_samples(self) -> int:
        """Samples of each channel."""

    @abstractmethod
    def blocks(self) -> Iterator[FloatArray]:
        """Give the samples in blocks of shape (n_channels, n), n at least 1, each channel contiguous and writable."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate_hz


@dataclass(frozen=True, eq=False, slots=True)
class Signal(Sound):
    """Sampled sound in memory.

    Attributes:
        samples: float32, shape (n_channels, n_samples), full scale 1.0, all finite.
        sample_rate_hz: samples a second of each channel.

    """

    samples: FloatArray
    sample_rate_hz: int

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[0])

    @property
    def n_samples(self) -> int:
        """Samples of each channel."""
        return int(self.samples.shape[1])

    def blocks(self) -> Iterator[FloatArray]:
        """Give the samples in blocks of shape (n_channels, n), n at most `BLOCK`, as a sound file does.

        Each channel of a block is contiguous and writable, which compiled loops insist on, whatever the samples are.
        """
        plain = self.samples.strides[1] == self.samples.itemsize and self.samples.flags.writeable
        for start in range(0, self.samples.shape[1], BLOCK):
            block = self.samples[:, start : start + BLOCK]
            yield block if plain else block.copy(order="C")


def frame_edges(n_samples: int, sample_rate_hz: int, frame_s: float) -> NDArray[np.intp]:
    """Return the sample indices at which consecutive frames begin, and the end of the last, possibly shorter frame.

    Frames keep time where frame_s * sample_rate_hz is no whole number. Strictly increasing, shape (n_frames + 1,); a
    single 0 where there are no samples.
    """
    count = int(np.ceil(n_samples / (frame_s * sample_rate_hz)))
    edges = np.round(np.arange(count) * (frame_s * sample_rate_hz)).astype(np.intp)
    return np.unique(np.append(edges[edges < n_samples], n_samples))


class FrameClock:
    """Says, block by block, to which frame the samples belong; the frames are those of `frame_edges`."""

    def __init__(self, sample_rate_hz: int, frame_s: float) -> None:
        self._step = frame_s * sample_rate_hz
        self._seen = 0
        self._frame = 0

    @property
    def seen(self) -> int:
        """Number of samples so far."""
        return self._seen

    def advance(self, n_samples: int) -> tuple[int, NDArray[np.int64]]:
        """Take the next samples.

        Returns:
            Number of the first frame that they belong to, and where in the block each frame begins, shape
            (n_frames + 1,), the first 0 and the last `n_samples`.
        """
        first, end = self._frame, self._seen + n_samples
        edges = [0]
        # Python's round and numpy's are the same; a block holds a few frames only.
        while (edge := round((self._frame + 1) * self._step)) <= end:
            edges.append(edge - self._seen)
            self._frame += 1
        if edges[-1] != n_samples or not n_samples:
            edges.append(n_samples)
        self._seen = end
        return first, np.array(edges, np.int64)
