"""The extent of any sound file: its container is told by its first bytes.

Which reader is asked belongs here; what it reads does not.
"""

from __future__ import annotations

from typing import BinaryIO

from flamingo_bark_assets.audio.extent.boxes import ASF_HEADER, MP4_FIRST_BOXES, read_asf, read_matroska, read_mp4
from flamingo_bark_assets.audio.extent.chunks import read_aiff, read_au, read_caf, read_dsf, read_riff, read_wave64
from flamingo_bark_assets.audio.extent.found import Extent, ReadExtent, View
from flamingo_bark_assets.audio.extent.frames import read_frames
from flamingo_bark_assets.audio.extent.pages import read_ogg
from flamingo_bark_assets.audio.id3_sizes import id3v2_bytes

# FFmpeg reads the length of these from their header, and a file that is cut gives fewer samples.
_LENGTH_BY_LIBRARY = (b"fLaC", b"wvpk", b"TTA1", b"TTA2", b"MAC ", b"MPCK", b"MP+", b"#!AMR")

_READERS: tuple[tuple[bytes, ReadExtent], ...] = (
    (b"OggS", read_ogg), (b".snd", read_au), (b"caff", read_caf), (b"DSD ", read_dsf), (b"riff\x2e\x91", read_wave64),
    (b"\x1a\x45\xdf\xa3", read_matroska), (ASF_HEADER, read_asf),
)  # fmt: skip
_MAX_TAGS = 16


def read_extent(file: BinaryIO) -> Extent:
    """Read what a file's own bytes say of its length and its end, whatever they hold; the file's position changes.

    Raises:
        TooManyChunks: it is not to be decoded either.
    """
    view = View(file)
    begin = 0
    for _ in range(_MAX_TAGS):
        head = view.at(begin, 16)
        if not (length := id3v2_bytes(head)):
            break
        begin += length
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return read_riff(view, begin)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return read_aiff(view, begin)
    if head[4:8] in MP4_FIRST_BOXES:
        return read_mp4(view, begin)
    for magic, read in _READERS:
        if head.startswith(magic):
            return read(view, begin)
    return Extent() if head.startswith(_LENGTH_BY_LIBRARY) else read_frames(view, begin)
