"""Measuring a song takes bounded memory, whatever its files hold and whatever their headers say.

What a process takes is measured in a process of its own; the limits stand in `audio.decode`.
"""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.audio import decode as decoding
from flamingo_bark_assets.audio.decode import FileSound, SampleMemory, decode
from flamingo_bark_assets.audio.picture import waveform_png
from flamingo_bark_assets.audio.recording import StemSet
from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.inference.excerpts import typical_clip
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, inspect_song, inspect_stems
from flamingo_bark_assets.settings import Settings
from tests.signals import music, write_audio
from tests.songs import write_song

pytestmark = pytest.mark.long

MB = 1 << 20
# Libraries and compiled loops take 310 MB, and what is held of a song comes on top.
LIMIT_MB = 600
CHILD = """
import sys
from pathlib import Path
from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.settings import Settings

paths = DataPaths(Path(sys.argv[1]))
work = SongWork(find_song(paths, "song"), paths, Settings(), MeasuredCaptioner())
run_all(work)
print(work.result(RawSong).unusable or "measured")
# The peak of getrusage is that of the parent where it is larger; this one begins anew with the process.
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def measured_in_a_child(data: Path) -> tuple[str, float]:
    """What is wrong with the song, or that it was measured, and the peak of the process in MB."""
    done = subprocess.run([sys.executable, "-c", CHILD, str(data)], check=True, capture_output=True, text=True)
    said, peak_kb = done.stdout.splitlines()[-2:]
    return said, float(peak_kb) / 1024.0


def write_silence(path: Path, *, channels: int, rate_hz: int, duration_s: int) -> None:
    """A FLAC file of silence: some kilobytes a minute, whatever its channels and rate."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    second = np.zeros((rate_hz, channels), np.int16)
    with soundfile.SoundFile(path, "w", rate_hz, channels, "PCM_16") as file:
        for _ in range(duration_s):
            file.write(second)


def test_a_small_file_that_decodes_to_much_takes_little_memory(tmp_path: Path) -> None:
    song = tmp_path / "songs" / "song" / "song.flac"
    write_silence(song, channels=8, rate_hz=192_000, duration_s=80)
    decoded_mb = 8 * 192_000 * 80 * 4 / MB
    assert song.stat().st_size < decoded_mb / 500 * MB
    said, peak_mb = measured_in_a_child(tmp_path)
    assert said == "measured"
    assert peak_mb < LIMIT_MB


def test_a_long_song_with_its_stems_takes_no_more(tmp_path: Path) -> None:
    song = tmp_path / "songs" / "song"
    parts = [np.tile(music(20.0, rate_hz=16_000, seed=seed), 31) for seed in range(2)]
    write_audio(song / "song.wav", np.asarray((parts[0] + parts[1]) / 2, np.float32), rate_hz=16_000)
    for name, part in zip(("bass", "other"), parts, strict=True):
        write_audio(song / "stems" / f"{name}.wav", *[part] * 4, rate_hz=16_000)
    said, peak_mb = measured_in_a_child(tmp_path)
    assert said == "measured"
    assert peak_mb < LIMIT_MB


def wav_header(*, channels: int, rate_hz: int, data_bytes: int) -> bytes:
    block = 2 * channels
    fmt = struct.pack("<HHIIHH", 1, channels, rate_hz, min(rate_hz * block, 2**32 - 1), block % 65_536, 16)
    return (
        b"RIFF" + struct.pack("<I", min(36 + data_bytes, 2**32 - 1)) + b"WAVEfmt " + struct.pack("<I", 16) + fmt
        + b"data" + struct.pack("<I", data_bytes)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("channels", "rate_hz", "words"),
    [
        (1000, 44_100, "1000 channels; the most that are decoded is 32"),
        (2, 2_000_000_000, "a sample rate of 2000000000 Hz"),
        (2, 44_100, "truncated"),
    ],
)
def test_a_header_that_lies_is_a_fault_and_takes_no_memory(
    tmp_path: Path, channels: int, rate_hz: int, words: str
) -> None:
    song = tmp_path / "songs" / "song" / "song.wav"
    song.parent.mkdir(parents=True)
    header = wav_header(channels=channels, rate_hz=rate_hz, data_bytes=300_000_000)
    song.write_bytes(header + bytes(2 * channels * 4000))
    said, peak_mb = measured_in_a_child(tmp_path)
    assert words in said
    assert peak_mb < LIMIT_MB


def test_more_samples_than_are_decoded_are_a_fault_that_names_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MAX_SAMPLES", 1_000_000)
    write_silence(tmp_path / "a.flac", channels=8, rate_hz=44_100, duration_s=3)
    with pytest.raises(AudioFault, match="8 channels at 44100 Hz make more than"):
        decode(tmp_path / "a.flac", max_duration_s=60.0)


def test_sounds_share_the_memory_and_those_that_find_no_room_stay_in_their_files(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", music(2.0))
    size = 4 * 2 * 44_100
    memory = SampleMemory(5 * size // 2, 2 * size)
    found = [decode(path, max_duration_s=60.0, memory=memory).signal for _ in range(4)]
    assert [type(sound) for sound in found] == [Signal, Signal, FileSound, FileSound]
    assert {sound.n_samples for sound in found} == {2 * 44_100}
    blocks = [np.concatenate(list(sound.blocks()), axis=1) for sound in found]
    np.testing.assert_array_equal(blocks[0], blocks[3])
    tall = decode(path, max_duration_s=60.0, memory=SampleMemory(10 * size, size // 2)).signal
    assert isinstance(tall, FileSound)


def test_a_song_in_its_files_is_measured_like_one_in_memory(data: DataPaths) -> None:
    write_song(data.songs, "song")
    results = []
    for memory in (SampleMemory(), SampleMemory(0)):
        work = SongWork(find_song(data, "song"), data, Settings(), MeasuredCaptioner())
        work._memory = memory
        work.keep(inspect_song(work))
        stems = work.keep(inspect_stems(work))
        assert isinstance(stems, StemSet)
        mix = work.audio("mix")
        clip = typical_clip(mix, length_s=3.0, sample_rate_hz=16_000)
        assert clip is not None
        results.append((type(mix), dataclasses.replace(stems), waveform_png(mix), clip.samples.tobytes()))
    assert [result[0] for result in results] == [Signal, FileSound]
    assert results[0][1:] == results[1][1:]
