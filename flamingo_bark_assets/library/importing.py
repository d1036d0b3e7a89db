"""Adding songs to the library and removing them, each as one step that a kill cannot leave half done.

Copying, duplicates and cleaning up belong here; whether the sound can be decoded does not.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock

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
from flamingo_bark_assets.library.known_mixes import KnownMixes, same_mix
from flamingo_bark_assets.library.layout import (
    LIBRARY_LOCK,
    MIX_NAME,
    STEMS_FOLDER,
    DataPaths,
    SongFiles,
    find_song,
)
from flamingo_bark_assets.library.orphans import derived_files, forget_packed, is_packed
from flamingo_bark_assets.library.sidecar_sources import FoundSidecar, SidecarFinder, stored_name
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
class Stem:
    """A stem to be stored.

    Attributes:
        name: name of the file that it becomes; characters which no system takes are replaced.
        path: the file that holds it.
        write: writes it to a path in place of a copy of `path`, which holds it beside other sound; None for a copy.
    """

    name: str
    path: Path
    write: Callable[[Path], None] | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A song that is to be stored.

    Attributes:
        mix: the file of the whole song.
        called: what its identifier is made from, where `song_id` is None.
        stems: its stems.
        sidecars: text files that go with it.
        info: what goes into song.toml.
        song_id: the identifier that it must have.
    """

    mix: Path
    called: str
    stems: tuple[Stem, ...] = ()
    sidecars: tuple[FoundSidecar, ...] = ()
    info: SongInfo = field(default_factory=SongInfo)
    song_id: str | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """A song whose files are copied, in a hidden folder beside the library's songs."""

    song: Incoming
    folder: Path
    mix_name: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a song.

    Attributes:
        song_id: its identifier, or that of the song which has the same mix.
        is_new: whether it was stored; False where such a song is there already.
    """

    song_id: str
    is_new: bool


class Importer:
    """Stores songs in the library, each as one step: other processes see all of it or nothing.

    What the library holds is looked at once, not for each song. `stage` may be called in several threads, `store` in
    one. What was staged and not stored is deleted at the end of the `with` block, and after a kill by the next import.

    Args:
        paths: the library.
        link: make hard links of the sound where the file system can.
    """

    def __init__(self, paths: DataPaths, *, link: bool = False) -> None:
        self._paths = paths
        self._link = link
        self._known = KnownMixes(paths)
        self._open = ExitStack()
        self._staging: Path | None = None
        self._staging_lock = Lock()
        self._numbers = count()
        self._next_number: dict[str, int] = {}
        self._planned: dict[str, Incoming] = {}

    def __enter__(self) -> Importer:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def holder(self, mix: Path) -> str | None:
        """Return the song that has the same mix; None where none has.

        Raises:
            LibraryError: the mix cannot be read.
        """
        return self._known.holder(mix)

    def stage(self, song: Incoming) -> Staged:
        """Copy a song's files to where one step makes them a song of the library.

        Raises:
            LibraryError: a source is missing or no sound file by its name, the identifier is taken or not valid, or a
                file cannot be written.
        """
        mix, suffix = song.mix, song.mix.suffix.lower()
        stems = self._checked(song)
        with _os_errors_named(mix.name, f"cannot be added to {self._paths.songs}"):
            folder = self._new_folder()
            try:
                _store(mix.resolve(), folder / f"{MIX_NAME}{suffix}", link=self._link)
                for name, stem in stems.items():
                    target = folder / STEMS_FOLDER / name
                    if stem.write is None:
                        _store(stem.path.resolve(), target, link=self._link)
                    else:
                        target.parent.mkdir(exist_ok=True)
                        stem.write(target)
                        sync_file(target)
                for sidecar in song.sidecars:
                    # Never linked: a text that is edited in one place must not change in the other.
                    if sidecar.own_table is None:
                        _store(sidecar.path, folder / stored_name(sidecar), link=False)
                    else:
                        write_bytes(folder / stored_name(sidecar), sidecar.own_table)
                if song.info != SongInfo():
                    write_song_info(folder / SONG_TOML, song.info)
                for each in (folder / STEMS_FOLDER, folder) if stems else (folder,):
                    sync_folder(each)
            except BaseException:
                delete_tree(folder)
                raise
        return Staged(song, folder, f"{MIX_NAME}{suffix}")

    def store(self, staged: Staged) -> Stored:
        """Make a staged song one of the library, unless a song with the same mix has come meanwhile.

        Raises:
            LibraryError: the identifier is taken, or the library cannot be written.
        """
        song, paths = staged.song, self._paths
        with _os_errors_named(song.mix.name, f"cannot be added to {paths.songs}"), _lock(paths):
            self._known.refresh()
            if holder := self._known.holder(staged.folder / staged.mix_name):
                delete_tree(staged.folder)
                return Stored(holder, is_new=False)
            song_id = song.song_id or self._free_song_id(song.called)
            _refuse_taken(paths, song_id)
            staged.folder.rename(paths.songs / song_id)
            sync_folder(paths.songs)
        self._known.note(song_id, paths.songs / song_id / staged.mix_name)
        return Stored(song_id, is_new=True)

    def plan(self, song: Incoming) -> Stored:
        """Tell what `stage` and `store` would make of a song, and reckon it as stored from then on; nothing is written.

        Raises:
            LibraryError: as both of them, but for what only writing tells.
        """
        for stem in self._checked(song).values():
            open_regular(stem.path).close()
        if holder := self._known.holder(song.mix):
            return Stored(holder, is_new=False)
        song_id = song.song_id or self._free_song_id(song.called)
        self._planned[song_id] = song
        self._known.note(song_id, song.mix)
        return Stored(song_id, is_new=True)

    def has_stems(self, song_id: str) -> bool:
        """Tell whether a song that is stored, or planned to be, has stems."""
        if planned := self._planned.get(song_id):
            return bool(planned.stems)
        return bool(find_song(self._paths, song_id).stems)

    def _checked(self, song: Incoming) -> dict[str, Stem]:
        """Refuse a song that cannot be stored; return its stems by the names of the files that they become."""
        check_sound_name(song.mix)
        open_regular(song.mix).close()
        if song.song_id is not None:
            check_song_id(song.song_id)
            _refuse_taken(self._paths, song.song_id)
        return _stored_names(song.stems)

    def _new_folder(self) -> Path:
        with self._staging_lock:
            if self._staging is None:
                self._staging = self._open.enter_context(temporary_folder(self._paths.songs))
            folder = self._staging / str(next(self._numbers))
        folder.mkdir()
        return folder

    def _free_song_id(self, text: str) -> str:
        base = make_song_id(text, fallback=FALLBACK_SONG_ID)
        for number in count(self._next_number.get(base, 1)):
            tail = f"-{number}" if number > 1 else ""
            song_id = f"{base[: MAX_SONG_ID_LENGTH - len(tail)]}{tail}"
            if song_id not in self._planned and not os.path.lexists(self._paths.songs / song_id):
                self._next_number[base] = number + 1
                return song_id
        raise AssertionError("numbers do not end")


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
    """Store one song in the library; other processes see all of it or nothing.

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
    check_sound_name(file)
    open_regular(file).close()
    stems = stems_in(stems_dir, file) if stems_dir else ()
    sidecars = tuple(sidecars_to_add(file)) if with_sidecars else ()
    song = Incoming(file, info.title or file.stem, stems, sidecars, info, song_id)
    if song_id is not None:
        check_song_id(song_id)
        _refuse_taken(paths, song_id)
    with Importer(paths, link=link) as importer:
        holder = importer.holder(file)
        stored = Stored(holder, is_new=False) if holder else importer.store(importer.stage(song))
    if not stored.is_new:
        raise same_mix(file.name, stored.song_id)
    return find_song(paths, stored.song_id)


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
    if not existed and not derived and not is_packed(paths, song_id):
        raise LibraryError(f"there is no song {song_id!r} in {paths.songs}")
    left = [str(path) for path in (trash, *derived) if not delete_tree(path)]
    if problem := forget_packed(paths, [song_id]):
        left.append(problem)
    if left:
        raise LibraryError(f"song {song_id!r} is removed, but cannot delete {', '.join(left)}")


