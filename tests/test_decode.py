"""Decoding: every format gives its samples, and every fault of a file is an AudioFault that says which."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from flamingo_bark_assets.audio import codecs
from flamingo_bark_assets.audio import decode as decoding
from flamingo_bark_assets.audio.codecs import Header, LibraryRefusal
from flamingo_bark_assets.audio.decode import decode, open_blocks
from flamingo_bark_assets.audio.extent.found import Extent
from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.errors import AudioFault
from tests.signals import music, sine, write_audio, write_m4a, write_wav, write_with_av

RATE_HZ = 44100
SECONDS = 4.0


@dataclass(frozen=True)
class Whole:
    """A file that was decoded into memory."""

    signal: Signal
    file_format: str
    declared_duration_s: float | None


def decoded(path: Path, *, max_duration_s: float = 600.0) -> Whole:
    found = decode(path, max_duration_s=max_duration_s)
    assert isinstance(found.signal, Signal)
    return Whole(found.signal, found.file_format, found.declared_duration_s)


def fault_of(path: Path, *, max_duration_s: float = 600.0) -> str:
    with pytest.raises(AudioFault) as caught:
        decode(path, max_duration_s=max_duration_s)
    assert path.name in str(caught.value)
    return str(caught.value)


def make(path: Path) -> Path:
    """A stereo file of 4 s in the format of its ending: music on the left, a sine on the right."""
    left, right = music(SECONDS), sine(440, SECONDS)
    if path.suffix == ".m4a":
        return write_m4a(path, left, right)
    if path.suffix == ".opus":
        left, right = music(SECONDS, rate_hz=48000), sine(440, SECONDS, rate_hz=48000)
        return write_audio(path, left, right, rate_hz=48000, format="OGG", subtype="OPUS")
    return write_audio(path, left, right)


@pytest.mark.parametrize("ending", ["wav", "flac", "aiff", "ogg", "opus", "mp3", "m4a"])
def test_every_format_gives_its_channels_and_length(tmp_path: Path, ending: str) -> None:
    signal = decoded(make(tmp_path / f"a.{ending}")).signal
    assert signal.samples.dtype == np.float32
    assert signal.channels == 2
    assert signal.duration_s == pytest.approx(SECONDS, abs=0.05)
    spectrum = np.abs(np.fft.rfft(signal.samples[1]))
    assert spectrum.argmax() / signal.duration_s == pytest.approx(440, abs=1)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "m4a"])
def test_blocks_are_the_whole_file_as_often_as_they_are_read(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path / f"a.{ending}")
    sound = open_blocks(path, max_duration_s=600.0)
    whole = decoded(path)
    assert (sound.channels, sound.sample_rate_hz) == (2, RATE_HZ)
    assert (sound.file_format, sound.declared_duration_s) == (whole.file_format, whole.declared_duration_s)
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(sound.blocks()), axis=1), whole.signal.samples)


def test_what_one_library_cannot_read_on_the_other_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.flac")
    whole = decoded(path).signal.samples

    def torn(path: Path, file: BinaryIO, extent: Extent) -> Iterator[Header | FloatArray]:
        pieces = codecs.libsndfile_pieces(path, file, extent)
        yield from (next(pieces), next(pieces), next(pieces))
        raise LibraryRefusal("torn")

    monkeypatch.setattr(decoding, "libsndfile_pieces", torn)
    np.testing.assert_array_equal(decoded(path).signal.samples, whole)


def test_a_file_that_no_library_reads_to_its_end_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(path: Path, file: BinaryIO, extent: Extent) -> Iterator[Header | FloatArray]:
        yield Header(RATE_HZ, 2, "FLAC/PCM_16", None, None)
        yield np.zeros((2, 1000), np.float32)
        raise LibraryRefusal("torn")

    monkeypatch.setattr(decoding, "libsndfile_pieces", torn)
    monkeypatch.setattr(decoding, "ffmpeg_pieces", torn)
    assert "torn" in fault_of(make(tmp_path / "a.flac"))


@pytest.mark.parametrize("ending", ["wav", "flac", "aiff", "mp3", "m4a"])
def test_an_intact_file_declares_the_length_that_it_has(tmp_path: Path, ending: str) -> None:
    found = decoded(make(tmp_path / f"a.{ending}"))
    assert found.declared_duration_s is not None
    assert abs(found.declared_duration_s - found.signal.duration_s) < 0.15


@pytest.mark.parametrize("ending", ["wav", "flac", "aiff", "mp3"])
def test_a_truncated_file_gives_what_is_there_and_still_declares_the_whole(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path / f"a.{ending}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = decoded(path)
    assert found.declared_duration_s == pytest.approx(SECONDS, abs=0.1)
    assert 0.3 * SECONDS < found.signal.duration_s < 0.7 * SECONDS


def test_an_mp3_without_a_frame_count_declares_nothing(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp3")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"Xing", b"\0\0\0\0").replace(b"Info", b"\0\0\0\0"))
    assert decoded(path).declared_duration_s is None


def test_wav_samples_come_back_exactly(tmp_path: Path) -> None:
    wave = music(1.0)
    found = decoded(write_wav(tmp_path / "a.wav", wave, -wave, subtype="FLOAT")).signal
    np.testing.assert_array_equal(found.samples, np.stack([wave, -wave]))


def test_24_bit_keeps_its_resolution(tmp_path: Path) -> None:
    wave = sine(440, 1.0, level_dbfs=-110.0)
    found = decoded(write_wav(tmp_path / "a.wav", wave, subtype="PCM_24")).signal
    assert np.abs(found.samples[0] - wave).max() < 2.0**-23


def test_the_sample_rate_stays_native(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", sine(440, 0.5, rate_hz=96000), rate_hz=96000)
    assert decoded(path).signal.sample_rate_hz == 96000


@pytest.mark.parametrize("name", ["-a.wav", "a b.mp3", 'l\'été "ü" 曲.flac', "http:x.wav", "pipe:0.mp3", "%03d.m4a"])
def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    assert decoded(make(tmp_path / name)).signal.duration_s == pytest.approx(SECONDS, abs=0.05)


@pytest.mark.parametrize("name", [b"\xff\xfe.wav", b"\xff\xfe.mp3"])
def test_a_file_name_that_is_no_text_works(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    make(tmp_path / f"a{path.suffix}").rename(path)
    assert decoded(path).signal.channels == 2


def test_a_relative_name_of_a_dash_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "a.wav").rename(tmp_path / "-")
    monkeypatch.chdir(tmp_path)
    assert decoded(Path("-")).signal.channels == 2


def test_a_wrong_ending_does_not_matter(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp3").rename(tmp_path / "a.wav")
    assert decoded(path).signal.duration_s == pytest.approx(SECONDS, abs=0.05)


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    assert "missing" in fault_of(tmp_path / "a.wav")


def test_a_folder_and_a_pipe_are_faults(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    assert "not a regular file" in fault_of(tmp_path / "a.wav")
    (tmp_path / "b.wav").mkdir()
    assert "not a regular file" in fault_of(tmp_path / "b.wav")


def test_an_empty_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    assert "empty" in fault_of(tmp_path / "a.wav")


@pytest.mark.parametrize("ending", ["wav", "mp3", "m4a", "flac", "ogg", "raw", "xyz"])
def test_text_and_random_bytes_are_faults(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a.{ending}").write_text("dear diary, this is no song\n" * 500)
    assert "cannot be decoded" in fault_of(tmp_path / f"a.{ending}")
    (tmp_path / f"b.{ending}").write_bytes(np.random.default_rng(0).bytes(100_000))
    assert "cannot be decoded" in fault_of(tmp_path / f"b.{ending}")


def test_a_playlist_never_opens_the_file_it_names(tmp_path: Path) -> None:
    write_with_av(tmp_path / "secret.aac", music(SECONDS), codec="aac")
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nsecret.aac\n#EXT-X-ENDLIST\n"
    for ending in ("mp3", "m3u8", "m4a"):
        (tmp_path / f"a.{ending}").write_text(playlist)
        assert "cannot be decoded" in fault_of(tmp_path / f"a.{ending}")


def test_a_file_without_samples_is_a_fault(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", np.zeros(0, dtype=np.float32))
    assert "no samples" in fault_of(path)


def test_samples_that_are_not_finite_are_counted_and_located(tmp_path: Path) -> None:
    wave = sine(440, 3.0)
    wave[2 * RATE_HZ] = np.nan
    wave[2 * RATE_HZ + 5 : 2 * RATE_HZ + 7] = np.inf
    message = fault_of(write_wav(tmp_path / "a.wav", wave, subtype="FLOAT"))
    assert "3 samples" in message
    assert "2.000 s" in message


def test_integers_stored_as_float_are_a_fault(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", sine(440, 1.0) * np.float32(32768), subtype="FLOAT")
    assert "times full scale" in fault_of(path)


@pytest.mark.parametrize(("ending", "limit_s"), [("wav", 3.0), ("flac", 3.0), ("mp3", 3.0), ("m4a", 3.0), ("ogg", 3.0)])
def test_too_long_a_file_is_a_fault_that_says_length_and_limit(tmp_path: Path, ending: str, limit_s: float) -> None:
    message = fault_of(make(tmp_path / f"a.{ending}"), max_duration_s=limit_s)
    assert "4.0 s" in message
    assert "3 s" in message


def test_a_long_file_without_declared_length_is_stopped_while_decoding(tmp_path: Path) -> None:
    path = write_with_av(tmp_path / "a.aac", music(SECONDS), codec="aac")
    message = fault_of(path, max_duration_s=2.0)
    assert "longer than" in message
    assert "2 s" in message


def wav_header(*, rate_hz: int, channels: int, data_bytes: int) -> bytes:
    block = 2 * channels
    fmt = struct.pack("<HHIIHH", 1, channels, rate_hz, (rate_hz * block) & 0xFFFFFFFF, block, 16)
    riff = b"RIFF" + struct.pack("<I", 36 + data_bytes) + b"WAVE"
    return riff + b"fmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", data_bytes)


@pytest.mark.parametrize(
    ("rate_hz", "channels"), [(0, 2), (5, 1), (4_000_000_000, 1), (2_000_000, 1), (44100, 200), (44100, 0)]
)
def test_an_absurd_header_is_a_fault(tmp_path: Path, rate_hz: int, channels: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_header(rate_hz=rate_hz, channels=channels, data_bytes=80_000) + bytes(80_000))
    fault_of(path)


def test_an_unknown_codec_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    header = bytearray(wav_header(rate_hz=44100, channels=1, data_bytes=80_000))
    header[20:22] = b"\x99\x77"  # format tag
    path.write_bytes(bytes(header) + bytes(80_000))
    assert "cannot be decoded" in fault_of(path)


def test_a_streamed_wav_declares_no_length(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_header(rate_hz=RATE_HZ, channels=1, data_bytes=0x7FFFFFFF) + bytes(2 * RATE_HZ))
    found = decoded(path)
    assert found.declared_duration_s is None
    assert found.signal.duration_s == pytest.approx(1.0)


def test_a_flac_that_declares_no_length_is_decoded(tmp_path: Path) -> None:
    path = make(tmp_path / "a.flac")
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # STREAMINFO: 36 bits of total samples, in bytes 21 to 25
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert decoded(path).signal.duration_s == pytest.approx(SECONDS, abs=0.01)


def test_damage_in_the_middle_keeps_the_rest(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp3")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    assert decoded(path).signal.duration_s > 0.8 * SECONDS


def test_libraries_write_nothing_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for ending in ("mp3", "m4a", "wav", "flac"):
        path = make(tmp_path / f"a.{ending}")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        try:
            decoded(path)
        except AudioFault:
            continue
    assert capfd.readouterr().err == ""


def test_resampling_keeps_a_tone_and_its_level() -> None:
    wave = sine(1000, 1.0, level_dbfs=-6.0)
    found = resample(np.stack([wave, wave]), RATE_HZ, 16000)
    assert found.shape == (2, 16000)
    assert found.dtype == np.float32
    expected = sine(1000, 1.0, level_dbfs=-6.0, rate_hz=16000)
    np.testing.assert_allclose(found[0, 500:-500], expected[500:-500], atol=1e-3)
