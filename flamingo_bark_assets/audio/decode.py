"""Sound files to samples in memory, with every fault of the file as one kind of error.

Reading and checking samples belongs here; tags, resampling and measuring do not.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from flamingo_bark_assets.audio.container import codec_failures, container_name, open_container
from flamingo_bark_assets.audio.headers import mp3_declares_length, wav_declared_s
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.errors import AudioFault

if TYPE_CHECKING:
    from av.container import InputContainer

MIN_SAMPLE_RATE_HZ = 1_000
MAX_SAMPLE_RATE_HZ = 768_000
MAX_CHANNELS = 32
MAX_SAMPLES = 1 << 30  # of all channels: 4 GiB; a small file can decode to far more
MAX_ABSOLUTE_SAMPLE = 1000.0  # 60 dB above full scale: integers stored as float, not sound

_BLOCK_FRAMES = 1 << 16
_FIRST_CAPACITY_S = 60.0
_MAX_FIRST_CAPACITY = 1 << 28
_UNKNOWN_FRAMES = 1 << 62  # libsndfile gives 2**63 - 1 where the header leaves the length open
_REEXPORT = "export it again from its source"

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
# libsndfile reads MP3 as well, but its mpg123 writes warnings straight to file descriptor 2.
_NOT_FOR_LIBSNDFILE = frozenset((".mp3", ".mp2", ".m4a", ".mp4", ".aac", ".wma", ".webm", ".mka", ".mkv", ".raw"))


@dataclass(frozen=True, slots=True)
class Decoded:
    """One sound file in memory.

    Attributes:
        signal: all samples, at the file's own rate and channels.
        file_format: container and codec, as the decoder names them.
        declared_duration_s: length that the header declares; None where it declares none.
    """

    signal: Signal
    file_format: str
    declared_duration_s: float | None


def decode(path: Path, *, max_duration_s: float) -> Decoded:
    """Decode a sound file.

    libsndfile decodes WAV, FLAC, Ogg, Opus, AIFF; FFmpeg's libraries MP3, M4A, the rest and what it refuses.
    A damaged or truncated file gives what can be decoded; the shortfall shows against `declared_duration_s`.

    Args:
        path: the file, whatever its name and ending.
        max_duration_s: longest sound that is decoded.

    Returns:
        The samples (float32, shape (n_channels, n_samples), all finite) with format and declared length.

    Raises:
        AudioFault: the file is missing, empty, no regular file, longer than `max_duration_s`, not decodable,
            holds no samples, samples that are not finite or far above full scale, or its header is absurd.
    """
    with _open_regular(path) as file:
        fault: AudioFault | None = None
        if path.suffix.lower() not in _NOT_FOR_LIBSNDFILE:
            try:
                return _decode_with_libsndfile(path, file, max_duration_s)
            except _LibraryError as refusal:
                fault = refusal.fault
        try:
            return _decode_with_ffmpeg(path, file, max_duration_s)
        except _LibraryError as refusal:
            raise (fault or refusal.fault) from None


class _LibraryError(Exception):
    """One library cannot read the file; another may."""

    def __init__(self, path: Path, problem: str) -> None:
        self.fault = AudioFault(path, problem, _REEXPORT)
        super().__init__(problem)


def _open_regular(path: Path) -> BinaryIO:
    """Open a regular file that is not empty; O_NONBLOCK keeps a named pipe from blocking."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise AudioFault(path, "the file is missing") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise AudioFault(path, f"the file cannot be opened ({reason})") from None
    file = os.fdopen(descriptor, "rb", closefd=True) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    if file is None:
        os.close(descriptor)
        raise AudioFault(path, "not a regular file", "put the sound file itself here")
    if os.fstat(descriptor).st_size == 0:
        file.close()
        raise AudioFault(path, "the file is empty (0 bytes)", _REEXPORT)
    return file


