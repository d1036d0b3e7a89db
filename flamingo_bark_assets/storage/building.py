"""Filling a DuckDB file with the rows of songs: of all, or of those that have changed in a copy of the last file.

What stands in the file belongs here; putting it in place and asking it stands in `warehouse`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.files.atomic import write_failure
from flamingo_bark_assets.storage.feature_store import READING_ERRORS, FeatureStore, TableRows, check_keys
from flamingo_bark_assets.storage.frames import Parts, frames_folder, renew_parts
from flamingo_bark_assets.storage.result_file import ResultFile, decode_tables
from flamingo_bark_assets.storage.tables import Records, Table, all_tables

if TYPE_CHECKING:
    import duckdb
    import polars as pl

# The oldest that DuckDB 2.0 writes; every client from 1.1 on reads it.
STORAGE_VERSION = "v1.0.0"
JOURNAL = ".wal"
"""Ending of the file in which DuckDB keeps what was written until its next checkpoint, beside the database."""
# Which songs the file holds, and what told them by then; in a schema of its own, as no user asks for it.
_SONGS = "internal.songs"
_HIDDEN = "internal.hidden"
_LAYOUT = "internal.layout"
_INTERNAL = (
    "CREATE SCHEMA internal",
    f"CREATE TABLE {_SONGS} (song_id VARCHAR, token VARCHAR, part VARCHAR)",
    f"COMMENT ON COLUMN {_SONGS}.song_id IS 'A song that is in the file.'",
    f"COMMENT ON COLUMN {_SONGS}.token IS 'Digest of its stored results.'",
    f"COMMENT ON COLUMN {_SONGS}.part IS 'The files beside this one that hold its frames; null where it does.'",
    f"CREATE TABLE {_HIDDEN} (song_id VARCHAR, part VARCHAR)",
    f"COMMENT ON COLUMN {_HIDDEN}.song_id IS 'A song whose rows in a part do not count.'",
    f"COMMENT ON COLUMN {_HIDDEN}.part IS 'The part.'",
    f"CREATE TABLE {_LAYOUT} (layout VARCHAR, replaced BIGINT)",
    f"COMMENT ON COLUMN {_LAYOUT}.layout IS 'Digest of tables, columns and comments.'",
    f"COMMENT ON COLUMN {_LAYOUT}.replaced IS 'Songs that were replaced since the file was filled anew.'",
)
# Own choices, not measured: from which share of changed songs on a file is filled anew, and when it has so many holes,
# which deleted rows leave, that only a new one closes them.
_MOST_REPLACED = 0.2
_MOST_HOLES = 1.0
_ROWS_AT_ONCE = 600_000
_MEMORY = "512MB"


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published.

    Attributes:
        path: the DuckDB file.
        rows: rows of each table.
        songs: number of songs.
        left_out: songs that could not be read, each with its reason.
        unread: these songs.
        without_row: songs that a table of one row a song has none of, each with the reason.
        replaced: number of songs whose rows were written anew.
    """

    path: Path
    rows: dict[str, int]
    songs: int
    left_out: tuple[str, ...]
    unread: tuple[str, ...]
    without_row: tuple[str, ...]
    replaced: int


@dataclass(frozen=True, slots=True)
class _Before:
    """What the last file holds.

    Attributes:
        tokens: of each song, by `FeatureStore.tokens`.
        parts: of each song the part that holds its frames; None where the file does.
        replaced: number of songs that were replaced since a file was filled anew.
    """

    tokens: dict[str, str]
    parts: dict[str, str | None]
    replaced: int


def _copy(source: Path, target: Path) -> None:
    """Copy a file, by sharing its blocks where the file system can.

    Raises:
        OSError: it cannot be copied.
    """
    with source.open("rb") as old, target.open("wb") as new, suppress(OSError, AttributeError):
        while os.copy_file_range(old.fileno(), new.fileno(), 1 << 30):
            pass
        return
    shutil.copyfile(source, target)


def published_tokens(path: Path) -> dict[str, str]:
    """Return the songs that a file holds, each with the token of its results then; none where it cannot be read."""
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            return dict(connection.execute(f"SELECT song_id, token FROM {_SONGS}").fetchall())
    except (duckdb.Error, RuntimeError):
        return {}


