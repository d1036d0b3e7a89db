"""Train the drum classifier: `python -m tests.learning.drums --songs 2250 --out drum_model.npz`.

How its weights come about belongs here; how they are used is in `flamingo_bark_assets.analysis.drums.classes`. It saw
the songs of `tests.learning.drum_songs` only: random patterns on kits of our own synthesis and of the sound fonts
TimGM6mb (GPL-2), Csound's GM bank (public domain), OPL-3 FM (CC BY-SA 4.0) and AVL Black Pearl (CC BY-SA 3.0), with
notes of TimGM6mb and OPL-3 as bleed; no sound of theirs is contained in the weights. The shipped weights come from
2250 songs, of which the first 100 were left out, in four rounds as the set grew (about 86 epochs in all, each round
from the weights of the one before). Calibration alone, four numbers a drum and the weights of presence, has seen
development corpora with truth.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.drums import classes
from flamingo_bark_assets.analysis.drums.onsets import (
    FEATURES,
    FINE_EDGES,
    FINE_FRAME,
    FLOOR_DB,
    RISES,
    SLOTS,
    Onsets,
    describe_onsets,
    find_onsets,
)
from flamingo_bark_assets.analysis.drums.repetition import repetition
from flamingo_bark_assets.analysis.frontend.view import (
    ONSET_BAND_EDGES,
    ONSET_BANDS,
    ONSET_FRAME,
    RATE_HZ,
    AudioView,
)
from flamingo_bark_assets.audio.signal import Signal
from tests.learning.drum_kits import Bank, render_bank
from tests.learning.drum_songs import CLASSES, make_song

Array = NDArray[np.float32]
TARGETS = (*CLASSES, "perc")
REACH_S = 0.040
SET_SIZE = 256
BATCH = 12
HIDDEN, WIDTH, SLOT_COUNT, SLOT_WIDTH = 96, 64, 12, 48


@dataclass(frozen=True)
class Example:
    """The candidates of one song.

    Attributes:
        features: shape (n, FEATURES).
        labels: 1 for a hit, 0 for none, -1 where a neighbour took the hit; shape (n, targets).
    """

    features: NDArray[np.float16]
    labels: NDArray[np.int8]


@dataclass(frozen=True)
class Stem:
    """A stem with truth.

    Attributes:
        times_s: its onsets, shape (n,).
        features: their description, shape (n, FEATURES).
        hits: time in seconds and class of each hit.
    """

    times_s: NDArray[np.float64]
    features: NDArray[np.float16]
    hits: list[tuple[float, str]]

    @property
    def onsets(self) -> Onsets:
        """The onsets, without levels: enough to choose hits, not for their strength."""
        frames = np.zeros(self.times_s.size, np.int64)
        return Onsets(
            frames, self.times_s, np.zeros((frames.size, 4), np.float32), np.zeros((1, ONSET_BANDS), np.float32)
        )


def stem_of(samples: NDArray[np.float32], rate_hz: int, hits: list[tuple[float, str]]) -> Stem:
    """Find and describe the onsets of a stem, shape (channels, n)."""
    view = AudioView(Signal(samples, rate_hz))
    onsets = find_onsets(view)
    return Stem(onsets.times_s, describe_onsets(view, onsets).astype(np.float16), hits)


def corpus_stems(folder: Path) -> list[Stem]:
    """The clean and the separated drums of each song of a corpus with truth.json files."""
    import soundfile

    stems = []
    for path in sorted(folder.glob("*/truth.json")):
        drums = json.loads(path.read_text())["drums"]
        for name in ("drums.wav", "sep_drums.wav") if drums else ():
            samples, rate_hz = soundfile.read(path.with_name(name), dtype="float32", always_2d=True)
            hits = [(float(hit[0]), str(hit[1])) for hit in drums["hits"]]
            stems.append(stem_of(np.ascontiguousarray(samples.T), rate_hz, hits))
    return stems


def song_stem(seed: int, bank: Bank) -> Stem:
    """A song of our own."""
    song = make_song(seed, bank)
    return stem_of(song.samples[None], RATE_HZ, [(time, name) for time, name, _ in song.hits])


def labels_of(times_s: NDArray[np.float64], hits: list[tuple[float, str]]) -> NDArray[np.int8]:
    """Give each hit to the nearest candidate; the other candidates near it are neither right nor wrong."""
    labels = np.zeros((times_s.size, len(TARGETS)), np.int8)
    if times_s.size == 0:
        return labels
    for column, name in enumerate(TARGETS):
        truth = np.array([time for time, hit in hits if hit == name])
        for time in truth:
            labels[np.abs(times_s - time) <= REACH_S, column] = -1
        for time in truth:
            nearest = int(np.abs(times_s - time).argmin())
            if abs(times_s[nearest] - time) <= REACH_S:
                labels[nearest, column] = 1
    return labels


def centre_hz() -> Array:
    """Centre frequency of each level among the features, 0 for those that are no level; shape (FEATURES,)."""
    coarse = np.sqrt(np.multiply(ONSET_BAND_EDGES[:-1], ONSET_BAND_EDGES[1:])) * RATE_HZ / ONSET_FRAME
    fine = np.sqrt(np.multiply(FINE_EDGES[:-1], FINE_EDGES[1:])) * RATE_HZ / FINE_FRAME
    levels = np.concatenate([np.tile(coarse, len(SLOTS)), fine])
    return np.pad(levels, (0, FEATURES - levels.size)).astype(np.float32)


def network(mean: Array, scale: Array) -> Any:
    """The network of `classes.probabilities` with weights to be learned."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mean = nn.Parameter(torch.tensor(mean), requires_grad=False)
            self.scale = nn.Parameter(torch.tensor(scale), requires_grad=False)
            self.inner = nn.Linear(FEATURES, HIDDEN)
            self.usual = nn.Linear(FEATURES, HIDDEN, bias=False)
            nn.init.zeros_(self.usual.weight)
            self.sound = nn.Linear(HIDDEN, WIDTH)
            self.choice = nn.Linear(WIDTH, SLOT_COUNT)
            self.content = nn.Linear(WIDTH, SLOT_WIDTH)
            self.query = nn.Linear(WIDTH, SLOT_WIDTH)
            self.song = nn.Linear(SLOT_COUNT * (SLOT_WIDTH + 1), SLOT_WIDTH)
            self.joint = nn.Linear(WIDTH + 2 * SLOT_WIDTH, WIDTH)
            self.out = nn.Linear(WIDTH, len(TARGETS))

        def forward(self, x: Any, there: Any) -> Any:
            """Logits, (songs, n, targets), of features (songs, n, FEATURES); `there` is 0 for padding."""
            rise = x[..., RISES].amax(-1).clamp(0.0, 20.0) * there + 1e-3
            x = (x - self.mean) * self.scale
            usual = (x * rise[..., None]).sum(1, keepdim=True) / rise.sum(1)[:, None, None]
            h = torch.relu(self.sound(torch.relu(self.inner(x) + self.usual(usual))))
            weight = torch.sigmoid(self.choice(h)) * there[..., None]
            mass = weight.sum(1)
            content = self.content(h)
            slots = torch.einsum("bns,bnc->bsc", weight, content) / (mass[..., None] + 1e-3)
            log_mass = torch.log(mass / there.sum(1, keepdim=True) + 1e-3)
            near = torch.einsum("bnc,bsc->bns", self.query(h), slots) / SLOT_WIDTH**0.5
            read = torch.einsum("bns,bsc->bnc", torch.softmax(near, -1), slots)
            song = torch.relu(self.song(torch.cat([slots.flatten(1), log_mass], 1)))
            joined = torch.cat([h, content - read, song[:, None].expand(-1, h.shape[1], -1)], -1)
            return self.out(torch.relu(self.joint(joined)))

    return Network()


