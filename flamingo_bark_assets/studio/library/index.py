"""The library in memory: the published songs, what was changed by hand since, songs that never ran, none that is gone.

When it is read anew and how its sources go together belong here; what a person asks of it stands in `query`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.files.opening import is_missing
from flamingo_bark_assets.library.journal import JournalPosition, read_journal_from
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.studio.library.changes import PLACES, Changes, Said, read_said
from flamingo_bark_assets.studio.library.table import published_schema, read_published

if TYPE_CHECKING:
    import polars as pl

# Of songs that never ran song.toml is read, as far as that is quick: 0.2 ms each.
_MOST_NEW_SONGS = 500

Mark = tuple[int, int, int] | None
"""By which a file or folder is known to be the same as before: inode, size and time of its last change."""


@dataclass(frozen=True, slots=True)
class Library:
    """The library at one moment.

    Attributes:
        songs: one row a song, with the columns of `table` and those that `_finished` adds.
        problem: why the warehouse could not be read; None where it could, or where nothing was published yet.
        version: another one whenever anything in it may be different.
    """

    songs: pl.DataFrame
    problem: str | None
    version: int


class LibraryIndex:
    """The library in memory, read anew when the warehouse, the journal or the folder of all songs has changed."""

    def __init__(self, paths: DataPaths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._marks: tuple[Mark, ...] = ()
        self._library: Library | None = None
        self._published: tuple[Mark, pl.DataFrame, str | None] | None = None
        self._changes = Changes()
        self._position: JournalPosition | None = None

    def current(self) -> Library:
        """Return the library as it is now.

        Raises:
            LibraryError: the folder of all songs, or the journal, cannot be read.
        """
        with self._lock:
            marks = tuple(map(_mark, (self._paths.warehouse, self._paths.journal, self._paths.songs)))
            if self._library is None or marks != self._marks:
                version = self._library.version + 1 if self._library else 1
                self._library = self._read(marks[0], version)
                self._marks = marks
            return self._library

    def _read(self, mark: Mark, version: int) -> Library:
        published, problem = self._warehouse(mark)
        entries, self._position, is_anew = read_journal_from(self._paths, self._position)
        if is_anew:
            self._changes = Changes()
        self._changes.add(entries)
        songs = _in_library(published, list_song_ids(self._paths), self._paths)
        laid = self._changes.since(mark[2] / 1e9 if mark else 0.0, _shown(songs, self._changes), self._paths)
        decided = {
            song_id: [name for name, decision in names.items() if decision is not None]
            for song_id, names in self._changes.decided.items()
        }
        return Library(_finished(songs, laid, decided), problem, version)

    def _warehouse(self, mark: Mark) -> tuple[pl.DataFrame, str | None]:
        import polars as pl

        if self._published is None or self._published[0] != mark:
            frame, problem = pl.DataFrame(schema=published_schema()), None
            if not is_missing(self._paths.warehouse):
                try:
                    frame = read_published(self._paths.warehouse)
                except StorageError as error:
                    problem = str(error)
            if problem:  # It is tried again the next time.
                return frame, problem
            self._published = (mark, frame, problem)
        return self._published[1], self._published[2]


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _in_library(published: pl.DataFrame, song_ids: list[str], paths: DataPaths) -> pl.DataFrame:
    """Keep the songs that are in the library, and add those that are not published."""
    import polars as pl

    listed = pl.DataFrame({"song_id": song_ids}, schema={"song_id": pl.String()})
    known = listed.join(published.with_columns(is_published=pl.lit(True)), on="song_id", how="left")
    known = known.with_columns(pl.col("is_published").fill_null(False))
    new = known.filter(~pl.col("is_published"))["song_id"].to_list()
    said = read_said(paths, new[:_MOST_NEW_SONGS])
    return _laid_over(known, said).drop("changed")


def _shown(songs: pl.DataFrame, changes: Changes) -> dict[str, Said]:
    """Return what the rows show of the songs that were ever changed, in the shape of song.toml."""
    import polars as pl

    rows = songs.filter(pl.col("song_id").is_in(list(changes.steps)))
    return {row["song_id"]: _as_said(row) for row in rows.iter_rows(named=True)}


def _as_said(row: dict[str, Any]) -> Said:
    said = {name: row.get(name) for name in PLACES}
    said["genres"] = row["genre_tags"].split("; ") if row["genre_tags"] else None
    said["genre"] = row["genre_answer"] if row["genre_source"] == "human" else None
    said["lyrics"] = row["given_lyrics"] or None
    for name in ("tempo", "key"):
        if row[f"{name}_method"] != "human":
            said["tempo_bpm" if name == "tempo" else name] = None
    return said


def _finished(songs: pl.DataFrame, laid: dict[str, Said], decided: dict[str, list[str]]) -> pl.DataFrame:
    """Lay changes over the published rows, and add what is worked out of several columns."""
    import polars as pl

    songs = _laid_over(songs, laid)
    claims = pl.DataFrame(
        {"song_id": list(decided), "decided": list(decided.values())},
        schema={"song_id": pl.String(), "decided": pl.List(pl.String())},
    )
    songs = songs.join(claims, on="song_id", how="left", maintain_order="left")
    empty = pl.lit([], dtype=pl.List(pl.String()))
    disputed, of_sidecars, done = (
        pl.col(name).fill_null(empty) for name in ("disputed", "disputed_of_sidecars", "decided")
    )
    is_open = disputed.list.set_union(of_sidecars).list.set_difference(done)
    return songs.with_columns(
        conflicts=is_open.list.len().cast(pl.Int64),
        has_lyrics=pl.col("given_lyrics").fill_null(False) | pl.col("sung_words").fill_null(False),
        repeats=pl.col("repeats").fill_null(1),
        stems=pl.col("stems").fill_null(empty),
        found=pl.concat_str(
            *(pl.col(name).fill_null("") for name in ("title", "artist", "genre", "song_id")), separator="\n"
        ).str.to_lowercase(),
    ).drop("decided", "disputed", "disputed_of_sidecars")


def _laid_over(songs: pl.DataFrame, laid: dict[str, Said]) -> pl.DataFrame:
    """Put values of song.toml into the rows of their songs; `changed` names them."""
    import polars as pl

    published = published_schema()
    types = {name: pl.Boolean() if name == "lyrics" else published.get(name, pl.String()) for name in PLACES}
    rows = [
        {"song_id": song_id, **{f"to_{name}": "; ".join(value) if isinstance(value, list) else value
                                for name, value in said.items()},
         **{f"is_{name}_set": True for name in said}}
        for song_id, said in laid.items()
    ]  # fmt: skip
    schema = pl.Schema(
        {
            "song_id": pl.String(),
            **{f"to_{name}": dtype for name, dtype in types.items()},
            **dict.fromkeys((f"is_{name}_set" for name in PLACES), pl.Boolean()),
        }
    )
    songs = songs.join(pl.DataFrame(rows, schema=schema), on="song_id", how="left", maintain_order="left")

    def is_set(name: str) -> pl.Expr:
        return pl.col(f"is_{name}_set").fill_null(False)

    def laid_over(name: str, column: str) -> pl.Expr:
        return pl.when(is_set(name)).then(pl.col(f"to_{name}")).otherwise(pl.col(column)).alias(column)

    simple = [name for name in PLACES if name in published]
    answered = songs.with_columns(
        laid_over("genre", "genre_answer"),
        laid_over("genres", "genre_tags"),
        laid_over("lyrics", "given_lyrics"),
        pl.when(is_set("genre")).then(pl.lit("human")).otherwise(pl.col("genre_source")).alias("genre_source"),
        *(laid_over(name, name) for name in simple),
        *(
            pl.when(is_set(name)).then(value).otherwise(pl.col(f"{measured}_{column}")).alias(f"{measured}_{column}")
            for name, measured in (("tempo_bpm", "tempo"), ("key", "key"))
            for column, value in (
                ("method", pl.when(pl.col(f"to_{name}").is_not_null()).then(pl.lit("human"))),
                ("confidence", pl.lit(None, pl.Float64())),
            )
        ),
        changed=pl.concat_list(*(pl.when(is_set(name)).then(pl.lit(name)) for name in PLACES)).list.drop_nulls(),
    )
    is_human = pl.col("genre_source").fill_null("") == "human"
    tags = pl.col("genre_tags").str.replace_all("; ", ", ", literal=True)
    genre = pl.coalesce(pl.when(is_human).then(pl.col("genre_answer")), tags, pl.col("genre_answer"))
    return answered.with_columns(genre=genre).drop([name for name in schema if name != "song_id"])
