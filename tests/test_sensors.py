"""The sensors: what they add, ask for and remove; nothing is asked for twice and nothing is forgotten."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from flamingo_bark_assets import pipeline
from flamingo_bark_assets.definitions import defs
from flamingo_bark_assets.defs.checks import CHECKS
from flamingo_bark_assets.defs.jobs import all_songs
from flamingo_bark_assets.defs.names import SONGS
from flamingo_bark_assets.defs.sensors import publication
from flamingo_bark_assets.library.importing import remove_song
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.pipeline import SongWork
from flamingo_bark_assets.provenance.state import read_state, state_path
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.training.files import dataset_files
from tests.platform_state import (
    apply_partitions,
    asked,
    do,
    due,
    follow_sensors,
    made,
    make,
    make_and_publish,
    songs_of,
    tick,
)
from tests.songs import library_stamps, write_unreadable_song

pytestmark = pytest.mark.dagster

EDIT = '[edits.mix]\ncaption = "A waltz."\n'
TEXT = {"song_metadata", "song_lyrics", "flamingo_captions", "training_prompts", "bark_dataset", "training_clips"}


def skipped(result: dg.SensorResult | dg.SkipReason) -> str:
    assert isinstance(result, dg.SkipReason), result
    return str(result.skip_message)


def queued(instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    """A run as the daemon records it when a sensor asks for one, in a state in which it is left by a kill."""
    tags = dict(request.tags)
    if request.partition_key:
        tags[PARTITION_NAME_TAG] = request.partition_key
    job = defs.resolve_job_def(all_songs.name)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="flamingo_bark_assets"))
    origin = RemoteRepositoryOrigin(location, "__repository__").get_job_origin(all_songs.name)
    code = dg.reconstructable(all_songs_job).get_python_origin()
    return instance.create_run_for_job(
        job_def=job, tags=tags, status=status, remote_job_origin=origin, job_code_origin=code
    )


def all_songs_job() -> dg.JobDefinition:
    return defs.resolve_job_def(all_songs.name)


def test_new_songs_become_partitions_and_share_runs(data: DataPaths, instance: dg.DagsterInstance) -> None:
    for song_id in ("b", "a", "c"):
        write_unreadable_song(data.songs, song_id)
    result = tick(instance)
    apply_partitions(instance, result)
    assert instance.get_dynamic_partitions(SONGS) == ["a", "b", "c"]
    assert [songs_of(request) for request in asked(result)] == [("a", "c")]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED])
def test_a_song_that_is_queued_or_under_way_is_not_asked_for_again(
    data: DataPaths, instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    for song_id in ("a", "b"):
        write_unreadable_song(data.songs, song_id)
    result = tick(instance)
    apply_partitions(instance, result)
    (request,) = asked(result)
    run = queued(instance, request, status)
    write_unreadable_song(data.songs, "c")
    (data.songs / "a" / "song.toml").write_text('title = "changed meanwhile"')
    assert [songs_of(request) for request in asked(tick(instance))] == [("c",)]
    instance.report_run_failed(run)
    assert [songs_of(request) for request in asked(tick(instance))] == [("a", "c")]


@pytest.mark.parametrize("how", ["failed", "canceled", "deleted"])
def test_a_run_that_was_asked_for_and_died_is_asked_for_again(
    data: DataPaths, instance: dg.DagsterInstance, how: str
) -> None:
    write_unreadable_song(data.songs, "a")
    result = tick(instance)
    apply_partitions(instance, result)
    (request,) = asked(result)
    run = queued(instance, request, dg.DagsterRunStatus.STARTED)
    assert asked(tick(instance)) == []
    if how == "failed":
        instance.report_run_failed(run)
    elif how == "canceled":
        instance.report_run_canceled(run)
    else:
        instance.delete_run(run.run_id)
    (again,) = asked(tick(instance))
    assert again.run_key != request.run_key
    do(instance, [again])
    assert due(data) == {}


@pytest.mark.parametrize("status", ["REQUESTED", "CANCELING", "FAILING"])
def test_a_song_of_a_backfill_that_has_not_launched_yet_is_not_asked_for(
    data: DataPaths, instance: dg.DagsterInstance, status: str
) -> None:
    from dagster._core.execution.asset_backfill import AssetBackfillData
    from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

    for song_id in ("a", "b"):
        write_unreadable_song(data.songs, song_id)
    instance.add_dynamic_partitions(SONGS, ["a", "b"])
    graph = defs.resolve_asset_graph()
    now = time.time()
    target = AssetBackfillData.from_asset_partitions(
        graph, ["a"], [dg.AssetKey("raw_song")], instance, all_partitions=False, backfill_start_timestamp=now
    )
    instance.add_backfill(
        PartitionBackfill(
            backfill_id="b1", status=BulkActionStatus(status), from_failure=False, tags={}, backfill_timestamp=now,
            asset_selection=[dg.AssetKey("raw_song")],
        ).with_asset_backfill_data(target, instance, graph)
    )  # fmt: skip
    assert [songs_of(request) for request in asked(tick(instance))] == [("b",)]


def test_attempts_are_bounded_and_a_song_that_crashes_is_given_up_with_its_reason(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(work: SongWork) -> Record:
        raise RuntimeError("no such luck")

    write_unreadable_song(data.songs, "a")
    with monkeypatch.context() as patch:
        patch.setitem(pipeline.WORK, "song_features", broken)
        for _ in range(3):
            result = tick(instance)
            apply_partitions(instance, result)
            do(instance, asked(result))
        shown = skipped(tick(instance))
    assert "given up after 3 attempts" in shown
    assert "RuntimeError: no such luck" in shown
    assert read_state(data, "a").made.keys() == {"raw_song", "song_metadata", "song_review", "separated_stems", "stems"}
    (data.songs / "a" / "song.toml").write_text('title = "another"')  # something else: tried anew
    follow_sensors(instance)
    assert due(data) == {}


def test_a_song_on_which_a_run_died_goes_alone_and_holds_up_no_other(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    for song_id in ("a", "b", "c"):
        write_unreadable_song(data.songs, song_id)
    instance.add_dynamic_partitions(SONGS, ["a", "b", "c"])
    asked(tick(instance))
    state = state_path(data, "b")
    inputs = json.loads((data.root / "state" / "requests.json").read_text())["b"]["inputs"]
    state.parent.mkdir()
    state.write_text(
        json.dumps({"signature": "", "files": None, "made": {}, "attempt": {
            "inputs": inputs, "count": 1, "at_s": 0.0, "run_id": "r", "error": None}})
    )  # fmt: skip
    assert [songs_of(request) for request in asked(tick(instance))] == [("a",), ("c",), ("b",)]


def test_pauses_between_attempts_are_kept(data: DataPaths, instance: dg.DagsterInstance) -> None:
    data.settings.write_text("[runs]\nsettle_s = 0\nfirst_pause_s = 1000\n")
    write_unreadable_song(data.songs, "a")
    assert len(asked(tick(instance))) == 1
    instance.add_dynamic_partitions(SONGS, ["a"])
    assert "a: tried 1 times; again in" in skipped(tick(instance))


def test_a_clock_that_was_ahead_prolongs_no_pause(data: DataPaths, instance: dg.DagsterInstance) -> None:
    data.settings.write_text("[runs]\nsettle_s = 0\nfirst_pause_s = 1000\n")
    write_unreadable_song(data.songs, "a")
    asked(tick(instance))
    instance.add_dynamic_partitions(SONGS, ["a"])
    requests = data.root / "state" / "requests.json"
    requests.write_text(re.sub(r'"at_s": [\d.]+', f'"at_s": {time.time() + 1e7}', requests.read_text()))
    assert re.search("again in (999|1000) s", skipped(tick(instance)))


@pytest.mark.parametrize("file", ["requests.json", "publication_requests.json", "publication.json"])
@pytest.mark.finished("a", published=True)
def test_impossible_numbers_in_a_state_file_stop_nothing(
    data: DataPaths, instance: dg.DagsterInstance, file: str
) -> None:
    impossible = {"inputs": "x", "count": float("inf"), "at_s": 10**400, "size_bytes": float("inf")}
    keys = ["a", "publication", "training_manifest", "feature_warehouse"]
    (data.root / "state" / file).write_text(json.dumps(dict.fromkeys(keys, impossible)))
    (data.songs / "a" / "song.toml").write_text(EDIT)
    follow_sensors(instance)
    assert due(data) == {}
    assert "A waltz." in dataset_files(data, "a").dataset.read_text()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.finished("a", published=True)
def test_a_published_file_that_was_lost_or_emptied_is_published_again(
    data: DataPaths, instance: dg.DagsterInstance, spoil: Callable[[Path], object]
) -> None:
    assert asked(tick(instance, publication)) == []
    spoil(data.warehouse)
    (request,) = asked(tick(instance, publication))
    assert request.asset_selection == [dg.AssetKey("feature_warehouse")]


def test_a_song_that_is_still_being_copied_waits(data: DataPaths, instance: dg.DagsterInstance) -> None:
    data.settings.write_text("[runs]\nsettle_s = 1000\n")
    folder = write_unreadable_song(data.songs, "a")
    result = tick(instance)
    assert asked(result) == []
    apply_partitions(instance, result)
    assert "its files have just changed" in skipped(tick(instance))
    data.settings.write_text("[runs]\nsettle_s = 0\n")
    assert folder.exists()
    assert [songs_of(request) for request in asked(tick(instance))] == [("a",)]


def test_a_stem_that_goes_and_a_folder_that_comes_count_as_changes_of_now(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    folder = write_unreadable_song(data.songs, "a")
    (folder / "stems").mkdir()
    (folder / "stems" / "drums.wav").write_text("no sound")
    make(instance, "a")
    before = time.time()
    time.sleep(0.05)
    (folder / "stems" / "drums.wav").unlink()
    (data.songs / "b").mkdir()
    data.settings.write_text("[runs]\nsettle_s = 1000\n")
    instance.add_dynamic_partitions(SONGS, ["b"])
    shown = skipped(tick(instance))
    assert "a: its files have just changed" in shown
    assert "b: its files have just changed" in shown
    assert min(stamp.changed_ns for stamp in library_stamps(data).values()) > before * 1e9


def test_a_folder_that_is_no_song_is_named_with_what_to_do(data: DataPaths, instance: dg.DagsterInstance) -> None:
    (data.songs / "My Song").mkdir(parents=True)
    shown = skipped(tick(instance))
    assert "1 ignored as no songs ('My Song' is not named by a song id" in shown
    assert "rename it, for instance to my-song" in shown


@pytest.mark.finished("ab")
def test_a_song_that_was_made_is_not_run_again_until_its_content_changes(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    folder = data.songs / "a"
    assert asked(tick(instance)) == []
    os.utime(folder / "song.wav")  # another time, the same content
    assert asked(tick(instance)) == []
    (folder / "song.toml").write_text('title = "new"')
    assert [songs_of(request) for request in asked(tick(instance))] == [("a",)]


@pytest.mark.finished("ab", published=True)
def test_a_song_that_is_gone_loses_its_partition_and_what_is_published_loses_it(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    shutil.rmtree(data.songs / "a")
    follow_sensors(instance)
    assert instance.get_dynamic_partitions(SONGS) == ["b"]
    assert query(data.warehouse, "SELECT song_id FROM raw_song").rows == (("b",),)
    assert list(data.datasets.glob("*_a.*")) == []


def test_a_song_that_goes_while_it_is_under_way_keeps_its_partition_until_the_end(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    for song_id in ("a", "b"):
        write_unreadable_song(data.songs, song_id)
    result = tick(instance)
    apply_partitions(instance, result)
    run = queued(instance, asked(result)[0], dg.DagsterRunStatus.STARTED)
    remove_song(data, "a")
    apply_partitions(instance, tick(instance))
    assert instance.get_dynamic_partitions(SONGS) == ["a", "b"]
    instance.report_run_failed(run)
    apply_partitions(instance, tick(instance))
    assert instance.get_dynamic_partitions(SONGS) == ["b"]


@pytest.mark.finished("a")
def test_a_library_whose_disk_is_not_mounted_loses_nothing(data: DataPaths, instance: dg.DagsterInstance) -> None:
    shutil.move(data.songs, data.root / "elsewhere")
    data.songs.mkdir()
    apply_partitions(instance, tick(instance))
    assert instance.get_dynamic_partitions(SONGS) == ["a"]


@pytest.mark.finished("a", published=True)
def test_the_last_song_that_is_removed_goes_too(data: DataPaths, instance: dg.DagsterInstance) -> None:
    remove_song(data, "a")
    apply_partitions(instance, tick(instance))
    assert instance.get_dynamic_partitions(SONGS) == []


def test_a_song_that_was_removed_and_added_again_is_run_again(data: DataPaths, instance: dg.DagsterInstance) -> None:
    folder = write_unreadable_song(data.songs, "a")
    aside = data.root / "aside"
    shutil.copytree(folder, aside)
    for _ in range(2):  # twice the same, which no memory of the first may swallow
        follow_sensors(instance)
        assert query(data.warehouse, "SELECT song_id FROM raw_song").rows == (("a",),)
        remove_song(data, "a")
        apply_partitions(instance, tick(instance))
        shutil.copytree(aside, folder)
        assert [songs_of(request) for request in asked(tick(instance))] == [("a",)]


@pytest.mark.finished("abcd")
def test_a_hand_edit_runs_only_the_words_of_its_songs_and_judges_them_anew(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    for song_id in ("a", "b", "d"):
        (data.songs / song_id / "song.toml").write_text(EDIT)
    write_unreadable_song(data.songs, "c", text=str(9))
    requests = asked(tick(instance))
    assert [songs_of(request) for request in requests] == [("a", "b"), ("c",), ("d",)]
    results = do(instance, requests)
    assert made([results[0], results[2]]) == {(asset, song_id) for asset in TEXT for song_id in ("a", "b", "d")}
    checked = {check.check_name for check in results[0].get_asset_check_evaluations()}
    assert checked == {check.name for check in CHECKS}
    assert due(data) == {}


@pytest.mark.parametrize("content", [EDIT, 'title = "new"'])
@pytest.mark.finished("a")
def test_a_song_toml_that_comes_and_goes_twice_is_noticed_each_time(
    data: DataPaths, instance: dg.DagsterInstance, content: str
) -> None:
    folder = data.songs / "a"
    for toml in (content, None, content):
        if toml is None:
            (folder / "song.toml").unlink()
        else:
            (folder / "song.toml").write_text(toml)
        requests = asked(tick(instance))
        assert [songs_of(request) for request in requests] == [("a",)]
        do(instance, requests)
        assert due(data) == {}


def test_wrong_settings_are_told_and_nothing_is_asked_for(data: DataPaths, instance: dg.DagsterInstance) -> None:
    write_unreadable_song(data.songs, "a")
    data.settings.write_text("[thresholds]\nmin_duration_s = 'long'\n")
    assert "settings.toml: thresholds.min_duration_s" in skipped(tick(instance))


@pytest.mark.finished("a")
def test_a_publication_that_died_is_asked_for_again_and_not_for_ever(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    keys = [asked(tick(instance, publication))[0].run_key for _ in range(3)]
    assert len(set(keys)) == 3
    assert "given up" in skipped(tick(instance, publication))
    make_and_publish(instance, "a")
    assert skipped(tick(instance, publication)) == "all that was made is published"


@pytest.mark.finished("a")
def test_nothing_is_published_while_songs_are_under_way(data: DataPaths, instance: dg.DagsterInstance) -> None:
    write_unreadable_song(data.songs, "b", text=str(1))
    later = tick(instance)
    apply_partitions(instance, later)
    run = queued(instance, asked(later)[0], dg.DagsterRunStatus.QUEUED)
    assert "1 songs are under way" in skipped(tick(instance, publication))
    instance.report_run_failed(run)
    assert len(asked(tick(instance, publication))) == 1
