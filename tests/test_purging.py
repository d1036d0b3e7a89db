"""Retention: superseded runs are forgotten, and nothing that the UI tells of a song is lost."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster import AssetCheckKey

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.definitions import defs
from flamingo_bark_assets.defs.purging import purge
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import run_songs
from tests.songs import write_song

pytestmark = pytest.mark.dagster


def told(instance: dg.DagsterInstance) -> dict[str, object]:
    """What the UI tells of each asset, song and check, with the run that it links to."""
    graph = defs.resolve_asset_graph()
    shown: dict[str, object] = {}
    for key in sorted(graph.get_all_asset_keys()):
        latest = instance.get_latest_materialization_event(key)
        shown[key.to_user_string()] = latest and (latest.run_id, latest.asset_materialization)
        partitions = instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        shown[f"{key.to_user_string()} by song"] = dict(partitions)
    for check in sorted(graph.asset_check_keys, key=str):
        shown[str(check)] = latest_check(instance, check)
    return shown


def latest_check(instance: dg.DagsterInstance, check: AssetCheckKey) -> object:
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])
    return [(record.run_id, record.status) for record in records.values()]


@pytest.fixture
def ran_twice(instance: dg.DagsterInstance, data: DataPaths) -> list[str]:
    """Runs of one song, the older of which is superseded."""
    write_song(data.songs, "one", duration_s=5.5)
    return [report.run_id for _ in range(2) for report in run_songs(instance, ["one"], lambda *_: None)]


def test_superseded_runs_are_forgotten_and_nothing_told_of_a_song_is_lost(
    instance: dg.DagsterInstance, ran_twice: list[str]
) -> None:
    superseded, latest = ran_twice
    failed = instance.run_storage.add_run(dg.DagsterRun("job", status=dg.DagsterRunStatus.FAILURE)).run_id
    under_way = instance.run_storage.add_run(dg.DagsterRun("job", status=dg.DagsterRunStatus.STARTING)).run_id
    before = told(instance)
    rehearsed = purge(instance, older_than_days=0, dry_run=True)
    assert set(rehearsed.run_ids) == {superseded, failed}
    assert instance.get_runs_count() == 4
    purged = purge(instance, older_than_days=0)
    assert set(purged.run_ids) == {superseded, failed}
    assert {run.run_id for run in instance.get_runs()} == {latest, under_way}
    assert told(instance) == before
    assert purged.kept == 1
    assert purged.bytes_after < purged.bytes_before
    assert not list(Path(instance.root_directory).rglob(f"*{superseded}*.db*"))
    assert purge(instance, older_than_days=0).run_ids == ()


def test_a_failure_that_is_the_latest_of_its_song_stays(
    instance: dg.DagsterInstance, data: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("crash")

    write_song(data.songs, "one", duration_s=5.5)
    monkeypatch.setattr("flamingo_bark_assets.defs.resources.Platform.open_song", crash)
    (report,) = run_songs(instance, ["one"], lambda *_: None)
    assert not report.success
    assert purge(instance, older_than_days=0).run_ids == ()


def test_young_runs_stay_and_the_command_says_what_it_did(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", instance.root_directory)
    instance.run_storage.add_run(dg.DagsterRun("job", status=dg.DagsterRunStatus.FAILURE))
    shown = CliRunner().invoke(main, ["purge", "--older-than", "1"])
    assert shown.output.startswith("forgot 0 superseded runs older than 1 days, kept 0 ")
    shown = CliRunner().invoke(main, ["purge", "--older-than", "0", "--dry-run"])
    assert shown.output.startswith("would forget 1 superseded run older than 0 days, kept 0 ")
    assert instance.get_runs_count() == 1
