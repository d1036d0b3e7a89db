"""Train the judges of beats and bars: `python -m tests.learning.rhythm FOLDER... --out rhythm.npz [--cache FOLDER]`.

Making features of songs with known beats and fitting the networks and their certainties belongs here; the features and
the judging of a new song are in `flamingo_bark_assets/analysis/rhythm`, the songs in `tests.learning.pulse_songs`.

PROVENANCE
Each FOLDER holds songs, each a folder with mix.wav, perhaps drums.wav, bass.wav and other.wav, and truth.json (beats,
downbeats, meter). What is printed comes from three folds: no song is judged by networks that saw a mix of it.
"""

from __future__ import annotations

import argparse
import json
import pickle
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ, AudioView, SongViews
from flamingo_bark_assets.analysis.rhythm.beats import agree, steadiness
from flamingo_bark_assets.analysis.rhythm.downbeats import possible_bars
from flamingo_bark_assets.analysis.rhythm.evidence import Evidence, gather_evidence
from flamingo_bark_assets.analysis.rhythm.readings import possible_readings
from flamingo_bark_assets.analysis.rhythm.scoring import judged
from flamingo_bark_assets.audio.decode import open_blocks
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.parts import StemKind

Values = NDArray[np.float64]
Weights = dict[str, NDArray[np.float32]]

_LONGEST_S = 600.0
_TRIMMED_S = 2.0
_HIDDEN = 24
_NETWORKS = 6
_STEPS = 900
_BATCH = 96
_LEARNING_RATE = 4e-3
_WEIGHT_DECAY = 0.05
_TOLERANCE = 0.05
_CLIP = 4.0
_FOLDS = 3
# How much a song counts: rare metres are drawn more often than the world has them.
_WEIGHTS = {"5/4": 0.4, "7/4": 0.3, "7/8": 0.3, "9/8": 0.25, "12/8": 0.5, "2/4": 0.3}
# A right downbeat in a metre of another name, 6/8 for 3/4, is not quite right.
_OTHER_METRE = 0.07
_STEMS: dict[StemKind, str] = {"drums": "drums", "bass": "bass", "harmonic": "other"}
# Certainties are fitted as if one answer in fifty of the surest were wrong: real songs are never all like made ones.
_DOUBT = 0.02


@dataclass(frozen=True)
class Contest:
    """Competing readings of one song.

    Attributes:
        song: name without its mix.
        features: shape (n_readings, n_features).
        quality: how near the truth each is, 0 to 1, (n_readings,).
        said: of each quantity, which readings say the same as one of them, (n_readings,), and whether that is right.
        weight: how much the song counts.
    """

    song: str
    features: FloatArray
    quality: Values
    said: dict[str, Callable[[int], tuple[NDArray[np.bool_], bool]]]
    weight: float = 1.0


@dataclass(frozen=True)
class Song:
    """The contests of one song in one view, and what tells whether it has a pulse.

    Attributes:
        name: folder.
        has_pulse: whether it has beats.
        beats: competing readings of the beat; None without any.
        bars: competing readings of the bars of the best beats; None where these are not near the truth.
        steadiness: what `beats.steadiness` gives of a reading of the beat and the share of its tempo.
    """

    name: str
    has_pulse: bool
    beats: Contest | None
    bars: Contest | None
    steadiness: Callable[[int, float], FloatArray]


def evidence_of(folder: Path) -> list[Evidence | None]:
    """Return the evidence of the mix alone, and with its stems; None where it is unusable or has no stems."""

    def view(name: str) -> AudioView | None:
        path = folder / f"{name}.wav"
        return AudioView(open_blocks(path, max_duration_s=_LONGEST_S)) if path.exists() else None

    mix = view("mix")
    if mix is None or mix.unusable is not None:
        return [None, None]
    stems = {kind: found for kind, name in _STEMS.items() if (found := view(name)) and found.unusable is None}
    return [gather_evidence(SongViews(mix)), gather_evidence(SongViews(mix, stems)) if stems else None]


