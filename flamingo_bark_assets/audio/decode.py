"""Sound files to samples, in memory or block by block, with every fault of the file as one kind of error.

Reading and checking samples belongs here; tags, resampling and measuring do not.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from flamingo_bark_assets.audio.codecs import (
    Header,
    LibraryRefusal,
    ffmpeg_pieces,
    libsndfile_pieces,
    linked_pieces,
)
from flamingo_bark_assets.audio.extent.found import MAX_STEPS, Extent, TooManyChunks
from flamingo_bark_assets.audio.extent.reading import read_extent
from flamingo_bark_assets.audio.joining import FormatChange, joined
from flamingo_bark_assets.audio.oddities import describe_cut, describe_notes, oddities_of
from flamingo_bark_assets.audio.signal import FloatArray, Signal, Sound
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.files.opening import open_if_regular

MIN_SAMPLE_RATE_HZ = 1_000
MAX_SAMPLE_RATE_HZ = 768_000
MAX_CHANNELS = 32
MAX_SAMPLES = 1 << 32  # of all channels; a small file can decode to far more, and none is to take all day
HELD_BYTES = 448 << 20
HELD_BYTES_A_SOUND = 128 << 20
MAX_ABSOLUTE_SAMPLE = 1000.0  # 60 dB above full scale: integers stored as float, not sound

_FIRST_CAPACITY_S = 60.0
_SAMPLE_BYTES = 4
_REEXPORT = "export it again from its source"

# libsndfile reads MP3 as well, but its mpg123 writes warnings straight to file descriptor 2.
_NOT_FOR_LIBSNDFILE = frozenset((".mp3", ".mp2", ".m4a", ".mp4", ".aac", ".wma", ".webm", ".mka", ".mkv", ".raw"))


@dataclass(frozen=True, slots=True)
class Decoded:
    """One sound file that was decoded from end to end without a fault.

    Attributes:
        signal: all samples, at the file's own rate and channels: in memory, or in the file where they are too many.
        file_format: container and codec, as the decoder names them.
        declared_duration_s: length that the header declares; None where it declares none.
        truncated: how it is known that the file is cut off, in a clause; None where nothing shows it.
        notes: what is odd about the file though it could be decoded, a clause each.
    """

    signal: Sound
    file_format: str
    declared_duration_s: float | None
    truncated: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def oddities(self) -> tuple[str, ...]:
        """The notes and, before them, that the file is cut off."""
        return oddities_of(self.truncated, self.notes)


class SampleMemory:
    """The memory in which the decoded sounds of one song are held; those that find no room stay in their files."""

    def __init__(self, limit_bytes: int = HELD_BYTES, limit_bytes_a_sound: int = HELD_BYTES_A_SOUND) -> None:
        self._left = limit_bytes
        self._a_sound = limit_bytes_a_sound

    @property
    def room(self) -> int:
        """Bytes that the next sound may take."""
        return min(self._left, self._a_sound)

    def take(self, n_bytes: int) -> None:
        """Count what a sound takes, at most `room`."""
        self._left -= n_bytes


class FileSound(Sound):
    """A sound that was decoded once without a fault and is decoded again each time it is read."""

    def __init__(self, source: SoundBlocks, n_samples: int) -> None:
        self._source = source
        self._n_samples = n_samples

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second of each channel."""
        return self._source.sample_rate_hz

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self._source.channels

    @property
    def n_samples(self) -> int:
        """Samples of each channel."""
        return self._n_samples

    def blocks(self) -> Iterator[FloatArray]:
        """Decode from the start.

        Raises:
            AudioFault: the file was changed meanwhile.
        """
        return self._source.blocks()


