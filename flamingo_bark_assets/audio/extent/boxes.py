"""MP4 and its kin, Matroska, WebM and ASF (WMA): nested boxes, the outermost of which tell whether the file is whole.

The length in an MP4's index is read by FFmpeg; sizes against the end of the file belong here, and the lengths for which
FFmpeg would put an estimate.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator

from flamingo_bark_assets.audio.extent.found import MAX_STEPS, Extent, View, missing_bytes

# What stands in a file beside other boxes; anything else is taken for what other programs append, such as tags.
_MP4_BOXES = frozenset(
    (
        b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"sidx", b"ssix", b"styp", b"uuid",
        b"meta", b"udta", b"pnot", b"emsg", b"prft",
    )
)  # fmt: skip
MP4_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp")

_SEGMENT, _CLUSTER, _INFO = 0x18538067, 0x1F43B675, 0x1549A966
_TIMESTAMP_SCALE, _DURATION = 0x2AD7B1, 0x4489
_LARGEST_INFO = 1 << 16
_TAGS = 0x1254C367
_LARGEST_TAGS = 1 << 26
_LARGEST_NUMBER = 8  # bytes of an element that holds one (RFC 8794, 7.2)
_OF_SEGMENT = frozenset(
    (_CLUSTER, _INFO, 0x114D9B74, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, 0x1941A469, 0x1043A770, 0xEC, 0xBF)
)
_OF_CLUSTER = frozenset((0xE7, 0xA7, 0xAB, 0xA3, 0xA0, 0xEC, 0xBF))

ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_LIVE = 1
_LARGEST_HEADER = 1 << 24


def read_mp4(view: View, begin: int) -> Extent:
    """Read an MP4, M4A or QuickTime file: a box must not end after the file, and the index must be there."""
    at, names = begin, set()
    for _ in range(MAX_STEPS):
        head = view.at(at, 16)
        name = head[4:8]
        if len(head) < 8 or name not in _MP4_BOXES:
            break
        names.add(name)
        size, least = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, least = int.from_bytes(head[8:16], "big"), 16
        if size == 0:  # to the end of the file
            break
        if cut := missing_bytes(f"its part {name.decode()}", at + size, view):
            # Of a file in fragments FFmpeg adds up the lengths of those that are there.
            return Extent(tells_length=b"moof" in names, cut=cut)
        if size < least:
            break
        at += size
    no_index = b"mdat" in names and b"moov" not in names
    return Extent(cut="its index (moov), which stands after the sound, is missing" if no_index else None)


def read_matroska(view: View, begin: int) -> Extent:
    """Read a Matroska or WebM file: its segment or, where a live writer left the size open, the last element in it.

    The length stands in the segment's Info; without it FFmpeg would tell that of what is there.
    """
    at, within = begin, None
    declared_s: float | None = None
    cut: str | None = None
    open_ended = False
    for _ in range(MAX_STEPS):
        name, at = _number(view, at, keep_marker=True)
        size, at = _number(view, at, keep_marker=False) if name is not None else (None, at)
        if within == _OF_CLUSTER and name in _OF_SEGMENT and name not in _OF_CLUSTER:
            within = _OF_SEGMENT
        if name is None or (within is not None and name not in within):
            break
        if name == _SEGMENT:
            open_ended = size is None
            cut = missing_bytes("the segment", at + size, view) if size is not None else None
            within = _OF_SEGMENT
            continue
        if name == _INFO and size is not None:
            declared_s = _info_s(view.at(at, min(size, _LARGEST_INFO)))
        if name == _CLUSTER and not open_ended:
            break
        if size is None:
            if name != _CLUSTER:
                break
            within = _OF_CLUSTER
            continue
        if open_ended and (cut := missing_bytes("its last part", at + size, view)):
            break
        at += size
    return Extent(tells_length=True, declared_s=declared_s, cut=cut)


def matroska_tags(view: View, begin: int) -> Iterator[bytes]:
    """Give the bodies of the Tags elements of a Matroska or WebM file, wherever in its segment they stand."""
    at = begin
    for _ in range(MAX_STEPS):
        name, at = _number(view, at, keep_marker=True)
        size, at = _number(view, at, keep_marker=False) if name is not None else (None, at)
        if name is None:
            return
        if name == _SEGMENT or size is None:  # step into it
            continue
        if name == _TAGS:
            yield view.at(at, min(size, _LARGEST_TAGS))
        at += size


def _info_s(body: bytes) -> float | None:
    """Read the length from the body of an Info element; None where it has none."""
    view, at = View(io.BytesIO(body)), 0
    scale_ns, length = 1_000_000, None
    while at < len(body):
        name, at = _number(view, at, keep_marker=True)
        size, at = _number(view, at, keep_marker=False)
        if name is None or size is None:
            break
        if name == _TIMESTAMP_SCALE and size <= _LARGEST_NUMBER:
            scale_ns = int.from_bytes(body[at : at + size], "big")
        elif name == _DURATION and size in (4, 8) and at + size <= len(body):
            length = struct.unpack(">f" if size == 4 else ">d", body[at : at + size])[0]
        at += size
    declared_s = length * scale_ns / 1e9 if length is not None else None
    return declared_s if declared_s is not None and math.isfinite(declared_s) and declared_s > 0 else None


def _number(view: View, at: int, *, keep_marker: bool) -> tuple[int | None, int]:
    """Read a number of variable length, as an element's name or size; None where it is unknown or not there."""
    head = view.at(at, 8)
    if not head or not head[0]:
        return None, at
    length = 9 - head[0].bit_length()
    if len(head) < length:
        return None, at
    value = int.from_bytes(head[:length], "big")
    if keep_marker:
        return value, at + length
    value &= (1 << 7 * length) - 1
    return (None if value == (1 << 7 * length) - 1 else value), at + length


def read_asf(view: View, begin: int) -> Extent:
    """Read a WMA file: the data object stands behind the header; a live writer leaves length and size at 0."""
    header = View(io.BytesIO(view.at(begin, min(int.from_bytes(view.at(begin + 16, 8), "little"), _LARGEST_HEADER))))
    declared_s: float | None = None
    at = 30
    while len(head := header.at(at, 24)) == 24 and (size := int.from_bytes(head[16:], "little")) >= 24:
        if head[:16] == _ASF_PROPERTIES and len(body := header.at(at + 64, 28)) == 28:
            length, _, before_ms, flags = struct.unpack("<QQQI", body)
            declared_s = max(0.0, length / 1e7 - before_ms / 1e3) if not flags & _ASF_LIVE else None
        at += size
    at = begin + int.from_bytes(view.at(begin + 16, 8), "little")
    head = view.at(at, 24)
    cut = None
    if head[:16] == _ASF_DATA:
        cut = missing_bytes("the sound", at + int.from_bytes(head[16:], "little"), view)
    return Extent(tells_length=True, declared_s=declared_s or None, cut=cut)
