"""The DuckDB file: published beside the old one, which it then replaces, and queried.

Publishing and read-only queries belong here; filling the file with rows stands in `building`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.errors import FileFault, StorageError, WriteError
from flamingo_bark_assets.files.atomic import (
    delete_tree,
    remove_leftovers,
    replacing,
    temporary_path,
    write_text,
    writes_named,
)
from flamingo_bark_assets.files.opening import file_problem, read_text
from flamingo_bark_assets.storage.building import JOURNAL, Builder, Publication, first_line
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.frames import frames_folder
from flamingo_bark_assets.storage.tables import Records, Table

if TYPE_CHECKING:
    import duckdb

# DuckDB's journals while it makes a checkpoint.
_CHECKPOINT_JOURNALS = (".wal.checkpoint", ".wal.recovery")
# The journal's name is made a link to a file in a folder that does not exist: for DuckDB there is no journal to
# read and none can be begun.
_NO_JOURNAL = Path(".this-file-is-read-only", "see-README")

_WRITES_FILES = re.compile(r"\b(ATTACH|COPY|EXPORT|IMPORT)\b", re.IGNORECASE)

TABLES_OF_SONGS = ("song_features", "song_metadata", "raw_song", "suitability")
"""Tables of one row a song, whose columns a condition over songs may name."""


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a query: column names and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def publish(
    store: FeatureStore,
    song_ids: Sequence[str],
    path: Path,
    records: Records,
    over_all_songs: Mapping[Table, Path] | None = None,
) -> Publication:
    """Bring the warehouse up to date with the stored results of the given songs, and put it in place in one step.

    Songs that have not changed are taken over from the warehouse in place, in a copy of it; where it is not as it was
    published, or much has changed, all are read anew. Readers that hold the old file keep their snapshot; later readers
    see the new one. Publishers take turns, so the file in place is never older than the results that the last of them
    saw. A song that cannot be read is left out and named, and spoils no other. What another program wrote into the old
    file goes with it.

    `over_all_songs` are tables that are no result of one song, with the Parquet file of each; one that is missing
    leaves its table empty.

    Raises:
        WriteError: the warehouse cannot be written; the old one stays.
        StorageError: DuckDB failed for another reason that is no single song's fault; the old one stays.
    """
    with _turn(path):
        remove_leftovers(path.parent, recursive=False)
        remove_leftovers(store.folder)
        before = path if is_as_published(path) else None
        with replacing(path) as temporary:
            try:
                published = Builder(store, song_ids, records, over_all_songs or {}).fill(temporary, path, before=before)
            except StorageError as error:
                if before is None or isinstance(error, WriteError):
                    raise
                temporary.unlink(missing_ok=True)  # a copy of a file that the disk has damaged
                published = Builder(store, song_ids, records, over_all_songs or {}).fill(temporary, path, before=None)
            # Before the new file is there: its format does not tell it from the one that the journal belongs to, and
            # a client would apply the journal to it. A kill in between leaves the old file as last checkpointed.
            with writes_named(path):
                _bar_journal(path)
        write_text(_note(path), json.dumps(_stamp(path)) + "\n")
    return published


def is_as_published(path: Path) -> bool:
    """Tell whether nobody has written into the warehouse since it was published."""
    try:
        return bool(json.loads(read_text(_note(path), max_bytes=1024)) == _stamp(path))
    except (FileFault, OSError, ValueError):
        return False


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}.published")


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def query(path: Path, sql: str, *, max_rows: int | None = None) -> Result:
    """Run one read-only query; it can neither change the warehouse nor touch any other file.

    What another program may have written beside the warehouse is not read. Of several statements the last one answers.

    Raises:
        StorageError: there is no warehouse yet, another program holds it, or the query is empty or wrong.
    """
    import duckdb

    if path.exists() and (problem := file_problem(path)):
        raise StorageError(f"{path}: {problem}")
    if not path.exists():
        raise StorageError(f"{path}: no warehouse yet; materialise feature_warehouse first (make demo does)")
    try:
        with (
            _without_journal(path) as published,
            _connected_to_read(published, frames_folder(path)) as connection,
        ):
            statements = duckdb.extract_statements(sql)
            if not statements:
                raise StorageError("the query is empty; for instance: SELECT song_id, tempo_bpm FROM song_features")
            if any(_may_write_files(statement) for statement in statements):
                raise StorageError("query failed: the warehouse is read-only, and no other file may be written")
            cursor = connection.execute(sql)
            columns = tuple(description[0] for description in cursor.description or ())
            return Result(columns, tuple(cursor.fetchall() if max_rows is None else cursor.fetchmany(max_rows)))
    except duckdb.IOException as error:
        if "Conflicting lock" not in str(error):
            raise StorageError(f"query failed: {error}") from error
        raise StorageError(
            f"{path}: another program has it open for writing; close it there, or publish feature_warehouse again "
            f"({first_line(error)})"
        ) from error
    except (duckdb.Error, RuntimeError) as error:  # RuntimeError: a text that is not Unicode.
        if isinstance(error, duckdb.PermissionException) and f"{frames_folder(path).name}/" in str(error):
            raise StorageError(
                f"{path}: files beside it are lost, or the data folder was moved; publish feature_warehouse again "
                f"({first_line(error)})"
            ) from error
        said = str(error).partition("\n\nLINE")[0]  # Then comes the query, with a mark below it.
        raise StorageError(f"query failed: {' '.join(said.split())}") from error


def table_rows(path: Path) -> dict[str, int]:
    """Count the rows of each table, by name, sorted.

    Raises:
        StorageError: there is no warehouse yet, or another program holds it.
    """
    of_tables = "SELECT table_name, estimated_size FROM duckdb_tables() WHERE schema_name = 'main'"
    counts = dict(query(path, of_tables).rows)
    for (view,) in query(path, "SELECT view_name FROM duckdb_views() WHERE NOT internal").rows:
        counts[view] = query(path, f"SELECT count(*) FROM {view}").rows[0][0]
    return dict(sorted(counts.items()))


@contextmanager
def _connected_to_read(path: Path, frames: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect so that nothing can be changed and no file be opened but the warehouse and the frames beside it."""
    import duckdb

    files = [str(file.absolute()) for file in frames.glob("*.parquet")]
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET allowed_paths = ?", [files])
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def _may_write_files(statement: duckdb.Statement) -> bool:
    """Tell whether a statement may write a file that may be read, or holds one that may: a plan, a prepared one."""
    import duckdb

    return statement.type != duckdb.StatementType.SELECT and bool(_WRITES_FILES.search(statement.query))


