"""The DuckDB file is published whole, typed and commented, and nobody who reads it is disturbed."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flamingo_bark_assets.analysis.features.bass import BassFeatures, BassPitch
from flamingo_bark_assets.errors import StorageError, WriteError
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.publication import due_publications, note_published
from flamingo_bark_assets.provenance.state import Made, SongState, read_state, write_state
from flamingo_bark_assets.provenance.versions import WAREHOUSE, publication_inputs
from flamingo_bark_assets.provenance.wholeness import note_damaged
from flamingo_bark_assets.settings import SplitSettings
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage import frames
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.frames import frames_folder
from flamingo_bark_assets.storage.tables import all_tables
from flamingo_bark_assets.storage.warehouse import publish, query, table_rows
from tests.evidence import make_evidence


def put(store: FeatureStore, song_id: str, **song: object) -> None:
    evidence = make_evidence(song_id, song=song)
    for record in (evidence.raw_song, evidence.stems, evidence.song, evidence.drums, evidence.of_stem("bass")):
        store.write(record)


CLIENT = """
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print(duckdb.__version__, flush=True)
for line in sys.stdin:
    try:
        print(json.dumps(connection.execute(line).fetchall()), flush=True)
    except duckdb.Error as error:
        print(json.dumps(str(error)), flush=True)
