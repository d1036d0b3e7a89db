"""Which drum each onset of a stem is: probabilities by a small learned network, hits by what they say together.

The network's use, the choice of hits and their strength belong here; its training is in `tests.learning.drums`.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.drums.onsets import RISES, Onsets, Times, describe_onsets
from flamingo_bark_assets.analysis.drums.repetition import repetition
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement

METHOD = "onset-network"
DRUMS = ("kick", "snare", "hihat", "tom", "cymbal")
BLOCK = 2048
# The same drum cannot be told twice within less: a flam is one stroke.
SHORTEST_GAP_S = 0.035
STROKE_THRESHOLD = 0.4
LOWEST_THRESHOLD, HIGHEST_THRESHOLD = 0.25, 0.6
# How many of the best hits tell whether a drum is there.
PRESENCE_HITS = 3
MIN_HITS = 1
# Bands of `onset_power` in which each drum's strength is measured: to 130 Hz, 170 Hz to 5 kHz, above 6 kHz ...
_BANDS = {"kick": (0, 3), "snare": (4, 20), "hihat": (20, 24), "tom": (1, 10), "cymbal": (18, 24)}


@dataclass(frozen=True, slots=True)
class Hits:
    """The hits of one drum.

    Attributes:
        times_s: ascending, shape (n,).
        probability: that the drum was struck there, shape (n,).
        strength: 0 to 1, shape (n,).
    """

    times_s: Times
    probability: NDArray[np.float64]
    strength: NDArray[np.float64]


@functools.cache
def _weights() -> dict[str, FloatArray]:
    with np.load(Path(__file__).with_name("drum_model.npz"), allow_pickle=False) as stored:
        return {k: stored[k].astype(np.float32) for k in stored.files if stored[k].dtype.kind == "f"}


def use_weights(weights: dict[str, FloatArray]) -> None:
    """Use these weights instead of the ones that are shipped; for training and its checks."""
    _weights().update(weights)


def probabilities(view: AudioView, onsets: Onsets) -> FloatArray:
    """Return probability that each drum is struck at each onset.

    Every onset is described by its sound; soft clusters of the sounds of the song (at most `BLOCK` onsets at a time)
    say what else this kit has and how often, and each onset is judged against them (after Lee et al., Set
    Transformer, ICML 2019), so that a kit never seen before is understood from itself.

    Returns:
        Shape (n, len(DRUMS) + 1); the last column is any other percussion.
    """
    count = onsets.frames.size
    blocks = max(1, -(-count // BLOCK))
    edges = np.linspace(0, count, blocks + 1).astype(int)
    rows = [
        forward(describe_onsets(view, onsets.part(first, end)))
        for first, end in itertools.pairwise(edges.tolist())
        if end > first
    ]
    if not rows:
        return np.zeros((0, len(DRUMS) + 1), np.float32)
    raw = np.concatenate(rows)
    return np.concatenate([calibrated(onsets.times_s, raw), raw[:, len(DRUMS) :]], axis=1)


def calibrated(times_s: Times, raw: FloatArray) -> FloatArray:
    """Return probabilities that hold, from those of the network and from what the same drum does a period away.

    A logistic regression for each drum (Platt, Advances in Large Margin Classifiers, 1999) on the network's logit and
    `repetition`. All are of shape (n, len(DRUMS)); `raw`, of `forward`, has one column more.
    """
    raw = raw[:, : len(DRUMS)]
    slope, offset, short, long = _weights()["calibration"]
    evidence = repetition(times_s, raw)
    logits = slope * logits_of(raw) + offset + short * evidence[..., 0] + long * evidence[..., 1]
    return _sigmoid(logits)


def logits_of(probability: FloatArray) -> FloatArray:
    """Return log odds, within 12 of 0."""
    bounded = np.clip(probability, 6e-6, 1.0 - 6e-6)
    return np.asarray(np.log(bounded / (1.0 - bounded)), np.float32)


def forward(features: FloatArray) -> FloatArray:
    """Run the network: probabilities, (n, len(DRUMS) + 1), of the described onsets of one stem, (n, FEATURES)."""
    w = _weights()
    x = (features - w["mean"]) * w["scale"]
    rise = np.clip(features[:, RISES].max(axis=1), 0.0, 20.0) + np.float32(1e-3)
    usual = (rise @ x) / rise.sum()
    hidden = np.maximum(_linear("inner", x) + w["usual_weight"] @ usual, 0.0)
    sound = np.maximum(_linear("sound", hidden), 0.0)
    weight = _sigmoid(_linear("choice", sound))
    content = _linear("content", sound)
    mass = weight.sum(axis=0)
    slots = weight.T @ content / (mass[:, None] + 1e-3)
    near = _linear("query", sound) @ slots.T / np.float32(np.sqrt(slots.shape[1]))
    near = np.exp(near - near.max(axis=1, keepdims=True))
    read = (near / near.sum(axis=1, keepdims=True)) @ slots
    song = np.concatenate([slots.ravel(), np.log(mass / features.shape[0] + 1e-3)])
    song = np.maximum(_linear("song", song[None]), 0.0)
    joined = np.concatenate([sound, content - read, np.repeat(song, features.shape[0], axis=0)], axis=1)
    logits = _linear("out", np.maximum(_linear("joint", joined), 0.0))
    return np.asarray(_sigmoid(logits), np.float32)


def _linear(name: str, x: FloatArray) -> FloatArray:
    w = _weights()
    return np.asarray(x @ w[f"{name}_weight"].T + w[f"{name}_bias"], np.float32)


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x), np.float32)


def choose_hits(onsets: Onsets, probability: FloatArray) -> dict[str, Hits]:
    """Take for hits of each drum the onsets above the threshold that promises the best F-measure in this stem.

    With calibrated probabilities the expected F-measure of a threshold can be computed without truth (Lipton et al.,
    ECML 2014); the threshold is kept within `LOWEST_THRESHOLD` and `HIGHEST_THRESHOLD`. `probability` has shape (n, at
    least len(DRUMS)).
    """
    found = {}
    for column, drum in enumerate(DRUMS):
        p = probability[:, column].astype(np.float64)
        tops = _separate(onsets.times_s, p)
        chosen = tops[p[tops] >= _best_threshold(p[tops])]
        found[drum] = Hits(onsets.times_s[chosen], p[chosen], _strength(onsets, onsets.frames[chosen], drum))
    return found


def choose_strokes(onsets: Onsets, probability: FloatArray) -> tuple[Times, NDArray[np.float64]]:
    """Return times (s) at which anything is struck, other percussion included, and the probability of each.

    `probability` is what `probabilities` gives, shape (n, len(DRUMS) + 1).
    """
    p = 1.0 - np.prod(1.0 - probability.astype(np.float64), axis=1)
    tops = _separate(onsets.times_s, p)
    chosen = tops[p[tops] >= STROKE_THRESHOLD]
    return onsets.times_s[chosen], p[chosen]


def _separate(times_s: Times, p: NDArray[np.float64]) -> NDArray[np.int64]:
    """Keep the more probable of onsets that follow each other within `SHORTEST_GAP_S`."""
    kept: list[int] = []
    for k in np.flatnonzero(p >= 0.02).tolist():
        if kept and times_s[k] - times_s[kept[-1]] < SHORTEST_GAP_S:
            if p[k] > p[kept[-1]]:
                kept[-1] = k
        else:
            kept.append(k)
    return np.asarray(kept, np.int64)


def _best_threshold(p: NDArray[np.float64]) -> float:
    if p.size == 0:
        return HIGHEST_THRESHOLD
    ordered = np.sort(p)[::-1]
    expected = 2.0 * np.cumsum(ordered) / (np.arange(1, p.size + 1) + p.sum())
    return float(np.clip(ordered[int(expected.argmax())], LOWEST_THRESHOLD, HIGHEST_THRESHOLD))


def _strength(onsets: Onsets, frames: NDArray[np.int64], drum: str) -> NDArray[np.float64]:
    """Compute the amplitude that comes in within 40 ms in the drum's bands over the 90th percentile of its hits.

    At most 1.
    """
    if frames.size == 0:
        return np.zeros(0)
    first, end = _BANDS[drum]
    last = onsets.levels_db.shape[0] - 1
    power = [
        (10.0 ** (onsets.levels_db[np.clip(frames + k, 0, last), first:end].astype(np.float64) / 10.0)).sum(axis=1)
        for k in range(-3, 5)
    ]
    before, after = np.minimum(power[0], power[1]), np.max(power[3:], axis=0)
    amplitude = np.sqrt(np.maximum(after - before, 0.01 * after))
    return np.asarray(np.clip(amplitude / max(float(np.percentile(amplitude, 90)), 1e-9), 0.0, 1.0))


def presence(hits: Hits, drum: str) -> Measurement[bool]:
    """Return whether a drum is played at all: from how many hits are expected and how probable the best of them are."""
    score = presence_score(hits.probability)
    weights = _weights()["presence"][DRUMS.index(drum)]
    certainty = float(1.0 / (1.0 + np.exp(-np.dot(weights, score))))
    there = certainty >= 0.5 and hits.times_s.size >= MIN_HITS
    return Measurement.of(
        there, method=METHOD, confidence=max(certainty, 1.0 - certainty) if there else 1.0 - certainty
    )


def presence_score(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Judge presence by the log of one more than the expected hits, the mean probability of the best three, and 1."""
    best = np.sort(probability)[::-1][:PRESENCE_HITS]
    return np.array([np.log1p(float(probability.sum())), float(best.sum()) / PRESENCE_HITS, 1.0])
