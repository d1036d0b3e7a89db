"""Publication in real Dagster runs: what is missing is named, what is left behind goes, a full disk is one line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster._core.execution.plan.active import ActiveExecution

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.defs.pools import PUBLICATION_POOL
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import run_songs
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.result_file import pack_results
from flamingo_bark_assets.storage.warehouse import query
from tests.songs import write_song

pytestmark = pytest.mark.dagster


def publish(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    from flamingo_bark_assets.definitions import defs

    return defs.resolve_job_def("publish").execute_in_process(instance=instance, raise_on_error=False)


def check(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    (found,) = [one for one in result.get_asset_check_evaluations() if one.check_name == name]
    return found


def mount_small_disk_at(folder: Path, size: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "small_disk", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this system lets us mount nothing: {error}")


def test_the_check_fails_by_name_for_a_song_without_rows_and_passes_without_it(
    instance: dg.DagsterInstance, data: DataPaths
) -> None:
    write_song(data.songs, "one", duration_s=5.5)
    two = write_song(data.songs, "two", duration_s=1.0, stems=False)
    (report,) = run_songs(instance, ["one"], lambda *_: None)
    (found,) = [check for check in report.checks if check.check == "holds_every_song"]
    assert not found.passed
    assert found.description == "two: not run yet"

    shutil.rmtree(two)
    whole = check(publish(instance), "holds_every_song")
    assert whole.passed
    assert query(data.warehouse, "SELECT song_id FROM suitability").rows == (("one",),)

    (data.songs / "My Song").mkdir()
    ignored = check(publish(instance), "holds_every_song")
    assert (ignored.passed, ignored.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "'My Song' is not named by a song id" in str(ignored.description)

    (data.songs / "My Song").rmdir()
    store = FeatureStore(data.features)
    file = store.open("one")
    assert file is not None
    kept = {name: result for name, result in file.results().items() if name != RECORDS[-1].TABLE}
    store.path("one").write_bytes(pack_results(kept))
    cut = check(publish(instance), "holds_every_song")
    assert not cut.passed
    assert cut.description == f"one: no row in {RECORDS[-1].TABLE}; run the song again"


def test_each_published_asset_alone_removes_what_was_made_of_a_song_that_is_gone(
    instance: dg.DagsterInstance, data: DataPaths
) -> None:
    from flamingo_bark_assets.definitions import defs

    write_song(data.songs, "one", duration_s=5.5)
    for asset in ("training_manifest", "feature_warehouse"):
        orphan = data.features / "songs" / "gone.results"
        orphan.parent.mkdir(parents=True, exist_ok=True)
        orphan.write_text("x")
        job = defs.resolve_job_def("publish")
        result = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(asset)])
        (event,) = result.asset_materializations_for_node(asset)
        assert event.metadata["cleaned_up"].value == {"leftovers": 0, "songs": ["gone"], "problem": None}
        assert not orphan.exists()


def test_a_full_disk_fails_the_song_with_one_line_that_says_so(instance: dg.DagsterInstance, data: DataPaths) -> None:
    write_song(data.songs, "one", duration_s=5.5)
    mount_small_disk_at(data.features, "32k")
    try:
        (report,) = run_songs(instance, ["one"], lambda *_: None)
    finally:
        subprocess.run(["umount", "--lazy", str(data.features)], check=True)
    assert not report.success
    error = report.errors[0]
    assert "1 of 1 songs failed: one: " in error
    assert "No space left on device; free some space and try again" in error
    assert str(data.features) in error
    assert "\n" not in error


def test_a_full_disk_fails_publication_with_one_line_that_says_so(
    instance: dg.DagsterInstance, data: DataPaths
) -> None:
    mount_small_disk_at(data.root, "64k")
    try:
        result = publish(instance)
    finally:
        subprocess.run(["umount", "--lazy", str(data.root)], check=True)
    failure = result.failure_data_for_node("feature_warehouse")
    assert failure is not None
    assert failure.user_failure_data is not None
    described = f"{data.warehouse}: cannot be written: No space left on device; free some space and try again"
    assert failure.user_failure_data.description == described


def test_the_command_line_tells_a_full_disk_in_one_line(small_disk: Path, tmp_path: Path) -> None:
    song = write_song(tmp_path / "inbox", "one", duration_s=30.0)
    arguments = ["--data", str(small_disk / "data"), "add", str(song / "song.wav"), "--id", "one"]
    told = CliRunner().invoke(main, arguments)
    assert told.exit_code == 1
    place = small_disk / "data" / "songs"
    assert told.output == (
        f"Error: 'song.wav': cannot be added to {place}: No space left on device; free some space and try again "
        "[FB201]\n"
    )


def test_the_command_line_tells_a_read_only_disk_in_one_line(small_disk: Path, tmp_path: Path) -> None:
    song = write_song(tmp_path / "inbox", "one", duration_s=1.0, stems=False)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    predictions = small_disk / "predictions.json"
    told = CliRunner().invoke(main, ["analyze", str(song / "song.wav"), "--predictions", str(predictions)])
    assert told.exit_code == 1
    last = told.output.splitlines()[-1]
    assert last == (
        f"Error: {predictions}: cannot be written: Read-only file system; let this user write there and try again "
        "[FB303]"
    )


@pytest.mark.finished(("one",))
def test_a_publication_waits_while_another_machine_publishes(
    instance: dg.DagsterInstance, data: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = instance.run_storage.add_run(dg.DagsterRun("publish", status=dg.DagsterRunStatus.STARTED)).run_id
    storage = instance.event_log_storage
    assert storage.claim_concurrency_slot(PUBLICATION_POOL, other, "training_manifest").is_claimed
    looked: list[bool] = []
    wait = ActiveExecution.sleep_til_ready

    def look_and_wait(execution: ActiveExecution) -> None:
        if not looked:
            looked.append(data.warehouse.exists())
            storage.free_concurrency_slots_for_run(other)
        wait(execution)

    monkeypatch.setattr(ActiveExecution, "sleep_til_ready", look_and_wait)
    assert publish(instance).success
    assert looked == [False]
    assert data.warehouse.exists()


def test_the_place_of_a_publication_that_was_killed_is_freed_by_whoever_opens_the_home(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        killed = instance.run_storage.add_run(dg.DagsterRun("publish", status=dg.DagsterRunStatus.FAILURE)).run_id
        instance.event_log_storage.claim_concurrency_slot(PUBLICATION_POOL, killed, "feature_warehouse")
    with open_instance(tmp_path) as instance:
        assert instance.event_log_storage.get_concurrency_run_ids() == set()
