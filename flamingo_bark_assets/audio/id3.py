"""The genre of ID3v2 tags and the names of their frames, of every version and wherever a sound file holds such a tag.

FFmpeg, which reads all other fields, takes any leading digits of a genre for a number of ID3v1's table: it reads "80s"
as number 80, which is Folk. What the text of the frame means does not belong here.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import BinaryIO, Literal

from flamingo_bark_assets.audio.extent.chunks import read_chunks
from flamingo_bark_assets.audio.extent.found import View
from flamingo_bark_assets.audio.headers import id3v2_bytes, synchsafe

_MAX_FRAME_BYTES = 64 * 1024
_MAX_FRAMES = 4096
_MAX_TAGS = 8
_MAX_CHUNKS = 4096
# Only a tag that is unsynchronised as a whole is read as a whole, its pictures with it.
_MAX_UNSYNCHRONISED_BYTES = 64 << 20
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_UNSYNCHRONISED, _EXTENDED = 0x80, 0x40

_Frame = tuple[bytes, int, int, int]  # name, flags, offset and size


def id3_genre(file: BinaryIO) -> str | None:
    """Return the text of the first genre frame of a file's ID3v2 tags; None where there is none that can be read.

    A tag stands at the start of the file, before another one, in a chunk of WAV or AIFF, or where a DSF file says.
    ID3v2.4 parts several values by zero bytes. The position of `file` changes. Any bytes are allowed.
    """
    return next((text for name, text in _texts(file) if name in ("TCON", "TCO")), None)


def id3_lists(file: BinaryIO) -> tuple[tuple[str, str], ...]:
    """Return name and text of each text frame that holds several values, parted by zero bytes; sorted.

    The position of `file` changes. Any bytes are allowed.
    """
    return tuple(sorted((name, text) for name, text in _texts(file) if "\x00" in text and name not in ("TXXX", "TXX")))


def _texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Give name and text of each text frame that can be read."""
    for source, version, (name, frame_flags, at, length_bytes) in _all_frames(file):
        if name.startswith(b"T"):
            source.seek(at)
            body = _plain_body(source.read(min(length_bytes, _MAX_FRAME_BYTES)), version, frame_flags)
            if body and body[0] < len(_ENCODINGS):
                text = body[1:].decode(_ENCODINGS[body[0]], errors="replace")
                yield name.decode("latin-1"), text.rstrip("\x00")


def id3_frame_names(file: BinaryIO) -> tuple[str, ...]:
    """Name the frames of a file's ID3v2 tags, sorted, each as often as it stands there.

    The position of `file` changes. Any bytes are allowed.
    """
    return tuple(sorted(name.decode("latin-1") for _, _, (name, *_) in _all_frames(file)))


def _all_frames(file: BinaryIO) -> Iterator[tuple[BinaryIO, int, _Frame]]:
    """Give each frame of all tags of a file, with the source that it stands in and the version of its tag."""
    end = file.seek(0, os.SEEK_END)
    for start in _tag_offsets(file, end):
        at = start
        for _ in range(_MAX_TAGS):
            file.seek(at)
            head = file.read(10)
            if len(head) < 10 or head[:3] != b"ID3" or head[3] not in (2, 3, 4):
                break
            yield from _frames_of_tag(file, at, head, end)
            at += id3v2_bytes(head)


def _tag_offsets(file: BinaryIO, end: int) -> Iterator[int]:
    yield 0
    file.seek(0)
    head = file.read(28)
    if head[:4] == b"DSD ":
        yield int.from_bytes(head[20:28], "little")
        return
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        byte_order: Literal["little", "big"] = "little"
    elif head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        byte_order = "big"
    else:
        return
    for chunk in islice(read_chunks(View(file), 12, byte_order), _MAX_CHUNKS):
        if chunk.name.upper() == b"ID3 ":
            yield chunk.begin


def _frames_of_tag(file: BinaryIO, start: int, head: bytes, end: int) -> Iterator[tuple[BinaryIO, int, _Frame]]:
    """Give the frames of the tag whose ten bytes `head` stand at `start`."""
    version, flags = head[3], head[5]
    size = min(synchsafe(head[6:10]), end - start - 10)
    if version == 2 and flags & _EXTENDED:  # Compressed, by a method that nobody has ever named.
        return
    source: BinaryIO = file
    first = start + 10
    if flags & _UNSYNCHRONISED and version < 4:
        import io

        data = file.read(min(size, _MAX_UNSYNCHRONISED_BYTES)).replace(b"\xff\x00", b"\xff")
        source, first, size = io.BytesIO(data), 0, len(data)
    last = first + size
    if version > 2 and flags & _EXTENDED:
        source.seek(first)
        length = source.read(4)
        # ID3v2.3 counts what follows the four bytes, ID3v2.4 the four bytes too.
        first += synchsafe(length) if version == 4 else 4 + int.from_bytes(length, "big")
    for frame in _frames(source, version, first, last):
        yield source, version, frame


def _frames(file: BinaryIO, version: int, first: int, last: int) -> Iterator[_Frame]:
    """Give name, flags, offset and size of each frame of a tag, without reading what it holds."""
    name_bytes, head_bytes = (3, 6) if version == 2 else (4, 10)
    at = first
    for _ in range(_MAX_FRAMES):
        file.seek(at)
        head = file.read(head_bytes)
        if at + head_bytes > last or len(head) < head_bytes or not head[:name_bytes].strip(b"\x00"):
            return
        sizes = head[name_bytes : 2 * name_bytes]
        size = int.from_bytes(sizes, "big")
        if version == 4 and not _is_border(file, at + 10 + size, last):
            size = synchsafe(sizes)
        elif version == 4 and _is_border(file, at + 10 + synchsafe(sizes), last):
            size = synchsafe(sizes)  # Both end at a frame or at the end: the standard holds, not iTunes' plain sizes.
        yield head[:name_bytes], int.from_bytes(head[8:10], "big"), at + head_bytes, min(size, last - at - head_bytes)
        at += head_bytes + size


def _is_border(file: BinaryIO, at: int, last: int) -> bool:
    """Tell whether a frame begins at an offset, or padding, or the tag ends there."""
    if at >= last:
        return at == last
    file.seek(at)
    name = file.read(4)
    return name == bytes(4) or (name.isalnum() and name.isupper())


def _plain_body(body: bytes, version: int, flags: int) -> bytes:
    """Undo what the flags of a frame say was done to it; empty where it cannot be undone."""
    if version == 2:
        return body
    compressed, encrypted, grouped = (0x08, 0x04, 0x40) if version == 4 else (0x80, 0x40, 0x20)
    if flags & encrypted:
        return b""
    if version == 4:
        skipped = (1 if flags & grouped else 0) + (4 if flags & 0x01 else 0)
        if flags & 0x02:
            body = body.replace(b"\xff\x00", b"\xff")
    else:
        skipped = (4 if flags & compressed else 0) + (1 if flags & grouped else 0)
    body = body[skipped:]
    if flags & compressed:
        plain = b""
        with suppress(zlib.error):
            plain = zlib.decompressobj().decompress(body, _MAX_FRAME_BYTES)
        return plain
    return body
