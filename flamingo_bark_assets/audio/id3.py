"""Genre and timed lyrics of ID3v2 tags and the names of their frames, of every version, wherever a file holds a tag.

FFmpeg, which reads all other fields, takes any leading digits of a genre for a number of ID3v1's table: it reads "80s"
as number 80, which is Folk. What the text of the frame means does not belong here.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Literal

from flamingo_bark_assets.audio.extent.chunks import read_chunks
from flamingo_bark_assets.audio.extent.found import View
from flamingo_bark_assets.audio.id3_sizes import id3v2_bytes, synchsafe

_MAX_FRAME_BYTES = 64 * 1024
_MAX_FRAMES = 4096
_MAX_TAGS = 8
_MAX_CHUNKS = 4096
# Only a tag that is unsynchronised as a whole is read as a whole, its pictures with it.
_MAX_UNSYNCHRONISED_BYTES = 64 << 20
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")
# Of synchronised lyrics: the form of times that needs no frames of MPEG, and what is sung: lyrics, or a transcription.
_MILLISECONDS, _SUNG = 2, (1, 2)
_LONGEST_MS = 24 * 3600 * 1000
_BREAKS = ("\n", "\r")
_UNSYNCHRONISED, _EXTENDED = 0x80, 0x40


def id3_genre(file: BinaryIO) -> str | None:
    """Return the text of the genre frames of a file's first ID3v2 tag with any; None where none can be read.

    A tag stands at the start of the file, before another one, in a chunk of WAV or AIFF, or where a DSF file says.
    Several values are parted by zero bytes, as ID3v2.4 does. The position of `file` changes. Any bytes are allowed.
    """
    empty = None
    for tag in _tags(file):
        texts = [
            text for frame in tag.frames(_MAX_FRAMES) if (text := _genre(tag.source, tag.version, frame)) is not None
        ]
        if any(texts):
            return "\0".join(filter(None, texts))
        empty = "" if texts else empty
    return empty


def id3_timed_lyrics(file: BinaryIO) -> str | None:
    """Return the first synchronised lyrics of a file's ID3v2 tags as LRC; None where there are none with times in ms.

    FFmpeg does not read such frames. Where line breaks stand in the texts these are words or syllables, and each gets
    its time inside its line. The position of `file` changes. Any bytes are allowed.
    """
    for body in _bodies(file, (b"SYLT", b"SLT")):
        if len(body) > 6 and body[4] == _MILLISECONDS and body[5] in _SUNG and (said := _timed_texts(body)):
            return _as_lrc(said)
    return None


def id3_lists(file: BinaryIO) -> tuple[tuple[str, str], ...]:
    """Return name and text of each text frame that holds several values, parted by zero bytes; sorted.

    The position of `file` changes. Any bytes are allowed.
    """
    said = (
        (frame.name.decode("latin-1"), _text(body))
        for tag in _tags(file)
        for frame in tag.frames(_MAX_FRAMES)
        if frame.name.startswith(b"T") and frame.name not in (b"TXXX", b"TXX")
        if (body := _body(tag.source, tag.version, frame)) is not None
    )
    return tuple(sorted((name, text) for name, text in said if "\x00" in text))


def _bodies(file: BinaryIO, names: tuple[bytes, bytes]) -> Iterator[bytes]:
    """Give what the frames of a name hold, each beginning with the number of an encoding that is known."""
    for tag in _tags(file):
        for frame in tag.frames(_MAX_FRAMES):
            if frame.name in names and (body := _body(tag.source, tag.version, frame)) is not None:
                yield body


def _timed_texts(body: bytes) -> list[tuple[int, str]]:
    """Return the texts of a frame of synchronised lyrics, each with its time in ms."""
    encoding, wide = _ENCODINGS[body[0]], 2 if body[0] in (1, 2) else 1

    def text_end(at: int) -> int | None:
        return next((n for n in range(at, len(body) - wide + 1, wide) if not any(body[n : n + wide])), None)

    said: list[tuple[int, str]] = []
    end = text_end(6)  # Of the descriptor, which is not sung.
    while end is not None:
        begin = end + wide
        end = text_end(begin)
        if end is None or end + wide + 4 > len(body):
            break
        time_ms = int.from_bytes(body[end + wide : end + wide + 4], "big")
        if time_ms > _LONGEST_MS:
            break
        said.append((time_ms, body[begin:end].decode(encoding, errors="replace")))
        end += 4
    return said


def _as_lrc(said: list[tuple[int, str]]) -> str:
    in_parts = any(break_ in text.strip("\r\n ") or text[:1] in _BREAKS for break_ in _BREAKS for _, text in said[1:])
    lines: list[str] = []
    for number, (time_ms, text) in enumerate(said):
        time = f"{time_ms // 60000:02d}:{time_ms % 60000 / 1000:06.3f}"
        plain = " ".join(text.split()) if not in_parts else text.strip("\r\n")
        if not in_parts or number == 0 or text[:1] in _BREAKS:
            lines.append(f"[{time}]{plain}" if not in_parts else f"[{time}]<{time}>{plain}")
        else:
            lines[-1] += f"<{time}>{plain}"
    return "\n".join(lines)


def id3_frame_names(file: BinaryIO) -> tuple[str, ...]:
    """Name the frames of a file's ID3v2 tags, sorted, each as often as it stands there.

    The position of `file` changes. Any bytes are allowed.
    """
    return tuple(sorted(frame.name.decode("latin-1") for tag in _tags(file) for frame in tag.frames(_MAX_FRAMES)))


def count_frames(file: BinaryIO, most: int) -> int:
    """Return the number of frames of all ID3v2 tags of a file, at most about `most`; its position changes."""
    count = 0
    for tag in _tags(file):
        count += sum(1 for _ in tag.frames(most + 1))
        if count > most:
            break
    return count


def _tag_offsets(file: BinaryIO) -> Iterator[int]:
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


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame of a tag: its name, its flags, and where what it holds lies."""

    name: bytes
    flags: int
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class _Tag:
    """One tag: the bytes in which its frames lie, from `first` to `last`."""

    version: int
    source: BinaryIO
    first: int
    last: int

    def frames(self, most: int) -> Iterator[_Frame]:
        """Give at most so many frames, without reading what they hold."""
        return _frames(self.source, self.version, self.first, self.last, most)


