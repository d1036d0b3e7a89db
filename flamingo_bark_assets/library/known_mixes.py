"""Which song of the library has a mix already: an index by size and by a few samples of the contents.

Comparing files belongs here; what is done about a mix that is known stands in `importing`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.files.opening import file_problem, open_regular, shown
from flamingo_bark_assets.library.ids import is_song_id
from flamingo_bark_assets.library.layout import DataPaths, find_song, is_mix_name
from flamingo_bark_assets.library.looks import LibraryLooks

_CHUNK_BYTES = 256 * 1024
_SAMPLE_BYTES = 64 * 1024


class KnownMixes:
    """The mixes of some songs: a song is looked at where it changed, and of a file no more is read than is needed.

    Args:
        paths: the library.
        song_ids: the songs; None for all, with those that come later where `refresh` is called.
    """

    def __init__(self, paths: DataPaths, song_ids: Iterable[str] | None = None) -> None:
        self._paths = paths
        self._seen: set[str] = set()
        self._by_size: dict[int, list[str]] = {}
        self._mixes: dict[str, list[tuple[int, Path]]] = {}
        self._samples: dict[Path, bytes] = {}
        self._looks = LibraryLooks(paths)
        if song_ids is None:
            self.refresh()
        else:
            self._look_at(song_ids)

    def refresh(self) -> None:
        """Look at the songs that have come since, whoever has added them."""
        try:
            names = set(os.listdir(self._paths.songs))  # noqa: PTH208 - names alone, at each song that is added
        except OSError:  # There is no library yet, or it is told when something is written into it.
            return
        self._look_at(names - self._seen)

    def note(self, song_id: str, mix: Path) -> None:
        """Note a song that was just stored."""
        self._seen.add(song_id)
        size = mix.stat().st_size
        self._by_size.setdefault(size, []).append(song_id)
        self._mixes[song_id] = [(size, mix)]

    def holder(self, mix: Path) -> str | None:
        """Return the song that has the same mix, the first by identifier; None where none has.

        Raises:
            LibraryError: `mix` cannot be read.
        """
        with open_regular(mix) as file:
            size = os.fstat(file.fileno()).st_size
        held = [
            (song_id, path) for song_id in sorted(self._by_size.get(size, ())) for path in self._held(song_id, size)
        ]
        if not held:
            return None
        own = _sample(mix, size)
        return next((song_id for song_id, path in held if self._is_same(mix, own, path, size)), None)

    def _held(self, song_id: str, size: int) -> list[Path]:
        """Return the mixes of a song that have a size."""
        if song_id not in self._mixes:
            self._mixes[song_id] = _mixes(self._paths, song_id)
        return [path for its_size, path in self._mixes[song_id] if its_size == size]

    def _is_same(self, mix: Path, own: bytes, held: Path, size: int) -> bool:
        try:
            if held not in self._samples:
                self._samples[held] = _sample(held, size)
            return self._samples[held] == own and _same_contents(mix, held)
        except (LibraryError, OSError):  # It has gone since; `mix` itself was read before.
            return False

    def _look_at(self, song_ids: Iterable[str]) -> None:
        new = set(song_ids)
        self._seen |= new
        for song_id, sizes in self._looks.mix_bytes(filter(is_song_id, new)).items():
            for size in set(sizes):
                self._by_size.setdefault(size, []).append(song_id)


def refuse_duplicate(paths: DataPaths, mix: Path, song_ids: Iterable[str]) -> None:
    """Refuse a mix that one of these songs has already.

    Raises:
        LibraryError: names that song, or `mix` cannot be read.
    """
    if song_id := KnownMixes(paths, song_ids).holder(mix):
        raise same_mix(mix.name, song_id)


def same_mix(name: str, song_id: str) -> LibraryError:
    """Make the error which says that a file is the mix of a song already."""
    return LibraryError(f"{shown(name)}: the song {song_id!r} has the same mix already")


def _mixes(paths: DataPaths, song_id: str) -> list[tuple[int, Path]]:
    folder = paths.songs / song_id
    try:
        with os.scandir(folder) as entries:
            found = [(entry.stat().st_size, Path(entry.path)) for entry in entries if is_mix_name(entry.name)]
    except OSError:
        return []  # A song that cannot be read is reported by `find_song`; it must not stop another's import.
    if not found:
        other = find_song(paths, song_id).mix
        return [(other.stat().st_size, other)] if other is not None else []
    return [(size, path) for size, path in found if file_problem(path, paths.songs) is None]


def _sample(path: Path, size: int) -> bytes:
    """Digest begin, middle and end of a file: recordings of one length are files of one size."""
    digest = hashlib.blake2b(digest_size=16)
    with open_regular(path) as file:
        for place in dict.fromkeys((0, max(0, (size - _SAMPLE_BYTES) // 2), max(0, size - _SAMPLE_BYTES))):
            file.seek(place)
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.digest()


def _same_contents(first: Path, second: Path) -> bool:
    """Compare two files of one size."""
    with open_regular(first) as one, open_regular(second) as other:
        while chunk := one.read(_CHUNK_BYTES):
            if chunk != other.read(_CHUNK_BYTES):
                return False
        return True
