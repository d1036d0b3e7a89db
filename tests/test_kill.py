"""kill -9 at any moment leaves a state that the next run repairs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.library.importing import remove_song
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.training.files import manifest_path
from flamingo_bark_assets.training.manifest import read_manifest, verify_manifest
from flamingo_bark_assets.training.publishing import publish_manifest
from tests.conftest import NO_WAITING
from tests.songs import write_song

pytestmark = pytest.mark.dagster

# In the order in which a run comes to them.
STOPS = ("songs/one.results", "bark_training_dataset_one.json", "training_manifest.jsonl", "warehouse.duckdb")


def start(data: DataPaths, home: Path, stop_before: str = "", *song_ids: str) -> subprocess.Popen[bytes]:
    """Run songs (default: all) in another process, which halts just before it puts a file named so into place."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.halting", "--data", str(data.root), "run", *song_ids],
        env={**os.environ, "DAGSTER_HOME": str(home), "HALT_BEFORE": stop_before},
        stdout=subprocess.DEVNULL,
    )


def wait_until_halted(process: subprocess.Popen[bytes], flag: Path) -> None:
    deadline = time.monotonic() + 300  # of a machine that does much else
    while not flag.exists():
        assert process.poll() is None, "the run ended before it came to the place"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill_when_halted(process: subprocess.Popen[bytes], flag: Path) -> None:
    wait_until_halted(process, flag)
    process.send_signal(signal.SIGKILL)
    process.wait()


def library(root: Path) -> DataPaths:
    """Make a data folder with a song and without tags, which cost a process 2 s."""
    data = DataPaths(root)
    write_song(data.songs, "one", duration_s=5.5)
    data.settings.write_text(NO_WAITING)
    return data


def run_here(data: DataPaths, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run all songs in this process."""
    monkeypatch.setenv("FLAMINGO_BARK_DATA", str(data.root))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    shown = CliRunner().invoke(main, ["run"])
    assert shown.exit_code == 0, shown.output


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, Path]]:
    """A folder in which a run was killed, and what was on disk at each of `STOPS`, the last of which is the kill's.

    What a kill leaves is what is on disk at that moment, so that one run stands for a kill at each of its halts.
    """
    folder = tmp_path_factory.mktemp("killed")
    data = library(folder / "data")
    process = start(data, folder / "home", os.pathsep.join(STOPS))
    found = {}
    try:
        for stop in STOPS:
            wait_until_halted(process, data.root / "halted")
            process.send_signal(signal.SIGKILL if stop == STOPS[-1] else signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            found[stop] = Path(shutil.copytree(folder, tmp_path_factory.mktemp("left") / "folder", symlinks=True))
            (data.root / "halted").unlink()
            process.send_signal(signal.SIGCONT)
    finally:
        process.kill()
        process.wait()
    return folder, found


@pytest.mark.parametrize("stop_before", STOPS)
def test_the_run_after_a_kill_finds_and_repairs_everything(
    left: tuple[Path, Mapping[str, Path]], monkeypatch: pytest.MonkeyPatch, stop_before: str
) -> None:
    folder, found = left
    shutil.rmtree(folder)
    shutil.copytree(found[stop_before], folder, symlinks=True)
    data = DataPaths(folder / "data")
    run_here(data, folder / "home", monkeypatch)
    assert query(data.warehouse, "SELECT count(*) FROM suitability WHERE suitable").rows == ((1,),)
    assert [entry.song_id for entry in read_manifest(manifest_path(data))] == ["one"]
    assert verify_manifest(manifest_path(data), data.root) == []
    assert list(data.root.rglob(".tmp-*")) == []


def test_what_was_made_before_a_kill_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, home = library(tmp_path / "data"), tmp_path / "home"
    run_here(data, home, monkeypatch)
    write_song(data.songs, "two", duration_s=5.5, seed=1)
    kill_when_halted(start(data, home, "warehouse.duckdb"), data.root / "halted")
    assert query(data.warehouse, "SELECT song_id FROM suitability").rows == (("one",),)


def test_a_song_that_is_removed_while_it_is_made_leaves_nothing_after_publication(tmp_path: Path) -> None:
    data, home, flag = DataPaths(tmp_path / "data"), tmp_path / "home", tmp_path / "data" / "halted"
    data.root.mkdir()
    data.settings.write_text(NO_WAITING)
    write_song(data.songs, "removed", duration_s=2.0, stems=False)
    write_song(data.songs, "other", duration_s=1.0, stems=False)
    run = start(data, home, "songs/removed.results", "removed")
    wait_until_halted(run, flag)
    remove_song(data, "removed")
    flag.unlink()
    run.wait(timeout=240)
    publish_manifest(data)
    assert [file for file in data.root.rglob("*removed*") if file.suffix != ".lock"] == []
