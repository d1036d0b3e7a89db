"""ID3v2 tags made byte by byte, as taggers of the world write them.

Making tags belongs here; what is read of them does not.
"""

from __future__ import annotations

from collections.abc import Sequence

Version = int
_NAMES = {2: {"genre": b"TCO", "title": b"TT2", "artist": b"TP1", "picture": b"PIC", "timed": b"SLT"}}
_NAMES[3] = _NAMES[4] = {"genre": b"TCON", "title": b"TIT2", "artist": b"TPE1", "picture": b"APIC", "timed": b"SYLT"}


def synchsafe(number: int) -> bytes:
    """Write a number as four bytes of seven bits."""
    return bytes((number >> shift) & 0x7F for shift in (21, 14, 7, 0))


def frame(version: Version, field: str, body: bytes, *, flags: bytes = b"\0\0", plain_size: bool = False) -> bytes:
    """Make one frame; `plain_size` writes ID3v2.4's size as iTunes did, of eight bits a byte."""
    size = len(body)
    if version == 2:
        return _NAMES[2][field] + size.to_bytes(3, "big") + body
    written = synchsafe(size) if version == 4 and not plain_size else size.to_bytes(4, "big")
    return _NAMES[version][field] + written + flags + body


def text_frame(
    version: Version, field: str, text: str | bytes, encoding: int = 0, *, plain_size: bool = False
) -> bytes:
    """Make a frame of text; bytes are taken as they are, under the number of an encoding."""
    raw = text if isinstance(text, bytes) else text.encode(("latin-1", "utf-16", "utf-16-be", "utf-8")[encoding])
    return frame(version, field, bytes([encoding]) + raw, plain_size=plain_size)


def picture(version: Version, size: int) -> bytes:
    """Make a cover picture of a size, none of whose bytes look like sound or like a frame."""
    head = b"\0JPG\x03\0" if version == 2 else b"\0image/jpeg\0\x03\0"
    return frame(version, "picture", head + b"\x55" * size)


def tag(
    version: Version, frames: Sequence[bytes], *, extended: bool = False, unsynchronised: bool = False, padding: int = 0
) -> bytes:
    """Make a tag of frames."""
    flags = (0x40 if extended else 0) | (0x80 if unsynchronised else 0)
    body = b"".join(frames) + bytes(padding)
    if extended:
        body = (b"\0\0\0\x06\0\0\0\0\0\0" if version == 3 else b"\0\0\0\x06\x01\0") + body
    if unsynchronised:
        body = body.replace(b"\xff", b"\xff\0")
    return b"ID3" + bytes([version, 0, flags]) + synchsafe(len(body)) + body


def in_wav(wav: bytes, chunk: bytes) -> bytes:
    """Put a tag into a WAV file, as its last chunk."""
    padded = b"id3 " + len(chunk).to_bytes(4, "little") + chunk + bytes(len(chunk) % 2)
    return wav[:4] + (len(wav) - 8 + len(padded)).to_bytes(4, "little") + wav[8:] + padded


def in_aiff(aiff: bytes, chunk: bytes) -> bytes:
    """Put a tag into an AIFF file, as its last chunk."""
    padded = b"ID3 " + len(chunk).to_bytes(4, "big") + chunk + bytes(len(chunk) % 2)
    return aiff[:4] + (len(aiff) - 8 + len(padded)).to_bytes(4, "big") + aiff[8:] + padded


def ape(items: dict[str, bytes]) -> bytes:
    """Make an APEv2 tag for the end of a file."""
    body = b"".join(
        len(value).to_bytes(4, "little") + bytes(4) + key.encode() + b"\0" + value for key, value in items.items()
    )
    numbers = (2000, len(body) + 32, len(items))
    head = b"APETAGEX" + b"".join(number.to_bytes(4, "little") for number in numbers)
    return (
        head
        + (0xA0000000).to_bytes(4, "little")
        + bytes(8)
        + body
        + head
        + (0x80000000).to_bytes(4, "little")
        + bytes(8)
    )


def riff_info(wav: bytes, items: dict[bytes, bytes]) -> bytes:
    """Put a LIST INFO chunk into a WAV file, as its last chunk."""
    body = b"INFO"
    for key, value in items.items():
        text = value + b"\0"
        body += key + len(text).to_bytes(4, "little") + text + bytes(len(text) % 2)
    chunk = b"LIST" + len(body).to_bytes(4, "little") + body
    return wav[:4] + (len(wav) - 8 + len(chunk)).to_bytes(4, "little") + wav[8:] + chunk


def id3v1(title: bytes, artist: bytes, genre: int) -> bytes:
    """Make the 128 bytes of an ID3v1 tag."""
    return b"TAG" + title.ljust(30, b"\0") + artist.ljust(30, b"\0") + bytes(64) + bytes([genre])
