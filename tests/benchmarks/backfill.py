"""What a backfill costs and whether one bad song spoils the rest: real daemon, real webserver, real sound files.

    python -m tests.benchmarks.backfill                     # 50 songs, 2 of them broken: who is materialised
    python -m tests.benchmarks.backfill --songs 100 --broken 0     # cost of orchestration a song
    python -m tests.benchmarks.backfill --songs 1 --broken 0       # cost of a run of one song
    python -m tests.benchmarks.backfill --songs 1 --broken 0 --unreadable   # the same without analysis

Orchestration is the CPU time of webserver, daemon, code server and run processes from launch to end, less the
CPU time of the steps themselves (decode, analysis, writing), which are timed inside the run.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from flamingo_bark_assets.defs.specs import SONG_ASSETS
from flamingo_bark_assets.record import Record, columns_of
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from tests.metering import CpuMeter, step_seconds
from tests.running import running_platform
from tests.songs import truncate, write_song


def main() -> None:
    """Run the backfill and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=50)
    parser.add_argument("--broken", type=int, default=2, choices=(0, 1, 2))
    parser.add_argument("--raise-in", default="raw_song", help="step that raises for the second broken song")
    parser.add_argument("--unreadable", action="store_true", help="songs are no sound files: nothing is analysed")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a song")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), arguments)


def _measure(folder: Path, arguments: argparse.Namespace) -> None:
    data = folder / "data"
    songs = [f"song-{index:03d}" for index in range(arguments.songs)]
    for index, song_id in enumerate(songs):
        write_song(data / "songs", song_id, duration_s=arguments.seconds, seed=index)
        if arguments.unreadable:
            (data / "songs" / song_id / "song.wav").write_text("no sound")
    environment = {"FLAMINGO_BARK_TIMES": str(folder / "times.tsv")}
    if arguments.broken >= 1:
        truncate(data / "songs" / songs[len(songs) // 3] / "song.wav")
    if arguments.broken == 2:
        environment["FLAMINGO_BARK_RAISE"] = f"{songs[2 * len(songs) // 3]}:{arguments.raise_in}"
    with running_platform(
        folder / "home", data, module="tests.benchmarks.location", environment=environment
    ) as platform:
        platform.add_songs(songs)
        meter = CpuMeter(platform)
        if len(songs) == 1:
            result = platform.run(songs[0], timeout_s=600)
        else:
            result = platform.backfill(list(SONG_ASSETS), songs, timeout_s=3600)
        by_role = meter.stop()
        status = platform.status()
        unfit = _unfit(data)
    steps = step_seconds(folder / "times.tsv")
    print(f"{'backfill' if len(songs) > 1 else 'run'} of {len(songs)} songs of {arguments.seconds:g} s: {result}")
    print(f"{'asset':20} {'materialised':>12} {'of these unusable':>18} {'failed':>7}")
    for asset, counts in status.items():
        print(f"{asset:20} {counts['numMaterialized']:12} {unfit.get(asset, 0):18} {counts['numFailed']:7}")
    total = sum(by_role.values())
    orchestration = total - steps
    print("CPU-s by process: " + ", ".join(f"{role} {seconds:.1f}" for role, seconds in by_role.items()))
    print(f"CPU: {total:.1f} s in all, {steps:.1f} s in the steps, {orchestration:.1f} s orchestration")
    print(f"orchestration: {orchestration / len(songs):.3f} CPU-s a song")


def _unfit(data: Path) -> dict[str, int]:
    """Songs whose record says that it is unusable, or, of the last asset, unfit, by asset."""
    found = {}
    for step in STEPS:
        store, columns = FeatureStore(data / "features"), columns_of(Record)
        frame, _ = store.read_columns(step.record.TABLE, store.song_ids(), columns)
        found[step.name] = frame.height - frame["unusable"].null_count()
    return found


if __name__ == "__main__":
    main()
