"""`flamingo-bark add` of files, folders and trees: what is taken and told, and that a bad song costs no other."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result

from flamingo_bark_assets.audio.stem_container import extract_stem, read_stem_names
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.library import batch
from flamingo_bark_assets.library.layout import DataPaths, find_song, list_song_ids
from flamingo_bark_assets.library.song_toml import read_song_info
from tests.mixed_tree import SONGS, make_tree, write_stem_container
from tests.signals import sine, write_wav

RATE_HZ = 22050


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataPaths:
    monkeypatch.setenv("FLAMINGO_BARK_DATA", str(tmp_path / "data"))
    return DataPaths(tmp_path / "data")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    for number, name in enumerate(("One", "Two", "Three")):
        write_wav(folder / f"{name}.wav", sine(200.0 + number, 0.2))
    return folder


def add(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["add", *map(str, arguments)])


def told(*arguments: object) -> Any:
    return json.loads(add(*arguments, "--json").stdout)


def test_a_tree_of_all_layouts_is_added_by_one_command_and_nothing_is_added_twice(
    paths: DataPaths, tmp_path: Path
) -> None:
    make_tree(tmp_path / "tree", duration_s=0.3)
    planned = told(tmp_path / "tree", "--dry-run")
    assert not paths.songs.exists()
    assert planned["summary"] == {"would be added": SONGS}
    shown = add(tmp_path / "tree")
    assert shown.exit_code == 0, shown.output
    assert f"songs: {SONGS} added; 3 left out" in shown.output
    assert "lost: 'Gone - Instrumental.wav', 'Gone - Vocals.wav': 2 stems without a mix" in shown.output
    assert list_song_ids(paths) == sorted(song["song_id"] for song in planned["songs"])
    kinds = {song_id: [stem.kind for stem in find_song(paths, song_id).stems] for song_id in list_song_ids(paths)}
    assert sum(not of_song for of_song in kinds.values()) == 8  # the flat ones
    for song_id in ("gus-stems", "ida-moon-1", "ann-hill", "green", "river", "oak", "logic", "reef"):
        assert sorted(map(str, kinds[song_id])) == ["bass", "drums", "harmonic", "vocals"], song_id
    assert kinds["dee-kite"] == ["drums", "bass", "vocals", "piano"]
    assert read_song_info(paths.songs / "dee-kite/song.toml").info.artist == "Dee"
    assert read_song_info(paths.songs / "worded/song.toml").info.licence == "CC0-1.0"
    assert not [name for name in list_song_ids(paths) if "mix" in name]
    again = add(tmp_path / "tree")
    assert again.exit_code == 0
    assert f"songs: {SONGS} there already; 3 left out" in again.output


def test_a_bad_song_is_told_with_its_reason_and_the_others_are_added(paths: DataPaths, inbox: Path) -> None:
    (inbox / "Text.mp3").write_text("no sound at all")
    (inbox / "Two.json").symlink_to("/etc/hostname")
    (inbox / "Deep").mkdir()
    write_wav(inbox / "Deep/Four.wav", sine(300.0, 0.2))
    shown = add(inbox)
    assert shown.exit_code == 1
    assert list_song_ids(paths) == ["four", "one", "three"]
    failed = [line for line in shown.output.splitlines() if line.startswith("failed: ")]
    assert "Text.mp3" in failed[0]
    assert "Two.json" in failed[1]
    assert "--no-sidecars" in failed[1]
    assert "songs: 3 added, 2 failed" in shown.output


def test_a_file_that_vanishes_between_preview_and_copy_costs_only_its_song(
    paths: DataPaths, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = batch._called

    def vanish(song: Any, *rest: Any) -> str:
        if song.name == "Two":
            song.mix.unlink()
        return really(song, *rest)

    monkeypatch.setattr(batch, "_called", vanish)
    shown = add(inbox)
    assert shown.exit_code == 1
    assert "Two.wav: 'Two.wav': there is no such file" in shown.output
    assert list_song_ids(paths) == ["one", "three"]
    assert [path for path in paths.songs.iterdir() if path.name.startswith(".tmp")] == []


def test_options_of_one_song_are_refused_for_several(paths: DataPaths, inbox: Path) -> None:
    for options in (["--title", "x"], ["--id", "x"], ["--lyrics", inbox / "One.wav"], ["--stems", inbox]):
        for places in ([inbox], [inbox / "One.wav", inbox / "Two.wav"]):
            if options[0] == "--lyrics" and places == [inbox]:
                continue  # The text is read first.
            shown = add(*places, *options)
            assert shown.exit_code == 2, (options, shown.output)
            assert str(options[0]) in shown.output
    assert not paths.songs.exists()


def test_options_of_all_songs_go_to_each_and_one_folder_of_one_song_takes_those_of_one(
    paths: DataPaths, inbox: Path
) -> None:
    shown = add(
        inbox / "One.wav", inbox / "Two.wav", "--artist", "A", "--genre", "dub", "--licence", "CC0-1.0", "--link"
    )
    assert shown.exit_code == 0, shown.output
    for song_id in ("one", "two"):
        info = find_song(paths, song_id).info
        assert (info.artist, info.genres, info.licence) == ("A", ("dub",), "CC0-1.0")
        assert (paths.songs / song_id / "song.wav").stat().st_nlink == 2
    write_wav(inbox / "alone/mixture.wav", sine(500.0, 0.2))
    assert add(inbox / "alone", "--id", "chosen", "--title", "T").exit_code == 0
    assert find_song(paths, "chosen").info.title == "T"


def test_one_file_that_is_there_already_is_no_error_and_a_preview_stores_nothing(paths: DataPaths, inbox: Path) -> None:
    assert "would add one" in add(inbox / "One.wav", "--dry-run").output
    assert not paths.songs.exists()
    add(inbox / "One.wav")
    shown = add(inbox / "One.wav")
    assert (shown.exit_code, "there already: one" in shown.output) == (0, True)


def test_a_preview_is_what_add_then_does(paths: DataPaths, inbox: Path) -> None:
    for copy in ("again/One.wav", "Two-2.wav", "other/Two.wav"):
        write_wav(inbox / copy, sine(200.0 if "One" in copy else 300.0 + len(copy), 0.2))
    write_wav(inbox / "Bad/Bad.wav", sine(400.0, 0.2))
    for name in ("a:b", "a?b"):
        write_wav(inbox / f"Bad/stems/{name}.wav", sine(400.0, 0.2))
    planned, done = told(inbox, "--dry-run"), told(inbox)
    assert (planned["summary"], done["summary"]) == (
        {"would be added": 5, "there already": 1, "failed": 1}, {"added": 5, "there already": 1, "failed": 1},
    )  # fmt: skip
    for song in planned["songs"]:
        song["state"] = song["state"].replace("would be ", "")
    assert planned["songs"] == done["songs"]
    write_wav(inbox / "New.wav", sine(600.0, 0.2))
    for options in (["--id", "one"], []):
        (preview,), (song,) = (told(inbox / "New.wav", *options, *more)["songs"] for more in (["--dry-run"], []))
        assert (preview["song_id"], preview["reason"]) == (song["song_id"], song["reason"])


def test_one_file_that_fails_is_told_as_json_too(paths: DataPaths, inbox: Path) -> None:
    shown = add(inbox / "none.wav", "--json")
    assert shown.exit_code == 1
    (song,) = json.loads(shown.stdout)["songs"]
    assert (song["state"], "none.wav" in song["reason"]) == ("failed", True)


def test_where_nothing_is_found_or_a_place_cannot_be_read_the_status_tells(paths: DataPaths, inbox: Path) -> None:
    (inbox / "empty").mkdir()
    shown = add(inbox / "empty")
    assert (shown.exit_code, "no song was found" in shown.output) == (1, True)
    shown = add(inbox, inbox / "none.wav")
    assert shown.exit_code == 1
    assert "none.wav: does not exist" in shown.output
    assert list_song_ids(paths) == ["one", "three", "two"]


def test_many_songs_of_one_name_get_numbers_in_the_order_of_their_paths(paths: DataPaths, tmp_path: Path) -> None:
    for number in range(12):
        write_wav(tmp_path / f"in/{number:02d}/Same.wav", sine(200.0 + number, 0.1))
    add(tmp_path / "in", "--no-sidecars")
    stored = {name: (paths.songs / name / "song.wav").read_bytes() for name in list_song_ids(paths)}
    for number in range(12):
        name = "same" if number == 0 else f"same-{number + 1}"
        assert stored[name] == (tmp_path / f"in/{number:02d}/Same.wav").read_bytes()


# Native Instruments' stem files


@pytest.fixture
def container(tmp_path: Path) -> Path:
    path = tmp_path / "Gus.stem.mp4"
    streams = [sine(110.0 * (1 + number), 0.5, rate_hz=RATE_HZ) for number in range(5)]
    write_stem_container(path, streams, ["Drums", "Bass", "Melody", "Vocals"])
    return path


def samples_of(path: Path, stream: int) -> np.ndarray[Any, Any]:
    with av.open(str(path)) as opened:
        frames = [frame.to_ndarray() for frame in opened.decode(opened.streams.audio[stream])]
    return np.concatenate(frames, axis=1)


def test_each_stream_of_a_stem_file_becomes_a_stem_without_any_change(container: Path, tmp_path: Path) -> None:
    assert read_stem_names(container) == ("Drums", "Bass", "Melody", "Vocals")
    for number in range(4):
        extract_stem(container, number, tmp_path / f"{number}.m4a")
        np.testing.assert_array_equal(samples_of(tmp_path / f"{number}.m4a", 0), samples_of(container, number + 1))


def test_a_stem_file_is_stored_whole_with_its_streams_as_stems(paths: DataPaths, container: Path) -> None:
    shown = add(container)
    assert shown.exit_code == 0, shown.output
    song = find_song(paths, "gus")
    assert [(stem.name, stem.kind, stem.fault) for stem in song.stems] == [
        ("1 drums", "drums", None), ("2 bass", "bass", None), ("3 melody", "harmonic", None),
        ("4 vocals", "vocals", None),
    ]  # fmt: skip
    assert song.mix is not None
    assert song.mix.read_bytes() == container.read_bytes()


def test_streams_without_names_are_told_and_not_guessed(paths: DataPaths, tmp_path: Path) -> None:
    write_stem_container(tmp_path / "Hal.stem.mp4", [sine(100.0 * n, 0.3, rate_hz=RATE_HZ) for n in (1, 2, 3)], None)
    shown = add(tmp_path / "Hal.stem.mp4")
    assert shown.exit_code == 0, shown.output
    assert "its stem 1 has no name" in shown.output
    assert [stem.kind for stem in find_song(paths, "hal").stems] == [None, None]


@pytest.mark.parametrize("damage", ["text", "cut", "one stream"])
def test_a_stem_file_that_is_none_fails_alone(paths: DataPaths, inbox: Path, container: Path, damage: str) -> None:
    bad = inbox / "Bad.stem.mp4"
    if damage == "text":
        bad.write_text("no sound at all")
    elif damage == "cut":
        bad.write_bytes(container.read_bytes()[:2000])
    else:
        write_stem_container(bad, [sine(100.0, 0.2, rate_hz=RATE_HZ)], None)
    with pytest.raises(AudioFault):
        read_stem_names(bad)
    shown = add(inbox)
    assert shown.exit_code == 1
    assert "Bad.stem.mp4" in shown.output
    assert list_song_ids(paths) == ["one", "three", "two"]


def test_odd_names_in_the_box_of_stems_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "X.stem.mp4"
    write_stem_container(path, [sine(100.0, 0.2, rate_hz=RATE_HZ)] * 3, ["a\x1b[31m/../b", "x" * 999])
    names = read_stem_names(path)
    assert len(names[1] or "") == 60
    assert "\x1b" not in str(names[0])
    data = path.read_bytes()
    for broken in (data.replace(b'"stems"', b'"stemz"'), data.replace(b'{"version"', b'["version"')):
        path.write_bytes(broken)
        assert read_stem_names(path) == (None, None)


def test_bytes_that_are_no_utf8_in_names_are_added_and_written_as_json(paths: DataPaths, tmp_path: Path) -> None:
    write_wav(tmp_path / "in" / "x.wav", sine(100.0, 0.1))
    (tmp_path / "in" / "x.wav").rename(tmp_path / "in" / os.fsdecode(b"caf\xe9.wav"))
    assert told(tmp_path / "in")["songs"][0]["song_id"] == "caf"
    assert list_song_ids(paths) == ["caf"]
