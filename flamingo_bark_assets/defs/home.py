"""The folder DAGSTER_HOME: made whole under a lock, its faults told in one line, and opened as an instance.

What Dagster keeps there and how it comes to be whole belong here; what runs do with it does not.

Dagster makes the tables of a home one by one when it is first opened. A stop in between, or two first starts side by
side, leave a home that no later start can open. Here the databases are made in a folder beside and moved into place.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import sqlalchemy.exc
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from filelock import FileLock, Timeout

from flamingo_bark_assets.defs.home_storage import HomeInstance
from flamingo_bark_assets.defs.lost_runs import fail_lost_runs
from flamingo_bark_assets.defs.pools import set_limits
from flamingo_bark_assets.defs.profile import write_settings
from flamingo_bark_assets.errors import HomeError
from flamingo_bark_assets.text import short_line

DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
# Tables that Dagster fills by itself: rows in any other are somebody's history.
_NO_HISTORY = {"alembic_version", "secondary_indexes", "instance_info", "daemon_heartbeats", "kvs", "sqlite_sequence"}
_NO_COMPUTE_LOGS = {
    "module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager", "config": {},
}  # fmt: skip
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_LITTLE_BYTES = 1 << 20
_LOCK_TIMEOUT_S = 120
# A database that is not whole may be in the making by a command of Dagster's own, which knows no lock of ours.
_SETTLED_S = 3.0


@dataclass(frozen=True, slots=True)
class _Schema:
    """What a database of Dagster's consists of.

    Attributes:
        revisions: the migrations it says it stands at; one, if it is whole.
        marks: names of the data migrations that it has had.
        statements: SQL that made each table and index, by name.
        has_history: whether it holds anything that Dagster has not filled in by itself.
    """

    revisions: frozenset[str]
    marks: frozenset[str]
    statements: dict[str, str]
    has_history: bool

    def is_whole(self, new: _Schema) -> bool:
        """Return whether nothing is missing of a new database; one of an older Dagster is for Dagster to migrate."""
        if len(self.revisions) != 1:
            return False
        return self.revisions != new.revisions or (
            self.statements.keys() >= new.statements.keys() and self.marks >= new.marks
        )


def open_instance(home: Path, *, captures_output: bool = True) -> dg.DagsterInstance:
    """Open the Dagster instance in a home folder, made whole first; runs whose process is gone are ended.

    Args:
        home: the folder.
        captures_output: whether what a run prints is kept for the UI, as Dagster is set up to; a run in a terminal
            prints there, and Dagster's processes that would copy it answer a Ctrl-C with a traceback.

    Raises:
        HomeError: the folder cannot be used; says why, and what to do.
    """
    home = home.absolute()
    make_whole(home)
    os.environ["DAGSTER_HOME"] = str(home)
    with plain_faults(home):
        overrides = None if captures_output else {"compute_logs": _NO_COMPUTE_LOGS}
        instance = dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=overrides))
        fail_lost_runs(instance)
        set_limits(instance)
    return instance


def make_whole(home: Path) -> None:
    """Ensure that a home has its settings and all its databases, whole; safe against others who do the same.

    A database that was left unfinished is made anew if it holds no history. One that holds some is completed, and a
    copy of it as it was is kept beside it.

    Raises:
        HomeError: the folder cannot be written, or a database in it is damaged.
        ConfigurationError: the profile that was chosen cannot be had.
    """
    with plain_faults(home):
        home.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(home / ".lock", timeout=_LOCK_TIMEOUT_S):
                write_settings(home)
                if _keeps_databases_in(home) and not _is_marked_whole(home):
                    _make_databases_whole(home)
                    (home / ".whole").write_text(dg.__version__)
        except Timeout as error:
            raise HomeError(
                f"DAGSTER_HOME {home}: another process has been at work on it for {_LOCK_TIMEOUT_S} s; stop it, or wait"
            ) from error


def check_settings(home: Path) -> None:
    """Check that Dagster can use the settings and databases that are in a home, and change nothing.

    Raises:
        HomeError: it cannot; says why, and what to do.
    """
    with plain_faults(home):
        if (home / "dagster.yaml").exists():
            InstanceRef.from_dir(str(home))
        for name in DATABASES:
            if (home / name).exists():
                _read_schema(home / name)


@contextmanager
def plain_faults(home: Path) -> Iterator[None]:
    """Turn faults of the disk and of the databases in a home into one line that says what to do.

    Raises:
        HomeError: any of these faults.
    """
    try:
        yield
    except (sqlite3.DatabaseError, sqlalchemy.exc.DBAPIError) as error:
        raise HomeError(f"DAGSTER_HOME {home}: {_plain(error, home)}") from error
    except OSError as error:
        if error.errno not in _NO_SPACE and not str(error.filename).startswith(str(home)):
            raise  # not of this folder
        raise HomeError(f"DAGSTER_HOME {home}: {_plain(error, home)}") from error
    except (dg.DagsterInvalidConfigError, yaml.YAMLError) as error:
        first = short_line(str(error), 300)
        raise HomeError(f"DAGSTER_HOME {home}: dagster.yaml cannot be used: {first}") from error
    except Exception as error:
        # What the storages of a server raise after their last try; their package need not be installed.
        if not isinstance(error.__cause__, sqlalchemy.exc.DBAPIError):
            raise
        told = _plain(error.__cause__, home)
        raise HomeError(f"DAGSTER_HOME {home}: the database of its dagster.yaml does not answer: {told}") from error


def _plain(error: Exception, home: Path) -> str:
    text = str(getattr(error, "orig", None) or getattr(error, "strerror", None) or error).splitlines()[0]
    number = getattr(error, "errno", None)
    if number in _NO_SPACE or "is full" in text or ("disk I/O" in text and _is_full(home)):
        return "no space left on its disk; free some, and start again"
    if number in {errno.EACCES, errno.EPERM, errno.EROFS} or "readonly" in text or "unable to open" in text:
        return f"cannot be written ({text}); make it writable, or set DAGSTER_HOME to another folder"
    if "not a database" in text or "malformed" in text:
        return (
            f"a database in it is damaged ({text}); move the folders history and schedules away to start anew: "
            "only the record of past runs is in them; results stay in the data folder, and `make ui` reports them anew"
        )
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "is no folder; set DAGSTER_HOME to one"
    if "locked" in text:
        return f"another process keeps it busy ({text}); start again when that has ended"
    return text


def _is_full(home: Path) -> bool:
    """Return whether the disk is full: SQLite calls it an I/O error where a journal cannot grow."""
    return shutil.disk_usage(home).free < _LITTLE_BYTES


def _keeps_databases_in(home: Path) -> bool:
    """Return whether the settings leave the databases where Dagster puts them by itself."""
    storage = InstanceRef.from_dir(str(home)).storage_data
    return storage in {of.config_defaults(str(home))["storage"] for of in (InstanceRef, HomeInstance)}


def _is_marked_whole(home: Path) -> bool:
    """Return whether this was all seen to before, with this Dagster, and every database can still be read.

    Raises:
        sqlite3.DatabaseError: a database is damaged.
    """
    try:
        if (home / ".whole").read_text() != dg.__version__:
            return False
    except OSError:
        return False
    return all((home / name).exists() and _read_schema(home / name).revisions for name in DATABASES)


def _make_databases_whole(home: Path) -> None:
    for leftover in home.glob(".new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    new = home / f".new-{uuid.uuid4().hex}"
    try:
        DagsterSqliteStorage.from_local(str(new)).dispose()
        for name in DATABASES:
            _make_whole(home / name, new / name)
        _finish_data_migrations(home)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _make_whole(database: Path, new: Path) -> None:
    """Move a new database into place, or complete the one that is there."""
    target = _read_schema(new)
    while database.exists():
        found = _read_schema(database)
        if found.is_whole(target):
            return
        if time.time() - max(path.stat().st_mtime for path in _with_journals(database)) > _SETTLED_S:
            if found.has_history:
                _complete(database, found, target)
                return
            for path in _with_journals(database):
                path.unlink(missing_ok=True)
            break
        time.sleep(0.5)
    database.parent.mkdir(parents=True, exist_ok=True)
    for path in reversed(_with_journals(new)):  # the database last: a journal without one is nothing
        path.replace(database.parent / path.name)


def _complete(database: Path, found: _Schema, target: _Schema) -> None:
    """Add the tables and the mark of the migration that a stop has left out; keep a copy of what was."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(f"{database}.before-{stamp}")) as copy:
        old.backup(copy)
        with old:
            for name, statement in target.statements.items():
                if name not in found.statements:
                    old.execute(statement)
            old.execute("DELETE FROM alembic_version")
            old.executemany("INSERT INTO alembic_version VALUES (?)", [(name,) for name in target.revisions])


