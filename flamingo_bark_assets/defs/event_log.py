"""The event log while a run writes to it: its connections are kept open between the events of one process.

How a process connects to the log belongs here; what it tells the log stands in `reporting`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine

_MOST_CONNECTED = 4  # the index and the run at hand; others are looked at once


@contextmanager
def connections_kept(instance: dg.DagsterInstance) -> Iterator[None]:
    """Keep the connections to an event log in SQLite open, which Dagster opens and closes two to four times an event.

    With each it makes an engine, compiles its statements anew and lets SQLite write its journal back: two thirds of
    what an event costs. Another kind of event log, and one whose connections are kept already, is left as it is.
    """
    storage = instance.event_log_storage
    if type(storage) is not SqliteEventLogStorage or "_connect" in vars(storage):
        yield
        return
    kept = _Connections(storage)
    replaced = {
        "_connect": kept.connect,
        "has_table": kept.has_table,
        "_has_asset_key_col_on_connection": kept.has_asset_key_column,
    }
    vars(storage).update(replaced)
    try:
        yield
    finally:
        for name in replaced:
            del vars(storage)[name]
        kept.close()


class _Connections:
    """One connection to each database of an event log that was used last."""

    def __init__(self, storage: SqliteEventLogStorage) -> None:
        self._storage = storage
        self._engines: dict[str, Engine] = {}
        self._seen: set[str] = set()  # tables and columns that are there, and stay
        self._lock = threading.Lock()  # one user at a time, as Dagster has it

    @contextmanager
    def connect(self, shard: str) -> Iterator[Connection]:
        """Begin a transaction in a database, which is committed at the end."""
        with self._lock:
            engine = self._engine(shard)
            if shard not in self._storage._initialized_dbs:
                self._storage._initdb(engine)
                self._storage._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def has_table(self, name: str) -> bool:
        """Tell whether the index has a table, which is asked at each event."""
        return self._is_there(name, lambda: SqliteEventLogStorage.has_table(self._storage, name))

    def has_asset_key_column(self, connection: Connection, name: str) -> bool:
        """Tell whether the table of assets has a column, likewise."""
        look = SqliteEventLogStorage._has_asset_key_col_on_connection
        return self._is_there(f".{name}", lambda: look(self._storage, connection, name))

    def _is_there(self, name: str, look: Callable[[], bool]) -> bool:
        if name not in self._seen and look():
            self._seen.add(name)
        return name in self._seen

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            url = self._storage.conn_string_for_shard(shard)
            engine = create_engine(url, pool_size=1, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
        self._engines[shard] = engine  # used last
        while len(self._engines) > _MOST_CONNECTED:
            self._engines.pop(next(iter(self._engines))).dispose()
        return engine
