"""Dagster's record of runs and events, read from the databases in its home as it writes them.

Queries over its tables belong here, which change nothing and import no Dagster: importing it takes a second and 115 MB
of the studio's memory. That they say what Dagster says is what their test is for.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from flamingo_bark_assets.defs.names import SONGS
from flamingo_bark_assets.defs.run_tags import BACKFILL, songs_of_tags
from flamingo_bark_assets.studio.runs.records import (
    MOST_BACKFILLS,
    MOST_RUNS,
    UNDER_WAY,
    Backfill,
    Event,
    Queue,
    Run,
    backfill_of,
    event_of,
)

_RUNS, _EVENTS = "history/runs.db", "history/runs/index.db"
_PATIENCE_S = 5.0
_ELSEWHERE = frozenset({"storage", "run_storage", "event_log_storage"})


def keeps_databases(home: Path) -> bool:
    """Return whether a home's settings leave its databases where Dagster puts them by itself.

    Raises:
        OSError: the settings cannot be read.
    """
    try:
        settings = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return False  # Dagster says what is wrong with them
    return not isinstance(settings, dict) or not _ELSEWHERE & settings.keys()


class Databases:
    """The databases of one home; where one is not there yet, nothing has happened."""

    def __init__(self, home: Path) -> None:
        """Open nothing yet."""
        self._home = home

    def newest_event(self) -> int:
        """Return the id of the newest event; 0 where there is none."""
        with self._opened(_EVENTS) as database:
            return _newest(database)

    def events_after(self, cursor: int, limit: int) -> tuple[list[Event], int]:
        """Return what happened after an event, oldest first, and the id up to which was looked."""
        with self._opened(_EVENTS) as database:
            newest = _newest(database)
            if newest <= cursor:  # less where the home was made anew
                return [], newest
            rows = _rows(
                database,
                "SELECT id, run_id, dagster_event_type, asset_key, partition FROM event_logs WHERE id > ? "
                "ORDER BY id LIMIT ?",
                cursor, limit,
            )  # fmt: skip
        return [event for row in rows if (event := _event(*row))], rows[-1][0] if rows else newest

    def runs(self) -> list[Run]:
        """Return the runs that have not ended, newest first."""
        with self._opened(_RUNS) as database:
            rows = _rows(
                database,
                "SELECT run_id, pipeline_name, status, create_timestamp FROM runs "
                f"WHERE status IN ({_marks(UNDER_WAY)}) ORDER BY id DESC LIMIT ?",
                *UNDER_WAY, MOST_RUNS,
            )  # fmt: skip
            tags = _tags(database, [row[0] for row in rows])
        order = self._partitions_in_order() if rows else []
        return [
            Run(run_id, job, UNDER_WAY[status], songs_of_tags(tags.get(run_id, {}), order), _seconds(created))
            for run_id, job, status, created in rows
        ]

    def queue(self) -> Queue:
        """Return how many runs have not ended."""
        with self._opened(_RUNS) as database:
            counts = Counter[str](
                dict(_rows(database, f"SELECT status, count(*) FROM runs WHERE status IN ({_marks(UNDER_WAY)}) "
                           "GROUP BY status", *UNDER_WAY))
            )  # fmt: skip
        return Queue(counts["QUEUED"], counts.total() - counts["QUEUED"])

    def backfills(self) -> list[Backfill]:
        """Return the backfills that have not ended, newest first."""
        with self._opened(_RUNS) as database:
            rows = _rows(
                database,
                'SELECT "key", status, timestamp FROM bulk_actions WHERE status IN (?, ?) ORDER BY id DESC LIMIT ?',
                "REQUESTED", "CANCELING", MOST_BACKFILLS,
            )  # fmt: skip
            ids = [row[0] for row in rows]
            tags = _of_each(
                _rows(
                    database,
                    f'SELECT backfill_id, "key", value FROM backfill_tags WHERE backfill_id IN ({_marks(ids)})',
                    *ids,
                )
            )
            begun = {
                row[0]
                for row in _rows(
                    database,
                    f'SELECT DISTINCT value FROM run_tags WHERE "key" = ? AND value IN ({_marks(ids)})', BACKFILL, *ids,
                )
            }  # fmt: skip
        return [
            backfill_of(backfill_id, status, tags.get(backfill_id, {}), _seconds(asked), has_begun=backfill_id in begun)
            for backfill_id, status, asked in rows
        ]

    def partitions(self) -> AbstractSet[str]:
        """Return the songs that Dagster knows."""
        return set(self._partitions_in_order())

    def is_starting(self, run_id: str) -> bool:
        """Return whether a run's process starts: Dagster cancels only what waits or has begun."""
        with self._opened(_RUNS) as database:
            rows = _rows(database, "SELECT status FROM runs WHERE run_id = ?", run_id)
        return rows in ([("STARTING",)], [("NOT_STARTED",)])

    def _partitions_in_order(self) -> list[str]:
        with self._opened(_EVENTS) as database:
            rows = _rows(
                database, "SELECT partition FROM dynamic_partitions WHERE partitions_def_name = ? ORDER BY id", SONGS
            )
        return [row[0] for row in rows]

    @contextmanager
    def _opened(self, name: str) -> Iterator[sqlite3.Connection | None]:
        """Open a database to read from; None where it is not there."""
        path = self._home.absolute() / name
        if not path.exists():
            yield None
            return
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", timeout=_PATIENCE_S, uri=True)) as database:
            yield database


def _rows(database: sqlite3.Connection | None, query: str, *values: object) -> list[tuple[Any, ...]]:
    return [] if database is None else database.execute(query, values).fetchall()


def _newest(database: sqlite3.Connection | None) -> int:
    return next((row[0] for row in _rows(database, "SELECT max(id) FROM event_logs")), None) or 0


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


def _tags(database: sqlite3.Connection | None, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    query = f'SELECT run_id, "key", value FROM run_tags WHERE run_id IN ({_marks(run_ids)})'
    return _of_each(_rows(database, query, *run_ids))


def _of_each(rows: Sequence[tuple[str, str, str]]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, key, value in rows:
        found.setdefault(name, {})[key] = value
    return found


def _event(log_id: int, run_id: str, kind: str | None, asset: str | None, partition: str | None) -> Event | None:
    try:
        step = None if asset is None else "/".join(json.loads(asset))
    except (ValueError, TypeError):
        step = None
    return event_of(log_id, run_id, kind, step, partition)


def _seconds(written: str) -> float:
    """Return a time that Dagster writes in UTC, s since the epoch."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()
