"""The DuckDB file is published whole, typed and commented, and nobody who reads it is disturbed."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.storage.tables import all_tables
from flamingo_bark_assets.storage.truth import Truth
from flamingo_bark_assets.storage.warehouse import publish, query
from tests.evidence import make_evidence


def store(truth: Truth, song_id: str, **song: object) -> None:
    evidence = make_evidence(song_id, song=song)
    for record in (evidence.raw_song, evidence.stems, evidence.song, evidence.drums, evidence.bass):
        truth.write(record)


def test_published_values_are_those_of_the_truth(tmp_path: Path) -> None:
    truth, path = Truth(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    store(truth, "one", tempo_bpm=90.5)
    store(truth, "two", tempo_bpm=None)
    published = publish(truth, ["one", "two"], path)
    assert published.left_out == ()
    tempos = query(path, "SELECT song_id, tempo_bpm FROM song_features ORDER BY 1").rows
    assert tempos == (("one", 90.5), ("two", None))
    ((value, unit, method),) = query(
        path, "SELECT value, unit, method FROM measurements WHERE song_id = 'one' AND name = 'tempo_bpm'"
    ).rows
    assert (value, unit) == (90.5, "BPM")
    assert method


def test_an_unknown_value_is_null_with_a_reason(tmp_path: Path) -> None:
    truth, path = Truth(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    store(truth, "two", tempo_bpm=None)
    publish(truth, ["two"], path)
    ((value, reason),) = query(path, "SELECT value, reason FROM measurements WHERE name = 'tempo_bpm'").rows
    assert value is None
    assert reason


def test_every_table_has_a_primary_key_and_comments_with_units(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    publish(Truth(tmp_path / "features"), [], path)
    found = query(
        path,
        "SELECT table_name, constraint_column_names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'",
    )
    keys = dict(found.rows)
    assert {name: tuple(columns) for name, columns in keys.items()} == {t.name: t.key for t in all_tables()}
    assert query(path, "SELECT count(*) FROM duckdb_columns() WHERE comment IS NULL AND NOT internal").rows == ((0,),)
    ((comment,),) = query(
        path,
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'song_features' AND column_name = 'tempo_bpm'",
    ).rows
    assert comment.endswith("[BPM]")


def test_songs_that_left_the_library_are_not_published(tmp_path: Path) -> None:
    truth, path = Truth(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    store(truth, "stays")
    store(truth, "gone")
    publish(truth, ["stays"], path)
    assert query(path, "SELECT DISTINCT song_id FROM measurements").rows == (("stays",),)


def test_a_damaged_file_is_named_and_spoils_no_other(tmp_path: Path) -> None:
    truth, path = Truth(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    store(truth, "good")
    store(truth, "bad")
    truth.path("song_features", "bad").write_bytes(b"not parquet")
    published = publish(truth, ["bad", "good"], path)
    assert query(path, "SELECT song_id FROM song_features").rows == (("good",),)
    assert query(path, "SELECT song_id FROM raw_song ORDER BY 1").rows == (("bad",), ("good",))
    assert len(published.left_out) == 1
    assert published.left_out[0].startswith("bad: song_features: ")


def test_a_reader_that_holds_the_file_keeps_its_snapshot_and_stops_no_publication(tmp_path: Path) -> None:
    truth, path = Truth(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    store(truth, "one")
    publish(truth, ["one"], path)
    with duckdb.connect(str(path), read_only=True) as reader:
        assert reader.execute("SELECT count(*) FROM raw_song").fetchall() == [(1,)]
        store(truth, "two")
        publish(truth, ["one", "two"], path)
        assert reader.execute("SELECT count(*) FROM raw_song").fetchall() == [(1,)]
    assert query(path, "SELECT count(*) FROM raw_song").rows == ((2,),)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE raw_song",
        "INSERT INTO raw_song (song_id, fingerprint) VALUES ('x', 'y')",
        "CREATE TABLE t (i INT)",
    ],
)
def test_a_query_cannot_change_the_warehouse(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "warehouse.duckdb"
    publish(Truth(tmp_path / "features"), [], path)
    with pytest.raises(StorageError, match="read-only"):
        query(path, sql)


def test_a_query_can_neither_read_nor_write_other_files(tmp_path: Path) -> None:
    path, secret = tmp_path / "warehouse.duckdb", tmp_path / "secret.csv"
    publish(Truth(tmp_path / "features"), [], path)
    secret.write_text("a\n1\n")
    with pytest.raises(StorageError):
        query(path, f"SELECT * FROM read_csv('{secret}')")
    with pytest.raises(StorageError):
        query(path, f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'")
    assert not (tmp_path / "out.csv").exists()


def test_a_missing_warehouse_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="materialise feature_warehouse first"):
        query(tmp_path / "warehouse.duckdb", "SELECT 1")


def test_a_data_folder_with_glob_characters_in_its_name_works(tmp_path: Path) -> None:
    root = tmp_path / "my [music] *1"
    store(Truth(root / "features"), "one")
    published = publish(Truth(root / "features"), ["one"], root / "warehouse.duckdb")
    assert (published.left_out, published.rows["raw_song"]) == ((), 1)
