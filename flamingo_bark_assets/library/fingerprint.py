"""Digests that tell whether a song's files have changed: a cheap one for every tick, a true one for results.

Hashing belongs here; deciding what to run again does not.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

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
from flamingo_bark_assets.library.song_toml import SONG_TOML, Edits, SongInfo

# Hexadecimal digits: one half is of the sound files, the other of song.toml, so that a change of the words does
# not make anyone read the sound.
_HALF_FINGERPRINT = 32
_HALF_SIGNATURE = 16


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
    """Hash what every measurement of a song depends on: names and contents of mix and stems, and its song.toml.

    Of song.toml the values count, not comments and layout, and not the hand edits, which nothing measured depends
    on. A file that may not be opened counts by its fault.

    Args:
        files: the song's files as `find_song` gives them.

    Returns:
        64 hexadecimal digits, 32 of a SHA-256 over the sound files and 32 of one over the rest; they do not depend
        on where the library stands.

    Raises:
        LibraryError: a file that was found cannot be read now.
    """
    sound = [
        (files.mix.name, sha256_of(files.mix)) if files.mix else None,
        [(s.name, s.path.name, sha256_of(s.path), s.fault) if s.path else (s.name, s.fault) for s in files.stems],
    ]
    return _sha256_of_json(sound)[:_HALF_FINGERPRINT] + _info_digest(files)


def edits_digest(info: SongInfo) -> str:
    """Hash the hand edits of a song: SHA-256, 64 hexadecimal digits; "" where there are none."""
    if info.edits == Edits():
        return ""
    return _sha256_of_json(info.edits.model_dump(mode="json", exclude_defaults=True))


def same_info(stored_fingerprint: str, files: SongFiles) -> bool:
    """Tell whether a fingerprint was taken with the present song.toml, hand edits aside; no sound file is read."""
    return stored_fingerprint[_HALF_FINGERPRINT:] == _info_digest(files)


def same_sound_files(signature: str, other: str) -> bool:
    """Tell whether two signatures have the same names, sizes and times of the sound files."""
    return signature[:_HALF_SIGNATURE] == other[:_HALF_SIGNATURE]


def stat_signature(files: SongFiles) -> str:
    """Digest names, sizes and times of last change of a song's files; no file is opened.

    Args:
        files: the song's files as `find_song` gives them.

    Returns:
        32 hexadecimal digits, 16 for the sound files and 16 for song.toml, the same that `stat_signatures`
        gives for the song.
    """
    return _signature(str(files.folder)) if files.folder else _digest([]) + _digest([])


def stat_signatures(paths: DataPaths) -> dict[str, str]:
    """Digest names, sizes and times of last change of every song's files; no file is opened.

    Returns:
        `stat_signature` by song id, sorted by id.

    Raises:
        LibraryError: the folder of all songs cannot be read.
    """
    songs = str(paths.songs)
    return {song_id: _signature(f"{songs}/{song_id}") for song_id in list_song_ids(paths)}


def _info_digest(files: SongFiles) -> str:
    said = files.info.model_dump(mode="json", exclude_defaults=True, exclude={"edits"})
    return _sha256_of_json([said, files.fault])[:_HALF_FINGERPRINT]


def _signature(folder: str) -> str:
    # Plain strings and scandir instead of Path: a sensor asks for ten thousand songs at each tick.
    sound, info = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == STEMS_FOLDER:
                    sound += _stem_stats(entry)
                elif is_mix_name(entry.name):
                    sound.append(_stat(entry, ""))
                elif entry.name == SONG_TOML:
                    info.append(_stat(entry, ""))
    except OSError as error:
        sound.append(("", "", error.errno or 0, 0))
    return _digest(sound) + _digest(info)


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
    return hashlib.blake2b(repr(sorted(found)).encode(), digest_size=_HALF_SIGNATURE // 2).hexdigest()


def _sha256_of_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
