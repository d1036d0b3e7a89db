"""The sensor on the library: what it adds, runs again and removes."""

from __future__ import annotations

import os
import shutil

import dagster as dg
import pytest

from flamingo_bark_assets.defs.local import run_songs
from flamingo_bark_assets.defs.partitions import SONGS
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.sensors import RANGE_END, RANGE_START, song_library
from flamingo_bark_assets.library.fingerprint import stat_signatures
from flamingo_bark_assets.library.importing import remove_song
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.storage.stale import stale_songs
from tests.songs import write_song

pytestmark = pytest.mark.dagster


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    result = song_library(context, platform=Platform())
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def changed(result: dg.SensorResult | dg.SkipReason) -> dg.SensorResult:
    assert isinstance(result, dg.SensorResult)
    return result


def apply_partitions(instance: dg.DagsterInstance, result: dg.SensorResult) -> None:
    for request in result.dynamic_partitions_requests or []:
        if isinstance(request, dg.AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions(SONGS, list(request.partition_keys))
        else:
            for key in request.partition_keys:
                instance.delete_dynamic_partition(SONGS, key)


def runs(result: dg.SensorResult) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for request in result.run_requests or []:
        if request.partition_key:
            found.append((request.partition_key,))
        elif RANGE_START in request.tags:
            found.append((request.tags[RANGE_START], request.tags[RANGE_END]))
        else:
            found.append((str(request.job_name),))
    return found


def test_new_songs_become_partitions_and_share_runs(data: DataPaths, instance: dg.DagsterInstance) -> None:
    for song_id in ("b", "a", "c"):
        write_song(data.songs, song_id, stems=False)
    result = changed(tick(instance))
    apply_partitions(instance, result)
    assert instance.get_dynamic_partitions(SONGS) == ["a", "b", "c"]
    assert runs(result) == [("a", "c")]


def test_nothing_is_asked_twice(data: DataPaths, instance: dg.DagsterInstance) -> None:
    write_song(data.songs, "a", stems=False)
    result = changed(tick(instance))
    assert isinstance(tick(instance, result.cursor), dg.SkipReason)


def test_a_song_that_was_made_is_not_run_again_until_its_content_changes(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    folder = write_song(data.songs, "a")
    write_song(data.songs, "b", seed=1)
    run_songs(instance, ["a", "b"], lambda asset, song_id: None)
    assert runs(changed(tick(instance))) == []
    os.utime(folder / "song.wav")  # another time, the same content
    assert runs(changed(tick(instance))) == []
    (folder / "song.toml").write_text('title = "new"')
    assert runs(changed(tick(instance))) == [("a",)]


def test_a_song_that_is_gone_loses_its_partition_and_publication_is_renewed(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    write_song(data.songs, "a", stems=False)
    write_song(data.songs, "b", stems=False)
    apply_partitions(instance, changed(tick(instance)))
    shutil.rmtree(data.songs / "a")
    result = changed(tick(instance))
    apply_partitions(instance, result)
    assert instance.get_dynamic_partitions(SONGS) == ["b"]
    assert ("publish",) in runs(result)


def test_a_song_whose_run_was_cut_off_is_due_again(data: DataPaths, instance: dg.DagsterInstance) -> None:
    write_song(data.songs, "a", stems=False)
    run_songs(instance, ["a"], lambda asset, song_id: None)
    assert stale_songs(data, stat_signatures(data)) == set()
    (data.features / "suitability" / "a.parquet").unlink()
    assert stale_songs(data, stat_signatures(data)) == {"a"}


def test_a_song_that_was_removed_and_added_again_is_run_again(data: DataPaths, instance: dg.DagsterInstance) -> None:
    folder = write_song(data.songs, "a", stems=False)
    aside = data.root / "aside"
    shutil.copytree(folder, aside)
    first = changed(tick(instance))
    apply_partitions(instance, first)
    remove_song(data, "a")
    apply_partitions(instance, changed(tick(instance, first.cursor)))
    shutil.copytree(aside, folder)
    again = changed(tick(instance))
    assert runs(again) == [("a",)]
    assert (again.run_requests or [])[0].run_key != (first.run_requests or [])[0].run_key


def test_a_damaged_record_makes_only_its_own_song_due(data: DataPaths, instance: dg.DagsterInstance) -> None:
    write_song(data.songs, "a", stems=False)
    write_song(data.songs, "b", stems=False, seed=1)
    run_songs(instance, ["a", "b"], lambda asset, song_id: None)
    (data.features / "raw_song" / "a.parquet").write_bytes(b"damaged")
    assert stale_songs(data, stat_signatures(data)) == {"a"}
