"""What libsndfile and FFmpeg's libraries make of a sound file: its header, then its samples block by block.

The two libraries' ways belong here; which of them is asked, and whether the samples are sound, is decided in
`decode`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from flamingo_bark_assets.audio.container import codec_failures, container_name, open_container
from flamingo_bark_assets.audio.headers import mp3_declares_length, wav_declared_s
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.text import short_line

if TYPE_CHECKING:
    from av.container import InputContainer

BLOCK_FRAMES = 1 << 15  # 256 KiB in stereo: stays in a processor's cache

_UNKNOWN_FRAMES = 1 << 62  # libsndfile gives 2**63 - 1 where the header leaves the length open

# Their length is known from header fields; of the others FFmpeg only knows an estimate or the last page.
_CONTAINERS_DECLARING_LENGTH = frozenset(
    (
        "flac",
        "aiff",
        "mov",
        "mp4",
        "m4a",
        "3gp",
        "3g2",
        "mj2",
        "matroska",
        "webm",
        "caf",
        "w64",
        "ape",
        "tta",
        "wv",
    )
)


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


def libsndfile_pieces(path: Path, file: BinaryIO) -> Iterator[Header | FloatArray]:
    """Yield the header, then blocks of shape (n_channels, n), as libsndfile reads them.

    The position of `file`, which is open, changes.

    Raises:
        LibraryRefusal: libsndfile cannot read the file, or not on.
    """
    import soundfile

    refusals = (soundfile.SoundFileError, RuntimeError, TypeError, ValueError, OSError)
    try:
        # An absolute name as bytes: "-" would mean standard input, and not every name is valid text.
        sound = soundfile.SoundFile(os.fsencode(path.absolute()))
    except refusals as error:
        raise LibraryRefusal(f"the sound cannot be decoded ({_brief(error)})") from None
    with sound:
        frames = int(sound.frames) if sound.frames < _UNKNOWN_FRAMES else 0
        header_s = frames / sound.samplerate if sound.samplerate > 0 else 0.0
        file_format = f"{sound.format}/{sound.subtype}"
        declared_s = _declared_s(file, file_format, header_s)
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
            np.multiply(block.T, scale, out=planar, dtype=np.float32, casting="unsafe")
            yield planar


def _declared_s(file: BinaryIO, file_format: str, header_s: float) -> float | None:
    """Read the length in the header of a file for which libsndfile gave `header_s`."""
    container = file_format.partition("/")[0]
    if container in ("WAV", "WAVEX"):
        return wav_declared_s(file)
    if container == "AIFF":  # libsndfile cuts the declared length to what is there
        try:
            file.seek(0)
            with open_container(file) as opened:
                return _container_s(opened)
        except codec_failures():
            return None
    return None if container == "OGG" else header_s or None


def ffmpeg_pieces(path: Path, file: BinaryIO) -> Iterator[Header | FloatArray]:
    """Yield the header, then blocks of shape (n_channels, n), as FFmpeg's libraries read them.

    The name of `path` chooses among FFmpeg's names of one container; the position of `file`, which is open, changes.

    Raises:
        LibraryRefusal: FFmpeg cannot read the file, or most of its packets are damaged.
    """
    try:
        has_length = mp3_declares_length(file)
        wav_s = wav_declared_s(file)
        file.seek(0)
        with open_container(file) as container:
            name = container_name(container, path)
            if not container.streams.audio:
                raise LibraryRefusal("the file holds no sound")
            declares = name in _CONTAINERS_DECLARING_LENGTH or (name == "mp3" and has_length)
            expected_s = _container_s(container) if declares else None
            codec = container.streams.audio[0].codec_context
            if codec is None:  # whatever PyAV's types say: FFmpeg has no decoder for it
                raise LibraryRefusal("the sound cannot be decoded (unknown codec)")
            file_format = f"{name}/{codec.codec.canonical_name}"
            declared_s = wav_s if name == "wav" else expected_s
            blocks = _decode_packets(container)
            rate_hz, first = next(blocks)
            yield Header(rate_hz, first.shape[0], file_format, declared_s, expected_s)
            yield first
            for _, block in blocks:
                yield block
    except codec_failures() as error:
        raise LibraryRefusal(f"the sound cannot be decoded ({_brief(error)})") from None


def _container_s(container: InputContainer) -> float | None:
    """Return the length of the first audio stream, or of the container, as FFmpeg read it from the header."""
    stream = container.streams.audio[0]
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _decode_packets(container: InputContainer) -> Iterator[tuple[int, FloatArray]]:
    """Return the sample rate and the samples; a bad packet is left out, as every player does, unless most are bad."""
    from av import AudioFrame, AudioResampler

    resampler: AudioResampler | None = None
    good = bad = pending = rate_hz = 0
    gathered: list[FloatArray] = []
    for packet in _packets(container):
        try:
            for frame in packet.decode():
                if not isinstance(frame, AudioFrame):
                    continue
                if resampler is None:
                    rate_hz = frame.sample_rate
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
