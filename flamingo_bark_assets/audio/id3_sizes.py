"""The size of an ID3v2 tag, for whoever reads it or steps over it.

What a tag says does not belong here.
"""

from __future__ import annotations

_HEAD_BYTES = 10  # and of the footer, which only ID3v2.4 has
_FOOTER = 0x10


def synchsafe(four_bytes: bytes) -> int:
    """Return value of an ID3v2 size: four bytes of seven bits each."""
    size = 0
    for byte in four_bytes:
        size = size << 7 | byte & 0x7F
    return size


def id3v2_bytes(head: bytes) -> int:
    """Return the length of the ID3v2 tag whose first ten bytes begin `head`, its footer included; 0 where none does."""
    if len(head) < _HEAD_BYTES or head[:3] != b"ID3":
        return 0
    has_footer = head[3] == 4 and head[5] & _FOOTER
    return _HEAD_BYTES + synchsafe(head[6:10]) + (_HEAD_BYTES if has_footer else 0)
