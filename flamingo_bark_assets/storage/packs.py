"""Packs: files of about a thousand songs' results each, in which songs that have come to rest are kept.

What a pack is, how songs get into it and out, and which of several counts belong here; results that were just made
stand in `feature_store`.

A pack is the texts of its first song, as a dictionary for all others, and then the songs' files one after the other.
Its index, beside it, says where each stands; it begins with a checksum, is written last and so makes the pack count.
Of a song in several packs the last counts. Nothing of a pack is changed but its index, where a song is forgotten.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash
import zstandard

from flamingo_bark_assets.errors import FileFault, LibraryError, StorageError
from flamingo_bark_assets.files.atomic import replacing, sync_folder, write_text, writes_named
from flamingo_bark_assets.files.changes import is_settled
from flamingo_bark_assets.files.opening import open_regular, read_text
from flamingo_bark_assets.storage.result_file import Dictionary, EncodedResult, ResultFile, pack_results

# A pack of which less than this share still counts is written anew.
_LEAST_LIVE = 0.5
_PACK, _INDEX = ".pack", ".json"
_MOST_INDEX_BYTES = 64 * 1024 * 1024
_MOST_DICTIONARY_BYTES = 1 << 20
_KEPT_DICTIONARIES = 8
# Higher levels gain 1 % for twice the time.
_LEVEL = 9

Results = Mapping[str, EncodedResult]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a song's file stands in a pack.

    Attributes:
        pack: number of the pack.
        pack_name: name of the pack, which no other one ever had.
        offset: of its first byte.
        length: bytes.
        token: digest of its results.
    """

    pack: int
    pack_name: str
    offset: int
    length: int
    token: str