def song_of(name: str, evidence: Evidence, truth: dict[str, Any]) -> Song:
    """Make a song's contests from its evidence."""
    readings = possible_readings(evidence)
    times = [reading.beats / ONSET_RATE_HZ + evidence.start_s for reading in readings]
    quality = np.array([_f_measure(truth["beats"], found) for found in times])
    base = name.rpartition("_")[0] or name

    def steady(k: int, share: float) -> FloatArray:
        return steadiness(evidence, readings[k].beats, share)

    if not readings:
        return Song(name, bool(truth["beats"]), None, None, steady)
    bpm = float(truth["tempo"]["bpm"] or 0.0)
    periods = np.array([reading.period_s for reading in readings])

    def tempo(k: int) -> tuple[NDArray[np.bool_], bool]:
        return np.abs(periods / periods[k] - 1.0) <= 0.04, abs(periods[k] * bpm / 60.0 - 1.0) <= 0.04

    def grid(k: int) -> tuple[NDArray[np.bool_], bool]:
        return np.array([agree(reading, readings[k]) for reading in readings]), bool(quality[k] >= 0.8)

    features = np.stack([reading.features for reading in readings])
    beats = Contest(base, features, quality, {"tempo": tempo, "grid": grid})
    if not truth["beats"]:
        return Song(name, False, beats, None, steady)
    best = readings[int(np.argmax(quality))]
    if quality.max() < 0.75 or best.beats.size < 8:
        return Song(name, True, beats, None, steady)
    bars = possible_bars(evidence, best.beats)
    best_s = times[int(np.argmax(quality))]
    metre = truth["meter"]["signature"]
    bar_quality = np.array(
        [_f_measure(truth["downbeats"], best_s[bar.first :: bar.metre.beats_per_bar]) for bar in bars]
    )
    named = np.array([bar.metre.name for bar in bars])
    places = np.array([f"{bar.metre.beats_per_bar}:{bar.first}" for bar in bars])
    # Beats of seven are written as eighths or as quarters by their tempo.
    same = {metre, metre.replace("/8", "/4")} if metre in {"5/8", "7/8"} else {metre}

    def metre_of(k: int) -> tuple[NDArray[np.bool_], bool]:
        return named == named[k], str(named[k]) in same

    def bars_of(k: int) -> tuple[NDArray[np.bool_], bool]:
        return places == places[k], bool(bar_quality[k] >= 0.8)

    contest = Contest(
        base,
        np.stack([bar.features for bar in bars]),
        bar_quality - _OTHER_METRE * ~np.isin(named, list(same)),
        {"metre": metre_of, "bars": bars_of},
        _WEIGHTS.get(metre, 1.0),
    )
    return Song(name, True, beats, contest, steady)


