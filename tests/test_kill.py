"""kill -9 at any moment leaves a state that the next run repairs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.training.files import manifest_path
from flamingo_bark_assets.training.manifest import read_manifest, verify_manifest
from tests.songs import write_song

pytestmark = pytest.mark.dagster

STOPS = (
    "stems/one.parquet", "drum_features/one.parquet", "prompts/one.parquet", "bark_training_dataset_one.json",
    "training_manifest.jsonl", "warehouse.duckdb",
)  # fmt: skip


def start(data: DataPaths, home: Path, stop_before: str = "") -> subprocess.Popen[bytes]:
    """Run all songs in a process of its own, which halts just before it puts a file named so into place."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.halting", "--data", str(data.root), "run"],
        env={**os.environ, "DAGSTER_HOME": str(home), "HALT_BEFORE": stop_before},
        stdout=subprocess.DEVNULL,
    )


def kill_when_halted(process: subprocess.Popen[bytes], flag: Path) -> None:
    deadline = time.monotonic() + 120
    while not flag.exists():
        assert process.poll() is None, "the run ended before it came to the place"
        assert time.monotonic() < deadline
        time.sleep(0.05)
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