class _Collector:
    """Takes blocks of samples, checks them and grows one array; refuses more than the longest duration."""

    def __init__(self, path: Path, rate_hz: int, channels: int, *, max_s: float, expected_s: float) -> None:
        if not MIN_SAMPLE_RATE_HZ <= rate_hz <= MAX_SAMPLE_RATE_HZ:
            raise AudioFault(path, f"the header declares a sample rate of {rate_hz} Hz", _REEXPORT)
        if not 1 <= channels <= MAX_CHANNELS:
            raise AudioFault(path, f"the header declares {channels} channels", _REEXPORT)
        if expected_s > max_s:
            raise _too_long(path, f"{expected_s:.1f} s long", max_s)
        self.rate_hz = rate_hz
        self._path = path
        self._max_s = max_s
        # A header that lies must not allocate much; the array grows where it does not.
        capacity = min(math.ceil(expected_s * rate_hz), _MAX_FIRST_CAPACITY // channels)
        self._samples = np.empty((channels, capacity), dtype=np.float32)
        self._frames = 0
        self._not_finite = 0
        self._first_not_finite = 0
        self._peak = 0.0

    def add(self, block: FloatArray) -> None:
        """Append a block of shape (n_channels, n)."""
        end = self._frames + block.shape[1]
        if end > self._max_s * self.rate_hz:
            raise _too_long(self._path, f"longer than {self._frames / self.rate_hz:.1f} s", self._max_s)
        if end * block.shape[0] > MAX_SAMPLES:
            raise AudioFault(
                self._path,
                f"its {block.shape[0]} channels at {self.rate_hz} Hz take over 4 GiB in memory",
                _REEXPORT,
            )
        if end > self._samples.shape[1]:
            self._grow(end)
        self._samples[:, self._frames : end] = block
        peak = float(np.abs(block).max(initial=0.0))
        if math.isfinite(peak):
            self._peak = max(self._peak, peak)
        else:
            bad = ~np.isfinite(block)
            if not self._not_finite:
                self._first_not_finite = self._frames + int(bad.any(axis=0).argmax())
            self._not_finite += int(bad.sum())
        self._frames = end

    def _grow(self, frames: int) -> None:
        channels, capacity = self._samples.shape
        longest = math.ceil(self._max_s * self.rate_hz)
        wanted = min(longest, max(frames, int(1.5 * capacity), int(_FIRST_CAPACITY_S * self.rate_hz)))
        larger = np.empty((channels, max(wanted, frames)), dtype=np.float32)
        larger[:, : self._frames] = self._samples[:, : self._frames]
        self._samples = larger

    @property
    def frames(self) -> int:
        """Samples a channel so far."""
        return self._frames

    def signal(self) -> Signal:
        """Give all samples, once they have passed the checks."""
        if not self._frames:
            raise AudioFault(self._path, "the file holds no samples", _REEXPORT)
        if self._not_finite:
            first_s = self._first_not_finite / self.rate_hz
            raise AudioFault(
                self._path,
                f"{self._not_finite} samples are NaN or infinite, the first at {first_s:.3f} s",
                _REEXPORT,
            )
        if self._peak > MAX_ABSOLUTE_SAMPLE:
            raise AudioFault(
                self._path,
                f"samples reach {self._peak:.3g} times full scale, so they are not sound at full scale 1.0",
                _REEXPORT,
            )
        samples = self._samples
        if samples.shape[1] != self._frames:
            samples = samples[:, : self._frames].copy()
        return Signal(samples, self.rate_hz)


def _too_long(path: Path, length: str, max_s: float) -> AudioFault:
    return AudioFault(
        path, f"{length}; the longest that is decoded is {max_s:g} s", "split it, or raise max_duration_s"
    )


def _decode_with_libsndfile(path: Path, file: BinaryIO, max_s: float) -> Decoded:
    import soundfile

    refusals = (soundfile.SoundFileError, RuntimeError, TypeError, ValueError, OSError)
    try:
        # An absolute name as bytes: "-" would mean standard input, and not every name is valid text.
        with soundfile.SoundFile(os.fsencode(path.absolute())) as sound:
            frames = int(sound.frames) if sound.frames < _UNKNOWN_FRAMES else 0
            header_s = frames / sound.samplerate if sound.samplerate > 0 else 0.0
            collector = _Collector(path, int(sound.samplerate), int(sound.channels), max_s=max_s, expected_s=header_s)
            for block in _libsndfile_blocks(sound):
                collector.add(block)
            file_format = f"{sound.format}/{sound.subtype}"
    except refusals as error:
        raise _LibraryError(path, f"the sound cannot be decoded ({_brief(error)})") from None
    return Decoded(collector.signal(), file_format, _declared_s(file, file_format, header_s))


def _libsndfile_blocks(sound: Any) -> Iterator[FloatArray]:
    while len(block := sound.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
        yield block.T


def _declared_s(file: BinaryIO, file_format: str, header_s: float) -> float | None:
    """Length in the header of a file that libsndfile has read to its end and gave `header_s` for."""
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


def _decode_with_ffmpeg(path: Path, file: BinaryIO, max_s: float) -> Decoded:
    try:
        has_length = mp3_declares_length(file)
        file.seek(0)
        with open_container(file) as container:
            name = container_name(container, path)
            if not container.streams.audio:
                raise AudioFault(path, "the file holds no sound", _REEXPORT)
            declares = name in _CONTAINERS_DECLARING_LENGTH or (name == "mp3" and has_length)
            declared_s = _container_s(container) if declares else None
            codec = container.streams.audio[0].codec_context
            if codec is None:  # whatever PyAV's types say: FFmpeg has no decoder for it
                raise _LibraryError(path, "the sound cannot be decoded (unknown codec)")
            file_format = f"{name}/{codec.codec.canonical_name}"
            collector = _collect_packets(path, container, max_s, declared_s)
        if name == "wav":
            declared_s = wav_declared_s(file)
    except codec_failures() as error:
        raise _LibraryError(path, f"the sound cannot be decoded ({_brief(error)})") from None
    return Decoded(collector.signal(), file_format, declared_s)


def _container_s(container: InputContainer) -> float | None:
    """Length of the first audio stream, or of the container, as FFmpeg read it from the header."""
    stream = container.streams.audio[0]
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _collect_packets(path: Path, container: InputContainer, max_s: float, declared_s: float | None) -> _Collector:
    """Decode packet by packet; a bad packet is left out, as every player does, unless most are bad."""
    from av import AudioFrame, AudioResampler

    collector: _Collector | None = None
    resampler: AudioResampler | None = None
    good = bad = 0
    for packet in _packets(container):
        try:
            for frame in packet.decode():
                if not isinstance(frame, AudioFrame):
                    continue
                if collector is None or resampler is None:
                    resampler = AudioResampler(format="fltp", layout=frame.layout, rate=frame.sample_rate)
                    collector = _Collector(
                        path,
                        frame.sample_rate,
                        frame.layout.nb_channels,
                        max_s=max_s,
                        expected_s=declared_s or 0.0,
                    )
                for converted in resampler.resample(frame):
                    collector.add(np.asarray(converted.to_ndarray(), dtype=np.float32))
            good += 1
        except codec_failures():
            bad += 1
    if collector is None or not collector.frames or bad > good:
        raise _LibraryError(path, "the sound cannot be decoded (it holds no valid audio frames)")
    return collector


def _packets(container: InputContainer) -> Iterator[Any]:
    """Give the packets of the first audio stream up to the end of the file or to where it is torn off."""
    try:
        yield from container.demux(container.streams.audio[0])
    except codec_failures():
        return


def _brief(error: Exception) -> str:
    """Give the library's words, without the file name that some put into them."""
    text = str(getattr(error, "error_string", "") or getattr(error, "strerror", "") or error)
    return " ".join(text.split())[:200].rstrip(". ") or type(error).__name__
