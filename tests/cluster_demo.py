"""Songs on a Ray of two nodes with a Postgres, and whether every result is byte for byte that of one process.

    python -m tests.cluster_demo                          # 24 songs of 6 s, 2 of them broken, two ranged runs
    python -m tests.cluster_demo --songs 6 --broken 1 --seconds 3

Needs `pip install '.[cluster]'` and a PostgreSQL server. All of it runs in a network namespace of its own, in which
there is only loopback, and ends with this script.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.defs.specs import SONG_ASSETS
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.publication import due_publications
from flamingo_bark_assets.provenance.summaries import stored_versions
from flamingo_bark_assets.settings import SplitSettings
from tests.cluster import ask_ray, enter_own_network, loopback_up, running_postgres, running_ray, why_not
from tests.running import ROOT, running_platform
from tests.songs import truncate, write_song

_INSIDE = "--inside"
# The sensor shall ask for nothing: the runs are asked for here, half of the songs each.
_SETTINGS = "[runs]\nsettle_s = 3600\n"
_OF_THE_MOMENT = {"at_s", "run_id", "signature"}
_PATIENCE_S = 900.0


def main() -> None:
    """Run it in a network of its own, and end with status 0 where all results are equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=24)
    parser.add_argument("--broken", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a song")
    parser.add_argument(_INSIDE, action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.inside:
        if missing := why_not():
            sys.exit(missing)
        enter_own_network("tests.cluster_demo", [*sys.argv[1:], _INSIDE])
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this ends all that it started
    loopback_up()
    # Short: Ray puts sockets below it, whose paths may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="fb-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # Postgres runs as another user
        sys.exit(_compare(folder, arguments))


def _compare(folder: Path, arguments: argparse.Namespace) -> int:
    songs = [f"song-{number:03d}" for number in range(arguments.songs)]
    one, many = DataPaths(folder / "one"), DataPaths(folder / "many")
    for number, song_id in enumerate(songs):
        write_song(one.songs, song_id, duration_s=arguments.seconds, seed=number)
    for song_id in songs[:: len(songs) // arguments.broken][: arguments.broken]:
        truncate(one.songs / song_id / "song.wav")
    one.settings.write_text(_SETTINGS)
    shutil.copytree(one.root, many.root)
    _in_one_process(one, folder / "home-one")
    _on_the_cluster(many, folder, songs)
    return _report(one, many)


def _in_one_process(paths: DataPaths, home: Path) -> None:
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "flamingo_bark_assets", "--data", str(paths.root), "run"],
        env={**os.environ, "DAGSTER_HOME": str(home)}, cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode not in {0, 3}:  # 3: all is made, some songs are unfit
        raise RuntimeError(done.stdout + done.stderr)
    print(f"one process: {time.monotonic() - begun:.0f} s", flush=True)


def _on_the_cluster(paths: DataPaths, folder: Path, songs: list[str]) -> None:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {"PATH": programs, "PYTHONPATH": str(ROOT), "FLAMINGO_BARK_DATA": str(paths.root)}
    given["DAGSTER_HOME"] = str(folder / "home")
    begun = time.monotonic()
    with running_postgres(folder / "postgres") as url:
        given["FLAMINGO_BARK_POSTGRES_URL"] = url
        with running_ray(folder / "ray", {**os.environ, **given}) as client:
            print(f"Postgres and two nodes of Ray are up: {time.monotonic() - begun:.0f} s", flush=True)
            profile = {**given, **client, "FLAMINGO_BARK_PROFILE": "ray", "FLAMINGO_BARK_MAX_RUNS": "2"}
            with running_platform(folder / "home", paths.root, environment=profile) as platform:
                os.environ.update(profile)
                platform.add_songs(songs)
                half = len(songs) // 2
                asked = [platform.launch_backfill(list(SONG_ASSETS), part) for part in (songs[:half], songs[half:])]
                for backfill in asked:
                    ended = platform.wait_for_backfill(backfill, timeout_s=_PATIENCE_S)
                    if ended != "COMPLETED_SUCCESS":
                        raise RuntimeError(f"backfill {backfill}: {ended}; {_failures(platform.home)}")
                _wait_until_published(paths)
                print(f"published: {time.monotonic() - begun:.0f} s", flush=True)
                jobs = ask_ray(client, "/api/jobs/")
                nodes = Counter(job["driver_node_id"][:8] for job in jobs)
                print(f"Ray's jobs: {Counter(job['status'] for job in jobs)}, by node: {dict(nodes)}", flush=True)


def _failures(home: Path) -> list[str]:
    with open_instance(home) as instance:
        failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        events = (entry.dagster_event for run in failed for entry in instance.all_logs(run.run_id))
        return [event.message or "" for event in events if event is not None and event.is_failure]


def _wait_until_published(paths: DataPaths) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while due := due_publications(paths, stored_versions(paths), SplitSettings()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not published: {due}")
        time.sleep(0.5)


def _report(one: DataPaths, many: DataPaths) -> int:
    names, other_names = set(_files(one)), set(_files(many))
    different = sorted(name for name in names & other_names if _contents(one, name) != _contents(many, name))
    missing = sorted(names ^ other_names)
    for name in [*different, *missing][:20]:
        print(f"differs: {name}")
    if different or missing or not names:
        print(f"{len(different)} of {len(names)} files differ, {len(missing)} are only on one side")
        return 1
    print(f"{len(names)} files: all byte for byte those of one process")
    return 0


def _files(paths: DataPaths) -> Iterator[str]:
    """Name the files of all results and states; what is locked, and what is not yet published, is not one."""
    for folder in (paths.features, paths.datasets, paths.root / "state" / "songs"):
        for path in folder.rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                yield path.relative_to(paths.root).as_posix()


def _contents(paths: DataPaths, name: str) -> bytes:
    """Return what stands in a file, of states without the times and runs at which it came to be."""
    contents = (paths.root / name).read_bytes()
    return json.dumps(_lasting(json.loads(contents))).encode() if name.startswith("state/") else contents


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(each) for key, each in value.items() if key not in _OF_THE_MOMENT}
    return value


if __name__ == "__main__":
    main()
