"""MP3, ADTS AAC and AC-3: frame after frame with no size for the whole, and the tags before and behind them.

Whether the last frame is whole belongs here, and the number of frames that an MP3's first one may tell; decoding does
not.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from flamingo_bark_assets.audio.extent.found import Extent, View
from flamingo_bark_assets.audio.id3_sizes import synchsafe

_SURE = 4  # frames in a row that cannot be chance
_TAIL = 1 << 16  # holds more than `_SURE` of the largest frames
_HEAD = 1 << 14
_TAG_HEAD = 4096  # of the first frame: where its number of frames stands
_MAX_TAGS = 16

_MPEG1_KBPS = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_MPEG2_KBPS = {
    1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_RATES_HZ = (44_100, 48_000, 32_000)
_AC3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame's header.

    Attributes:
        size: of the whole frame, bytes.
        kind: what is the same in all frames of a stream.
        samples: of each channel; 0 where nobody asks.
        rate_hz: samples a second; 0 where nobody asks.
    """

    size: int
    kind: tuple[int, ...]
    samples: int = 0
    rate_hz: int = 0


_ReadFrame = Callable[[bytes, int], _Frame | None]


def _mpeg_frame(data: bytes, at: int) -> _Frame | None:
    """Read the header of an MPEG-1, 2 or 2.5 frame of any layer (ISO 11172-3, 2.4.1.3); None where there is none."""
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    second, third = data[at + 1], data[at + 2]
    version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
    bit_rate, rate = third >> 4, third >> 2 & 3
    if version == 1 or layer == 4 or rate == 3 or not 0 < bit_rate < 15:
        return None
    rate_hz = _MPEG_RATES_HZ[rate] >> (0, 0, 1, 0)[version] if version else _MPEG_RATES_HZ[rate] >> 2
    bits_per_s = (_MPEG1_KBPS if version == 3 else _MPEG2_KBPS)[layer][bit_rate - 1] * 1000
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    slot = 4 if layer == 1 else 1
    size = (samples // 8 * bits_per_s // (rate_hz * slot) + (third >> 1 & 1)) * slot
    return _Frame(size, (second & 0xFE, third & 0x0C), samples, rate_hz)


def _adts_frame(data: bytes, at: int) -> _Frame | None:
    """Read the header of an ADTS frame (ISO 13818-7, 6.2); None where there is none."""
    if len(data) < at + 7 or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    return _Frame(size, (data[at + 1], data[at + 2] & 0xFC)) if size >= 7 else None


def _ac3_frame(data: bytes, at: int) -> _Frame | None:
    """Read the header of an AC-3 or E-AC-3 frame (ATSC A/52, 5.3 and E.1.2); None where there is none."""
    if len(data) < at + 6 or data[at : at + 2] != b"\x0b\x77":
        return None
    code, version = data[at + 4], data[at + 5] >> 3
    if version > 10:
        size = ((data[at + 2] & 7) << 8 | data[at + 3]) * 2 + 2
        return _Frame(size, (version,)) if version <= 16 else None
    rate, row = code >> 6, code & 0x3F
    if rate == 3 or row >> 1 >= len(_AC3_KBPS):
        return None
    kbps = _AC3_KBPS[row >> 1]
    words = (kbps * 2, kbps * 96_000 // 44_100 + (row & 1), kbps * 3)[rate]
    return _Frame(words * 2, (version, rate))


_READERS: tuple[tuple[_ReadFrame, int], ...] = ((_mpeg_frame, 4), (_adts_frame, 7), (_ac3_frame, 6))


def read_frames(view: View, begin: int) -> Extent:
    """Read the extent of a stream of frames; all unknown where no frames are found."""
    end = _without_tags(view, begin)
    head = view.at(begin, _HEAD)
    found = [(first, read, length) for read, length in _READERS if (first := _first_frame(head, read)) is not None]
    if not found:
        return Extent()
    first, read, length = min(found, key=lambda each: each[0])
    cut = _torn(view, max(begin, end - _TAIL), end, read, length)
    if read is not _mpeg_frame:
        return Extent(tells_length=True, cut=cut)
    tag = _length_tag(head[first : first + _TAG_HEAD])
    if tag is None:
        return Extent(tells_length=True, cut=cut)
    if cut is None and tag.n_bytes > end - begin - first:
        cut = f"its first frame declares {tag.n_bytes} bytes of sound, and {end - begin - first} are there"
    return Extent(tells_length=True, declared_s=tag.length_s, cut=cut)


def _first_frame(data: bytes, read: _ReadFrame) -> int | None:
    """Return where the first frames in a row begin; None where there are none."""
    for at in range(len(data)):
        if data[at] in (0xFF, 0x0B) and _chain(data, at, read)[1] >= _SURE:
            return at
    return None


def _chain(data: bytes, at: int, read: _ReadFrame) -> tuple[int, int, _Frame | None]:
    """Follow frames of one kind from an offset.

    Returns:
        Where the last whole one ends, how many are whole, and the header of a further one that is not.
    """
    count, kind = 0, None
    while (frame := read(data, at)) is not None and frame.size > 0 and kind in (None, frame.kind):
        if at + frame.size > len(data):
            return at, count, frame
        at, count, kind = at + frame.size, count + 1, frame.kind
    return at, count, None


def _torn(view: View, begin: int, end: int, read: _ReadFrame, head_bytes: int) -> str | None:
    """Say that the last frame is not whole; bytes behind it that are no frame are none of its."""
    data = view.at(begin, end - begin)
    at = 0
    while at < len(data):
        if data[at] not in (0xFF, 0x0B):
            at += 1
            continue
        stop, count, unfinished = _chain(data, at, read)
        if count < _SURE:
            at += 1
            continue
        rest = data[stop:]
        if unfinished is not None:
            return f"its last frame lacks {unfinished.size - len(rest)} of {unfinished.size} bytes"
        if 0 < len(rest) < head_bytes and data[at : at + 2].startswith(rest[:2]):
            return "its last frame is cut within its header"
        at = stop
    return None


@dataclass(frozen=True, slots=True)
class _LengthTag:
    """What the first frame of an MP3 tells of the whole, without the frame itself."""

    length_s: float | None
    n_bytes: int


def _length_tag(data: bytes) -> _LengthTag | None:
    """Read a Xing, Info or VBRI header: the number of frames, less what encoders say that they put around the sound."""
    frame = _mpeg_frame(data, 0)
    if frame is None:
        return None
    if (at := data.find(b"VBRI")) >= 0 and len(data) >= at + 18:
        n_bytes, frames = struct.unpack(">II", data[at + 10 : at + 18])
        return _LengthTag(frames * frame.samples / frame.rate_hz or None, n_bytes)
    at = max(data.find(b"Xing"), data.find(b"Info"))
    if at < 0 or len(data) < at + 160:
        return None
    flags, at = data[at + 7], at + 8
    frames = n_bytes = 0
    if flags & 1:
        frames, at = int.from_bytes(data[at : at + 4], "big"), at + 4
    if flags & 2:
        n_bytes, at = int.from_bytes(data[at : at + 4], "big"), at + 4
    at += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    around = int.from_bytes(data[at + 21 : at + 24], "big") if data[at : at + 4] in (b"LAME", b"Lavf", b"Lavc") else 0
    samples = frames * frame.samples - (around >> 12) - (around & 0xFFF)
    return _LengthTag(samples / frame.rate_hz if samples > 0 else None, n_bytes)


def _without_tags(view: View, begin: int) -> int:
    """Return where the sound ends at the latest: before ID3v1, APEv2, Lyrics3v2 and appended ID3v2 tags."""
    end = view.size
    for _ in range(_MAX_TAGS):
        length = _tag_before(view, end)
        if not length or end - length < begin:
            break
        end -= length
    return end


def _tag_before(view: View, end: int) -> int:
    """Return the length of the tag that ends there; 0 where none does."""
    tail = view.at(max(0, end - 128), min(128, end))
    if len(tail) == 128 and tail[:3] == b"TAG":
        return 128
    if tail[-32:-24] == b"APETAGEX":
        size, _, flags = struct.unpack("<III", tail[-20:-8])
        return int(size) + (32 if flags >> 31 else 0)
    if tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
        return int(tail[-15:-9]) + 15
    if len(tail) >= 10 and tail[-10:-7] == b"3DI":
        return synchsafe(tail[-4:]) + 20
    return 0