def check_sound_name(file: Path) -> None:
    """Refuse a file that is no sound file by its name.

    Raises:
        LibraryError: names the endings that are known.
    """
    if not has_audio_suffix(file.name):
        known = ", ".join(sorted(AUDIO_SUFFIXES))
        raise LibraryError(f"{shown(file.name)}: {NO_SOUND_ENDING}; known are {known}")


def sidecars_to_add(file: Path, finder: SidecarFinder | None = None) -> list[FoundSidecar]:
    """Find the sidecars that lie beside a song's file; of many songs by one finder.

    Raises:
        LibraryError: one cannot be used.
    """
    try:
        return (finder or SidecarFinder()).beside(file)
    except LibraryError as error:
        raise LibraryError(f"{error}; --no-sidecars adds the song without them") from error


def stems_in(stems_dir: Path, mix: Path) -> tuple[Stem, ...]:
    """Return the stems in a folder, without the mix.

    Raises:
        LibraryError: there is no such folder, it holds no sound, one is a link that leaves it, or two would be stored
            under one name.
    """
    if not stems_dir.is_dir():
        raise LibraryError(f"{shown(stems_dir.name)}: there is no such stems folder")
    with _os_errors_named(stems_dir.name, "cannot be read"):
        files = sorted(path for path in stems_dir.iterdir() if is_stem_file_name(path.name))
    stems = []
    for path in files:
        if problem := file_problem(path, stems_dir):
            raise LibraryError(f"{shown(path.name)} in the stems folder {shown(stems_dir.name)}: {problem}")
        if path.resolve() != mix.resolve():
            stems.append(Stem(path.name, path))
    _stored_names(stems)
    if not any(has_audio_suffix(stem.name) for stem in stems):
        others = ", ".join(shown(stem.name) for stem in stems)
        why = f"; {others} {NO_SOUND_ENDING}" if others else ""
        raise LibraryError(f"{shown(stems_dir.name)}: the stems folder holds no sound file{why}")
    return tuple(stems)


def _stored_names(stems: Iterable[Stem]) -> dict[str, Stem]:
    """Return the stems by the names of the files that they become.

    Raises:
        LibraryError: two have one name.
    """
    stored: dict[str, Stem] = {}
    for stem in stems:
        file = Path(stem.name)
        name = f"{_cleaned(file.stem)}{file.suffix.lower()}"
        if name in stored:
            both = f"{shown(stored[name].path.name)} and {shown(stem.path.name)}"
            raise LibraryError(f"{both} would both be stored as {STEMS_FOLDER}/{name}; rename one")
        stored[name] = stem
    return stored


def _cleaned(stem: str) -> str:
    # Never longer than it was, so that a name which the file system took once is taken again.
    return _UNSAFE_IN_NAME.sub("_", stem).strip(" .-_") or "stem"


def _refuse_taken(paths: DataPaths, song_id: str) -> None:
    if os.path.lexists(paths.songs / song_id):
        raise LibraryError(f"there is a song {song_id!r} already; remove it first or choose another id")


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
