"""What a song costs from file to dataset, as `flamingo-bark run` makes many, against measuring it alone.

    python -m tests.benchmarks.whole_job [SONG] [--songs 5] [--profile FILE]

SONG is a folder with `mix.wav` and its stems; by default that of `speed`. So many songs of the same sound, each begun
at another place, are run in bulk in this process, once it is warm, without a captioning model; before and after, each
is measured alone (`analyse_whole(read_song(...))`). A part is the CPU time of the main thread within the functions that
make it, without that of other parts within it; what is in none of them is the loop over songs, and Dagster's own.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import functools
import importlib
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from flamingo_bark_assets.library.layout import DataPaths
from tests.benchmarks.speed import repeated_demo

PARTS: dict[str, tuple[str, ...]] = {
    "decode": ("flamingo_bark_assets.audio.decode:decode",),
    "stems against mix": ("flamingo_bark_assets.audio.stems:compare_stems",),
    "shared transforms": (
        "flamingo_bark_assets.analysis.views:mix_view",
        "flamingo_bark_assets.analysis.views:stem_view",
    ),
    "measuring": (
        "flamingo_bark_assets.analysis.song:analyse_song",
        "flamingo_bark_assets.analysis.kinds:analyse_stem",
    ),
    "hashing of files": ("flamingo_bark_assets.library.fingerprint:sha256_of",),
    "store": ("flamingo_bark_assets.storage.feature_store:FeatureStore.write_all",),
    "ledger": (
        "flamingo_bark_assets.provenance.ledger:Ledger.begin",
        "flamingo_bark_assets.provenance.ledger:Ledger.made",
        "flamingo_bark_assets.provenance.ledger:Ledger.end",
    ),
    "data versions": ("flamingo_bark_assets.storage.feature_store:encode_record",),
    "what the UI shows": ("flamingo_bark_assets.defs.metadata:describe_result",),
    "checks": ("flamingo_bark_assets.defs.checks:SongCheck.evaluate",),
    "{0.name}, all else": ("flamingo_bark_assets.pipeline:run_step",),
    "Dagster's events": ("dagster:DagsterInstance.handle_new_event",),
    "queries of the event log": (
        "dagster:DagsterInstance.fetch_materializations",
        "dagster:DagsterInstance.get_records_for_run",
        "dagster._core.storage.event_log.sqlite:SqliteEventLogStorage.get_maximum_record_id",
    ),
    "warehouse": ("flamingo_bark_assets.storage.warehouse:publish",),
    "manifest": ("flamingo_bark_assets.training.publishing:publish_manifest",),
    "splits and the rest of publication": (
        "flamingo_bark_assets.splits.assignment:renew_splits",
        "flamingo_bark_assets.splits.assignment:stored_leaks",
        "flamingo_bark_assets.prompts.library_scale:renew_scale",
        "flamingo_bark_assets.library.orphans:remove_orphans",
        "flamingo_bark_assets.provenance.summaries:stored_versions",
    ),
}
"""The functions and methods of each part, wherever they were imported to; a name may take in their first argument."""
_OF_OTHERS = ("store", "warehouse", "manifest")
_PACKAGE = "flamingo_bark_assets"


def main() -> None:
    """Run, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path, nargs="?")
    parser.add_argument("--songs", type=int, default=5)
    parser.add_argument("--profile", type=Path, help="write cProfile's figures of the run there; it then costs more")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        song = options.song or repeated_demo(Path(folder) / "demo")
        paths, home = DataPaths(Path(folder) / "data"), Path(folder) / "home"
        songs = [f"song-{index:03d}" for index in range(options.songs + 1)]
        for index, song_id in enumerate(songs):
            _write_begun_later(song, paths.songs / song_id, 3 * index)
        paths.settings.write_text("[inference]\nchain = []\n[tagging]\nenabled = false\n")
        os.environ |= {"FLAMINGO_BARK_DATA": str(paths.root), "DAGSTER_HOME": str(home)}
        _compare(paths, home, songs, options.profile)


