"""The DuckDB file: published from the Parquet truth by building it beside the old one and replacing that.

Publishing and read-only queries belong here; writing the truth does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.library.safe_files import file_problem
from flamingo_bark_assets.storage.atomic import remove_leftovers, replacing
from flamingo_bark_assets.storage.tables import MEASUREMENTS, RECORDS, Table, all_tables
from flamingo_bark_assets.storage.truth import Truth

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published.

    Attributes:
        path: the DuckDB file.
        rows: rows of each table.
        songs: number of songs.
        left_out: files that could not be read, each with its reason.
    """

    path: Path
    rows: dict[str, int]
    songs: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a query: column names and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def publish(truth: Truth, song_ids: Sequence[str], path: Path) -> Publication:
    """Build the warehouse from the truth of the given songs and put it in place in one step.

    Readers that hold the old file keep their snapshot; later readers see the new one. Publishers take turns, so
    the file in place is never older than the truth that the last of them saw. An unreadable Parquet file is left
    out and named, and spoils no other.
    """
    import duckdb
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        remove_leftovers(path.parent, recursive=False)
        remove_leftovers(truth.folder)
        rows: dict[str, int] = {}
        left_out: list[str] = []
        with replacing(path) as temporary:
            with duckdb.connect(str(temporary)) as connection:
                for table in all_tables():
                    connection.execute(table.ddl)
                    _comment(connection, table)
                    left_out += _fill(connection, table, _files(truth, table, song_ids))
                    rows[table.name] = _count(connection, table)
                connection.execute("CHECKPOINT")
            temporary.with_name(f"{temporary.name}.wal").unlink(missing_ok=True)
    return Publication(path, rows, len(song_ids), tuple(left_out))


def query(path: Path, sql: str, *, max_rows: int | None = None) -> Result:
    """Run one read-only query; it can neither change the warehouse nor touch any other file.

    Args:
        path: the warehouse.
        sql: the query; of several statements the last one answers.
        max_rows: most rows to fetch; None: all.

    Raises:
        StorageError: there is no warehouse yet, or the query is empty or wrong.
    """
    import duckdb

    if path.exists() and (problem := file_problem(path)):
        raise StorageError(f"{path}: {problem}")
    if not path.exists():
        raise StorageError(f"{path}: no warehouse yet; materialise feature_warehouse first (make demo does)")
    try:
        with duckdb.connect(
            str(path), read_only=True, config={"enable_external_access": False, "lock_configuration": True}
        ) as connection:
            if not duckdb.extract_statements(sql):
                raise StorageError("the query is empty; for instance: SELECT song_id, tempo_bpm FROM song_features")
            cursor = connection.execute(sql)
            columns = tuple(description[0] for description in cursor.description or ())
            return Result(columns, tuple(cursor.fetchall() if max_rows is None else cursor.fetchmany(max_rows)))
    except (duckdb.Error, RuntimeError) as error:  # RuntimeError: a text that is not Unicode.
        said = str(error).partition("\n\nLINE")[0]  # Then comes the query, with a mark below it.
        raise StorageError(f"query failed: {' '.join(said.split())}") from error


def _files(truth: Truth, table: Table, song_ids: Iterable[str]) -> list[Path]:
    if table.name == MEASUREMENTS:
        candidates = [truth.measurements_path(r.TABLE, song_id) for song_id in song_ids for r in RECORDS]
    else:
        candidates = [truth.path(table.name, song_id) for song_id in song_ids]
    return [path for path in candidates if path.exists()]


def _fill(connection: duckdb.DuckDBPyConnection, table: Table, files: list[Path]) -> list[str]:
    """Insert the rows of all files; return what had to be left out."""
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
                first_line = str(error).splitlines()[0]
                problems.append(f"{file.stem}: {table.name}: {file.name} left out: {first_line}")
        return problems


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


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _count(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    found = connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()
    return int(found[0]) if found else 0
