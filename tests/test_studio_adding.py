"""Uploaded files as songs: what a real studio recognises, what a person corrects, what enters the library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.library.layout import DataPaths, find_song, list_song_ids
from flamingo_bark_assets.library.song_toml import read_song_info
from tests.mixed_tree import write_stem_container
from tests.signals import sine, write_audio, write_m4a, write_wav
from tests.songs import RATE_HZ, tiny_stems, truncate
from tests.studio import RunningStudio
from tests.uploading import new_batch, send, send_tree

KINDS = ("drums", "bass", "vocals", "other")


@pytest.fixture
def studio(shared_studio: RunningStudio) -> RunningStudio:
    return shared_studio


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "tree"


def write_parts(tree: Path, mix: str, stems: Mapping[str, str], seed: int) -> dict[str, FloatArray]:
    parts = tiny_stems(0.4, seed=seed)
    for name, kind in stems.items():
        write_audio(tree / name, parts[kind], rate_hz=RATE_HZ)
    write_audio(tree / mix, np.sum(list(parts.values()), axis=0, dtype=np.float32), rate_hz=RATE_HZ)
    return parts


def cards(studio: RunningStudio, batch: str, query: str = "") -> Any:
    status, told = studio.ask("GET", f"/api/batches/{batch}{query}")
    assert status == 200, told
    return told


def add(studio: RunningStudio, batch: str, *songs: Mapping[str, Any], alone: tuple[str, ...] = ()) -> Any:
    status, told = studio.ask("POST", f"/api/batches/{batch}/songs", {"songs": songs, "alone": alone})
    assert status == 200, told
    return told


def kinds_of(studio: RunningStudio, song_id: str) -> list[str]:
    return sorted(str(stem.kind) for stem in find_song(DataPaths(studio.data), song_id).stems)


def test_trees_of_demucs_and_uvr_and_a_stem_file_become_songs_with_their_stems(
    studio: RunningStudio, tree: Path
) -> None:
    write_parts(tree, "demucs/River.wav", {f"demucs/separated/htdemucs/River/{k}.wav": k for k in KINDS}, seed=1)
    write_parts(tree, "uvr/Oak.wav", {f"uvr/1_Oak_({kind.title()}).wav": kind for kind in KINDS}, seed=2)
    parts = tiny_stems(0.4, seed=3)
    streams = [np.sum(list(parts.values()), axis=0), *(parts[kind] for kind in KINDS)]
    write_stem_container(tree / "Gus.stem.mp4", streams, ("Drums", "Bass", "Vocals", "Melody"))
    told = cards(studio, batch := send_tree(studio, tree))
    assert [card["mix"] for card in told["songs"]] == ["Gus.stem.mp4", "demucs/River.wav", "uvr/Oak.wav"]
    for card in told["songs"]:
        assert sorted(stem["kind"] for stem in card["stems"]) == ["bass", "drums", "harmonic", "vocals"]
        assert card["fault"] is None
    assert (told["open"], told["left_out"], told["unused"]) == ([], [], [])
    added = add(studio, batch, *({"mix": card["mix"]} for card in told["songs"]))
    assert [one["state"] for one in added["songs"]] == ["added"] * 3
    for one in added["songs"]:
        assert kinds_of(studio, one["song_id"]) == ["bass", "drums", "harmonic", "vocals"]
    assert added["is_done"]
    assert not (studio.data / "uploads" / batch).exists()


def test_a_tree_of_musdb_becomes_songs_with_artist_title_and_stems(studio: RunningStudio, tree: Path) -> None:
    folder = "musdb/train/Ann - Hill"
    write_parts(tree, f"{folder}/mixture.wav", {f"{folder}/{kind}.wav": kind for kind in KINDS}, seed=11)
    parts = tiny_stems(0.4, seed=12)
    names = ("drums", "bass", "other", "vocals")
    streams = [np.sum(list(parts.values()), axis=0), *(parts[name] for name in names)]
    write_stem_container(tree / "musdb/test/Bob - Vale.stem.mp4", streams, names)
    told = cards(studio, batch := send_tree(studio, tree))
    found = {card["mix"]: card for card in told["songs"]}
    assert list(found) == ["musdb/test/Bob - Vale.stem.mp4", f"{folder}/mixture.wav"]
    assert [found[f"{folder}/mixture.wav"][name]["value"] for name in ("artist", "title")] == ["Ann", "Hill"]
    for card in told["songs"]:
        assert sorted(stem["kind"] for stem in card["stems"]) == ["bass", "drums", "harmonic", "vocals"]
    assert (told["left_out"], told["unused"]) == ([], [])
    assert studio.ask("DELETE", f"/api/batches/{batch}")[0] in {200, 204}


def test_what_a_person_says_of_a_song_and_its_stems_is_what_the_library_has(studio: RunningStudio, tree: Path) -> None:
    stems = {"drums": "drums", "01": "bass", "other": "other", "piano": "vocals"}
    write_parts(tree, "Tune/song.wav", {f"Tune/stems/{name}.wav": part for name, part in stems.items()}, seed=4)
    (card,) = cards(studio, batch := send_tree(studio, tree))["songs"]
    assert {stem["file"]: stem["kind"] for stem in card["stems"]} == {
        "Tune/stems/01.wav": None, "Tune/stems/drums.wav": "drums", "Tune/stems/other.wav": "harmonic",
        "Tune/stems/piano.wav": "piano",
    }  # fmt: skip
    assert "no kind of stem" in card["stems"][0]["problem"]
    said = {
        "mix": card["mix"], "title": "Nähe & <b>Ferne</b>", "artist": "Me", "licence": "CC-BY-4.0",
        "attribution": "By me",
        "stems": {"Tune/stems/01.wav": "guitar", "Tune/stems/piano.wav": "guitar", "Tune/stems/other.wav": "leave out"},
    }  # fmt: skip
    (one,) = add(studio, batch, said)["songs"]
    assert one["song_id"] == "nahe-b-ferne-b"
    song = studio.data / "songs" / one["song_id"]
    assert sorted(path.name for path in (song / "stems").iterdir()) == ["drums.wav", "guitar 2.wav", "guitar.wav"]
    assert kinds_of(studio, one["song_id"]) == ["drums", "guitar", "guitar"]
    info = read_song_info(song / "song.toml").info
    assert (info.title, info.artist) == ("Nähe & <b>Ferne</b>", "Me")
    assert (info.licence, info.attribution) == ("CC-BY-4.0", "By me")


def test_streams_of_a_stem_file_can_be_corrected_and_left_out(studio: RunningStudio, tree: Path) -> None:
    streams = [sine(90.0 * n, 0.4, rate_hz=RATE_HZ) for n in (1, 2, 3, 4)]
    write_stem_container(tree / "Hal.stem.mp4", streams, ("Drums", "Thing", "Vocals"))
    (card,) = cards(studio, batch := send_tree(studio, tree))["songs"]
    assert [(stem["file"], stem["kind"]) for stem in card["stems"]] == [
        ("#0", "drums"), ("#1", None), ("#2", "vocals")
    ]  # fmt: skip
    (one,) = add(studio, batch, {"mix": card["mix"], "stems": {"#1": "piano", "#2": "leave out"}})["songs"]
    assert kinds_of(studio, one["song_id"]) == ["drums", "piano"]


def test_titles_come_from_tags_and_the_licence_from_its_file_and_what_is_not_changed_is_not_written(
    studio: RunningStudio, tree: Path
) -> None:
    write_m4a(tree / "album/x.m4a", sine(301.0, 0.4), tags={"title": "By the Sea", "artist": "Ada"})
    (tree / "album/LICENSE.txt").write_text("CC0-1.0\n")
    (tree / "album/x.caption.txt").write_text("A calm tune.")
    (card,) = cards(studio, batch := send_tree(studio, tree))["songs"]
    assert card["title"] == {"value": "By the Sea", "said_by": "the file's tag"}
    assert card["artist"] == {"value": "Ada", "said_by": "the file's tag"}
    assert card["licence"] == {"value": "CC0-1.0", "said_by": "LICENSE.txt"}
    assert card["sidecars"] == ["album/x.caption.txt"]
    (one,) = add(studio, batch, {"mix": card["mix"]})["songs"]
    song = studio.data / "songs" / one["song_id"]
    assert (song / "song.toml").read_text() == 'licence = "CC0-1.0"\n'
    assert (song / "song.caption.txt").read_text() == "A calm tune."


def test_a_broken_mp3_is_told_and_costs_the_songs_beside_it_nothing(studio: RunningStudio, tree: Path) -> None:
    for number, name in enumerate(("One", "Two")):
        write_wav(tree / f"{name}.wav", sine(400.0 + number, 0.4))
    (tree / "Broken.mp3").write_bytes(b"ID3\x03\x00\x00\x00\x00\x00\x00" + bytes(4000))
    told = cards(studio, batch := send_tree(studio, tree))
    faults = {card["mix"]: card["fault"] for card in told["songs"]}
    assert faults["One.wav"] is None
    assert "Broken.mp3" in faults["Broken.mp3"]
    states = {one["mix"]: one for one in add(studio, batch, *({"mix": mix} for mix in faults))["songs"]}
    assert {mix: one["state"] for mix, one in states.items()} == {
        "Broken.mp3": "failed", "One.wav": "added", "Two.wav": "added"
    }  # fmt: skip
    assert "Broken.mp3" in states["Broken.mp3"]["reason"]
    assert "export" in states["Broken.mp3"]["to_do"]
    assert [card["mix"] for card in cards(studio, batch)["songs"]] == ["Broken.mp3"]


def test_a_broken_stem_refuses_its_song_until_it_is_left_out_and_a_cut_mix_is_noted(
    studio: RunningStudio, tree: Path
) -> None:
    write_parts(tree, "Pond/song.wav", {"Pond/stems/drums.wav": "drums", "Pond/stems/bass.wav": "bass"}, seed=6)
    (tree / "Pond/stems/bass.wav").write_bytes(b"RIFF no sound")
    truncate(tree / "Pond/song.wav", 0.7)
    (card,) = cards(studio, batch := send_tree(studio, tree))["songs"]
    assert any("bass.wav: " in note for note in card["notes"])
    (failed,) = add(studio, batch, {"mix": card["mix"]})["songs"]
    assert failed["state"] == "failed"
    assert "bass.wav" in failed["reason"]
    (one,) = add(studio, batch, {"mix": card["mix"], "stems": {"Pond/stems/bass.wav": "leave out"}})["songs"]
    assert one["state"] == "added"
    assert any("song.wav" in note for note in one["notes"])
    assert kinds_of(studio, one["song_id"]) == ["drums"]


def test_a_duplicate_is_named_before_and_when_it_is_added(studio: RunningStudio, tree: Path) -> None:
    write_wav(tree / "First.wav", sine(500.0, 0.4))
    (tree / "Copy.wav").write_bytes((tree / "First.wav").read_bytes())
    batch = send_tree(studio, tree)
    copy, first = cards(studio, batch)["songs"]
    assert (copy["same_as"], first["same_as"]) == (None, "Copy.wav")
    assert add(studio, batch, {"mix": "First.wav"})["songs"][0]["state"] == "added"
    (copy,) = cards(studio, batch)["songs"]
    assert copy["duplicate"] == "first"
    (one,) = add(studio, batch, {"mix": "Copy.wav"})["songs"]
    assert (one["state"], one["song_id"]) == ("there already", "first")


def test_what_was_not_recognised_is_told_and_a_sound_of_it_can_be_taken_alone(
    studio: RunningStudio, tree: Path
) -> None:
    for number, part in enumerate(("Vocals", "Drums")):
        write_wav(tree / f"lost/Gone - {part}.wav", sine(600.0 + number, 0.4))
    (tree / "lost/notes.pdf").write_text("pdf")
    told = cards(studio, batch := send_tree(studio, tree))
    assert told["songs"] == []
    (left,) = told["left_out"]
    assert left["files"] == ["lost/Gone - Drums.wav", "lost/Gone - Vocals.wav"]
    assert "without a mix" in left["reason"]
    assert str(studio.data) not in json.dumps(told)
    assert told["unused"] == ["lost/notes.pdf"]
    alone = "lost/Gone - Vocals.wav"
    assert [card["mix"] for card in cards(studio, batch, f"?alone={alone.replace(' ', '%20')}")["songs"]] == [alone]
    (one,) = add(studio, batch, {"mix": alone}, alone=(alone,))["songs"]
    assert one["song_id"] == "gone-vocals"


def test_a_title_that_no_song_may_have_and_a_stem_that_is_not_there_are_refused(
    studio: RunningStudio, tree: Path
) -> None:
    write_wav(tree / "Name.wav", sine(700.0, 0.4))
    batch = send_tree(studio, tree)
    before = list_song_ids(DataPaths(studio.data))
    wrong = ({"title": "a\0b"}, {"title": "x" * 501}, {"stems": {"../../etc/passwd": "drums"}})
    for said in wrong:
        (one,) = add(studio, batch, {"mix": "Name.wav", **said})["songs"]
        assert one["state"] == "failed", said
        assert one["reason"]
    for mix in ("../Name.wav", "/etc/passwd", "Name.wav\0", "gone.wav"):
        assert add(studio, batch, {"mix": mix})["songs"][0]["state"] == "failed"
    bodies: list[Any] = [[], {"songs": []}, {"songs": [{"mix": "Name.wav", "stems": {"#0": "kazoo"}}]}]
    for body in (*bodies, {"songs": [{"id": 1}]}):
        assert studio.ask("POST", f"/api/batches/{batch}/songs", body)[0] == 400
    assert list_song_ids(DataPaths(studio.data)) == before
    assert studio.ask("POST", f"/api/batches/{new_batch()}/songs", {"songs": [{"mix": "a"}]})[0] == 404


def test_a_name_of_markup_is_data_and_a_song_is_the_file_that_came_not_a_copy(
    studio: RunningStudio, tree: Path
) -> None:
    data = write_m4a(tree / "x.m4a", sine(800.0, 0.4)).read_bytes()
    send(studio, batch := new_batch(), "<img src=x onerror=alert(1)>.m4a", data)
    (card,) = cards(studio, batch)["songs"]
    assert card["title"] == {"value": "_img src=x onerror=alert(1)_", "said_by": "the name"}
    uploaded = studio.data / "uploads" / batch / "files" / card["mix"]
    inode = uploaded.stat().st_ino
    (one,) = add(studio, batch, {"mix": card["mix"]})["songs"]
    mix = studio.data / "songs" / one["song_id"] / "song.m4a"
    assert (mix.stat().st_ino, mix.stat().st_nlink) == (inode, 1)
    assert mix.read_bytes() == data
