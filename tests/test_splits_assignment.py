"""Assignments are kept in a file that wins, are told for every song, and a leak fails the asset's check."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from flamingo_bark_assets.audio.recording import Landmark
from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.versions import SPLITS as PUBLICATION
from flamingo_bark_assets.provenance.versions import WAREHOUSE, publication_inputs, song_versions
from flamingo_bark_assets.settings import Settings, SplitSettings, load_settings
from flamingo_bark_assets.splits import assignment
from flamingo_bark_assets.splits.assignment import read_splits, renew_splits, splits_path, stored_leaks
from flamingo_bark_assets.splits.records import SPLITS_TABLE, SongSplit
from flamingo_bark_assets.splits.rules import BY_HASH, assign
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.warehouse import publish, query
from tests.evidence import make_evidence
from tests.tunes import landmarks_of, tune

SETTINGS = Settings(splits=SplitSettings(validation=0.3, test=0.3))


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def put(
    paths: DataPaths, song_id: str, content: str, *, landmarks: tuple[Landmark, ...] = (), artist: str = ""
) -> None:
    """Store what is known of a song; its stems are its own."""
    (paths.songs / song_id).mkdir(parents=True, exist_ok=True)
    evidence = make_evidence(
        song_id, kinds=(), raw_song={"content_sha256": content, "landmarks": landmarks}, metadata={"artist": artist}
    )
    store = FeatureStore(paths.features)
    for record in (evidence.raw_song, evidence.stems, evidence.metadata):
        store.write(record)


def told(paths: DataPaths, *, by_artist: bool = False) -> dict[str, SongSplit]:
    return dict(read_splits(paths, SETTINGS, by_artist=by_artist))


def test_what_is_stored_wins_over_the_hash_also_when_songs_come(paths: DataPaths) -> None:
    sound = landmarks_of(tune(1, seconds=12.0))
    put(paths, "first", "9", landmarks=sound)
    renew_splits(paths, SETTINGS)
    (first,) = told(paths).values()
    # A duplicate by sound with a smaller hash would have given the group another identifier.
    for number in range(8):
        put(paths, f"copy-{number}", f"{number}", landmarks=landmarks_of(tune(1, seconds=12.0, semitones=number / 8)))
    assert told(paths)["first"] == first
    renew_splits(paths, SETTINGS)
    assert stored_leaks(paths, SETTINGS) == ()
    splits = told(paths)
    assert splits["first"] == first
    assert {(each.group, each.split) for each in splits.values()} == {(first.group, first.split)}
    assert splits["copy-4"].reason.startswith("joins: ")
    assert ": the same recording" in splits["copy-4"].reason


def test_reading_tells_of_new_songs_too_and_writes_nothing(paths: DataPaths) -> None:
    put(paths, "a", "1")
    put(paths, "b", "1")
    splits = told(paths)
    assert splits["a"].split == splits["b"].split
    assert splits["a"].group == splits["b"].group
    assert not splits_path(paths, by_artist=False).exists()
    renew_splits(paths, SETTINGS)
    assert told(paths) == splits


def test_artists_go_together_where_they_are_asked_to(paths: DataPaths) -> None:
    for number in range(8):
        put(paths, f"song-{number}", f"{number}", artist="The Band" if number % 2 else "THE BAND feat. X")
    renew_splits(paths, SETTINGS)
    assert len({each.split for each in told(paths, by_artist=True).values()}) == 1
    assert len({each.split for each in told(paths).values()}) > 1


def test_another_sound_under_the_same_name_and_another_seed_are_assigned_anew(paths: DataPaths) -> None:
    for number in range(30):
        put(paths, f"song-{number:02}", f"{number}")
    renew_splits(paths, SETTINGS)
    before = told(paths)
    put(paths, "song-00", "another")
    assert told(paths)["song-00"].group == "another"
    assert {song_id for song_id, each in told(paths).items() if each != before[song_id]} == {"song-00"}
    other = Settings(splits=SplitSettings(seed=1, validation=0.3, test=0.3))
    renew_splits(paths, other)
    assert {song_id for song_id, each in read_splits(paths, other, by_artist=False).items() if each != before[song_id]}


def test_a_damaged_file_is_named_and_not_assigned_anew_in_silence(paths: DataPaths) -> None:
    put(paths, "a", "1")
    renew_splits(paths, SETTINGS)
    path = splits_path(paths, by_artist=False)
    path.write_bytes(path.read_bytes()[:40])
    for use in (lambda: told(paths), lambda: renew_splits(paths, SETTINGS)):
        with pytest.raises(StorageError, match=r"splits\.parquet: cannot be read .*; restore it, or remove it"):
            use()


def test_damaged_results_of_a_song_cost_no_other_and_do_not_lose_what_was_assigned(paths: DataPaths) -> None:
    put(paths, "a", "1")
    put(paths, "b", "2")
    renew_splits(paths, SETTINGS)
    before = told(paths)
    FeatureStore(paths.features).path("a").write_bytes(b"no results")
    renewed = renew_splits(paths, SETTINGS)
    assert renewed.left_out == ("a: raw_song cannot be read; it is assigned to no split",)
    put(paths, "a", "1")
    assert told(paths) == before


def test_a_library_that_may_not_be_mounted_keeps_what_was_assigned_and_a_song_that_is_gone_goes(
    paths: DataPaths,
) -> None:
    for song_id in "ab":
        put(paths, song_id, song_id)
    renew_splits(paths, SETTINGS)
    (paths.songs / "b").rmdir()
    renew_splits(paths, SETTINGS)
    path = splits_path(paths, by_artist=False)
    assert pl.read_parquet(path)["song_id"].to_list() == ["a"]
    (paths.songs / "a").rmdir()
    renew_splits(paths, SETTINGS)
    assert pl.read_parquet(path)["song_id"].to_list() == ["a"]


def test_the_warehouse_holds_the_splits(paths: DataPaths) -> None:
    put(paths, "a", "0123456789abcdef0")
    renew_splits(paths, SETTINGS)
    over_all = {SPLITS_TABLE: splits_path(paths, by_artist=False)}
    published = publish(FeatureStore(paths.features), ["a"], paths.warehouse, RECORDS, over_all)
    assert published.rows["splits"] == 1
    rows = query(paths.warehouse, "SELECT song_id, group_id, split, reason, rule FROM splits").rows
    split = told(paths)["a"].split
    assert rows == (("a", "0123456789abcdef", split, BY_HASH, "seed 0, validation 0.3, test 0.3"),)


def test_splits_are_due_for_another_artist_or_seed_and_not_for_another_caption() -> None:
    made = {"raw_song": "1", "stems": "1", "song_metadata": "1", "flamingo_captions": "1"}

    def inputs_of(splits: SplitSettings | None = None, **changed: str) -> dict[str, str]:
        return publication_inputs({"a": song_versions({**made, **changed})}, splits or SplitSettings())

    inputs, caption, artist = inputs_of(), inputs_of(flamingo_captions="2"), inputs_of(song_metadata="2")
    seed = inputs_of(SplitSettings(seed=1))
    assert caption[PUBLICATION] == inputs[PUBLICATION] != artist[PUBLICATION]
    assert seed[PUBLICATION] != inputs[PUBLICATION]
    assert seed[WAREHOUSE] != inputs[WAREHOUSE]


@pytest.mark.parametrize("text", ["validation = 0.6\ntest = 0.5", "seed = -1", "share = 1"])
def test_settings_that_leave_nothing_or_are_unknown_are_refused(tmp_path: Path, text: str) -> None:
    from flamingo_bark_assets.errors import ConfigurationError

    (tmp_path / "settings.toml").write_text(f"[splits]\n{text}")
    with pytest.raises(ConfigurationError, match="splits"):
        load_settings(tmp_path / "settings.toml")


@pytest.mark.dagster
def test_the_check_fails_by_name_where_duplicates_are_stored_in_different_splits(
    instance: dg.DagsterInstance, data: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flamingo_bark_assets.definitions import defs

    def run() -> dg.AssetCheckEvaluation:
        result = defs.resolve_job_def("publish").execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey("training_splits")]
        )
        (check,) = result.get_asset_check_evaluations()
        return check

    put(data, "one", "1")
    put(data, "two", "1")
    assert run().passed

    def leaky(*arguments: object) -> dict[str, SongSplit]:
        splits = assign(*arguments)  # type: ignore[arg-type]
        return {song_id: SongSplit(song_id, each.group, "test" if song_id == "two" else "train", each.reason)
                for song_id, each in splits.items()}  # fmt: skip

    monkeypatch.setattr(assignment, "assign", leaky)
    leak = run()
    assert not leak.passed
    assert leak.description == "one (train) and two (test): the same sound file"
