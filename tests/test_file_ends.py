"""Whether a file is cut off is seen in every container, and said of none that is whole."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from flamingo_bark_assets.audio.decode import decode
from flamingo_bark_assets.audio.extent.reading import read_extent
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.errors import AudioFault
from tests import id3_tags
from tests.signals import RATE_HZ, music, write_audio
from tests.watchdog import ends

pytestmark = pytest.mark.long

SECONDS = 4.0
PACKET = 1152
WAVE = music(SECONDS)
WAVE_48 = music(SECONDS, rate_hz=48_000)

Make = Callable[[Path], Path]


def by_libsndfile(format: str, subtype: str, *, wave: FloatArray = WAVE, rate_hz: int = RATE_HZ) -> Make:
    return lambda path: write_audio(path, wave, wave[::-1].copy(), rate_hz=rate_hz, format=format, subtype=subtype)


def by_ffmpeg(container: str, codec: str, *, wave: FloatArray = WAVE, rate_hz: int = RATE_HZ, **options: str) -> Make:
    def make(path: Path) -> Path:
        with av.open(str(path), "w", format=container, options=options) as output:
            stream = output.add_stream(codec, rate=rate_hz, layout="stereo")
            assert isinstance(stream, av.AudioStream)
            stream.bit_rate = 128_000
            both = np.stack([wave, wave[::-1]])
            for start in range(0, wave.size, PACKET):
                block = np.ascontiguousarray(both[:, start : start + PACKET])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = rate_hz, start
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path

    return make


def as_bw64(path: Path) -> Path:
    by_libsndfile("RF64", "PCM_16")(path)
    path.write_bytes(b"BW64" + path.read_bytes()[4:])
    return path


CONTAINERS: dict[str, tuple[str, Make]] = {
    "wav": ("wav", by_libsndfile("WAV", "PCM_16")),
    "wav 24 bit": ("wav", by_libsndfile("WAV", "PCM_24")),
    "wav float": ("wav", by_libsndfile("WAV", "FLOAT")),
    "wav mu-law": ("wav", by_libsndfile("WAV", "ULAW")),
    "wav ms adpcm": ("wav", by_libsndfile("WAV", "MS_ADPCM")),
    "wav ima adpcm": ("wav", by_libsndfile("WAV", "IMA_ADPCM")),
    "wav gsm": ("wav", lambda path: write_audio(path, WAVE, format="WAV", subtype="GSM610")),
    "wav adpcm by ffmpeg": ("wav", by_ffmpeg("wav", "adpcm_ima_wav")),
    "wav mp3": ("wav", by_ffmpeg("wav", "libmp3lame")),
    "wav extensible": ("wav", by_libsndfile("WAVEX", "PCM_16")),
    "rf64": ("wav", by_libsndfile("RF64", "PCM_16")),
    "bw64": ("wav", as_bw64),
    "w64 by ffmpeg": ("w64", by_ffmpeg("w64", "pcm_s24le")),
    "w64": ("w64", by_libsndfile("W64", "PCM_16")),
    "w64 ms adpcm": ("w64", by_libsndfile("W64", "MS_ADPCM")),
    "au": ("au", by_libsndfile("AU", "PCM_16")),
    "au a-law": ("au", by_libsndfile("AU", "ALAW")),
    "aiff by ffmpeg": ("aiff", by_ffmpeg("aiff", "pcm_s24be")),
    "aiff": ("aiff", by_libsndfile("AIFF", "PCM_16")),
    "aifc float": ("aifc", by_libsndfile("AIFF", "FLOAT")),
    "caf": ("caf", by_libsndfile("CAF", "PCM_16")),
    "caf by ffmpeg": ("caf", by_ffmpeg("caf", "pcm_s24le")),
    "caf alac": ("caf", by_libsndfile("CAF", "ALAC_16")),
    "flac by ffmpeg": ("flac", by_ffmpeg("flac", "flac")),
    "flac": ("flac", by_libsndfile("FLAC", "PCM_16")),
    "ogg vorbis": ("ogg", by_libsndfile("OGG", "VORBIS")),
    "ogg opus": ("opus", by_libsndfile("OGG", "OPUS", wave=WAVE_48, rate_hz=48_000)),
    "ogg opus by ffmpeg": ("opus", by_ffmpeg("ogg", "libopus", wave=WAVE_48, rate_hz=48_000)),
    "ogg flac": ("oga", by_ffmpeg("ogg", "flac")),
    "mp3": ("mp3", by_ffmpeg("mp3", "libmp3lame")),
    "mp3 by lame": ("mp3", by_libsndfile("MP3", "MPEG_LAYER_III")),
    "mp3 without xing": ("mp3", by_ffmpeg("mp3", "libmp3lame", write_xing="0", id3v2_version="0")),
    "mp2": ("mp2", by_ffmpeg("mp2", "mp2")),
    "adts": ("aac", by_ffmpeg("adts", "aac")),
    "m4a": ("m4a", by_ffmpeg("ipod", "aac")),
    "m4a index first": ("m4a", by_ffmpeg("ipod", "aac", movflags="faststart")),
    "m4a fragmented": ("m4a", by_ffmpeg("mp4", "aac", movflags="frag_keyframe+empty_moov", frag_duration="500000")),
    "m4a alac at the end": ("m4a", by_ffmpeg("ipod", "alac")),
    "mov pcm": ("mp4", by_ffmpeg("mov", "pcm_s16le", movflags="faststart")),
    "m4a alac": ("m4a", by_ffmpeg("ipod", "alac", movflags="faststart")),
    "mka aac": ("mka", by_ffmpeg("matroska", "aac")),
    "mka pcm": ("mka", by_ffmpeg("matroska", "pcm_s16le")),
    "mka mp3 live": ("mka", by_ffmpeg("matroska", "libmp3lame", live="1")),
    "mka flac": ("mka", by_ffmpeg("matroska", "flac")),
    "webm": ("webm", by_ffmpeg("webm", "libopus", wave=WAVE_48, rate_hz=48_000)),
    "webm live": ("webm", by_ffmpeg("webm", "libopus", wave=WAVE_48, rate_hz=48_000, live="1")),
    "wma": ("wma", by_ffmpeg("asf", "wmav2")),
    "wavpack": ("wv", by_ffmpeg("wv", "wavpack")),
    "tta": ("tta", by_ffmpeg("tta", "tta")),
    "ac3": ("ac3", by_ffmpeg("ac3", "ac3", wave=WAVE_48, rate_hz=48_000)),
    "ac3 at 44.1": ("ac3", by_ffmpeg("ac3", "ac3")),
    "eac3": ("eac3", by_ffmpeg("eac3", "eac3", wave=WAVE_48, rate_hz=48_000)),
}
FEW_PACKETS_BYTES = 1500


def make(tmp_path: Path, name: str) -> Path:
    ending, made = CONTAINERS[name]
    return made(tmp_path / f"a.{ending}")


def truncation(path: Path) -> str | None:
    """What is said of the end, also where the file cannot be decoded without it."""
    try:
        return decode(path, max_duration_s=600.0).truncated
    except AudioFault as fault:
        return str(fault) if "truncated" in str(fault) else None


@pytest.mark.parametrize("name", CONTAINERS)
def test_of_a_whole_file_nothing_is_said(tmp_path: Path, name: str) -> None:
    found = decode(make(tmp_path, name), max_duration_s=600.0)
    assert (found.truncated, found.notes) == (None, ())
    assert found.signal.duration_s == pytest.approx(SECONDS, abs=0.12)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_file_that_is_cut_off_is_truncated(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    data = path.read_bytes()
    for kept in (int(0.3 * len(data)), len(data) - FEW_PACKETS_BYTES):
        path.write_bytes(data[:kept])
        assert truncation(path) is not None, kept


@pytest.mark.parametrize(
    "name", ["wav ima adpcm", "rf64", "bw64", "w64", "au", "caf", "aiff", "flac", "wma", "webm", "tta"]
)
def test_a_cut_file_still_declares_the_whole(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    data = path.read_bytes()
    path.write_bytes(data[: int(0.3 * len(data))])
    found = decode(path, max_duration_s=600.0)
    assert found.declared_duration_s == pytest.approx(SECONDS, abs=0.12)
    assert found.signal.duration_s < 0.35 * SECONDS


ID3V1 = b"TAG" + bytes(125)
APE_TAG = (
    b"APETAGEX" + struct.pack("<IIII", 2000, 50, 1, 0xA0000000) + bytes(8) + bytes(18)
    + b"APETAGEX" + struct.pack("<IIII", 2000, 50, 1, 0x80000000) + bytes(8)
)  # fmt: skip
LYRICS3 = b"LYRICSBEGIN" + b"IND0000200" + b"000021" + b"LYRICS200"
APPENDED = {
    "id3v1": ID3V1,
    "ape": APE_TAG,
    "lyrics and id3v1": LYRICS3 + ID3V1,
    "ape and id3v1": APE_TAG + ID3V1,
    "zeros": bytes(5000),
    "text": b"this was ripped by somebody" * 40,
}
FRAMES = ("mp3", "mp3 without xing", "mp2", "adts", "ac3", "eac3")


@pytest.mark.parametrize("name", [*FRAMES, "wav", "aiff", "flac", "ogg vorbis", "m4a", "m4a fragmented", "webm", "wma"])
def test_what_stands_behind_the_sound_is_no_cut(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    data = path.read_bytes()
    for appended, tag in APPENDED.items():
        path.write_bytes(data + tag)
        assert truncation(path) is None, appended


def test_a_tag_with_a_footer_before_the_sound_hides_no_cut(tmp_path: Path) -> None:
    data = make(tmp_path, "wav").read_bytes()[:-FEW_PACKETS_BYTES]
    sizes = b"\x04\0\x10" + id3_tags.synchsafe(300)
    tag = b"ID3" + sizes + bytes(300) + b"3DI" + sizes
    assert read_extent(io.BytesIO(tag + data)) == read_extent(io.BytesIO(data))


@pytest.mark.parametrize("name", FRAMES)
def test_a_tag_behind_a_cut_frame_does_not_hide_it(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    data = path.read_bytes()[:-FEW_PACKETS_BYTES]
    for appended in ("id3v1", "ape", "lyrics and id3v1", "ape and id3v1"):
        path.write_bytes(data + APPENDED[appended])
        assert truncation(path) is not None, appended


@pytest.mark.parametrize("name", ["mp3", "mp3 by lame"])
def test_frames_that_are_missing_as_a_whole_show_in_an_mp3_that_tells_its_size(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    data = path.read_bytes()
    last = data.rindex(data[-2000:].split(b"\xff\xfb")[-1]) - 2
    assert data[last : last + 2] == b"\xff\xfb"
    path.write_bytes(data[:last])
    assert truncation(path) is not None


@pytest.mark.parametrize("name", ["au", "caf", "flac"])
def test_a_stream_that_declares_no_length_is_not_cut(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    data = bytearray(path.read_bytes())
    if name == "au":
        data[8:12] = b"\xff" * 4
    elif name == "caf":
        at = data.index(b"data")
        data[at + 4 : at + 12] = b"\xff" * 8
    else:  # STREAMINFO: 36 bits of total samples
        data[21:26] = bytes((data[21] & 0xF0, 0, 0, 0, 0))
    path.write_bytes(data)
    found = decode(path, max_duration_s=600.0)
    assert (found.declared_duration_s, found.truncated) == (None, None)
    assert found.signal.duration_s == pytest.approx(SECONDS, abs=0.1)


def test_a_tiny_cut_is_told_as_such(tmp_path: Path) -> None:
    path = make(tmp_path, "wav")
    path.write_bytes(path.read_bytes()[:-441])
    assert decode(path, max_duration_s=600.0).truncated == (
        "the sound ends 441 bytes after the end of the file; of the 4.0 s that its header declares the last "
        "0.00252 s cannot be decoded"
    )


def unfinished(path: Path, format: str, *edits: tuple[bytes, int, bytes]) -> Path:
    """Write a file as a recorder that died leaves it: at an offset from a mark other bytes stand."""
    write_audio(path, WAVE, format=format, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    for mark, offset, value in edits:
        at = data.index(mark) + offset
        data[at : at + len(value)] = value
    path.write_bytes(data)
    return path


UNFINISHED: dict[str, tuple[str, tuple[tuple[bytes, int, bytes], ...]]] = {
    "wav 0": ("WAV", ((b"RIFF", 4, bytes(4)), (b"data", 4, bytes(4)))),
    "wav ffffffff": ("WAV", ((b"data", 4, b"\xff" * 4),)),
    "wav 7fffffff": ("WAV", ((b"data", 4, b"\xff\xff\xff\x7f"),)),
    "rf64 0": ("RF64", ((b"ds64", 8, bytes(24)),)),
    "rf64 ffffffffffffffff": ("RF64", ((b"ds64", 8, b"\xff" * 24),)),
    "w64 0": ("W64", ((b"data", 16, struct.pack("<Q", 24)),)),
    "au 0": ("AU", ((b".snd", 8, bytes(4)),)),
    "caf 0": ("CAF", ((b"data", 4, bytes(8)),)),
    "aiff 0": ("AIFF", ((b"SSND", 4, bytes(4)), (b"COMM", 10, bytes(4)))),
    "aiff 8": ("AIFF", ((b"SSND", 4, b"\0\0\0\x08"), (b"COMM", 10, bytes(4)))),
}


@pytest.mark.parametrize("name", UNFINISHED)
def test_an_unfinished_header_hides_no_sound(tmp_path: Path, name: str) -> None:
    format, edits = UNFINISHED[name]
    found = decode(unfinished(tmp_path / "a.wav", format, *edits), max_duration_s=600.0)
    assert isinstance(found.signal, Signal)
    np.testing.assert_allclose(found.signal.samples[0], WAVE, atol=2.0**-15)
    assert (found.declared_duration_s, found.truncated) == (None, None)
    assert len(found.notes) == 1
    assert "its header was never finished" in found.notes[0]
    assert f"{2 * WAVE.size} bytes of sound follow" in found.notes[0]


def test_chunks_before_the_sound_do_not_hide_an_unfinished_header(tmp_path: Path) -> None:
    path = unfinished(tmp_path / "a.wav", "WAV", (b"data", 4, bytes(4)))
    data = path.read_bytes()
    before = b"JUNK" + struct.pack("<I", 28) + bytes(28) + b"bext" + struct.pack("<I", 602) + bytes(602)
    path.write_bytes(data[:12] + before + data[12:])
    found = decode(path, max_duration_s=600.0)
    assert found.signal.n_samples == WAVE.size
    assert "its header was never finished" in found.notes[0]


@pytest.mark.parametrize("behind", [b"", b"LIST" + struct.pack("<I", 14) + b"INFOISFT" + struct.pack("<I", 2) + b"ab"])
def test_a_wav_without_samples_is_not_unfinished(tmp_path: Path, behind: bytes) -> None:
    path = write_audio(tmp_path / "a.wav", WAVE[:0], format="WAV", subtype="PCM_16")
    path.write_bytes(path.read_bytes() + behind)
    with pytest.raises(AudioFault, match="no samples"):
        decode(path, max_duration_s=600.0)


def test_a_header_of_a_million_chunks_is_refused_soon(tmp_path: Path) -> None:
    whole = write_audio(tmp_path / "a.wav", WAVE, format="WAV", subtype="PCM_16").read_bytes()
    path = tmp_path / "b.wav"
    path.write_bytes(whole[:12] + (b"JUNK" + bytes(4)) * 1_000_000 + whole[12:])
    with ends(), pytest.raises(AudioFault, match="more than 200000 chunks"):
        decode(path, max_duration_s=600.0)


def test_a_time_scale_that_is_no_number_is_passed_over() -> None:
    def element(name: str, body: bytes) -> bytes:
        return bytes.fromhex(name) + (1 << 56 | len(body)).to_bytes(8, "big") + body

    info = element("2ad7b1", b"\xff" * 300) + element("4489", struct.pack(">d", 1000.0))
    segment = element("1a45dfa3", b"") + element("18538067", element("1549a966", info))
    assert read_extent(io.BytesIO(segment)).declared_s == 1.0  # by the default scale of 1 ms


@pytest.mark.parametrize("name", CONTAINERS)
def test_whatever_stands_in_a_header_ends_in_sound_or_a_named_fault(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    data = path.read_bytes()[:30_000]
    rng = np.random.default_rng(len(data))
    for _ in range(6):
        changed = bytearray(data)
        for at in rng.integers(0, 400, size=4):
            changed[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        path.write_bytes(changed)
        try:
            with ends():
                decode(path, max_duration_s=60.0)
        except AudioFault as fault:
            assert path.name in str(fault)


def test_a_header_that_tells_a_length_below_zero_tells_none(tmp_path: Path) -> None:
    path = make(tmp_path, "wma")
    data = bytearray(path.read_bytes())
    properties = data.find(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    data[properties + 80 : properties + 88] = struct.pack("<Q", 0xF0000000)  # what is to be read ahead, ms
    path.write_bytes(data)
    assert decode(path, max_duration_s=600.0).signal.duration_s == pytest.approx(SECONDS, abs=0.12)
