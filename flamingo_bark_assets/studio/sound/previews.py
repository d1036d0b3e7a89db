"""What the page plays of a sound file: a WAV of 16 bit, 32 kHz and one channel, with its peaks, made once and kept.

Making, keeping and finding previews belong here; serving them stands in `routes`.

A song's previews stand in its folder, named by a digest of all that they are made from: the contents of the file and
what was found of a stem against the mix, which is taken off as in every other use of the stem.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from flamingo_bark_assets.audio.correction import corrected
from flamingo_bark_assets.audio.decode import FileSound, open_blocks
from flamingo_bark_assets.audio.recording import Stem
from flamingo_bark_assets.audio.signal import OPPOSED_CORRELATION, FloatArray, Sound
from flamingo_bark_assets.audio.sums import equal_blocks
from flamingo_bark_assets.errors import AudioFault, FileFault, LibraryError, WriteError
from flamingo_bark_assets.files.atomic import delete_tree, remove_leftovers, replacing, write_text
from flamingo_bark_assets.files.opening import read_text
from flamingo_bark_assets.library.fingerprint import sha256_of
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio.sound.lanes import MIX, Lane, find_lanes
from flamingo_bark_assets.studio.sound.peaks import OVERVIEW_HZ, ZOOM_HZ, PeakWriter, Samples, fewer_pairs, read_peaks

RATE_HZ = 32_000
LONGEST_S = 18 * 3600.0
"""Longer ones do not fit the 4 GiB of a WAV."""

_VERSION = 1  # of what a preview is; raise it when the same file is to give another one
_DIGESTS = "digests.json"
_MAX_DIGESTS_BYTES = 1 << 20
_AT_ONCE = 2  # decoding takes a processor each
_MOST_WAITING = 16  # each holds a thread of the server
_LONGEST_WAIT_S = 120.0


class PreviewsBusy(Exception):
    """Too many previews are asked for at once; asking again a little later helps."""


class NoSuchLane(LibraryError):
    """The song has no sound file of that name."""

    code = "FB912"
    remedy = "Load the page of the song again: it lists the files that there are."


class Unplayable(LibraryError):
    """A sound file of a song cannot be played."""

    code = "FB913"
    remedy = "Correct or replace the file that the message names."


@dataclass(frozen=True, slots=True)
class Preview:
    """The files that the page reads of one sound file.

    Attributes:
        key: digest of all that they are made from.
        sound: WAV, 16 bit, 32 kHz, mono.
        overview: its peaks, 20 pairs a second.
        zoom: its peaks, 200 pairs a second.
    """

    key: str
    sound: Path
    overview: Path
    zoom: Path

    @property
    def is_made(self) -> bool:
        """Whether it is there; the sound is put into place last."""
        return self.sound.is_file() and self.overview.is_file() and self.zoom.is_file()


class Previews:
    """The previews of all songs."""

    def __init__(self, paths: DataPaths) -> None:
        self._paths = paths
        self._locks = [threading.Lock() for _ in range(64)]
        self._making = threading.BoundedSemaphore(_AT_ONCE)
        self._asking = threading.BoundedSemaphore(_MOST_WAITING)

    def lane(self, song_id: str, lane: str) -> Lane:
        """Return a lane of a song that may be played.

        Raises:
            NoSuchLane: the song has none of that name.
            Unplayable: its file must not be opened.
            LibraryError: there is no such song.
        """
        lanes = {found.lane: found for found in find_lanes(self._paths, song_id)}
        if lane not in lanes:
            raise NoSuchLane(f"song '{song_id}' has no sound of that name; it has {', '.join(lanes)}")
        if lanes[lane].path is None:
            raise Unplayable(f"{lanes[lane].fault}")
        return lanes[lane]

    def preview(self, song_id: str, lane: Lane) -> Preview:
        """Return the preview of a lane, which is made where there is none yet.

        Raises:
            AudioFault: the file cannot be decoded.
            LibraryError: the file cannot be read.
            WriteError: the disk refuses.
            PreviewsBusy: too many are asked for at once.
        """
        if not self._asking.acquire(blocking=False):
            raise PreviewsBusy
        try:
            found = self._named(song_id, lane)
            if found.is_made:
                return found
            # Only one of those who ask for the same makes it, and the others find it made.
            with _held(self._locks[int(found.key[:8], 16) % len(self._locks)]):
                if not found.is_made:
                    with _held(self._making):
                        self._make(song_id, lane, found)
            return found
        finally:
            self._asking.release()

    def kept(self, song_id: str, lane: Lane) -> Preview | None:
        """Return the preview of a lane where it is there; nothing is made.

        Raises:
            LibraryError: the file cannot be read.
        """
        found = self._named(song_id, lane)
        return found if found.is_made else None

    def mini_peaks(self, song_id: str, *, make: bool = False) -> list[list[float]] | None:
        """Return at most 200 pairs of the whole mix, lowest and highest, full scale 1, for a row of the library.

        None where there are none: the song has no mix that can be played, or its preview was not made and shall not be.
        """
        with suppress(AudioFault, FileFault, LibraryError, WriteError):
            mix = self.lane(song_id, MIX)
            preview = self.preview(song_id, mix) if make else self.kept(song_id, mix)
            return None if preview is None else fewer_pairs(read_peaks(preview.overview))
        return None

    def correction(self, song_id: str, lane: Lane) -> Stem | None:
        """Return what was found of a stem and is taken off; None where nothing is, or another file was measured.

        Raises:
            LibraryError: the file cannot be read.
        """
        found = lane.found
        if found is None or found.corrected is None or lane.path is None:
            return None
        return found if found.content_sha256 == self._digest(song_id, lane.path) else None

    def _named(self, song_id: str, lane: Lane) -> Preview:
        assert lane.path is not None
        stem = self.correction(song_id, lane)
        taken_off = (
            [stem.delay_samples, stem.gain_db, stem.inverted, stem.offsets, stem.length_difference_s] if stem else []
        )
        made_from = json.dumps([_VERSION, RATE_HZ, self._digest(song_id, lane.path), taken_off])
        key = hashlib.sha256(made_from.encode()).hexdigest()[:32]
        folder = self._paths.previews / song_id
        overview, zoom = (folder / f"{key}.{pairs_hz}.peaks" for pairs_hz in (OVERVIEW_HZ, ZOOM_HZ))
        return Preview(key, folder / f"{key}.wav", overview, zoom)

    def _make(self, song_id: str, lane: Lane, preview: Preview) -> None:
        assert lane.path is not None
        remove_leftovers(preview.sound.parent, recursive=False)
        # The sound is put into place last, so that where it is all is.
        with (
            replacing(preview.sound) as sound,
            replacing(preview.overview) as overview,
            replacing(preview.zoom) as zoom,
        ):
            stem = self.correction(song_id, lane)
            mono = _Mono(_opened(lane.path, stem), opposed=False)
            _write(mono, sound, overview, zoom)
            if mono.is_opposed:
                _write(_Mono(_opened(lane.path, stem), opposed=True), sound, overview, zoom)
        self._forget_former(song_id)

    def _forget_former(self, song_id: str) -> None:
        """Remove previews of what the song's files are no more."""
        with suppress(LibraryError, OSError):
            keys = {self._named(song_id, lane).key for lane in find_lanes(self._paths, song_id) if lane.path}
            for path in (self._paths.previews / song_id).iterdir():
                if path.suffix in {".wav", ".peaks"} and path.name.partition(".")[0] not in {"", *keys}:
                    delete_tree(path)

    def _digest(self, song_id: str, path: Path) -> str:
        """Return SHA-256 of a file, which is read again only where the file system says that it has changed.

        Raises:
            LibraryError: it cannot be read.
        """
        known = self._paths.previews / song_id / _DIGESTS
        stamp = _stamp(path)
        name = path.relative_to(self._paths.root).as_posix()
        entry = _read_digests(known).get(name)
        if isinstance(entry, list) and entry[:-1] == stamp:
            return str(entry[-1])
        digest = sha256_of(path)
        if stamp == _stamp(path):
            others = {n: entry for n, entry in _read_digests(known).items() if (self._paths.root / n).exists()}
            with suppress(WriteError):
                write_text(known, json.dumps({**others, name: [*stamp, digest]}))
        return digest


