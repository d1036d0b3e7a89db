"""Parquet tables of others, read some rows at a time.

Reading tables safely belongs here; what columns mean does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.verification.context import Check

MAX_TABLE_BYTES = 1 << 30
_MAX_ROWS = 20_000_000
_ROWS_AT_ONCE = 2048


def schema_of(check: Check, path: str) -> dict[str, str] | None:
    """Return the types of the columns by name; None, with a finding, where the file is no Parquet table."""
    import polars as pl
    from polars.exceptions import PanicException, PolarsError

    try:
        if problem := check.folder.problem(path):
            raise FileFault(problem)
        if check.folder.size(path) > MAX_TABLE_BYTES:
            raise FileFault(f"is larger than {MAX_TABLE_BYTES} bytes")
        rows = pl.scan_parquet(check.folder.root / path, glob=False).select(pl.len()).collect().item()
        if rows > _MAX_ROWS:
            raise FileFault(f"holds more than {_MAX_ROWS} rows")
        return {name: str(kind) for name, kind in pl.read_parquet_schema(check.folder.root / path).items()}
    except (PolarsError, PanicException, FileFault, OSError, ValueError) as error:
        check.add("unreadable", path, None, f"is no Parquet table that can be read ({str(error)[:200]}); `datasets` "
                  "stops")  # fmt: skip
        return None


def read_rows(check: Check, path: str, schema: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """Give the rows of a table; binary columns are left out."""
    import polars as pl
    from polars.exceptions import PanicException, PolarsError

    names = [name for name, kind in schema.items() if not kind.startswith(("Binary", "Struct", "Object"))]
    start = 0
    try:
        while True:
            frame = (
                pl.scan_parquet(check.folder.root / path, glob=False)
                .select(names)
                .slice(start, _ROWS_AT_ONCE)
                .collect()
            )
            yield from frame.iter_rows(named=True)
            start += len(frame)
            if len(frame) < _ROWS_AT_ONCE:
                return
    except (PolarsError, PanicException) as error:
        check.add("unreadable", path, start + 1, f"cannot be read on from here ({str(error)[:200]})")
