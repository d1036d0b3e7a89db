"""The tables of the platform: names, columns, keys and comments, derived from the record classes.

Deriving a schema belongs here; what a column means is declared beside the function that measures it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from flamingo_bark_assets.record import (
    ColumnSpec,
    Record,
    Row,
    column,
    columns_of,
    events_of,
    optional_column,
)

MEASUREMENTS = "measurements"
Records = tuple[type[Record], ...]
SQL_TYPES = {float: "DOUBLE", int: "BIGINT", bool: "BOOLEAN", str: "VARCHAR"}


@dataclass(frozen=True, kw_only=True)
class MeasurementRow(Row):
    """One measurement of one song, with its method, confidence and, where it is unknown, the reason."""

    TABLE = MEASUREMENTS
    KEY = ("record", "name")

    record: str = column("The wide table that holds the value.")
    name: str = column("The column that holds the value.")
    value: float | None = optional_column("The value where it is a number or boolean (1 true, 0 false).")
    text: str | None = optional_column("The value where it is a word.")
    unit: str = column("Unit of the value; empty where it has none.")
    confidence: float | None = optional_column(
        "1 where the value is computed as it is defined, or a person's; else the chance of being right that was seen "
        "on songs with known truth, or that of what it is computed from. Null where it was never held against any: no "
        "text tells the value, no claim is judged by it."
    )
    method: str = column("Short name of the procedure.")
    reason: str | None = optional_column("Why the value is unknown; null where it is known.")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the warehouse.

    Attributes:
        name: of the table.
        columns: all columns, `song_id` first.
        key: columns that tell each row from all others.
        doc: one line.
        is_of_frames: whether most rows of a library are rows of such tables.
    """

    name: str
    columns: tuple[ColumnSpec, ...]
    key: tuple[str, ...]
    doc: str
    is_of_frames: bool = False

    @property
    def ddl(self) -> str:
        """The CREATE TABLE statement; names are our own identifiers, never a user's text."""
        # Only keys are NOT NULL: a column that a result of an older version lacks must not keep the others out. That
        # they are unique is seen to when rows go in: an index a table takes a third of the room and twice the time.
        lines = [f"{c.name} {SQL_TYPES[c.type]}{' NOT NULL' if c.name in self.key else ''}" for c in self.columns]
        return f"CREATE TABLE {self.name} ({', '.join(lines)})"


def wide_table(record: type[Record]) -> Table:
    """Return the one-row-a-song table of a record class."""
    return Table(record.TABLE, columns_of(record), ("song_id",), _first_line(record))


def long_table(row: type[Row]) -> Table:
    """Return the long table of a row class."""
    (song_id, *_) = columns_of(Record)
    return Table(row.TABLE, (song_id, *columns_of(row)), ("song_id", *row.KEY), _first_line(row), row.FRAMES)


def tables_of(record: type[Record]) -> tuple[Table, ...]:
    """Return all tables that a record is stored in, its wide table first; the measurements table is left out."""
    return (wide_table(record), *(long_table(row) for row in events_of(record).values()))


@functools.cache
def all_tables(records: tuple[type[Record], ...]) -> tuple[Table, ...]:
    """Return every table of a warehouse of these records."""
    return (*(table for record in records for table in tables_of(record)), long_table(MeasurementRow))


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().splitlines()[0]