def train(contests: Sequence[Contest]) -> Weights:
    """Fit networks whose softmax over a song's readings goes to those near the best one.

    Noise and dropout, drawn anew in each step for a batch of songs, keep the networks from learning songs.
    """
    import torch

    torch.manual_seed(0)
    every = np.concatenate([contest.features for contest in contests])
    mean, scale = every.mean(axis=0), every.std(axis=0) + 1e-2
    most, width = max(len(contest.features) for contest in contests), every.shape[1]
    inputs = np.zeros((len(contests), most, width), np.float32)
    target = np.zeros((len(contests), most), np.float32)
    empty = np.full((len(contests), most), -1e9, np.float32)
    for row, contest in enumerate(contests):
        count = len(contest.features)
        inputs[row, :count] = np.clip((contest.features - mean) / scale, -_CLIP, _CLIP)
        wanted = np.exp((contest.quality - contest.quality.max()) / _TOLERANCE)
        target[row, :count] = wanted / wanted.sum()
        empty[row, :count] = 0.0
    x, y, absent = torch.from_numpy(inputs), torch.from_numpy(target), torch.from_numpy(empty)
    importance = torch.tensor([contest.weight for contest in contests])
    hidden = (torch.randn(_NETWORKS, width, _HIDDEN) / width**0.5).requires_grad_()
    bias = torch.zeros(_NETWORKS, 1, _HIDDEN, requires_grad=True)
    out = (torch.randn(_NETWORKS, _HIDDEN, 1) / _HIDDEN**0.5).requires_grad_()
    optimizer = torch.optim.AdamW([hidden, bias, out], lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=_STEPS)
    for _ in range(_STEPS):
        chosen = torch.randint(len(contests), (min(_BATCH, len(contests)),))
        noisy = x[chosen] + 0.15 * torch.randn_like(x[chosen])
        noisy = noisy * (torch.rand(len(chosen), 1, width) > 0.15) / 0.85
        flat = noisy.reshape(1, -1, width).expand(_NETWORKS, -1, -1)
        active = torch.relu(torch.bmm(flat, hidden) + bias)
        active = active * (torch.rand_like(active) > 0.3) / 0.7
        score = torch.bmm(active, out).reshape(_NETWORKS, len(chosen), most) + absent[chosen]
        loss = -(y[chosen] * torch.log_softmax(score, dim=2)).sum(dim=2) * importance[chosen]
        optimizer.zero_grad()
        torch.autograd.backward(loss.mean())
        optimizer.step()
        schedule.step()
    return {
        "mean": mean.astype(np.float32),
        "scale": scale.astype(np.float32),
        "hidden": hidden.detach().numpy(),
        "hidden_bias": bias.detach().numpy()[:, 0],
        "out": out.detach().numpy()[:, :, 0],
    }


@dataclass(frozen=True)
class Answer:
    """What was said of a song, the share of readings that say so, whether it is right, and the song's weight."""

    quantity: str
    share: float
    is_right: bool
    weight: float


def answers(contest: Contest, share: Values) -> Iterator[Answer]:
    """What the likeliest reading says, and the summed share of those that agree."""
    best = int(np.argmax(share))
    for quantity, said in contest.said.items():
        same, is_right = said(best)
        yield Answer(quantity, float(share[same].sum()), is_right, contest.weight)


def logistic(inputs: Values, right: Values, weight: Values) -> Values:
    """Return slopes and offset of a logistic regression, lightly penalised, by Newton's method."""
    design = np.column_stack([inputs, np.ones(len(inputs))])
    target = np.clip(right, _DOUBT, 1.0 - _DOUBT)
    penalty = 1.0 * np.eye(design.shape[1])
    penalty[-1, -1] = 1e-3
    found = np.zeros(design.shape[1])
    for _ in range(50):
        share = 1.0 / (1.0 + np.exp(-design @ found))
        curvature = (design.T * (weight * share * (1.0 - share))) @ design + penalty
        found -= np.linalg.solve(curvature, design.T @ (weight * (share - target)) + penalty @ found)
    return found


def log_odds(share: float) -> float:
    """As `scoring.certainty` takes a share."""
    bounded = float(np.clip(share, 1e-4, 1.0 - 1e-4))
    return float(np.log(bounded / (1.0 - bounded)))


