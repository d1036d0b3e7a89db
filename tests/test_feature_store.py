"""The feature store gives back what was stored."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.rhythm import Beat
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.record import Measurement, Record, columns_of, rows_of
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import FeatureStore, encode_record
from flamingo_bark_assets.storage.tables import all_tables
from tests.evidence import make_evidence


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    evidence = make_evidence("song")
    for record in (evidence.raw_song, evidence.stems, evidence.song, evidence.drums, evidence.of_stem("bass")):
        store.write(record)
        assert store.read(type(record), "song") == record
        assert (
            store.versions("song")[record.TABLE] == version_of(store.read(type(record), "song")) == version_of(record)
        )


def version_of(record: Record) -> str:
    return encode_record(record).version


def test_a_version_tells_records_apart_and_not_the_types_of_equal_numbers() -> None:
    song = make_evidence("song", song={"tempo_bpm": 120}).song
    assert version_of(song) == version_of(make_evidence("song", song={"tempo_bpm": 120.0}).song)
    assert version_of(song) != version_of(make_evidence("song", song={"tempo_bpm": 121.0}).song)
    assert version_of(song) != version_of(dataclasses.replace(song, beats=song.beats[:-1]))


def test_an_unusable_record_keeps_its_reason_in_every_measurement(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    store.write(SongFeatures.of_unusable("song", "broken file"))
    stored = store.read(SongFeatures, "song")
    assert stored.unusable == "broken file"
    assert {m.reason for _, m in stored.measurements()} == {"broken file"}


def test_fewer_rows_written_later_replace_all_earlier_rows(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    drums = make_evidence("song").drums
    store.write(drums)
    store.write(dataclasses.replace(drums, drum_hits=()))
    assert store.read(DrumFeatures, "song").drum_hits == ()


def test_songs_do_not_touch_each_other(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    one, two = make_evidence("one").song, make_evidence("two", song={"tempo_bpm": 77.0}).song
    store.write(one)
    store.write(two)
    assert store.read(SongFeatures, "one") == one
    assert store.song_ids() == ["one", "two"]


def test_a_missing_record_says_which_song_and_asset(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"lost: no song_features yet; materialise"):
        FeatureStore(tmp_path).read(SongFeatures, "lost")


def test_a_damaged_file_says_which_song_and_table(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    store.write(make_evidence("song").song)
    store.path("song").write_bytes(b"not really results, but long enough")
    with pytest.raises(StorageError, match=r"song: stored song_features cannot be read"):
        store.read(SongFeatures, "song")


def test_every_column_has_a_comment_and_every_number_with_a_unit_says_so_in_its_name() -> None:
    suffixes = {unit: f"_{unit.lower()}" for unit in ("Hz", "s", "dB", "BPM", "LUFS", "dBFS", "LU")}
    for record in RECORDS:
        for spec in columns_of(record):
            assert spec.doc, (record, spec.name)
            if spec.unit in suffixes:
                assert spec.name.endswith(suffixes[spec.unit]), (record, spec)


def test_table_names_are_unique_and_keys_are_columns() -> None:
    tables = all_tables(RECORDS)
    assert len({table.name for table in tables}) == len(tables)
    for table in tables:
        assert set(table.key) <= {spec.name for spec in table.columns}


def test_a_measurement_has_a_value_or_a_reason_but_never_both() -> None:
    with pytest.raises(ValueError, match="either a value or a reason"):
        Measurement(None, "method")
    with pytest.raises(ValueError, match="either a value or a reason"):
        Measurement(1.0, "method", reason="why")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_becomes_unknown(value: float) -> None:
    measurement = Measurement.of(value, method="method", confidence=1.0)
    assert (measurement.value, measurement.confidence) == (None, None)
    assert measurement.reason


def test_rows_made_by_columns_are_those_made_one_by_one() -> None:
    made = rows_of(Beat, beat=range(2), time_s=np.array([0.5, 1.0]), position=[1, 2])
    assert made == (Beat(beat=0, time_s=0.5, position=1), Beat(beat=1, time_s=1.0, position=2))
    assert type(made[0].time_s) is float


def test_rows_need_every_column_in_one_length() -> None:
    with pytest.raises(ValueError, match="other columns"):
        rows_of(Beat, beat=[0], time_s=[0.5])
    with pytest.raises(ValueError, match="shorter"):
        rows_of(Beat, beat=[0, 1], time_s=[0.5], position=[1])
