"""Tags of very many fields, over which FFmpeg takes minutes a megabyte, are told by a count and never read."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from flamingo_bark_assets.audio.decode import decode
from flamingo_bark_assets.audio.tag_fields import MAX_TAG_FIELDS, TooManyTagFields, refuse_too_many_tag_fields
from flamingo_bark_assets.audio.tags import read_tags
from flamingo_bark_assets.errors import AudioFault
from tests import id3_tags
from tests.signals import music, write_audio, write_with_av


def _id3(count: int) -> bytes:
    frame = b"TXXX" + struct.pack(">I", 7) + b"\0\0" + b"\0K%03x\0y"
    return id3_tags.tag(3, [frame % (number % 4096) for number in range(count)])


def _comments(count: int) -> bytes:
    return struct.pack("<I", 1) + b"v" + struct.pack("<I", count) + b"".join(
        struct.pack("<I", 6) + b"%04x=y" % number for number in range(count)
    )  # fmt: skip


def _flac(count: int) -> bytes:
    body = _comments(count)
    return b"fLaC\x00\0\0\x22" + bytes(34) + b"\x84" + len(body).to_bytes(3, "big") + body


def _opus(count: int) -> bytes:
    packet, pages, first = b"OpusTags" + _comments(count), [], 2
    for body in [b"OpusHead" + bytes(11), *(packet[at : at + 255 * 255] for at in range(0, len(packet), 255 * 255))]:
        lacing = b"\xff" * (len(body) // 255) + (bytes([len(body) % 255]) if len(body) < 255 * 255 else b"")
        pages.append(b"OggS\0" + bytes([first]) + bytes(20) + bytes([len(lacing)]) + lacing + body)
        first = 0
    return b"".join(pages)


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + name + body


def _m4a(count: int) -> bytes:
    fields = _box(b"ilst", _box(b"----", b"") * count)
    return _box(b"ftyp", b"M4A ") + _box(b"moov", _box(b"udta", _box(b"meta", bytes(4) + fields)))


def _matroska(count: int) -> bytes:
    tags = b"\x67\xc8\x80" * count
    inner = b"\x12\x54\xc3\x67\x01" + len(tags).to_bytes(7, "big") + tags
    return b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01" + len(inner).to_bytes(7, "big") + inner


def _riff(count: int) -> bytes:
    return id3_tags.riff_info(b"RIFF" + bytes(4) + b"WAVE", {b"%04x" % number: b"y" for number in range(count)})


def _asf(count: int) -> bytes:
    content = (
        bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850") + struct.pack("<QH", 26 + 8 * count, count) + bytes(8 * count)
    )
    header = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + struct.pack("<QIH", 30 + len(content), 1, 0x0201)
    return header + content


MADE: dict[str, Callable[[int], bytes]] = {
    "id3": _id3,
    "id3 in wav": lambda count: id3_tags.in_wav(b"RIFF" + bytes(4) + b"WAVE", _id3(count)),
    "flac": _flac,
    "opus": _opus,
    "m4a": _m4a,
    "matroska": _matroska,
    "riff": _riff,
    "asf": _asf,
    "ape": lambda count: id3_tags.ape({f"{number:04x}": b"y" for number in range(count)}),
    "caf": lambda count: b"caff\0\1\0\0info" + struct.pack(">QI", 4, count) + bytes(4 * count),
}


@pytest.mark.parametrize("name", MADE)
def test_the_fields_of_tags_are_counted_in_every_container(name: str) -> None:
    refuse_too_many_tag_fields(io.BytesIO(MADE[name](MAX_TAG_FIELDS - 8)))
    with pytest.raises(TooManyTagFields):
        refuse_too_many_tag_fields(io.BytesIO(MADE[name](MAX_TAG_FIELDS + 8)))


def test_a_flood_of_fields_ends_in_a_named_fault_and_in_no_tags(tmp_path: Path) -> None:
    sound = write_with_av(tmp_path / "b.mp3", music(0.3), codec="libmp3lame", container="mp3").read_bytes()
    flooded = tmp_path / "a.mp3"
    flooded.write_bytes(_id3(100_000) + sound)
    with pytest.raises(AudioFault, match=rf"more than {MAX_TAG_FIELDS} fields"):
        decode(flooded, max_duration_s=10.0)
    assert read_tags(flooded).title is None


def test_a_flood_of_fields_costs_a_file_that_needs_no_ffmpeg_only_its_tags(tmp_path: Path) -> None:
    wav = write_audio(tmp_path / "a.wav", music(0.3))
    wav.write_bytes(id3_tags.in_wav(wav.read_bytes(), _id3(100_000)))
    assert decode(wav, max_duration_s=10.0).signal.duration_s == pytest.approx(0.3)
    assert read_tags(wav).genres == ()


def test_any_bytes_can_be_counted() -> None:
    for made in MADE.values():
        whole = made(4)
        for cut in range(len(whole)):
            refuse_too_many_tag_fields(io.BytesIO(whole[:cut]))
        for at in range(len(whole)):
            for byte in (0, 0x7F):
                refuse_too_many_tag_fields(io.BytesIO(whole[:at] + bytes([byte]) + whole[at + 1 :]))
