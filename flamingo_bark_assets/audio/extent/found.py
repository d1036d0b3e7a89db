"""What the bytes of a sound file say of its length and its end, whatever container it is in.

The value and the reading of bytes belong here; what each container writes where does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

MAX_STEPS = 200_000
"""Most chunks, boxes or elements that are stepped over: a song's file has fewer, and a hostile one millions."""


class TooManyChunks(Exception):
    """A file consists of more than `MAX_STEPS` chunks, over which FFmpeg steps for seconds a million."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Length and end of a sound file as its own bytes tell them.

    Attributes:
        tells_length: whether `declared_s` is all that the file declares; where not, a decoding library knows more.
        declared_s: length that the header declares; None where it declares none.
        cut: how it is known that the file is cut off before its sound ends, in a clause; None where nothing shows it.
        unfinished: what the header says in place of its sizes, in a clause, as its writer never filled them in.
        sizes: what an unfinished header should say, as offset and bytes.
        links: where each stream of a chain of Ogg streams begins and ends, bytes; empty unless there are several.
    """

    tells_length: bool = False
    declared_s: float | None = None
    cut: str | None = None
    unfinished: str | None = None
    sizes: tuple[tuple[int, bytes], ...] = ()
    links: tuple[tuple[int, int], ...] = ()


class View:
    """The bytes of an open file, by offset; the file's position changes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)

    def at(self, offset: int, length: int) -> bytes:
        """Return at most `length` bytes from `offset` on: fewer, or none, at the end of the file."""
        if not 0 <= offset < self.size:
            return b""
        self._file.seek(offset)
        return self._file.read(length)


ReadExtent = Callable[[View, int], Extent]
"""Reads the extent of a container that begins at an offset of a view."""


def missing_bytes(what: str, end: int, view: View) -> str | None:
    """Say that something which ends at `end` does not fit into the file; None where it does."""
    if end <= view.size:
        return None
    return f"{what} ends {end - view.size} bytes after the end of the file"


def unfinished_header(n_bytes: int, sizes: tuple[tuple[int, bytes], ...], *, declares: str = "no sound") -> Extent:
    """Make the extent of a file whose sizes were never filled in, while that many bytes of sound are there."""
    told = f"its header was never finished: it declares {declares}, and {n_bytes} bytes of sound follow"
    return Extent(tells_length=True, unfinished=told, sizes=sizes)
