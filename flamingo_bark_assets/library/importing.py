"""Adding songs to the library and removing them, each as one step that a kill cannot leave half done.

Copying, duplicates and cleaning up belong here; whether the sound can be decoded does not.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from filelock import FileLock

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.files.atomic import (
    delete_tree,
    sync_file,
    sync_folder,
    temporary_folder,
    temporary_path,
    write_advice,
    write_bytes,
)
from flamingo_bark_assets.files.opening import file_problem, open_regular, shown
from flamingo_bark_assets.library.ids import MAX_SONG_ID_LENGTH, check_song_id, make_song_id
from flamingo_bark_assets.library.layout import (
    LIBRARY_LOCK,
    MIX_NAME,
    STEMS_FOLDER,
    DataPaths,
    SongFiles,
    find_song,
    is_mix_name,
    list_song_ids,
)
from flamingo_bark_assets.library.orphans import derived_files
from flamingo_bark_assets.library.sidecar_sources import FoundSidecar, sidecars_beside, stored_name
from flamingo_bark_assets.library.song_toml import SONG_TOML, SongInfo, write_song_info
from flamingo_bark_assets.library.sound_names import (
    AUDIO_SUFFIXES,
    NO_SOUND_ENDING,
    has_audio_suffix,
    is_stem_file_name,
)

FALLBACK_SONG_ID = "song"
_CHUNK_BYTES = 256 * 1024
# Far longer than checking and renaming takes; the copying is done outside the lock.
_LOCK_TIMEOUT_S = 120.0
# What Windows, a shell or a table cannot hold in a file name.
_UNSAFE_IN_NAME = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff/\\:*?"<>|]')


@dataclass(frozen=True, slots=True)
class _Source:
    """A file to be stored: where it really is, and its path within the song's folder."""

    path: Path
    stored_as: str


def add_song(
    paths: DataPaths,
    file: Path,
    *,
    stems_dir: Path | None = None,
    song_id: str | None = None,
    info: SongInfo | None = None,
    link: bool = False,
    with_sidecars: bool = True,
) -> SongFiles:
    """Store a song in the library; other processes see all of it or nothing.

    Hidden files, those that are no sound files and `file` itself are left out of the stems. A stem with an ending that
    is not read ("drums.ac3") is stored and its fault says so. By default the identifier
    is made from the title or the file name, with a number where taken. With `link` hard links of the sound are made
    where the file system can. Sidecars that lie beside `file` are copied unchanged, whatever stands in them; of a
    ``metadata.csv`` its row.

    Raises:
        LibraryError: a source is missing or no sound file by its name, a stem or sidecar is a link that leaves its
            folder, the identifier is taken or not valid, or a song with the same mix is there already.
    """
    info = info or SongInfo()
    mix = _mix_source(file)
    sources = [mix, *(_stem_sources(stems_dir, mix) if stems_dir else ())]
    sidecars = _beside(file) if with_sidecars else []
    if song_id is not None:
        check_song_id(song_id)
        _refuse_taken(paths, song_id)
    known = set(list_song_ids(paths))
    refuse_duplicate(paths, mix.path, known)
    with _os_errors_named(file.name, f"cannot be added to {paths.songs}"), temporary_folder(paths.songs) as staging:
        for source in sources:
            _store(source.path, staging / source.stored_as, link=link)
        for sidecar in sidecars:  # Never linked: a text that is edited in one place must not change in the other.
            if sidecar.own_table is None:
                _store(sidecar.path, staging / stored_name(sidecar), link=False)
            else:
                write_bytes(staging / stored_name(sidecar), sidecar.own_table)
        if info != SongInfo():
            write_song_info(staging / SONG_TOML, info)
        for folder in {staging / STEMS_FOLDER, staging} if stems_dir else {staging}:
            sync_folder(folder)
        with _lock(paths):
            # Songs that others have added in the meantime.
            refuse_duplicate(paths, mix.path, set(list_song_ids(paths)) - known)
            stored_id = song_id or _free_song_id(paths, info.title or file.stem)
            _refuse_taken(paths, stored_id)
            staging.rename(paths.songs / stored_id)
            sync_folder(paths.songs)
    return find_song(paths, stored_id)


def remove_song(paths: DataPaths, song_id: str) -> None:
    """Remove a song and the files derived from it: its tables, its dataset files and its state.

    The song is gone for others at once. A removal that was cut short can be repeated, and is finished by the next
    publication, as is that of files which a run makes of the song meanwhile; see `remove_orphans`.

    Raises:
        LibraryError: the identifier is not valid, there is no such song, or a file cannot be deleted.
    """
    check_song_id(song_id)
    folder = paths.songs / song_id
    trash = temporary_path(paths.songs)
    if existed := folder.is_dir() or folder.is_symlink():
        with _os_errors_named(song_id, f"cannot be removed from {paths.songs}"), _lock(paths):
            folder.rename(trash)
            sync_folder(paths.songs)
    derived = list(derived_files(paths, song_id))
    if not existed and not derived:
        raise LibraryError(f"there is no song {song_id!r} in {paths.songs}")
    if left := [str(path) for path in (trash, *derived) if not delete_tree(path)]:
        raise LibraryError(f"song {song_id!r} is removed, but cannot delete {', '.join(left)}")


