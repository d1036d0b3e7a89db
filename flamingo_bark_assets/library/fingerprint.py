"""Digests that tell whether a song's files have changed: a cheap one for every tick, a true one for results.

Hashing belongs here; deciding what to run again does not.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.files.atomic import TEMPORARY
from flamingo_bark_assets.files.changes import changed_ns, path_changed_ns
from flamingo_bark_assets.files.opening import link_problem, open_regular, shown
from flamingo_bark_assets.library.layout import (
    STEMS_FOLDER,
    SongFiles,
    has_mix_stem,
    is_mix_name,
    is_part_of_layout,
    is_sidecar_name,
)
from flamingo_bark_assets.library.sidecar_names import composed_name, sidecar_bases
from flamingo_bark_assets.library.sidecars import sidecars_digest
from flamingo_bark_assets.library.song_toml import SONG_TOML, SongInfo
from flamingo_bark_assets.library.sound_names import is_stem_file_name

_DIGITS = 32
# Of a signature one half is of the sound files, the other of song.toml and sidecars, so that a change of the words does
# not make anyone read the sound.
_HALF_SIGNATURE = 16
_DECIDED = ("edits", "review", "repeats", "locked", "corrections")
_GRID = ("tempo_bpm", "metre", "first_downbeat_s")
_Stat = tuple[str, str, int, int]


@dataclass(frozen=True, slots=True)
class FileDigests:
    """Digests of the contents of a song's files.

    What a person decides is digested by what depends on it; a digest is empty where nothing is decided, as it was
    before there was such a table in song.toml.

    Attributes:
        sound: of the sound files.
        info: of what song.toml says, all below aside, and of the sidecars.
        edits: of the hand edits.
        review: of the review and of how often the song goes into an export.
        grid: of the corrections of tempo, metre and first downbeat.
        key: of the correction of the key.
        sections: of the corrected sections.
        claims: of the disputed claims that are decided.
    """

    sound: str
    info: str
    edits: str = ""
    review: str = ""
    grid: str = ""
    key: str = ""
    sections: str = ""
    claims: str = ""

    @classmethod
    def of_files(cls, files: SongFiles, sound: str) -> FileDigests:
        """Digest what song.toml and sidecars say beside a digest of the sound files."""
        return cls(sound, info_digest(files), **_decided(files.info))

    def of(self, part: str) -> str:
        """Return the digest of one part."""
        digest: str = getattr(self, part)
        return digest


@dataclass(frozen=True, slots=True)
class FilesStamp:
    """What the file system says about a song's files.

    Attributes:
        signature: digest of names, sizes and times; see `stat_signature`.
        changed_ns: when the last of them, or what stands in their folders, changed, ns since the epoch.
    """

    signature: str
    changed_ns: int


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


def sound_digest(files: SongFiles, *, hashed: Callable[[Path], str] = sha256_of) -> str:
    """Digest names and contents of the sound files: 32 hexadecimal digits.

    Raises:
        LibraryError: a file that was found cannot be read now.
    """
    sound = [
        (files.mix.name, hashed(files.mix)) if files.mix else files.fault,
        [(s.name, s.path.name, hashed(s.path), s.fault) if s.path else (s.name, s.fault) for s in files.stems],
    ]
    return _sha256_of_json(sound)[:_DIGITS]


def info_digest(files: SongFiles) -> str:
    """Digest what song.toml says, what is wrong with it, and the sidecars' contents.

    Hand edits, review, repeats, locks and corrections have digests of their own, or make nothing again. 32 hexadecimal
    digits.
    """
    said = files.info.model_dump(mode="json", exclude_defaults=True, exclude=set(_DECIDED))
    sidecars = [sidecars_digest(files.sidecars)] if files.sidecars else []
    return _sha256_of_json([said, files.info_fault, list(files.info_warnings), *sidecars])[:_DIGITS]


def edits_digest(info: SongInfo) -> str:
    """Digest the hand edits of a song: 32 hexadecimal digits; "" where there are none."""
    return _decided(info)["edits"]


def _decided(info: SongInfo) -> dict[str, str]:
    """Digest what a person decides, by what depends on it: 32 hexadecimal digits each, "" where nothing is decided."""
    said = info.model_dump(mode="json", exclude_defaults=True, include=set(_DECIDED))
    corrections: dict[str, Any] = said.get("corrections", {})
    parts = {
        "edits": said.get("edits"),
        "review": {name: said[name] for name in ("review", "repeats") if name in said},
        "grid": {name: corrections[name] for name in _GRID if name in corrections},
        **{name: corrections.get(name) for name in ("key", "sections", "claims")},
    }
    return {name: _sha256_of_json(value)[:_DIGITS] if value else "" for name, value in parts.items()}


def same_sound_files(signature: str, other: str) -> bool:
    """Tell whether two signatures have the same names, sizes and times of the sound files."""
    return bool(signature) and signature[:_HALF_SIGNATURE] == other[:_HALF_SIGNATURE]


def stat_signature(files: SongFiles) -> str:
    """Digest names, sizes and times of last change of a song's files; no file is opened.

    32 hexadecimal digits, 16 for the sound files and 16 for song.toml and sidecars, the same that `scan_folder` gives
    for the song's folder.
    """
    return folder_signature(files.folder) if files.folder else _digest([]) + _digest([])


def folder_signature(folder: Path) -> str:
    """Digest names, sizes and times of last change of the files in a song's folder, as `stat_signature` does."""
    return scan_folder(str(folder)).stamp.signature


