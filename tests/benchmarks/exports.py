"""What exports cost: seconds of clips written a CPU second, memory over the number of songs, an unchanged export.

Run: ``python -m tests.benchmarks.exports [--only PART] [--song FOLDER] [--layouts NAME ...] [--songs N ...]``.

The part ``speed`` cuts, renders and writes the clips of a library, tokens aside, for each layout in a process of its
own. The library is one song (``--song``, else the demo's) that is played on to ``--seconds`` and analysed once, under
as many names as ``--copies`` says: each is read, decoded and rendered by itself. Sound is what stands in the files
written, copies by a link once; that of shards is taken from the report. What the first export of a process takes once,
imports above all, is told apart as the start: it does not grow with the library. The part ``memory`` is that of a
process which exports so many made songs: of each the mix and the voice, as short as the layout takes them, made one at
a time, as a library's are read.
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
from flamingo_bark_assets.exports.interface import ExportOptions, ExportSong, Note, Renderer, Target
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import ExportReport, SongHead, export
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
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--copies", type=int, default=6)
    parser.add_argument("--layouts", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--songs", type=int, nargs="+", default=list(SONGS))
    parser.add_argument("--export", nargs=2, metavar=("LAYOUT", "SONGS"), help=argparse.SUPPRESS)
    parser.add_argument("--library", nargs=2, metavar=("FOLDER", "LAYOUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.library:
        _export_library(Path(options.library[0]), options.library[1], options.copies)
        return
    if options.export:
        _export_made(options.export[0], int(options.export[1]))
        return
    if options.only != "memory":
        with tempfile.TemporaryDirectory() as folder:
            _speed(options.song, options.seconds, Path(folder), options.layouts, options.copies)
    if options.only != "speed":
        _memory(options.layouts, options.songs)


def _speed(song: Path, seconds: float, folder: Path, layouts: Sequence[str], copies: int) -> None:
    paths = DataPaths(folder / "data")
    shutil.copytree(song, paths.songs / "song")
    _play_on(paths.songs / "song", seconds)
    run_all(SongWork(find_song(paths, "song"), paths, Settings(), MeasuredCaptioner()))
    print("layout               clips      sound s    CPU s   x real time   start CPU s   unchanged CPU s", flush=True)
    for name in layouts:
        command = [sys.executable, "-m", "tests.benchmarks.exports", "--library", str(paths.root), name]
        subprocess.run([*command, "--copies", str(copies)], cwd=ROOT, check=True)


def _play_on(song: Path, seconds: float) -> None:
    """Write the sound files of a song anew, each played on from its beginning to so many seconds."""
    import numpy as np
    import soundfile

    for path in [path for path in song.rglob("*") if path.suffix in {".mp3", ".ogg", ".flac", ".wav"}]:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        longer = np.resize(samples, (round(seconds * rate_hz), samples.shape[1]))
        with soundfile.SoundFile(path, "w", rate_hz, longer.shape[1], format=path.suffix[1:].upper()) as file:
            for start in range(0, len(longer), rate_hz):  # libsndfile overflows its stack where Vorbis gets all at once
                file.write(longer[start : start + rate_hz])


class RepeatedSong:
    """One song of the library under several names, each of which is read, decoded and rendered by itself."""

    def __init__(self, paths: DataPaths, target: Target, options: ExportOptions, copies: int) -> None:
        self._stored = StoredSongs(paths, Settings(), target, options)
        self._copies = copies

    def heads(self) -> list[SongHead]:
        """As many as there are copies."""
        (head,) = self._stored.heads()
        numbers = range(self._copies)
        return [SongHead(f"song-{i:02d}", SPLIT_OF[i % len(SPLIT_OF)], f"{head.digest}{i}") for i in numbers]

    def refused(self) -> Sequence[Note]:
        """What the library refuses."""
        return self._stored.refused()

    def load(self, song_id: str) -> tuple[ExportSong, Renderer]:
        """Load the song under a name."""
        song, renderer = self._stored.load("song")
        split = SPLIT_OF[int(song_id.rpartition("-")[2]) % len(SPLIT_OF)]
        return dataclasses.replace(song, song_id=song_id, group=song_id, split=split), renderer


def _export_library(root: Path, name: str, copies: int) -> None:
    """Export a song so often in this process, and print what it took."""
    target = TARGETS[name]

    def timed(out: Path, times: int) -> tuple[ExportReport, float]:
        options = ExportOptions(folder=str(out))
        began = time.process_time()
        report = export(target, RepeatedSong(DataPaths(root), target, options, times), out, options)
        return report, time.process_time() - began

    with tempfile.TemporaryDirectory() as folder:
        _, first = timed(Path(folder) / "first", 1)
        out = Path(folder) / name
        report, took = timed(out, copies)
        _, again = timed(out, copies)
        seconds = _sound_s(out) or 3600 * sum(report.hours.values())
    clips, start = sum(report.clips.values()), first - took / copies
    print(
        f"{name:20} {clips:5}   {seconds:9.1f}   {took:6.2f}   {seconds / took:11.1f}   {start:11.2f}   {again:.2f}",
        flush=True,
    )


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
