"""Bad and odd input: a clear reason that names song and file, and nothing else lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.training.suitability import Verdict
from tests.signals import music, noise, silence, write_audio, write_wav
from tests.songs import RATE_HZ, truncate, write_song


def work_on(data: Path, song_id: str = "song") -> SongWork:
    settings = Settings()
    paths = DataPaths(data)
    captioner = MeasuredCaptioner(settings.prompts)
    work = SongWork(find_song(paths, song_id), paths, settings, captioner)
    run_all(work)
    return work


def verdict_of(data: Path) -> Verdict:
    return work_on(data).result(Verdict)


def replace_mix(folder: Path, name: str) -> Path:
    (folder / "song.wav").unlink()
    return folder / name


def empty_file(folder: Path) -> None:
    replace_mix(folder, "song.mp3").touch()


def text_named_mp3(folder: Path) -> None:
    replace_mix(folder, "song.mp3").write_text("dear diary, this is not a song at all\n" * 200)


def truncated_mp3(folder: Path) -> None:
    mix = music(8.0, rate_hz=44100)
    file = write_audio(replace_mix(folder, "song.mp3"), mix, mix, rate_hz=44100)
    truncate(file, 0.4)


def no_mix(folder: Path) -> None:
    (folder / "song.wav").unlink()


def nan_samples(folder: Path) -> None:
    mix = music(6.0, rate_hz=RATE_HZ)
    mix[1000:1005] = np.nan
    write_wav(folder / "song.wav", mix, rate_hz=RATE_HZ, subtype="FLOAT")


def symlink_out(folder: Path) -> None:
    outside = folder.parents[2] / "outside.wav"
    (folder / "song.wav").rename(outside)
    (folder / "song.wav").symlink_to(outside)


def two_mixes(folder: Path) -> None:
    (folder / "song.flac").write_bytes(b"")


def three_hours(folder: Path) -> None:
    """Three hours of digital silence as a sparse file: the header declares them, the disk holds nothing."""
    write_wav(folder / "song.wav", silence(0.1), rate_hz=44100)
    header = bytearray((folder / "song.wav").read_bytes()[:44])
    size = 3 * 3600 * 44100 * 2
    header[4:8] = (size + 36).to_bytes(4, "little")
    header[40:44] = size.to_bytes(4, "little")
    (folder / "song.wav").write_bytes(header)
    os.truncate(folder / "song.wav", size + 44)


@pytest.mark.parametrize(
    ("spoil", "file", "words"),
    [
        (empty_file, "song.mp3", "empty"),
        (text_named_mp3, "song.mp3", ""),
        (truncated_mp3, "song.mp3", "truncated"),
        (no_mix, "song.", "no file"),
        (nan_samples, "song.wav", "NaN"),
        (symlink_out, "song.wav", "link"),
        (two_mixes, "song.flac", "more than one mix"),
        (three_hours, "song.wav", ""),
    ],
)
def test_a_song_that_cannot_be_used_is_unfit_with_the_reason(
    tmp_path: Path, spoil: Callable[[Path], None], file: str, words: str
) -> None:
    spoil(write_song(tmp_path / "data" / "songs", "song"))
    work = work_on(tmp_path / "data")
    verdict = work.result(Verdict)
    assert not verdict.suitable
    assert verdict.unusable == verdict.reasons
    assert "song" in (verdict.reasons or "")
    assert file in (verdict.reasons or "")
    assert words.lower() in (verdict.reasons or "").lower()
    for _, measurement in work.evidence().song.measurements():
        assert measurement.value is None
        assert measurement.reason == verdict.reasons


@pytest.mark.parametrize(
    "said",
    ['titel = "misspelt"', "[edits.mix]\nmood = 5"],
    ids=["unknown key", "wrong value"],
)
def test_a_song_toml_that_is_wrong_costs_no_measurement_and_no_place_in_the_manifest(tmp_path: Path, said: str) -> None:
    folder = write_song(tmp_path / "data" / "songs", "song")
    (folder / "song.toml").write_bytes(os.fsencode(said))
    work = work_on(tmp_path / "data")
    assert work.result(Verdict).suitable
    assert work.evidence().song.tempo_bpm.value is not None
    assert work.evidence().song.beats


@pytest.mark.parametrize("said", ['title = "unfinished', "\udcff"], ids=["no TOML", "not UTF-8"])
def test_a_song_toml_that_cannot_be_read_costs_the_words_and_no_measurement(tmp_path: Path, said: str) -> None:
    folder = write_song(tmp_path / "data" / "songs", "song")
    (folder / "song.toml").write_bytes(os.fsencode(said))
    work = work_on(tmp_path / "data")
    assert work.evidence().song.tempo_bpm.value is not None
    assert "song.toml" in (work.result(TrainingPrompts).unusable or "")
    verdict = work.result(Verdict)
    assert [rule.rule for rule in verdict.rules if not rule.passed] == ["metadata_readable"]
    assert "song.toml" in (verdict.reasons or "")


def short(folder: Path) -> None:
    write_wav(folder / "song.wav", music(0.2, rate_hz=RATE_HZ), rate_hz=RATE_HZ)


def silent(folder: Path) -> None:
    write_wav(folder / "song.wav", silence(6.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)


def low_rate(folder: Path) -> None:
    write_wav(folder / "song.wav", music(6.0, rate_hz=8000), rate_hz=8000)


@pytest.mark.parametrize(("spoil", "rule"), [(short, "min_duration"), (silent, "silence"), (low_rate, "sample_rate")])
def test_a_song_that_can_be_read_but_not_trained_on_fails_the_rule_for_it(
    tmp_path: Path, spoil: Callable[[Path], None], rule: str
) -> None:
    spoil(write_song(tmp_path / "data" / "songs", "song"))
    verdict = verdict_of(tmp_path / "data")
    assert verdict.unusable is None
    assert not verdict.suitable
    assert rule in {result.rule for result in verdict.failed("song")}


def one_sided(folder: Path) -> None:
    mix = music(6.0)
    write_wav(folder / "song.wav", mix, np.zeros_like(mix))


def high_rate(folder: Path) -> None:
    mix = music(6.0, rate_hz=192_000)
    write_wav(folder / "song.wav", mix, mix, rate_hz=192_000)


def surround(folder: Path) -> None:
    write_wav(folder / "song.wav", *(music(6.0, seed=seed) * np.float32(0.3) for seed in range(6)))


@pytest.mark.parametrize("spoil", [one_sided, high_rate, surround])
def test_an_odd_but_sound_format_is_measured_like_any_other(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(write_song(tmp_path / "data" / "songs", "song", stems=False))
    work = work_on(tmp_path / "data")
    assert work.result(Verdict).unusable is None
    song = work.evidence().song
    assert song.loudness_integrated_lufs.value is not None
    assert -40 < song.loudness_integrated_lufs.value < 0
    assert song.spectral_centroid_hz.value is not None


def test_a_longer_stem_of_other_music_is_unfit_and_the_song_and_other_stems_stay_fit(tmp_path: Path) -> None:
    folder = write_song(tmp_path / "data" / "songs", "song")
    write_wav(folder / "stems" / "bass.wav", music(9.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)
    verdict = verdict_of(tmp_path / "data")
    assert verdict.suitable
    assert "bass" not in verdict.suitable_stems
    assert {"drums", "vocals", "harmonic"} <= set(verdict.suitable_stems.split(", "))
    assert "bass.wav explains nothing of the mix" in "".join(rule.reason or "" for rule in verdict.failed("bass"))


def test_a_missing_stem_is_named_and_the_rest_is_measured(tmp_path: Path) -> None:
    folder = write_song(tmp_path / "data" / "songs", "song")
    (folder / "stems" / "vocals.wav").unlink()
    work = work_on(tmp_path / "data")
    assert work.evidence().stems.missing_kinds.value == "vocals"
    assert "no vocals stem" in (work.evidence().of_stem("vocals").unusable or "")
    assert work.evidence().of_stem("bass").unusable is None
    assert work.result(Verdict).suitable


def test_two_files_for_one_stem_are_both_named_and_the_rest_is_measured(tmp_path: Path) -> None:
    folder = write_song(tmp_path / "data" / "songs", "song")
    write_audio(folder / "stems" / "drums.flac", noise(6.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)
    work = work_on(tmp_path / "data")
    reason = work.evidence().drums.unusable or ""
    assert "drums.wav" in reason
    assert "drums.flac" in reason
    assert work.evidence().of_stem("bass").unusable is None
    assert "drums" not in work.result(Verdict).suitable_stems


def test_a_broken_stem_is_named_and_the_rest_is_measured(tmp_path: Path) -> None:
    folder = write_song(tmp_path / "data" / "songs", "song")
    (folder / "stems" / "vocals.wav").write_bytes(b"RIFF but no more")
    work = work_on(tmp_path / "data")
    assert "vocals.wav" in (work.evidence().of_stem("vocals").unusable or "")
    assert work.evidence().of_stem("harmonic").unusable is None
    assert work.result(Verdict).suitable


@pytest.mark.parametrize("name", ["-bass", "bass 'quoted\"", "bäss bass", "bass; rm -rf", "bass $(x) %s {y}"])
def test_a_stem_with_an_odd_name_is_measured(tmp_path: Path, name: str) -> None:
    folder = write_song(tmp_path / "data" / "songs", "song")
    (folder / "stems" / "bass.wav").rename(folder / "stems" / f"{name}.wav")
    work = work_on(tmp_path / "data")
    assert work.evidence().of_stem("bass").unusable is None
    assert "bass" in work.result(Verdict).suitable_stems


def test_three_hours_of_sound_are_refused_in_little_memory(tmp_path: Path) -> None:
    three_hours(write_song(tmp_path / "data" / "songs", "song", stems=False))
    code = (
        "import sys, resource; from pathlib import Path; from tests.test_bad_input import verdict_of;"
        "import soundfile, polars, scipy.signal; base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "reason = verdict_of(Path(sys.argv[1])).reasons;"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base); print(reason)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert int(shown[0]) < 100_000, "KiB above what the libraries take"
    assert "10800" in shown[1] or "3 h" in shown[1] or "180 min" in shown[1]