def _write_begun_later(song: Path, folder: Path, later_s: int) -> None:
    """Write a song as the library has it; what its sound leaves out at the start follows at its end."""
    for file in sorted(song.glob("*.wav")):
        samples, rate_hz = soundfile.read(file, dtype="int16", always_2d=True)
        target = folder / "song.wav" if file.stem == "mix" else folder / "stems" / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(target, np.roll(samples, -later_s * rate_hz, axis=0), rate_hz, "PCM_16")


def _compare(paths: DataPaths, home: Path, songs: list[str], profile: Path | None) -> None:
    from flamingo_bark_assets.defs.home import open_instance
    from flamingo_bark_assets.local_runs import run_songs

    instance = open_instance(home, captures_output=False)
    warming, *songs = songs
    # The first run imports and compiles, and the job of many songs is another one than that of one.
    assert all(report.success for report in run_songs(instance, [warming], lambda asset, song_id: None, only_due=True))
    _measure(paths, warming)
    before_s = sum(_measure(paths, song_id) for song_id in songs)
    parts = _Parts()
    parts.attach()
    told: list[str] = []
    profiler = cProfile.Profile(time.process_time)
    with profiler if profile else contextlib.nullcontext():
        whole_s, main_s = time.process_time(), time.thread_time()
        reports = run_songs(instance, songs, lambda asset, song_id: told.append(asset))
        whole_s, main_s = time.process_time() - whole_s, time.thread_time() - main_s
    if profile:
        profiler.dump_stats(profile)
    assert all(report.success for report in reports), reports
    assert len(told) >= len(songs)
    spent_s = dict(parts.spent_s)  # measuring alone goes through some of them as well
    measuring_s = 0.5 * (before_s + sum(_measure(paths, song_id) for song_id in songs))
    rows = sorted(spent_s.items(), key=lambda part: -part[1])
    rows += [("the rest of the main thread", main_s - sum(spent_s.values())), ("other threads", whole_s - main_s)]
    count = len(songs)
    print(f"{count} songs in bulk, CPU ms a song")
    for name, part_s in rows:
        print(f"{1e3 * part_s / count:8.1f}  {name}")
    others_s = sum(spent_s[name] for name in _OF_OTHERS)
    print(f"whole job {whole_s / count:.2f} CPU-s a song, measuring alone, before and after, {measuring_s / count:.2f}")
    without = f"{(whole_s - others_s) / measuring_s:.2f} without {', '.join(_OF_OTHERS)}"
    print(f"ratio {whole_s / measuring_s:.2f} ({without})")


def _measure(paths: DataPaths, song_id: str) -> float:
    from flamingo_bark_assets.analysis.song_reading import read_song
    from flamingo_bark_assets.analysis.sources import find_sources
    from flamingo_bark_assets.analysis.whole import analyse_whole

    (source,) = find_sources(paths.songs / song_id).sources
    start_s = time.process_time()
    analyse_whole(source.song_id, read_song(source).views)
    return time.process_time() - start_s


class _Parts:
    """CPU seconds that the main thread spends in each part, without those of the parts within it."""

    def __init__(self) -> None:
        self.spent_s: defaultdict[str, float] = defaultdict(float)
        self._within_s = [0.0]

    def attach(self) -> None:
        """Wrap every function of every part."""
        for name, places in PARTS.items():
            for place in places:
                module, _, path = place.partition(":")
                owner: Any = importlib.import_module(module)
                *outer, last = path.split(".")
                for each in outer:
                    owner = getattr(owner, each)
                original = getattr(owner, last)
                timed = self._timed(name, original)
                setattr(owner, last, timed)
                for other in [m for key, m in sys.modules.items() if key.startswith(_PACKAGE) and not outer]:
                    if vars(other).get(last) is original:
                        setattr(other, last, timed)

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return function(*args, **kwargs)
            start_s = time.thread_time()
            self._within_s.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                took_s = time.thread_time() - start_s
                self.spent_s[name.format(*args[:1])] += took_s - self._within_s.pop()
                self._within_s[-1] += took_s

        return timed


if __name__ == "__main__":
    main()
