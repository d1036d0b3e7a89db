"""Boxes of an MP4 by their names, for what FFmpeg does not hand on.

Finding a box belongs here; whether the file is whole is told by `extent.boxes`, what stands in a box by who asks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

_MOST_BOXES = 4096
# ISO 14496-12 lets version and flags stand before the boxes in it.
_HEAD_BYTES = {b"meta": 4}


def read_box(file: BinaryIO, path: Sequence[bytes], *, max_bytes: int) -> bytes | None:
    """Return the body of the first box that lies at a path, such as moov, udta, stem; its position changes.

    None where there is none, whatever the file holds; at most `max_bytes` are read.
    """
    places = [(0, file.seek(0, os.SEEK_END))]
    for name in path:
        head = _HEAD_BYTES.get(name, 0)
        places = [(at + head, end) for begin, until in places for at, end in _boxes(file, begin, until, name)]
    for begin, end in places[:1]:
        file.seek(begin)
        return file.read(min(max(0, end - begin), max_bytes))
    return None


def _boxes(file: BinaryIO, begin: int, end: int, name: bytes) -> Iterator[tuple[int, int]]:
    """Give where the bodies of all boxes of a name between two places begin and end."""
    for _ in range(_MOST_BOXES):
        if begin + 8 > end:
            return
        file.seek(begin)
        head = file.read(16)
        size, body = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:  # to the end
            size = end - begin
        if size < body:
            return
        if head[4:8] == name:
            yield begin + body, min(begin + size, end)
        begin += size
