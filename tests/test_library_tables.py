"""Columns over all songs: what the warehouse holds is read there, and what it cannot tell from the results."""

from __future__ import annotations

from pathlib import Path

import pytest

from flamingo_bark_assets.audio.song_review import ACCEPTED, SongReview
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.record import ColumnSpec, columns_of
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.library_tables import LibraryTables
from flamingo_bark_assets.storage.result_file import ResultFile
from flamingo_bark_assets.storage.warehouse import publish

SONGS = ("one", "two")
COLUMNS = [spec for spec in columns_of(SongReview) if spec.name in {"song_id", "repeats"}]
LATER = ColumnSpec("later", int, "", "Of a version after the published one.", nullable=True, measured=False)


@pytest.fixture
def tables(tmp_path: Path) -> LibraryTables:
    paths = DataPaths(tmp_path / "data")
    store = FeatureStore(paths.features)
    for song_id in SONGS:
        store.write(SongReview(song_id=song_id, state=ACCEPTED, repeats=3))
    publish(store, SONGS, paths.warehouse, (SongReview,))
    return LibraryTables(store, paths.warehouse)


def test_a_song_whose_results_were_published_is_read_from_the_warehouse(
    tables: LibraryTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.store.write(SongReview(song_id="two", state=ACCEPTED, repeats=4))
    opened: list[str] = []
    open_song = FeatureStore.open

    def noted(store: FeatureStore, song_id: str) -> ResultFile | None:
        opened.append(song_id)
        return open_song(store, song_id)

    monkeypatch.setattr(FeatureStore, "open", noted)
    frame, _ = tables.read_columns(SongReview.TABLE, SONGS, COLUMNS)
    assert (frame.rows(), opened) == ([("one", 3), ("two", 4)], ["two"])


def test_what_the_warehouse_cannot_answer_is_read_from_the_results(tables: LibraryTables) -> None:
    frame, unreadable = tables.read_columns(SongReview.TABLE, SONGS, [*COLUMNS, LATER])
    assert (frame.rows(), unreadable) == ([("one", 3, None), ("two", 3, None)], ())
