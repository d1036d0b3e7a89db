"""The page that tells users how right each measurement is, and on what: docs/accuracy.md.

    python -m tests.benchmarks.accuracy_page --songs CORPUS... --rhythm FOLDER... [--jobs 2]

Laying out tables belongs here; they are those of `tests.benchmarks.accuracy`, `.rhythm` and `.reliability`. What the
learned parts saw is what their weights say of themselves.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.benchmarks import rhythm
from tests.benchmarks.accuracy import GOALS, SCORER, VIEWS, Scores, scores_of
from tests.benchmarks.reliability import Judged

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
_PACKAGE = Path(__file__).resolve().parents[2] / "flamingo_bark_assets" / "analysis"
_BIN_EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_LEAST_IN_BIN = 5
_INTRODUCTION = """\
# How right the measurements are

Made by `python -m tests.benchmarks.accuracy_page`; numbers are means, songs in parentheses. Four kinds of material:

- **Songs with stems**: rendered by a generator whose styles, sound fonts and kits no learned part saw; all of them is
  known.
- **Pulses**: songs in grooves that training never drew, or in bars of our own program (`own`), which training drew too,
  by other sound fonts and kits than in training and worn as records are (limiting, rooms, vinyl, low-rate MP3): whole
  (`full`), drums alone (`bare`), drums and bass (`duo`), without drums (`drumless`), a few bars of the drums repeated
  and cut in mid-bar (`loop`), and without any pulse (`formless`). Odd metres and unusual tempi are far more common here
  than in life.
- **Game music**: what people wrote for free games, rendered: the first minute after a little silence (`game`),
  and 40 s from anywhere (`excerpt`). Some of it is written at twice the beat that people would tap.
- **Recorded loops**: drum loops of whole bars (Sonic Pi, LMMS), repeated.

None of it is an annotated record. Expect less of records: voices, rooms and players differ more than any generator.
"""


def main() -> None:
    """Measure all and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--songs", type=Path, nargs="+", required=True)
    parser.add_argument("--rhythm", type=Path, nargs="+", required=True)
    parser.add_argument("--scorer", type=Path, default=SCORER)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scores = scores_of(options.songs, Path(folder), options.scorer, options.jobs)
    rows, judged = rhythm.measure_all(options.rhythm, options.jobs)
    options.out.write_text(page(scores, rows, judged), encoding="utf-8")


def page(scores: Scores, rows: Sequence[rhythm.Row], judged: Sequence[Judged]) -> str:
    """Return the page's text."""
    parts = [
        _INTRODUCTION,
        "## Songs with stems\n",
        "From the mix alone, with its stems, and with stems as a separator gives them.\n",
        *_scores(scores),
        "\n## Pulses, game music and loops\n",
        "Tempo right within 4 % (Acc1), up to an octave or three (Acc2); beats and bars: F-measure at 70 ms;",
        "cut: told to change its tempo, which none does.\n",
        *_pulses(rows),
        "\n## What confidences are worth\n",
        "Share that is right among answers of like confidence; answers in parentheses.\n",
        *_reliability([*scores.judged, *judged]),
        "\n## What the learned parts saw\n",
        *_provenance(),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _scores(scores: Scores) -> Iterator[str]:
    yield "| | mix | stems | separated |"
    yield "| --- | --- | --- | --- |"
    groups = {view: scores.by_view[view].get("sep" if view == "separated" else "clean", {}) for view in VIEWS}
    for goal in GOALS:
        cells = [f"{value[0]:.3g} ({value[1]})" if (value := groups[view].get(goal.metric)) else "" for view in VIEWS]
        if any(cells):
            yield f"| {goal.name} | " + " | ".join(cells) + " |"


def _pulses(rows: Iterable[rhythm.Row]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[rhythm.Row]] = defaultdict(list)
    for row in rows:
        groups[row.kind, row.view].append(row)
    yield "| songs | from | n | Acc1 | Acc2 | beats | bars | metre | unknown | cut |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for (kind, view), found in sorted(groups.items()):
        if kind == "formless":
            rightly = np.mean([row.unknown for row in found])
            yield f"| {kind} | {view} | {len(found)} | | | | | | {rightly:.2f}, rightly | |"
            continue
        means = np.mean([row[3:] for row in found], axis=0)
        yield f"| {kind} | {view} | {len(found)} | " + " | ".join(f"{value:.2f}" for value in means) + " |"


def _reliability(judged: Iterable[Judged]) -> Iterator[str]:
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in judged:
        groups[one.quantity].append((one.confidence, one.right))
    spans = list(pairwise(_BIN_EDGES))
    yield "| | " + " | ".join(f"{low:g}-{high:g}" for low, high in spans) + " |"
    yield "| --- |" + " --- |" * len(spans)
    for quantity, pairs in sorted(groups.items()):
        values = np.array(pairs)
        cells = []
        for low, high in spans:
            inside = values[(values[:, 0] > low) & (values[:, 0] <= high), 1]
            cells.append(f"{inside.mean():.2f} ({inside.size})" if inside.size >= _LEAST_IN_BIN else "")
        yield f"| {quantity} | " + " | ".join(cells) + " |"


def _provenance() -> Iterator[str]:
    for path in sorted(_PACKAGE.rglob("*.npz")):
        with np.load(path) as stored:
            if "provenance" in stored.files:
                yield f"**{path.stem}** {' '.join(str(stored['provenance']).split())}\n"


if __name__ == "__main__":
    main()
