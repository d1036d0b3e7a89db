"""Runs that work at the same time: no song is made twice, none fails, and a repeated run makes only what failed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, RESUME_RETRY_TAG, ROOT_RUN_ID_TAG

from flamingo_bark_assets import pipeline
from flamingo_bark_assets.definitions import defs
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import run_songs
from flamingo_bark_assets.pipeline import SongWork
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.steps import STEPS
from tests.platform_state import asked, do, due, made, make, not_fresh, tick
from tests.songs import write_unreadable_song

pytestmark = pytest.mark.dagster


def start(data: DataPaths, home: Path, counts: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.counting", "--data", str(data.root), "run"],
        env={**os.environ, "DAGSTER_HOME": str(home), "COUNT_IN": str(counts)},
        stdout=subprocess.DEVNULL,
    )


def test_two_runs_of_the_same_songs_share_the_work(data: DataPaths, tmp_path: Path) -> None:
    songs = [f"song-{index}" for index in range(6)]
    for index, song_id in enumerate(songs):
        write_unreadable_song(data.songs, song_id, text=str(index))
    counts = tmp_path / "counts"
    processes = [start(data, tmp_path / "home", counts) for _ in range(2)]
    assert [process.wait(timeout=300) for process in processes] == [3, 3]  # every song is unfit
    done = Counter(counts.read_text().splitlines())
    assert done == Counter(f"{song_id} {step.name}" for song_id in songs for step in STEPS)
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        for step in STEPS:
            assert instance.get_materialized_partitions(dg.AssetKey(step.name)) == set(songs)
        assert not_fresh(instance, songs) == {}


def test_a_song_that_another_process_registers_at_the_same_moment_is_run(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    write_unreadable_song(data.songs, "a")
    others = dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"])
    came_first: list[str] = []

    def come_first(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO dynamic_partitions") and not came_first:
            came_first.append("a")
            others.add_dynamic_partitions("songs", ["a"])

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", come_first)
    try:
        (report,) = run_songs(instance, ["a"], lambda asset, song_id: None)
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", come_first)
        others.dispose()
    assert came_first == ["a"]
    assert report.success


def test_a_sensors_run_of_songs_that_were_made_meanwhile_makes_nothing(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_unreadable_song(data.songs, "a")
    instance.add_dynamic_partitions("songs", ["a"])
    requests = asked(tick(instance))
    make(instance, "a")

    def never(work: SongWork) -> Record:
        raise AssertionError("it was made already")

    for step in pipeline.WORK:
        monkeypatch.setitem(pipeline.WORK, step, never)
    assert all(result.success for result in do(instance, requests))
    assert not_fresh(instance, "a") == {}


HOLD_LOCK = """
import sys
from pathlib import Path
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.state import song_lock
with song_lock(DataPaths(Path(sys.argv[1])), "a"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_song_whose_lock_is_held_waits_for_the_others(data: DataPaths, instance: dg.DagsterInstance) -> None:
    for index, song_id in enumerate("abc"):
        write_unreadable_song(data.songs, song_id, text=str(index))
    order: list[str | None] = []
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(data.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin and holder.stdout
    assert holder.stdout.readline() == b"held\n"

    def made(asset: str, song_id: str | None) -> None:
        if asset == "bark_dataset":
            order.append(song_id)
            if len(order) == 2:
                holder.communicate(b"done")

    reports = run_songs(instance, ["a", "b", "c"], made)
    assert [report.errors for report in reports] == [(), ()]
    assert order == ["b", "c", "a"]


def test_whoever_is_told_of_progress_stops_no_run_and_is_told_of_the_fault_after_it(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    write_unreadable_song(data.songs, "a")
    told: list[str] = []

    def closed(asset: str, song_id: str | None) -> None:
        told.append(asset)
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_songs(instance, ["a"], closed)
    assert told == ["raw_song"]
    assert (data.datasets / "bark_training_dataset_a.json").exists()
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]


def test_re_executing_from_failure_makes_only_the_songs_that_failed(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = ["a", "b", "c"]
    for index, song_id in enumerate(songs):
        write_unreadable_song(data.songs, song_id, text=str(index))
    really = pipeline.WORK["song_features"]
    worked: list[str] = []

    def broken(work: SongWork) -> Record:
        worked.append(work.song_id)
        if work.song_id == "b" and len(worked) < 4:
            raise RuntimeError("no such luck")
        return really(work)

    monkeypatch.setitem(pipeline.WORK, "song_features", broken)
    first, _ = run_songs(instance, songs, lambda asset, song_id: None)
    assert not first.success
    assert worked == songs
    parent = instance.get_run_by_id(first.run_id)
    assert parent is not None
    again = {PARENT_RUN_ID_TAG: parent.run_id, ROOT_RUN_ID_TAG: parent.run_id, RESUME_RETRY_TAG: "true"}
    result = defs.resolve_job_def("all_songs").execute_in_process(instance=instance, tags={**parent.tags, **again})
    assert result.success
    assert worked == [*songs, "b"]
    assert due(data) == {}


def test_re_executing_the_run_of_one_song_from_failure_publishes_it(
    data: DataPaths, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_unreadable_song(data.songs, "a")

    def broken(work: SongWork) -> Record:
        raise RuntimeError("no such luck")

    with monkeypatch.context() as patch:
        patch.setitem(pipeline.WORK, "bark_dataset", broken)
        (first,) = run_songs(instance, ["a"], lambda asset, song_id: None)
    assert not first.success
    parent = instance.get_run_by_id(first.run_id)
    assert parent is not None
    for step in pipeline.WORK:
        if step not in {"bark_dataset", "training_clips"}:
            monkeypatch.setitem(pipeline.WORK, step, broken)
    again = {PARENT_RUN_ID_TAG: parent.run_id, ROOT_RUN_ID_TAG: parent.run_id, RESUME_RETRY_TAG: "true"}
    result = defs.resolve_job_def("one_song").execute_in_process(instance=instance, tags={**parent.tags, **again})
    assert result.success
    assert {"feature_warehouse", "training_manifest"} <= {asset for asset, _ in made([result])}
    assert data.warehouse.exists()
    assert due(data) == {}
    assert not_fresh(instance, "a") == {}
