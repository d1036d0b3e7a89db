"""What `add` costs over hashing the same files, in CPU seconds a song, in one run.

python -m tests.benchmarks.adding [SONGS] [MEGABYTES]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from pathlib import Path

from flamingo_bark_assets.audio.decode import open_blocks
from flamingo_bark_assets.library.batch import Inspected, Wishes, add_songs
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.recognising import FoundSong, recognise
from flamingo_bark_assets.library.trees import read_tree
from tests.signals import sine, write_wav

_MAX_S = 7200.0


def main() -> None:
    """Add songs of one size, all in one folder, and again, and print what each costs over hashing and probing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=int, nargs="?", default=200)
    parser.add_argument("megabytes", type=float, nargs="?", default=5.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        inbox = Path(folder) / "inbox"
        one = write_wav(inbox / "one.wav", sine(220.0, arguments.megabytes * 1e6 / (2 * 44100))).read_bytes()
        (inbox / "one.wav").unlink()
        for number in range(arguments.songs):
            (inbox / f"Song {number:05d}.wav").write_bytes(one[:-8] + number.to_bytes(8, "little"))
        files = sorted(inbox.iterdir())
        hashing = _cpu_s(lambda: [hashlib.sha256(path.read_bytes()).digest() for path in files])
        probing = _cpu_s(lambda: list(map(_probe, files)))
        paths = DataPaths(Path(folder) / "data")
        print(f"{len(files)} songs of {len(one) / 1e6:.1f} MB, {os.cpu_count()} processors; CPU-s and s a song")
        print(f"hashing {hashing[0] / len(files):.4f} {hashing[1] / len(files):.4f}")
        print(f"probing {probing[0] / len(files):.4f} {probing[1] / len(files):.4f}")
        for what in ("adding", "again"):
            took = _cpu_s(lambda: _add(paths, inbox))
            over = took[0] - (hashing[0] + probing[0] if what == "adding" else 0.0)
            print(
                f"{what} {took[0] / len(files):.4f} {took[1] / len(files):.4f}, over both {over / len(files):.4f} CPU-s"
            )


def _add(paths: DataPaths, inbox: Path) -> None:
    songs = recognise(read_tree([inbox])).songs
    for outcome in add_songs(paths, songs, Wishes(), _inspect):
        assert outcome.state in {"added", "there already"}, outcome.reason


def _inspect(song: FoundSong) -> Inspected:
    _probe(song.mix)
    return Inspected()


def _probe(path: Path) -> None:
    next(open_blocks(path, max_duration_s=_MAX_S).blocks(), None)


def _cpu_s(work: object) -> tuple[float, float]:
    assert callable(work)
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - clock


if __name__ == "__main__":
    main()
