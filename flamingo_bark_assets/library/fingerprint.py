"""Digests that tell whether a song's files have changed: a cheap one for every tick, a true one for results.

Hashing belongs here; deciding what to run again does not.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.layout import (
    STEMS_FOLDER,
    DataPaths,
    SongFiles,
    has_audio_suffix,
    is_mix_name,
    list_song_ids,
)
from flamingo_bark_assets.library.safe_files import link_problem, open_regular, shown
from flamingo_bark_assets.library.song_toml import SONG_TOML


def sha256_of(path: Path) -> str:
    """Hash a file's contents: SHA-256, 64 hexadecimal digits.

    Raises:
        LibraryError: the file is missing, not a regular file, or cannot be read.
    """
    with open_regular(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise LibraryError(f"{shown(path.name)}: cannot be read: {error.strerror}") from error


def fingerprint(files: SongFiles) -> str:
    """Hash what every result of a song depends on: names and contents of mix and stems, and its song.toml.

    Of song.toml the values count, not comments and layout; a file that may not be opened counts by its fault.

    Args:
        files: the song's files as `find_song` gives them.

    Returns:
        SHA-256, 64 hexadecimal digits; it does not depend on where the library stands.

    Raises:
        LibraryError: a file that was found cannot be read now.
    """
    parts = [
        (files.mix.name, sha256_of(files.mix)) if files.mix else None,
        [(s.name, s.path.name, sha256_of(s.path), s.fault) if s.path else (s.name, s.fault) for s in files.stems],
        files.info.model_dump(mode="json", exclude_defaults=True),
        files.fault,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def stat_signature(files: SongFiles) -> str:
    """Digest names, sizes and times of last change of a song's files; no file is opened.

    Args:
        files: the song's files as `find_song` gives them.

    Returns:
        32 hexadecimal digits, the same that `stat_signatures` gives for the song.
    """
    return _signature(str(files.folder)) if files.folder else _digest([])


def stat_signatures(paths: DataPaths) -> dict[str, str]:
    """Digest names, sizes and times of last change of every song's files; no file is opened.

    Returns:
        `stat_signature` by song id, sorted by id.

    Raises:
        LibraryError: the folder of all songs cannot be read.
    """
    songs = str(paths.songs)
    return {song_id: _signature(f"{songs}/{song_id}") for song_id in list_song_ids(paths)}


def _signature(folder: str) -> str:
    # Plain strings and scandir instead of Path: a sensor asks for ten thousand songs at each tick.
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == STEMS_FOLDER:
                    found += _stem_stats(entry)
                elif entry.name == SONG_TOML or is_mix_name(entry.name):
                    found.append(_stat(entry, ""))
    except OSError as error:
        found.append(("", "", error.errno or 0, 0))
    return _digest(found)


def _stem_stats(folder: os.DirEntry[str]) -> list[tuple[str, str, int, int]]:
    if folder.is_symlink() and link_problem(Path(folder.path), Path(folder.path).parent.parent):
        return [(STEMS_FOLDER, "", -1, 0)]
    try:
        with os.scandir(folder.path) as entries:
            return [_stat(entry, STEMS_FOLDER) for entry in entries if has_audio_suffix(entry.name)]
    except OSError as error:
        return [(STEMS_FOLDER, "", error.errno or 0, 0)]


def _stat(entry: os.DirEntry[str], folder: str) -> tuple[str, str, int, int]:
    try:
        status = entry.stat()
    except OSError:  # A link that leads nowhere, or a file that has just gone.
        return folder, entry.name, -1, 0
    # The change time tells a file that was removed and added again, its old time kept, from one that stayed.
    return folder, entry.name, status.st_size, max(status.st_mtime_ns, status.st_ctime_ns)


def _digest(found: list[tuple[str, str, int, int]]) -> str:
    return hashlib.blake2b(repr(sorted(found)).encode(), digest_size=16).hexdigest()
