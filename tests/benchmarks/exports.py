"""What exports cost: seconds of clips written a CPU second, memory over the number of songs, an unchanged export.

Run: ``python -m tests.benchmarks.exports [SONG_FOLDER]``. With a song's folder, as the library has them, its clips are
cut, rendered and written for each layout, tokens aside; without one the demo song is taken. Memory is that of a process
that exports so many made songs with short sounds.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.exports.interface import ExportOptions
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import export
from flamingo_bark_assets.exports.songs import StoredSongs
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.settings import Settings
from tests import export_songs
from tests.running import ROOT

SONGS = (10, 100, 1000)


def main() -> None:
    """Print all of it."""
    song = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "data" / "demo"
    with tempfile.TemporaryDirectory() as folder:
        _speed(song, Path(folder))
    print("\npeak memory, MB, and CPU seconds by number of songs (two of 0.5 s for each source)")
    for name in ("webdataset", "huggingface"):
        told = []
        for count in SONGS:
            done = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.exports", "--memory", name, str(count)],
                cwd=ROOT, capture_output=True, text=True, check=True,
            )  # fmt: skip
            told.append(f"{count}: {done.stdout.strip()}")
        print(f"  {name:20} " + "   ".join(told))


def _speed(song: Path, folder: Path) -> None:
    paths = DataPaths(folder / "data")
    shutil.copytree(song, paths.songs / "song")
    run_all(SongWork(find_song(paths, "song"), paths, Settings(), MeasuredCaptioner()))
    print("layout               clips      sound s    CPU s   x real time   unchanged CPU s")
    for name, target in TARGETS.items():
        out = folder / name
        options = ExportOptions(folder=str(out))
        began = time.process_time()
        report = export(target, StoredSongs(paths, Settings(), target, options), out, options)
        took = time.process_time() - began
        began = time.process_time()
        export(target, StoredSongs(paths, Settings(), target, options), out, options)
        again = time.process_time() - began
        seconds = 3600 * sum(report.hours.values())
        clips = sum(report.clips.values())
        print(f"{name:20} {clips:5}   {seconds:9.1f}   {took:6.2f}   {seconds / took:11.1f}   {again:.2f}")


def _memory(name: str, count: int) -> None:
    export_songs.VIEWS["30s"] = 0.5
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        export(
            TARGETS[name], export_songs.made_source(count, clips=2, views=("30s",)), out, ExportOptions(folder=str(out))
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:.0f} MB, {time.process_time():.1f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        _memory(sys.argv[2], int(sys.argv[3]))
    else:
        main()
