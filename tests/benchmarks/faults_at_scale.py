"""A backfill in which everything goes wrong: broken songs, crashing analyses, run workers and daemons that are killed.

    python -m tests.benchmarks.faults_at_scale [--songs 1000] [--worker-kills 10] [--daemon-kills 2] [--seed 0]

Of the songs, of 6 s, one in twenty is broken, in eight ways in turn, and the analyses of three raise. They are launched
as one backfill through a real daemon and webserver with the sensors on. Run workers and the daemon are killed (kill -9)
at random moments of it; a platform that ends is started again, as its service manager does, and nothing else is done.
Then, by itself, every song must have ended right: a broken one is unfit with its reason, one whose analysis raises is
given up with that reason and all that does not need it is made, every other one is fit and whole, and all is published.

Orchestration is the CPU time of webserver, daemon, code server and run processes while the platform is up, less that of
the steps (decode, analysis), which are timed inside the runs. Storing results and reporting them counts.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import psutil
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from flamingo_bark_assets.defs.specs import SONG_ASSETS
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.publication import due_publications
from flamingo_bark_assets.provenance.state import read_state
from flamingo_bark_assets.provenance.summaries import stored_versions
from flamingo_bark_assets.settings import load_settings
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.storage.warehouse import query
from tests.broken_songs import FAULTS, Fault
from tests.metering import CpuMeter, MemoryMeter, step_seconds
from tests.platform_state import due
from tests.running import Platform, running_platform
from tests.songs import write_song

RAISING = ("song_features", "vocal_features", "training_prompts")
_RAISED = "this analysis was made to raise"
_LOOK_S = 2.0
_OPEN = {"REQUESTED", "CANCELING", "FAILING"}
_TIME_A_SONG_S = 60.0


@dataclass(frozen=True)
class Songs:
    """The songs of a library and what must come of them.

    Attributes:
        data: the data folder; the songs lie aside until they are launched.
        ids: all of them, sorted.
        broken: what is wrong with the broken ones.
        raising: the steps that raise.
    """

    data: DataPaths
    ids: tuple[str, ...]
    broken: Mapping[str, Fault]
    raising: Mapping[str, str]

    def launch(self, platform: Platform) -> None:
        """Put the songs into the library and launch their backfill before any sensor can ask for them."""
        platform.add_songs(list(self.ids))
        platform.launch_backfill(list(SONG_ASSETS), list(self.ids))
        _aside(self.data).rename(self.data.songs)


@dataclass
class Figures:
    """What a backfill cost and what was done to it."""

    killed: Counter[str] = field(default_factory=Counter)
    cpu_s: Counter[str] = field(default_factory=Counter)
    memory: MemoryMeter = field(default_factory=MemoryMeter)
    starts: int = 0


def main() -> None:
    """Make the songs, let everything go wrong, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=1000)
    parser.add_argument("--worker-kills", type=int, default=10)
    parser.add_argument("--daemon-kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _compile()
        songs = make_songs(Path(folder, "data"), arguments.songs)
        begun = time.monotonic()
        kills = ["worker"] * arguments.worker_kills + ["daemon"] * arguments.daemon_kills
        figures = go_through(Path(folder, "home"), songs, kills, random.Random(arguments.seed))
        wrong = wrong_endings(songs, Path(folder, "home"))
        steps_s = step_seconds(_times(songs.data))
        _tell(songs, figures, steps_s, time.monotonic() - begun, Path(folder, "home"))
    print(f"songs that did not end right: {len(wrong)} {dict(list(wrong.items())[:10])}")
    sys.exit(bool(wrong))


def make_songs(
    root: Path, count: int, *, raising: Sequence[str] = RAISING, max_attempts: int = 3, more_settings: str = ""
) -> Songs:
    """Write a library of songs of 6 s, one in twenty of them broken, and at least one in each way."""
    data = DataPaths(root)
    ids = tuple(f"song-{number:05d}" for number in range(count))
    chosen = random.Random(1).sample(ids, len(raising) + max(len(FAULTS), count // 20))
    broken = {song_id: FAULTS[number % len(FAULTS)] for number, song_id in enumerate(chosen[len(raising) :])}
    for number, song_id in enumerate(ids):
        folder = write_song(_aside(data), song_id, seed=number)
        if song_id in broken:
            broken[song_id].spoil(folder)
    data.settings.write_text(f"[runs]\nsettle_s = 0\nfirst_pause_s = 1\nmax_attempts = {max_attempts}\n{more_settings}")
    return Songs(data, ids, broken, dict(zip(chosen, raising, strict=False)))


def go_through(home: Path, songs: Songs, kills: list[str], chance: random.Random) -> Figures:
    """Backfill the songs and kill what is to be killed, each at a random share of the songs; wait until all has ended.

    Raises:
        TimeoutError: it does not end.
    """
    figures = Figures()
    left = sorted((chance.uniform(0.02, 0.95) * len(songs.ids), what) for what in kills)
    raising = ",".join(f"{song_id}:{step}" for song_id, step in songs.raising.items())
    environment = {"FLAMINGO_BARK_RAISE": raising, "FLAMINGO_BARK_TIMES": str(_times(songs.data))}
    deadline = time.monotonic() + 120 + _TIME_A_SONG_S * len(songs.ids)
    ended = False
    while not ended:
        with running_platform(
            home, songs.data.root, module="tests.benchmarks.sensing_location", environment=environment
        ) as platform:
            figures.starts += 1
            meter = CpuMeter(platform)
            with figures.memory.watching(platform):
                if not songs.data.songs.exists():
                    songs.launch(platform)
                ended = _until_daemon_is_killed(platform, songs, left, figures, deadline, chance)
                figures.cpu_s.update(meter.stop())
                if not ended:
                    _kill_daemon(platform)
                    figures.killed["daemon"] += 1
    return figures


def _until_daemon_is_killed(
    platform: Platform,
    songs: Songs,
    left: list[tuple[float, str]],
    figures: Figures,
    deadline: float,
    chance: random.Random,
) -> bool:
    """Follow the backfill and kill workers on the way; False where the daemon is next, True at the end."""
    while time.monotonic() < deadline:
        if left and _begun(songs.data) >= left[0][0]:
            time.sleep(chance.uniform(0.0, 2.0))
            if left[0][1] == "daemon":
                left.pop(0)
                return False
            if _kill_worker(platform):
                left.pop(0)
                figures.killed["worker"] += 1
        elif not left and _has_ended(songs, platform.home):
            return True
        time.sleep(_LOOK_S / 4 if left else _LOOK_S)
    raise TimeoutError(f"not ended; killed so far: {dict(figures.killed)}; see {platform.home / 'log.txt'}")


def _kill_worker(platform: Platform) -> bool:
    for worker in platform.workers()[:1]:
        with suppress(psutil.NoSuchProcess):
            worker.kill()
            return True
    return False


def _kill_daemon(platform: Platform) -> None:
    """Kill the daemon; the rest of the platform ends by itself."""
    for process in platform.services():
        with suppress(psutil.NoSuchProcess):
            if "dagster._daemon" in process.cmdline():
                process.kill()
    platform.process.wait(timeout=120)


def _begun(data: DataPaths) -> int:
    """Count the songs whose first step was made."""
    times = _times(data)
    lines = times.read_text().splitlines() if times.exists() else []
    return len({line.split("\t")[0] for line in lines if f"\t{STEPS[0].name}\t" in line})


def _has_ended(songs: Songs, home: Path) -> bool:
    """Return whether nothing is under way and nothing will be asked for any more."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        if instance.get_runs_count(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))):
            return False
        if any(backfill.status.value in _OPEN for backfill in instance.get_backfills()):
            return False
    left = due(songs.data)
    settings = load_settings(songs.data.settings)
    attempts = [read_state(songs.data, song_id).attempt for song_id in left]
    if any(attempt is None or attempt.count < settings.runs.max_attempts for attempt in attempts):
        return False
    return not due_publications(songs.data, stored_versions(songs.data), settings.splits)


def wrong_endings(songs: Songs, home: Path) -> dict[str, str]:
    """Say of each song that did not end as it must how it did."""
    verdicts = {
        song_id: (suitable, reasons or "")
        for song_id, suitable, reasons in query(
            songs.data.warehouse, "SELECT song_id, suitable, reasons FROM suitability"
        ).rows
    }
    made = {step: _materialised(home, step) for step in SONG_ASSETS}
    endings = ((song_id, _wrong_ending(songs, song_id, verdicts.get(song_id), made)) for song_id in songs.ids)
    return {song_id: wrong for song_id, wrong in endings if wrong}


def _wrong_ending(
    songs: Songs, song_id: str, verdict: tuple[bool, str] | None, made: Mapping[str, set[str]]
) -> str | None:
    missing = {step for step in SONG_ASSETS if song_id not in made[step]}
    if song_id in songs.raising:
        state = read_state(songs.data, song_id)
        expected = _needing(songs.raising[song_id])
        told = (state.attempt and state.attempt.error) or ""
        return None if missing == expected and _RAISED in told else f"missing {sorted(missing)}, told: {told}"
    if missing or verdict is None:
        return f"not made: {sorted(missing)}; verdict {verdict}"
    suitable, reasons = verdict
    fault = songs.broken.get(song_id)
    if fault is None:
        return None if suitable else f"unfit: {reasons}"
    return None if not suitable and fault.says in reasons else f"{fault.name}: suitable {suitable}, told: {reasons}"


def _needing(step: str) -> set[str]:
    """Return a step and all that need it."""
    found = {step}
    for other in STEPS:
        if found & set(other.needs):
            found.add(other.name)
    return found


def _materialised(home: Path, step: str) -> set[str]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return set(instance.get_materialized_partitions(dg.AssetKey(step)))


def _tell(songs: Songs, figures: Figures, steps_s: float, wall_s: float, home: Path) -> None:
    count = len(songs.ids)
    total_s = figures.cpu_s.total()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = Counter(run.status.value for run in instance.get_runs())
    log_bytes = sum(file.stat().st_size for file in (home / "history").rglob("*") if file.is_file())
    all_bytes = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    print(f"{count} songs, {len(songs.broken)} broken, {len(songs.raising)} whose analysis raises, {wall_s:.0f} s")
    print(f"killed: {dict(figures.killed)}; platform started {figures.starts} times; runs: {dict(runs)}")
    print("CPU-s by process: " + ", ".join(f"{role} {seconds:.1f}" for role, seconds in figures.cpu_s.items()))
    print(f"steps: {steps_s / count:.3f} CPU-s a song; orchestration: {(total_s - steps_s) / count:.3f} CPU-s a song")
    print("largest process of each kind in each quarter of the time, MB:")
    for role, sizes in figures.memory.quarters().items():
        print(f"  {role:12} {' '.join(f'{size:5}' for size in sizes)}")
    print(
        f"event log: {log_bytes / count / 1000:.1f} kB a song; DAGSTER_HOME: {all_bytes / count / 1000:.1f} kB a song"
    )


def _compile() -> None:
    """Compile all loops, so that none is while it is measured."""
    command = [str(Path(sys.executable).with_name("flamingo-bark")), "warm-up"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _aside(data: DataPaths) -> Path:
    return data.root / "aside"


def _times(data: DataPaths) -> Path:
    return data.root.parent / "times.tsv"


if __name__ == "__main__":
    main()
