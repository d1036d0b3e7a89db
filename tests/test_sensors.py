"""The sensor on the library: what it adds, runs again and removes."""

from __future__ import annotations

import os
import shutil

import dagster as dg
import polars as pl
import pytest

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.definitions import defs
from flamingo_bark_assets.defs.local import run_songs
from flamingo_bark_assets.defs.partitions import SONGS
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.sensors import RANGE_END, RANGE_START, song_library
from flamingo_bark_assets.library import fingerprint as fingerprint_module
from flamingo_bark_assets.library.fingerprint import edits_digest, stat_signatures
from flamingo_bark_assets.library.importing import remove_song
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.storage.stale import StaleSongs, stale_songs
from flamingo_bark_assets.training.suitability import Verdict
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


def stale(data: DataPaths) -> StaleSongs:
    return stale_songs(data, stat_signatures(data))


def made_with_edits(data: DataPaths, song_id: str) -> None:
    """Leave stored results as a run of the words with the present edits does."""
    captions, verdict = (data.features / table / f"{song_id}.parquet" for table in (Captions.TABLE, Verdict.TABLE))
    digest = edits_digest(find_song(data, song_id).info)
    pl.read_parquet(captions).with_columns(edits_digest=pl.lit(digest)).write_parquet(captions)
    os.utime(verdict)


def words_of(result: dg.SensorResult) -> list[dg.RunRequest]:
    return [request for request in result.run_requests or [] if request.asset_selection]


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
    assert stale(data) == StaleSongs(frozenset(), frozenset())
    (data.features / "suitability" / "a.parquet").unlink()
    assert stale(data) == StaleSongs(everything=frozenset({"a"}), words=frozenset())


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
    assert stale(data) == StaleSongs(everything=frozenset({"a"}), words=frozenset())


EDIT = '[edits.mix]\ncaption = "A waltz."\n'
ONLY_WORDS = ["flamingo_captions", "training_prompts", "bark_dataset"]


def test_a_hand_edit_runs_only_the_words_of_its_songs(data: DataPaths, instance: dg.DagsterInstance) -> None:
    for song_id in ("a", "b", "c", "d"):
        write_song(data.songs, song_id, stems=False)
    run_songs(instance, ["a", "b", "c", "d"], lambda asset, song_id: None)
    for song_id in ("a", "b", "d"):
        (data.songs / song_id / "song.toml").write_text(EDIT)
    (data.songs / "c" / "song.toml").write_text('title = "new"')
    result = changed(tick(instance))
    assert runs(result) == [("c",), ("a", "b"), ("d",)]
    assert [[key.to_user_string() for key in request.asset_selection or []] for request in words_of(result)] == [
        ONLY_WORDS, ONLY_WORDS,
    ]  # fmt: skip


