"""WAV, RF64, BW64, Wave64, AIFF, AU, CAF and DSF: chunks with their sizes, one of which holds the samples.

libsndfile and FFmpeg both cut that chunk to the end of the file, which hides that a file is truncated. What the samples
are belongs elsewhere.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from flamingo_bark_assets.audio.extent.found import (
    MAX_STEPS,
    Extent,
    TooManyChunks,
    View,
    missing_bytes,
    unfinished_header,
)

_FORMATS_OF_FIXED_RATE = (1, 3, 6, 7, 0xFFFE)  # PCM, float, A-law, mu-law, extensible
_MP3 = 0x55
_AU_BITS = {1: 8, 2: 8, 3: 16, 4: 24, 5: 32, 6: 32, 7: 64, 23: 4, 24: 4, 25: 3, 26: 5, 27: 8}
_UNKNOWN_62 = 1 << 62
_UNKNOWN_64 = (1 << 64) - 1
_UNKNOWN_32 = (1 << 32) - 1
_IMA4_FRAMES = 64  # that AIFF-C counts as one


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its name, and where its body begins and ends by its header, which need not be in the file."""

    name: bytes
    begin: int
    size: int

    @property
    def end(self) -> int:
        """Where its body ends."""
        return self.begin + self.size


@dataclass(frozen=True, slots=True)
class _Coding:
    """What the fmt chunk of WAV and Wave64 says: how samples become bytes."""

    codec: int
    rate_hz: int
    block_bytes: int
    block_samples: int

    def length_s(self, n_bytes: int, n_samples: int | None) -> float | None:
        """Return the length of that many bytes; by the number of samples told elsewhere where bytes do not tell it."""
        if not self.rate_hz or not self.block_bytes:
            return None
        if self.codec in _FORMATS_OF_FIXED_RATE:
            return n_bytes / (self.rate_hz * self.block_bytes)
        if self.block_samples:
            return n_bytes / self.block_bytes * self.block_samples / self.rate_hz
        return n_samples / self.rate_hz if n_samples else None


def read_riff(view: View, begin: int) -> Extent:
    """Read a WAV, RF64 or BW64 file.

    Raises:
        TooManyChunks: as `read_chunks` does, before the sound is found.
    """
    coding: _Coding | None = None
    n_samples: int | None = None
    wide: tuple[int, int] | None = None
    for chunk in read_chunks(view, begin + 12, "little"):
        if chunk.name == b"data":
            there = max(0, view.size - chunk.begin)
            if wide is not None and chunk.size == _UNKNOWN_32:
                at, size = wide
                if size in (0, _UNKNOWN_64) and there:
                    declares = "no length" if size else "no sound"
                    return unfinished_header(there, ((at, struct.pack("<Q", there)),), declares=declares)
            else:
                size = chunk.size
                if _is_placeholder(chunk, view) and not (size == 0 and _holds_chunks(view, chunk.begin)):
                    if size:  # both libraries know these sizes
                        return unfinished_header(there, (), declares="no length")
                    return unfinished_header(there, ((chunk.begin - 4, struct.pack("<I", min(there, _UNKNOWN_32))),))
            return _extent(view, chunk.begin, size, coding.length_s(size, n_samples) if coding else None)
        if chunk.name == b"ds64" and len(body := view.at(chunk.begin, 16)) == 16:
            wide = (chunk.begin + 8, int.from_bytes(body[8:], "little"))
        elif chunk.name == b"fmt ":
            coding = _coding(view.at(chunk.begin, min(20, chunk.size)))
        elif chunk.name == b"fact" and len(body := view.at(chunk.begin, 4)) == 4:
            n_samples = int.from_bytes(body, "little")
    return Extent(tells_length=True)


def read_chunks(view: View, at: int, byte_order: Literal["little", "big"]) -> Iterator[Chunk]:
    """Give the chunks of a WAV ("little") or AIFF ("big") file from an offset to the end of the file.

    Raises:
        TooManyChunks: there are more than `MAX_STEPS`.
    """
    for _ in range(MAX_STEPS):
        head = view.at(at, 8)
        if len(head) < 8:
            return
        chunk = Chunk(head[:4], at + 8, int.from_bytes(head[4:], byte_order))
        yield chunk
        at = chunk.end + chunk.size % 2
    raise TooManyChunks


def _is_placeholder(data: Chunk, view: View) -> bool:
    """Tell whether the size was never filled in: 0, or what writers to a pipe leave, 0x7fffffff, 0xffffffff or near."""
    return data.size == 0 or (
        data.end > view.size and (data.size >= 0xFFFF0000 or 0x7FFF0000 <= data.size <= 0x80000000)
    )


def _holds_chunks(view: View, begin: int) -> bool:
    """Tell whether from there to the end there is chunk after chunk, or nothing."""
    at = begin
    for chunk in read_chunks(view, begin, "little"):
        at = chunk.end
        if not chunk.name.isascii() or not chunk.name.decode("ascii").isprintable() or at > view.size:
            return False
    return view.size - at <= 1


def _coding(body: bytes) -> _Coding | None:
    if len(body) < 16:
        return None
    codec, _, rate_hz, _, block_bytes, _ = struct.unpack("<HHIIHH", body[:16])
    # Behind them stands how many samples a block holds, where the codec has blocks; MP3 has other things there.
    has_samples = len(body) >= 20 and int.from_bytes(body[16:18], "little") >= 2 and codec != _MP3
    return _Coding(codec, rate_hz, block_bytes, int.from_bytes(body[18:20], "little") if has_samples else 0)


