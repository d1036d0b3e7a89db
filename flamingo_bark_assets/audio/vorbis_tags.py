"""Vorbis comments as they stand in FLAC and Ogg files, each value by itself, and the other blocks of FLAC.

FFmpeg, which reads tags everywhere else, joins the values of a name into one. What tags mean does not belong here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from flamingo_bark_assets.audio.id3_sizes import id3v2_bytes

_MAX_COMMENTS_BYTES = 64 << 20
_MAX_BLOCKS = 4096
_COMMENTS_BLOCK, _LAST = 4, 0x80
# What a FLAC file is known by beside its sound, tags and pictures; padding and the table of seek points are no loss.
_BLOCK_NAMES = {2: "APPLICATION", 5: "CUESHEET"}
# How the packet of comments begins in each kind of Ogg; of FLAC in Ogg it is a block with its head of four bytes.
_BEGINNINGS = (b"\x03vorbis", b"OpusTags", b"\x84", b"\x04")


@dataclass(frozen=True, slots=True)
class VorbisTags:
    """What stands in the head of a FLAC or Ogg file.

    Attributes:
        comments: name in capitals and value of each comment, in order.
        blocks: names of further blocks of FLAC that FFmpeg does not copy.
    """

    comments: tuple[tuple[str, str], ...] = ()
    blocks: tuple[str, ...] = ()


def read_vorbis_tags(file: BinaryIO) -> VorbisTags:
    """Read the Vorbis comments of a file; nothing where it is neither FLAC nor Ogg.

    The position of `file` changes. Any bytes are allowed.
    """
    file.seek(0)
    head = file.read(10)
    start = id3v2_bytes(head) if head[:3] == b"ID3" and len(head) == 10 else 0
    file.seek(start)
    magic = file.read(4)
    if magic == b"fLaC":
        return _of_flac(file)
    if magic == b"OggS":
        file.seek(start)
        return VorbisTags(tuple(_comments(_comments_packet(file))))
    return VorbisTags()


def _of_flac(file: BinaryIO) -> VorbisTags:
    comments: list[tuple[str, str]] = []
    blocks: list[str] = []
    for _ in range(_MAX_BLOCKS):
        head = file.read(4)
        if len(head) < 4:
            break
        kind, size = head[0] & ~_LAST, int.from_bytes(head[1:], "big")
        if kind == _COMMENTS_BLOCK:
            comments += _comments(file.read(size))
        else:
            file.seek(size, os.SEEK_CUR)
            blocks += [_BLOCK_NAMES[kind]] if kind in _BLOCK_NAMES else []
        if head[0] & _LAST:
            break
    return VorbisTags(tuple(comments), tuple(blocks))


def _comments_packet(file: BinaryIO) -> bytes:
    """Put the second packet of an Ogg file together, which holds its comments; without how such a packet begins."""
    packets = [b""]
    while len(packets) < 3 and sum(map(len, packets)) < _MAX_COMMENTS_BYTES:
        head = file.read(27)
        if len(head) < 27 or head[:4] != b"OggS":
            break
        for size in file.read(head[26]):
            packets[-1] += file.read(size)
            if size < 255:  # a packet ends in the first piece that is not full
                packets.append(b"")
    packet = packets[1] if len(packets) > 1 else b""
    for beginning in _BEGINNINGS:
        if packet.startswith(beginning):
            return packet[4 if len(beginning) == 1 else len(beginning) :]
    return b""


def _comments(data: bytes) -> Iterator[tuple[str, str]]:
    """Give each comment; what the data has no room for is none."""

    def text(at: int) -> tuple[bytes, int]:
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        return data[at + 4 : end], end

    _, at = text(0)  # who wrote them
    count = int.from_bytes(data[at : at + 4], "little")
    at += 4
    for _ in range(count):
        if at + 4 > len(data):
            return
        comment, at = text(at)
        name, _, value = comment.decode("utf-8", errors="replace").partition("=")
        yield name.upper(), value