def _finish_data_migrations(home: Path) -> None:
    """Have Dagster make the migrations over its data that were left out; it knows which."""
    storage = DagsterSqliteStorage.from_local(str(home))
    storage.run_storage.migrate()
    storage.run_storage.optimize()
    storage.event_log_storage.reindex_events()
    storage.event_log_storage.reindex_assets()
    storage.schedule_storage.migrate()
    storage.schedule_storage.optimize()
    storage.dispose()


def _read_schema(database: Path) -> _Schema:
    """Read what a database consists of.

    Raises:
        sqlite3.DatabaseError: it is damaged.
    """
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        try:
            return _schema_of(connection)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            raise sqlite3.DatabaseError(f"{database.name}: {error}") from error


def _schema_of(connection: sqlite3.Connection) -> _Schema:
    made = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    statements = {(kind, name): sql for kind, name, sql in made}
    tables = {name for kind, name in statements if kind == "table"}

    def column(table: str, name: str) -> frozenset[str]:
        query = f'SELECT "{name}" FROM "{table}"'
        return frozenset(row[0] for row in connection.execute(query)) if table in tables else frozenset()

    return _Schema(
        revisions=column("alembic_version", "version_num"),
        marks=column("secondary_indexes", "name"),
        statements={name: sql for (_, name), sql in statements.items()},
        has_history=any(
            connection.execute(f'SELECT EXISTS (SELECT 1 FROM "{table}")').fetchone()[0]
            for table in tables - _NO_HISTORY
        ),
    )


def _with_journals(database: Path) -> list[Path]:
    """Return a database and the journals beside it that exist."""
    beside = [database, *(database.with_name(database.name + end) for end in ("-journal", "-wal", "-shm"))]
    return [path for path in beside if path.exists()]
