"""How many fields the tags of a sound file have, before FFmpeg reads them.

FFmpeg looks through all fields that it has for each new one: a megabyte of 100,000 tiny fields costs it minutes.
Counting belongs here, container by container; what fields say does not.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from flamingo_bark_assets.audio.extent.boxes import matroska_tags
from flamingo_bark_assets.audio.extent.chunks import read_chunks
from flamingo_bark_assets.audio.extent.found import View
from flamingo_bark_assets.audio.id3 import count_frames
from flamingo_bark_assets.audio.id3_sizes import id3v2_bytes

MAX_TAG_FIELDS = 8192

_MAX_TAGS = 16
_MAX_CHUNKS = 4096
_MAX_PAGES = 4096
_MAX_DEPTH = 8
_LARGEST_BODY = 1 << 26
_OGG_COMMENTS = (b"\x03vorbis", b"OpusTags", b"Speex   ")
_MP4_PARENTS = frozenset((b"moov", b"trak", b"udta", b"meta", b"ilst", b"mdia", b"minf"))
_MP4_FIELDS = frozenset((b"udta", b"ilst"))
_SIMPLE_TAG = b"\x67\xc8"
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_COUNTED = tuple(
    bytes.fromhex(guid)
    for guid in (
        "40a4d0d207e3d21197f000a0c95ea850",  # extended content description
        "eacbf8c5af5b77488467aa8c44fa4cca",  # metadata
        "941c23449894d149a1411d134e457054",  # metadata library
    )
)
_ASF_EXTENSION = bytes.fromhex("b503bf5f2ea9cf118ee300c00c205365")


class TooManyTagFields(ValueError):
    """The tags of a file have more than `MAX_TAG_FIELDS` fields."""


def refuse_too_many_tag_fields(file: BinaryIO) -> None:
    """Look at the tags of an open file, which may hold anything; its position changes.

    Raises:
        TooManyTagFields: FFmpeg must not read it.
    """
    if count_frames(file, MAX_TAG_FIELDS) > MAX_TAG_FIELDS or _count(View(file)) > MAX_TAG_FIELDS:
        raise TooManyTagFields(f"its tags have more than {MAX_TAG_FIELDS} fields")


def _count(view: View) -> int:
    """Count the fields of a container's own tags, and of an APE tag behind it."""
    begin = 0
    for _ in range(_MAX_TAGS):
        head = view.at(begin, 16)
        if not (length := id3v2_bytes(head)):
            break
        begin += length
    count = 0
    if head[:4] == b"fLaC":
        count = _of_flac(view, begin)
    elif head[:4] == b"OggS":
        count = _of_ogg(view, begin)
    elif head[:4] in (b"RIFF", b"RF64", b"BW64"):
        count = _of_riff(view, begin)
    elif head[:4] == b"caff":
        count = _of_caf(view, begin)
    elif head[:4] == b"\x1a\x45\xdf\xa3":
        count = sum(body.count(_SIMPLE_TAG) for body in matroska_tags(view, begin))
    elif head == _ASF_HEADER:
        count = _of_asf(view, begin)
    elif head[4:8].isalnum():
        count = _of_mp4(view, begin, view.size, b"", 0)
    return max(count, _of_ape(view))


def _of_comments(body: bytes) -> int:
    vendor = int.from_bytes(body[:4], "little")
    count = int.from_bytes(body[4 + vendor : 8 + vendor], "little")
    return _with_room(count, len(body) - 8 - vendor, 4)


