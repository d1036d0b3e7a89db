"""How right tempo, beats, bars and metre are on songs of which these are known, and what their confidences are worth.

    python -m tests.benchmarks.rhythm FOLDER... [--jobs 2] [--worst]

A folder holds songs: folders with mix.wav, perhaps drums.wav, bass.wav and other.wav, and truth.json with beats,
downbeats, meter and tempo; without beats there is no pulse to be found. `tests.learning.pulse_songs --judged` and
`tests.benchmarks.loops` make such songs. Songs are told apart by the last word of their name and by the view: "mix"
alone, or with "stems". Scores are mir_eval's (70 ms), from 2 s on; a tempo is right within 4 %, Acc2 up to twice,
thrice, half or a third of it. "cut" is the share of songs that are told to change their tempo; none of these does.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.benchmarks.reliability import Judged, print_reliability

_TRIMMED_S = 2.0
_LONGEST_S = 600.0
_STEMS = {"drums": "drums", "bass": "bass", "harmonic": "other"}


class Row(NamedTuple):
    """One song in one view: kind of song, name, what is right, 0 to 1, and whether it is unknown or cut in two."""

    view: str
    kind: str
    name: str
    acc1: float
    acc2: float
    beat_f: float
    downbeat_f: float
    metre: float
    unknown: float
    cut: float


def main() -> None:
    """Measure the songs of all folders and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--worst", action="store_true", help="name each song, worst downbeats first")
    options = parser.parse_args()
    rows, judged = measure_all(options.folder, options.jobs)
    for line in table(rows):
        print(line)
    print_reliability(judged)
    if options.worst:
        for row in sorted(rows, key=lambda row: row.downbeat_f):
            print(f"{row.view:6}{row.name:24} Acc1 {row.acc1:.0f} beats {row.beat_f:.2f} bars {row.downbeat_f:.2f}")


def measure_all(folders: Iterable[Path], jobs: int) -> tuple[list[Row], list[Judged]]:
    """Measure every song of the folders."""
    songs = [path.parent for folder in folders for path in sorted(folder.glob("*/truth.json"))]
    rows: list[Row] = []
    judged: list[Judged] = []
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        for found, judgements in pool.map(measure, songs, chunksize=4):
            rows += found
            judged += judgements
    return rows, judged


def measure(folder: Path) -> tuple[list[Row], list[Judged]]:
    """Measure one song from its mix, and with its stems where there are any."""
    from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
    from flamingo_bark_assets.analysis.rhythm.measure import measure_rhythm
    from flamingo_bark_assets.audio.decode import open_blocks

    truth = json.loads((folder / "truth.json").read_text())

    def view(name: str) -> AudioView:
        return AudioView(open_blocks(folder / f"{name}.wav", max_duration_s=_LONGEST_S))

    mix = view("mix")
    stems: Any = {kind: view(name) for kind, name in _STEMS.items() if (folder / f"{name}.wav").exists()}
    rows, judged = [], []
    for name, views in (("mix", SongViews(mix)), ("stems", SongViews(mix, stems))):
        if name == "mix" or stems:
            features = measure_rhythm(views)
            rows.append(_row(name, _kind(folder.name, truth), folder.name, features, truth))
            judged += _judged(name, features, truth)
    return rows, judged


def _kind(name: str, truth: Mapping[str, Any]) -> str:
    if not truth["beats"]:
        return "formless"
    if truth.get("style") == "loop":
        return "recorded loop"
    mix = name.rpartition("_")[2] if "_" in name else "song"
    return f"{mix}, own" if truth.get("style") == "own" else mix


def _row(view: str, kind: str, name: str, features: Any, truth: Mapping[str, Any]) -> Row:
    tempo = features.tempo_bpm.value
    if not truth["beats"]:
        right = float(tempo is None)
        return Row(view, kind, name, right, right, right, right, right, float(tempo is None), 0.0)
    if tempo is None:
        return Row(view, kind, name, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    bpm = _quarters(truth)
    near = [float(abs(tempo / (bpm * factor) - 1.0) <= 0.04) for factor in (1.0, 2.0, 0.5, 3.0, 1.0 / 3.0)]
    return Row(
        view, kind, name, near[0], max(near), *_scores(features, truth),
        float(features.metre.value == truth["meter"]["signature"]), 0.0, float(len(features.tempo_segments) > 1),
    )  # fmt: skip


def _quarters(truth: Mapping[str, Any]) -> float:
    """Tempo in quarters, where the beats of the truth are eighths."""
    eighths = truth["meter"]["signature"] in {"5/8", "7/8"}
    return float(truth["tempo"]["bpm"]) * (0.5 if eighths else 1.0)


def _scores(features: Any, truth: Mapping[str, Any]) -> tuple[float, float]:
    times = np.array([beat.time_s for beat in features.beats])
    downbeats = np.array([beat.time_s for beat in features.beats if beat.position == 1])
    return _f_measure(truth["beats"], times), _f_measure(truth["downbeats"], downbeats)


def _f_measure(truth: Sequence[float], found: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    import mir_eval

    reference = np.asarray(truth)
    return float(mir_eval.beat.f_measure(reference[reference >= _TRIMMED_S], found[found >= _TRIMMED_S]))


def _judged(view: str, features: Any, truth: Mapping[str, Any]) -> list[Judged]:
    has_pulse = bool(truth["beats"])
    out = []
    if features.rhythmic.value and features.rhythmic.confidence is not None:
        out.append(Judged("pulse", view, features.rhythmic.confidence, float(has_pulse)))
    if features.tempo_bpm.value is None or not has_pulse:
        return out
    beats, downbeats = _scores(features, truth)
    right = {
        "tempo": (features.tempo_bpm, abs(features.tempo_bpm.value / _quarters(truth) - 1.0) <= 0.04),
        "beats (F > .8)": (features.beat_count, beats >= 0.8),
        "metre": (features.metre, features.metre.value == truth["meter"]["signature"]),
        "bars (F > .8)": (features.first_downbeat_s, downbeats >= 0.8),
    }
    return out + [
        Judged(name, view, measurement.confidence, float(is_right))
        for name, (measurement, is_right) in right.items()
        if measurement.confidence is not None
    ]


def table(rows: Iterable[Row]) -> list[str]:
    """Lines of a table: means of each kind of song in each view."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.view, row.kind].append(row)
    lines = [f"{'view':7}{'songs':15}{'n':>5}  Acc1  Acc2 beats  bars metre unknown cut"]
    for (view, kind), found in sorted(groups.items()):
        means = np.mean([row[3:] for row in found], axis=0)
        lines.append(f"{view:7}{kind:15}{len(found):>5} " + " ".join(f"{value:5.2f}" for value in means))
    return lines


if __name__ == "__main__":
    main()