@dataclass(frozen=True, slots=True)
class FolderScan:
    """What stands in a song's folder.

    Attributes:
        stamp: what the file system says about the song's files.
        files: those that count for the stamp, relative to the folder.
        totals: sums of their sizes and of their times of last change.
        mix_bytes: size of each file that may be the mix.
        is_flat: whether no file can come or go without a change of the folder itself or of that of its stems.
        has_leftover: whether a temporary file stands in it.
    """

    stamp: FilesStamp
    files: tuple[str, ...]
    totals: tuple[int, int]
    mix_bytes: tuple[int, ...]
    is_flat: bool
    has_leftover: bool


def scan_folder(folder: str) -> FolderScan:
    """Look at the names, sizes and times of the files of one song."""
    # Plain strings and scandir instead of Path: a sensor asks for thousands of songs at each tick.
    mixes: list[_Stat] = []
    stems: list[_Stat] = []
    info: list[_Stat] = []
    unlike_mixes: list[_Stat] = []
    others: list[_Stat] = []
    inner: list[str] = []
    folders = [folder]
    is_readable, has_leftover = True, False
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                kind = _kind_of(entry.name)
                if kind == "stems":
                    stems += _stem_stats(entry)
                    folders.append(entry.path)
                elif kind == "mix":
                    mixes.append(_stat(entry, ""))
                elif kind == "info":
                    info.append(_stat(entry, ""))
                elif kind == "unlike":
                    unlike_mixes.append(_stat(entry, ""))
                elif kind == "layout":
                    others.append(_stat(entry, ""))
                elif entry.name.startswith("."):
                    has_leftover |= entry.name.startswith(TEMPORARY)
                elif entry.is_dir(follow_symlinks=False):
                    inner.append(entry.path)
    except OSError as error:
        is_readable = False
        mixes.append(("", "", error.errno or 0, 0))
    is_own_layout = bool(mixes) and len(folders) > 1
    if not is_own_layout:
        # Whatever `find_song` may take for mix or stem counts.
        for path in inner:
            for parent, _, names in os.walk(path):
                folders.append(parent)
                inside = parent[len(folder) + 1 :]
                others += [_named_stat(parent, name, inside) for name in names if is_part_of_layout(name)]
        info += [_named_stat(folder, name, "") for name in _sidecars_of([*others, *unlike_mixes], folder)]
        stems += others
    # A song without a mix is told what stands in its place.
    sound = [*(mixes or unlike_mixes), *stems]
    times = [time_ns for _, _, _, time_ns in [*sound, *info]]
    # Of a file that was removed nothing tells but its folder.
    last_ns = max([*times, *(path_changed_ns(each) or 0 for each in folders)])
    return FolderScan(
        FilesStamp(_digest(sound) + _digest(info), last_ns),
        files=tuple(f"{inside}/{name}" if inside else name for inside, name, _, _ in [*sound, *info]),
        totals=(sum(size for _, _, size, _ in [*sound, *info]), sum(times)),
        mix_bytes=tuple(size for _, _, size, _ in mixes or sound),
        is_flat=is_readable and (is_own_layout or not inner),
        has_leftover=has_leftover,
    )


@functools.lru_cache(maxsize=4096)
def _kind_of(name: str) -> str:
    """Tell what a file of a name in a song's folder is taken for."""
    if name == STEMS_FOLDER:
        return "stems"
    if is_mix_name(name):
        return "mix"
    if name == SONG_TOML or is_sidecar_name(name):
        return "info"
    if has_mix_stem(name):
        return "unlike"
    return "layout" if is_part_of_layout(name) else ""


def _sidecars_of(sounds: list[_Stat], folder: str) -> list[str]:
    """Return the names in a folder that are sidecars of a sound there which is not called as the library calls one."""
    bases = {composed_name(os.path.splitext(name)[0]).lower() for inside, name, _, _ in sounds if not inside}  # noqa: PTH122
    if not bases:
        return []
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []
    return [
        name
        for name in names
        if not is_sidecar_name(name) and any(composed_name(base).lower() in bases for base in sidecar_bases(name))
    ]


def _stem_stats(folder: os.DirEntry[str]) -> list[_Stat]:
    if folder.is_symlink() and link_problem(Path(folder.path), Path(folder.path).parent.parent):
        return [(STEMS_FOLDER, "", -1, 0)]
    try:
        with os.scandir(folder.path) as entries:
            return [_stat(entry, STEMS_FOLDER) for entry in entries if is_stem_file_name(entry.name)]
    except OSError as error:
        return [(STEMS_FOLDER, "", error.errno or 0, 0)]


def _stat(entry: os.DirEntry[str], folder: str) -> _Stat:
    try:
        status = entry.stat()
    except OSError:  # A link that leads nowhere, or a file that has just gone.
        return folder, entry.name, -1, 0
    # The change time tells a file that was removed and added again, its old time kept, from one that stayed.
    return folder, entry.name, status.st_size, changed_ns(status)


def _named_stat(folder: str, name: str, inside: str) -> _Stat:
    try:
        status = os.stat(f"{folder}/{name}")  # noqa: PTH116
    except OSError:
        return inside, name, -1, 0
    return inside, name, status.st_size, changed_ns(status)


def _digest(found: list[_Stat]) -> str:
    return hashlib.blake2b(repr(sorted(found)).encode(), digest_size=_HALF_SIGNATURE // 2).hexdigest()


def _sha256_of_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
