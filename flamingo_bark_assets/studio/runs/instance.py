"""Dagster's record of runs and events, as Dagster itself reads it from wherever its settings keep it.

What is read where the databases are not in the home belongs here; those that are there are read in `databases`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flamingo_bark_assets.defs.names import SONGS
from flamingo_bark_assets.defs.run_tags import songs_of_tags
from flamingo_bark_assets.errors import HomeError
from flamingo_bark_assets.studio.runs.records import (
    MOST_BACKFILLS,
    MOST_RUNS,
    STUDIO_TAG,
    UNDER_WAY,
    Backfill,
    Event,
    Queue,
    Run,
    backfill_of,
    event_of,
)

if TYPE_CHECKING:
    import dagster as dg


class InstanceReader:
    """The instance of one home, opened when it is first asked."""

    def __init__(self, home: Path) -> None:
        """Open nothing yet."""
        self._home = home
        self._lock = threading.Lock()
        self._kept: dg.DagsterInstance | None = None

    def newest_event(self) -> int:
        """Return the id of the newest event; 0 where there is none."""
        with self._opened() as instance:
            return instance.event_log_storage.get_maximum_record_id() or 0

    def events_after(self, cursor: int, limit: int) -> tuple[list[Event], int]:
        """Return what happened after an event, oldest first, and the id up to which was looked."""
        with self._opened() as instance:
            storage = instance.event_log_storage
            newest = storage.get_maximum_record_id() or 0
            if newest <= cursor:  # less where the home was made anew
                return [], newest
            found = storage.get_logs_for_all_runs_by_log_id(after_cursor=cursor, limit=limit)
            events = [event for log_id, entry in found.items() if (event := _event(log_id, entry))]
            # One that cannot be read is passed over, or nothing after it ever would be.
            return events, max(found, default=cursor + 1)

    def runs(self) -> list[Run]:
        """Return the runs that have not ended, newest first."""
        with self._opened() as instance:
            records = instance.get_run_records(_not_ended(), limit=MOST_RUNS)
            order = list(instance.get_dynamic_partitions(SONGS)) if records else []
            return [
                Run(
                    record.dagster_run.run_id, record.dagster_run.job_name,
                    UNDER_WAY[record.dagster_run.status.value], songs_of_tags(record.dagster_run.tags, order),
                    record.create_timestamp.timestamp(),
                )
                for record in records
            ]  # fmt: skip

    def queue(self) -> Queue:
        """Return how many runs have not ended."""
        import dagster as dg

        with self._opened() as instance:
            queued = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
            return Queue(queued, instance.get_runs_count(_not_ended()) - queued)

    def backfills(self) -> list[Backfill]:
        """Return the backfills that have not ended, newest first."""
        from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

        statuses = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING]
        with self._opened() as instance:
            found = instance.get_backfills(filters=BulkActionsFilter(statuses=statuses), limit=MOST_BACKFILLS)
            begun = _begun(instance) if found else frozenset()
        return [
            backfill_of(
                each.backfill_id, each.status.value, each.tags, each.backfill_timestamp,
                has_begun=each.backfill_id in begun,
            )
            for each in found
        ]  # fmt: skip

    def partitions(self) -> AbstractSet[str]:
        """Return the songs that Dagster knows."""
        with self._opened() as instance:
            return set(instance.get_dynamic_partitions(SONGS))

    def is_starting(self, run_id: str) -> bool:
        """Return whether a run's process starts: Dagster cancels only what waits or has begun."""
        import dagster as dg

        with self._opened() as instance:
            run = instance.get_run_by_id(run_id)
        return run is not None and run.status in {dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED}

    @contextmanager
    def _opened(self) -> Iterator[dg.DagsterInstance]:
        import dagster as dg

        from flamingo_bark_assets.defs.home import open_instance, plain_faults

        try:
            with self._lock:
                if self._kept is None:
                    self._kept = open_instance(self._home)
            with plain_faults(self._home):
                yield self._kept
        except dg.DagsterError as error:
            raise HomeError(f"DAGSTER_HOME {self._home}: {error}") from error


def _not_ended() -> dg.RunsFilter:
    import dagster as dg
    from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

    return dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))


def _begun(instance: dg.DagsterInstance) -> frozenset[str]:
    """Return the backfills of the studio that have begun a run."""
    import dagster as dg
    from dagster._core.storage.tags import BACKFILL_ID_TAG

    runs = instance.get_runs(dg.RunsFilter(tags={STUDIO_TAG: "true"}), limit=MOST_RUNS)
    return frozenset(run.tags[BACKFILL_ID_TAG] for run in runs if BACKFILL_ID_TAG in run.tags)


def _event(log_id: int, entry: dg.EventLogEntry) -> Event | None:
    event = entry.dagster_event
    if event is None:
        return None
    step = None if event.asset_key is None else event.asset_key.to_user_string()
    return event_of(log_id, entry.run_id, event.event_type.value, step, event.partition)
