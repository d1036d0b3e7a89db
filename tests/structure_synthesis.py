"""Songs with known sections.

Generators of musical form belong here; what is expected of the analysis does not.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class WholeSong:
    """A song as people write them.

    Attributes:
        mix: the sum of band and voice.
        vocals: the voice alone.
        kinds: what each section is: I intro, V verse, C chorus, B bridge, O outro.
        starts_s: when each begins.
        n_bars: how many bars of 2 s there are.
    """

    mix: Samples
    vocals: Samples
    kinds: str
    starts_s: NDArray[np.float64]
    n_bars: int


@functools.cache
def whole_song() -> WholeSong:
    """A song of four minutes: intro, three verses and choruses, bridge, chorus and outro.

    Verses and choruses are never the same twice: bars differ by a decibel, the singer leaves out other notes each time,
    an instrument joins the second chorus and stays.
    """
    rng = np.random.default_rng(11)
    kinds, lengths = "IVCVCVCBCO", (8, 16, 8, 16, 8, 16, 8, 8, 16, 8)
    like = {"I": "A", "V": "A", "C": "B", "B": "C", "O": "B"}
    band, sung = [], []
    for number, (kind, length) in enumerate(zip(kinds, lengths, strict=True)):
        level = {"I": 0.5, "V": 0.7, "C": 1.0, "B": 0.6, "O": 0.6}[kind]
        for bar in range(length):
            sound = level * 10.0 ** (rng.normal(0.0, 0.5) / 20.0) * _bar(like[kind], bar % 2, True)
            if number >= 4 and kind == "C":
                sound = sound + 0.08 * music.triad(_CHORDS["B"][bar % 2], BAR_S)
            band.append(sound)
            sung.append(_sung(kind, bar, rng))
    mix = np.concatenate(band)
    vocals = np.concatenate(sung)
    mix = mix + 0.5 * vocals + rng.normal(0.0, 5e-3, mix.size)
    starts = np.concatenate([[0.0], np.cumsum(lengths)[:-1]]) * BAR_S
    return WholeSong(mix, vocals, kinds, starts, sum(lengths))


_MELODIES = {"V": (220.0, 247.0, 262.0, 247.0), "C": (392.0, 440.0, 392.0, 330.0), "B": (294.0, 330.0, 349.0, 330.0)}


def _sung(kind: str, bar: int, rng: np.random.Generator) -> Samples:
    beat_s = BAR_S / 4.0
    notes = _MELODIES.get(kind)
    if notes is None:
        return np.zeros(round(BAR_S * music.RATE_HZ))
    silent = np.zeros(round(beat_s * music.RATE_HZ))
    turned = [notes[(beat + bar) % 4] for beat in range(4)]
    return np.concatenate([music.tone(hz, beat_s) if rng.random() < 0.85 else silent for hz in turned])


@functools.cache
def _bar(letter: str, turn: int, changing: bool) -> Samples:
    drums = letter if changing else "A"
    chords = music.triad(_CHORDS[letter][turn], BAR_S)
    kicks = music.place(music.kick(), (0.0, 1.0), BAR_S)
    snares = music.place(music.snare(), (0.5, 1.5) if drums != "C" else (1.0,), BAR_S)
    hats = music.place(music.hihat(), np.arange(_HATS[drums]) * BAR_S / _HATS[drums], BAR_S)
    return np.asarray(0.15 * chords + 0.5 * kicks + 0.4 * snares + 0.3 * hats)