connection.close()
"""


class Client:
    """A DuckDB client in a process of its own, as a notebook or DBeaver is."""

    def __init__(self, path: Path, mode: str, python: Path) -> None:
        self.process = subprocess.Popen(
            [str(python), "-c", CLIENT, str(path), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = self._line()

    def ask(self, sql: str) -> object:
        """The rows, or the error's text."""
        assert self.process.stdin is not None
        self.process.stdin.write(sql + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def close(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def client(path: Path, mode: str = "read", python: Path = Path(sys.executable)) -> Iterator[Client]:
    opened = Client(path, mode, python)
    try:
        yield opened
    finally:
        opened.kill()


@pytest.fixture(scope="module")
def older_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with nothing but the oldest DuckDB that the README promises."""
    folder = tmp_path_factory.mktemp("older")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--retries", "1", "--timeout", "15"]
    installed = subprocess.run(
        [*pip, "install", "--quiet", "duckdb==1.1.3"], check=False, capture_output=True, text=True
    )
    if installed.returncode and "connection broken by" in installed.stderr:
        pytest.skip(f"PyPI cannot be reached: {installed.stderr.splitlines()[0]}")
    assert installed.returncode == 0, installed.stderr
    return python


def test_published_values_are_those_of_the_truth(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put(store, "one", tempo_bpm=90.5)
    put(store, "two", tempo_bpm=None)
    published = publish(store, ["one", "two"], path, RECORDS)
    assert published.left_out == ()
    tempos = query(path, "SELECT song_id, tempo_bpm FROM song_features ORDER BY 1").rows
    assert tempos == (("one", 90.5), ("two", None))
    ((value, unit, method),) = query(
        path, "SELECT value, unit, method FROM measurements WHERE song_id = 'one' AND name = 'tempo_bpm'"
    ).rows
    assert (value, unit) == (90.5, "BPM")
    assert method


def test_an_unknown_value_is_null_with_a_reason(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put(store, "two", tempo_bpm=None)
    publish(store, ["two"], path, RECORDS)
    ((value, reason),) = query(path, "SELECT value, reason FROM measurements WHERE name = 'tempo_bpm'").rows
    assert value is None
    assert reason


def test_every_table_has_a_key_that_is_never_null_and_comments_with_units(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    publish(FeatureStore(tmp_path / "features"), [], path, RECORDS)
    found = query(
        path, "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT is_nullable AND schema_name = 'main'"
    )
    assert set(found.rows) == {(table.name, column) for table in all_tables(RECORDS) for column in table.key}
    assert query(path, "SELECT count(*) FROM duckdb_columns() WHERE comment IS NULL AND NOT internal").rows == ((0,),)
    ((comment,),) = query(
        path,
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'song_features' AND column_name = 'tempo_bpm'",
    ).rows
    assert comment.endswith("[BPM]")


def test_songs_that_left_the_library_are_not_published(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put(store, "stays")
    put(store, "gone")
    publish(store, ["stays"], path, RECORDS)
    assert query(path, "SELECT DISTINCT song_id FROM measurements").rows == (("stays",),)


def test_a_damaged_file_is_named_and_spoils_no_other(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put(store, "good")
    put(store, "bad")
    store.path("bad").write_bytes(b"no results")
    published = publish(store, ["bad", "good"], path, RECORDS)
    assert query(path, "SELECT song_id FROM song_features").rows == (("good",),)
    assert published.left_out == ("bad: left out: the file is cut; run the song again",)


def test_a_reader_that_holds_the_file_keeps_its_snapshot_and_stops_no_publication(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put(store, "one")
    publish(store, ["one"], path, RECORDS)
    with duckdb.connect(str(path), read_only=True) as reader:
        assert reader.execute("SELECT count(*) FROM raw_song").fetchall() == [(1,)]
        put(store, "two")
        publish(store, ["one", "two"], path, RECORDS)
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
    publish(FeatureStore(tmp_path / "features"), [], path, RECORDS)
    with pytest.raises(StorageError, match="read-only"):
        query(path, sql)


def test_a_query_can_neither_read_nor_write_other_files(tmp_path: Path) -> None:
    path, secret = tmp_path / "warehouse.duckdb", tmp_path / "secret.csv"
    publish(FeatureStore(tmp_path / "features"), [], path, RECORDS)
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
    put(FeatureStore(root / "features"), "one")
    published = publish(FeatureStore(root / "features"), ["one"], root / "warehouse.duckdb", RECORDS)
    assert (published.left_out, published.rows["raw_song"]) == ((), 1)


# Songs that are not in it


def test_songs_without_a_row_are_named_with_the_reason(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put(store, "cut-short")
    published = publish(store, ["cut-short", "new"], path, RECORDS)
    cut, new = published.without_row
    assert cut.startswith("cut-short: no row in song_metadata, separated_stems, vocal_features")
    assert "suitability" in cut
    assert "raw_song" not in cut
    assert new == "new: not run yet"
    assert published.left_out == ()


def test_a_song_of_which_no_file_can_be_read_is_not_called_one_that_never_ran(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    damaged = store.path("bad")
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"no results")
    assert publish(store, ["bad"], path, RECORDS).without_row == ("bad: no row in any table; run the song again",)


# What has changed


def everything(path: Path) -> dict[str, tuple[tuple[object, ...], ...]]:
    return {t.name: query(path, f"SELECT * FROM {t.name} ORDER BY ALL").rows for t in all_tables(RECORDS)}


def test_only_songs_that_have_changed_are_written_anew_and_the_rest_stays_as_it_was(tmp_path: Path) -> None:
    store, path, whole = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb", tmp_path / "whole.duckdb"
    songs = [f"song-{number}" for number in range(12)]
    for song_id in songs:
        put(store, song_id)
    assert publish(store, songs, path, RECORDS).replaced == 12
    assert publish(store, songs, path, RECORDS).replaced == 0
    put(store, "song-3", tempo_bpm=77.0)
    put(store, "song-12")
    songs.remove("song-7")
    songs.append("song-12")
    assert publish(store, songs, path, RECORDS).replaced == 2
    publish(store, songs, whole, RECORDS)
    assert everything(path) == everything(whole)
    assert query(path, "SELECT tempo_bpm FROM song_features WHERE song_id = 'song-3'").rows == ((77.0,),)
    assert query(path, "SELECT count(*) FROM beats WHERE song_id = 'song-7'").rows == ((0,),)


def test_what_a_client_has_written_into_the_file_is_not_taken_over(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    published_songs(store, path, "one", "two")
    open_to_writing(path)
    with duckdb.connect(str(path)) as writer:
        writer.execute(WRITE)
    assert query(path, SONGS).rows == (("of the client",), ("of the client",))
    published_songs(store, path, "one", "two")
    assert query(path, SONGS).rows == (("one",), ("two",))


def test_a_warehouse_that_the_disk_has_damaged_is_built_anew(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    for song_id in ("one", "two"):
        put(store, song_id)
    publish(store, ["one", "two"], path, RECORDS)
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(12_288)  # after the headers
        file.write(b"\xaa" * (status.st_size - 12_288))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    put(store, "one", tempo_bpm=77.0)
    publish(store, ["one", "two"], path, RECORDS)
    found = query(path, "SELECT song_id, tempo_bpm FROM song_features ORDER BY ALL").rows
    assert found == (("one", 77.0), ("two", 121.0))


def test_a_warehouse_whose_tables_look_otherwise_is_built_anew(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put(store, "one")
    publish(store, ["one"], path, RECORDS[:3])
    assert publish(store, ["one"], path, RECORDS).rows["song_features"] == 1


def pack(store: FeatureStore) -> int:
    return store.pack(lambda _: nullcontext(True), at_least=1)


def put_pitches(store: FeatureStore, song_id: str, *f0_hz: float) -> None:
    """Store a song with a bass of these pitches."""
    put(store, song_id)
    bass = make_evidence(song_id).of_stem("bass")
    assert isinstance(bass, BassFeatures)
    pitches = tuple(
        BassPitch(frame=frame, time_s=frame / 100, f0_hz=f0, voiced=True, confidence=0.5)
        for frame, f0 in enumerate(f0_hz)
    )
    store.write(dataclasses.replace(bass, bass_f0=pitches))


PITCHES = "SELECT song_id, frame, f0_hz FROM bass_f0 ORDER BY ALL"


def test_frames_of_packed_songs_are_read_beside_the_file_as_if_they_stood_in_it(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    songs = ["one", "two", "three"]
    for number, song_id in enumerate(songs):
        put_pitches(store, song_id, 50.0 + number, 60.0 + number)
    publish(store, songs, path, RECORDS)
    before, whole = everything(path), query(path, "DESCRIBE bass_f0").rows
    pack(store)
    published = publish(store, songs, path, RECORDS).rows
    assert published["bass_f0"] == 6
    assert table_rows(path) == dict(sorted(published.items()))
    assert everything(path) == before
    assert [row[:2] for row in query(path, "DESCRIBE bass_f0").rows] == [row[:2] for row in whole]
    assert query(path, "SELECT count(*) FROM internal.bass_f0").rows == ((0,),)
    comments = query(path, "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'bass_f0' AND comment IS NULL")
    assert comments.rows == ((0,),)
    assert publish(store, songs, path, RECORDS).replaced == 0


def test_frames_follow_songs_that_are_made_anew_packed_again_or_removed(tmp_path: Path) -> None:
    store, path, whole = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb", tmp_path / "whole.duckdb"
    songs = [f"song-{number}" for number in range(8)]
    for number, song_id in enumerate(songs):
        put_pitches(store, song_id, 50.0 + number)
    pack(store)
    publish(store, songs, path, RECORDS)
    put_pitches(store, "song-1", 70.0, 71.0)
    songs.remove("song-5")  # out of the library, and not cleared away yet
    assert publish(store, songs, path, RECORDS).replaced == 1
    store.remove(["song-5"])
    pitches = dict(zip(songs, (50.0, 70.0, 52.0, 53.0, 54.0, 56.0, 57.0), strict=True))
    found = query(path, "SELECT song_id, min(f0_hz) FROM bass_f0 GROUP BY ALL ORDER BY ALL").rows
    assert found == tuple(pitches.items())
    pack(store)
    assert publish(store, songs, path, RECORDS).replaced == 0
    assert query(path, "SELECT count(*) FROM internal.bass_f0").rows == ((0,),)
    publish(store, songs, whole, RECORDS)
    assert everything(path) == everything(whole)
    assert query(path, "SELECT song_id, min(f0_hz) FROM bass_f0 GROUP BY ALL ORDER BY ALL").rows == found


def test_lost_frames_are_made_again_by_the_next_publication(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put_pitches(store, "one", 50.0)
    pack(store)
    publish(store, ["one"], path, RECORDS)
    for file in frames_folder(path).glob("*.parquet"):
        file.unlink()
    with pytest.raises(StorageError, match="bass_f0"):
        query(path, PITCHES)
    assert query(path, "SELECT song_id FROM raw_song").rows == (("one",),)
    publish(store, ["one"], path, RECORDS)
    assert query(path, PITCHES).rows == (("one", 0, 50.0),)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Lets something happen during the next publication, once it knows the packed songs."""

    def let_happen(event: Callable[[], object]) -> None:
        renew = frames.renew_parts

        def renew_and(*args: Any) -> Any:
            monkeypatch.undo()
            parts = renew(*args)
            event()
            return parts

        monkeypatch.setattr("flamingo_bark_assets.storage.building.renew_parts", renew_and)

    return let_happen


@pytest.mark.parametrize("is_first", [True, False])
def test_a_packed_song_that_is_made_anew_during_a_publication_is_not_mixed(
    tmp_path: Path, meanwhile: Callable[[Callable[[], object]], None], is_first: bool
) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    songs = ["one", "two", "three"]
    for song_id in songs:
        put_pitches(store, song_id, 50.0)
    pack(store)
    if not is_first:
        publish(store, songs, path, RECORDS)

    def make_anew() -> None:
        put_pitches(store, "two", 70.0, 71.0)
        store.write(make_evidence("two", song={"tempo_bpm": 77.0}).song)

    meanwhile(make_anew)
    publish(store, songs, path, RECORDS)
    expected = (("one", 0, 50.0), ("three", 0, 50.0), ("two", 0, 70.0), ("two", 1, 71.0))
    assert query(path, "SELECT tempo_bpm FROM song_features WHERE song_id = 'two'").rows == ((77.0,),)
    assert query(path, PITCHES).rows == expected
    assert publish(store, songs, path, RECORDS).replaced == 0


def test_a_song_that_is_removed_during_a_publication_is_in_no_table(
    tmp_path: Path, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    for song_id in ("one", "two"):
        put_pitches(store, song_id, 50.0)
    pack(store)
    meanwhile(lambda: store.remove(["two"]))
    publish(store, ["one", "two"], path, RECORDS)
    assert query(path, PITCHES).rows == (("one", 0, 50.0),)
    assert query(path, "SELECT song_id FROM raw_song").rows == (("one",),)


def test_two_frames_with_one_key_leave_out_their_song_when_it_is_packed_too(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put_pitches(store, "one", 50.0, 51.0)
    put_pitches(store, "two", 50.0)
    bass = store.read(BassFeatures, "one")
    store.write(dataclasses.replace(bass, bass_f0=bass.bass_f0 * 2))
    pack(store)
    (left_out,) = publish(store, ["one", "two"], path, RECORDS).left_out
    assert left_out.startswith("one: left out: bass_f0 has two rows of frame 0")
    assert query(path, PITCHES).rows == (("two", 0, 50.0),)
    assert query(path, "SELECT song_id FROM raw_song").rows == (("two",),)


def test_frames_into_which_somebody_has_written_are_made_again(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put_pitches(store, "one", *map(float, range(50, 550)))
    pack(store)
    publish(store, ["one"], path, RECORDS)
    (file,) = frames_folder(path).glob("*.bass_f0.parquet")
    file.write_bytes(bytes(file.stat().st_size))
    publish(store, ["one"], path, RECORDS)
    assert len(query(path, PITCHES).rows) == 500


def test_what_others_put_beside_the_frames_stays_and_stops_no_publication(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put_pitches(store, "one", 50.0)
    pack(store)
    publish(store, ["one"], path, RECORDS)
    other = frames_folder(path) / "@eaDir"
    other.mkdir()
    names = sorted(frames_folder(path).iterdir())
    publish(store, ["one"], path, RECORDS)
    assert sorted(frames_folder(path).iterdir()) == names


def test_a_data_folder_that_was_moved_says_so_and_is_published_again(tmp_path: Path) -> None:
    old, new = DataPaths(tmp_path / "old"), DataPaths(tmp_path / "new")
    put_pitches(FeatureStore(old.features), "one", 50.0)
    pack(FeatureStore(old.features))
    publish(FeatureStore(old.features), ["one"], old.warehouse, RECORDS)
    inputs = publication_inputs({}, SplitSettings())[WAREHOUSE]
    note_published(old, WAREHOUSE, inputs)
    assert WAREHOUSE not in due_publications(old, {}, SplitSettings())
    old.root.rename(new.root)
    with pytest.raises(StorageError, match="moved; publish feature_warehouse again"):
        query(new.warehouse, PITCHES)
    assert WAREHOUSE in due_publications(new, {}, SplitSettings())
    publish(FeatureStore(new.features), ["one"], new.warehouse, RECORDS)
    note_published(new, WAREHOUSE, inputs)
    assert query(new.warehouse, PITCHES).rows == (("one", 0, 50.0),)
    assert WAREHOUSE not in due_publications(new, {}, SplitSettings())


def test_a_song_that_a_publication_cannot_read_is_due(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data")
    store, songs = FeatureStore(paths.features), ["one", "two"]
    for song_id in songs:
        put(store, song_id)
        made = {"raw_song": Made({}, store.versions(song_id)["raw_song"], 0.0, "run", 0, "")}
        write_state(paths, song_id, SongState(made=made, stored=store.token(song_id) or ""))
    contents = bytearray(store.path("one").read_bytes())
    contents[len(contents) // 2] ^= 1  # its head and size say that all is well
    store.path("one").write_bytes(contents)
    assert store.token("one") is not None
    published = publish(store, songs, paths.warehouse, RECORDS)
    assert published.unread == ("one",)
    note_damaged(paths, songs)
    assert [bool(read_state(paths, song_id).made) for song_id in songs] == [False, True]


def test_a_reader_that_opened_the_file_before_a_publication_finds_its_frames_after_it(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    for song_id in ("one", "two"):
        put_pitches(store, song_id, 50.0)
    pack(store)
    publish(store, ["one", "two"], path, RECORDS)
    with duckdb.connect(str(path), read_only=True) as reader:
        before = reader.execute(PITCHES).fetchall()
        for song_id in ("one", "two"):
            put_pitches(store, song_id, 99.0)
        pack(store)
        publish(store, ["one", "two"], path, RECORDS)
        assert reader.execute(PITCHES).fetchall() == before
    assert query(path, PITCHES).rows == (("one", 0, 99.0), ("two", 0, 99.0))
    old = list(frames_folder(path).glob("*.gone"))
    assert len(old) == 1
    os.utime(old[0], (0, 0))
    publish(store, ["one", "two"], path, RECORDS)
    assert len(list(frames_folder(path).glob("*.bass_f0.parquet"))) == 1


@pytest.mark.parametrize(
    "sql",
    ["COPY (SELECT 1) TO '{}'", "EXPLAIN ANALYZE COPY (SELECT 1) TO '{}'", "COPY raw_song TO '{}' (FORMAT parquet)",
     "PREPARE written AS COPY (SELECT 1) TO '{}'", "EXPORT DATABASE '{}'",
     "ATTACH '{}' AS other", "SELECT 1; COPY (SELECT 1) TO '{}'"],
)  # fmt: skip
def test_a_query_cannot_write_into_the_frames_that_it_may_read(tmp_path: Path, sql: str) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put_pitches(store, "one", 50.0)
    pack(store)
    publish(store, ["one"], path, RECORDS)
    (frames,) = frames_folder(path).glob("*.bass_f0.parquet")
    before = frames.read_bytes()
    with pytest.raises(StorageError, match="no other file may be written"):
        query(path, sql.format(frames))
    assert frames.read_bytes() == before
    assert query(path, PITCHES).rows == (("one", 0, 50.0),)


def test_two_rows_with_one_key_leave_out_their_song_and_no_other(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put(store, "good")
    song = make_evidence("doubled").song
    store.write(dataclasses.replace(song, beats=(*song.beats, song.beats[0])))
    published = publish(store, ["doubled", "good"], path, RECORDS)
    assert published.left_out == ("doubled: left out: beats has two rows of beat 0; run the song again",)
    assert query(path, "SELECT song_id FROM song_features").rows == (("good",),)


# Clients of other versions


def test_a_client_of_the_oldest_version_reads_values_comments_and_keys(tmp_path: Path, older_python: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put(store, "one", tempo_bpm=90.5)
    publish(store, ["one"], path, RECORDS)
    questions = [
        "SELECT song_id, tempo_bpm, fingerprint FROM song_features JOIN raw_song USING (song_id)",
        "SELECT count(*), sum(time_s) FROM beats",
        "SELECT table_name, comment FROM duckdb_tables() ORDER BY ALL",
        "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL",
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND NOT is_nullable ORDER BY ALL",
    ]
    with client(path, python=older_python) as older, client(path) as ours:
        assert older.version == "1.1.3"
        assert ours.version == duckdb.__version__
        for question in questions:
            found = older.ask(question)
            assert found == ours.ask(question)
            assert isinstance(found, list)
            assert found


# Clients that write


@pytest.fixture(params=["present", "older"])
def any_python(request: pytest.FixtureRequest) -> Path:
    return Path(sys.executable) if request.param == "present" else request.getfixturevalue("older_python")


def published_songs(store: FeatureStore, path: Path, *song_ids: str) -> None:
    for song_id in song_ids:
        put(store, song_id)
    publish(store, song_ids, path, RECORDS)


def open_to_writing(path: Path) -> None:
    """Make the warehouse one that a client can write into, as earlier versions published it."""
    path.with_name(f"{path.name}.wal").unlink()


SONGS = "SELECT song_id FROM raw_song ORDER BY 1"
WRITE = "UPDATE raw_song SET song_id = 'of the client'"


def test_a_journal_of_a_killed_client_is_not_applied_to_the_next_publication(tmp_path: Path, any_python: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    published_songs(store, path, "one")
    open_to_writing(path)
    with client(path, "write", any_python) as writer:
        assert writer.ask(WRITE) == [[1]]
        writer.kill()
    assert path.with_name("warehouse.duckdb.wal").stat().st_size > 0
    assert query(path, SONGS).rows == (("one",),)
    published_songs(store, path, "one", "two")
    with client(path, "read", any_python) as reader:
        assert reader.ask(SONGS) == [["one"], ["two"]]
    assert query(path, SONGS).rows == (("one",), ("two",))


def test_a_journal_that_belongs_to_another_file_is_not_read_by_our_queries(tmp_path: Path) -> None:
    store, path, old = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb", tmp_path / "old.duckdb"
    published_songs(store, old, "one")
    open_to_writing(old)
    with client(old, "write") as writer:
        assert writer.ask(WRITE) == [[1]]
    published_songs(store, path, "two")
    old.with_name("old.duckdb.wal").replace(path.with_name("warehouse.duckdb.wal"))
    assert query(path, SONGS).rows == (("two",),)
    assert list(tmp_path.glob(".tmp-*")) == []


def test_a_client_that_goes_on_writing_after_a_publication_does_not_reach_it(tmp_path: Path, any_python: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    published_songs(store, path, "one")
    open_to_writing(path)
    with client(path, "write", any_python) as writer:
        assert writer.ask(WRITE) == [[1]]
        published_songs(store, path, "one", "two")
        writer.ask("CHECKPOINT")
        writer.ask("CREATE TABLE more AS SELECT * FROM range(1000)")
        with client(path, "read", any_python) as reader:
            assert reader.ask(SONGS) == [["one"], ["two"]]
        writer.close()
    with client(path, "read", any_python) as reader:
        assert reader.ask(SONGS) == [["one"], ["two"]]


def test_a_client_can_open_the_warehouse_as_it_likes_and_write_nothing(tmp_path: Path, any_python: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    published_songs(store, path, "one")
    before = path.read_bytes()
    with client(path, "write", any_python) as writer:
        assert writer.ask(SONGS) == [["one"]]
        assert "Failed to commit" in str(writer.ask(WRITE))
        assert writer.ask("CREATE TEMP TABLE mine AS SELECT * FROM raw_song") == [[1]]
        writer.close()
    assert path.read_bytes() == before
    assert query(path, SONGS).rows == (("one",),)


def test_a_query_while_another_program_writes_says_who_holds_the_warehouse(tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    published_songs(store, path, "one")
    with client(path, "write") as writer:
        writer.ask(SONGS)
        with pytest.raises(StorageError, match=rf"open for writing; close it there.*PID {writer.process.pid}"):
            query(path, SONGS)


KILLED_PUBLISHER = """
import os, sys; from pathlib import Path
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage import warehouse
from flamingo_bark_assets.storage.feature_store import FeatureStore
really = Path.replace
def halting(self, target):
    if sys.argv[3] == f"before {Path(target).name}":
        os.kill(os.getpid(), 9)
    really(self, target)
    if sys.argv[3] == f"after {Path(target).name}":
        os.kill(os.getpid(), 9)
Path.replace = halting
warehouse.publish(FeatureStore(Path(sys.argv[1])), ["one", "two"], Path(sys.argv[2]), RECORDS)
"""


@pytest.mark.parametrize(
    ("moment", "songs"),
    [
        ("before warehouse.duckdb.wal", [["of the client"]]),
        ("after warehouse.duckdb.wal", [["one"]]),
        ("after warehouse.duckdb", [["one"], ["two"]]),
    ],
)
def test_a_publication_that_is_killed_beside_a_journal_mixes_nothing(
    tmp_path: Path, moment: str, songs: list[list[str]]
) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    published_songs(store, path, "one")
    put(store, "two")
    open_to_writing(path)
    with client(path, "write") as writer:
        assert writer.ask(WRITE) == [[1]]
    script = [sys.executable, "-c", KILLED_PUBLISHER, str(store.folder), str(path), moment]
    assert subprocess.run(script, check=False).returncode == -9
    with client(path) as reader:
        assert reader.ask(SONGS) == songs
    published_songs(store, path, "one", "two")
    with client(path) as reader:
        assert reader.ask(SONGS) == [["one"], ["two"]]
    assert list(tmp_path.glob(".tmp-*")) == []


def test_on_a_disk_without_symbolic_links_the_journal_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    path.with_name("warehouse.duckdb.wal").write_bytes(b"of a killed client")
    published_songs(store, path, "one")
    assert not os.path.lexists(path.with_name("warehouse.duckdb.wal"))


# Disks that take no more


def test_a_full_disk_is_told_as_such_and_leaves_the_old_warehouse(small_disk: Path, tmp_path: Path) -> None:
    store, path = FeatureStore(tmp_path / "features"), small_disk / "warehouse.duckdb"
    put(store, "one")
    path.write_text("old")
    with pytest.raises(WriteError, match=r"warehouse\.duckdb: cannot be written: No space left on device; free some"):
        publish(store, ["one"], path, RECORDS)
    assert path.read_text() == "old"
    assert list(small_disk.glob(".tmp-*")) == []


def test_rows_that_no_longer_fit_on_the_disk_are_not_taken_for_unreadable_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, path = FeatureStore(tmp_path / "features"), tmp_path / "warehouse.duckdb"
    put(store, "one")

    def full(*_: object) -> None:
        raise duckdb.TransactionException(
            'TransactionContext Error: Failed to commit: Could not write file "x.wal": No space left on device'
        )

    monkeypatch.setattr("flamingo_bark_assets.storage.building._insert_frame", full)
    with pytest.raises(WriteError, match="No space left on device"):
        publish(store, ["one"], path, RECORDS)
    assert not path.exists()


def test_a_read_only_folder_is_told_as_such(small_disk: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(WriteError, match=r"warehouse\.duckdb: cannot be written: Read-only file system; let this user"):
        publish(FeatureStore(tmp_path / "features"), [], small_disk / "warehouse.duckdb", RECORDS)
