"""kill -9 at any moment leaves a state that the next run repairs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flamingo_bark_assets.library.importing import remove_song
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.training.files import manifest_path, publish_manifest
from flamingo_bark_assets.training.manifest import read_manifest, verify_manifest
from tests.songs import write_song

pytestmark = pytest.mark.dagster

STOPS = ("stems/one.parquet", "bark_training_dataset_one.json", "training_manifest.jsonl", "warehouse.duckdb")


def start(data: DataPaths, home: Path, stop_before: str = "", *song_ids: str) -> subprocess.Popen[bytes]:
    """Run songs (default: all) in another process, which halts just before it puts a file named so into place."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.halting", "--data", str(data.root), "run", *song_ids],
        env={**os.environ, "DAGSTER_HOME": str(home), "HALT_BEFORE": stop_before},
        stdout=subprocess.DEVNULL,
    )


def wait_until_halted(process: subprocess.Popen[bytes], flag: Path) -> None:
    deadline = time.monotonic() + 120
    while not flag.exists():
        assert process.poll() is None, "the run ended before it came to the place"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill_when_halted(process: subprocess.Popen[bytes], flag: Path) -> None:
    wait_until_halted(process, flag)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("stop_before", STOPS)
def test_the_run_after_a_kill_finds_and_repairs_everything(tmp_path: Path, stop_before: str) -> None:
    data, home = DataPaths(tmp_path / "data"), tmp_path / "home"
    write_song(data.songs, "one", duration_s=5.5)
    kill_when_halted(start(data, home, stop_before), data.root / "halted")
    assert start(data, home).wait(timeout=240) == 0
    assert query(data.warehouse, "SELECT count(*) FROM suitability WHERE suitable").rows == ((1,),)
    assert [entry.song_id for entry in read_manifest(manifest_path(data))] == ["one"]
    assert verify_manifest(manifest_path(data), data.root) == []
    assert list(data.root.rglob(".tmp-*")) == []


def test_what_was_made_before_a_kill_is_not_lost(tmp_path: Path) -> None:
    data, home = DataPaths(tmp_path / "data"), tmp_path / "home"
    write_song(data.songs, "one", duration_s=5.5)
    assert start(data, home).wait(timeout=240) == 0
    write_song(data.songs, "two", duration_s=5.5, seed=1)
    kill_when_halted(start(data, home, "warehouse.duckdb"), data.root / "halted")
    assert query(data.warehouse, "SELECT song_id FROM suitability").rows == (("one",),)


def test_a_song_that_is_removed_while_it_is_made_leaves_nothing_after_publication(tmp_path: Path) -> None:
    data, home, flag = DataPaths(tmp_path / "data"), tmp_path / "home", tmp_path / "data" / "halted"
    write_song(data.songs, "removed", duration_s=2.0, stems=False)
    write_song(data.songs, "other", duration_s=1.0, stems=False)
    run = start(data, home, "song_features/removed.parquet", "removed")
    wait_until_halted(run, flag)
    remove_song(data, "removed")
    flag.unlink()
    run.wait(timeout=240)
    publish_manifest(data)
    assert [file for file in data.root.rglob("*removed*") if file.suffix != ".lock"] == []
