"""What the header of a sound file declares about its length, where the decoding libraries do not pass it on.

Reading those few header fields belongs here; decoding does not.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

_RIFF_FORMATS_OF_FIXED_RATE = (1, 3, 6, 7, 0xFFFE)  # PCM, float, A-law, mu-law, extensible
_STREAMED_SIZE = 0x7FFF0000  # writers to a pipe leave 0x7fffffff, 0xffffffff or a size just below


def wav_declared_s(file: BinaryIO) -> float | None:
    """Read the length that a RIFF WAVE header declares, whatever the file really holds.

    libsndfile and FFmpeg both cut the data chunk's size to the end of the file, which hides that a file is truncated.
    None where the file is no RIFF WAVE, its size is a streaming placeholder, or its codec has no fixed number of bytes
    a second. The position of `file` changes, here and below.
    """
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    bytes_per_s = 0
    while len(chunk := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", chunk)
        if name == b"data":
            known = bytes_per_s > 0 and 0 < size < _STREAMED_SIZE
            return size / bytes_per_s if known else None
        if name == b"fmt ":
            body = file.read(16)
            if len(body) < 16:
                return None
            codec, _, rate_hz, _, block_bytes, _ = struct.unpack("<HHIIHH", body)
            bytes_per_s = rate_hz * block_bytes if codec in _RIFF_FORMATS_OF_FIXED_RATE else 0
            size -= 16
        file.seek(max(0, size + size % 2), 1)
    return None


def mp3_declares_length(file: BinaryIO) -> bool:
    """Return whether an MP3 file's first frame carries a number of frames (Xing, Info or VBRI header).

    Without one, FFmpeg guesses the length from file size and bit rate, which declares nothing.
    """
    file.seek(skip_id3v2(file))
    head = file.read(4096)
    if b"VBRI" in head:
        return True
    for tag in (b"Xing", b"Info"):
        at = head.find(tag)
        if at >= 0 and len(head) >= at + 8:
            return bool(head[at + 7] & 1)
    return False


def skip_id3v2(file: BinaryIO) -> int:
    """Return the offset of the first byte after an ID3v2 tag at the start of the file; 0 where there is none."""
    file.seek(0)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    return 10 + synchsafe(head[6:10])


def synchsafe(four_bytes: bytes) -> int:
    """Return value of an ID3v2 size: four bytes of seven bits each."""
    size = 0
    for byte in four_bytes:
        size = size << 7 | byte & 0x7F
    return size
