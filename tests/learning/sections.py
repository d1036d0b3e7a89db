"""Fits the weights of the evidence for section boundaries: `python -m tests.learning.sections FOLDER...`.

The fit and its held-out figures belong here; the rounded weights stand in `analysis.structure.evidence`. They saw 80
songs of 41 to 65 s, made by the first version of `tests.learning.random_styles` with seeds 650 and 651: no style and no
sound font of the judged songs, whose program nonetheless lays out the sections, arranges the parts and synthesises drum
machines, basses and voices. The fonts were TimGM6mb (GPL-2), OPL-3 FM (CC BY-SA 4.0) and AVL Black Pearl (CC BY-SA 3.0,
drums); no sound is in the weights.
Each FOLDER holds songs with mix.wav, the stems (drums, bass, other, vocals).wav and a truth.json with beats, downbeats
and sections.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.analysis.structure.bars import Bars, bar_features, bars_of
from flamingo_bark_assets.analysis.structure.boundaries import part
from flamingo_bark_assets.analysis.structure.evidence import COLUMNS, boundary_evidence
from flamingo_bark_assets.audio.signal import Signal

Values = NDArray[np.float64]

_PENALTY = 10.0
_BIAS_ADDED = 2.5
_STEMS = ("drums", "bass", "other", "vocals")


@dataclass(frozen=True)
class Song:
    """One song's bars, evidence, which of them begin a section, its style and truth."""

    style: str
    bars: Bars
    evidence: Values
    begins: NDArray[np.bool_]
    edges_s: Values


def main(folders: list[str]) -> None:
    """Print the weights and the F-measure at 3 s with each style held out, with and without stems."""
    paths = sorted(path.parent for folder in folders for path in Path(folder).glob("*/truth.json"))
    for with_stems in (False, True):
        songs = [_read(path, with_stems) for path in paths if "__" not in path.name]
        columns = len(COLUMNS) if with_stems else len(COLUMNS) - 1
        scores = []
        for style in {song.style for song in songs}:
            weights, bias = _fit([song for song in songs if song.style != style], columns)
            scores += [_score(song, weights, bias + _BIAS_ADDED) for song in songs if song.style == style]
        weights, bias = _fit(songs, columns)
        named = dict(zip(COLUMNS, weights.round(2).tolist(), strict=False))
        print(f"stems {with_stems}: F {np.mean(scores):.3f} on {len(songs)} songs, {named}, {bias + _BIAS_ADDED:.2f}")


def _view(path: Path) -> AudioView:
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return AudioView(Signal(np.ascontiguousarray(samples.T), rate_hz))


def _read(path: Path, with_stems: bool) -> Song:
    truth = json.loads((path / "truth.json").read_text())
    mix = _view(path / "mix.wav")
    beats, downbeats = np.array(truth["beats"]), np.array(truth["downbeats"])
    last = np.searchsorted(downbeats, beats + 1e-6) - 1
    positions = np.arange(beats.size) - np.searchsorted(beats, downbeats[last] - 1e-6) + 1
    bars = bars_of(beats, positions, start_s=mix.music_start_s, end_s=mix.music_end_s)
    views = [_view(path / f"{stem}.wav") for stem in _STEMS if with_stems and (path / f"{stem}.wav").exists()]
    evidence = boundary_evidence(bar_features(bars, mix, [view for view in views if view.unusable is None]))
    starts = np.array([start for start, _, _ in truth["sections"]])
    half_bar_s = 0.5 * float(np.median(np.diff(bars.edges_s)))
    begins = np.abs(bars.edges_s[:-1, None] - starts[1:]).min(axis=1, initial=np.inf) < half_bar_s
    return Song(truth["style"], bars, evidence, begins, np.append(starts, truth["duration"]))


def _fit(songs: list[Song], columns: int) -> tuple[Values, float]:
    """Ridge-penalised logistic regression on standardised columns by Newton's method."""
    inputs = np.concatenate([song.evidence[1:-1, :columns] for song in songs])
    targets = np.concatenate([song.begins[1:-1] for song in songs]).astype(np.float64)
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    design = np.column_stack([(inputs - mean) / spread, np.ones(len(inputs))])
    penalty = np.append(np.full(columns, _PENALTY), 0.0)
    weights = np.zeros(columns + 1)
    for _ in range(30):
        share = 1.0 / (1.0 + np.exp(-design @ weights))
        curvature = (design.T * (share * (1.0 - share))) @ design + np.diag(penalty)
        weights -= np.linalg.solve(curvature, design.T @ (share - targets) + penalty * weights)
    raw = weights[:-1] / spread
    return raw, float(weights[-1] - mean @ raw)


def _score(song: Song, weights: Values, bias: float) -> float:
    from mir_eval.segment import detection

    starts = part(song.evidence[:, : weights.size] @ weights + bias).starts[1:]
    found = np.concatenate([[0.0], song.bars.edges_s[starts], song.edges_s[-1:]])
    true = np.concatenate([[0.0], song.edges_s[1:]])
    pairs = [np.column_stack([edges[:-1], edges[1:]]) for edges in (true, found)]
    return float(detection(*pairs, window=3.0, trim=True)[2])


if __name__ == "__main__":
    main(sys.argv[1:])
