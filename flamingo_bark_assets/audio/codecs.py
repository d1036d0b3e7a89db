"""What libsndfile and FFmpeg's libraries make of a sound file: its header, then its samples block by block.

The two libraries' ways belong here; which of them is asked, and whether the samples are sound, is decided in
`decode`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from flamingo_bark_assets.audio.container import codec_failures, container_name, open_container
from flamingo_bark_assets.audio.extent.found import Extent
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.audio.tag_fields import TooManyTagFields
from flamingo_bark_assets.audio.window import window
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.text import short_line

if TYPE_CHECKING:
    from av.container import InputContainer

BLOCK_FRAMES = 1 << 15  # 256 KiB in stereo: stays in a processor's cache

_MAX_LINKS = 1000
_UNKNOWN_FRAMES = 1 << 62  # libsndfile gives 2**63 - 1 where the header leaves the length open

# Their length is known from header fields; of the others FFmpeg only knows an estimate or the last page.
_CONTAINERS_DECLARING_LENGTH = frozenset(
    (
        "flac", "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "asf", "ape", "tta", "wv", "dsf",
    )
)  # fmt: skip


class LibraryRefusal(Exception):
    """One library cannot read the file, or not on; another may."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a library knows of a file before it decodes it; the other fields are those of `SoundBlocks`.

    Attributes:
        bounded: whether no sample can be but finite and at most 1, as the file holds integers.
    """

    sample_rate_hz: int
    channels: int
    file_format: str
    declared_s: float | None
    expected_s: float | None
    bounded: bool = False


def libsndfile_pieces(path: Path, file: BinaryIO, extent: Extent) -> Iterator[Header | FloatArray]:
    """Yield the header, then blocks of shape (n_channels, n), as libsndfile reads them.

    The position of `file`, which is open, changes.

    Raises:
        LibraryRefusal: libsndfile cannot read the file, or not on.
    """
    # An absolute name as bytes: "-" would mean standard input, and not every name is valid text.
    yield from _sndfile_pieces(_finished(file, extent) if extent.sizes else os.fsencode(path.absolute()), extent)


def _finished(file: BinaryIO, extent: Extent) -> BinaryIO:
    """Return the file as it would be with a finished header."""
    return window(file, 0, file.seek(0, os.SEEK_END), extent.sizes)


def _sndfile_pieces(source: bytes | BinaryIO, extent: Extent) -> Iterator[Header | FloatArray]:
    import soundfile

    refusals = (soundfile.SoundFileError, RuntimeError, TypeError, ValueError, OSError)
    try:
        sound = soundfile.SoundFile(source)
    except refusals as error:
        raise LibraryRefusal(f"the sound cannot be decoded ({_brief(error)})") from None
    with sound:
        frames = int(sound.frames) if sound.frames < _UNKNOWN_FRAMES else 0
        header_s = frames / sound.samplerate if sound.samplerate > 0 else 0.0
        file_format = f"{sound.format}/{sound.subtype}"
        declared_s = extent.declared_s if extent.tells_length else header_s or None
        bounded = sound.subtype.startswith("PCM_")
        yield Header(int(sound.samplerate), int(sound.channels), file_format, declared_s, header_s or None, bounded)
        # As 16-bit integers 16-bit samples cost half as much, and give the same values.
        dtype = "int16" if sound.subtype == "PCM_16" else "float32"
        scale = np.float32(2.0**-15 if dtype == "int16" else 1.0)
        while True:
            try:
                block = sound.read(BLOCK_FRAMES, dtype=dtype, always_2d=True)
            except refusals as error:
                raise LibraryRefusal(f"the sound cannot be decoded ({_brief(error)})") from None
            if not len(block):
                return
            planar = np.empty((block.shape[1], block.shape[0]), np.float32)
            with np.errstate(invalid="ignore"):  # NaN, which whoever reads on looks for
                np.multiply(block.T, scale, out=planar, dtype=np.float32, casting="unsafe")
            yield planar


def ffmpeg_pieces(path: Path, file: BinaryIO, extent: Extent) -> Iterator[Header | FloatArray]:
    """Yield the header, then blocks of shape (n_channels, n), as FFmpeg's libraries read them.

    Where the sample rate or the number of channels changes, a header stands before the blocks that differ. The name of
    `path` chooses among FFmpeg's names of one container; the position of `file`, which is open, changes.

    Raises:
        LibraryRefusal: FFmpeg cannot read the file, or most of its packets are damaged.
        AudioFault: its tags have more fields than FFmpeg may read.
    """
    try:
        file.seek(0)
        with open_container(_finished(file, extent) if extent.sizes else file) as container:
            name = container_name(container, path)
            if not container.streams.audio:
                raise LibraryRefusal("the file holds no sound")
            codec = container.streams.audio[0].codec_context
            if codec is None:  # whatever PyAV's types say: FFmpeg has no decoder for it
                raise LibraryRefusal("the sound cannot be decoded (unknown codec)")
            file_format = f"{name}/{codec.codec.canonical_name}"
            container_s = _container_s(container) if name in _CONTAINERS_DECLARING_LENGTH else None
            declared_s = extent.declared_s if extent.tells_length else container_s
            expected_s = container_s or (declared_s if name == "mp3" else None)
            header: Header | None = None
            for rate_hz, block in _decode_packets(container):
                if header is None or (rate_hz, block.shape[0]) != (header.sample_rate_hz, header.channels):
                    header = Header(rate_hz, block.shape[0], file_format, declared_s, expected_s)
                    yield header
                yield block
    except TooManyTagFields as error:
        raise AudioFault(path, str(error), "take its tags off (ffmpeg -i OLD -map_metadata -1 -c copy NEW)") from None
    except codec_failures() as error:
        raise LibraryRefusal(f"the sound cannot be decoded ({_brief(error)})") from None


def linked_pieces(path: Path, file: BinaryIO, extent: Extent) -> Iterator[Header | FloatArray]:
    """Yield the header and blocks of each stream of a chain of Ogg streams, as if each were a file of its own.

    Both libraries pass over or misread what follows the first; a last one that is cut before its sound gives none.

    Raises:
        LibraryRefusal: a stream cannot be decoded, or there are more than anybody chains.
    """
    if len(extent.links) > _MAX_LINKS:
        problem = f"it is a chain of {len(extent.links)} Ogg streams; the most that are read is {_MAX_LINKS}"
        raise LibraryRefusal(problem)
    for number, (begin, end) in enumerate(extent.links, start=1):
        try:
            yield from _pieces_of_link(path, file, begin, end)
        except LibraryRefusal as refusal:
            if number == len(extent.links) and extent.cut is not None:
                return
            raise LibraryRefusal(f"of its {len(extent.links)} chained Ogg streams number {number}: {refusal}") from None


def _pieces_of_link(path: Path, file: BinaryIO, begin: int, end: int) -> Iterator[Header | FloatArray]:
    """Let libsndfile read a link or, where that does not open it, FFmpeg."""
    alone = Extent(tells_length=True)
    pieces = _sndfile_pieces(window(file, begin, end), alone)
    try:
        first = next(pieces)
    except LibraryRefusal:
        pieces = ffmpeg_pieces(path, window(file, begin, end), alone)
        first = next(pieces)
    assert isinstance(first, Header)
    yield dataclasses.replace(first, expected_s=None)
    yield from pieces


def _container_s(container: InputContainer) -> float | None:
    """Return the length of the first audio stream, or of the container, as FFmpeg read it from the header.

    None where it tells none, or one below 0, as it does of a broken header.
    """
    stream = container.streams.audio[0]
    length_s = 0.0
    if stream.duration and stream.time_base:
        length_s = float(stream.duration * stream.time_base)
    elif container.duration:
        length_s = container.duration / 1e6
    return length_s if length_s > 0.0 else None


def _decode_packets(container: InputContainer) -> Iterator[tuple[int, FloatArray]]:
    """Return the sample rate and the samples; a bad packet is left out, as every player does, unless most are bad."""
    from av import AudioFrame, AudioResampler

    resampler: AudioResampler | None = None
    good = bad = pending = rate_hz = 0
    layout = ""
    gathered: list[FloatArray] = []
    for packet in _packets(container):
        try:
            for frame in packet.decode():
                if not isinstance(frame, AudioFrame):
                    continue
                if resampler is None or frame.sample_rate != rate_hz or frame.layout.name != layout:
                    if pending:
                        yield rate_hz, np.concatenate(gathered, axis=1)
                        gathered, pending = [], 0
                    rate_hz, layout = frame.sample_rate, frame.layout.name
                    resampler = AudioResampler(format="fltp", layout=frame.layout, rate=rate_hz)
                for converted in resampler.resample(frame):
                    gathered.append(np.asarray(converted.to_ndarray(), dtype=np.float32))
                    pending += gathered[-1].shape[1]
            good += 1
        except codec_failures():
            bad += 1
        if pending >= BLOCK_FRAMES:
            yield rate_hz, np.concatenate(gathered, axis=1)
            gathered, pending = [], 0
    if pending:
        yield rate_hz, np.concatenate(gathered, axis=1)
    if not rate_hz or bad > good:
        raise LibraryRefusal("the sound cannot be decoded (it holds no valid audio frames)")


def _packets(container: InputContainer) -> Iterator[Any]:
    """Give the packets of the first audio stream up to the end of the file or to where it is torn off."""
    try:
        yield from container.demux(container.streams.audio[0])
    except codec_failures():
        return


def _brief(error: Exception) -> str:
    """Give the library's words, without the file name that some put into them."""
    text = str(getattr(error, "error_string", "") or getattr(error, "strerror", "") or error)
    return short_line(text, 200).rstrip(". ") or type(error).__name__