def test_a_run_that_the_sensor_asks_for_makes_the_words_and_their_checks_for_each_song(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    for song_id in ("a", "b"):
        write_song(data.songs, song_id, stems=False)
    run_songs(instance, ["a", "b"], lambda asset, song_id: None)
    for song_id in ("a", "b"):
        (data.songs / song_id / "song.toml").write_text(EDIT)
    (request,) = words_of(changed(tick(instance)))
    # The daemon makes the subset of the job in the same way: checks that are not named are those of the assets.
    job = defs.resolve_job_def(str(request.job_name)).get_subset(asset_selection=set(request.asset_selection or []))
    result = job.execute_in_process(instance=instance, tags=dict(request.tags))
    made = {(str(event.asset_key and event.asset_key.to_user_string()), event.partition)
            for event in result.all_events if event.is_step_materialization}  # fmt: skip
    assert made == {(asset, song_id) for asset in ONLY_WORDS for song_id in ("a", "b")}
    checked = {check.check_name for check in result.get_asset_check_evaluations()}
    assert "fit_for_training" in checked
    assert "recording_is_sound" not in checked


def test_edits_that_were_applied_are_not_run_again(data: DataPaths, instance: dg.DagsterInstance) -> None:
    folder = write_song(data.songs, "a")
    run_songs(instance, ["a"], lambda asset, song_id: None)
    (folder / "song.toml").write_text(EDIT)
    made_with_edits(data, "a")
    assert stale(data) == StaleSongs(frozenset(), frozenset())
    os.utime(folder / "song.wav")
    assert stale(data) == StaleSongs(frozenset(), frozenset())


def test_edits_that_are_taken_back_are_run_again(data: DataPaths, instance: dg.DagsterInstance) -> None:
    folder = write_song(data.songs, "a", stems=False)
    run_songs(instance, ["a"], lambda asset, song_id: None)
    (folder / "song.toml").write_text(EDIT)
    made_with_edits(data, "a")
    (folder / "song.toml").unlink()
    assert stale(data) == StaleSongs(everything=frozenset(), words=frozenset({"a"}))


@pytest.mark.parametrize("other", ["song.wav", "song.toml"])
def test_a_song_that_changed_beside_its_edits_is_measured_again(
    data: DataPaths, instance: dg.DagsterInstance, other: str
) -> None:
    folder = write_song(data.songs, "a", stems=False)
    run_songs(instance, ["a"], lambda asset, song_id: None)
    (folder / "song.toml").write_text(f'title = "new"\n{EDIT}' if other == "song.toml" else EDIT)
    if other == "song.wav":
        write_song(data.songs, "a", stems=False, seed=1)
    assert stale(data) == StaleSongs(everything=frozenset({"a"}), words=frozenset())


def test_captions_of_before_hand_edits_hold_none(data: DataPaths, instance: dg.DagsterInstance) -> None:
    folder = write_song(data.songs, "a", stems=False)
    run_songs(instance, ["a"], lambda asset, song_id: None)
    captions = data.features / Captions.TABLE / "a.parquet"
    pl.read_parquet(captions).drop("edits_digest", strict=False).write_parquet(captions)
    os.utime(data.features / Verdict.TABLE / "a.parquet")
    (folder / "song.toml").write_text("# nothing yet")
    assert stale(data) == StaleSongs(frozenset(), frozenset())
    (folder / "song.toml").write_text(EDIT)
    assert stale(data) == StaleSongs(everything=frozenset(), words=frozenset({"a"}))


def test_a_run_of_the_words_that_was_cut_off_is_due_again(data: DataPaths, instance: dg.DagsterInstance) -> None:
    folder = write_song(data.songs, "a", stems=False)
    run_songs(instance, ["a"], lambda asset, song_id: None)
    (folder / "song.toml").write_text(EDIT)
    made_with_edits(data, "a")
    status = (data.features / Verdict.TABLE / "a.parquet").stat()
    os.utime(data.features / Captions.TABLE / "a.parquet", ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    assert stale(data) == StaleSongs(everything=frozenset(), words=frozenset({"a"}))


def test_no_sound_file_is_read_where_only_song_toml_changed(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_song(data.songs, "a")
    run_songs(instance, ["a"], lambda asset, song_id: None)
    (folder / "song.toml").write_text(EDIT)

    def read(path: object) -> str:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(fingerprint_module, "sha256_of", read)
    assert stale(data) == StaleSongs(everything=frozenset(), words=frozenset({"a"}))


@pytest.mark.parametrize("content", [EDIT, 'title = "new"'])
def test_a_song_toml_that_comes_and_goes_twice_is_noticed_each_time(
    data: DataPaths, instance: dg.DagsterInstance, content: str
) -> None:
    folder = write_song(data.songs, "a", stems=False)
    run_keys = []
    for _ in range(2):
        for toml in (None, content):
            if toml is None:
                (folder / "song.toml").unlink(missing_ok=True)
            else:
                (folder / "song.toml").write_text(toml)
            run_keys += [request.run_key for request in changed(tick(instance)).run_requests or []]
            run_songs(instance, ["a"], lambda asset, song_id: None)
    assert len(set(run_keys)) == 4
