"""Two workers and one place for a captioning model: when each measures and describes, how often a model is loaded.

    python -m tests.benchmarks.captioners                # 4 songs of 6 s a worker, a tiny Music Flamingo
    python -m tests.benchmarks.captioners --songs 8

Each worker is a process with a run of its own, on one Dagster home and one data folder, as on two machines. The model
has random weights: what is shown is who waits for whom.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import ParamSpec, TypeVar

from tests.songs import write_song
from tests.tiny_models import save_tiny_model

_WORKERS = ("left", "right")
_DESCRIBING = "flamingo_captions"
_MEASURING = "song_features"

P = ParamSpec("P")
T = TypeVar("T")


def main() -> None:
    """Run the workers, print what each did when, and end with status 1 where both described at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=4, help="of each worker")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        sys.exit(_show(Path(name), arguments.songs))


def _show(folder: Path, n_songs: int) -> int:
    data = folder / "data"
    model = save_tiny_model(folder / "model", "music-flamingo")
    songs = {worker: [f"{worker}-{number}" for number in range(n_songs)] for worker in _WORKERS}
    for number, song_id in enumerate(song_id for ids in songs.values() for song_id in ids):
        write_song(data / "songs", song_id, seed=number, stems=False)
    (data / "settings.toml").write_text(
        f"[inference]\nmax_new_tokens = 8\n[[inference.chain]]\nmodel = {json.dumps(str(model))}\ndtype = 'float32'\n"
    )
    os.environ["DAGSTER_HOME"] = str(folder / "home")
    begun = time.time()
    start = multiprocessing.get_context("spawn")
    workers = [start.Process(target=_work, args=(data, songs[worker], folder / worker)) for worker in _WORKERS]
    for process in workers:
        process.start()
    for process in workers:
        process.join()
    spans = []
    for worker in _WORKERS:
        notes = [line.split("\t") for line in (folder / worker).read_text().splitlines()]
        for what in (_MEASURING, "load", _DESCRIBING):
            times = [(float(first) - begun, float(last) - begun) for name, first, last in notes if name == what]
            print(f"{worker:6} {what:18} {len(times):2} times, from {times[0][0]:6.1f} to {times[-1][1]:6.1f} s")
            if what == _DESCRIBING:
                spans.append((times[0][0], times[-1][1]))
    (_, first_ends), (second_begins, _) = sorted(spans)
    print("one after the other" if first_ends <= second_begins else "both at once")
    return int(first_ends > second_begins)


def _work(data: Path, songs: list[str], notes: Path) -> None:
    """Run songs as the command line does, and note what is done when."""
    from flamingo_bark_assets import pipeline
    from flamingo_bark_assets.captioning import model_captioner
    from flamingo_bark_assets.cli import main as command_line

    for name in (_MEASURING, _DESCRIBING):
        pipeline.WORK[name] = _noted(notes, name, pipeline.WORK[name])
    loader = vars(model_captioner)
    loader["load_first"] = _noted(notes, "load", loader["load_first"])
    with notes.with_suffix(".log").open("w") as log, redirect_stdout(log), redirect_stderr(log):
        command_line(["--data", str(data), "run", *songs])


def _noted(notes: Path, name: str, do: Callable[P, T]) -> Callable[P, T]:
    def noted(*arguments: P.args, **named: P.kwargs) -> T:
        begun = time.time()
        try:
            return do(*arguments, **named)
        finally:
            with notes.open("a") as file:
                file.write(f"{name}\t{begun}\t{time.time()}\n")

    return noted


if __name__ == "__main__":
    main()
