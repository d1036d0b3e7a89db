"""The manifest over all songs, published by what has changed since the last time.

Which entries are read again and which files are hashed again belongs here; what an entry says stands in `manifest`.

A line is taken over from the manifest that is there where nothing of its song was made anew. A file is hashed where its
size or times are not those with which its checksum was last found right, or taken: `verify` alone reads all.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from flamingo_bark_assets.audio.song_review import SongReview, stored_reviews
from flamingo_bark_assets.errors import LibraryError, StorageError
from flamingo_bark_assets.files.atomic import replacing
from flamingo_bark_assets.files.changes import Mark, is_settled, mark_of
from flamingo_bark_assets.files.kept_rows import Row, is_worth_writing, read_rows, write_rows
from flamingo_bark_assets.files.opening import open_regular
from flamingo_bark_assets.library.fingerprint import folder_signature, same_sound_files
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.library.orphans import Cleanup, remove_orphans
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.library_tables import LibraryTables
from flamingo_bark_assets.training.files import dataset_files, manifest_path
from flamingo_bark_assets.training.manifest import (
    Problem,
    check_file,
    entry_file_name,
    manifest_line,
    parse_line,
    read_entry,
)

_VERSION = "manifest 1"
_BEFORE_SONG = b'{"song_id": "'
_NO_LINE = ("", b"")
_PATH = re.compile(rb'"path": "([^"]*)"')


@dataclass(frozen=True, slots=True)
class PublishedManifest:
    """What the manifest holds.

    Attributes:
        path: the JSON lines.
        songs: number of suitable songs in it.
        unfit: number of songs whose verdict keeps them out.
        excluded: songs that a person keeps out, fit or not, with who did and why.
        left_out: songs without a readable entry, with the reason.
        problems: files of the manifest that are missing or changed.
        cleanup: what was removed first.
    """

    path: Path
    songs: int
    unfit: int
    excluded: tuple[str, ...]
    left_out: tuple[str, ...]
    problems: tuple[str, ...]
    cleanup: Cleanup


@dataclass(frozen=True, slots=True)
class KnownSong:
    """What is known of a song's results without reading them.

    Attributes:
        version: another one wherever its dataset or its review is.
        signature: of names, sizes and times of the files that its dataset was made from; empty where it is not known.
    """

    version: str
    signature: str


def publish_manifest(paths: DataPaths, known: Mapping[str, KnownSong] | None = None) -> PublishedManifest:
    """Write the manifest over all suitable songs of the library that nobody excludes, and check the files it names.

    What kills have left half done and what was made of songs that are gone is removed first. An entry that is
    missing or cannot be read leaves its song out and is named; it stops no other.

    Args:
        paths: the data folder.
        known: what is known of songs; of the others every entry is read.

    Raises:
        WriteError: the manifest cannot be written; the old one stays.
        LibraryError: the folder of all songs cannot be read.
    """
    cleanup = remove_orphans(paths)
    publication = _Publication(paths, known or {})
    path = manifest_path(paths)
    with replacing(path) as temporary, temporary.open("wb") as manifest:
        for line in publication.lines():
            manifest.write(line)
    publication.keep()
    told = publication.told
    return PublishedManifest(
        path, told.fit, told.unfit, tuple(told.excluded), tuple(told.left_out), tuple(told.problems), cleanup
    )


@dataclass(frozen=True, slots=True)
class _Published:
    """What was published of a song the last time.

    Attributes:
        version: of its dataset and review.
        mark: of its entry; None where there is none.
        kind: whether it is in the manifest, or why it is not.
        told: who excludes it and why.
        line: digest of its line.
        files: digest of sizes and times of its files, which were found to be as the line states; empty where not.
    """

    version: str
    mark: Mark | None
    kind: Literal["fit", "unfit", "excluded"]
    told: str = ""
    line: str = ""
    files: str = ""


@dataclass(slots=True)
class _Told:
    """What is told of a publication; see `PublishedManifest`."""

    fit: int = 0
    unfit: int = 0
    excluded: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class _Publication:
    """One publication of the manifest."""

    def __init__(self, paths: DataPaths, known: Mapping[str, KnownSong]) -> None:
        self.told = _Told()
        self._paths = paths
        self._known = known
        self._home = paths.root.resolve()
        self._tables = LibraryTables(FeatureStore(paths.features), paths.warehouse)
        self._rows_path = paths.root / "state" / "manifest.json"
        self._before = {song_id: _from_row(row) for song_id, row in read_rows(self._rows_path, _VERSION).items()}
        self._now: dict[str, _Published] = {}
        self._song_ids = list_song_ids(paths)
        datasets = str(paths.datasets)
        self._marks = {song_id: mark_of(f"{datasets}/{entry_file_name(song_id)}") for song_id in self._song_ids}

    def lines(self) -> Iterator[bytes]:
        """Give the lines of the manifest in order, and note what is told of each song."""
        taken_over = _old_lines(manifest_path(self._paths))
        song, old = next(taken_over, _NO_LINE)
        for song_id in self._song_ids:
            while song and song < song_id:
                song, old = next(taken_over, _NO_LINE)
            published, line = self._published(song_id, old if song == song_id else b"")
            if published is None:
                continue
            self._now[song_id] = published
            if line:
                yield line

    def keep(self) -> None:
        """Store what was published, where enough of it has changed."""
        changed = sum(self._before.get(song_id) != row for song_id, row in self._now.items())
        if is_worth_writing(len(self._now), changed):
            write_rows(self._rows_path, _VERSION, {song_id: _as_row(row) for song_id, row in self._now.items()})

    def _published(self, song_id: str, old: bytes) -> tuple[_Published | None, bytes]:
        before = self._before.get(song_id)
        if (
            before is None
            or not self._is_same(song_id, before)
            or (before.kind == "fit" and _digest(old) != before.line)
        ):
            return self._read(song_id)
        if before.kind == "excluded":
            self.told.excluded.append(f"{song_id}: {before.told}")
            return before, b""
        if before.kind == "unfit":
            self.told.unfit += 1
            return before, b""
        self.told.fit += 1
        return self._checked(song_id, before, old), old

    def _is_same(self, song_id: str, before: _Published) -> bool:
        known = self._known.get(song_id)
        return known is not None and known.version == before.version != "" and self._marks[song_id] == before.mark

    def _read(self, song_id: str) -> tuple[_Published | None, bytes]:
        """Read review and entry of a song; give what is published of it and its line."""
        known = self._known.get(song_id)
        version, mark = known.version if known else "", self._marks[song_id]
        review = self._reviews.get(song_id) or self._all_reviews[song_id]
        if review.is_excluded:
            self.told.excluded.append(f"{song_id}: {review.exclusion}")
            return _Published(version, mark, "excluded", review.exclusion), b""
        try:
            entry = read_entry(dataset_files(self._paths, song_id).entry)
            if entry.song_id != song_id:
                raise StorageError(f"its manifest entry is that of {entry.song_id}; run the song again")
        except StorageError as error:
            self.told.left_out.append(f"{song_id}: {error}")
            return None, b""
        if not entry.suitable:
            self.told.unfit += 1
            return _Published(version, mark, "unfit"), b""
        self.told.fit += 1
        line = manifest_line(entry.model_copy(update={"repeats": review.repeats}))
        return self._checked(song_id, _Published(version, mark, "fit", line=_digest(line)), line), line

    @cached_property
    def _reviews(self) -> dict[str, SongReview]:
        """The reviews of the songs whose entries have to be read."""
        anew = [
            song_id
            for song_id in self._song_ids
            if (before := self._before.get(song_id)) is None or not self._is_same(song_id, before)
        ]
        return stored_reviews(self._tables, anew)

    @cached_property
    def _all_reviews(self) -> dict[str, SongReview]:
        """The reviews of all songs, for a manifest whose lines are not those that were published."""
        return stored_reviews(self._tables, self._song_ids)

    def _checked(self, song_id: str, published: _Published, line: bytes) -> _Published:
        """Note what is wrong with the files of a line, and return what was published, with how they were found."""
        files = self._files(_paths_in(line))
        if files and files == published.files:
            return published
        problems = list(self._problems(line, song_id))
        self.told.problems += (problem.message for problem in problems)
        return _Published(
            published.version, published.mark, "fit", line=published.line, files="" if problems else files
        )

    def _files(self, paths: Sequence[str]) -> str:
        """Digest sizes and times of a song's files; empty where a later change could leave them as they are."""
        looked_ns, found = time.time_ns(), []
        try:
            for path in paths:
                status = os.stat(f"{self._home}/{path}")  # noqa: PTH116 - seven for each of ten thousand songs
                found.append((status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev))
        except OSError:
            return ""
        if not is_settled(max(max(each[1:3]) for each in found), looked_ns):
            return ""
        return hashlib.blake2b(repr(found).encode(), digest_size=8).hexdigest()

    def _problems(self, line: bytes, song_id: str) -> Iterator[Problem]:
        entry = parse_line(line.decode(), song_id)
        known = self._known.get(song_id)
        folder = self._paths.songs / song_id
        is_unchanged = known is not None and same_sound_files(known.signature, folder_signature(folder))
        own = f"{folder.relative_to(self._paths.root).as_posix()}/"
        for file in entry.files:
            yield from check_file(entry, file, self._home, unread=is_unchanged and file.path.startswith(own))


def _old_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Give song and line of a manifest that is there; whether a line is as it was written is for the caller to say."""
    try:
        with open_regular(path) as manifest:
            for line in manifest:
                yield line[len(_BEFORE_SONG) :].partition(b'"')[0].decode(), line
    except (LibraryError, OSError, ValueError):
        return


def _paths_in(line: bytes) -> list[str]:
    """Return the paths of the files in a line as this package writes it; decoding all of it takes far longer."""
    if b"\\" in line:  # something in it is escaped
        return [file["path"] for file in json.loads(line)["files"]]
    return [path.decode() for path in _PATH.findall(line)]


def _digest(line: bytes) -> str:
    return hashlib.blake2b(line, digest_size=8).hexdigest()


def _as_row(published: _Published) -> Row:
    return [published.version, published.mark, published.kind, published.told, published.line, published.files]


def _from_row(row: Row) -> _Published:
    version, mark, kind, told, line, files = row
    return _Published(version, mark and tuple(mark), kind, told, line, files)
