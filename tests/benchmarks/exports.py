"""What exports cost: seconds of clips written a CPU second, memory over the number of songs, an unchanged export.

Run: ``python -m tests.benchmarks.exports [--only PART] [--song FOLDER] [--layouts NAME ...] [--songs N ...]``.

The part ``speed`` cuts, renders and writes the clips of a song's folder, as the library has them, for each layout,
tokens aside; without ``--song`` the demo song's. Sound is what stands in the files written, copies by a link once; that
of shards is taken from the report. The part ``memory`` is that of a process which exports so many made songs: of each
the mix and the voice, as short as the layout takes them, made one at a time, as a library's are read.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.exports.interface import ExportOptions, ExportSong, Note, Renderer
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import SongHead, export
from flamingo_bark_assets.exports.songs import StoredSongs
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.settings import Settings
from tests.export_songs import SPLIT_OF, MadeRenderer, made_clip, made_song
from tests.running import ROOT

SONGS = (10, 100, 1000)
PARTS = ("speed", "memory")
SOURCES = ("mix", "vocals")
SHORTEST_S = {"30s": 0.5, "full": 10.0, "semantic": 9.6, "coarse": 5.12}
SHORTEST_OF_AUDIOCRAFT_S = {"30s": 24.0}


class MadeLibrary:
    """So many songs, of which one is held at a time: a mix and a voice of each view."""

    def __init__(self, songs: int, lengths_s: Mapping[str, float]) -> None:
        self._songs = songs
        self._lengths_s = lengths_s  # by view

    def heads(self) -> list[SongHead]:
        """All songs."""
        return [SongHead(f"song-{i:04d}", SPLIT_OF[i % len(SPLIT_OF)], f"{i}") for i in range(self._songs)]

    def refused(self) -> tuple[Note, ...]:
        """None."""
        return ()

    def load(self, song_id: str) -> tuple[ExportSong, Renderer]:
        """Make one song."""
        split = SPLIT_OF[int(song_id.rpartition("-")[2]) % len(SPLIT_OF)]
        song = made_song(song_id, split, views=())
        clips = tuple(
            made_clip(song_id, view, source, 0, start_s=0.0, end_s=length_s)
            for view, length_s in self._lengths_s.items()
            for source in SOURCES
        )
        return dataclasses.replace(song, clips=clips), MadeRenderer(song_id)


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--song", type=Path, default=ROOT / "data" / "demo")
    parser.add_argument("--layouts", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--songs", type=int, nargs="+", default=list(SONGS))
    parser.add_argument("--export", nargs=2, metavar=("LAYOUT", "SONGS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.export:
        _export_made(options.export[0], int(options.export[1]))
        return
    if options.only != "memory":
        with tempfile.TemporaryDirectory() as folder:
            _speed(options.song, Path(folder), options.layouts)
    if options.only != "speed":
        _memory(options.layouts, options.songs)


def _speed(song: Path, folder: Path, layouts: Sequence[str]) -> None:
    paths = DataPaths(folder / "data")
    shutil.copytree(song, paths.songs / "song")
    run_all(SongWork(find_song(paths, "song"), paths, Settings(), MeasuredCaptioner()))
    print("layout               clips      sound s    CPU s   x real time   unchanged CPU s")
    for name in layouts:
        target, out = TARGETS[name], folder / name
        options = ExportOptions(folder=str(out))
        began = time.process_time()
        report = export(target, StoredSongs(paths, Settings(), target, options), out, options)
        took = time.process_time() - began
        began = time.process_time()
        export(target, StoredSongs(paths, Settings(), target, options), out, options)
        again = time.process_time() - began
        seconds = _sound_s(out) or 3600 * sum(report.hours.values())
        clips = sum(report.clips.values())
        print(f"{name:20} {clips:5}   {seconds:9.1f}   {took:6.2f}   {seconds / took:11.1f}   {again:.2f}", flush=True)


def _sound_s(folder: Path) -> float:
    """Add up the lengths of the sound files in a folder, a file of several names once."""
    import soundfile

    files = {path.stat().st_ino: path for path in folder.rglob("*") if path.suffix in {".wav", ".flac"}}
    return sum(float(soundfile.info(path).duration) for path in files.values())


def _memory(layouts: Sequence[str], songs: Sequence[int]) -> None:
    print("\nlayout               songs    clips   peak MB   CPU s")
    for name in layouts:
        for count in songs:
            command = [sys.executable, "-m", "tests.benchmarks.exports", "--export", name, str(count)]
            subprocess.run(command, cwd=ROOT, check=True)


def _export_made(name: str, count: int) -> None:
    """Export made songs in this process, which does nothing else, and print what it took."""
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        shortest_s = SHORTEST_OF_AUDIOCRAFT_S if name == "audiocraft" else SHORTEST_S
        library = MadeLibrary(count, {view: shortest_s[view] for view in target.VIEWS})
        report = export(target, library, out, ExportOptions(folder=str(out)))
        clips, took_s = sum(report.clips.values()), time.process_time()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:20} {count:5}   {clips:6}   {peak_mb:7.0f}   {took_s:.1f}", flush=True)


if __name__ == "__main__":
    main()
