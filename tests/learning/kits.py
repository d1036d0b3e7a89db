"""Fit what tells a drum kit from voices and pitched instruments: `python -m tests.learning.kits FOLDER... [--jobs 2]`.

Each FOLDER holds songs with drums.wav, bass.wav, other.wav and vocals.wav or some of them. Songs are left out in turn,
an eighth at a time, and what is found of them is printed with the weights, which stand in `analysis/drums/kit.py`. They
saw the stems of 40 songs of `tests.learning.whole_songs` (seed 671) and 34 of `tests.learning.random_styles` (24 of
seed 8801, 40 to 80 s, and 10 of seed 661, 130 to 230 s).

With --judge only the shipped weights are judged: the share of each kind of stem that is told to hold no kit.
"""

from __future__ import annotations

import argparse
import concurrent.futures
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.drums import kit
from flamingo_bark_assets.analysis.drums.classes import choose_hits, choose_strokes, probabilities
from flamingo_bark_assets.analysis.drums.onsets import find_onsets
from flamingo_bark_assets.analysis.features.drums import LEAST_KIT_PROBABILITY
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.audio.decode import open_blocks
from tests.learning.sections import fit_logistic

Values = NDArray[np.float64]

_STEMS = ("drums", "sep_drums", "bass", "other", "vocals", "sep_bass", "sep_other", "sep_vocals")
_LONGEST_S = 600.0
_FOLDS = 8
_PENALTY = 3.0


class Heard(NamedTuple):
    """A stem: its kind, its song, what speaks for a kit, and how probable the shipped weights find one."""

    stem: str
    song: str
    evidence: Values
    probability: float


def hear(path: Path) -> Heard | None:
    """Read a stem; None where it is silent or too little is struck in it to tell."""
    view = AudioView(open_blocks(path, max_duration_s=_LONGEST_S))
    if view.unusable is not None:
        return None
    onsets = find_onsets(view)
    probability = probabilities(view, onsets)
    hits, strokes = choose_hits(onsets, probability), choose_strokes(onsets, probability)
    found = kit.kit_probability(view, probability, hits, *strokes).value
    if found is None:
        return None
    return Heard(path.stem, path.parent.name, kit.kit_evidence(view, probability, hits, *strokes), found)


def fit(heard: Sequence[Heard]) -> tuple[Values, float]:
    """Fit the weights."""
    kits = np.array([one.stem.endswith("drums") for one in heard], np.float64)
    return fit_logistic(np.stack([one.evidence for one in heard]), kits, np.ones(len(heard)), _PENALTY)


def print_shares(heard: Sequence[Heard], probability: Values) -> None:
    """Print by kind of stem how many are told to hold no kit."""
    by_stem: dict[str, list[float]] = defaultdict(list)
    for one, chance in zip(heard, probability, strict=True):
        by_stem[one.stem].append(chance)
    for stem, chances in by_stem.items():
        told = np.mean(np.array(chances) < LEAST_KIT_PROBABILITY)
        print(
            f"{stem:12s} {len(chances):4d} told to hold no kit {told:.2f}, median probability {np.median(chances):.3f}"
        )


def main() -> None:
    """Fit, or judge what is shipped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    songs = sorted(path.parent for folder in asked.folders for path in folder.glob("*/truth.json"))
    paths = [path for song in songs for stem in _STEMS if (path := song / f"{stem}.wav").exists()]
    with concurrent.futures.ProcessPoolExecutor(asked.jobs) as pool:
        heard = [one for one in pool.map(hear, paths, chunksize=4) if one is not None]
    if asked.judge:
        print_shares(heard, np.array([one.probability for one in heard]))
        return
    fold = {song.name: number % _FOLDS for number, song in enumerate(songs)}
    chances = np.zeros(len(heard))
    for held in range(_FOLDS):
        weights, bias = fit([one for one in heard if fold[one.song] != held])
        for number, one in enumerate(heard):
            if fold[one.song] == held:
                chances[number] = 1.0 / (1.0 + np.exp(-(one.evidence @ weights + bias)))
    print_shares(heard, chances)
    weights, bias = fit(heard)
    print(dict(zip(kit.EVIDENCE, np.round(weights, 3).tolist(), strict=True)), round(bias, 2))


if __name__ == "__main__":
    main()