class Builder:
    """Fills one file.

    Args:
        store: the stored results.
        song_ids: whose rows go in.
        records: classes of all results.
        over_all_songs: tables that are no result of one song, with the Parquet file of each.
    """

    def __init__(
        self, store: FeatureStore, song_ids: Sequence[str], records: Records, over_all_songs: Mapping[Table, Path]
    ) -> None:
        self._store = store
        self._song_ids = song_ids
        self._records = records
        self._over_all = over_all_songs
        self._tables = all_tables(records)
        self._of_frames = [table for table in self._tables if table.is_of_frames]
        self._parts = Parts((), {})
        self._left_out: list[str] = []
        self._unread: list[str] = []

    def fill(self, temporary: Path, path: Path, *, before: Path | None) -> Publication:
        """Fill the file `temporary`, which is to stand at `path`; `before` is the last one, where it can be built on.

        Raises:
            WriteError: it cannot be written.
            StorageError: DuckDB failed for another reason.
        """
        import duckdb

        parts = renew_parts(frames_folder(path), self._store, self._of_frames)
        stored = self._store.tokens()
        tokens = {song_id: stored[song_id] for song_id in self._song_ids if song_id in stored}
        self._parts = parts.only(tokens)
        last = self._read(before) if before is not None else None
        changed = [s for s, token in tokens.items() if last is None or self._has_changed(s, token, last)]
        gone = list(last.tokens.keys() - tokens.keys()) if last is not None else []
        if last is not None and self._is_worth_a_copy(last, len(changed) + len(gone)):
            assert before is not None
            _copy(before, temporary)
        else:
            last, changed, gone = None, list(tokens), []
        config: dict[str, Any] = {"storage_compatibility_version": STORAGE_VERSION, "memory_limit": _MEMORY}
        try:
            with duckdb.connect(str(temporary), config=config) as connection:
                if last is None:
                    self._lay_out(connection)
                else:
                    self._delete(connection, [*changed, *gone])
                    self._move_out(connection, last)
                written = self._insert_songs(connection, changed, tokens)
                # What was left out, is gone, or was made anew meanwhile, counts in no part.
                unwritten = dict.fromkeys(set(changed) - written.keys())
                self._parts = self._parts.only({**tokens, **written, **unwritten})
                self._note(connection, written, last.replaced + len(changed) if last else 0)
                self._fill_over_all(connection)
                self._make_views(connection)
                rows = self._count(connection)
                without_row = self._songs_without_row(connection, tokens)
                connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            failure = write_failure(error, path, temporary)
            raise failure or StorageError(f"{path}: cannot be published: {first_line(error)}") from error
        temporary.with_name(f"{temporary.name}{JOURNAL}").unlink(missing_ok=True)
        left_out, unread = tuple(self._left_out), tuple(self._unread)
        return Publication(path, rows, len(self._song_ids), left_out, unread, without_row, len(written))

    def _has_changed(self, song_id: str, token: str | None, last: _Before) -> bool:
        """Tell whether rows of a song are to be written: it has changed, or its frames are in no part any more."""
        is_back = last.parts.get(song_id) is not None and song_id not in self._parts.of_song
        return token is None or last.tokens.get(song_id) != token or is_back

    def _is_worth_a_copy(self, last: _Before, n_changed: int) -> bool:
        held = max(1, len(last.tokens))
        return n_changed <= _MOST_REPLACED * held + 1 and last.replaced + n_changed <= _MOST_HOLES * held + 1

    def _layout(self) -> str:
        """Digest what the tables look like."""
        tables = (*self._tables, *self._over_all)
        told = [STORAGE_VERSION, *_INTERNAL, *(self._place(table) for table in tables)]
        told += [line for table in tables for line in (table.ddl, *_comments(table))]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    def _read(self, path: Path) -> _Before | None:
        """Read what a file holds; None where its tables look otherwise."""
        import duckdb

        try:
            with duckdb.connect(str(path), read_only=True) as connection:
                found = connection.execute(f"SELECT layout, replaced FROM {_LAYOUT}").fetchall()
                if len(found) != 1 or found[0][0] != self._layout():
                    return None
                songs = connection.execute(f"SELECT song_id, token, part FROM {_SONGS}").fetchall()
        except (duckdb.Error, RuntimeError):
            return None
        tokens, parts = {song: token for song, token, _ in songs}, {song: part for song, _, part in songs}
        return _Before(tokens, parts, int(found[0][1]))

    def _place(self, table: Table) -> str:
        """Return the table that rows go into: of frames, where some stand in parts, one behind a view."""
        return f"internal.{table.name}" if table.is_of_frames and self._parts.each else table.name

    def _lay_out(self, connection: duckdb.DuckDBPyConnection) -> None:
        connection.begin()  # a commit costs an fsync, and there are hundreds of comments
        for statement in _INTERNAL:
            connection.execute(statement)
        for table in (*self._tables, *self._over_all):
            placed = dataclasses.replace(table, name=self._place(table))
            for statement in (placed.ddl, *_comments(placed)):
                connection.execute(statement)
        connection.execute(f"INSERT INTO {_LAYOUT} VALUES (?, 0)", [self._layout()])
        connection.commit()

    def _delete(self, connection: duckdb.DuckDBPyConnection, song_ids: Sequence[str]) -> None:
        if not song_ids:
            return
        # As literals, so that blocks that hold none of them are passed over.
        listed = ", ".join(map(_literal, song_ids))
        connection.begin()
        for table in (*map(self._place, self._tables), _SONGS):
            connection.execute(f"DELETE FROM {table} WHERE song_id IN ({listed})")
        connection.commit()

    def _move_out(self, connection: duckdb.DuckDBPyConnection, last: _Before) -> None:
        """Delete the frames of songs that a part holds since, and note where the frames of each song stand."""
        of_song = self._parts.of_song
        moved = [s for s, part in last.parts.items() if of_song.get(s) is not None and part != of_song[s]]
        if not moved:
            return
        connection.begin()
        listed = ", ".join(map(_literal, [s for s in moved if last.parts[s] is None]))
        for table in self._of_frames if listed else ():
            connection.execute(f"DELETE FROM {self._place(table)} WHERE song_id IN ({listed})")
        connection.execute(
            f"UPDATE {_SONGS} SET part = moved.part FROM (SELECT unnest(?::VARCHAR[]) AS song_id,"
            f" unnest(?::VARCHAR[]) AS part) AS moved WHERE {_SONGS}.song_id = moved.song_id",
            [moved, [of_song[s] for s in moved]],
        )
        connection.commit()

    def _make_views(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let the tables of frames show the rows of this file and those of the parts."""
        hidden = self._parts.hidden
        connection.begin()
        connection.execute(f"DELETE FROM {_HIDDEN}")
        connection.execute(
            f"INSERT INTO {_HIDDEN} SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[])",
            [[song for song, _ in hidden], [part for _, part in hidden]],
        )
        for table in self._of_frames if self._parts.each else ():
            columns = ", ".join(spec.name for spec in table.columns)
            files = ", ".join(_literal(str(part.files[table.name].absolute())) for part in self._parts.each)
            counts = f" WHERE (song_id, part) NOT IN (SELECT (song_id, part) FROM {_HIDDEN})" if hidden else ""
            connection.execute(
                f"CREATE OR REPLACE VIEW {table.name} AS SELECT {columns} FROM {self._place(table)}"
                f" UNION ALL SELECT {columns} FROM read_parquet([{files}]){counts}"
            )
            for comment in _comments(table, kind="VIEW"):
                connection.execute(comment)
        connection.commit()

    def _count(self, connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
        """Count the rows of each table, here and in parts."""
        in_parts, rows = self._parts.n_rows(), {}
        for table in (*self._tables, *self._over_all):
            found = connection.execute(f"SELECT count(*) FROM {self._place(table)}").fetchone()
            rows[table.name] = int(found[0] if found else 0) + in_parts.get(table.name, 0)
        return rows

    def _insert_songs(
        self, connection: duckdb.DuckDBPyConnection, song_ids: Sequence[str], tokens: Mapping[str, str | None]
    ) -> dict[str, str]:
        """Insert the rows of songs, which had these tokens; return the tokens of the results that went in."""
        written: dict[str, str] = {}
        batch = _Batch(self._tables)
        for song_id in song_ids:
            try:
                if (file := self._store.open(song_id)) is not None:
                    is_in_part = song_id in self._parts.of_song and file.token == tokens[song_id]
                    batch.add(song_id, file, with_frames=not is_in_part)
            except READING_ERRORS as error:
                self._leave_out(song_id, error)
            if batch.n_rows >= _ROWS_AT_ONCE:
                written |= self._insert(connection, batch)
                batch = _Batch(self._tables)
        return written | self._insert(connection, batch)

    def _insert(self, connection: duckdb.DuckDBPyConnection, batch: _Batch) -> dict[str, str]:
        """Insert a batch in one transaction; where something is wrong with a song of it, song by song."""
        import duckdb

        connection.begin()
        try:
            for table, frame in batch.frames():
                _insert_frame(connection, self._place(table), frame)
            connection.commit()
            return batch.tokens
        except (duckdb.Error, *READING_ERRORS) as error:
            connection.rollback()
            if isinstance(error, duckdb.Error) and not _is_a_songs_fault(error):
                raise
            songs = list(batch.tokens)
            if len(songs) == 1:
                self._leave_out(songs[0], error)
                return {}
            return {s: token for one in batch.alone() for s, token in self._insert(connection, one).items()}

    def _leave_out(self, song_id: str, error: Exception) -> None:
        self._unread.append(song_id)
        self._left_out.append(f"{song_id}: left out: {first_line(error)}; run the song again")

    def _note(self, connection: duckdb.DuckDBPyConnection, tokens: Mapping[str, str], replaced: int) -> None:
        connection.begin()
        songs = list(tokens)
        connection.execute(
            f"INSERT INTO {_SONGS} SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[])",
            [songs, [tokens[s] for s in songs], [self._parts.of_song.get(s) for s in songs]],
        )
        connection.execute(f"UPDATE {_LAYOUT} SET replaced = ?", [replaced])
        connection.commit()

    def _fill_over_all(self, connection: duckdb.DuckDBPyConnection) -> None:
        import duckdb

        for table, file in self._over_all.items():
            connection.execute(f"DELETE FROM {table.name}")
            if not file.is_file():
                continue
            try:
                columns = ", ".join(spec.name for spec in table.columns)
                connection.execute(
                    f"INSERT INTO {table.name} BY NAME SELECT {columns} FROM read_parquet(?)", [str(file)]
                )
            except duckdb.Error as error:
                if not _is_a_songs_fault(error):
                    raise
                self._left_out.append(f"{table.name}: {file.name} left out: {first_line(error)}")

    def _songs_without_row(
        self, connection: duckdb.DuckDBPyConnection, tokens: Mapping[str, str | None]
    ) -> tuple[str, ...]:
        """Name the songs that are not in every table of one row a song, in order, each with what that comes from."""
        absent: dict[str, list[str]] = {}
        every_song = [record.TABLE for record in self._records if record.EVERY_SONG]
        for table in every_song:
            found = connection.execute(
                f"SELECT unnest(?::VARCHAR[]) EXCEPT SELECT song_id FROM {table}", [list(self._song_ids)]
            )
            for (song_id,) in found.fetchall():
                absent.setdefault(song_id, []).append(table)
        return tuple(
            f"{song_id}: not run yet" if song_id not in tokens else f"{song_id}: {_without(tables, every_song)}"
            for song_id, tables in sorted(absent.items())
        )


def _without(tables: Sequence[str], every_song: Sequence[str]) -> str:
    where = "any table" if len(tables) == len(every_song) else ", ".join(tables)
    return f"no row in {where}; run the song again"


class _Batch:
    """The rows of some songs by table."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = {table.name: table for table in tables}
        self._specs = {table.name: table.columns for table in tables}
        self._rows: dict[str, TableRows] = {}
        self._files: dict[str, tuple[ResultFile, bool]] = {}
        self.n_rows = 0

    @property
    def tokens(self) -> dict[str, str]:
        """Of each song, in order, what its results are told by."""
        return {song_id: file.token for song_id, (file, _) in self._files.items()}

    def add(self, song_id: str, file: ResultFile, *, with_frames: bool) -> None:
        """Add all rows of a song, or all but its frames.

        Raises:
            StorageError, ValueError: they cannot be read, or two have the same key; none of them is then added.
        """
        of_frames = set() if with_frames else {name for name, table in self._tables.items() if table.is_of_frames}
        specs = {name: columns for name, columns in self._specs.items() if name not in of_frames}
        decoded = [decode_tables(result, specs) for result in file.results().values()]
        for tables in decoded:
            for name, table in tables.items():
                check_keys(self._tables[name], table)
        for tables in decoded:
            for name, table in tables.items():
                self._rows.setdefault(name, TableRows(self._specs[name])).add(song_id, table)
                self.n_rows += table.n_rows
        self._files[song_id] = file, with_frames

    def frames(self) -> Iterator[tuple[Table, pl.DataFrame]]:
        """Give each table that has rows."""
        for name, rows in self._rows.items():
            yield self._tables[name], rows.frame()

    def alone(self) -> Iterator[_Batch]:
        """Give each song in a batch of its own."""
        for song_id, (file, with_frames) in self._files.items():
            one = _Batch(list(self._tables.values()))
            one.add(song_id, file, with_frames=with_frames)
            yield one


class _Arrow:
    """A frame as DuckDB takes it without pyarrow: by the Arrow PyCapsule interface alone."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def _insert_frame(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    name = "rows_to_insert"
    connection.register(name, _Arrow(frame))
    try:
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM {name}")
    finally:
        connection.unregister(name)


def _is_a_songs_fault(error: duckdb.Error) -> bool:
    """Tell a value that no column takes from a full disk or exhausted memory."""
    import duckdb

    if isinstance(error, duckdb.FatalException | duckdb.OutOfMemoryException | duckdb.InterruptException):
        return False
    return "Could not write" not in str(error)


def _comments(table: Table, *, kind: str = "TABLE") -> Iterator[str]:
    yield f"COMMENT ON {kind} {table.name} IS {_literal(table.doc)}"
    for spec in table.columns:
        yield f"COMMENT ON COLUMN {table.name}.{spec.name} IS {_literal(spec.comment)}"


def first_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
