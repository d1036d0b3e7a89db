"""The DuckDB file: published from the feature store by building it beside the old one and replacing that.

Publishing and read-only queries belong here; storing results does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.files.atomic import (
    delete_tree,
    remove_leftovers,
    replacing,
    temporary_path,
    write_failure,
    writes_named,
)
from flamingo_bark_assets.files.opening import file_problem
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.tables import MEASUREMENTS, Table, all_tables

if TYPE_CHECKING:
    import duckdb

Records = tuple[type[Record], ...]

# The oldest that DuckDB 2.0 writes; every client from 1.1 on reads it.
STORAGE_VERSION = "v1.0.0"
# DuckDB keeps what a client has written, until its next checkpoint, in files of these names beside the database.
_JOURNAL = ".wal"
_CHECKPOINT_JOURNALS = (".wal.checkpoint", ".wal.recovery")
# The journal's name is made a link to a file in a folder that does not exist: for DuckDB there is no journal to
# read and none can be begun.
_NO_JOURNAL = Path(".this-file-is-read-only", "see-README")

TABLES_OF_SONGS = ("song_features", "song_metadata", "raw_song", "suitability")
"""Tables of one row a song, whose columns a condition over songs may name."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published.

    Attributes:
        path: the DuckDB file.
        rows: rows of each table.
        songs: number of songs.
        left_out: files that could not be read, each with its reason.
        without_row: songs that a table of one row a song has none of, each with the reason.
    """

    path: Path
    rows: dict[str, int]
    songs: int
    left_out: tuple[str, ...]
    without_row: tuple[str, ...]


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
    """Build the warehouse from the stored results of the given songs and put it in place in one step.

    Readers that hold the old file keep their snapshot; later readers see the new one. Publishers take turns, so
    the file in place is never older than the results that the last of them saw. An unreadable Parquet file is left
    out and named, and spoils no other. What another program wrote into the old file goes with it.

    `over_all_songs` are tables that are no result of one song, with the Parquet file of each; one that is missing
    leaves its table empty.

    Raises:
        WriteError: the warehouse cannot be written; the old one stays.
        StorageError: DuckDB failed for another reason that is no single file's fault; the old one stays.
    """
    with _turn(path):
        remove_leftovers(path.parent, recursive=False)
        remove_leftovers(store.folder)
        with replacing(path) as temporary:
            publication = _build(store, song_ids, path, records, over_all_songs or {}, temporary)
            # Before the new file is there: its format does not tell it from the one that the journal belongs to, and
            # a client would apply the journal to it. A kill in between leaves the old file as last checkpointed.
            with writes_named(path):
                _bar_journal(path)
    return publication


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
            duckdb.connect(
                str(published), read_only=True, config={"enable_external_access": False, "lock_configuration": True}
            ) as connection,
        ):
            if not duckdb.extract_statements(sql):
                raise StorageError("the query is empty; for instance: SELECT song_id, tempo_bpm FROM song_features")
            cursor = connection.execute(sql)
            columns = tuple(description[0] for description in cursor.description or ())
            return Result(columns, tuple(cursor.fetchall() if max_rows is None else cursor.fetchmany(max_rows)))
    except duckdb.IOException as error:
        if "Conflicting lock" not in str(error):
            raise StorageError(f"query failed: {error}") from error
        raise StorageError(
            f"{path}: another program has it open for writing; close it there, or publish feature_warehouse again "
            f"({_first_line(error)})"
        ) from error
    except (duckdb.Error, RuntimeError) as error:  # RuntimeError: a text that is not Unicode.
        said = str(error).partition("\n\nLINE")[0]  # Then comes the query, with a mark below it.
        raise StorageError(f"query failed: {' '.join(said.split())}") from error


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
        raise StorageError(f"the condition {condition!r} is wrong: {_first_line(error)}") from error
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


def _build(
    store: FeatureStore,
    song_ids: Sequence[str],
    path: Path,
    records: Records,
    over_all_songs: Mapping[Table, Path],
    temporary: Path,
) -> Publication:
    import duckdb

    rows: dict[str, int] = {}
    left_out: list[str] = []
    tables = (*all_tables(records), *over_all_songs)
    try:
        with duckdb.connect(str(temporary), config={"storage_compatibility_version": STORAGE_VERSION}) as connection:
            connection.begin()  # a commit costs an fsync, and there are hundreds of comments
            for table in tables:
                connection.execute(table.ddl)
                _comment(connection, table)
            connection.commit()
            for table in tables:
                one = over_all_songs.get(table)
                files = _files(store, table, song_ids, records) if one is None else [one] if one.is_file() else []
                left_out += _fill(connection, table, files)
                rows[table.name] = _count(connection, table)
            without_row = _songs_without_row(connection, store, song_ids, records)
            connection.execute("CHECKPOINT")
    except duckdb.Error as error:
        failure = write_failure(error, path, temporary)
        raise failure or StorageError(f"{path}: cannot be published: {_first_line(error)}") from error
    temporary.with_name(f"{temporary.name}{_JOURNAL}").unlink(missing_ok=True)
    return Publication(path, rows, len(song_ids), tuple(left_out), without_row)


def _bar_journal(path: Path) -> None:
    """Remove the journal that another program has left beside the warehouse, and let none be begun.

    A client that has the warehouse open for writing, now or later, can then do no harm to the file that comes next.
    """
    journal = path.with_name(f"{path.name}{_JOURNAL}")
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
    if not any(path.with_name(f"{path.name}{ending}").exists() for ending in (_JOURNAL, *_CHECKPOINT_JOURNALS)):
        yield path
        return
    other_name = temporary_path(path.parent)
    with suppress(OSError):  # a read-only folder, or a file system without hard links
        other_name.hardlink_to(path)
    try:
        yield other_name if other_name.exists() else path
    finally:
        delete_tree(other_name)


def _songs_without_row(
    connection: duckdb.DuckDBPyConnection, store: FeatureStore, song_ids: Sequence[str], records: Records
) -> tuple[str, ...]:
    """Name the songs that are not in every table of one row a song, in order, each with what that comes from."""
    absent: dict[str, list[str]] = {}
    for record in (record for record in records if record.EVERY_SONG):
        found = connection.execute(
            f"SELECT unnest(?::VARCHAR[]) EXCEPT SELECT song_id FROM {record.TABLE}", [list(song_ids)]
        )
        for (song_id,) in found.fetchall():
            absent.setdefault(song_id, []).append(record.TABLE)
    return tuple(
        f"{song_id}: {_why_absent(store, song_id, tables, records)}" for song_id, tables in sorted(absent.items())
    )


def _why_absent(store: FeatureStore, song_id: str, tables: Sequence[str], records: Records) -> str:
    if len(tables) == sum(record.EVERY_SONG for record in records) and not any(
        store.path(table, song_id).exists() for table in tables
    ):
        return "not run yet"
    return f"no row in {', '.join(tables)}; run the song again"


def _files(store: FeatureStore, table: Table, song_ids: Iterable[str], records: Records) -> list[Path]:
    if table.name == MEASUREMENTS:
        candidates = [store.measurements_path(r.TABLE, song_id) for song_id in song_ids for r in records]
    else:
        candidates = [store.path(table.name, song_id) for song_id in song_ids]
    return [path for path in candidates if path.is_file()]


def _fill(connection: duckdb.DuckDBPyConnection, table: Table, files: list[Path]) -> list[str]:
    """Insert the rows of all files; return what had to be left out.

    Raises:
        duckdb.Error: the rows cannot be stored, whatever the file.
    """
    import duckdb

    if not files:
        return []
    try:
        _insert(connection, table, files)
        return []
    except duckdb.Error:
        problems = []
        for file in files:
            try:
                _insert(connection, table, [file])
            except duckdb.Error as error:
                if not _is_the_files_fault(error):
                    raise
                problems.append(f"{file.stem}: {table.name}: {file.name} left out: {_first_line(error)}")
        return problems


def _is_the_files_fault(error: duckdb.Error) -> bool:
    """Tell an unreadable file or a doubled key from a full disk or exhausted memory."""
    import duckdb

    if isinstance(error, duckdb.FatalException | duckdb.OutOfMemoryException | duckdb.InterruptException):
        return False
    return "Could not write" not in str(error)


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, files: list[Path]) -> None:
    names = [str(file) for file in files]
    present = {
        row[0]
        for row in connection.execute(
            "DESCRIBE SELECT * FROM read_parquet(?, union_by_name = true)", [names]
        ).fetchall()
    }
    columns = ", ".join(spec.name for spec in table.columns if spec.name in present)
    connection.execute(
        f"INSERT INTO {table.name} BY NAME SELECT {columns} FROM read_parquet(?, union_by_name = true)",
        [names],
    )


def _comment(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    connection.execute(f"COMMENT ON TABLE {table.name} IS {_literal(table.doc)}")
    for spec in table.columns:
        connection.execute(f"COMMENT ON COLUMN {table.name}.{spec.name} IS {_literal(spec.comment)}")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _count(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    found = connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()
    return int(found[0]) if found else 0
