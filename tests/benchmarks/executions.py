"""How often each song is executed while songs come, change and are run from everywhere at once.

    python -m tests.benchmarks.executions [--songs 200]

A real platform with its sensors runs. Ten songs are there; while their runs are under way 200 more are copied in, one
song is added by the command line, and the command line and a backfill are told to run songs that the sensor asks for
too. Songs are no sound files, so that all the time goes into orchestration. Then: executions over songs, runs, and
what Dagster's resolver calls stale.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import dagster as dg

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.steps import STEPS
from tests.platform_state import not_fresh
from tests.running import Platform, running_platform
from tests.songs import write_song, write_unreadable_song


def main() -> None:
    """Run the scenario and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=200, help="songs that are copied in")
    songs = parser.parse_args().songs
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), songs)


def _measure(folder: Path, songs: int) -> None:
    data, home, counts = DataPaths(folder / "data"), folder / "home", folder / "counts"
    environment = {"COUNT_IN": str(counts)}
    for index in range(10):
        write_unreadable_song(data.songs, f"first-{index:02d}", text=f"first {index}")
    with running_platform(
        home, data.root, module="tests.benchmarks.counted_location", environment=environment
    ) as platform:
        _until(lambda: _done(counts, "raw_song") > 0, "the first runs are under way")
        for index in range(songs):
            write_unreadable_song(data.songs, f"song-{index:04d}", text=str(index))
        one = write_song(folder / "elsewhere", "added", stems=False) / "song.wav"
        _command(data, home, environment, "add", str(one), "--id", "added", wait=True)
        first, copied = [f"first-{n:02d}" for n in range(10)], [f"song-{n:04d}" for n in range(songs)]
        every = [*first, *copied, "added"]
        _until(lambda: len(_songs(counts)) > 12, "the copied songs are under way")
        process = _command(data, home, environment, "run")
        _launch(platform, copied[-20:])
        _until(lambda: _done(counts, "bark_dataset") >= len(every), "every song was made")
        _until(lambda: not _under_way(home), "every run has ended")
        print(f"command line: exit status {process.wait(timeout=600)}")
        statuses = Counter(run.status.value for run in _runs(home))
    done = Counter(counts.read_text().splitlines())
    executions = Counter(line.split()[0] for line in done.elements() if line.endswith(" raw_song"))
    print(f"songs: {len(every)}; executions: {sum(executions.values())}; most of one song: {max(executions.values())}")
    print(f"steps done more than once: {sum(count > 1 for count in done.values())} of {len(every) * len(STEPS)}")
    print(f"runs: {dict(statuses)}")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        stale = not_fresh(instance, every)
    print(f"not fresh by Dagster's resolver: {len(stale)} of {len(every) * len(STEPS)} {list(stale.items())[:3]}")


def _command(
    data: DataPaths, home: Path, environment: dict[str, str], *arguments: str, wait: bool = False
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.counting", "--data", str(data.root), *arguments],
        env={**os.environ, "DAGSTER_HOME": str(home), **environment},
        stdout=subprocess.DEVNULL,
    )
    if wait and process.wait(timeout=300) != 0:
        raise RuntimeError(arguments)
    return process


def _launch(platform: Platform, songs: list[str]) -> None:
    """Launch a backfill as the UI does, once the songs have their partitions."""
    with dg.DagsterInstance.from_config(str(platform.home)) as instance:
        _until(lambda: set(songs) <= set(instance.get_dynamic_partitions("songs")), "the songs are partitions")
    platform.launch_backfill([step.name for step in STEPS], songs)


def _done(counts: Path, step: str) -> int:
    return sum(line.endswith(f" {step}") for line in _lines(counts))


def _songs(counts: Path) -> set[str]:
    return {line.split()[0] for line in _lines(counts)}


def _lines(counts: Path) -> list[str]:
    return counts.read_text().splitlines() if counts.exists() else []


def _runs(home: Path) -> list[dg.DagsterRun]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return list(instance.get_runs())


def _under_way(home: Path) -> bool:
    return any(not run.is_finished for run in _runs(home))


def _until(holds: object, what: str, timeout_s: float = 1800.0) -> None:
    assert callable(holds)
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(1.0)


if __name__ == "__main__":
    main()
