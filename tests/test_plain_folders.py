"""Folders dropped into data/songs as they are: found in the layouts that `add` knows, or told."""

from __future__ import annotations

from pathlib import Path

import pytest

from flamingo_bark_assets.audio.song_metadata import describe_metadata
from flamingo_bark_assets.library.fingerprint import same_sound_files, sound_digest, stat_signature
from flamingo_bark_assets.library.known_mixes import KnownMixes
from flamingo_bark_assets.library.layout import DataPaths, find_song, find_unlisted
from tests.songs import library_stamps


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def drop(paths: DataPaths, *files: str) -> Path:
    for file in files:
        path = paths.songs / "tune" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.encode())
    return paths.songs / "tune"


@pytest.mark.parametrize(
    ("mix", "stems"),
    [
        ("mixture.wav", {"drums.wav": "drums", "other.wav": "harmonic"}),
        ("My Tune.mp3", {"stems/drums.wav": "drums", "stems/Bass Gtr.wav": "bass"}),
        ("Song.mp3", {"Song_(Vocals).wav": "vocals", "1_Song_(Drums).wav": "drums"}),
        ("song.mp3", {"song - Bass.wav": "bass"}),
        ("My Tune.mp3", {"separated/htdemucs/My Tune/vocals.wav": "vocals"}),
        ("Tune - Master.wav", {"Tune - Drums.wav": "drums", "Tune - Keys.wav": "harmonic"}),
        ("Tune.mp3", {"Tune Stems/Tune (Vocals).wav": "vocals"}),
        ("song.wav", {}),
    ],
)
def test_a_plain_folder_is_a_song(paths: DataPaths, mix: str, stems: dict[str, str]) -> None:
    folder = drop(paths, mix, *stems)
    song = find_song(paths, "tune")
    assert (song.fault, song.mix) == (None, folder / mix)
    assert {stem.path: (stem.kind, stem.fault) for stem in song.stems} == {
        folder / file: (kind, None) for file, kind in stems.items()
    }
    # What the sensor looks at changes with each of the files, and results with their contents.
    for file in (mix, *stems):
        before, digest = stat_signature(find_song(paths, "tune")), sound_digest(find_song(paths, "tune"))
        (folder / file).write_bytes(b"changed " + file.encode())
        assert not same_sound_files(before, library_stamps(paths)["tune"].signature)
        assert sound_digest(find_song(paths, "tune")) != digest
    copy = paths.root / "copy.wav"
    copy.write_bytes((folder / mix).read_bytes())
    assert KnownMixes(paths).holder(copy) == "tune"


def test_a_stem_that_comes_or_goes_in_a_folder_below_is_seen(paths: DataPaths) -> None:
    folder = drop(paths, "A.mp3", "out/htdemucs/A/vocals.wav")
    before = library_stamps(paths)["tune"]
    drop(paths, "out/htdemucs/A/drums.wav")
    after = library_stamps(paths)["tune"]
    assert before.signature != after.signature
    (folder / "out/htdemucs/A/drums.wav").unlink()
    assert library_stamps(paths)["tune"].changed_ns >= after.changed_ns


def test_sidecars_beside_a_mix_of_any_name_are_read(paths: DataPaths) -> None:
    folder = drop(paths, "My Tune.mp3")
    before = stat_signature(find_song(paths, "tune"))
    (folder / "My Tune.txt").write_text("caption: Deep dub.\nbpm: 72\n")
    song = find_song(paths, "tune")
    assert [sidecar.name for sidecar in song.sidecars] == ["My Tune.txt"]
    assert describe_metadata(song).given_caption == "Deep dub."
    assert stat_signature(song) != before
    assert same_sound_files(stat_signature(song), before)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (("a.mp3", "b.mp3"), "its folder holds 2 songs: 'a.mp3', 'b.mp3'; give each a folder of its own"),
        (("vocals.wav", "instrumental.wav"), "2 stems without a mix, and no mix is made of stems"),
        (("notes.txt",), "its folder has no file song.<ext>, such as song.wav or song.mp3, and no other"),
    ],
)
def test_a_folder_that_is_not_one_song_is_told(paths: DataPaths, files: tuple[str, ...], told: str) -> None:
    drop(paths, *files)
    song = find_song(paths, "tune")
    assert song.mix is None
    assert told in str(song.fault)


def test_what_lies_beside_and_is_not_used_is_told(paths: DataPaths) -> None:
    drop(paths, "T.mp3", "drums.wav", "stems/bass.wav", "X.stem.mp4")
    assert "holds 2 songs" in str(find_song(paths, "tune").fault)
    (paths.songs / "tune/X.stem.mp4").unlink()
    song = find_song(paths, "tune")
    assert [stem.kind for stem in song.stems if stem.fault is None] != []
    assert "the stems of" in " ".join(str(stem.fault) for stem in song.stems)


def test_a_container_of_stems_says_what_takes_them_out(paths: DataPaths) -> None:
    drop(paths, "Gus.stem.mp4")
    (stem,) = find_song(paths, "tune").stems
    assert "`flamingo-bark add` takes them out" in str(stem.fault)


def test_a_folder_whose_name_is_no_id_is_told_with_one_that_is(paths: DataPaths) -> None:
    (paths.songs / "My Song!").mkdir(parents=True)
    (told,) = find_unlisted(paths)
    assert told.endswith("; rename it, for instance to my-song")