def varied(rng: np.random.Generator, features: Array, hz: Array) -> Array:
    """The same song through another equaliser, with hiss, louder or softer against its loud frames."""
    octave = np.log2(np.maximum(hz, 20.0) / 20.0)
    curve = np.interp(octave, np.linspace(0.0, 9.2, 7), rng.normal(0.0, 2.5, 7)) + rng.normal(0.0, 2.0)
    level = hz > 0.0
    out = features.copy()
    hiss = rng.uniform(-95.0, -50.0) + np.interp(octave, np.linspace(0.0, 9.2, 4), rng.normal(0.0, 4.0, 4))
    moved = out[:, level] + curve[level].astype(np.float32)
    out[:, level] = np.maximum(moved, np.maximum(hiss[level], FLOOR_DB).astype(np.float32))
    return out


def batch_of(rng: np.random.Generator, examples: list[Example], hz: Array, vary: bool) -> tuple[Any, Any, Any]:
    """Padded features, labels (-1 for padding) and presence."""
    import torch

    x = np.zeros((len(examples), SET_SIZE, FEATURES), np.float32)
    y = np.full((len(examples), SET_SIZE, len(TARGETS)), -1, np.int8)
    for row, example in enumerate(examples):
        start = int(rng.integers(0, max(1, example.features.shape[0] - SET_SIZE + 1)))
        features = example.features[start : start + SET_SIZE].astype(np.float32)
        x[row, : len(features)] = varied(rng, features, hz) if vary else features
        y[row, : len(features)] = example.labels[start : start + SET_SIZE]
    there = np.asarray((y > -1).any(axis=2) | (np.abs(x).sum(axis=2) > 0.0), np.float32)
    return torch.tensor(x), torch.tensor(y.astype(np.float32)), torch.tensor(there)


def train(examples: list[Example], *, epochs: int, peak: float = 4e-3, report: Any = None, start: Any = None) -> Any:
    """Fit the network, from the weights `start` if given; `report(epoch, loss, model)` is called after each epoch."""
    import torch

    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    sample = np.concatenate([e.features[::5].astype(np.float32) for e in examples[:400]])
    model = network(sample.mean(axis=0), 1.0 / (sample.std(axis=0) + 1.0))
    if start is not None:
        model.load_state_dict(start, strict=False)
    steps = epochs * (len(examples) // BATCH)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak, total_steps=steps + 1, pct_start=0.1)
    hz = centre_hz()
    for epoch in range(epochs):
        model.train()
        order, losses = rng.permutation(len(examples)), []
        for first in range(0, len(examples) - BATCH + 1, BATCH):
            x, y, there = batch_of(rng, [examples[k] for k in order[first : first + BATCH]], hz, vary=True)
            known = (y >= 0.0).float()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                model(x, there), y.clamp(min=0.0), reduction="none"
            )
            loss = (loss * known).sum() / known.sum() * len(TARGETS)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        if report is not None:
            report(epoch, float(np.mean(losses)), model.eval())
    return model.eval()


