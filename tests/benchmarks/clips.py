"""How well songs are cut and how quickly: starts against true downbeats, cuts against true sung lines, fill, speed.

python -m tests.benchmarks.clips CORPUS... [--seconds 200]

A corpus is a folder of songs in the format of `../shared/corpus`: `<id>/` with `mix.<ext>`, its stems and `truth.json`.
With `--seconds` the last song is also measured repeated to that length, as 16-bit WAV: what the step costs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from flamingo_bark_assets.audio.recording import StemSet
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.clips.records import TrainingClips
from flamingo_bark_assets.clips.rendering import SongRenderer
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.pipeline import SongWork, run_all, run_step
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import STEP_NAMED
from tests.benchmarks.corpora import copied_song, songs_of, sounds_of

NEAR_S = 0.03
VIEWS = {view.name: view for view in Settings().clips.views}
TARGETS = {"semantic": (24000, 1), "coarse": (24000, 1), "30s": (48000, 2), "full": (48000, 2)}


@dataclass
class Tally:
    """What was found in one view."""

    clips: int = 0
    starts_on_downbeats: int = 0
    cuts_in_lines: int = 0
    fill: list[float] = field(default_factory=list)
    covered_s: float = 0.0
    song_s: float = 0.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=0.0)
    options = parser.parse_args()
    tallies: dict[str, Tally] = {}
    rules: Counter[str] = Counter()
    rendered_s = cpu_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        paths = DataPaths(Path(folder) / "data")
        source = None
        for source in songs_of(options.corpus):
            work = _work(paths, source)
            clips = work.result(TrainingClips)
            truth = json.loads((source / "truth.json").read_text(encoding="utf-8"))
            _compare(clips, truth, tallies)
            rules.update(clip.rule for clip in clips.rejected_clips)
            seconds, cost = _render(work, clips)
            rendered_s, cpu_s = rendered_s + seconds, cpu_s + cost
            print(
                f"{work.song_id}: cut by {clips.cut_by}, {len(clips.clips)} clips, {len(clips.rejected_clips)} left out"
            )
        _print(tallies, rules)
        print(f"rendering: {rendered_s / max(cpu_s, 1e-9):.0f} x real time a core ({rendered_s:.0f} s of clips)")
        if options.seconds and source is not None:
            _cost(paths, source, options.seconds)


def _work(paths: DataPaths, source: Path) -> SongWork:
    work = copied_song(paths, source)
    run_all(work)
    return work


def _compare(clips: TrainingClips, truth: dict[str, Any], tallies: dict[str, Tally]) -> None:
    downbeats = np.array(truth["downbeats"])
    lines = (truth.get("vocals") or {}).get("active", [])
    for clip in clips.clips:
        if clip.source != "mix":
            continue
        tally = tallies.setdefault(clip.view, Tally())
        tally.clips += 1
        tally.covered_s += clip.duration_s
        tally.fill.append(clip.duration_s / VIEWS[clip.view].max_s)
        tally.starts_on_downbeats += bool(np.abs(downbeats - clip.start_s).min() <= NEAR_S)
        if not VIEWS[clip.view].cuts_sung_lines:
            tally.cuts_in_lines += sum(a < time_s < b for time_s in (clip.start_s, clip.end_s) for a, b in lines)
    for tally in tallies.values():
        tally.song_s += truth["duration"]


def _render(work: SongWork, clips: TrainingClips) -> tuple[float, float]:
    """Render every clip as its trainers ask for; seconds of sound and of CPU, decoding and resampling included."""
    start = time.process_time()
    renderer = SongRenderer(work.files, work.result(StemSet))
    seconds = 0.0
    for clip in clips.clips:
        rate_hz, channels = TARGETS[clip.view]
        seconds += renderer.render(clip, sample_rate_hz=rate_hz, channels=channels).duration_s
    return seconds, time.process_time() - start


def _print(tallies: dict[str, Tally], rules: Counter[str]) -> None:
    print(f"\n{'view':10}{'clips':>7}{'starts':>9}{'torn':>6}{'fill':>7}{'used':>7}")
    for view, tally in tallies.items():
        starts = "whole" if view == "full" else f"{tally.starts_on_downbeats / tally.clips:.1%}"
        print(
            f"{view:10}{tally.clips:7}{starts:>9}{tally.cuts_in_lines:6}{np.mean(tally.fill):7.2f}"
            f"{tally.covered_s / tally.song_s:7.2f}"
        )
    cut = [tally for view, tally in tallies.items() if view != "full"]
    on_downbeats = sum(tally.starts_on_downbeats for tally in cut) / max(1, sum(tally.clips for tally in cut))
    print(f"starts within {1000 * NEAR_S:.0f} ms of a true downbeat: {on_downbeats:.1%}; ", end="")
    print(f"cuts in a true sung line: {sum(tally.cuts_in_lines for tally in cut)}")
    print(f"left out: {dict(rules)}\n")


def _cost(paths: DataPaths, source: Path, seconds: float) -> None:
    """Print what the step costs for a song repeated to some length, its sound decoded already, and not."""
    import soundfile

    from tests.signals import decode_signal

    folder = paths.root / "repeated"
    folder.mkdir()
    for file in sounds_of(source):
        signal = decode_signal(file, max_duration_s=3600.0)
        wanted = round(seconds * signal.sample_rate_hz)
        repeated = np.tile(signal.samples, -(-wanted // signal.samples.shape[1]))[:, :wanted]
        soundfile.write(folder / f"{file.stem}.wav", repeated.T, signal.sample_rate_hz, "PCM_16")
    work = _work(paths, folder)
    costs = []
    for _ in range(5):
        start = time.process_time()
        run_step(STEP_NAMED["training_clips"], work)
        costs.append(time.process_time() - start)
    clips = work.result(TrainingClips)
    fresh = SongWork(work.files, paths, Settings(), MeasuredCaptioner())
    start = time.process_time()
    run_step(STEP_NAMED["training_clips"], fresh)
    alone_s = time.process_time() - start
    print(f"the step for {seconds:g} s with stems ({len(clips.clips)} clips): ", end="")
    print(f"{min(costs):.2f} s CPU after the other steps, {alone_s:.2f} s alone")
    rendered_s, cpu_s = _render(work, clips)
    print(f"its rendering from WAV: {rendered_s / cpu_s:.0f} x real time a core ({rendered_s:.0f} s of clips)")


if __name__ == "__main__":
    main()
