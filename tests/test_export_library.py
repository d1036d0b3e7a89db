"""Exports of a real library: songs go in through every step, and come out as datasets that are checked."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.clips.records import TrainingClips
from flamingo_bark_assets.exports.interface import ExportOptions
from flamingo_bark_assets.exports.run import export
from flamingo_bark_assets.exports.songs import MEASURED, StoredSongs
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.storage.feature_store import FeatureStore
from tests.export_text_target import TextTarget
from tests.songs import write_song

LICENCES = {"open": "CC-BY-4.0", "closed": "all rights reserved", "silent": None}
VIEW = ExportOptions(view="coarse")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> DataPaths:
    paths = DataPaths(tmp_path_factory.mktemp("library") / "data")
    for seed, (song_id, licence) in enumerate(LICENCES.items()):
        folder = write_song(paths.songs, song_id, duration_s=14.0, seed=seed)
        told = f'licence = "{licence}"\n' if licence else ""
        (folder / "song.toml").write_text(f'title = "Song {song_id}"\nartist = "Nobody"\n{told}')
        run_all(SongWork(find_song(paths, song_id), paths, Settings(), MeasuredCaptioner()))
    return paths


@pytest.fixture
def copied(library: DataPaths, tmp_path: Path) -> Iterator[DataPaths]:
    """A copy that a test may change."""
    shutil.copytree(library.root, tmp_path / "data")
    yield DataPaths(tmp_path / "data")


def stored(paths: DataPaths, options: ExportOptions = VIEW) -> StoredSongs:
    return StoredSongs(paths, Settings(), TextTarget(), options)


def flamingo_bark(paths: DataPaths, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["--data", str(paths.root), *map(str, arguments)])


def test_every_fit_song_goes_in_with_the_sound_of_its_clips(library: DataPaths, tmp_path: Path) -> None:
    report = export(TextTarget(), stored(library), tmp_path / "out", VIEW)
    assert sum(report.songs.values()) == 3
    clips = [json.loads(line) for line in (tmp_path / "out/provenance/clips.jsonl").read_text().splitlines()]
    assert clips and all((tmp_path / "out" / clip["files"]["audio"]["path"]).is_file() for clip in clips)


def test_a_commercial_export_refuses_songs_whose_licence_does_not_allow_it(library: DataPaths, tmp_path: Path) -> None:
    options = dataclasses.replace(VIEW, commercial=True)
    report = export(TextTarget(), stored(library, options), tmp_path / "out", options)
    assert (sum(report.songs.values()), report.notes["licence"]) == (1, 2)
    notes = (tmp_path / "out/provenance/notes.jsonl").read_text()
    assert "all rights reserved" in notes and "no licence is stated" in notes
    assert "- open: Song open by Nobody, CC-BY-4.0" in (tmp_path / "out/ATTRIBUTION.md").read_text()
    assert "closed" not in (tmp_path / "out/ATTRIBUTION.md").read_text()


def test_a_commercial_export_has_measured_words_in_place_of_a_non_commercial_captioners(
    copied: DataPaths, tmp_path: Path
) -> None:
    store = FeatureStore(copied.features)
    clips = store.read(TrainingClips, "open")
    said = tuple(
        dataclasses.replace(clip, text="Words of a model.", captioner="af2", captioner_licence="non-commercial")
        for clip in clips.clips
    )
    store.write(dataclasses.replace(clips, clips=said))
    options = dataclasses.replace(VIEW, commercial=True)
    song, _ = stored(copied, options).load("open")
    assert {clip.text for clip in song.clips} == {clip.measured_text for clip in song.clips}
    assert {clip.captioner for clip in song.clips} == {MEASURED}
    assert {clip.text for clip in stored(copied).load("open")[0].clips} == {"Words of a model."}


@pytest.mark.parametrize(
    ("captioner", "licence", "may_speak"),
    [
        ("server", None, False), ("server", "Apache-2.0", True), ("human, server", None, False), ("human", None, True),
        ("measured", None, True), ("human, measured", None, True),
    ],
)  # fmt: skip
def test_a_captioning_model_whose_licence_nobody_states_has_no_word_in_a_commercial_export(
    copied: DataPaths, captioner: str, licence: str | None, may_speak: bool
) -> None:
    store = FeatureStore(copied.features)
    clips = store.read(TrainingClips, "open")
    said = tuple(
        dataclasses.replace(clip, text="Words.", captioner=captioner, captioner_licence=licence) for clip in clips.clips
    )
    store.write(dataclasses.replace(clips, clips=said))
    song, _ = stored(copied, dataclasses.replace(VIEW, commercial=True)).load("open")
    assert ({clip.text for clip in song.clips} == {"Words."}) is may_speak


@pytest.mark.parametrize(("licence", "allows"), [("MIT", True), ("CC-BY-NC-4.0", False), (None, False)])
def test_clips_of_separated_stems_are_in_a_commercial_export_only_where_the_licence_of_the_model_allows_it(
    copied: DataPaths, licence: str | None, allows: bool
) -> None:
    store = FeatureStore(copied.features)
    clips = store.read(TrainingClips, "open")
    separated = tuple(
        dataclasses.replace(clip, separator="demucs", separator_licence=licence) if clip.kinds else clip
        for clip in clips.clips
    )
    store.write(dataclasses.replace(clips, clips=separated))
    every = {clip.source for clip in stored(copied).load("open")[0].clips}
    commercial = stored(copied, dataclasses.replace(VIEW, commercial=True))
    song, _ = commercial.load("open")
    assert len(every) > 1
    assert {clip.source for clip in song.clips} == (every if allows else {"mix"})
    noted = {note.clip for note in commercial.refused() if note.rule == "separator_licence"}
    kept = {clip.clip for clip in song.clips}
    assert noted == {clip.clip for clip in separated if clip.view == VIEW.view} - kept


def test_a_song_whose_results_are_due_is_named(copied: DataPaths, tmp_path: Path) -> None:
    notes = [note for note in stored(copied).refused() if note.rule == "due"]
    assert {note.song_id for note in notes} == set(LICENCES), "nothing says that these songs were ever made"


def test_a_clip_of_a_file_that_changed_since_is_refused(copied: DataPaths, tmp_path: Path) -> None:
    write_song(copied.songs, "open", duration_s=14.0, seed=9)
    report = export(TextTarget(), stored(copied), tmp_path / "out", VIEW)
    assert report.notes["changed"] > 0
    assert sum(report.songs.values()) == 2


def test_a_song_with_damaged_results_stays_out_and_stops_no_other(copied: DataPaths, tmp_path: Path) -> None:
    FeatureStore(copied.features).path("open").write_bytes(b"no results")
    report = export(TextTarget(), stored(copied), tmp_path / "out", VIEW)
    assert sum(report.songs.values()) == 2 and report.notes["left_out"] == 1


def test_what_the_command_writes_the_command_verifies(library: DataPaths, tmp_path: Path) -> None:
    done = flamingo_bark(library, "export", "--to", "webdataset", "--view", "coarse", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "verify" in done.output
    checked = flamingo_bark(library, "verify", tmp_path / "out")
    assert (checked.exit_code, "nothing found" in checked.output) == (0, True), checked.output
    (tmp_path / "out/provenance/clips.jsonl").write_text("")
    told = flamingo_bark(library, "verify", "--json", tmp_path / "out")
    assert told.exit_code == 1 and json.loads(told.output)["clean"] is False


def test_a_dry_run_writes_nothing(library: DataPaths, tmp_path: Path) -> None:
    done = flamingo_bark(library, "export", "--to", "ace-step", "--dry-run", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "would hold" in done.output and not (tmp_path / "out").exists()


def test_one_unit_is_told_as_one(copied: DataPaths, tmp_path: Path) -> None:
    for song_id in ("closed", "silent"):
        shutil.rmtree(copied.songs / song_id)
    first = flamingo_bark(copied, "export", "--to", "ace-step", tmp_path / "out")
    second = flamingo_bark(copied, "export", "--to", "ace-step", tmp_path / "out")

    assert "1 unit made, 0 taken over as they were" in first.output
    assert "0 units made, 1 taken over as it was" in second.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "nothing"], "is not one of"),
        (["--to", "ace-step", "--view", "7min"], "no view is named 7min"),
        (["--to", "ace-step", "--push", "me/songs"], "--push goes with --to huggingface"),
        (["--to", "bark", "--view", "30s"], "bark takes clips of semantic and coarse only"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_line(
    arguments: list[str], message: str, library: DataPaths, tmp_path: Path
) -> None:
    done = flamingo_bark(library, "export", *arguments, tmp_path / "out")
    assert done.exit_code != 0 and message in done.output and "Traceback" not in done.output


@pytest.mark.dagster
def test_an_export_is_an_asset_with_the_verification_as_its_check(
    library: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flamingo_bark_assets.definitions import defs

    monkeypatch.setenv("FLAMINGO_BARK_DATA", str(library.root))
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [defs.resolve_assets_def("export_webdataset")],
            instance=instance,
            run_config={"ops": {"export_webdataset": {"config": {"view": "coarse"}}}},
        )
        (check,) = done.get_asset_check_evaluations()
    assert done.success and check.passed, check.description
    assert (library.exports / "webdataset/README.md").is_file()


def test_an_export_without_a_clip_is_an_error_and_leaves_what_stands_there(library: DataPaths, tmp_path: Path) -> None:
    done = flamingo_bark(library, "export", "--to", "audiocraft", "--view", "coarse", tmp_path / "out")
    assert done.exit_code == 1 and "no clip can be exported" in done.output and not (tmp_path / "out").exists()