def _with_room(count: int, n_bytes: int, smallest: int) -> int:
    """Return the number of fields that is told, or of those for which there is room at most."""
    return min(count, max(0, n_bytes) // smallest)


def _of_flac(view: View, begin: int) -> int:
    at, count = begin + 4, 0
    for _ in range(_MAX_CHUNKS):
        head = view.at(at, 4)
        if len(head) < 4:
            break
        size = int.from_bytes(head[1:], "big")
        if head[0] & 0x7F == 4:
            count += _of_comments(view.at(at + 4, size))
        if head[0] & 0x80:
            break
        at += 4 + size
    return count


def _of_ogg(view: View, begin: int) -> int:
    """Count the comments of the packets that begin on the pages behind the first."""
    count, packet = 0, bytearray()
    for page, ended in islice(_ogg_pages(view, begin), _MAX_PAGES):
        packet += page
        if ended or len(packet) > _LARGEST_BODY:
            body = bytes(packet)
            name = next((name for name in _OGG_COMMENTS if body.startswith(name)), b"")
            if name or body[:1] in (b"\x04", b"\x84"):  # the latter begin a block of FLAC
                count += _of_comments(body[len(name) or 4 :])
            packet.clear()
    return count


def _ogg_pages(view: View, begin: int) -> Iterator[tuple[bytes, bool]]:
    """Give the bytes of each page up to the end of its first packet, and whether the packet ends there."""
    at = begin
    while (head := view.at(at, 27 + 255))[:4] == b"OggS" and len(head) >= 27:
        lengths = head[27 : 27 + head[26]]
        first = next((index + 1 for index, length in enumerate(lengths) if length < 255), len(lengths))
        start = at + 27 + len(lengths)
        yield view.at(start, sum(lengths[:first])), any(length < 255 for length in lengths)
        at = start + sum(lengths)


def _of_riff(view: View, begin: int) -> int:
    count = 0
    for chunk in islice(read_chunks(view, begin + 12, "little"), _MAX_CHUNKS):
        if chunk.name == b"LIST" and view.at(chunk.begin, 4) == b"INFO":
            fields = View(io.BytesIO(view.at(chunk.begin + 4, min(chunk.size, _LARGEST_BODY))))
            count += sum(1 for _ in islice(read_chunks(fields, 0, "little"), MAX_TAG_FIELDS + 1))
    return count


def _of_caf(view: View, begin: int) -> int:
    at = begin + 8
    for _ in range(_MAX_CHUNKS):
        head = view.at(at, 16)
        if len(head) < 12:
            break
        if head[:4] == b"info":
            return _with_room(int.from_bytes(head[12:16], "big"), view.size - at, 2)
        at += 12 + int.from_bytes(head[4:12], "big")
    return 0


def _of_mp4(view: View, begin: int, end: int, parent: bytes, depth: int) -> int:
    """Count the boxes inside those that hold fields, at any depth."""
    at, count = begin, 0
    while at + 8 <= end and count <= MAX_TAG_FIELDS and depth < _MAX_DEPTH:
        head = view.at(at, 16)
        name, size, header = head[4:8], int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        size = size or end - at
        if len(head) < 8 or size < header:
            break
        count += parent in _MP4_FIELDS
        if name in _MP4_PARENTS:
            first = at + header
            if name == b"meta" and view.at(first, 4) == bytes(4):  # as ISO has it; QuickTime's has no version
                first += 4
            count += _of_mp4(view, first, min(at + size, end), name, depth + 1)
        at += size
    return count


def _of_asf(view: View, begin: int) -> int:
    size = min(int.from_bytes(view.at(begin + 16, 8), "little"), _LARGEST_BODY)
    body = view.at(begin, size)
    at, count = 30, 0
    for _ in range(_MAX_CHUNKS):
        guid, length = body[at : at + 16], int.from_bytes(body[at + 16 : at + 24], "little")
        if len(guid) < 16:
            break
        if guid in _ASF_COUNTED:
            count += int.from_bytes(body[at + 24 : at + 26], "little")
        if guid == _ASF_EXTENSION:  # objects stand inside it too
            at += 46
            continue
        if length < 24:
            break
        at += length
    return _with_room(count, size, 5)


def _of_ape(view: View) -> int:
    """Return the number of items that an APE tag at the end of the file tells."""
    tail = view.at(max(0, view.size - 32), 32)
    if tail[:8] != b"APETAGEX":
        return 0
    return _with_room(int.from_bytes(tail[16:20], "little"), view.size, 9)
