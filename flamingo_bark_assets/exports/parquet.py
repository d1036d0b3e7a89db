"""Writing rows to a Parquet file a few at a time, so that memory does not grow with their number.

The file's form belongs here; which columns there are stands with each target.
"""

from __future__ import annotations

import glob
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flamingo_bark_assets.exports.folder import json_line
from flamingo_bark_assets.files.atomic import write_failure

ColumnType = Literal["text", "texts", "integer", "number", "flag"]
_SQL: Mapping[ColumnType, str] = {
    "text": "VARCHAR", "texts": "VARCHAR[]", "integer": "INTEGER", "number": "DOUBLE", "flag": "BOOLEAN"
}  # fmt: skip
# DuckDB's smallest; loaders read one row group at a time.
_ROW_GROUP_ROWS = 2048
# The database needs a few MB; the limit is there so that it would fail in a test and not on a user's machine.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1, "memory_limit": "256MB", "temp_directory": "", "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ParquetColumn:
    """One column of the file; each may hold nulls.

    Attributes:
        name: its name.
        type: what it holds.
        large: of a text: whether Arrow reads it as ``large_string`` instead of ``string``.
    """

    name: str
    type: ColumnType
    large: bool = False


def write_parquet(place: Path, columns: Iterable[ParquetColumn], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows to a new Parquet file; equal rows give equal bytes.

    By DuckDB, over lines of JSON beside the file: Polars writes every text as ``large_string``, in which `datasets`
    before 4.8 does not see names of sound files.

    Args:
        place: the file.
        columns: in the order of the file.
        rows: a value, or None, for each column; read once.

    Raises:
        WriteError: the disk refuses.
        ValueError: a number is not finite.
    """
    import duckdb

    columns = tuple(columns)
    lines = place.with_name(f"{place.name}.rows")
    types = ", ".join(f"'{column.name}': '{_SQL[column.type]}'" for column in columns)
    hint = _arrow_schema(columns)
    target = str(place).replace("'", "''")
    try:
        with lines.open("xb") as file:
            file.writelines(map(json_line, rows))
        with duckdb.connect(":memory:", config=_CONFIG) as connection:
            connection.execute(
                f"COPY (SELECT * FROM read_json($1, format = 'newline_delimited', columns = {{{types}}})) "
                f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP_ROWS}, "
                f"KV_METADATA {{'ARROW:schema': '{hint}'}})",
                [glob.escape(str(lines))],
            )
    except duckdb.Error as error:
        if failure := write_failure(error, place, place):
            raise failure from error
        raise
    finally:
        lines.unlink(missing_ok=True)


def _arrow_schema(columns: tuple[ParquetColumn, ...]) -> str:
    """Return the entry of the file's metadata by which Arrow reads the large texts as such.

    Of other columns it names a type that cannot be theirs: Arrow then takes what the file itself says.
    """
    import polars as pl

    buffer = io.BytesIO()
    pl.DataFrame(schema={c.name: pl.String if c.large else pl.Int8 for c in columns}).write_parquet(buffer)
    buffer.seek(0)
    return str(pl.read_parquet_metadata(buffer)["ARROW:schema"])
