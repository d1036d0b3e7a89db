"""Sound whose sample rate or number of channels changes on the way, as sound of one format: that of its beginning.

Bringing the later parts to the first one's format belongs here; decoding them does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flamingo_bark_assets.audio.codecs import Header
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.errors import AudioFault

if TYPE_CHECKING:
    import soxr

_TOLD = 3


@dataclass(frozen=True, slots=True)
class FormatChange:
    """From where on a file holds sound of another format.

    Attributes:
        time_s: in the decoded sound.
        sample_rate_hz: of the file from there on.
        channels: of the file from there on.
    """

    time_s: float
    sample_rate_hz: int
    channels: int


def joined(
    path: Path,
    header: Header,
    pieces: Iterator[Header | FloatArray],
    changes: list[FormatChange],
    refuse: Callable[[Header], None],
) -> Iterator[FloatArray]:
    """Give all blocks at the rate and channels of `header`, and add to `changes` where the file's own are others.

    The change of rate is of linear phase and without delay; mono goes to all channels, and becomes the mean of them.

    Raises:
        AudioFault: `refuse` refuses a format, or the number of channels changes from several to several others, for
            which there is no one way.
    """
    now = (header.sample_rate_hz, header.channels)
    stream: soxr.ResampleStream | None = None
    n_samples = 0
    for piece in pieces:
        if not isinstance(piece, Header):
            block = _in_format(piece, header.channels, stream)
            if block.shape[1]:
                n_samples += block.shape[1]
                yield block
            continue
        if (piece.sample_rate_hz, piece.channels) == now:
            continue
        refuse(piece)
        if stream is not None:
            rest = _rest(stream, header.channels)
            if rest.shape[1]:
                n_samples += rest.shape[1]
                yield rest
        now = (piece.sample_rate_hz, piece.channels)
        changes.append(FormatChange(n_samples / header.sample_rate_hz, *now))
        if piece.channels not in (1, header.channels) and header.channels != 1:
            raise AudioFault(
                path,
                f"it has {header.channels} channels and from {changes[-1].time_s:.1f} s on {piece.channels}",
                "split it there, or export it again with the same channels throughout",
            )
        stream = _resampler(piece.sample_rate_hz, header)
    if stream is not None:
        rest = _rest(stream, header.channels)
        if rest.shape[1]:
            yield rest


def describe_changes(sample_rate_hz: int, channels: int, changes: Sequence[FormatChange]) -> str:
    """Say in a clause where the format changes, and what was made of it; the first few places are named."""
    at = ", ".join(
        f"from {change.time_s:.1f} s on {change.sample_rate_hz} Hz with {change.channels} channel(s)"
        for change in changes[:_TOLD]
    )
    more = f" and {len(changes) - _TOLD} more changes" if len(changes) > _TOLD else ""
    return (
        f"its format changes on the way ({at}{more}); all of it was brought to the {sample_rate_hz} Hz and "
        f"{channels} channel(s) of its beginning"
    )


def _resampler(rate_hz: int, header: Header) -> soxr.ResampleStream | None:
    if rate_hz == header.sample_rate_hz:
        return None
    import soxr

    return soxr.ResampleStream(rate_hz, header.sample_rate_hz, header.channels, dtype="float32", quality="HQ")


def _in_format(block: FloatArray, channels: int, stream: soxr.ResampleStream | None) -> FloatArray:
    if block.shape[0] != channels:
        block = np.repeat(block.mean(axis=0, dtype=np.float32, keepdims=True), channels, axis=0)
    if stream is None:
        return block
    return np.ascontiguousarray(stream.resample_chunk(np.ascontiguousarray(block.T)).T)


def _rest(stream: soxr.ResampleStream, channels: int) -> FloatArray:
    rest = stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)
    return np.ascontiguousarray(rest.T, dtype=np.float32)
