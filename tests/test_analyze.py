"""`flamingo-bark analyze`: songs measured without the library, and their prediction file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from flamingo_bark_assets.analysis.sources import find_sources
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.errors import AudioFault
from tests.signals import music, write_audio
from tests.songs import RATE_HZ, tiny_stems


def write_parts(folder: Path, *, separated: bool = False) -> Path:
    """Write a folder as a corpus has it: the mix and its stems side by side, with imperfect ones where asked."""
    parts = tiny_stems(8.0)
    write_audio(folder / "mix.wav", np.asarray(sum(parts.values()), np.float32), rate_hz=RATE_HZ)
    for name, samples in parts.items():
        write_audio(folder / f"{name}.wav", samples, rate_hz=RATE_HZ)
        if separated:
            write_audio(folder / f"sep_{name}.wav", samples, rate_hz=RATE_HZ)
    return folder


def analyze(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["analyze", *(str(argument) for argument in arguments)], env={"COLUMNS": "200"})


def read_songs(path: Path) -> dict[str, Any]:
    songs = json.loads(path.read_text())["songs"]
    assert isinstance(songs, dict)
    return songs


def test_a_folder_with_a_mix_is_a_song_and_separated_stems_are_another(tmp_path: Path) -> None:
    shown = analyze(write_parts(tmp_path / "one", separated=True), "--predictions", tmp_path / "out.json")
    assert shown.exit_code == 0, shown.output
    songs = read_songs(tmp_path / "out.json")
    assert list(songs) == ["one", "one#sep"]
    assert {"beats", "key", "chords", "loudness", "technical", "drums", "bass", "vocals"} <= set(songs["one"])


def test_the_numbers_are_those_of_the_sound(tmp_path: Path) -> None:
    analyze(write_parts(tmp_path / "one"), "--predictions", tmp_path / "out.json")
    song = read_songs(tmp_path / "out.json")["one"]
    voiced = [hz for hz in song["bass"]["f0"]["hz"] if hz > 0]
    assert np.median(voiced) == pytest.approx(55.0, rel=0.005)
    assert song["technical"]["is_mono"] is True


def test_a_single_file_is_a_song_without_stems(tmp_path: Path) -> None:
    file = write_audio(tmp_path / "alone.wav", music(6.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)
    analyze(file, "--predictions", tmp_path / "out.json")
    (song,) = read_songs(tmp_path / "out.json").items()
    assert song[0] == "alone"
    assert not {"drums", "bass", "vocals"} & set(song[1])


def test_a_folder_of_songs_gives_them_all(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_audio(tmp_path / "corpus" / name / "mix.wav", music(4.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)
    (tmp_path / "corpus" / "notes").mkdir()
    assert [source.song_id for source in find_sources(tmp_path / "corpus")] == ["a", "b"]


def test_a_broken_file_is_named_and_the_others_are_measured(tmp_path: Path) -> None:
    good = write_audio(tmp_path / "good.wav", music(4.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)
    (tmp_path / "bad.wav").write_bytes(b"RIFF, but no sound")
    shown = analyze(tmp_path / "bad.wav", good, "--predictions", tmp_path / "out.json", "--jobs", "2")
    assert shown.exit_code == 1
    assert "bad.wav" in shown.output
    assert list(read_songs(tmp_path / "out.json")) == ["good"]


def test_a_path_without_songs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioFault, match="no song"):
        find_sources(tmp_path)


def test_of_a_stem_in_two_formats_the_lossless_one_is_taken(tmp_path: Path) -> None:
    for name in ("mix.wav", "mix.mp3", "drums.mp3", "drums.wav"):
        (tmp_path / name).write_bytes(b"x")
    (source,) = find_sources(tmp_path)
    assert source.mix.name == "mix.wav"
    assert [file.name for file in source.stems["drums"]] == ["drums.wav"]
