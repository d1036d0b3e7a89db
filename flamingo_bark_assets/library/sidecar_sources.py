"""Sidecars outside the library: finding those of a song, and copying them to a song that is in it.

Where they come from and what they are stored as belongs here; what stands in them does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.errors import FileFault, LibraryError
from flamingo_bark_assets.files.atomic import write_bytes
from flamingo_bark_assets.files.opening import file_problem, read_bytes, shown
from flamingo_bark_assets.library.ids import make_song_id
from flamingo_bark_assets.library.layout import MIX_NAME, SongFiles
from flamingo_bark_assets.library.sidecar_names import ENDINGS, composed_name, sidecar_bases, sidecar_ending
from flamingo_bark_assets.library.sidecar_tables import MAX_TABLE_BYTES, TABLE_ENDING, TABLE_NAME, SongTable
from flamingo_bark_assets.library.sidecars import MAX_SIDECAR_BYTES, decoded
from flamingo_bark_assets.library.sound_names import has_audio_suffix

_NOT_AN_ID = "song"


@dataclass(frozen=True, slots=True)
class FoundSidecar:
    """A sidecar outside the library.

    Attributes:
        path: the file.
        base: name of the song's file that it belongs to, without its ending.
        own_table: of a table of many songs, its head and the row of that file; None of any other sidecar.
    """

    path: Path
    base: str
    own_table: bytes | None = None

    def contents(self) -> bytes:
        """Return what is kept of it.

        Raises:
            LibraryError: it cannot be read.
        """
        return _contents(self.path) if self.own_table is None else self.own_table


def stored_name(sidecar: FoundSidecar) -> str:
    """Name a sidecar as the mix of a song is named: ``My Song.caption.txt`` becomes ``song.caption.txt``.

    The row of a ``metadata.csv`` becomes ``song.metadata.csv``.
    """
    if sidecar.own_table is not None:
        return MIX_NAME + TABLE_ENDING
    return MIX_NAME + sidecar.path.name[len(sidecar.path.name) - len(_ending(sidecar)) :]


class SidecarFinder:
    """Finds the sidecars of many sound files; each folder and each table is read once."""

    def __init__(self) -> None:
        self._by_base: dict[Path, dict[str, list[str]]] = {}
        self._tables: dict[Path, SongTable | FileFault | None] = {}

    def beside(self, file: Path) -> list[FoundSidecar]:
        """Find the sidecars that lie beside a sound file, sorted by name, and then its row of a ``metadata.csv``.

        Raises:
            LibraryError: one is a link that leaves the folder, cannot be read, or is too large for one.
        """
        folder = file.parent
        if folder not in self._by_base:
            by_base: dict[str, list[str]] = {}
            for name in _names(folder):
                for base in sidecar_bases(name):
                    by_base.setdefault(composed_name(base), []).append(name)
            self._by_base[folder] = by_base
        names = self._by_base[folder].get(composed_name(file.stem), ())
        return [*_usable([FoundSidecar(folder / name, file.stem) for name in names]), *self._row(file)]

    def _row(self, sound: Path) -> Iterator[FoundSidecar]:
        table = sound.parent / TABLE_NAME
        if table not in self._tables:
            self._tables[table] = _read_table(table) if os.path.lexists(table) else None
        read = self._tables[table]
        try:
            if isinstance(read, FileFault):
                raise read
            own = read.own_table(sound.name) if read is not None else None
        except FileFault as fault:
            raise LibraryError(f"the table {TABLE_NAME} beside {shown(sound.name)}: {fault}") from fault
        if own is not None:
            yield FoundSidecar(table, sound.stem, own)


def sidecars_beside(file: Path) -> list[FoundSidecar]:
    """Find the sidecars that lie beside one sound file; see `SidecarFinder.beside`."""
    return SidecarFinder().beside(file)


def find_sidecars(place: Path, song_id: str) -> list[FoundSidecar]:
    """Find the sidecars that a person means by a path.

    Args:
        place: a sidecar; a sound file, for those beside it; or a folder, for those of the only song that it holds any
            of, or else of the one whose name makes this identifier.
        song_id: the song that they are for.

    Raises:
        LibraryError: there is no such place, there are none, it is not clear which are meant, or one cannot be used.
    """
    if place.is_dir():
        return _usable(_in_folder(place, song_id))
    if not os.path.lexists(place):
        raise LibraryError(f"{place}: there is no such file or folder")
    if has_audio_suffix(place.name):
        found = sidecars_beside(place)
        if not found:
            raise LibraryError(f"{place}: no sidecar lies beside it; known are {_known(place.stem)}")
        return found
    bases = sidecar_bases(place.name)
    if not bases:
        raise LibraryError(f"{place}: is not named as a sidecar; known are {_known('NAME')}")
    # The shortest base leaves the whole ending: X.caption.txt is of X.
    return _usable([FoundSidecar(place, min(bases, key=len))])


def import_sidecars(files: SongFiles, sidecars: Sequence[FoundSidecar], *, overwrite: bool, dry_run: bool) -> list[str]:
    """Copy sidecars into the folder of a song; return the names of those that are new or other there.

    They stay unchanged, but for a table of many songs, of which one row is kept. With `dry_run` nothing is written.
    Each file is there whole or not at all.

    Raises:
        LibraryError: another text stands in place of one and `overwrite` is not set; nothing is written then.
        WriteError: a file cannot be written.
    """
    if files.folder is None:
        raise LibraryError(files.fault or f"song {files.song_id!r}: there is no folder")
    contents = {stored_name(sidecar): sidecar.contents() for sidecar in sidecars}
    present = {name: files.folder / name for name in contents if os.path.lexists(files.folder / name)}
    new = [name for name, data in contents.items() if name not in present or _contents(present[name]) != data]
    if in_the_way := [name for name in new if name in present and not overwrite]:
        raise LibraryError(
            f"song {files.song_id!r}: {', '.join(in_the_way)} is there already and says something else; --overwrite "
            "puts the new one in its place"
        )
    for name in new:
        if not dry_run:
            write_bytes(files.folder / name, contents[name])
    return new


def _in_folder(folder: Path, song_id: str) -> list[FoundSidecar]:
    names = _names(folder)
    bases = {min(bases, key=len) for name in names if (bases := sidecar_bases(name))}
    sounds = {Path(name).stem for name in names if has_audio_suffix(name)}
    # Where sounds lie there too, what belongs to none of them (a requirements.txt) is no sidecar.
    bases = bases & sounds or bases
    meant = {base for base in bases if make_song_id(base, fallback=_NOT_AN_ID) == song_id}
    chosen = bases if len(bases) == 1 else meant
    if not bases:
        raise LibraryError(f"{folder}: holds no sidecar; known are {_known('NAME')}")
    if len(chosen) != 1:
        shown_bases = ", ".join(shown(base) for base in sorted(bases)[:5])
        raise LibraryError(f"{folder}: holds sidecars of {len(bases)} songs ({shown_bases}); name one file")
    return _of_bases(folder, tuple(chosen))


def _read_table(table: Path) -> SongTable | FileFault:
    try:
        if problem := file_problem(table, table.parent):
            return FileFault(problem)
        text, _ = decoded(read_bytes(table, max_bytes=MAX_TABLE_BYTES))
        return SongTable(text)
    except FileFault as fault:
        return fault


def _of_bases(folder: Path, bases: Sequence[str]) -> list[FoundSidecar]:
    return [
        FoundSidecar(folder / name, base)
        for name in _names(folder)
        for base in bases
        if sidecar_ending(name, base) is not None
    ]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as error:
        raise LibraryError(f"{folder}: the folder cannot be read: {error.strerror}") from error


def _usable(sidecars: list[FoundSidecar]) -> list[FoundSidecar]:
    for sidecar in sidecars:
        problem = file_problem(sidecar.path, sidecar.path.parent)
        if problem is None and sidecar.path.stat().st_size > MAX_SIDECAR_BYTES:
            problem = f"is larger than {MAX_SIDECAR_BYTES} bytes"
        if problem:
            raise LibraryError(f"the sidecar {shown(sidecar.path.name)}: {problem}")
    return sidecars


def _ending(sidecar: FoundSidecar) -> str:
    ending = sidecar_ending(sidecar.path.name, sidecar.base)
    assert ending is not None, "a sidecar was found by its ending"
    return ending


def _contents(path: Path) -> bytes:
    try:
        return read_bytes(path, max_bytes=MAX_SIDECAR_BYTES)
    except FileFault as fault:
        raise LibraryError(f"the sidecar {shown(path.name)}: {fault}") from fault


def _known(base: str) -> str:
    return ", ".join(f"{base}{ending}" for ending in ENDINGS)
