"""Several sounds as one: added up block by block while they are read, so that the sum is never held.

Adding belongs here; which sounds are added does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from flamingo_bark_assets.audio.signal import BLOCK, FloatArray, Sound


class BlockReader(Protocol):
    """Somebody who reads a sound along while it is read for something else."""

    def add(self, block: FloatArray, /) -> None:
        """Take the next samples, shape (n_channels, n); they may neither be kept nor written to."""


class SumSound(Sound):
    """The sum of sounds; those that end early are silent after their end, and it may pass full scale.

    Mono parts go to all channels. Rate and number of channels are the first part's and the most of any by default.
    """

    def __init__(
        self, parts: Sequence[Sound], *, sample_rate_hz: int | None = None, channels: int | None = None
    ) -> None:
        self._parts = tuple(parts)
        self._sample_rate_hz = sample_rate_hz or parts[0].sample_rate_hz
        self._channels = channels or max(part.channels for part in parts)

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second of each channel."""
        return self._sample_rate_hz

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self._channels

    @property
    def n_samples(self) -> int:
        """Samples of each channel."""
        return max(round(part.n_samples * self.sample_rate_hz / part.sample_rate_hz) for part in self._parts)

    def blocks(self) -> Iterator[FloatArray]:
        """Read all parts side by side."""
        pending = [equal_blocks(part, self.sample_rate_hz, self._channels) for part in self._parts]
        while pending:
            pieces = [(stream, piece) for stream in pending if (piece := next(stream, None)) is not None]
            pending = [stream for stream, _ in pieces]
            if pieces:
                yield _added([piece for _, piece in pieces])


def equal_blocks(
    sound: Sound, rate_hz: int, channels: int, *, along: Sequence[BlockReader] = ()
) -> Iterator[FloatArray]:
    """Return the samples of a sound in blocks of `BLOCK`, the last one shorter, at some rate and number of channels.

    The change of rate is of linear phase and without delay; where the number of channels differs, each is their mean.
    The readers of `along` take the blocks as they are in the sound.
    """
    mixed = (_with_channels(block, channels) for block in _read_along(sound, along))
    return _of_equal_length(_at_rate(mixed, sound.sample_rate_hz, rate_hz, channels))


def _read_along(sound: Sound, readers: Sequence[BlockReader]) -> Iterator[FloatArray]:
    for block in sound.blocks():
        for reader in readers:
            reader.add(block)
        yield block


def _at_rate(blocks: Iterable[FloatArray], from_hz: int, to_hz: int, channels: int) -> Iterator[FloatArray]:
    if from_hz == to_hz:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(from_hz, to_hz, channels, dtype="float32", quality="HQ")
    for block in blocks:
        yield np.asarray(stream.resample_chunk(np.ascontiguousarray(block.T))).T
    yield np.asarray(stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)).T


def _of_equal_length(blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
    waiting: list[FloatArray] = []
    length = 0
    for block in blocks:
        waiting.append(block)
        length += block.shape[1]
        while length >= BLOCK:
            joined = waiting[0] if len(waiting) == 1 else np.concatenate(waiting, axis=1)
            yield joined[:, :BLOCK]
            length -= BLOCK
            waiting = [joined[:, BLOCK:]] if length else []
    if length:
        yield np.concatenate(waiting, axis=1)


def _added(pieces: Sequence[FloatArray]) -> FloatArray:
    longest = max(piece.shape[1] for piece in pieces)
    total = np.zeros((pieces[0].shape[0], longest), np.float32)
    for piece in pieces:
        total[:, : piece.shape[1]] += piece
    return total


def _with_channels(block: FloatArray, channels: int) -> FloatArray:
    """Return the block in that many channels: their mean in each, unless it has them already."""
    if block.shape[0] == channels:
        return block
    mono = block.mean(axis=0, dtype=np.float32, keepdims=True)
    return mono if channels == 1 else np.broadcast_to(mono, (channels, block.shape[1]))
