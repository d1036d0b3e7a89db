"""`flamingo-bark analyze`: songs measured without the library, and their prediction file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from flamingo_bark_assets.analysis.song_reading import read_song
from flamingo_bark_assets.analysis.sources import find_all, find_sources
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.errors import AudioFault
from tests.signals import music, noise, write_audio
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
    assert [source.song_id for source in find_sources(tmp_path / "corpus").sources] == ["a", "b"]


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
    (source,) = find_sources(tmp_path).sources
    assert source.mix.name == "mix.wav"
    assert [file.name for file in source.stems["drums"]] == ["drums.wav"]


def test_songs_of_one_name_in_two_folders_are_both_measured(tmp_path: Path) -> None:
    paths = [
        write_audio(tmp_path / folder / "track.wav", music(4.0, rate_hz=RATE_HZ, seed=seed), rate_hz=RATE_HZ)
        for seed, folder in enumerate(("a", "b"))
    ]
    shown = analyze(*paths, "--predictions", tmp_path / "out.json")
    assert shown.exit_code == 0, shown.output
    assert list(read_songs(tmp_path / "out.json")) == ["a/track", "b/track"]


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (("x/a/track.wav", "y/a/track.wav"), ["x/a/track", "y/a/track"]),
        (("a/track.wav", "a/track.mp3", "b/other.wav"), ["a/track.wav", "a/track.mp3", "other"]),
        (("x/song/mix.wav", "y/song/mix.wav"), ["x/song", "y/song"]),
        (("a/track.wav", "a/../a/track.wav"), ["track"]),
    ],
)
def test_names_are_told_apart_by_folder_and_ending(tmp_path: Path, files: tuple[str, ...], names: list[str]) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"x")
    found = find_all([tmp_path / file for file in files])
    assert [source.song_id for source in found.sources] == names
    assert any("given twice" in sentence for sentence in found.left_out) == (len(names) < len(files))


def test_a_folder_and_its_separated_stems_keep_their_names_beside_another_of_that_name(tmp_path: Path) -> None:
    for folder in ("x/song", "y/song"):
        for name in ("mix", "drums", "sep_drums"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / f"{name}.wav").write_bytes(b"x")
    found = find_all([tmp_path / "x", tmp_path / "y"])
    assert [source.song_id for source in found.sources] == ["x/song", "x/song#sep", "y/song", "y/song#sep"]


def test_a_stem_whose_name_is_written_as_one_word_is_used(tmp_path: Path) -> None:
    for name in ("mix", "ElectricGuitar", "LeadVox", "808Bass", "DrumKit"):
        (tmp_path / f"{name}.wav").write_bytes(b"x")
    found = find_sources(tmp_path)
    assert found.left_out == ()
    assert {kind: [file.stem for file in files] for kind, files in found.sources[0].stems.items()} == {
        "guitar": ["ElectricGuitar"], "vocals": ["LeadVox"], "bass": ["808Bass"], "drums": ["DrumKit"],
    }  # fmt: skip


def test_every_file_that_is_not_used_is_named_with_the_reason(tmp_path: Path) -> None:
    reasons = {
        "song/drums.mp3": "drums.wav is the same in another format",
        "song/track 7.wav": "no kind of stem",
        "song/drums and bass.wav": "more than one kind: bass, drums",
        "song/vocals.wav": "the stems folder has it as well",
        "song/piano.ac3": "not the ending of a sound file",
        "song/old/piano.wav": "a folder stems",
        "loose.wav": "no song's folder",
        "takes/take.wav": "no mix.wav or song.wav",
    }
    for file in (*reasons, "song/mix.wav", "song/drums.wav", "song/Stems/vocals.wav", "song/truth.json"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"x")
    left_out = find_sources(tmp_path).left_out
    said = {file: [s for s in left_out if s.startswith(f"{tmp_path / file} is not used: ")] for file in reasons}
    assert {file: len(sentences) for file, sentences in said.items()} == dict.fromkeys(reasons, 1)
    assert len(left_out) == len(reasons)
    assert all(reason in said[file][0] for file, reason in reasons.items())


def test_what_is_not_used_is_said_at_the_terminal(tmp_path: Path) -> None:
    write_audio(write_parts(tmp_path / "one") / "take.wav", music(4.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)
    shown = analyze(tmp_path / "one")
    assert shown.exit_code == 0
    assert "warning:" in shown.output
    assert "take.wav is not used: its name says no kind of stem" in shown.output.replace("\n", " ")


def test_what_is_odd_about_a_file_is_said_at_the_terminal(tmp_path: Path) -> None:
    folder = write_parts(tmp_path / "one")
    for name in ("mix.wav", "bass.wav"):
        data = (folder / name).read_bytes()
        at = data.index(b"data") + 4
        (folder / name).write_bytes(data[:at] + bytes(4) + data[at + 4 :])
    (folder / "drums.wav").write_bytes((folder / "drums.wav").read_bytes()[:-1000])
    shown = analyze(folder).output.replace("\n", " ")
    assert "one: mix.wav: its header was never finished" in shown
    assert "one: bass.wav: its header was never finished" in shown
    assert "one: drums.wav: truncated: the sound ends 1000 bytes after the end of the file" in shown


def test_what_is_taken_off_a_stem_is_said_at_the_terminal(tmp_path: Path) -> None:
    folder = write_parts(tmp_path / "one")
    write_audio(folder / "bass.wav", -tiny_stems(8.0)["bass"], rate_hz=RATE_HZ)
    assert "one: bass.wav: inverted polarity, turned over" in analyze(folder).output.replace("\n", " ")


def test_a_stem_of_another_song_helps_with_nothing_and_is_said(tmp_path: Path) -> None:
    folder = write_parts(tmp_path / "one")
    foreign = tiny_stems(8.0, seed=9, bpm=97.0)["drums"]
    write_audio(folder / "drums.wav", foreign, rate_hz=RATE_HZ)
    shown = analyze(folder, "--predictions", tmp_path / "out.json")
    song = read_songs(tmp_path / "out.json")["one"]
    assert "drums" not in song
    assert {"bass", "vocals"} <= set(song)
    assert "drums.wav: does not belong to this song" in shown.output.replace("\n", " ")
    without = write_parts(tmp_path / "without" / "one")
    (without / "drums.wav").unlink()
    analyze(without, "--predictions", tmp_path / "without.json")
    assert song == read_songs(tmp_path / "without.json")["one"]


def test_of_two_files_of_a_kind_the_one_that_belongs_is_used(tmp_path: Path) -> None:
    folder = write_parts(tmp_path / "one")
    write_audio(folder / "organ.wav", noise(8.0, rate_hz=RATE_HZ, seed=77), rate_hz=RATE_HZ)
    (source,) = find_sources(folder).sources
    assert [file.stem for file in source.stems["harmonic"]] == ["organ", "other"]
    read = read_song(source)
    assert [sentence.partition(":")[0] for sentence in read.rejected] == ["organ.wav"]
    (folder / "organ.wav").unlink()
    alone = read_song(find_sources(folder).sources[0])
    np.testing.assert_allclose(read.views.stems["harmonic"].mono(), alone.views.stems["harmonic"].mono(), atol=1e-6)
