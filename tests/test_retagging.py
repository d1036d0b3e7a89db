"""Tempo and key go into the tags of a file, and all else in it stays or is told to be lost."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from flamingo_bark_assets.audio.decode import open_blocks
from flamingo_bark_assets.audio.retagging import TagField, write_tags
from flamingo_bark_assets.audio.tags import read_tags
from flamingo_bark_assets.audio.vorbis_tags import VorbisTags, read_vorbis_tags
from flamingo_bark_assets.errors import AudioFault

RATE_HZ = 44_100


def encoded(path: Path, codec: str, muxer: str, options: dict[str, str] | None = None) -> Path:
    """Write half a second of noise."""
    rate_hz = 48_000 if codec == "libopus" else RATE_HZ
    noise = np.random.default_rng(0).integers(-9000, 9000, (1, RATE_HZ), dtype=np.int16)
    with av.open(str(path), "w", format=muxer, options=options or {}) as container:
        container.metadata["title"] = "x"
        stream = container.add_stream(codec, rate=rate_hz)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="stereo")
        frame.sample_rate = RATE_HZ
        size = stream.codec_context.frame_size or 4096
        sized = av.AudioResampler(stream.codec_context.format.name, "stereo", rate_hz, frame_size=size)
        pieces = [*sized.resample(frame), *sized.resample(None)]
        for number, piece in enumerate(pieces):
            piece.pts = number * size
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def with_head(file: Path, comments: list[str], *blocks: tuple[int, bytes]) -> Path:
    """Give a FLAC file these comments and blocks in place of its own."""
    data = file.read_bytes()
    texts = [comment.encode() for comment in ("by hand", *comments)]
    body = b"".join(
        struct.pack("<I", len(text)) + text + (struct.pack("<I", len(comments)) if number == 0 else b"")
        for number, text in enumerate(texts)
    )
    at = 4
    while True:
        last, size = data[at] & 0x80, int.from_bytes(data[at + 1 : at + 4], "big")
        at += 4 + size
        if last:
            break
    head = data[4:42]  # what every FLAC begins with; its first byte says that more follows
    for number, (kind, block) in enumerate([*blocks, (4, body)]):
        head += bytes([kind | (0x80 if number == len(blocks) else 0)]) + len(block).to_bytes(3, "big") + block
    file.write_bytes(b"fLaC" + head + data[at:])
    return file


def sound(file: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Decode a file, shape (n_samples, n_channels)."""
    source = open_blocks(file, max_duration_s=60)
    return np.concatenate([block.T for block in source.blocks()])


def tagged(source: Path, *, lossless: bool = True) -> tuple[Path, tuple[str, ...]]:
    target = source.with_name(f"tagged{source.suffix}")
    values: dict[TagField, str] = {"tempo": "120", "key": "Am"}
    lost = write_tags(source, target, values, scratch=source.parent, max_duration_s=60, lossless=lossless)
    assert np.array_equal(sound(target), sound(source))
    return target, lost


@pytest.mark.parametrize(
    ("comments", "blocks", "told"),
    [
        (["TITLE=x", "ARTIST=A", "ARTIST=B", "bpm=88"], [], "values of the tags ARTIST"),
        (["TITLE=x", "EMPTY="], [], "values of the tags EMPTY"),
        (["TITLE=x"], [(2, b"riffabcd")], "the FLAC blocks APPLICATION"),
    ],
)
def test_what_ffmpeg_would_join_or_drop_in_silence_is_told_and_no_original_loses_it(
    tmp_path: Path, comments: list[str], blocks: list[tuple[int, bytes]], told: str
) -> None:
    source = with_head(encoded(tmp_path / "song.flac", "flac", "flac"), comments, *blocks)
    with pytest.raises(AudioFault, match=f"would lose {told}"):
        tagged(source)
    target, lost = tagged(source, lossless=False)
    assert lost == (told,)
    tags = read_tags(target)
    assert tags.title == "x"


def test_several_artists_of_an_mp3_are_not_lost_in_silence(tmp_path: Path) -> None:
    source = encoded(tmp_path / "song.mp3", "libmp3lame", "mp3", {"id3v2_version": "0"})
    text = b"\x03One\0Other"
    frame = b"TPE1" + len(text).to_bytes(4, "big") + b"\0\0" + text
    source.write_bytes(b"ID3\x04\0\0" + len(frame).to_bytes(4, "big") + frame + source.read_bytes())
    with pytest.raises(AudioFault, match="would lose values of the ID3 frames TPE1"):
        tagged(source)


def test_comments_are_read_from_ogg_as_from_flac(tmp_path: Path) -> None:
    for name, codec, muxer in (("a.opus", "libopus", "ogg"), ("a.oga", "flac", "ogg"), ("a.flac", "flac", "flac")):
        source = encoded(tmp_path / name, codec, muxer)
        target, lost = tagged(source)
        assert lost == ()
        with target.open("rb") as file:
            assert {("BPM", "120"), ("INITIALKEY", "Am")} <= set(read_vorbis_tags(file).comments), name
    with encoded(tmp_path / "a.mp3", "libmp3lame", "mp3").open("rb") as file:
        assert read_vorbis_tags(file) == VorbisTags()


def test_an_mp3_without_a_first_frame_that_tells_its_length_gets_none(tmp_path: Path) -> None:
    _, lost = tagged(encoded(tmp_path / "song.mp3", "libmp3lame", "mp3", {"write_xing": "0"}))
    assert lost == ()


def test_tags_at_the_end_of_an_mp3_stay(tmp_path: Path) -> None:
    source = encoded(tmp_path / "song.mp3", "libmp3lame", "mp3", {"write_id3v1": "1"})
    assert source.read_bytes()[-128:-125] == b"TAG"
    target, _ = tagged(source)
    assert target.read_bytes()[-128:-125] == b"TAG"


def test_permissions_of_an_original_stay(tmp_path: Path) -> None:
    source = encoded(tmp_path / "song.flac", "flac", "flac")
    source.chmod(0o640)
    write_tags(source, source, {"tempo": "120"}, scratch=tmp_path, max_duration_s=60, lossless=True)
    assert source.stat().st_mode & 0o777 == 0o640
