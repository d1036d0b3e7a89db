"""Rows of packed songs that are one a frame, in Parquet files beside the warehouse, which reads them there.

Nine rows of ten of a library are frames. A publication copies the warehouse; what a pack holds does not change, and
neither do these files. Making and clearing them belongs here; the views over them stand in `building`.

A part is the frames of some fifty songs of one pack: a file a table and, written last, a list of its songs.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.atomic import replacing, write_text, writes_named
from flamingo_bark_assets.files.opening import read_text
from flamingo_bark_assets.storage.feature_store import READING_ERRORS, FeatureStore, TableRows, check_keys
from flamingo_bark_assets.storage.result_file import decode_tables
from flamingo_bark_assets.storage.tables import Table

# About fifty songs of three minutes: two million rows, which are in memory at once.
_PART_BYTES = 4_000_000
_PART_NAME = re.compile(r"\d+-[0-9a-f]+-\d+")  # another file in the folder is somebody else's
_LIST, _GONE = ".json", ".gone"
_MOST_LIST_BYTES = 16 * 1024 * 1024
# A reader that opened the warehouse before a publication may still read what that has no more use for.
_KEPT_S = 24 * 3600.0


def frames_folder(warehouse: Path) -> Path:
    """Return the folder of the parts of a warehouse."""
    return warehouse.with_name(f"{warehouse.stem}_frames")


@dataclass(frozen=True, slots=True)
class Part:
    """The frames of some songs.

    Attributes:
        name: of the part.
        rows: of each song whose frames stand in it, also of one that was made anew since, the rows in each table.
        tokens: of each of these songs what its results were told by.
        files: Parquet file by table.
    """

    name: str
    rows: Mapping[str, Mapping[str, int]]
    tokens: Mapping[str, str]
    files: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Parts:
    """All parts of a warehouse.

    Attributes:
        each: the parts, sorted by name.
        of_song: name of the part that holds a song's frames; songs that are not packed have none.
    """

    each: tuple[Part, ...]
    of_song: Mapping[str, str]

    def only(self, tokens: Mapping[str, str | None]) -> Parts:
        """Return the same parts, of which only songs count whose results are told by these tokens."""
        held = {s: token for part in self.each for s, token in part.tokens.items() if self.of_song.get(s) == part.name}
        return Parts(self.each, {s: part for s, part in self.of_song.items() if held[s] == tokens.get(s)})

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """Songs in parts that do not count, each with the part: they were made anew since, or are gone."""
        return [
            (song, part.name) for part in self.each for song in sorted(part.rows) if self.of_song.get(song) != part.name
        ]

    def n_rows(self) -> dict[str, int]:
        """Count, in one pass, the rows of each table that count."""
        counted: dict[str, int] = {}
        for part in self.each:
            for song, rows in part.rows.items():
                if self.of_song.get(song) == part.name:
                    for table, n_rows in rows.items():
                        counted[table] = counted.get(table, 0) + n_rows
        return counted


def renew_parts(folder: Path, store: FeatureStore, tables: Sequence[Table]) -> Parts:
    """Make the parts that are missing, and clear those that are wanted no more.

    Raises:
        WriteError: one cannot be written, or deleted.
    """
    wanted: dict[str, dict[str, str]] = {}
    for song_id, place in store.packed().items():
        wanted.setdefault(f"{place.pack_name}-{place.offset // _PART_BYTES:04d}", {})[song_id] = place.token
    parts = []
    for name, songs in sorted(wanted.items()):
        part = _read_part(folder, name, tables)
        parts.append(part if part is not None else _make_part(folder, name, songs, store, tables))
    _clear(folder, set(wanted))
    of_song = {
        song: part.name for part in parts for song, token in wanted[part.name].items() if part.tokens.get(song) == token
    }
    return Parts(tuple(parts), of_song)


def _files(folder: Path, name: str, tables: Sequence[Table]) -> dict[str, Path]:
    return {table.name: folder / f"{name}.{table.name}.parquet" for table in tables}


def _read_part(folder: Path, name: str, tables: Sequence[Table]) -> Part | None:
    """Return a part that is there; None where it is not, or not whole, or was made of other columns."""
    files = _files(folder, name, tables)
    with suppress(FileFault, OSError, ValueError, LookupError, TypeError):
        told = json.loads(read_text(folder / f"{name}{_LIST}", max_bytes=_MOST_LIST_BYTES))
        if told["columns"] == _columns(tables) and told["files"] == _stamps(files):
            return Part(name, dict(told["rows"]), dict(told["tokens"]), files)
    return None


def _make_part(folder: Path, name: str, songs: Mapping[str, str], store: FeatureStore, tables: Sequence[Table]) -> Part:
    import polars as pl

    rows = {table.name: TableRows(table.columns) for table in tables}
    specs = {table.name: table.columns for table in tables}
    keys = {table.name: table for table in tables}
    held: dict[str, dict[str, int]] = {}
    for song_id, token in songs.items():
        try:
            if (file := store.open(song_id)) is None or file.token != token:  # it was made anew meanwhile
                continue
            names = {name for table in tables for name in file.with_table(table.name)}
            results = [result for name in sorted(names) if (result := file.result(name)) is not None]
            decoded = [decode_tables(result, specs) for result in results]
            for found in decoded:
                for table, of_song in found.items():
                    check_keys(keys[table], of_song)
        except READING_ERRORS:  # whoever publishes names it
            continue
        held[song_id] = {}
        for found in decoded:
            for table, of_song in found.items():
                rows[table].add(song_id, of_song)
                held[song_id][table] = of_song.n_rows
    files = _files(folder, name, tables)
    for table, path in files.items():
        with replacing(path) as temporary:
            frame = rows[table].frame().with_columns(pl.lit(name).alias("part"))
            frame.write_parquet(temporary, compression="zstd", row_group_size=200_000)
    tokens = {song_id: songs[song_id] for song_id in held}
    told = {"columns": _columns(tables), "files": _stamps(files), "rows": held, "tokens": tokens}
    write_text(folder / f"{name}{_LIST}", json.dumps(told) + "\n")
    return Part(name, held, tokens, files)


def _stamps(files: Mapping[str, Path]) -> dict[str, list[int]]:
    """Return size and time of each file, by which one that somebody has written into is noticed.

    Raises:
        OSError: one is lost.
    """
    statuses = {table: path.stat() for table, path in files.items()}
    return {table: [status.st_size, status.st_mtime_ns] for table, status in statuses.items()}


def _columns(tables: Sequence[Table]) -> dict[str, list[str]]:
    return {table.name: [f"{spec.name} {spec.type.__name__}" for spec in table.columns] for table in tables}


def _clear(folder: Path, wanted: set[str]) -> None:
    """Delete parts that no publication has used for a day.

    Raises:
        WriteError: they cannot be deleted.
    """
    with writes_named(folder):
        for name, paths in _found(folder):
            mark = folder / f"{name}{_GONE}"
            if name in wanted:
                mark.unlink(missing_ok=True)
            elif not mark.exists():
                mark.touch()
            elif time.time() - mark.stat().st_mtime > _KEPT_S:
                for path in (*paths, mark):
                    path.unlink(missing_ok=True)


def _found(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    names: dict[str, list[Path]] = {}
    with suppress(OSError):
        for file in sorted(os.listdir(folder)):  # noqa: PTH208
            if (name := file.partition(".")[0]) and _PART_NAME.fullmatch(name):
                names.setdefault(name, []).append(folder / file)
    yield from names.items()
