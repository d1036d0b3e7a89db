"""Train the judge of beat and bar readings: `python -m tests.learning.rhythm CORPUS... --out rhythm.npz`.

Making features of songs with known beats and fitting the networks belongs here; the features and the judging of a
new song are in `flamingo_bark_assets/analysis/rhythm`.

The shipped weights saw 200 songs of about 36 s, made by the first version of `tests.learning.random_styles` with seeds
630 to 634: random styles (4/4, 3/4, 6/8 or 2/4, drum patterns drawn step by step, swing, drift and rubato at random,
tempo log-normal about 108 BPM, 122 in 3/4, 76 for dotted quarters), random progressions and melodies, rendered with the
sound fonts TimGM6mb (GPL-2), OPL-3 FM (CC BY-SA 4.0) and AVL Black Pearl (CC BY-SA 3.0, drums) and with synthesised
drum machines, basses and voices; no sound is in the weights. The styles and sound fonts of the judged songs were not
among them; the program that arranges the parts and the synthesised sounds are theirs too.
Each CORPUS is a folder of songs, each a folder with mix.wav, drums.wav, bass.wav, other.wav and truth.json (beats,
downbeats, meter); the judges with stems see each song twice, with its stems and with bled ones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import mir_eval
import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ, AudioView, SongViews
from flamingo_bark_assets.analysis.rhythm.downbeats import possible_bars
from flamingo_bark_assets.analysis.rhythm.evidence import gather_evidence
from flamingo_bark_assets.analysis.rhythm.readings import possible_readings
from flamingo_bark_assets.audio.decode import open_blocks
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.parts import StemKind

Weights = dict[str, NDArray[np.float32]]

_LONGEST_S = 600.0
_TRIMMED_S = 5.0
_HIDDEN = 24
_NETWORKS = 6
_STEPS = 700
_LEARNING_RATE = 4e-3
_WEIGHT_DECAY = 0.05
_TOLERANCE = 0.05
_CLIP = 4.0
# Fitted to the likelihood of 84 songs that were not trained on: the judges of bars are too sure by themselves.
_TEMPERATURE = {"beat": 1.0, "beat-stems": 1.0, "bar": 1.5, "bar-stems": 2.0}


@dataclass(frozen=True)
class Contest:
    """Competing readings of one song.

    Attributes:
        features: shape (n_readings, n_features).
        quality: F-measure of each reading against the truth, (n_readings,).
        weight: how much the song counts.
    """

    features: FloatArray
    quality: NDArray[np.float64]
    weight: float = 1.0


def contests_of(
    views: SongViews, truth: dict[str, list[float]], *, weight: float = 1.0
) -> tuple[Contest, Contest] | None:
    """Beat readings of a song, and the bar readings of the best of them; None where none is near the truth.

    Args:
        views: the song.
        truth: with ``beats`` and ``downbeats``, seconds.
        weight: of the bar readings.
    """
    evidence = gather_evidence(views)
    readings = possible_readings(evidence)
    quality = np.array([_f_measure(truth["beats"], _times(reading.beats, evidence.start_s)) for reading in readings])
    if quality.size == 0 or quality.max() < 0.75:
        return None
    best = readings[int(np.argmax(quality))]
    bars = possible_bars(evidence, best.beats)
    times = _times(best.beats, evidence.start_s)
    bar_quality = [_f_measure(truth["downbeats"], times[bar.first :: bar.beats_per_bar]) for bar in bars]
    return (
        Contest(np.stack([reading.features for reading in readings]), quality),
        Contest(np.stack([bar.features for bar in bars]), np.array(bar_quality), weight),
    )


def train(contests: Sequence[Contest]) -> Weights:
    """Fit networks whose softmax over a song's readings goes to those near the best one.

    Args:
        contests: of many songs.
    """
    import torch

    torch.manual_seed(0)
    every = np.concatenate([contest.features for contest in contests])
    mean, scale = every.mean(axis=0), every.std(axis=0) + 1e-2
    most = max(len(contest.features) for contest in contests)
    inputs = np.zeros((len(contests), most, every.shape[1]), np.float32)
    target = np.zeros((len(contests), most), np.float32)
    for row, contest in enumerate(contests):
        count = len(contest.features)
        inputs[row, :count] = np.clip((contest.features - mean) / scale, -_CLIP, _CLIP)
        wanted = np.exp((contest.quality - contest.quality.max()) / _TOLERANCE)
        target[row, :count] = wanted / wanted.sum()
    x, y = torch.from_numpy(inputs), torch.from_numpy(target)
    absent = torch.from_numpy(np.all(inputs == 0.0, axis=2)) * -1e9
    importance = torch.tensor([contest.weight for contest in contests])
    width = every.shape[1]
    hidden = (torch.randn(_NETWORKS, width, _HIDDEN) / width**0.5).requires_grad_()
    bias = torch.zeros(_NETWORKS, 1, _HIDDEN, requires_grad=True)
    out = (torch.randn(_NETWORKS, _HIDDEN, 1) / _HIDDEN**0.5).requires_grad_()
    optimizer = torch.optim.AdamW([hidden, bias, out], lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=_STEPS)
    for _ in range(_STEPS):
        # Noise and dropout on half of the songs, another half in each step, keep the networks from learning songs.
        chosen = torch.randperm(len(contests))[: max(1, len(contests) // 2)]
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


def _songs(folders: Iterable[Path]) -> Iterable[tuple[Path, dict[str, list[float]], float]]:
    for folder in folders:
        for path in sorted(folder.glob("*/truth.json")):
            truth = json.loads(path.read_text())
            # Bars of 2/4 are rarer in the world than among the random styles.
            yield path.parent, truth, 0.3 if truth["meter"]["signature"] == "2/4" else 1.0


_STEMS: Mapping[StemKind, str] = {"drums": "drums", "bass": "bass", "harmonic": "other"}


def _views(song: Path, *, stems: bool) -> SongViews:
    def view(name: str) -> AudioView | None:
        path = song / f"{name}.wav"
        return AudioView(open_blocks(path, max_duration_s=_LONGEST_S)) if path.exists() else None

    mix = AudioView(open_blocks(song / "mix.wav", max_duration_s=_LONGEST_S))
    return SongViews(mix, {kind: found for kind, name in _STEMS.items() if (found := view(name))} if stems else {})


def _bled(views: SongViews, rng: np.random.Generator) -> SongViews:
    """The stems as a separator gives them: levels that waver by band and time, and some of the mix in each."""
    mix = np.sqrt(views.mix.onset_power)

    def spoilt(view: AudioView) -> AudioView:
        power = view.onset_power
        frames = min(len(power), len(mix))
        waver = np.exp(rng.normal(0.0, 0.35, (frames // 12 + 1, power.shape[1]))).repeat(12, axis=0)[:frames]
        amplitude = np.sqrt(power[:frames]) * np.minimum(waver, 1.2) + rng.uniform(0.03, 0.15) * mix[:frames]
        # Of a stem nothing but its onset power is read.
        return cast(AudioView, SimpleNamespace(onset_power=np.asarray(amplitude**2, np.float32)))

    return SongViews(views.mix, {kind: spoilt(view) for kind, view in views.stems.items()})


def _times(beats: NDArray[np.float64], start_s: float) -> NDArray[np.float64]:
    return beats / ONSET_RATE_HZ + start_s


def _f_measure(truth: Sequence[float], estimate: NDArray[np.float64]) -> float:
    reference = np.asarray(truth)
    kept = estimate[estimate >= _TRIMMED_S]
    return float(mir_eval.beat.f_measure(reference[reference >= _TRIMMED_S], kept)) if kept.size else 0.0


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    stored: dict[str, NDArray[np.float32]] = {}
    for suffix in ("", "-stems"):
        found = []
        for song, truth, weight in _songs(arguments.corpus):
            views = _views(song, stems=bool(suffix))
            found.append(contests_of(views, truth, weight=weight))
            if suffix:
                found.append(contests_of(_bled(views, rng), truth, weight=weight))
        for part, judge in enumerate(("beat", "bar")):
            weights = train([pair[part] for pair in found if pair is not None])
            weights["temperature"] = np.asarray(_TEMPERATURE[judge + suffix], np.float32)
            stored |= {f"{judge}{suffix}.{name}": value for name, value in weights.items()}
    # Half precision changes no probability by more than 0.01 and keeps the file small.
    half = {name: value.astype(np.float16) if value.ndim > 1 else value for name, value in stored.items()}
    np.savez_compressed(arguments.out, provenance=np.array(" ".join((__doc__ or "").split())), **half)  # type: ignore[arg-type]


if __name__ == "__main__":
    _main()
