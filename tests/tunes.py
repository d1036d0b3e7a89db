"""Tunes over chords for tests of duplicates: each a performance of a score that can be played otherwise again.

Scores and their performance belong here; single tones stand in `music`.
"""

from __future__ import annotations

import functools

import numpy as np

from flamingo_bark_assets.audio.recording import Landmark
from flamingo_bark_assets.splits.landmarks import find_landmarks
from flamingo_bark_assets.splits.matching import Constellation
from tests.music import RATE_HZ, Samples, midi_hz, tone, view_of

_SCALE = (0, 2, 4, 5, 7, 9, 11)
_ROOTS = (0, 7, 9, 5)  # I V vi IV, as in every tune here


def tune(number: int, *, seconds: float = 24.0, bpm: float = 112.0, semitones: float = 0.0) -> Samples:
    """Play a tune: melody and broken chords over I V vi IV, in quavers.

    Tunes of all numbers have key, tempo, metre, chords and sound in common, and nothing else.

    Args:
        number: which tune.
        seconds: its length at 112 BPM.
        bpm: how fast it is played; the score stays the same.
        semitones: how much higher.
    """
    rng = np.random.default_rng(number)
    quaver_s = 30.0 / bpm
    quavers = int(seconds / (30.0 / 112.0))
    total = np.zeros(round((quavers + 8) * quaver_s * RATE_HZ))
    for quaver in range(quavers):
        root = 60 + _ROOTS[quaver // 8 % 4]
        notes = [(root - 12 + int(rng.choice((0, 4, 7, 12))), 1, 0.5)] if rng.random() < 0.7 else []
        if rng.random() < 0.6:
            notes.append((60 + int(rng.choice(_SCALE)) + 12 * int(rng.integers(1, 3)), int(rng.integers(1, 5)), 1.0))
        for midi, length, level in notes:
            sound = level * _tone(midi + semitones, round(length * quaver_s, 4))
            start = round(quaver * quaver_s * RATE_HZ)
            total[start : start + sound.size] += sound
    return 0.2 * total


@functools.cache
def _tone(midi: float, seconds: float) -> Samples:
    return tone(midi_hz(midi), seconds)


def landmarks_of(samples: Samples) -> tuple[Landmark, ...]:
    """Find the landmarks of a sound in mono."""
    return find_landmarks(view_of(samples))


def constellation_of(samples: Samples) -> Constellation:
    """Return the fingerprint of a sound in mono."""
    found = landmarks_of(samples)
    return Constellation(np.array([one.time_s for one in found]), np.array([one.pitch for one in found]))
