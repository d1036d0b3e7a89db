"""Songs with known sections.

Generators of musical form belong here; what is expected of the analysis does not.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.rhythm import Beat
from tests import music

Samples = NDArray[np.float64]

BAR_S = 2.0
_CHORDS = {"A": ("A:min", "F:maj"), "B": ("C:maj", "G:maj"), "C": ("D:min", "E:maj")}
_HATS = {"A": 4, "B": 8, "C": 2}


def song(form: str, bars: Sequence[int], *, changing: bool = True, start_s: float = 0.0) -> Samples:
    """A song of 120 BPM in 4/4 whose sections differ in chords and drums.

    Args:
        form: letters A, B and C.
        bars: bars of each section.
        changing: whether the drums differ.
        start_s: silence before it.
    """
    parts = [_bar(letter, bar % 2, changing) for letter, count in zip(form, bars, strict=True) for bar in range(count)]
    sound = np.concatenate([np.zeros(round(start_s * music.RATE_HZ)), *parts])
    return sound + np.where(np.arange(sound.size) >= start_s * music.RATE_HZ, 1.0, 0.0) * np.random.default_rng(
        2
    ).normal(0.0, 1e-2, sound.size)


def beats(n_bars: int, *, start_s: float = 0.0) -> list[Beat]:
    """The beats of so many bars."""
    return [Beat(beat=k, time_s=start_s + k * BAR_S / 4.0, position=k % 4 + 1) for k in range(4 * n_bars)]


def voice(form: str, bars: Sequence[int], sung: str) -> Samples:
    """A stem that sounds in the sections of some letters only."""
    tone = music.tone(440.0, BAR_S)
    parts = [
        tone if letter in sung else np.zeros(tone.size)
        for letter, count in zip(form, bars, strict=True)
        for _ in range(count)
    ]
    return np.concatenate(parts)


@functools.cache
def _bar(letter: str, turn: int, changing: bool) -> Samples:
    drums = letter if changing else "A"
    chords = music.triad(_CHORDS[letter][turn], BAR_S)
    kicks = music.place(music.kick(), (0.0, 1.0), BAR_S)
    snares = music.place(music.snare(), (0.5, 1.5) if drums != "C" else (1.0,), BAR_S)
    hats = music.place(music.hihat(), np.arange(_HATS[drums]) * BAR_S / _HATS[drums], BAR_S)
    return np.asarray(0.15 * chords + 0.5 * kicks + 0.4 * snares + 0.3 * hats)
