"""Train the judges of beats and bars: `python -m tests.learning.rhythm FOLDER... --out rhythm.npz [--cache FOLDER]`.

Making features of songs with known beats and fitting the networks and their certainties belongs here; the features and
the judging of a new song are in `flamingo_bark_assets/analysis/rhythm`, the songs in `tests.learning.pulse_songs`.

The shipped weights saw 520 songs of `tests.learning.pulse_songs` of 26 to 38 s in up to four mixes each (seeds 700 and
720), 425 loops cut from their bare drums (seed 730) and 108 pieces without a pulse (seeds 710 and 711): musicians'
grooves of the program MMA (GPL-2+) and beats and accompaniments of our own in 4/4, 3/4, 5/4, 7/4, 7/8, 6/8, 9/8 and
12/8, at 36 to 292 BPM, steady, drifting or rubato, played by the sound fonts TimGM6mb (GPL-2), OPL-3 FM (CC BY-SA 4.0)
and AVL Black Pearl (CC BY-SA 3.0), sampled kits of Hydrogen (each under its own free licence) and synthesised kits and
voices, mastered and worn as records are; no sound is in the weights. Grooves, sound fonts and kits of the judged songs
were not among them.
Each FOLDER holds songs, each a folder with mix.wav, perhaps drums.wav, bass.wav and other.wav, and truth.json (beats,
downbeats, meter). What is printed comes from two halves: no song is judged by networks that saw a mix of it.
"""

from __future__ import annotations

import argparse
import json
import pickle
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ, AudioView, SongViews
from flamingo_bark_assets.analysis.rhythm.beats import QUANTITIES, Count, possible_counts, same_as, steadiness
from flamingo_bark_assets.analysis.rhythm.evidence import Evidence, gather_evidence
from flamingo_bark_assets.analysis.rhythm.measure import LEAST_RISE
from flamingo_bark_assets.analysis.rhythm.readings import Reading, possible_readings
from flamingo_bark_assets.analysis.rhythm.scoring import judged
from flamingo_bark_assets.audio.decode import open_blocks
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.parts import StemKind

Values = NDArray[np.float64]
Weights = dict[str, NDArray[np.float32]]

_LONGEST_S = 600.0
_TRIMMED_S = 2.0
_HIDDEN = 28
_NETWORKS = 4
_STEPS = 1000
_BATCH = 32
_NOISE = 0.26
_LEARNING_RATE = 4e-3
_WEIGHT_DECAY = 0.05
_TOLERANCE = 0.05
_CLIP = 4.0
_LEAST_QUALITY = 0.6
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
        features: shape (n_readings, n_features).
        quality: how near the truth each is, 0 to 1, (n_readings,).
        weight: how much the song counts.
    """

    features: FloatArray
    quality: Values
    weight: float = 1.0


@dataclass(frozen=True)
class Song:
    """One song in one view.

    Attributes:
        name: folder.
        evidence: what it is judged by.
        truth: beats, downbeats, meter and tempo.
        readings: of the beat.
        beats: their contest.
    """

    name: str
    evidence: Evidence
    truth: dict[str, Any]
    readings: list[Reading]
    beats: Contest

    @property
    def group(self) -> str:
        """The song whatever the mix."""
        return self.name.rpartition("_")[0] or self.name

    @property
    def mix(self) -> str:
        """What of the song is heard."""
        return self.name.rpartition("_")[2]

    @property
    def has_pulse(self) -> bool:
        """Whether it has beats at all."""
        return bool(self.truth["beats"])

    @property
    def weight(self) -> float:
        """How much it counts."""
        return _WEIGHTS.get(self.truth["meter"]["signature"], 1.0)


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


def song_of(name: str, evidence: Evidence, truth: dict[str, Any]) -> Song | None:
    """Make a song's contest of beats from its evidence; None where there is no reading at all."""
    readings = possible_readings(evidence)
    if not readings:
        return None
    quality = np.array([_f_measure(truth["beats"], _times(reading.beats, evidence)) for reading in readings])
    contest = Contest(np.stack([reading.features for reading in readings]), quality)
    return Song(name, evidence, truth, readings, contest)


