"""Chords, progressions and single notes of known pitch, tuning and partials, for the tests of tonality.

Sounds with known notes belong here; what is expected of their measurement does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.audio.signal import FloatArray, Signal

RATE_HZ = 22050
TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
TONES = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
}


def view_of(samples: FloatArray, *, rate_hz: int = RATE_HZ) -> AudioView:
    """View of a mono signal, shape (n,), or of channels, shape (n_channels, n)."""
    return AudioView(Signal(np.atleast_2d(np.asarray(samples, np.float32)), rate_hz))


def notes(midi: Sequence[float], duration_s: float, *, inharmonicity: float = 0.0, decay: float = 0.7) -> FloatArray:
    """Notes struck together: partials at h f0 sqrt(1 + B h^2) of amplitude 1/h, peak 0.3, shape (n,)."""
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    wave = np.zeros(t.size)
    for note in midi:
        f0_hz = 440.0 * 2.0 ** ((note - 69.0) / 12.0)
        for order in range(1, 13):
            hz = order * f0_hz * np.sqrt(1.0 + inharmonicity * order**2)
            if hz < 0.45 * RATE_HZ:
                wave += np.sin(2 * np.pi * hz * t + order) / order
    wave *= np.minimum(t / 0.01, 1.0) * np.minimum((duration_s - t) / 0.02, 1.0) * np.exp(-decay * t)
    return np.asarray(0.3 * wave / np.abs(wave).max(), np.float32)


def chord(label: str, duration_s: float, *, cents: float = 0.0) -> FloatArray:
    """A chord in Harte syntax around middle C over its root in the bass."""
    root, quality = label.split(":")
    base = TONICS.index(root)
    midi = [36 + (base + 8) % 12 - 8 + 12, *(55 + (base + tone - 55) % 12 for tone in TONES[quality])]
    return notes([m + cents / 100.0 for m in midi], duration_s)


def progression(labels: Sequence[str], each_s: float, *, cents: float = 0.0) -> FloatArray:
    """Chords one after the other."""
    return np.concatenate([chord(label, each_s, cents=cents) for label in labels])


def moved(labels: Sequence[str], semitones: int) -> list[str]:
    """The same chords some semitones higher."""
    parts = (label.split(":") for label in labels)
    return [f"{TONICS[(TONICS.index(root) + semitones) % 12]}:{quality}" for root, quality in parts]


def noise(duration_s: float, *, level: float = 0.1, seed: int = 0) -> FloatArray:
    """White Gaussian noise."""
    samples = np.random.default_rng(seed).normal(0.0, level, round(duration_s * RATE_HZ))
    return np.asarray(np.clip(samples, -1, 1), np.float32)


def clicks(duration_s: float, *, every_s: float = 0.5) -> FloatArray:
    """Short bursts of noise over faint noise."""
    out = noise(duration_s, level=1e-4)
    burst = noise(0.05, level=0.3, seed=1) * np.exp(-np.arange(round(0.05 * RATE_HZ)) / (0.01 * RATE_HZ))
    for start_s in np.arange(0.1, duration_s - 0.1, every_s):
        start = round(start_s * RATE_HZ)
        out[start : start + burst.size] += burst.astype(np.float32)
    return out