def _mix_source(file: Path) -> _Source:
    suffix = file.suffix.lower()
    if not has_audio_suffix(file.name):
        known = ", ".join(sorted(AUDIO_SUFFIXES))
        raise LibraryError(f"{shown(file.name)}: {NO_SOUND_ENDING}; known are {known}")
    open_regular(file).close()
    return _Source(file.resolve(), f"{MIX_NAME}{suffix}")


def _beside(file: Path) -> list[FoundSidecar]:
    try:
        return sidecars_beside(file)
    except LibraryError as error:
        raise LibraryError(f"{error}; --no-sidecars adds the song without them") from error


def _stem_sources(stems_dir: Path, mix: _Source) -> list[_Source]:
    if not stems_dir.is_dir():
        raise LibraryError(f"{shown(stems_dir.name)}: there is no such stems folder")
    with _os_errors_named(stems_dir.name, "cannot be read"):
        files = sorted(path for path in stems_dir.iterdir() if is_stem_file_name(path.name))
    stored: dict[str, Path] = {}
    for path in files:
        if problem := file_problem(path, stems_dir):
            raise LibraryError(f"{shown(path.name)} in the stems folder {shown(stems_dir.name)}: {problem}")
        if path.resolve() == mix.path:
            continue
        name = f"{STEMS_FOLDER}/{_cleaned(path.stem)}{path.suffix.lower()}"
        if name in stored:
            both = f"{shown(stored[name].name)} and {shown(path.name)}"
            raise LibraryError(f"{both} would both be stored as {name}; rename one")
        stored[name] = path
    if not any(has_audio_suffix(name) for name in stored):
        others = ", ".join(shown(path.name) for path in stored.values())
        why = f"; {others} {NO_SOUND_ENDING}" if others else ""
        raise LibraryError(f"{shown(stems_dir.name)}: the stems folder holds no sound file{why}")
    return [_Source(path.resolve(), name) for name, path in stored.items()]


def _cleaned(stem: str) -> str:
    # Never longer than it was, so that a name which the file system took once is taken again.
    return _UNSAFE_IN_NAME.sub("_", stem).strip(" .-_") or "stem"


def _refuse_taken(paths: DataPaths, song_id: str) -> None:
    if os.path.lexists(paths.songs / song_id):
        raise LibraryError(f"there is a song {song_id!r} already; remove it first or choose another id")


def _free_song_id(paths: DataPaths, text: str) -> str:
    base = make_song_id(text, fallback=FALLBACK_SONG_ID)
    numbered = (f"{base[: MAX_SONG_ID_LENGTH - len(f'-{n}')]}-{n}" for n in count(2))
    return next(song_id for song_id in chain([base], numbered) if not os.path.lexists(paths.songs / song_id))


def refuse_duplicate(paths: DataPaths, mix: Path, song_ids: Iterable[str]) -> None:
    """Refuse a mix that one of these songs has already.

    Raises:
        LibraryError: names that song, or `mix` cannot be read.
    """
    with open_regular(mix) as file:
        size = os.fstat(file.fileno()).st_size
    for song_id in sorted(song_ids):
        if any(_same_contents(mix, held) for held in _mixes_of_size(paths, song_id, size)):
            raise LibraryError(f"{shown(mix.name)}: the song {song_id!r} has the same mix already")


def _same_contents(first: Path, second: Path) -> bool:
    """Compare two files of one size."""
    # Not by hashes: clips of one length are files of one size, and this mostly ends at the first chunk.
    with open_regular(first) as one, open_regular(second) as other:
        while chunk := one.read(_CHUNK_BYTES):
            if chunk != other.read(_CHUNK_BYTES):
                return False
        return True


def _mixes_of_size(paths: DataPaths, song_id: str, size: int) -> list[Path]:
    try:
        with os.scandir(paths.songs / song_id) as entries:
            found = [e for e in entries if is_mix_name(e.name) and e.stat().st_size == size]
    except OSError:
        return []  # A song that cannot be read is reported by `find_song`; it must not stop another's import.
    return [Path(e.path) for e in found if file_problem(Path(e.path), paths.songs) is None]


def _store(source: Path, target: Path, *, link: bool) -> None:
    target.parent.mkdir(exist_ok=True)
    if link:
        # Another device, a file system without hard links, or a system that forbids them: copy.
        with suppress(OSError):
            target.hardlink_to(source)
            return
    with open_regular(source) as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, _CHUNK_BYTES)
    sync_file(target)


def _lock(paths: DataPaths) -> FileLock:
    return FileLock(paths.songs / LIBRARY_LOCK, timeout=_LOCK_TIMEOUT_S)


@contextmanager
def _os_errors_named(name: str, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise LibraryError(f"{shown(name)}: {what}: {reason}; {write_advice(error.errno)}") from error
