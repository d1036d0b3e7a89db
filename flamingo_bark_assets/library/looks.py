"""What was seen of every song's files, so that a look at the whole library costs little where nothing has changed.

When a song is looked at again, and keeping what was seen, belong here; what is seen stands in `fingerprint`.

At each look the folder of every song, that of its stems and its song.toml are asked when they changed. That tells of
every file that comes, goes or is put in another's place, and of every edit of song.toml. A sound file or sidecar that
is written over where it stands is noticed as its turn comes: all songs of a small library have their turn at every
look, of a large one `SONGS_A_TURN`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.files.changes import changed_ns, is_settled
from flamingo_bark_assets.files.kept_rows import Row, is_worth_writing, read_rows, write_rows
from flamingo_bark_assets.library.fingerprint import FilesStamp, FolderScan, scan_folder
from flamingo_bark_assets.library.layout import STEMS_FOLDER, DataPaths
from flamingo_bark_assets.library.song_toml import SONG_TOML

SONGS_A_TURN = 2000
"""So many songs have all their files asked at a look: 2,000 take 0.03 CPU-s."""
_VERSION = "looks 3"

_Marks = tuple[int, ...]
"""Inode and time of the folder, of the stems folder, and size and time of song.toml; 0 for what is not there."""


@dataclass(slots=True)
class _Look:
    """One song as it was seen.

    Attributes:
        marks: by which it is known that no file came or went; None where they do not tell.
        scan: what was seen.
    """

    marks: _Marks | None
    scan: FolderScan


class LibraryLooks:
    """The songs of a library as they were seen last, by this process or another."""

    def __init__(self, paths: DataPaths) -> None:
        self._songs = str(paths.songs)
        self._path = looks_path(paths)
        self._looks: dict[str, _Look] | None = None
        self._turn = 0
        self._changed = 0

    def stamps(self, song_ids: list[str], *, in_detail: bool = False) -> dict[str, FilesStamp]:
        """Look at these songs, which are all there are, and return what the file system says of their files.

        All files of each are asked where it is `in_detail`, else of those whose turn it is.
        """
        looks = self._known()
        for gone in looks.keys() - set(song_ids):
            del looks[gone]
            self._changed += 1
        first, self._turn = self._turn, self._turn + SONGS_A_TURN
        for number, song_id in enumerate(song_ids):
            self._look(looks, song_id, in_detail=in_detail or first <= number < self._turn)
        if self._turn >= len(song_ids):
            self._turn = 0
        self._save()
        return {song_id: looks[song_id].scan.stamp for song_id in song_ids}

    def stamps_of(self, song_ids: Iterable[str], *, in_detail: bool) -> dict[str, FilesStamp]:
        """Look at some songs, at all their files where it is `in_detail`; return what the file system says of them."""
        return {song_id: scan.stamp for song_id, scan in self._scans(song_ids, in_detail=in_detail)}

    def mix_bytes(self, song_ids: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Return the size of each file that may be the mix of a song, by song."""
        return {song_id: scan.mix_bytes for song_id, scan in self._scans(song_ids)}

    def with_leftovers(self, song_ids: Iterable[str]) -> list[str]:
        """Return the songs in whose folder a temporary file stands."""
        return [song_id for song_id, scan in self._scans(song_ids) if scan.has_leftover]

    def _scans(self, song_ids: Iterable[str], *, in_detail: bool = False) -> list[tuple[str, FolderScan]]:
        looks = self._known()
        found = []
        for song_id in song_ids:
            self._look(looks, song_id, in_detail=in_detail)
            found.append((song_id, looks[song_id].scan))
        self._save()
        return found

    def _known(self) -> dict[str, _Look]:
        if self._looks is None:
            self._looks = {song_id: _from_row(row) for song_id, row in read_rows(self._path, _VERSION).items()}
        return self._looks

    def _look(self, looks: dict[str, _Look], song_id: str, *, in_detail: bool) -> None:
        folder = f"{self._songs}/{song_id}"
        known = looks.get(song_id)
        is_same = known is not None and known.marks is not None and known.marks == _marks(folder, known.marks)
        if known and is_same and (not in_detail or known.scan.totals == _totals(folder, known.scan.files)):
            return
        looked_ns = time.time_ns()
        marks = _marks(folder, None)
        scan = scan_folder(folder)
        tells = scan.is_flat and is_settled(scan.stamp.changed_ns, looked_ns)
        now = _Look(marks if tells else None, scan)
        if known != now:
            self._changed += 1
        looks[song_id] = now

    def _save(self) -> None:
        looks = self._known()
        if is_worth_writing(len(looks), self._changed):
            rows = {song_id: _as_row(look) for song_id, look in looks.items() if look.marks is not None}
            write_rows(self._path, _VERSION, rows)
            self._changed = 0


def looks_path(paths: DataPaths) -> Path:
    """Return where it is kept what was seen."""
    return paths.root / "state" / "looks.json"


def _marks(folder: str, known: _Marks | None) -> _Marks | None:
    """Ask for the times that tell of changes; what was not there before comes only with a change of the folder."""
    try:
        own = os.stat(folder)  # noqa: PTH116 - a hundred thousand songs at each look
        stems = (0, 0) if known and not known[2] else _of_folder(f"{folder}/{STEMS_FOLDER}")
        info = (0, 0) if known and not known[5] else _of_file(f"{folder}/{SONG_TOML}")
    except OSError:
        return None
    return own.st_ino, changed_ns(own), *stems, *info


def _of_folder(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return 0, 0
    return status.st_ino, changed_ns(status)


def _of_file(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return 0, 0
    return status.st_size, changed_ns(status)


def _totals(folder: str, files: tuple[str, ...]) -> tuple[int, int] | None:
    try:
        found = [os.stat(f"{folder}/{name}") for name in files]  # noqa: PTH116
    except OSError:
        return None
    return sum([one.st_size for one in found]), sum([changed_ns(one) for one in found])


def _as_row(look: _Look) -> Row:
    scan, stamp = look.scan, look.scan.stamp
    return [
        look.marks, scan.totals, stamp.signature, stamp.changed_ns, scan.files, scan.mix_bytes, scan.has_leftover,
    ]  # fmt: skip


def _from_row(row: Row) -> _Look:
    marks, totals, signature, last_ns, files, mix_bytes, has_leftover = row
    stamp = FilesStamp(signature, last_ns)
    return _Look(tuple(marks), FolderScan(stamp, tuple(files), tuple(totals), tuple(mix_bytes), True, has_leftover))