def decode(path: Path, *, max_duration_s: float, memory: SampleMemory | None = None) -> Decoded:
    """Decode a sound file from end to end, so that all its faults come to light, in bounded memory.

    The samples are held in `memory` if they find room, by default in one of its own.

    Returns:
        The samples (float32, shape (n_channels, n_samples), all finite) with format and declared length.

    Raises:
        AudioFault: as `open_blocks` and `SoundBlocks.blocks` do.
    """
    memory = memory or SampleMemory()
    source = open_blocks(path, max_duration_s=max_duration_s)
    samples, n_samples = _gathered(source, memory.room // (_SAMPLE_BYTES * source.channels))
    signal: Sound = FileSound(source, n_samples)
    if samples is not None:
        memory.take(samples.nbytes)
        signal = Signal(samples, source.sample_rate_hz)
    return Decoded(
        signal, source.file_format, source.declared_duration_s, source.truncated(signal.duration_s), source.notes
    )


def _gathered(source: SoundBlocks, room: int) -> tuple[FloatArray | None, int]:
    """Return all samples and the number of each channel; None for the samples where these are more than `room`."""
    # A header that lies must not allocate much; the array grows where it does not.
    expected = math.ceil((source.expected_s or 0.0) * source.sample_rate_hz)
    samples: FloatArray | None = np.empty((source.channels, min(expected, room)), np.float32)
    frames = 0
    for block in source.blocks():
        end = frames + block.shape[1]
        if samples is not None and end > room:
            samples = None
        if samples is not None:
            if end > samples.shape[1]:
                capacity = max(end, int(1.5 * samples.shape[1]), int(_FIRST_CAPACITY_S * source.sample_rate_hz))
                larger = np.empty((source.channels, min(capacity, room)), np.float32)
                larger[:, :frames] = samples[:, :frames]
                samples = larger
            samples[:, frames:end] = block
        frames = end
    if samples is not None and samples.shape[1] != frames:
        samples = samples[:, :frames].copy()
    return samples, frames


def open_blocks(path: Path, *, max_duration_s: float) -> SoundBlocks:
    """Open a sound file for reading block by block.

    libsndfile decodes WAV, FLAC, Ogg, Opus, AIFF; FFmpeg's libraries MP3, M4A, the rest and what it refuses.

    Raises:
        AudioFault: the file is missing, empty, no regular file, not decodable, its header is absurd or declares
            more than `max_duration_s`.
    """
    try:
        with _open_regular(path) as file:
            extent = read_extent(file)
    except TooManyChunks:
        raise AudioFault(path, f"it consists of more than {MAX_STEPS} chunks", _REEXPORT) from None
    except OSError as error:
        raise AudioFault(path, f"the file cannot be read ({error.strerror})") from None
    refusals = []
    for library in _libraries(path, extent):
        try:
            return SoundBlocks(path, max_duration_s, library, extent)
        except LibraryRefusal as refusal:
            refusals.append(str(refusal))
    if extent.cut is not None:
        raise AudioFault(path, f"{refusals[-1]}; the file is truncated: {extent.cut}", "get the whole file")
    raise AudioFault(path, refusals[0], _REEXPORT)


class SoundBlocks:
    """A sound file that is read block by block, as often as wanted.

    Attributes:
        path: the file.
        sample_rate_hz: samples a second of each channel.
        channels: number of channels.
        file_format: container and codec, as the decoder names them.
        declared_duration_s: length that the header declares; None where it declares none.
        expected_s: length by which to plan; None where nothing tells it.
    """

    def __init__(self, path: Path, max_duration_s: float, library: _Library, extent: Extent) -> None:
        self.path = path
        self._max_s = max_duration_s
        self._library = library
        self._extent = extent
        self._changes: list[FormatChange] = []
        # The header counts only once a first block could be decoded, so the first reading is begun here.
        self._begun: Iterator[FloatArray] | None
        header, self._begun = self._begin(library)
        self.sample_rate_hz = header.sample_rate_hz
        self.channels = header.channels
        self.file_format = header.file_format
        self.declared_duration_s = header.declared_s
        self.expected_s = header.expected_s
        self._bounded = header.bounded

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about the file though it can be decoded, a clause each; whole once it was read to its end."""
        return describe_notes(self._extent, self._changes, sample_rate_hz=self.sample_rate_hz, channels=self.channels)

    def oddities(self, n_samples: int) -> tuple[str, ...]:
        """Say what is odd about the file, which gave `n_samples` of each channel, also that it is cut off."""
        return oddities_of(self.truncated(n_samples / self.sample_rate_hz), self.notes)

    def truncated(self, decoded_s: float) -> str | None:
        """Say in a clause how it is known that the file, which gave `decoded_s`, is cut off; None where it is not."""
        return describe_cut(self._extent, self.file_format, declared_s=self.declared_duration_s, decoded_s=decoded_s)

    def _begin(self, library: _Library) -> tuple[Header, Iterator[FloatArray]]:
        """Start a library on the file, up to its first block; the samples follow."""
        changes: list[FormatChange] = []
        self._changes = changes
        pieces = _pieces(self.path, library, self._extent)
        header = next(pieces, None)
        if not isinstance(header, Header):
            raise LibraryRefusal("the sound cannot be decoded (no header)")
        self._refuse_absurd(header)
        blocks = joined(self.path, header, pieces, changes, self._refuse_absurd)
        first = next(blocks, None)
        return header, blocks if first is None else itertools.chain((first,), blocks)

    def _refuse_absurd(self, header: Header) -> None:
        """Refuse what must not be decoded, as a block of it may be large."""
        if not MIN_SAMPLE_RATE_HZ <= header.sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
            raise AudioFault(self.path, f"the header declares a sample rate of {header.sample_rate_hz} Hz", _REEXPORT)
        if not 1 <= header.channels <= MAX_CHANNELS:
            problem = f"the header declares {header.channels} channels; the most that are decoded is {MAX_CHANNELS}"
            raise AudioFault(self.path, problem, _REEXPORT)
        if header.expected_s is not None and header.expected_s > self._max_s:
            raise _too_long(self.path, f"{header.expected_s:.1f} s long", self._max_s)

    def blocks(self) -> Iterator[FloatArray]:
        """Decode from the start.

        A damaged or truncated file gives what can be decoded; the shortfall shows against
        `declared_duration_s`. The file's faults come to light as they are met, the last at its end; use nothing
        of the blocks before that.

        Returns:
            Blocks of float32, shape (n_channels, n) with n >= 1, all finite: what is not is 0 until the fault is
            raised. Each is the caller's own.

        Raises:
            AudioFault: the file is longer than the longest duration, not decodable, or holds no samples, samples
                that are not finite or far above full scale.
        """
        check = _Check(self.path, self.sample_rate_hz, self.channels, self._max_s, bounded=self._bounded)
        try:
            begun, self._begun = self._begun, None
            for block in begun if begun is not None else self._begin(self._library)[1]:
                yield check.passed(block)
        except LibraryRefusal as refusal:
            yield from self._rest_by_another(refusal, check)
        check.finish()

    def _rest_by_another(self, refusal: LibraryRefusal, check: _Check) -> Iterator[FloatArray]:
        """Let the other library decode the file from the start, and give what follows the part already given."""
        given = check.frames
        for library in _libraries(self.path, self._extent):
            if library is self._library:
                continue
            try:
                header, blocks = self._begin(library)
                if (header.sample_rate_hz, header.channels) != (self.sample_rate_hz, self.channels):
                    continue
                check.bounded = header.bounded
                for block in blocks:
                    skipped = min(given, block.shape[1])
                    given -= skipped
                    if skipped < block.shape[1]:
                        yield check.passed(block[:, skipped:])
                return
            except LibraryRefusal:
                continue
        raise AudioFault(self.path, str(refusal), _REEXPORT) from None


_Library = Callable[[Path, BinaryIO, Extent], Iterator["Header | FloatArray"]]


def _libraries(path: Path, extent: Extent) -> tuple[_Library, ...]:
    if extent.links:
        return (linked_pieces,)
    return (ffmpeg_pieces,) if path.suffix.lower() in _NOT_FOR_LIBSNDFILE else (libsndfile_pieces, ffmpeg_pieces)


def _pieces(path: Path, library: _Library, extent: Extent) -> Iterator[Header | FloatArray]:
    with _open_regular(path) as file:
        yield from library(path, file, extent)


def _open_regular(path: Path) -> BinaryIO:
    """Open a regular file that is not empty."""
    try:
        file = open_if_regular(path)
    except FileNotFoundError:
        raise AudioFault(path, "the file is missing") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise AudioFault(path, f"the file cannot be opened ({reason})") from None
    if file is None:
        raise AudioFault(path, "not a regular file", "put the sound file itself here")
    if os.fstat(file.fileno()).st_size == 0:
        file.close()
        raise AudioFault(path, "the file is empty (0 bytes)", _REEXPORT)
    return file


class _Check:
    """Passes blocks on, and refuses what is too long, not finite or no sound at full scale 1.

    Samples that are `bounded` need not be looked at.
    """

    def __init__(self, path: Path, rate_hz: int, channels: int, max_s: float, *, bounded: bool) -> None:
        self.frames = 0
        self.bounded = bounded
        self._path = path
        self._rate_hz = rate_hz
        self._channels = channels
        self._max_s = max_s
        self._not_finite = 0
        self._first_not_finite = 0
        self._peak = 0.0

    def passed(self, block: FloatArray) -> FloatArray:
        """Return the block, in which samples that are not finite are now 0."""
        end = self.frames + block.shape[1]
        if end > self._max_s * self._rate_hz:
            raise _too_long(self._path, f"longer than {self.frames / self._rate_hz:.1f} s", self._max_s)
        if end * self._channels > MAX_SAMPLES:
            problem = (
                f"{self._channels} channels at {self._rate_hz} Hz make more than {MAX_SAMPLES / 1e9:.1f} billion "
                "samples, the most that are decoded"
            )
            raise AudioFault(self._path, problem, "split it, or export it with fewer channels or a lower rate")
        peak = 0.0 if self.bounded else max(float(block.max(initial=0.0)), -float(block.min(initial=0.0)))
        if math.isfinite(peak):
            self._peak = max(self._peak, peak)
        else:
            bad = ~np.isfinite(block)
            if not self._not_finite:
                self._first_not_finite = self.frames + int(bad.any(axis=0).argmax())
            self._not_finite += int(bad.sum())
            block = np.where(bad, np.float32(0.0), block)
        self.frames = end
        return block

    def finish(self) -> None:
        """Raise what is wrong with the whole."""
        if not self.frames:
            raise AudioFault(self._path, "the file holds no samples", _REEXPORT)
        if self._not_finite:
            first_s = self._first_not_finite / self._rate_hz
            problem = f"{self._not_finite} samples are NaN or infinite, the first at {first_s:.3f} s"
            raise AudioFault(self._path, problem, _REEXPORT)
        if self._peak > MAX_ABSOLUTE_SAMPLE:
            problem = f"samples reach {self._peak:.3g} times full scale, so they are not sound at full scale 1.0"
            raise AudioFault(self._path, problem, _REEXPORT)


def _too_long(path: Path, length: str, max_s: float) -> AudioFault:
    return AudioFault(
        path, f"{length}; the longest that is decoded is {max_s:g} s", "split it, or raise max_duration_s"
    )