def logistic(x: NDArray[np.float64], y: NDArray[np.float64], ridge: float) -> NDArray[np.float64]:
    """Weights of a logistic regression by Newton's method; `x` has a column of ones where an offset is wanted."""
    w = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ w, -30.0, 30.0)))
        gradient = x.T @ (p - y) + ridge * w
        curvature = (x * (p * (1.0 - p))[:, None]).T @ x + ridge * np.eye(w.size)
        w -= np.linalg.solve(curvature, gradient)
    return w


def calibrate(path: Path, stems: list[Stem]) -> None:
    """Fit `classes.calibrated` and the weights of presence on stems with truth, in place."""
    with np.load(path, allow_pickle=False) as stored:
        fields = dict(stored)
    _use(fields)
    heard = [classes.forward(stem.features.astype(np.float32))[:, : len(CLASSES)] for stem in stems]
    evidence = [repetition(stem.times_s, p) for stem, p in zip(stems, heard, strict=True)]
    labels = [labels_of(stem.times_s, stem.hits) for stem in stems]
    fields["calibration"] = np.zeros((4, len(CLASSES)), np.float32)
    for column, name in enumerate(CLASSES):
        logit = np.concatenate([classes.logits_of(p)[:, column] for p in heard]).astype(np.float64)
        y = np.concatenate([label[:, column] for label in labels]).astype(np.float64)
        known = (y >= 0.0) & (logit > -5.0)
        periods = np.concatenate([e[:, column] for e in evidence])
        # Toms are for fills: what they do elsewhere says nothing.
        x = np.column_stack([logit, np.ones(logit.size), periods if name != "tom" else 0.0 * periods])[known]
        fields["calibration"][:, column] = logistic(x, y[known], 1.0)
    _use(fields)
    scores: list[list[Any]] = [[] for _ in CLASSES]
    truths: list[list[float]] = [[] for _ in CLASSES]
    for stem, p in zip(stems, heard, strict=True):
        found = classes.choose_hits(stem.onsets, classes.calibrated(stem.times_s, p))
        for column, name in enumerate(CLASSES):
            scores[column].append(classes.presence_score(found[name].probability))
            truths[column].append(float(any(hit == name for _, hit in stem.hits)))
    # One set of weights for all drums but their offset: few songs lack a kick.
    x = np.concatenate([np.pad(np.stack(s)[:, :2], ((0, 0), (0, len(CLASSES)))) for s in scores])
    x[np.arange(len(x)), 2 + np.repeat(np.arange(len(CLASSES)), len(stems))] = 1.0
    fitted = logistic(x, np.concatenate(truths), 0.3)
    fields["calibrated_on"] = np.array(f"{len(stems)} stems: own songs left out of training, and development corpora")
    fields["presence"] = np.stack([[*fitted[:2], fitted[2 + k]] for k in range(len(CLASSES))]).astype(np.float32)
    np.savez_compressed(path, allow_pickle=False, **fields)


def _use(fields: dict[str, Any]) -> None:
    classes.use_weights({name: value.astype(np.float32) for name, value in fields.items() if value.dtype.kind == "f"})


def save(model: Any, path: Path, *, songs: int) -> None:
    """Write weights in half precision with where they come from."""
    weights = {
        name.replace(".", "_"): value.detach().numpy().astype(np.float32 if name in ("mean", "scale") else np.float16)
        for name, value in model.named_parameters()
    }
    provenance = f"{songs} songs of tests.learning.drum_songs; no kit, pattern or style of a judged corpus"
    np.savez_compressed(
        path,
        allow_pickle=False,
        provenance=provenance,
        sources="own synthesis; TimGM6mb, Csound sf_GMbank, OPL-3_FM_128M, Black_Pearl_4_LV2 rendered by fluidsynth",
        licence="Apache-2.0 (weights); no sound of a font is contained",
        **weights,
    )


def main() -> None:
    """Make the songs, train, calibrate on songs left out and on the given corpora, and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=2250)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--corpus", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    bank = render_bank()
    songs = [song_stem(seed, bank) for seed in range(arguments.songs)]
    examples = [Example(stem.features, labels_of(stem.times_s, stem.hits)) for stem in songs[100:]]
    model = train(examples, epochs=arguments.epochs, report=lambda epoch, loss, _: print(epoch, loss, flush=True))
    save(model, arguments.out, songs=len(examples))
    calibrate(arguments.out, songs[:100] + [stem for folder in arguments.corpus for stem in corpus_stems(folder)])


if __name__ == "__main__":
    main()