@dataclass(frozen=True, slots=True)
class _Index:
    """What the index of a pack says.

    Attributes:
        name: of the pack, which no other one ever had.
        dictionary_bytes: length of the dictionary, compressed.
        n_written: number of songs that were written into the pack.
        songs: offset, length and token of each that was not forgotten.
    """

    name: str
    dictionary_bytes: int
    n_written: int
    songs: dict[str, tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class _Catalog:
    """All packs of a folder as they were when it was read.

    Attributes:
        changed_ns: when the folder had last changed.
        is_settled: whether a later change gives it another time.
        indices: by the number of the pack.
        places: of each song the one that counts.
    """

    changed_ns: int
    is_settled: bool
    indices: dict[int, _Index]
    places: dict[str, Place]


_catalogs: dict[Path, _Catalog] = {}


@dataclass(frozen=True, slots=True)
class Packs:
    """The packs of a folder, which need not exist.

    Attributes:
        folder: where they stand.
    """

    folder: Path

    def places(self) -> Mapping[str, Place]:
        """Return where each song stands.

        Raises:
            StorageError: the folder cannot be read.
        """
        return self._catalog().places

    def read(self, song_id: str) -> ResultFile | None:
        """Read the file of a song; None where no pack has it.

        Raises:
            StorageError: it is damaged.
        """
        for anew in (False, True):  # a pack may have been written anew, and deleted, a moment ago
            catalog = self._catalog(anew=anew)
            place = catalog.places.get(song_id)
            if place is None:
                return None
            try:
                path = self._pack(place.pack)
                with open_regular(path) as file:
                    status = os.fstat(file.fileno())
                    n_bytes = catalog.indices[place.pack].dictionary_bytes
                    dictionary = _dictionary(path, status.st_ino, status.st_mtime_ns, n_bytes)
                    file.seek(place.offset)
                    return ResultFile(file.read(place.length), dictionary)
            except (LibraryError, OSError) as error:
                if anew:
                    raise StorageError(f"pack {place.pack} cannot be read: {error}") from error
        return None

    def add(self, songs: Iterable[tuple[str, Results]]) -> dict[str, str]:
        """Write a pack of songs, none where there is no song; return the token of each. `alone` must be held.

        Raises:
            WriteError: it cannot be written; there is then none.
        """
        songs = iter(songs)
        if (first := next(songs, None)) is None:
            return {}
        # Also one whose index cannot be read now has its number.
        names = [path.stem for path in self.folder.glob("[0-9]*")]
        number = max((int(name) for name in names if name.isdecimal()), default=0) + 1
        places: dict[str, tuple[int, int, str]] = {}
        dictionary: Dictionary | None = None
        dictionary_bytes = 0
        with replacing(self._pack(number)) as temporary, temporary.open("wb") as file:
            for song_id, results in itertools.chain([first], songs):
                if dictionary is None:
                    sample = b"".join(result.text for result in results.values())[:_MOST_DICTIONARY_BYTES]
                    dictionary_bytes = file.write(zstandard.ZstdCompressor(write_checksum=True).compress(sample))
                    dictionary = _as_dictionary(sample)
                    dictionary.precompute_compress(level=_LEVEL)
                data = pack_results(results, level=_LEVEL, dictionary=dictionary)
                places[song_id] = file.tell(), len(data), ResultFile(data, dictionary).token
                file.write(data)
        name = f"{number:06d}-{secrets.token_hex(4)}"
        self._write_index(number, _Index(name, dictionary_bytes, len(places), places))
        return {song_id: token for song_id, (_, _, token) in places.items()}

    def forget(self, song_ids: Iterable[str]) -> None:
        """Take songs out of the indices, so that no pack has them.

        Raises:
            WriteError: an index cannot be written.
        """
        gone = set(song_ids)
        if not any(gone & index.songs.keys() for index in self._catalog(anew=True).indices.values()):
            return
        with self.alone():
            for number, index in self._catalog(anew=True).indices.items():
                if gone & index.songs.keys():
                    kept = {song_id: place for song_id, place in index.songs.items() if song_id not in gone}
                    self._write_index(number, dataclasses.replace(index, songs=kept))

    def worn(self, superseded: Set[str]) -> dict[int, list[str]]:
        """Return the packs of which too little still counts, each with the songs that do.

        Of the songs that are `superseded` no pack counts.
        """
        catalog = self._catalog(anew=True)
        live: dict[int, list[str]] = {number: [] for number in catalog.indices}
        for song_id, place in catalog.places.items():
            if song_id not in superseded:
                live[place.pack].append(song_id)
        return {
            number: songs
            for number, songs in live.items()
            if len(songs) < _LEAST_LIVE * catalog.indices[number].n_written
        }

    def delete(self, numbers: Iterable[int]) -> None:
        """Delete packs, and what kills have left of some that never counted. `alone` must be held.

        Raises:
            WriteError: they cannot be deleted.
        """
        with writes_named(self.folder):
            for number in numbers:
                self._index(number).unlink(missing_ok=True)
                self._pack(number).unlink(missing_ok=True)
            for pack in self.folder.glob(f"[0-9]*{_PACK}"):
                if not pack.with_suffix(_INDEX).exists():
                    pack.unlink(missing_ok=True)
            sync_folder(self.folder)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process change the packs meanwhile; may be nested."""
        from filelock import FileLock

        with writes_named(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock", is_singleton=True):
            yield

    def _catalog(self, *, anew: bool = False) -> _Catalog:
        try:
            changed_ns = self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            return _NO_PACKS
        except OSError as error:
            raise StorageError(f"{self.folder} cannot be read: {error.strerror}") from error
        known = _catalogs.get(self.folder)
        if known is not None and not anew and known.is_settled and known.changed_ns == changed_ns:
            return known
        looked_ns = time.time_ns()
        paths = [self.folder / name for name in names_in(self.folder) if name.endswith(_INDEX)]
        paths = sorted(path for path in paths if path.stem.isdecimal())
        indices = {int(path.stem): index for path in paths if (index := _read_index(path)) is not None}
        places = {
            song_id: Place(number, index.name, *place)
            for number, index in sorted(indices.items())
            if (n_bytes := self._pack_bytes(number)) is not None
            for song_id, place in index.songs.items()
            if place[0] + place[1] <= n_bytes  # else its pack was cut
        }
        _catalogs[self.folder] = _Catalog(changed_ns, is_settled(changed_ns, looked_ns), indices, places)
        return _catalogs[self.folder]

    def _pack_bytes(self, number: int) -> int | None:
        """Return the size of a pack; None where it is lost."""
        try:
            return self._pack(number).stat().st_size
        except OSError:
            return None

    def _pack(self, number: int) -> Path:
        return self.folder / f"{number:06d}{_PACK}"

    def _index(self, number: int) -> Path:
        return self.folder / f"{number:06d}{_INDEX}"

    def _write_index(self, number: int, index: _Index) -> None:
        said = json.dumps(dataclasses.asdict(index), separators=(",", ":"))
        write_text(self._index(number), f"{_checksum(said)}\n{said}")


_NO_PACKS = _Catalog(0, True, {}, {})


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder; none where there is no such folder.

    Raises:
        StorageError: it cannot be read, which is not to say that nothing is there.
    """
    try:
        return os.listdir(folder)  # noqa: PTH208 - a hundred thousand names
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"{folder} cannot be read: {error.strerror}") from error


def _read_index(path: Path) -> _Index | None:
    """Read an index; None where it is damaged: its songs are then lost, and made again."""
    with suppress(FileFault, ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        checksum, _, said = read_text(path, max_bytes=_MOST_INDEX_BYTES).partition("\n")
        if checksum != _checksum(said):
            return None
        values: Any = json.loads(said)
        songs = {str(song): (int(at), int(length), str(token)) for song, (at, length, token) in values["songs"].items()}
        return _Index(str(values["name"]), int(values["dictionary_bytes"]), int(values["n_written"]), songs)
    return None


def _checksum(said: str) -> str:
    return xxhash.xxh3_64(said.encode()).hexdigest()


@functools.lru_cache(maxsize=_KEPT_DICTIONARIES)
def _dictionary(path: Path, inode: int, changed_ns: int, n_bytes: int) -> Dictionary:
    """Read the dictionary of a pack, which is told from one that stood there before."""
    del inode, changed_ns
    with path.open("rb") as file:
        stored = file.read(n_bytes)
    try:
        return _as_dictionary(zstandard.ZstdDecompressor().decompress(stored))
    except zstandard.ZstdError as error:
        raise StorageError(f"{path} is damaged ({error})") from error


def _as_dictionary(sample: bytes) -> Dictionary:
    return zstandard.ZstdCompressionDict(sample, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
