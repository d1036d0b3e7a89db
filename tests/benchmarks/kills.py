"""kill -9 at random moments of everything that runs, and whether all is repaired by itself.

    python -m tests.benchmarks.kills [--commands 150] [--workers 40] [--platforms 12] [--seed 0]

Commands (run, add, remove) are killed in processes of their own; after every ten kills one `run` must leave a whole
library. Run workers, daemon, webserver, code server and the whole platform are killed while songs change under a real
platform, which is started again where it ended; then, by itself, everything must be made. Whole means: every song of
the library made from its present files and published, every checksum right, no temporary file, no file of a song that
is gone, no run that seems under way.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import dagster as dg
import psutil

from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.library.layout import DataPaths, list_song_ids
from flamingo_bark_assets.library.orphans import derived_files
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.training.files import manifest_path
from flamingo_bark_assets.training.manifest import verify_manifest
from tests.platform_state import due, not_fresh
from tests.running import Platform, running_platform
from tests.songs import write_song, write_unreadable_song

NO_WAITING = "[runs]\nsettle_s = 0\nfirst_pause_s = 1\nmax_attempts = 50\n"


def main() -> None:
    """Kill, look, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=int, default=150)
    parser.add_argument("--workers", type=int, default=40)
    parser.add_argument("--platforms", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        _kill_commands(Path(folder), arguments.commands, chance)
    with tempfile.TemporaryDirectory() as folder:
        _kill_platforms(Path(folder), arguments.workers, arguments.platforms, chance)


def _kill_commands(folder: Path, kills: int, chance: random.Random) -> None:
    data, home = DataPaths(folder / "data"), folder / "home"
    data.root.mkdir()
    data.settings.write_text(NO_WAITING)
    source = write_song(folder / "elsewhere", "source", duration_s=5.5) / "song.wav"
    for index in range(4):
        write_song(data.songs, f"song-{index}", duration_s=5.5, seed=index, stems=index % 2 == 0)
    killed: Counter[str] = Counter()
    faults: list[str] = []
    looked_at = 0
    while killed.total() < kills:
        songs = list_song_ids(data)
        what = chance.choice(("run", "run", "run", "add", "remove"))
        if what == "add":
            source.write_bytes(source.read_bytes() + bytes(2))  # another file each time
            arguments = ["add", str(source), "--stems", str(source.parent / "stems")]
        elif what == "remove" and len(songs) > 3:
            arguments = ["remove", chance.choice(songs)]
        else:
            what, arguments = "run", ["run"]
            _change(data, chance)
        process = _command(data, home, *arguments)
        time.sleep(chance.uniform(0.2, 12.0 if what == "run" else 3.0))
        if process.poll() is None:
            process.kill()
            killed[what] += 1
        process.wait()
        if killed.total() - looked_at >= 10:
            looked_at = killed.total()
            faults += _repaired_by_a_run(data, home)
    faults += _repaired_by_a_run(data, home)
    print(f"commands killed: {dict(killed)}; not repaired by the next run: {len(faults)} {faults[:5]}", flush=True)


def _repaired_by_a_run(data: DataPaths, home: Path) -> list[str]:
    process = _command(data, home, "run")
    if process.wait(timeout=600) not in {0, 3}:  # 3: a song was cut so short that it is unfit
        return [f"run ended with {process.returncode}"]
    return _faults(data, home)


def _command(data: DataPaths, home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [Path(sys.executable).with_name("flamingo-bark"), "--data", str(data.root), *arguments],
        env={**os.environ, "DAGSTER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _change(data: DataPaths, chance: random.Random) -> None:
    """Change what is said about a song, or its sound."""
    song_id = chance.choice(list_song_ids(data))
    if chance.random() < 0.5:
        (data.songs / song_id / "song.toml").write_text(f'licence = "L{chance.random()}"\n')
    else:
        write_song(data.songs, song_id, duration_s=5.5, seed=chance.randrange(10_000), stems=False)


def _faults(data: DataPaths, home: Path) -> list[str]:
    """Say what is not whole."""
    songs = list_song_ids(data)
    found = [f"due: {due(data)}"] if due(data) else []
    found += [str(problem) for problem in verify_manifest(manifest_path(data), data.root)]
    found += [f"left: {path}" for path in data.root.rglob(".tmp-*")]
    published = {row[0] for row in query(data.warehouse, "SELECT song_id FROM suitability").rows}
    if published != set(songs):
        found.append(f"published {sorted(published)}, there are {songs}")
    made = {path.stem for path in (data.root / "state" / "songs").glob("*.json")}
    found += [f"orphans of {song_id}" for song_id in made - set(songs) if list(derived_files(data, song_id))]
    with open_instance(home) as instance:
        found += [f"run {run.run_id} {run.status.value}" for run in instance.get_runs() if not run.is_finished]
        found += [f"not fresh: {name}: {why}" for name, why in not_fresh(instance, songs).items()]
    return found


def _kill_platforms(folder: Path, workers: int, platforms: int, chance: random.Random) -> None:
    data, home = DataPaths(folder / "data"), folder / "home"
    data.root.mkdir()
    data.settings.write_text(NO_WAITING)
    songs = [f"song-{index}" for index in range(6)]
    for index, song_id in enumerate(songs):
        write_unreadable_song(data.songs, song_id, text=str(index))
    killed: Counter[str] = Counter()
    share = -(-workers // max(1, platforms))
    while killed.total() - killed["worker"] < platforms or killed["worker"] < workers:
        with running_platform(home, data.root) as platform:
            killed["worker"] += _kill_workers(platform, data, min(share, workers - killed["worker"]), chance)
            time.sleep(chance.uniform(0.0, 20.0))
            _change_text(data, songs, chance)
            killed[_kill_part(platform, chance)] += 1
    with running_platform(home, data.root):
        deadline = time.monotonic() + 900
        faults = ["never looked"]
        while faults and time.monotonic() < deadline:
            time.sleep(5.0)
            with suppress(Exception):
                faults = _faults_of_running(data, home)
    print(f"processes killed: {dict(killed)}; not repaired by itself: {len(faults)} {faults[:5]}", flush=True)


def _kill_workers(platform: Platform, data: DataPaths, kills: int, chance: random.Random) -> int:
    killed = 0
    deadline = time.monotonic() + 120 * kills
    while killed < kills and time.monotonic() < deadline:
        _change_text(data, list_song_ids(data), chance)
        waited = time.monotonic() + 60
        while not platform.workers() and time.monotonic() < waited:
            time.sleep(0.2)
        time.sleep(chance.uniform(0.0, 6.0))
        for worker in platform.workers()[:1]:
            with suppress(psutil.NoSuchProcess):
                worker.kill()
                killed += 1
    return killed


def _kill_part(platform: Platform, chance: random.Random) -> str:
    """Kill one process of the platform, or all; the others end by themselves."""
    part = chance.choice(("daemon", "webserver", "code server", "everything"))
    words = {"daemon": "dagster._daemon", "webserver": "defs.webserver", "code server": "code-server"}
    if part != "everything":
        for process in psutil.Process(platform.process.pid).children():
            if words[part] in " ".join(process.cmdline()):
                process.kill()
        with suppress(subprocess.TimeoutExpired):
            platform.process.wait(timeout=60)
    if platform.process.poll() is None:
        platform.kill()
    return part


def _change_text(data: DataPaths, songs: list[str], chance: random.Random) -> None:
    for song_id in chance.sample(songs, 3):
        (data.songs / song_id / "song.wav").write_text(str(chance.random()))


def _faults_of_running(data: DataPaths, home: Path) -> list[str]:
    """Say what is not whole of a platform that runs: nothing may be under way any more."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        under_way = [f"run {run.run_id} {run.status.value}" for run in instance.get_runs() if not run.is_finished]
        if under_way:
            return under_way
        songs = set(list_song_ids(data))
        missing = [
            f"{step.name} of {song_id}"
            for step in STEPS
            for song_id in songs - instance.get_materialized_partitions(dg.AssetKey(step.name))
        ]
    return missing or _faults(data, home)


if __name__ == "__main__":
    main()
