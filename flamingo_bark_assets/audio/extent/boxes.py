"""MP4 and its kin, Matroska, WebM and ASF (WMA): nested boxes, the outermost of which tell whether the file is whole.

The lengths in their headers are read by FFmpeg, so that only sizes against the end of the file belong here.
"""

from __future__ import annotations

from flamingo_bark_assets.audio.extent.found import MAX_STEPS, Extent, View, missing_bytes

# What stands in a file beside other boxes; anything else is taken for what other programs append, such as tags.
_MP4_BOXES = frozenset(
    (
        b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"sidx", b"ssix", b"styp", b"uuid",
        b"meta", b"udta", b"pnot", b"emsg", b"prft",
    )
)  # fmt: skip
MP4_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp")

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_OF_SEGMENT = frozenset(
    (_CLUSTER, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, 0x1941A469, 0x1043A770, 0xEC, 0xBF)
)
_OF_CLUSTER = frozenset((0xE7, 0xA7, 0xAB, 0xA3, 0xA0, 0xEC, 0xBF))

ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")


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
    """Read a Matroska or WebM file: the segment or, where a live writer left its size open, its last element."""
    at, within = begin, None
    for _ in range(MAX_STEPS):
        name, at = _number(view, at, keep_marker=True)
        if name is None:
            break
        size, at = _number(view, at, keep_marker=False)
        if within == _OF_CLUSTER and name in _OF_SEGMENT and name not in _OF_CLUSTER:
            within = _OF_SEGMENT
        if within is not None and name not in within:
            break
        if size is None and name in (_SEGMENT, _CLUSTER):
            within = _OF_SEGMENT if name == _SEGMENT else _OF_CLUSTER
            continue
        if size is None:
            break
        if name == _SEGMENT or at + size > view.size:
            return Extent(cut=missing_bytes("the segment" if name == _SEGMENT else "its last part", at + size, view))
        at += size
    return Extent()


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
    """Read a WMA file: the data object stands behind the header; a live writer leaves its size at 0."""
    at = begin + int.from_bytes(view.at(begin + 16, 8), "little")
    head = view.at(at, 24)
    if head[:16] != _ASF_DATA:
        return Extent()
    return Extent(cut=missing_bytes("the sound", at + int.from_bytes(head[16:], "little"), view))