def _tags(file: BinaryIO) -> Iterator[_Tag]:
    end = file.seek(0, os.SEEK_END)
    for start in _tag_offsets(file):
        at = start
        for _ in range(_MAX_TAGS):
            file.seek(at)
            head = file.read(10)
            if len(head) < 10 or head[:3] != b"ID3" or head[3] not in (2, 3, 4):
                break
            if (tag := _tag(file, at, head, end)) is not None:
                yield tag
            at += id3v2_bytes(head)


def _tag(file: BinaryIO, start: int, head: bytes, end: int) -> _Tag | None:
    """Find the frames of the tag whose ten bytes `head` stand at `start`; None where they cannot be read."""
    version, flags = head[3], head[5]
    size = min(synchsafe(head[6:10]), end - start - 10)
    if version == 2 and flags & _EXTENDED:  # Compressed, by a method that nobody has ever named.
        return None
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
    return _Tag(version, source, first, last)


def _genre(source: BinaryIO, version: int, frame: _Frame) -> str | None:
    """Read a genre frame; None where it is another one, or cannot be read."""
    body = _body(source, version, frame) if frame.name in (b"TCON", b"TCO") else None
    return None if body is None else _text(body)


def _text(body: bytes) -> str:
    return body[1:].decode(_ENCODINGS[body[0]], errors="replace").rstrip("\x00")


def _body(source: BinaryIO, version: int, frame: _Frame) -> bytes | None:
    """Return what a frame holds, beginning with the number of its encoding; None where it cannot be read."""
    source.seek(frame.at)
    body = _plain_body(source.read(min(frame.size, _MAX_FRAME_BYTES)), version, frame.flags)
    return body if body and body[0] < len(_ENCODINGS) else None


def _frames(file: BinaryIO, version: int, first: int, last: int, most: int) -> Iterator[_Frame]:
    name_bytes, head_bytes = (3, 6) if version == 2 else (4, 10)
    at = first
    for _ in range(most):
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
        flags = int.from_bytes(head[8:10], "big")
        yield _Frame(head[:name_bytes], flags, at + head_bytes, min(size, last - at - head_bytes))
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
