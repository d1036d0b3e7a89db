"""The per-song assets in a real Dagster instance: isolation, events, checks, versions."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re

import dagster as dg
import pytest
from PIL import Image

from flamingo_bark_assets import pipeline
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.songs import song
from flamingo_bark_assets.defs.specs import SONG_ASSETS
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import RunReport, run_songs
from flamingo_bark_assets.prompts.forms import FORMS
from flamingo_bark_assets.provenance.state import state_path
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.training.files import dataset_files, manifest_path
from flamingo_bark_assets.training.manifest import read_manifest
from tests.platform_state import due, follow_sensors, tick
from tests.songs import truncate, write_song, write_unreadable_song

pytestmark = pytest.mark.dagster

TEXT_AND_DATASETS = ("flamingo_captions", "training_prompts", "bark_dataset", "training_clips")


def run(instance: dg.DagsterInstance, *songs: str) -> list[RunReport]:
    return run_songs(instance, sorted(songs), lambda asset, song_id: None)


def materialised(instance: dg.DagsterInstance, asset: str) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


def make_raise(monkeypatch: pytest.MonkeyPatch, song_id: str, step_name: str) -> None:
    sound = pipeline.WORK[step_name]

    def raising(work: pipeline.SongWork) -> Record:
        if work.song_id == song_id:
            raise RuntimeError("analysis went wrong")
        return sound(work)

    monkeypatch.setitem(pipeline.WORK, step_name, raising)


def test_one_song_goes_through_every_asset_in_one_run(data: DataPaths, instance: dg.DagsterInstance) -> None:
    write_song(data.songs, "one")
    (report,) = run(instance, "one")
    assert report.success
    assert set(report.materialised) == {
        *((asset, "one") for asset in SONG_ASSETS),
        *((asset, None) for asset in ("training_manifest", "training_splits", "feature_warehouse")),
    }  # fmt: skip
    checks = {(check.asset, check.check): check.passed for check in report.checks}
    assert checks == {
        ("raw_song", "recording_is_sound"): True,
        ("song_metadata", "song_toml_is_understood"): True,
        ("song_review", "is_reviewed"): True,
        ("stems", "stems_belong_to_mix"): True,
        ("song_features", "measurements_are_sure"): True,
        ("song_features", "agrees_with_librosa"): True,
        ("flamingo_captions", "claims_agree"): True,
        ("flamingo_captions", "sidecars_agree"): True,
        ("training_prompts", "custom_tag_is_there"): True,
        ("bark_dataset", "fit_for_training"): True,
        ("training_manifest", "files_match_checksums"): True,
        ("training_splits", "no_leak"): True,
        ("feature_warehouse", "holds_every_song"): True,
    }
    assert [entry.song_id for entry in read_manifest(manifest_path(data))] == ["one"]
    assert query(data.warehouse, "SELECT song_id FROM song_features").rows == (("one",),)


def test_a_crash_of_one_song_fails_only_that_song_from_that_asset_on(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = ["a", "b", "c", "d"]
    for index, song_id in enumerate(songs):
        write_song(data.songs, song_id, seed=index)
    make_raise(monkeypatch, "b", "drum_features")
    ranged, published = run(instance, *songs)
    assert not ranged.success
    assert "b: drum_features: RuntimeError: analysis went wrong" in ranged.errors[0]
    for asset in ("raw_song", "stems", "song_features", "vocal_features", "song_lyrics"):
        assert materialised(instance, asset) == set(songs), asset
    for asset in ("drum_features", "bass_features", *TEXT_AND_DATASETS):
        assert materialised(instance, asset) == {"a", "c", "d"}, asset
    assert published.success
    assert [entry.song_id for entry in read_manifest(manifest_path(data))] == ["a", "c", "d"]


def test_a_truncated_file_is_a_row_with_a_reason_on_every_asset_and_failed_checks_of_its_partition(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    write_song(data.songs, "good")
    truncate(write_song(data.songs, "torn", seed=1) / "song.wav")
    ranged, _ = run(instance, "good", "torn")
    assert ranged.success
    failed = {(check.check, check.song_id) for check in ranged.checks if not check.passed}
    assert failed >= {("recording_is_sound", "torn"), ("fit_for_training", "torn")}
    assert not any(song_id == "good" for _, song_id in failed)
    no_stem = {f"{kind}_features": f"good: there is no {kind} stem" for kind in ("guitar", "piano", "instrumental")}
    for step in STEPS:
        table = step.record.TABLE
        rows = query(data.warehouse, f"SELECT song_id, unusable FROM {table} ORDER BY song_id").rows
        assert rows[0] == ("good", no_stem.get(step.name))
        if step.name not in {"song_metadata", "song_review"}:  # what is said of a song does not depend on its sound
            assert "torn: song.wav: truncated" in rows[1][1], table
    assert [entry.song_id for entry in read_manifest(manifest_path(data))] == ["good"]
    key = dg.AssetCheckKey(dg.AssetKey("bark_dataset"), "fit_for_training")
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    evaluated = {
        record.event.dagster_event.asset_check_evaluation_data.partition: record.status.value
        for record in records
        if record.event and record.event.dagster_event
    }
    assert evaluated == {"good": "SUCCEEDED", "torn": "FAILED"}


@pytest.mark.finished(("one",), sound=True, published=True)
def test_scalar_features_are_float_metadata_and_the_waveform_a_picture(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:

    def metadata(asset: str) -> dict[str, object]:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event and event.asset_materialization
        return {key: value.value for key, value in event.asset_materialization.metadata.items()}

    loudness = metadata("song_features")["loudness_integrated_lufs"]
    assert isinstance(loudness, float)
    assert -40 < loudness < 0
    assert str(metadata("raw_song")["waveform_large"]).startswith("![large waveform of one](data:image/png;base64,")
    assert metadata("flamingo_captions")["captioner"] == "measured"
    assert metadata("flamingo_captions")["is_fallback"] is True


@pytest.mark.finished(("one",), sound=True, published=True)
def test_waveform_captions_and_prompts_come_first_in_a_form_that_the_ui_shows_at_once(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    def first(asset: str) -> tuple[str, dg.MetadataValue]:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event and event.asset_materialization
        return next(iter(event.asset_materialization.metadata.items()))

    name, waveform = first("raw_song")
    assert (name, type(waveform)) == ("waveform", dg.MarkdownMetadataValue)
    assert len(str(waveform.value)) < 1000  # of the webserver's; what is longer is behind a click
    name, caption = first("flamingo_captions")
    assert (name, type(caption)) == ("caption", dg.TextMetadataValue)
    assert len(str(caption.value).split()) > 5
    name, prompt = first("training_prompts")
    assert (name, type(prompt)) == ("prompt full_track", dg.TextMetadataValue)


@pytest.mark.finished(("one",), sound=True, published=True)
def test_measurements_are_shown_rounded_with_their_units(data: DataPaths, instance: dg.DagsterInstance) -> None:
    event = instance.get_latest_materialization_event(dg.AssetKey("raw_song"))
    assert event and event.asset_materialization
    metadata = event.asset_materialization.metadata
    assert isinstance(metadata["measured"], dg.TableMetadataValue)
    shown = {record.data["name"]: record.data["value"] for record in metadata["measured"].records}
    assert shown["sample_rate_hz"] == "22050 Hz"
    assert re.fullmatch(r"-?\d+(\.\d+)? dBFS", str(shown["peak_dbfs"]))
    assert shown["clipped"] in {"yes", "no"}
    assert all(len(re.sub(r"\D", "", str(value)).lstrip("0")) <= 5 for value in shown.values())


@pytest.mark.finished(("one",), sound=True, published=True)
def test_song_features_show_mel_notes_and_chroma_unless_the_song_cannot_be_used(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    write_unreadable_song(data.songs, "torn")
    run(instance, "torn")
    sizes: dict[str, dict[str, tuple[int, int]]] = {}
    for record in instance.fetch_materializations(dg.AssetKey("song_features"), limit=10).records:
        assert record.partition_key and record.asset_materialization
        shown = {name: str(value.value) for name, value in record.asset_materialization.metadata.items()}
        start = f"of {record.partition_key}](data:image/png;base64,"
        pictures = {name: text.partition(start)[2].removesuffix(")") for name, text in shown.items() if start in text}
        sizes[record.partition_key] = {
            name: Image.open(io.BytesIO(base64.b64decode(png))).size for name, png in pictures.items()
        }
    assert sizes == {"one": {"mel": (512, 128), "cqt": (512, 168), "chroma": (512, 96)}, "torn": {}}


@pytest.mark.finished(("one",), sound=True, published=True)
def test_running_again_writes_the_same_bytes(data: DataPaths, instance: dg.DagsterInstance) -> None:
    files = dataclasses.astuple(dataset_files(data, "one"))
    first = [path.read_bytes() for path in (*files, manifest_path(data))]
    run(instance, "one")
    assert [path.read_bytes() for path in (*files, manifest_path(data))] == first


@pytest.mark.finished(("one",), sound=True, published=True)
def test_one_asset_alone_is_made_from_the_stored_results(data: DataPaths, instance: dg.DagsterInstance) -> None:
    folder = data.songs / "one"
    (folder / "song.wav").unlink()  # no step after the measurements may open the sound
    (folder / "song.wav").write_bytes(b"")
    result = dg.materialize(
        [song],
        selection=["training_prompts"],
        partition_key="one",
        instance=instance,
        resources={"platform": Platform()},
    )
    assert result.success


@pytest.mark.finished(("one",), sound=True, published=True)
def test_the_version_of_an_asset_changes_with_the_song_and_only_then(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    def version() -> str | None:
        event = instance.get_latest_materialization_event(dg.AssetKey("bass_features"))
        assert event and event.asset_materialization
        return (event.asset_materialization.tags or {}).get("dagster/data_version")

    first = version()
    run(instance, "one")
    assert version() == first
    write_song(data.songs, "one", seed=5)
    run(instance, "one")
    assert version() != first


@pytest.mark.finished(("one",), sound=True, published=True)
def test_an_asset_made_alone_names_the_versions_of_its_inputs_that_the_ui_compares(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    def tags(asset: str) -> dict[str, str]:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event and event.asset_materialization
        return dict(event.asset_materialization.tags or {})

    dg.materialize(
        [song],
        selection=["flamingo_captions"],
        partition_key="one",
        instance=instance,
        resources={"platform": Platform()},
    )
    for need in ("song_features", "drum_features", "bass_features", "vocal_features", "harmonic_features"):
        assert tags("flamingo_captions")[f"dagster/input_data_version/{need}"] == tags(need)["dagster/data_version"]


def test_a_song_without_stems_says_so_everywhere_and_keeps_its_own_measurements(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    write_song(data.songs, "bare", stems=False)
    (report,) = run(instance, "bare")
    assert report.success
    assert {check.check for check in report.checks if not check.passed} == {"stems_belong_to_mix"}
    ((reason,),) = query(data.warehouse, "SELECT unusable FROM drum_features").rows
    assert "no drums stem" in reason
    ((tempo,),) = query(data.warehouse, "SELECT tempo_bpm FROM song_features").rows
    assert tempo == pytest.approx(120, rel=0.03)
    dataset = json.loads(dataset_files(data, "bare").dataset.read_text())
    assert dataset["stems"] == []
    assert [prompt["type"] for prompt in dataset["training_prompts"]] == ["full_track"] * len(FORMS)


def test_a_state_folder_that_cannot_be_written_is_told_in_one_line(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    write_unreadable_song(data.songs, "a")
    (data.root / "state").write_text("not a folder")
    report, publication = run_songs(instance, ["a", "a"], lambda asset, song_id: None)
    (error,) = report.errors
    assert error.startswith("1 of 1 songs failed: a: song: WriteError: ")
    assert "state/locks" in error
    assert "cannot be written: Not a directory; something else stands in its place: move it away and try again" in error
    assert len(error.splitlines()) == 1
    assert all("state" in told and "cannot be written" in told for told in publication.errors)
    assert publication.errors
    assert isinstance(tick(instance), dg.SkipReason)


def test_a_folder_in_place_of_a_state_file_costs_nothing(data: DataPaths, instance: dg.DagsterInstance) -> None:
    write_unreadable_song(data.songs, "a")
    (state_path(data, "a") / "folder").mkdir(parents=True)
    (data.root / "state" / "requests.json").mkdir()
    (data.root / "state" / "publication.json").mkdir()
    follow_sensors(instance)
    assert due(data) == {}
    assert state_path(data, "a").is_file()
