"""A part of an open file as a file of its own, for libraries that read from the start to the end of what they get.

Reading at an offset belongs here; what lies there does not.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def window(file: BinaryIO, begin: int, end: int, instead: Sequence[tuple[int, bytes]] = ()) -> io.BufferedReader:
    """Open the bytes of a file from `begin` to `end`; the file's own position changes as they are read.

    `instead` says which bytes are to stand at which offsets from `begin` in place of the file's own.
    """
    return io.BufferedReader(_Window(file, begin, end, instead))


class _Window(io.RawIOBase):
    def __init__(self, file: BinaryIO, begin: int, end: int, instead: Sequence[tuple[int, bytes]]) -> None:
        self._file = file
        self._instead = instead
        self._begin = begin
        self._size = max(0, end - begin)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        self._file.seek(self._begin + self._at)
        data = self._file.read(max(0, min(len(view), self._size - self._at)))
        view[: len(data)] = data
        for at, right in self._instead:
            first, last = max(at, self._at), min(at + len(right), self._at + len(data))
            if first < last:
                view[first - self._at : last - self._at] = right[first - at : last - at]
        self._at += len(data)
        return len(data)
