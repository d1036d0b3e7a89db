"""Retention of Dagster's record of runs: which may be forgotten, and forgetting them.

What a run leaves in DAGSTER_HOME belongs here; results in the data folder are never touched.

A run is superseded when nothing that the UI tells of an asset or a song comes from it any more: every materialisation,
observation, check and failure of it has a later one of the same kind for the same asset and song.
"""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Sequence, Set
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import sqlalchemy
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.tags import BACKFILL_ID_TAG

from flamingo_bark_assets.errors import HomeError


@dataclass(frozen=True, slots=True)
class Purged:
    """What was forgotten, or, in a rehearsal, would be.

    Attributes:
        run_ids: the superseded runs.
        kept: runs of that age that are still needed.
        bytes_before: size of DAGSTER_HOME.
        bytes_after: size of DAGSTER_HOME now.
    """

    run_ids: tuple[str, ...]
    kept: int
    bytes_before: int
    bytes_after: int


def purge(instance: dg.DagsterInstance, *, older_than_days: float, dry_run: bool = False) -> Purged:
    """Forget the superseded runs that ended long enough ago: their events, logs and records.

    Raises:
        HomeError: the instance keeps its events where they cannot be told apart.
    """
    home = Path(instance.root_directory)
    before = _size_bytes(home)
    ended_before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=older_than_days)
    old = instance.get_runs(dg.RunsFilter(statuses=FINISHED_STATUSES, updated_before=ended_before))
    needed = _needed(instance)
    superseded = tuple(run.run_id for run in old if run.run_id not in needed)
    if not dry_run:
        for run_id in superseded:
            _forget(instance, run_id)
        if superseded:
            _give_back_space(home)
    return Purged(superseded, len(old) - len(superseded), before, _size_bytes(home))


def _needed(instance: dg.DagsterInstance) -> Set[str]:
    """Return runs from which something comes that the UI still tells, or that a backfill under way counts."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise HomeError(f"{type(storage).__name__} cannot be purged: it is no SQL storage")
    events, checks = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    latest_events = (
        sqlalchemy.select(sqlalchemy.func.max(events.id))
        .where(events.asset_key.is_not(None))
        .group_by(events.asset_key, events.partition, events.dagster_event_type)
    )
    latest_checks = sqlalchemy.select(sqlalchemy.func.max(checks.id)).group_by(
        checks.asset_key, checks.check_name, checks.partition
    )
    with storage.index_connection() as connection:
        needed = {
            *connection.execute(sqlalchemy.select(events.run_id).where(events.id.in_(latest_events))).scalars(),
            *connection.execute(sqlalchemy.select(checks.run_id).where(checks.id.in_(latest_checks))).scalars(),
        }
    open_backfills = {
        backfill.backfill_id
        for backfill in instance.get_backfills()
        if backfill.status not in BULK_ACTION_TERMINAL_STATUSES
    }
    return needed | _runs_of(instance, open_backfills)


def _runs_of(instance: dg.DagsterInstance, backfills: Set[str]) -> Set[str]:
    filters: Sequence[dg.RunsFilter] = [dg.RunsFilter(tags={BACKFILL_ID_TAG: backfill}) for backfill in backfills]
    return {run_id for wanted in filters for run_id in instance.get_run_ids(wanted)}


def _forget(instance: dg.DagsterInstance, run_id: str) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    instance.delete_run(run_id)
    with storage.index_connection() as connection:
        connection.execute(AssetCheckExecutionsTable.delete().where(AssetCheckExecutionsTable.c.run_id == run_id))
    with suppress(NotImplementedError):
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    if isinstance(storage, SqliteEventLogStorage):  # deletes the rows of a run, but not its file
        for end in ("-wal", "-shm", ""):
            Path(storage.path_for_shard(run_id) + end).unlink(missing_ok=True)


def _give_back_space(home: Path) -> None:
    """Shrink the databases that all runs share; one that is busy, or has no space to, is left for the next time."""
    for database in ("history/runs.db", "history/runs/index.db"):
        if (home / database).exists():
            with suppress(sqlite3.OperationalError), closing(sqlite3.connect(home / database, timeout=5)) as connection:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _size_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
