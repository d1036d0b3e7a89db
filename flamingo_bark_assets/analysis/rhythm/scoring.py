"""The judge of readings: small networks that learned which reading of a made-up song was the true one.

Loading and applying them belongs here; the readings' features stand beside the readings.
"""

from __future__ import annotations

import functools
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
    weights = _weights()
    mean, scale, hidden, hidden_bias, out, temperature = (
        weights[f"{judge}.{name}"] for name in ("mean", "scale", "hidden", "hidden_bias", "out", "temperature")
    )
    standard = np.clip((np.stack(features) - mean) / scale, -_CLIP, _CLIP)
    total = np.zeros(len(features))
    for network in range(hidden.shape[0]):
        score = np.maximum(standard @ hidden[network] + hidden_bias[network], 0.0) @ out[network]
        odds = np.exp((score - score.max()) / float(temperature))
        total += odds / odds.sum()
    return np.asarray(total / hidden.shape[0], np.float64)


@functools.cache
def _weights() -> dict[str, NDArray[np.float32]]:
    with np.load(_WEIGHTS) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files if stored[name].dtype.kind == "f"}
