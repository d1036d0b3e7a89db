"""The feature store: one Parquet file a table and song, written atomically; results are stored and read back here.

Writing and reading records belong here; publishing them for queries stands in `warehouse`.
"""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flamingo_bark_assets.errors import LibraryError, StorageError
from flamingo_bark_assets.files.atomic import replacing, writes_named
from flamingo_bark_assets.files.opening import is_missing, open_regular
from flamingo_bark_assets.record import (
    ColumnSpec,
    Measurement,
    Record,
    Row,
    columns_of,
    events_of,
    rare_events_of,
    rows_of,
)
from flamingo_bark_assets.storage.tables import MEASUREMENTS, MeasurementRow, long_table, wide_table

if TYPE_CHECKING:
    import polars as pl

R = TypeVar("R", bound=Record)


@dataclasses.dataclass(frozen=True, slots=True)
class FeatureStore:
    """The folder of Parquet files.

    Attributes:
        folder: holds ``<table>/<song_id>.parquet`` and ``measurements/<table>/<song_id>.parquet``.
    """

    folder: Path

    def path(self, table: str, song_id: str) -> Path:
        """Return the file of one table and song."""
        return self.folder / table / f"{song_id}.parquet"

    def measurements_path(self, table: str, song_id: str) -> Path:
        """Return the file with method, confidence and reason of each value of a wide table and song."""
        return self.path(f"{MEASUREMENTS}/{table}", song_id)

    def files_of(self, cls: type[Record], song_id: str) -> tuple[Path, ...]:
        """Return every file in which a record is stored; of what few songs have, what there is."""
        measured = [self.measurements_path(cls.TABLE, song_id)] if any(s.measured for s in columns_of(cls)) else []
        rare = rare_events_of(cls)
        paths = {name: self.path(row.TABLE, song_id) for name, row in events_of(cls).items()}
        events = [path for name, path in paths.items() if name not in rare or os.path.lexists(path)]
        return (self.path(cls.TABLE, song_id), *measured, *events)

    def write(self, record: Record) -> int:
        """Store a record and count its rows; the wide row is written last and so marks it as complete."""
        song_id = record.song_id
        rows = 0
        rare = rare_events_of(type(record))
        for name, row_class in events_of(type(record)).items():
            values: tuple[Row, ...] = getattr(record, name)
            table = long_table(row_class)
            path = self.path(table.name, song_id)
            if values or name not in rare:
                _write(path, table.columns, _columns(song_id, row_class, values))
            else:
                with writes_named(path):
                    path.unlink(missing_ok=True)
            rows += len(values)
        measured = [_measurement_row(record, spec, m) for spec, m in record.measurements()]
        if measured:
            _write(
                self.measurements_path(record.TABLE, song_id),
                long_table(MeasurementRow).columns,
                _columns(song_id, MeasurementRow, measured),
            )
        table = wide_table(type(record))
        _write(self.path(table.name, song_id), table.columns, _wide_values(record))
        return rows + len(measured) + 1

    def read(self, cls: type[R], song_id: str, *, outdated: str | None = None) -> R:
        """Read a record back, measurements and rows included.

        What an older version did not measure yet is unknown and says so; what is measured no more is passed over.
        Tables that the older version `outdated` may not have had are then empty.

        Raises:
            StorageError: it was never written, or its files cannot be read; names song and table.
        """
        try:
            (wide,) = _read(self.path(cls.TABLE, song_id)).to_dicts()
            measured = self._measured(cls, song_id, outdated)
            fields: dict[str, Any] = {
                spec.name: _restored(spec, measured.get(spec.name), outdated) if spec.measured else wide.get(spec.name)
                for spec in columns_of(cls)
            }
            rare = rare_events_of(cls)
            for name, row_class in events_of(cls).items():
                fields[name] = self._rows(row_class, song_id, may_be_missing=bool(outdated) or name in rare)
            return cls(**fields)
        except FileNotFoundError as error:
            raise StorageError(f"{song_id}: no {cls.TABLE} yet; materialise the asset for this song first") from error
        except _reading_errors() as error:
            raise StorageError(
                f"{song_id}: stored {cls.TABLE} cannot be read ({error}); materialise the asset again"
            ) from error

    def _measured(self, cls: type[Record], song_id: str, outdated: str | None) -> dict[str, dict[str, Any]]:
        path = self.measurements_path(cls.TABLE, song_id)
        if not any(spec.measured for spec in columns_of(cls)) or (outdated and is_missing(path)):
            return {}
        return {row["name"]: row for row in _read(path).to_dicts()}

    def _rows(self, row_class: type[Row], song_id: str, *, may_be_missing: bool) -> tuple[Row, ...]:
        path = self.path(row_class.TABLE, song_id)
        if may_be_missing and is_missing(path):
            return ()
        frame = _read(path)
        stored = frame.to_dict(as_series=False)
        columns = {spec.name: stored.get(spec.name, [None] * frame.height) for spec in columns_of(row_class)}
        return rows_of(row_class, **columns)

    def read_columns(
        self, table: str, song_ids: Iterable[str], columns: Sequence[ColumnSpec]
    ) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Read columns of one table for many songs at once.

        Returns:
            The rows in the order of songs, null in columns that a file of an older version lacks; and the songs whose
            files cannot be read, which are left out. Songs without a file have no rows.
        """
        import polars as pl

        files = {song_id: path for song_id in song_ids if (path := self.path(table, song_id)).is_file()}
        try:
            return _scan(list(files.values()), columns), ()
        except _reading_errors():
            frames, unreadable = [_scan([], columns)], []
            for song_id, path in files.items():
                try:
                    frames.append(_scan([path], columns))
                except _reading_errors():
                    unreadable.append(song_id)
            return pl.concat(frames), tuple(unreadable)

    def song_ids(self, table: str) -> list[str]:
        """Return songs that have a file in a table, sorted."""
        return sorted(path.stem for path in (self.folder / table).glob("[!.]*.parquet"))


def _measurement_row(record: Record, spec: ColumnSpec, measurement: Measurement[Any]) -> MeasurementRow:
    value = measurement.value
    return MeasurementRow(
        record=record.TABLE,
        name=spec.name,
        value=None if value is None or isinstance(value, str) else float(value),
        text=value if isinstance(value, str) else None,
        unit=spec.unit,
        confidence=measurement.confidence,
        method=measurement.method,
        reason=measurement.reason,
    )


def _restored(spec: ColumnSpec, row: dict[str, Any] | None, outdated: str | None) -> Measurement[Any]:
    if row is None:
        version = f"version {outdated}" if outdated else "an earlier version"
        return Measurement.unknown(f"measured by {version}, before this was measured", method="none")
    stored = row["text"] if spec.type is str else row["value"]
    value = None if stored is None else spec.type(stored)
    return Measurement(value, row["method"], row["confidence"], row["reason"])


def _columns(song_id: str, row_class: type[Row], rows: Sequence[Row]) -> dict[str, list[Any]]:
    values = {spec.name: [getattr(row, spec.name) for row in rows] for spec in columns_of(row_class)}
    return {"song_id": [song_id] * len(rows), **values}


def _wide_values(record: Record) -> dict[str, list[Any]]:
    values = {spec.name: getattr(record, spec.name) for spec in columns_of(type(record))}
    return {name: [value.value if isinstance(value, Measurement) else value] for name, value in values.items()}


def _write(path: Path, columns: tuple[ColumnSpec, ...], values: dict[str, list[Any]]) -> None:
    import polars as pl

    frame = pl.DataFrame(values, schema=_schema(columns))
    with replacing(path) as temporary:
        frame.write_parquet(temporary, compression="zstd", statistics=False)


def _scan(paths: Sequence[Path], columns: Sequence[ColumnSpec]) -> pl.DataFrame:
    import polars as pl

    schema = _schema(tuple(columns))
    if not paths:
        return pl.DataFrame(schema=schema)
    scanned = pl.scan_parquet(list(paths), schema=schema, missing_columns="insert", extra_columns="ignore", glob=False)
    return scanned.collect()


def _schema(columns: tuple[ColumnSpec, ...]) -> pl.Schema:
    import polars as pl

    types = {float: pl.Float64(), int: pl.Int64(), bool: pl.Boolean(), str: pl.String()}
    return pl.Schema({spec.name: types[spec.type] for spec in columns})


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    if is_missing(path):
        raise FileNotFoundError(path)
    with open_regular(path) as file:
        data = file.read()
    return pl.read_parquet(io.BytesIO(data))


def _reading_errors() -> tuple[type[BaseException], ...]:
    """List what reading a damaged file ends in; a panic of polars' reader is no ordinary exception."""
    import polars as pl

    ours = (LibraryError, OSError, KeyError, TypeError, ValueError)
    return pl.exceptions.PolarsError, pl.exceptions.PanicException, *ours
