"""The feature store: one file a song with all its results, packed when it has come to rest; written and read back here.

Which files hold a song's results, and turning records into tables and back, belong here; the bytes of a file stand in
`result_file`, packs in `packs`, publishing for queries in `warehouse`.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flamingo_bark_assets.errors import LibraryError, StorageError
from flamingo_bark_assets.files.atomic import write_bytes, writes_named
from flamingo_bark_assets.files.opening import is_missing, open_regular
from flamingo_bark_assets.record import ColumnSpec, Measurement, Record, Row, columns_of, events_of, rows_of
from flamingo_bark_assets.storage.packs import Packs, Place, names_in
from flamingo_bark_assets.storage.result_file import (
    HEAD_BYTES,
    DecodedTable,
    EncodedResult,
    ResultFile,
    decode_tables,
    encode_tables,
    pack_results,
    read_head,
)
from flamingo_bark_assets.storage.tables import MEASUREMENTS, MeasurementRow, Table

if TYPE_CHECKING:
    import polars as pl

R = TypeVar("R", bound=Record)

READING_ERRORS = (StorageError, LibraryError, OSError, ArithmeticError, LookupError, TypeError, ValueError)
"""What reading a damaged file may end in."""
SONGS_FOLDER = "songs"
PACKS_FOLDER = "packs"
RESULTS_ENDING = ".results"
SONGS_A_PACK = 1024
"""A pack holds at most so many songs."""
LEAST_TO_PACK = 256
"""Files of songs are packed when there are so many."""


@dataclasses.dataclass(frozen=True, slots=True)
class FeatureStore:
    """The folder of stored results.

    Attributes:
        folder: holds ``songs/<song_id>.results`` and ``packs``.
    """

    folder: Path

    @property
    def packs(self) -> Packs:
        """Songs that have come to rest."""
        return Packs(self.folder / PACKS_FOLDER)

    def path(self, song_id: str) -> Path:
        """Return the file of a song; a song that is packed has none."""
        return self.folder / SONGS_FOLDER / f"{song_id}{RESULTS_ENDING}"

    def write(self, record: Record) -> None:
        """Store a record beside the other results of its song, in one step.

        Raises:
            WriteError: it cannot be written.
            ValueError, TypeError: a value is not of its column's type.
        """
        self.write_all(record.song_id, {record.TABLE: encode_record(record)})

    def write_all(self, song_id: str, results: Mapping[str, EncodedResult]) -> None:
        """Store results beside the others of their song, in one step.

        Raises:
            WriteError: they cannot be written.
        """
        try:
            file = self.open(song_id)
            kept = file.results() if file is not None else {}
        except StorageError:  # what is damaged is due, and is made again
            kept = {}
        write_bytes(self.path(song_id), pack_results({**kept, **results}))

    def open(self, song_id: str) -> ResultFile | None:
        """Open what is stored of a song; None where there is nothing.

        Raises:
            StorageError: it is damaged.
        """
        for _ in range(2):
            try:
                return ResultFile(self._read(song_id))
            except FileNotFoundError:
                if (packed := self.packs.read(song_id)) is not None:
                    return packed
                # Nowhere: unless a run that made it anew has just taken it out of both, once more.
        return None

    def _read(self, song_id: str) -> bytes:
        path = self.path(song_id)
        if is_missing(path):
            raise FileNotFoundError(path)
        try:
            with open_regular(path) as file:
                return file.read()
        except LibraryError as error:
            if is_missing(path):  # packed a moment ago
                raise FileNotFoundError(path) from error
            raise StorageError(str(error)) from error
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error

    def read(self, cls: type[R], song_id: str, *, outdated: str | None = None) -> R:
        """Read a record back, measurements and rows included.

        What an older version did not measure yet is unknown and says so; what is measured no more is passed over.

        Raises:
            StorageError: it was never written, or cannot be read; names song and table.
        """
        try:
            file = self.open(song_id)
            encoded = file.result(cls.TABLE) if file is not None else None
            if encoded is not None:
                return _record(cls, song_id, decode_tables(encoded, _specs_of(cls)), outdated)
        except READING_ERRORS as error:
            raise StorageError(
                f"{song_id}: stored {cls.TABLE} cannot be read ({error}); materialise the asset again"
            ) from error
        raise StorageError(f"{song_id}: no {cls.TABLE} yet; materialise the asset for this song first")

    def versions(self, song_id: str) -> dict[str, str]:
        """Return the version of each stored result of a song, by its wide table; what cannot be read has none."""
        try:
            file = self.open(song_id)
        except READING_ERRORS:
            return {}
        return file.versions if file is not None else {}

    def tokens(self) -> dict[str, str | None]:
        """Return what tells whether anything of a song has changed, by song; None where its file is damaged.

        Raises:
            StorageError: a folder cannot be read.
        """
        own = {song_id: self._token(song_id) for song_id in self._unpacked()}
        # Afterwards, as a song that was packed meanwhile is then in the packs.
        packed = {song_id: place.token for song_id, place in self.packs.places().items()}
        return {**packed, **{song_id: token for song_id, token in own.items() if token != ""}}

    def token(self, song_id: str) -> str | None:
        """Return what tells whether anything of a song has changed; None where nothing is stored, or it is damaged."""
        token = self._token(song_id)
        if token != "":
            return token
        place = self.packs.places().get(song_id)
        return place.token if place is not None else None

    def _token(self, song_id: str) -> str | None:
        """Return the token of a song's own file, None where it is damaged, "" where there is none."""
        path = self.path(song_id)
        if is_missing(path):
            return ""
        try:
            with open_regular(path) as file:
                head = read_head(file.read(HEAD_BYTES))
                return head.token if os.fstat(file.fileno()).st_size == head.file_bytes else None
        except (StorageError, LibraryError, OSError):
            return "" if is_missing(path) else None

    def packed(self) -> dict[str, Place]:
        """Return the songs that have no file of their own, each with its place in a pack."""
        own = set(self._unpacked())
        return {song_id: place for song_id, place in self.packs.places().items() if song_id not in own}

    def _unpacked(self) -> list[str]:
        """List the songs that have a file of their own, sorted.

        Raises:
            StorageError: their folder cannot be read.
        """
        names = names_in(self.folder / SONGS_FOLDER)
        return sorted(
            name[: -len(RESULTS_ENDING)] for name in names if name.endswith(RESULTS_ENDING) and not name.startswith(".")
        )

    def any_song(self) -> str | None:
        """Return one of the songs of which anything is stored; None where there is none.

        Raises:
            StorageError: a folder cannot be read.
        """
        return next(itertools.chain(self._unpacked(), self.packs.places()), None)

    def song_ids(self) -> list[str]:
        """Return the songs of which anything is stored, sorted."""
        return sorted({*self._unpacked(), *self.packs.places()})

    def remove(self, song_ids: Iterable[str]) -> None:
        """Remove what is stored of songs.

        Raises:
            WriteError: it cannot be removed.
        """
        gone = list(song_ids)
        for song_id in gone:  # first, as whoever is packing it forgets it then
            with writes_named(self.path(song_id)):
                self.path(song_id).unlink(missing_ok=True)
        self.packs.forget(gone)

    def read_columns(
        self, table: str, song_ids: Iterable[str], columns: Sequence[ColumnSpec], *, result: str | None = None
    ) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Read columns of one table for many songs at once, or, of measurements, of what one result has there.

        Returns:
            The rows in the order of songs, null in columns that a result of an older version lacks; and the songs whose
            files cannot be read, which are left out. Songs of which nothing is stored have no rows.
        """
        gathered, unreadable = TableRows(columns), []
        for song_id in song_ids:
            try:
                if (file := self.open(song_id)) is None:
                    continue
                for name in file.with_table(table) if result is None else [result]:
                    gathered.add(song_id, decode_tables(_result(file, name), {table: columns})[table])
            except READING_ERRORS:
                unreadable.append(song_id)
        return gathered.frame(), tuple(unreadable)

    def pack(self, guarded: Callable[[str], AbstractContextManager[bool]], *, at_least: int = LEAST_TO_PACK) -> int:
        """Pack the files of songs where there are enough of them, and write worn packs anew; count the packed songs.

        A song stays readable at every moment, and a kill leaves it in one of both places, or in both. `guarded` keeps
        others from making a song meanwhile, and yields whether it does: one that is being made stays as it is. A pack
        of which a song cannot be read stays too.

        Raises:
            WriteError: a pack cannot be written.
        """
        if len(self._unpacked()) < at_least:
            return 0
        packs, packed = self.packs, set[str]()
        with packs.alone():
            own = dict.fromkeys(self._unpacked())
            worn = packs.worn(own.keys())
            to_pack = [*own, *(song_id for songs in worn.values() for song_id in songs)]
            for start in range(0, len(to_pack), SONGS_A_PACK):
                tokens = packs.add(self._readable(to_pack[start : start + SONGS_A_PACK]))
                packed |= tokens.keys()
                # What somebody has removed meanwhile was in no pack that could be seen.
                packs.forget(s for s in tokens if s in own and self._token(s) == "")
                for song_id, token in tokens.items():
                    with guarded(song_id) as held:
                        if held and self._token(song_id) == token:
                            self.path(song_id).unlink(missing_ok=True)
            packs.delete(number for number, songs in worn.items() if packed.issuperset(songs))
        return len(packed)

    def _readable(self, song_ids: Iterable[str]) -> Iterator[tuple[str, Mapping[str, EncodedResult]]]:
        for song_id in song_ids:
            try:
                file = self.open(song_id)
                results = file.results() if file is not None else {}
            except READING_ERRORS:  # it stays, for whoever looks into it
                continue
            if results:
                yield song_id, results


class TableRows:
    """Rows of one table, gathered from many songs.

    Args:
        columns: of the table, in order; `song_id` may be one.
    """

    def __init__(self, columns: Sequence[ColumnSpec]) -> None:
        self._columns = tuple(columns)
        self._songs: list[tuple[str, int]] = []
        self._parts: list[DecodedTable] = []

    def add(self, song_id: str, table: DecodedTable) -> None:
        """Add the rows of a song."""
        self._songs.append((song_id, table.n_rows))
        self._parts.append(table)

    def frame(self) -> pl.DataFrame:
        """Return all rows in the order in which they were added; a column that a part lacks is null there."""
        import polars as pl

        schema = schema_of(self._columns)
        return pl.DataFrame([self._series(spec, schema[spec.name]) for spec in self._columns])

    def _series(self, spec: ColumnSpec, dtype: pl.DataType) -> pl.Series:
        import numpy as np
        import polars as pl

        if spec.name == "song_id":
            return pl.Series(spec.name, [song_id for song_id, n_rows in self._songs for _ in range(n_rows)], dtype)
        parts: list[Any] = [part.columns.get(spec.name) for part in self._parts]
        if parts and all(isinstance(part, np.ndarray) for part in parts):
            return pl.Series(spec.name, np.concatenate(parts), dtype)
        values: list[Any] = []
        for part, table in zip(parts, self._parts, strict=True):
            if part is None:
                values += [None] * table.n_rows
            else:
                values += part if isinstance(part, list) else part.tolist()
        # Not strict: a column may have been one of whole numbers once.
        return pl.Series(spec.name, values, dtype, strict=False)


def check_keys(table: Table, rows: DecodedTable) -> None:
    """Refuse rows that are told from others of their song by nothing.

    Raises:
        StorageError: two rows have the same key.
    """
    import numpy as np

    names = table.key[1:]
    columns = [rows.columns.get(name, [None] * rows.n_rows) for name in names]
    if len(columns) == 1 and isinstance(columns[0], np.ndarray) and bool(np.all(np.diff(columns[0]) > 0)):
        return
    keys = list(zip(*columns, strict=True)) if columns else [()] * rows.n_rows
    if len(set(keys)) < len(keys):
        doubled = next(key for key in keys if keys.count(key) > 1)
        told = ", ".join(f"{name} {value}" for name, value in zip(names, doubled, strict=True))
        raise StorageError(f"{table.name} has two rows of {told or 'this song'}")


def schema_of(columns: Sequence[ColumnSpec]) -> pl.Schema:
    """Return the types of columns as Polars has them."""
    import polars as pl

    types = {float: pl.Float64(), int: pl.Int64(), bool: pl.Boolean(), str: pl.String()}
    return pl.Schema({spec.name: types[spec.type] for spec in columns})


def encode_record(record: Record) -> EncodedResult:
    """Encode a record: its wide row, its measurements and its long tables.

    Raises:
        ValueError, TypeError: a value is not of its column's type.
    """
    cls = type(record)
    specs = _specs_of(cls)
    measured = [_measurement_row(record, spec, measurement) for spec, measurement in record.measurements()]
    rows: dict[str, Sequence[Row]] = {MEASUREMENTS: measured}
    rows |= {row_class.TABLE: getattr(record, name) for name, row_class in events_of(cls).items()}
    wide = {spec.name: [_plain(getattr(record, spec.name))] for spec in specs[cls.TABLE]}
    long = (
        (table, specs[table], {spec.name: [getattr(row, spec.name) for row in values] for spec in specs[table]})
        for table, values in rows.items()
    )
    return encode_tables([(cls.TABLE, specs[cls.TABLE], wide), *long])


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Measurement) else value


def _specs_of(cls: type[Record]) -> dict[str, tuple[ColumnSpec, ...]]:
    """Return the columns of each table of a record but `song_id`, which its file says."""
    return _specs_of_class(cast(Any, cls))  # mypy does not take the class of a dataclass for hashable


@functools.cache
def _specs_of_class(cls: Any) -> dict[str, tuple[ColumnSpec, ...]]:
    wide = tuple(spec for spec in columns_of(cls) if spec.name != "song_id")
    events: tuple[type[Row], ...] = tuple(events_of(cls).values())
    return {cls.TABLE: wide, MEASUREMENTS: columns_of(MeasurementRow), **{e.TABLE: columns_of(e) for e in events}}


def _record(cls: type[R], song_id: str, tables: Mapping[str, DecodedTable], outdated: str | None) -> R:
    wide = {name: values[0] for name, values in tables[cls.TABLE].columns.items()}
    stored = _lists(tables.get(MEASUREMENTS))
    measured = {
        name: dict(zip(stored, values, strict=True))
        for name, *values in zip(stored.get("name", []), *stored.values(), strict=True)
    }
    fields: dict[str, Any] = {
        spec.name: _restored(spec, measured.get(spec.name), outdated) if spec.measured else wide.get(spec.name)
        for spec in columns_of(cls)
    }
    for name, row_class in events_of(cls).items():
        fields[name] = _rows(row_class, tables.get(row_class.TABLE))
    return cls(**{**fields, "song_id": song_id})


def _rows(row_class: type[Row], table: DecodedTable | None) -> tuple[Row, ...]:
    if table is None:
        return ()
    nothing = [None] * table.n_rows
    return rows_of(row_class, **{spec.name: table.columns.get(spec.name, nothing) for spec in columns_of(row_class)})


def _lists(table: DecodedTable | None) -> dict[str, list[Any]]:
    columns = table.columns if table is not None else {}
    return {name: values if isinstance(values, list) else values.tolist() for name, values in columns.items()}


def _result(file: ResultFile, name: str) -> EncodedResult:
    result = file.result(name)
    assert result is not None
    return result


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
