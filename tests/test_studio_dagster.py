"""Dagster's databases as the studio reads them: what Dagster's own instance says of the same home."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    BACKFILL_ID_TAG,
    PARTITION_NAME_TAG,
)

from flamingo_bark_assets.defs.home import _keeps_databases_in
from flamingo_bark_assets.defs.names import SONGS
from flamingo_bark_assets.studio.runs.databases import Databases, keeps_databases
from flamingo_bark_assets.studio.runs.instance import InstanceReader
from flamingo_bark_assets.studio.runs.records import SONGS_TAG, STUDIO_TAG, RunReader

pytestmark = pytest.mark.dagster


@pytest.fixture
def home(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory)


@pytest.fixture
def both(home: Path) -> tuple[RunReader, RunReader]:
    told = InstanceReader(home)
    told.newest_event()  # opened now, as opening ends the runs whose process is gone
    return Databases(home), told


def add_run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, **tags: str) -> str:
    origin = RemoteJobOrigin(
        RemoteRepositoryOrigin(GrpcServerCodeLocationOrigin("localhost", 4000), "__repository__"), "one_song"
    )
    return instance.add_run(dg.DagsterRun("one_song", status=status, tags=tags, remote_job_origin=origin)).run_id


@pytest.mark.finished(("one",))
def test_events_of_a_run_are_those_that_dagster_tells(both: tuple[RunReader, RunReader]) -> None:
    read, told = both
    newest = read.newest_event()
    assert newest == told.newest_event() > 0
    events, cursor = read.events_after(0, 10_000)
    assert (events, cursor) == told.events_after(0, 10_000)
    assert {event.state for event in events} >= {"made", "running", "done"}
    assert read.events_after(events[3].id, 5) == told.events_after(events[3].id, 5)
    assert read.events_after(newest, 5) == ([], newest) == read.events_after(newest + 7, 5)


def test_runs_that_have_not_ended_are_those_that_dagster_tells(
    instance: dg.DagsterInstance, both: tuple[RunReader, RunReader]
) -> None:
    read, told = both
    instance.add_dynamic_partitions(SONGS, ["b", "a", "c", "d"])
    ids = [add_run(instance, status, **{PARTITION_NAME_TAG: "a"}) for status in dg.DagsterRunStatus]
    ends = {ASSET_PARTITION_RANGE_START_TAG: "b", ASSET_PARTITION_RANGE_END_TAG: "c"}
    add_run(instance, dg.DagsterRunStatus.QUEUED, **ends)
    add_run(instance, dg.DagsterRunStatus.QUEUED, **{**ends, ASSET_PARTITION_RANGE_END_TAG: "gone"})
    add_run(instance, dg.DagsterRunStatus.STARTED)
    assert read.runs() == told.runs()
    assert [run.songs for run in read.runs()][:3] == [(), (), ("b", "a", "c")]
    assert read.queue() == told.queue()
    assert [read.is_starting(run_id) for run_id in ids] == [told.is_starting(run_id) for run_id in ids]
    assert read.partitions() == told.partitions() == {"a", "b", "c", "d"}


def test_backfills_that_have_not_ended_are_those_that_dagster_tells(
    instance: dg.DagsterInstance, both: tuple[RunReader, RunReader]
) -> None:
    read, told = both
    studios = {STUDIO_TAG: "true", SONGS_TAG: "12"}
    tags = [{}, *[studios] * (len(BulkActionStatus) - 1), studios, {SONGS_TAG: "many"}]
    for number, status in enumerate((*BulkActionStatus, *[BulkActionStatus.REQUESTED] * 2)):
        instance.add_backfill(
            PartitionBackfill(
                f"id{number}", status=status, from_failure=False, backfill_timestamp=1.7e9 + number / 4,
                tags=tags[number], reexecution_steps=None,
            )
        )  # fmt: skip
    add_run(instance, dg.DagsterRunStatus.SUCCESS, **{BACKFILL_ID_TAG: "id3", STUDIO_TAG: "true"})
    assert read.backfills() == told.backfills()
    assert {(each.songs, each.is_new) for each in read.backfills()} == {(None, False), (12, False), (12, True)}


def test_where_nothing_is_nothing_has_happened_and_nothing_is_made(tmp_path: Path) -> None:
    read = Databases(tmp_path / "none")
    assert (read.newest_event(), read.events_after(5, 9), read.runs(), read.backfills()) == (0, ([], 0), [], [])
    assert (read.partitions(), read.is_starting("x"), read.queue().queued) == (set(), False, 0)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ("", True),
        ("telemetry:\n  enabled: false\n", True),
        ("storage:\n  postgres:\n    postgres_db: {}\n", False),
        ("run_storage:\n  module: x\n  class: Y\n", False),
        ("event_log_storage:\n  module: x\n  class: Y\n", False),
        (": no: yaml: [", False),
    ],
)
def test_settings_say_whether_the_databases_are_in_the_home(tmp_path: Path, settings: str, kept: bool) -> None:
    (tmp_path / "dagster.yaml").write_text(settings)
    assert keeps_databases(tmp_path) is kept
    try:
        told = _keeps_databases_in(tmp_path)
    except (dg.DagsterError, yaml.YAMLError):
        return  # Dagster does not take these settings
    assert told is kept
