"""The judge of readings: small networks that learned which reading of a made-up song was the true one.

Loading and applying them belongs here; the readings' features stand beside the readings.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.signal import FloatArray

_WEIGHTS = Path(__file__).with_name("rhythm.npz")
_CLIP = 4.0


def shares(features: list[FloatArray], *, judge: str) -> NDArray[np.float64]:
    """Return probability of each of a song's competing readings, summing to 1, shape (n_readings,).

    The mean of the softmax over the readings of several one-hidden-layer networks; `tests/learning/rhythm.py` trains
    them, and says on what.

    Args:
        features: one array of shape (n_features,) a reading, at least one.
        judge: "beat" or "bar", and "-stems" after it where the features include the stems'.
    """
    prefix = f"{judge}."
    return judged(features, {name.removeprefix(prefix): w for name, w in _weights().items() if name.startswith(prefix)})


def judged(features: list[FloatArray], weights: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return what `shares` does by weights that are given.

    Args:
        features: one array of shape (n_features,) a reading, at least one.
        weights: mean and scale (n_features,), hidden (n_networks, n_features, n_hidden), hidden_bias and out
            (n_networks, n_hidden).
    """
    standard = np.clip((np.stack(features) - weights["mean"]) / weights["scale"], -_CLIP, _CLIP)
    hidden, bias, out = weights["hidden"], weights["hidden_bias"], weights["out"]
    total = np.zeros(len(features))
    for network in range(hidden.shape[0]):
        score = np.maximum(standard @ hidden[network] + bias[network], 0.0) @ out[network]
        odds = np.exp(score - score.max())
        total += odds / odds.sum()
    return np.asarray(total / hidden.shape[0], np.float64)


def certainty(share: float, quantity: str) -> float:
    """Return the probability that an answer is right which the judges gave this share, 0 to 1.

    Logistic in the log odds of the share (Platt, 1999), fitted to songs that the judges did not see, see
    `tests/learning/rhythm.py`.

    Args:
        share: of the readings that agree with it, as `shares` gives, summed, 0 to 1.
        quantity: "tempo", "grid", "metre" or "bars", and "-stems" after it where there are stems.
    """
    slope, offset = _weights()[f"certainty.{quantity}"]
    odds = np.log(np.clip(share, 1e-4, 1.0 - 1e-4) / (1.0 - np.clip(share, 1e-4, 1.0 - 1e-4)))
    return float(1.0 / (1.0 + np.exp(-(slope * odds + offset))))


def pulse_certainty(features: FloatArray) -> float:
    """Return the probability that there is a pulse, by `Pulse.features`: a logistic regression, see `certainty`."""
    weights = _weights()["pulse"]
    return float(1.0 / (1.0 + np.exp(-(features @ weights[:-1] + weights[-1]))))


@functools.cache
def _weights() -> dict[str, NDArray[np.float32]]:
    with np.load(_WEIGHTS) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files if stored[name].dtype.kind == "f"}
