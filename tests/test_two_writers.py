"""Two writers of one song that no lock keeps apart: what they leave behind is never a mixture that counts as made."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flamingo_bark_assets.library.layout import DataPaths
from tests.songs import write_unreadable_song

pytestmark = pytest.mark.dagster

# A machine of its own: the locks of the other do not reach it. It halts before the step that is named.
WRITER = """
import sys, time
from pathlib import Path
from flamingo_bark_assets import pipeline
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.provenance import state
state.LOCKS_FOLDER, step_name, flag = sys.argv[1], sys.argv[2], Path(sys.argv[3])
run_step = pipeline.run_step
def halting(step, work):
    if step.name == step_name:
        flag.touch()
        while flag.exists():
            time.sleep(0.02)
    return run_step(step, work)
pipeline.run_step = halting
main(["--data", sys.argv[4], "run", "--all"])
"""


def start(data: DataPaths, folder: Path, name: str, halt_before: str) -> subprocess.Popen[bytes]:
    flag = folder / f"{name}-halted"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, f"locks-{name}", halt_before, str(flag), str(data.root)],
        env={**os.environ, "DAGSTER_HOME": str(folder / f"home-{name}")},
        stdout=subprocess.DEVNULL,
    )
    while not flag.exists():
        assert process.poll() is None
        time.sleep(0.02)
    return process


def go_on(process: subprocess.Popen[bytes], folder: Path, name: str) -> None:
    (folder / f"{name}-halted").unlink()
    assert process.wait(timeout=120) == 3  # the song is no sound


def results(data: DataPaths) -> dict[str, bytes]:
    folders = (data.features, data.datasets)
    return {
        path.relative_to(data.root).as_posix(): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_the_next_run_makes_what_two_writers_without_a_common_lock_have_mixed(data: DataPaths, tmp_path: Path) -> None:
    song = write_unreadable_song(data.songs, "a")
    titled = 'title = "{}"\nartist = "Me"\n'
    (song / "song.toml").write_text(titled.format("AAAA"))
    early = start(data, tmp_path, "early", "song_metadata")
    (song / "song.toml").write_text(titled.format("BBBB"))
    late = start(data, tmp_path, "late", "training_prompts")
    go_on(early, tmp_path, "early")  # it has read AAAA and writes that over what the other has made of BBBB
    go_on(late, tmp_path, "late")
    run = [sys.executable, "-m", "flamingo_bark_assets", "--data", str(data.root), "run"]
    subprocess.run(run, env={**os.environ, "DAGSTER_HOME": str(tmp_path / "home")}, check=False, capture_output=True)
    mixed = results(data)

    alone = DataPaths(tmp_path / "alone")
    alone.root.mkdir()
    alone.settings.write_text(data.settings.read_text())
    (alone.songs / "a").mkdir(parents=True)
    for path in song.iterdir():
        (alone.songs / "a" / path.name).write_bytes(path.read_bytes())
    run[run.index(str(data.root))] = str(alone.root)
    subprocess.run(run, env={**os.environ, "DAGSTER_HOME": str(tmp_path / "home-2")}, check=False, capture_output=True)
    assert mixed
    assert mixed == results(alone)