def read_wave64(view: View, begin: int) -> Extent:
    """Read a Sony Wave64 file: names of 16 bytes, sizes of 8, which count the 24 bytes of both."""
    coding: _Coding | None = None
    n_samples: int | None = None
    at = begin + 40
    for _ in range(MAX_STEPS):
        head = view.at(at, 24)
        if len(head) < 24:
            break
        size = max(0, int.from_bytes(head[16:], "little") - 24)
        if head[:4] == b"data":
            there = view.size - at - 24
            if there > 0 and (size == 0 or size >= _UNKNOWN_62):
                declares = "no length" if size else "no sound"
                return unfinished_header(there, ((at + 16, struct.pack("<Q", there + 24)),), declares=declares)
            return _extent(view, at + 24, size, coding.length_s(size, n_samples) if coding else None)
        if head[:4] == b"fmt ":
            coding = _coding(view.at(at + 24, min(20, size)))
        elif head[:4] == b"fact" and len(body := view.at(at + 24, 8)) == 8:
            n_samples = int.from_bytes(body, "little")
        at += 24 + size + -size % 8
    return Extent(tells_length=True)


def read_aiff(view: View, begin: int) -> Extent:
    """Read an AIFF or AIFF-C file, whose COMM chunk holds the length wherever it stands.

    Raises:
        TooManyChunks: as `read_chunks` does, before sound and length are both found.
    """
    common: Chunk | None = None
    sound: Chunk | None = None
    for chunk in read_chunks(view, begin + 12, "big"):
        if chunk.name == b"COMM":
            common = chunk
        elif chunk.name == b"SSND":
            sound = chunk
        if common is not None and sound is not None:
            break
    body = view.at(common.begin, min(22, common.size)) if common is not None else b""
    if common is None or sound is None or len(body) < 18:
        return Extent(tells_length=True)
    channels, frames, bits = struct.unpack(">hIh", body[:8])
    there = view.size - sound.begin - 8
    frame_bytes = channels * ((bits + 7) // 8)
    if frames == 0 and sound.size <= 8 and there > 0 and frame_bytes > 0:
        sizes = (
            (sound.begin - 4, struct.pack(">I", min(there + 8, _UNKNOWN_32))),
            (common.begin + 2, struct.pack(">I", min(there // frame_bytes, _UNKNOWN_32))),
        )
        return unfinished_header(there, sizes)
    rate_hz = _extended(body[8:18])
    count = frames * (_IMA4_FRAMES if body[18:22] == b"ima4" else 1)
    return _extent(view, sound.begin, sound.size, count / rate_hz if rate_hz else None)


def _extended(body: bytes) -> float | None:
    """Read an 80-bit float, a sample rate; None where it is no likely one."""
    exponent, mantissa = struct.unpack(">HQ", body)
    return math.ldexp(mantissa, exponent - 16383 - 63) if mantissa and 16383 <= exponent <= 16383 + 32 else None


def read_au(view: View, begin: int) -> Extent:
    """Read an AU file: one header, then samples to the end."""
    body = view.at(begin + 4, 20)
    if len(body) < 20:
        return Extent()
    header, size, encoding, rate_hz, channels = struct.unpack(">IIIII", body)
    if size == _UNKNOWN_32:
        return Extent(tells_length=True)
    if size == 0 and (there := view.size - begin - header) > 0:
        return unfinished_header(there, ((begin + 8, struct.pack(">I", min(there, _UNKNOWN_32))),))
    bytes_per_s = _AU_BITS.get(encoding, 0) * rate_hz * channels / 8
    return _extent(view, begin + header, size, size / bytes_per_s if bytes_per_s else None)


def read_caf(view: View, begin: int) -> Extent:
    """Read a Core Audio file; a data chunk of size -1 goes to the end."""
    rate_hz = packet_bytes = packet_frames = 0.0
    frames: int | None = None
    data: Chunk | None = None
    at = begin + 8
    for _ in range(MAX_STEPS):
        head = view.at(at, 12)
        if len(head) < 12:
            break
        size = int(struct.unpack(">q", head[4:])[0])
        if size < 0:
            break
        chunk = Chunk(head[:4], at + 12, size)
        if chunk.name == b"desc" and len(body := view.at(chunk.begin, 24)) == 24:
            rate_hz, _, _, packet_bytes, packet_frames = struct.unpack(">d4sIII", body)
        elif chunk.name == b"pakt" and len(body := view.at(chunk.begin, 16)) == 16:
            frames = int(struct.unpack(">qq", body)[1])
        elif chunk.name == b"data":
            data = chunk
        at = chunk.end
    if data is None or not math.isfinite(rate_hz) or rate_hz <= 0:
        return Extent()
    if data.size == 0 and (there := view.size - data.begin - 4) > 0:
        return unfinished_header(there, ((data.begin - 8, struct.pack(">q", there + 4)),))
    if packet_bytes and packet_frames:  # four bytes of the chunk are a count of edits
        return _extent(view, data.begin, data.size, max(0, data.size - 4) / packet_bytes * packet_frames / rate_hz)
    return _extent(view, data.begin, data.size, frames / rate_hz if frames and frames > 0 else None)


def read_dsf(view: View, begin: int) -> Extent:
    """Read a DSF file, whose header holds the size of the whole file."""
    size = int.from_bytes(view.at(begin + 12, 8), "little")
    return Extent(cut=missing_bytes("the file, by its header,", begin + size, view))


def _extent(view: View, begin: int, size: int, declared_s: float | None) -> Extent:
    return Extent(tells_length=True, declared_s=declared_s, cut=missing_bytes("the sound", begin + size, view))