def counts_of(song: Song, share: Values) -> tuple[list[Count], Contest] | None:
    """Make the contest of ways to count from the shares of the readings; None where there are none."""
    counts = possible_counts(song.evidence, song.readings, share)
    if not counts:
        return None
    found = [_times(count.grid.beats, song.evidence) for count in counts]
    grids = {id(count.grid): times for count, times in zip(counts, found, strict=True)}
    of_grid = {grid: _f_measure(song.truth["beats"], times) for grid, times in grids.items()}
    beats = [of_grid[id(count.grid)] for count in counts]
    bars = [
        _f_measure(song.truth["downbeats"], times[count.bar.first :: count.bar.metre.beats_per_bar])
        for count, times in zip(counts, found, strict=True)
    ]
    same = np.array([count.bar.metre.name in _written(song) for count in counts])
    quality = 0.5 * np.array(beats) + 0.5 * np.array(bars) - _OTHER_METRE * ~same
    return counts, Contest(np.stack([count.features for count in counts]), quality, song.weight)


def _written(song: Song) -> set[str]:
    # Beats of seven are written as eighths or as quarters by their tempo.
    metre = song.truth["meter"]["signature"]
    return {metre, metre.replace("/8", "/4")} if metre in {"5/8", "7/8"} else {metre}


def _times(beats: Values, evidence: Evidence) -> Values:
    return beats / ONSET_RATE_HZ + evidence.start_s


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
        noisy = x[chosen]
        noisy += torch.empty_like(noisy).uniform_(-_NOISE, _NOISE)
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
    """What was said of a song, the share of ways to count that say so, whether it is right, and the song's weight."""

    quantity: str
    share: float
    is_right: bool
    weight: float


