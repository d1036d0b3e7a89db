"""Files of the fingerprints of some songs each, which are looked through without reading the songs.

The bytes of a file belong here; which files count stands in `known_matches`. A file is named by a digest of its bytes
and never changed, so that one that is damaged, or another one's, is told by its name.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import xxhash

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.files.atomic import write_bytes
from flamingo_bark_assets.files.opening import open_regular
from flamingo_bark_assets.splits.matching import CENTS, MS, Fingerprint
from flamingo_bark_assets.splits.quads import Hashes, Ints, Places, Quads

ENDING = ".fingerprints"
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class BlockIndex:
    """What stands where in a file.

    Attributes:
        name: digest of its bytes.
        n_quads: number of the quads of each song.
        n_landmarks: number of the landmarks of each song.
    """

    name: str
    n_quads: tuple[int, ...]
    n_landmarks: tuple[int, ...]


class Block:
    """An open file whose bytes are those that were written.

    It holds the hashes of all songs, the places of their quads, and then of each song the first landmarks of its quads
    and its landmarks' times and pitches.

    Attributes:
        index: what stands where.
    """

    def __init__(self, index: BlockIndex, file: io.RawIOBase | io.BytesIO) -> None:
        self.index = index
        self._file = file
        self._quads = np.cumsum([0, *index.n_quads], dtype=np.int64)
        self._landmarks = np.cumsum([0, *index.n_landmarks], dtype=np.int64)

    def __enter__(self) -> Block:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def looked_up_by(self) -> tuple[Hashes, Places, Ints]:
        """Read hashes and places of the quads of all songs, and where those of each begin and the last end."""
        size = int(self._quads[-1])
        return self._read(0, size, np.uint32), self._read(4 * size, size, np.uint16), self._quads

    def fingerprint(self, song: int) -> Fingerprint:
        """Read the fingerprint of a song by its number in the file."""
        first, size = int(self._quads[song]), int(self._quads[-1])
        n_quads, n_landmarks = self.index.n_quads[song], self.index.n_landmarks[song]
        hashes = self._read(4 * first, n_quads, np.uint32)
        places = self._read(4 * size + 2 * first, n_quads, np.uint16)
        rest = self._read(6 * size + 2 * first + 6 * int(self._landmarks[song]), n_quads + 3 * n_landmarks, np.uint16)
        times = rest[n_quads : n_quads + 2 * n_landmarks].copy().view(np.int32)  # as four bytes stand anywhere there
        pitches = rest[n_quads + 2 * n_landmarks :].view(np.int16)
        return Fingerprint(times / MS, pitches / CENTS, Quads(hashes, rest[:n_quads], places))

    def _read(self, at: int, count: int, of: type[Number]) -> npt.NDArray[Number]:
        found = np.empty(count, of)
        self._file.seek(at)
        self._file.readinto(found.view(np.uint8).data)
        return found


def make_block(songs: Sequence[Fingerprint], folder: Path | None) -> Block:
    """Put fingerprints into a file in a folder or, where there is none, into memory.

    Raises:
        WriteError: the file cannot be written.
    """
    parts = [*(song.quads.hashes.tobytes() for song in songs), *(song.quads.places.tobytes() for song in songs)]
    for song in songs:
        times, pitches = np.rint(song.time_s * MS).astype(np.int32), np.rint(song.pitch * CENTS).astype(np.int16)
        parts += [song.quads.landmarks.tobytes(), times.tobytes(), pitches.tobytes()]
    data = b"".join(parts)
    index = BlockIndex(
        _digest(data), tuple(song.quads.hashes.size for song in songs), tuple(song.time_s.size for song in songs)
    )
    if folder is None:
        return Block(index, io.BytesIO(data))
    path = block_path(folder, index.name)
    write_bytes(path, data)
    return Block(index, path.open("rb", buffering=0))


def open_block(folder: Path, index: BlockIndex) -> Block | None:
    """Open a file; None where it is not there, or not what was written."""
    try:
        file = open_regular(block_path(folder, index.name))
        if _digest(file.read()) == index.name:
            return Block(index, file.detach())
        file.close()
    except (LibraryError, OSError):
        pass
    return None


def block_path(folder: Path, name: str) -> Path:
    """Return where a file stands."""
    return folder / f"{name}{ENDING}"


def _digest(data: bytes) -> str:
    return xxhash.xxh3_128(data).hexdigest()