@cache
def previews_of(paths: DataPaths) -> Previews:
    """Return the previews of a data folder: one value for all pages, so that none is made twice."""
    return Previews(paths)


@contextmanager
def _held(lock: threading.Lock | threading.Semaphore) -> Iterator[None]:
    if not lock.acquire(timeout=_LONGEST_WAIT_S):
        raise PreviewsBusy
    try:
        yield
    finally:
        lock.release()


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError as error:
        raise LibraryError(f"{path.name}: cannot be read: {error.strerror}; reload the page") from error
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _read_digests(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path, max_bytes=_MAX_DIGESTS_BYTES))
    except (FileFault, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _opened(path: Path, stem: Stem | None) -> Sound:
    source = open_blocks(path, max_duration_s=LONGEST_S)
    if stem is None or stem.duration_s is None:
        return FileSound(source, 0)  # its length is never asked for
    return corrected(FileSound(source, round(stem.duration_s * source.sample_rate_hz)), stem)


class _Mono(Sound):
    """The down-mix of a sound, and whether its two channels turn out to be in opposite polarity.

    Their mean would cancel the music: it is read once more then, with half the difference.
    """

    def __init__(self, sound: Sound, *, opposed: bool) -> None:
        self._sound = sound
        self._opposed = opposed
        self._left = self._right = self._product = 0.0

    @property
    def sample_rate_hz(self) -> int:
        return self._sound.sample_rate_hz

    @property
    def channels(self) -> int:
        return 1

    @property
    def n_samples(self) -> int:
        return self._sound.n_samples

    @property
    def is_opposed(self) -> bool:
        """Whether it has to be read once more."""
        return not self._opposed and self._product < OPPOSED_CORRELATION * math.sqrt(self._left * self._right)

    def blocks(self) -> Iterator[FloatArray]:
        for block in self._sound.blocks():
            if self.channels_of_source == 2:
                self._left += float(block[0] @ block[0])
                self._right += float(block[1] @ block[1])
                self._product += float(block[0] @ block[1])
            if self._opposed:
                yield ((block[0] - block[1]) * np.float32(0.5))[np.newaxis]
            else:
                yield block.mean(axis=0, dtype=np.float32, keepdims=True)

    @property
    def channels_of_source(self) -> int:
        """Channels of what is mixed down."""
        return self._sound.channels


def _write(sound: Sound, wav: Path, overview: Path, zoom: Path) -> None:
    """Write the three files of a preview in one reading, in memory that does not grow with the length."""
    with overview.open("wb") as of_overview, zoom.open("wb") as of_zoom, wav.open("wb") as file:
        peaks = [PeakWriter(of_overview, RATE_HZ, OVERVIEW_HZ), PeakWriter(of_zoom, RATE_HZ, ZOOM_HZ)]
        with wave.open(file, "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(2)
            written.setframerate(RATE_HZ)
            for block in equal_blocks(sound, RATE_HZ, 1):
                samples = _as_int16(block[0])
                written.writeframesraw(samples.astype("<i2").tobytes())
                for writer in peaks:
                    writer.add(samples)
        for writer in peaks:
            writer.finish()


def _as_int16(samples: FloatArray) -> Samples:
    scaled: Samples = np.rint(np.clip(samples, -1.0, 1.0) * np.float32(32767)).astype(np.int16)
    return scaled