def answers(song: Song, counts: Sequence[Count], share: Values) -> Iterator[Answer]:
    """What the likeliest way to count says, and the summed share of those that agree."""
    chosen = counts[int(np.argmax(share))]
    times = _times(chosen.grid.beats, song.evidence)
    beats = _f_measure(song.truth["beats"], times)
    bars = _f_measure(song.truth["downbeats"], times[chosen.bar.first :: chosen.bar.metre.beats_per_bar])
    right = {
        "tempo": abs(chosen.grid.period_s * song.truth["tempo"]["bpm"] / 60.0 - 1.0) <= 0.04,
        "grid": beats >= 0.8,
        "metre": chosen.bar.metre.name in _written(song),
        "bars": bars >= 0.8,
    }
    for quantity in QUANTITIES:
        said = float(share[same_as(counts, chosen, quantity)].sum())
        yield Answer(quantity, said, right[quantity], song.weight)


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
    """Fit the judges of one view and their certainties, and print what they reach on songs that they did not see.

    The judge of counts learns from shares that a judge of beats gave to songs it had not seen, as a new song's are.
    """
    groups = sorted({song.group for song in songs})
    half_of = {group: k % 2 for k, group in enumerate(np.random.default_rng(0).permutation(groups).tolist())}
    halves = [[song for song in songs if half_of[song.group] == half] for half in (0, 1)]
    beat_judges = [train([song.beats for song in half if song.beats.quality.max() > _LEAST_QUALITY]) for half in halves]
    counted = [
        [(song, found) for song in half if (found := counts_of(song, judged(list(song.beats.features), other)))]
        for half, other in zip(halves, reversed(beat_judges), strict=True)
    ]
    usable = [[found[1] for _, found in half if found[1].quality.max() > _LEAST_QUALITY] for half in counted]
    stored = {f"beat{suffix}.{name}": value for name, value in train(
        [song.beats for song in songs if song.beats.quality.max() > _LEAST_QUALITY]
    ).items()}  # fmt: skip
    stored |= {f"bar{suffix}.{name}": value for name, value in train([*usable[0], *usable[1]]).items()}
    seen: dict[str, list[Answer]] = defaultdict(list)
    scores: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    in_turn: list[tuple[float, ...]] = []
    pulse: list[tuple[FloatArray, bool]] = []
    for half, other in zip(counted, reversed(usable), strict=True):
        weights = train(other)
        for song, (counts, contest) in half:
            share = judged(list(contest.features), weights)
            chosen = counts[int(np.argmax(share))]
            tempo = float(share[same_as(counts, chosen, "tempo")].sum())
            pulse.append((steadiness(song.evidence, chosen.grid.beats, tempo), song.has_pulse))
            if not song.has_pulse:
                continue
            given = list(answers(song, counts, share))
            scores[song.mix].append(tuple(float(answer.is_right) for answer in given))
            # The likeliest grid, and then its bars.
            first = np.array([count.grid is counts[0].grid for count in counts])
            in_turn.append(tuple(float(a.is_right) for a in answers(song, counts, np.where(first, share, 0.0))))
            for answer in given:
                seen[answer.quantity].append(answer)
    for quantity, told in seen.items():
        inputs = np.array([[log_odds(answer.share)] for answer in told])
        right = np.array([float(answer.is_right) for answer in told])
        fitted = logistic(inputs, right, np.array([answer.weight for answer in told]))
        stored[f"certainty.{quantity}{suffix}"] = fitted.astype(np.float32)
        print(f"{quantity}{suffix}: right {right.mean():.3f} of {right.size}", _bins(inputs[:, 0], right, fitted))
    for mix, rows in sorted(scores.items()):
        means = dict(zip(QUANTITIES, np.mean(rows, axis=0).round(3).tolist(), strict=True))
        print(f"  {mix}{suffix}: right {means} of {len(rows)}")
    alone = dict(zip(QUANTITIES, np.mean(in_turn, axis=0).round(3).tolist(), strict=True))
    print(f"  beats first and then bars{suffix}: right {alone}")
    if not suffix:
        rises = np.array([(song.evidence.rise < LEAST_RISE, song.has_pulse) for song in songs])
        print(f"nothing starts in {rises[rises[:, 1], 0].mean():.3f} of songs with a pulse")
        stored["pulse"] = _fit_pulse(pulse)
    return stored


def _fit_pulse(found: Sequence[tuple[FloatArray, bool]]) -> NDArray[np.float32]:
    inputs = np.array([features for features, _ in found], np.float64)
    has = np.array([float(pulse) for _, pulse in found])
    # As many songs without a pulse as with one would be too many: they count as one in five.
    weight = np.where(has > 0.0, 1.0, 0.2 * has.sum() / max(1.0, (1.0 - has).sum()))
    fitted = logistic(inputs, has, weight)
    sure = 1.0 / (1.0 + np.exp(-(inputs @ fitted[:-1] + fitted[-1])))
    for least in (0.1, 0.25, 0.4, 0.5, 0.6):
        kept, taken = (sure[has > 0] >= least).mean(), (sure[has == 0] >= least).mean()
        print(f"pulse at {least}: found in {kept:.3f} of songs with one, in {taken:.3f} without")
    return fitted.astype(np.float32)


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
            if evidence is not None and (song := song_of(folder.name, evidence, truth)) is not None:
                songs[suffix].append(song)
    stored: dict[str, NDArray[np.float32]] = {}
    for suffix, found in songs.items():
        print(f"{len(found)} songs{suffix}")
        stored |= learn(found, suffix)
    # Half precision changes no probability by more than 0.01 and keeps the file small.
    half = {name: value.astype(np.float16) if value.ndim > 1 else value for name, value in stored.items()}
    np.savez_compressed(arguments.out, provenance=np.array(" ".join((__doc__ or "").split())), **half)  # type: ignore[arg-type]


if __name__ == "__main__":
    _main()
