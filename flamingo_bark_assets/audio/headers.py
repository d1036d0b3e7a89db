"""The size of an ID3v2 tag, for whoever reads it or steps over it.

What a tag says does not belong here.
"""

from __future__ import annotations


def synchsafe(four_bytes: bytes) -> int:
    """Return value of an ID3v2 size: four bytes of seven bits each."""
    size = 0
    for byte in four_bytes:
        size = size << 7 | byte & 0x7F
    return size
