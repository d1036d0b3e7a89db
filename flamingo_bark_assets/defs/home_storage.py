"""Where Dagster keeps its records in a home: in SQLite, every event once, long texts deflated, connections kept.

How Dagster's records are stored belongs here; how a home comes to be whole and what is forgotten do not.

Dagster's own storage writes each event of an asset twice, into a database of the run and into one of all runs, in three
or four transactions, and makes an engine for each: of a song with 18 assets and 9 checks it kept 573 kB. Here the
database of all runs, in Dagster's own tables, is the only one, and an event with all that follows from it is one
transaction. Runs that have a database of their own, from before, keep it and are read from it.
"""

from __future__ import annotations

import functools
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy
import yaml
from dagster._core.event_api import EventHandlerFn
from dagster._core.events.log import EventLogEntry
from dagster._core.instance import RUNLESS_RUN_ID
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.polling_event_watcher import SqlPollingEventWatcher
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection, Engine

_LONG_CHARACTERS = 400
"""Objects in JSON from this length on are deflated: events, but no key, name or tag that a query compares."""
# What was deflated with a dictionary needs it again, byte for byte: another one comes with a mark of its own.
_MARK = b"\x00deflated-1\x00"
_DICTIONARY = "event_texts.txt"


class HomeInstance(dg.DagsterInstance):
    """Dagster's instance, which keeps its records in `HomeStorage`; named in `dagster.yaml`."""

    @classmethod
    def config_schema(cls) -> Mapping[str, Any]:
        """Return what `dagster.yaml` may say beyond Dagster's own keys: nothing."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        """Return what holds in a home folder where its `dagster.yaml` says nothing else."""
        storage = ConfigurableClassData(
            HomeStorage.__module__, HomeStorage.__name__, yaml.dump({"base_dir": base_dir}, default_flow_style=False)
        )
        return {**InstanceRef.config_defaults(base_dir), "storage": storage}

    def dispose(self) -> None:
        """Let go of all databases; Dagster's own forgets that of its sensors."""
        super().dispose()
        if self.schedule_storage is not None:
            self.schedule_storage.dispose()


class HomeStorage(DagsterSqliteStorage):
    """Dagster's three databases in the folders where it puts them by itself."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Not its parent's, which opens the databases in its own way.
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]
        self.base_dir = base_dir
        self._inst_data = inst_data
        history = Path(base_dir) / "history"
        self._run_storage = _Runs.from_local(str(history))
        self._event_log_storage = _EventLog(str(history / "runs"))
        self._schedule_storage = _Schedules.from_local(str(Path(base_dir) / "schedules"))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> HomeStorage:
        """Make it from its configuration."""
        return cls.from_local(inst_data=inst_data, **config_value)


class _Kept:
    """A storage of one database, with connections that are kept until it is disposed of."""

    _conn_string: str

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with _engine(self._conn_string).begin() as connection:
            yield connection

    def dispose(self) -> None:
        _engine(self._conn_string).dispose()


class _Runs(_Kept, SqliteRunStorage):
    """Dagster's records of runs."""


class _Schedules(_Kept, SqliteScheduleStorage):
    """Dagster's records of sensors."""


class _EventLog(SqliteEventLogStorage):
    """Dagster's event log in its database of all runs alone."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._of_thread = threading.local()
        self._known_tables: set[str] = set()
        super().__init__(base_dir, inst_data)
        self._watcher = SqlPollingEventWatcher(self)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """Connect within one transaction, that of this thread where it is in one."""
        if shard != INDEX_SHARD_NAME:
            with super()._connect(shard) as connection:
                yield connection
        elif (current := getattr(self._of_thread, "connection", None)) is not None:
            yield current
        else:
            with _engine(self.conn_string_for_shard(shard)).begin() as connection:
                self._of_thread.connection = connection
                try:
                    yield connection
                finally:
                    self._of_thread.connection = None

    def run_connection(self, run_id: str | None = None) -> Any:
        return self._connect(run_id if run_id and self._has_own_database(run_id) else INDEX_SHARD_NAME)

    def _has_own_database(self, run_id: str) -> bool:
        return run_id != RUNLESS_RUN_ID and Path(self.path_for_shard(run_id)).exists()

    def store_event(self, event: EventLogEntry) -> None:
        if self._has_own_database(event.run_id):
            super().store_event(event)
        else:
            with self.index_connection():
                SqlEventLogStorage.store_event(self, event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        with self.index_connection():
            super().store_event_batch(events)

    # What is not of a run with a database of its own is asked as of any storage that has one database.
    is_run_sharded = False
    get_event_records = SqlEventLogStorage.get_event_records
    fetch_run_status_changes = SqlEventLogStorage.fetch_run_status_changes

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._known_tables and super().has_table(table_name):
            self._known_tables.add(table_name)
        return table_name in self._known_tables

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        known = f"asset_keys.{column_name}"
        if known not in self._known_tables and super()._has_asset_key_col_on_connection(conn, column_name):
            self._known_tables.add(known)
        return known in self._known_tables

    # The file of the database changes when its journal is taken over, and not with each event.
    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        self._watcher.watch_run(run_id, cursor, callback)

    def end_watch(self, run_id: str, handler: EventHandlerFn) -> None:
        self._watcher.unwatch_run(run_id, handler)

    def dispose(self) -> None:
        self._watcher.close()
        _engine(self.conn_string_for_shard(INDEX_SHARD_NAME)).dispose()


@functools.cache
def _engine(url: str) -> Engine:
    """Return the engine of a database, the same for a whole process: making one costs more than most queries."""
    engine = sqlalchemy.create_engine(url, max_overflow=-1, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
    sqlalchemy.event.listen(engine, "connect", _inflate_on_reading)
    sqlalchemy.event.listen(engine, "before_cursor_execute", _deflate_on_writing, retval=True)
    return engine


def _inflate_on_reading(connection: sqlite3.Connection, _: object) -> None:
    connection.row_factory = lambda _, row: tuple(map(_inflated, row))


def _inflated(value: Any) -> Any:
    if isinstance(value, bytes) and value.startswith(_MARK):
        return zlib.decompressobj(zdict=_dictionary()).decompress(value[len(_MARK) :]).decode()
    return value


def _deflate_on_writing(
    _: Connection, __: object, statement: str, parameters: Any, ___: object, is_many: bool
) -> tuple[str, Any]:
    if not statement.startswith(("INSERT", "UPDATE")):
        return statement, parameters
    return statement, [tuple(map(_deflated, row)) for row in parameters] if is_many else tuple(
        map(_deflated, parameters)
    )


def _deflated(value: Any) -> Any:
    if isinstance(value, str) and len(value) >= _LONG_CHARACTERS and value.startswith("{"):
        deflating = zlib.compressobj(zdict=_dictionary())
        return _MARK + deflating.compress(value.encode()) + deflating.flush()
    return value


@functools.cache
def _dictionary() -> bytes:
    """Return what most events have in common, so that a short one deflates well too."""
    return files(__package__).joinpath(_DICTIONARY).read_bytes()
