"""Dagster's records in a home: each event once and in little space, whole or not at all, and of before too."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from flamingo_bark_assets.defs import home_storage
from flamingo_bark_assets.defs.home import open_instance

pytestmark = pytest.mark.dagster

WORDS = "A steady drum beat, 120 BPM, with a bass line in A minor. " * 200
KEY = dg.AssetKey("a")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def opened(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(home) as instance:
        yield instance


@dg.asset(check_specs=[dg.AssetCheckSpec("holds", asset="a")])
def a() -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    yield dg.MaterializeResult(metadata={"words": WORDS}, check_results=[dg.AssetCheckResult(passed=True)])


def materialise(instance: dg.DagsterInstance) -> str:
    return dg.materialize([a], instance=instance).run_id


def told(instance: dg.DagsterInstance, run_id: str) -> list[object]:
    """All that the UI tells of a run and its asset."""
    latest = instance.get_latest_materialization_event(KEY)
    (record,) = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(KEY, "holds")]
    ).values()
    return [instance.all_logs(run_id), latest, record.run_id, record.status, instance.get_run_by_id(run_id)]


def rows(database: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def test_an_event_is_kept_once_and_read_as_it_was(home: Path, opened: dg.DagsterInstance) -> None:
    run_id = materialise(opened)
    assert [file.name for file in (home / "history" / "runs").glob("*.db")] == ["index.db"]
    query = (
        f"SELECT count(*) FROM event_logs WHERE run_id = '{run_id}' AND dagster_event_type = 'ASSET_MATERIALIZATION'"
    )
    assert rows(home / "history/runs/index.db", query) == [(1,)]
    latest = opened.get_latest_materialization_event(KEY)
    assert latest is not None
    assert latest.asset_materialization is not None
    assert latest.asset_materialization.metadata["words"].value == WORDS


def test_long_texts_take_a_fraction_of_their_length(home: Path, opened: dg.DagsterInstance) -> None:
    materialise(opened)
    query = "SELECT length(event) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
    ((length,),) = rows(home / "history/runs/index.db", query)
    assert isinstance(length, int)
    assert length < len(WORDS) / 20


def test_the_dictionary_of_its_mark_stays_as_it_was_or_no_home_could_be_read() -> None:
    assert home_storage._MARK == b"\x00deflated-1\x00"
    assert (
        hashlib.sha256(home_storage._dictionary()).hexdigest()
        == "9fa93ae4e2d9f60621093fb237dd57a6797711f05a95ff53d87c2e1bb6a8176c"
    )


def test_what_queries_compare_is_found_however_long_it_is(opened: dg.DagsterInstance) -> None:
    long = "x" * 1000
    opened.run_storage.add_run(dg.DagsterRun("job", run_id=str(uuid.uuid4()), tags={"note": long}))
    opened.add_dynamic_partitions("names", [long])
    opened.report_runless_asset_event(dg.AssetMaterialization(long))
    assert opened.get_runs_count(dg.RunsFilter(tags={"note": long})) == 1
    assert opened.has_dynamic_partition("names", long)
    assert opened.get_latest_materialization_event(dg.AssetKey(long)) is not None


def test_an_event_and_what_follows_from_it_are_stored_together_or_not_at_all(
    opened: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(type(opened.event_log_storage), "_store_asset_event", broken)
        with pytest.raises(OSError, match="no space left"):
            opened.report_runless_asset_event(dg.AssetMaterialization("a"))
    assert opened.get_latest_materialization_event(KEY) is None
    assert opened.event_log_storage.get_maximum_record_id() is None
    opened.report_runless_asset_event(dg.AssetMaterialization("a"))
    assert opened.get_latest_materialization_event(KEY) is not None


def test_a_home_that_is_closed_has_no_file_open(home: Path) -> None:
    with open_instance(home) as instance:
        materialise(instance)
        instance.all_instigator_state()
    opened = (str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    assert [path for path in opened if path.startswith(str(home))] == []


def test_runs_of_before_with_a_database_of_their_own_are_told_as_before_and_can_be_ended(home: Path) -> None:
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with open_instance(home) as before:
        assert type(before.event_log_storage) is SqliteEventLogStorage
        run_id = materialise(before)
        left = before.run_storage.add_run(dg.DagsterRun("job", run_id=str(uuid.uuid4()))).run_id
        before.report_engine_event("begun", job_name="job", run_id=left)
        expected = told(before, run_id)
    assert (home / f"history/runs/{run_id}.db").exists()
    (home / "dagster.yaml").unlink()
    with open_instance(home) as after:
        assert type(after.event_log_storage) is not SqliteEventLogStorage
        assert told(after, run_id) == expected
        run = after.get_run_by_id(left)
        assert run is not None
        after.report_run_failed(run)
        assert after.all_logs(left)[0].message == "begun"
        assert after.event_log_storage.get_stats_for_run(left).end_time is not None
        later = materialise(after)
        assert told(after, later)[2] == later
        assert not (home / f"history/runs/{later}.db").exists()