def learn(songs: Sequence[Song], suffix: str) -> dict[str, NDArray[np.float32]]:
    """Fit the judges of one view and their certainties, and print what they reach on songs that they did not see."""
    stored: dict[str, NDArray[np.float32]] = {}
    seen: dict[str, list[Answer]] = defaultdict(list)
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    pulse: list[tuple[FloatArray, bool]] = []
    for judge in ("beat", "bar"):
        contests = [(song, song.beats if judge == "beat" else song.bars) for song in songs]
        usable = [(s, c) for s, c in contests if c is not None]
        fit = [c for _, c in usable if c.quality.max() > 0.6]
        fold_of = {name: k % _FOLDS for k, name in enumerate(sorted({c.song for _, c in usable}))}
        for fold in range(_FOLDS):
            weights = train([c for c in fit if fold_of[c.song] != fold])
            for song, contest in usable:
                if fold_of[contest.song] != fold:
                    continue
                share = judged(list(contest.features), weights)
                best = int(np.argmax(share))
                if judge == "beat":
                    same, _ = contest.said["tempo"](best)
                    pulse.append((song.steadiness(best, float(share[same].sum())), song.has_pulse))
                if not song.has_pulse:
                    continue
                scores[judge, song.name.rpartition("_")[2]].append(float(contest.quality[best]))
                for answer in answers(contest, share):
                    seen[answer.quantity].append(answer)
        final = train(fit)
        stored |= {f"{judge}{suffix}.{name}": value for name, value in final.items()}
    for quantity, found in seen.items():
        inputs = np.array([[log_odds(answer.share)] for answer in found])
        right = np.array([float(answer.is_right) for answer in found])
        certainty = logistic(inputs, right, np.array([answer.weight for answer in found]))
        stored[f"certainty.{quantity}{suffix}"] = certainty.astype(np.float32)
        print(f"{quantity}{suffix}: right {right.mean():.3f} of {right.size}", _bins(inputs[:, 0], right, certainty))
    for (judge, mix), values in sorted(scores.items()):
        print(f"  {judge}{suffix} {mix}: mean F {np.mean(values):.3f} of {len(values)}")
    if not suffix:
        inputs = np.array([features for features, _ in pulse], np.float64)
        has = np.array([float(h) for _, h in pulse])
        # As many songs without a pulse as with one would be too many: they count as one in ten.
        weight = np.where(has > 0.0, 1.0, 0.1 * has.sum() / max(1.0, (1.0 - has).sum()))
        stored["pulse"] = logistic(inputs, has, weight).astype(np.float32)
        sure = 1.0 / (1.0 + np.exp(-(inputs @ stored["pulse"][:-1] + stored["pulse"][-1])))
        print(
            "pulse: told of",
            {
                f"{t:.2f}": (
                    round(float((sure[has > 0] >= t).mean()), 3),
                    round(float((sure[has == 0] >= t).mean()), 3),
                )
                for t in (0.1, 0.25, 0.5)
            },
            "with and without",
        )
    return stored


def _bins(odds: Values, right: Values, certainty: Values) -> str:
    sure = 1.0 / (1.0 + np.exp(-(certainty[0] * odds + certainty[1])))
    edges = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
    cells = []
    for low, high in pairwise(edges):
        inside = (sure > low) & (sure <= high)
        if inside.any():
            cells.append(f"{low:.2f}-{high:.2f}: {right[inside].mean():.2f} ({int(inside.sum())})")
    return "; ".join(cells)


def _f_measure(truth: Sequence[float] | Values, estimate: Values) -> float:
    reference = np.asarray(truth)
    reference, kept = reference[reference >= _TRIMMED_S], estimate[estimate >= _TRIMMED_S]
    return float(mir_eval.beat.f_measure(reference, kept)) if kept.size and reference.size else 0.0


def _read(folder: Path, cache: Path | None) -> list[Evidence | None]:
    kept = cache / f"{folder.name}.pkl" if cache is not None else None
    if kept is not None and kept.exists():
        found: list[Evidence | None] = pickle.loads(kept.read_bytes())
        return found
    evidence = evidence_of(folder)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(evidence))
    return evidence


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="folder in which the evidence of songs is kept")
    arguments = parser.parse_args()
    songs: dict[str, list[Song]] = {"": [], "-stems": []}
    for folder in (path.parent for root in arguments.folder for path in sorted(root.glob("*/truth.json"))):
        truth = json.loads((folder / "truth.json").read_text())
        for suffix, evidence in zip(songs, _read(folder, arguments.cache), strict=True):
            if evidence is not None:
                songs[suffix].append(song_of(folder.name, evidence, truth))
    stored: dict[str, NDArray[np.float32]] = {}
    for suffix, found in songs.items():
        print(f"{len(found)} songs{suffix}")
        stored |= learn(found, suffix)
    # Half precision changes no probability by more than 0.01 and keeps the file small.
    half = {name: value.astype(np.float16) if value.ndim > 1 else value for name, value in stored.items()}
    np.savez_compressed(arguments.out, provenance=np.array(" ".join((__doc__ or "").split())), **half)  # type: ignore[arg-type]


if __name__ == "__main__":
    _main()