def songs_where(path: Path, condition: str) -> list[str]:
    """Find the songs for which a condition in SQL holds, in order.

    It may name any column of `TABLES_OF_SONGS`, and as `query` does, change nothing.

    Raises:
        StorageError: there is no warehouse yet, or the condition is empty, wrong, or more than a condition.
    """
    import duckdb

    if not condition.strip():
        raise StorageError("the condition is empty; for instance: tempo_bpm > 120")
    joined = " JOIN ".join([TABLES_OF_SONGS[0], *(f"{table} USING (song_id)" for table in TABLES_OF_SONGS[1:])])
    # The line break ends a comment at the end of the condition.
    statement = f"SELECT song_id FROM {joined} WHERE ({condition}\n) ORDER BY song_id"
    try:
        duckdb.extract_statements(f"SELECT [{condition}\n]")  # no bracket of it may close one of ours
        statements = duckdb.extract_statements(statement)
    except (duckdb.Error, RuntimeError) as error:
        raise StorageError(f"the condition {condition!r} is wrong: {first_line(error)}") from error
    if len(statements) != 1:
        raise StorageError(f"the condition {condition!r} is more than one condition; leave out the semicolon")
    return [str(song_id) for (song_id, *_) in query(path, statement).rows]


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait until no other process publishes to `path`."""
    from filelock import FileLock

    lock = FileLock(path.with_name(f".{path.name}.lock"))
    with writes_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _bar_journal(path: Path) -> None:
    """Remove the journal that another program has left beside the warehouse, and let none be begun.

    A client that has the warehouse open for writing, now or later, can then do no harm to the file that comes next.
    """
    journal = path.with_name(f"{path.name}{JOURNAL}")
    link = temporary_path(path.parent)
    try:
        link.symlink_to(_NO_JOURNAL)
        link.replace(journal)
    except OSError:  # a file system without symbolic links
        delete_tree(link)
        journal.unlink(missing_ok=True)
    for ending in _CHECKPOINT_JOURNALS:
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)


@contextmanager
def _without_journal(path: Path) -> Iterator[Path]:
    """Give the warehouse a name beside which no journal stands, where another program has left one."""
    if not any(path.with_name(f"{path.name}{ending}").exists() for ending in (JOURNAL, *_CHECKPOINT_JOURNALS)):
        yield path
        return
    other_name = temporary_path(path.parent)
    with suppress(OSError):  # a read-only folder, or a file system without hard links
        other_name.hardlink_to(path)
    try:
        yield other_name if other_name.exists() else path
    finally:
        delete_tree(other_name)
