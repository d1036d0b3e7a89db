"""Columns of one table over all songs, read from the warehouse as far as that holds what is stored.

Choosing where rows are read from belongs here; a song is read by `feature_store`, the warehouse asked by `warehouse`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flamingo_bark_assets.record import ColumnSpec
from flamingo_bark_assets.storage.building import published_tokens
from flamingo_bark_assets.storage.feature_store import FeatureStore, schema_of
from flamingo_bark_assets.storage.tables import MEASUREMENTS
from flamingo_bark_assets.storage.warehouse import is_as_published

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class LibraryTables:
    """The stored results of many songs at once; what has changed is noticed when it is made, not later.

    Attributes:
        store: the stored results.
        warehouse: the DuckDB file, which need not exist.
    """

    store: FeatureStore
    warehouse: Path

    @cached_property
    def tokens(self) -> dict[str, str | None]:
        """What tells of each song whether anything of it has changed, as `FeatureStore.tokens`.

        Raises:
            StorageError: a folder cannot be read.
        """
        return self.store.tokens()

    @cached_property
    def _published(self) -> frozenset[str]:
        """The songs whose rows in the warehouse are those that are stored."""
        if not is_as_published(self.warehouse):
            return frozenset()
        stored = self.tokens
        return frozenset(s for s, token in published_tokens(self.warehouse).items() if stored.get(s) == token)

    def read_columns(
        self, table: str, song_ids: Iterable[str], columns: Sequence[ColumnSpec], *, result: str | None = None
    ) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Read columns of one table, or, of measurements, of what one result has there.

        Returns:
            The rows, those of a song side by side and in their order, null in columns that a result of an older version
            lacks; and the songs that cannot be read, which are left out. Songs of which nothing is stored have no rows.
        """
        import polars as pl

        wanted = list(song_ids)
        published = [song_id for song_id in wanted if song_id in self._published]
        asked = self._ask(table, published, columns, result) if published else None
        rest = wanted if asked is None else [song_id for song_id in wanted if song_id not in self._published]
        frame, unreadable = self.store.read_columns(table, rest, columns, result=result)
        return frame if asked is None else pl.concat([asked, frame]), unreadable

    def _ask(
        self, table: str, song_ids: Sequence[str], columns: Sequence[ColumnSpec], result: str | None
    ) -> pl.DataFrame | None:
        """Ask the warehouse; None where it does not answer, as one that is damaged or has moved."""
        import duckdb
        import polars as pl

        # Names of our own tables and columns, never a user's text.
        listed = ", ".join(spec.name for spec in columns)
        condition = "song_id IN (SELECT unnest(?::VARCHAR[]))"
        values: list[object] = [list(song_ids)]
        if table == MEASUREMENTS and result is not None:
            condition += " AND record = ?"
            values.append(result)
        try:
            with duckdb.connect(str(self.warehouse), read_only=True) as connection:
                found = connection.execute(f"SELECT {listed} FROM {table} WHERE {condition}", values).fetchnumpy()
        except (duckdb.Error, RuntimeError):
            return None
        schema = schema_of(columns)
        return pl.DataFrame([pl.Series(name, _values(found[name]), dtype) for name, dtype in schema.items()])


def _values(column: Any) -> Any:
    """Return a column as Polars takes it: an array, or, where values are missing or texts, a list."""
    plain = np.ma.getdata(column)
    return column.tolist() if plain.dtype == object or np.ma.is_masked(column) else plain
