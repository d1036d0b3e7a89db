"""One row a song as it was published: read out of the warehouse into a table in memory.

Which columns there are and where they come from belongs here; what was changed since stands in `changes`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flamingo_bark_assets.audio.song_review import UNREVIEWED
from flamingo_bark_assets.claims.model import OPEN_CONFLICT
from flamingo_bark_assets.storage.warehouse import query

if TYPE_CHECKING:
    import polars as pl

_WIDE = {
    "title": ("song_metadata", "title", "VARCHAR"),
    "artist": ("song_metadata", "artist", "VARCHAR"),
    "genre_tags": ("song_metadata", "genre_tags", "VARCHAR"),
    "licence": ("song_metadata", "licence", "VARCHAR"),
    "attribution": ("song_metadata", "attribution", "VARCHAR"),
    "custom_tag": ("song_metadata", "custom_tag", "VARCHAR"),
    "given_lyrics": ("song_metadata", "lyrics IS NOT NULL", "BOOLEAN"),
    "duration_s": ("raw_song", "duration_s", "DOUBLE"),
    "tempo_bpm": ("song_features", "tempo_bpm", "DOUBLE"),
    "key": ("song_features", "key", "VARCHAR"),
    "captioner": ("flamingo_captions", "captioner", "VARCHAR"),
    "is_fallback": ("flamingo_captions", "is_fallback", "BOOLEAN"),
    "sung_words": ("song_lyrics", "source IS NOT NULL", "BOOLEAN"),
    "is_fit": ("suitability", "suitable", "BOOLEAN"),
    "reasons": ("suitability", "reasons", "VARCHAR"),
    "review": ("reviews", "state", "VARCHAR"),
    "review_by": ("reviews", "reviewed_by", "VARCHAR"),
    "review_at": ("reviews", "reviewed_at", "VARCHAR"),
    "review_reason": ("reviews", "reason", "VARCHAR"),
    "repeats": ("reviews", "repeats", "BIGINT"),
}
"""Columns that a table of one row a song holds: table, expression and type. A table may lack what is newer than it."""

_MEASURED = """SELECT song_id,
    max(confidence) FILTER (name = 'tempo_bpm') AS tempo_confidence,
    max(reason) FILTER (name = 'tempo_bpm') AS tempo_reason,
    max(method) FILTER (name = 'tempo_bpm') AS tempo_method,
    max(confidence) FILTER (name = 'key') AS key_confidence,
    max(reason) FILTER (name = 'key') AS key_reason,
    max(method) FILTER (name = 'key') AS key_method
    FROM measurements WHERE record = 'song_features' AND name IN ('tempo_bpm', 'key') GROUP BY song_id"""
_ANSWERED = """SELECT song_id,
    max(text) FILTER (question = 'genre') AS genre_answer,
    max(source) FILTER (question = 'genre') AS genre_source,
    max(text) FILTER (question = 'mood') AS mood
    FROM captions WHERE part = 'mix' AND question IN ('genre', 'mood') GROUP BY song_id"""
_DISPUTED = f"""SELECT song_id,
    list(part || '/' || question || '/' || kind || '/' || claimed ORDER BY part, question, claim) AS disputed
    FROM claims WHERE {OPEN_CONFLICT} GROUP BY song_id"""
_DISPUTED_OF_SIDECARS = f"""SELECT song_id, list('mix/caption/' || kind || '/' || claimed) AS disputed_of_sidecars
    FROM given_claims WHERE {OPEN_CONFLICT} AND kind IS NOT NULL AND claimed IS NOT NULL GROUP BY song_id"""
_STEMS = """SELECT song_id, list(DISTINCT coalesce(kind, name) ORDER BY coalesce(kind, name)) AS stems,
    bool_or(origin = 'separated') AS is_separated
    FROM stems WHERE fault IS NULL GROUP BY song_id"""

_GROUPED = {
    "measurements": (_MEASURED, {
        "tempo_confidence": "DOUBLE", "tempo_reason": "VARCHAR", "tempo_method": "VARCHAR",
        "key_confidence": "DOUBLE", "key_reason": "VARCHAR", "key_method": "VARCHAR",
    }),
    "captions": (_ANSWERED, {"genre_answer": "VARCHAR", "genre_source": "VARCHAR", "mood": "VARCHAR"}),
    "claims": (_DISPUTED, {"disputed": "VARCHAR[]"}),
    "given_claims": (_DISPUTED_OF_SIDECARS, {"disputed_of_sidecars": "VARCHAR[]"}),
    "stems": (_STEMS, {"stems": "VARCHAR[]", "is_separated": "BOOLEAN"}),
}  # fmt: skip
"""Columns that are put together from tables of many rows a song."""
_NEWEST = {"given_claims": "kind"}
"""Columns that a table may lack which is older than they are; it then says nothing."""


def read_published(warehouse: Path) -> pl.DataFrame:
    """Return the songs of the warehouse, one row each; a column of which the warehouse knows nothing is null.

    Raises:
        StorageError: there is no warehouse, or it cannot be read.
    """
    import polars as pl

    found = query(warehouse, _statement(_columns(warehouse)))
    frame = pl.DataFrame(found.rows, schema=published_schema(), orient="row")
    floats = pl.col(pl.Float64())
    return frame.with_columns(
        pl.when(floats.is_finite()).then(floats),  # JSON knows no other numbers
        pl.when(pl.col("review") != UNREVIEWED).then(pl.col("review")),
    )


def published_schema() -> pl.Schema:
    """Return the columns of a published song with their types."""
    import polars as pl

    types = {
        "VARCHAR": pl.String(), "DOUBLE": pl.Float64(), "BIGINT": pl.Int64(), "BOOLEAN": pl.Boolean(),
        "VARCHAR[]": pl.List(pl.String()),
    }  # fmt: skip
    named = {name: type_name for name, (_, _, type_name) in _WIDE.items()}
    for _, columns in _GROUPED.values():
        named |= columns
    return pl.Schema({"song_id": pl.String(), **{name: types[type_name] for name, type_name in named.items()}})


def _columns(warehouse: Path) -> set[tuple[str, str]]:
    found = query(warehouse, "SELECT table_name, column_name FROM information_schema.columns")
    return {(str(table), str(column)) for table, column in found.rows}


def _statement(present: set[tuple[str, str]]) -> str:
    """Write the query over what this warehouse has; all names in it are our own."""
    tables = {table for table, _ in present}
    wide = sorted({table for table, _, _ in _WIDE.values()} & tables)
    selected = [
        f"{table}.{expression} AS {name}"
        if (table, expression.split()[0]) in present
        else f"NULL::{type_name} AS {name}"
        for name, (table, expression, type_name) in _WIDE.items()
    ]
    joins = [f"LEFT JOIN {table} USING (song_id)" for table in wide]
    for table, (statement, columns) in _GROUPED.items():
        if table in tables and (table, _NEWEST.get(table, "song_id")) in present:
            joins.append(f"LEFT JOIN ({statement}) AS of_{table} USING (song_id)")
            selected += [f"of_{table}.{name}" for name in columns]
        else:
            selected += [f"NULL::{type_name} AS {name}" for name, type_name in columns.items()]
    songs = " UNION ".join(f"SELECT song_id FROM {table}" for table in wide) or "SELECT '' AS song_id WHERE false"
    return f"WITH songs AS ({songs}) SELECT songs.song_id, {', '.join(selected)} FROM songs {' '.join(joins)}"
