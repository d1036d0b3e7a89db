"""Drum patterns and beats with exactly known tempo, metre and swing.

Generators of rhythmic truth belong here; single sounds are in `tests.music`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.rhythm import Beat
from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
from flamingo_bark_assets.audio.signal import Signal
from tests import music

# Sixteen steps a bar of 4/4, twelve of 3/4 and 6/8.
ROCK: Mapping[str, str] = {"kick": "x.......x.x.....", "snare": "....x.......x...", "hihat": "x.x.x.x.x.x.x.x."}
WALTZ: Mapping[str, str] = {"kick": "x...........", "snare": "....x...x...", "hihat": "x.x.x.x.x.x."}
SLOW_SIX: Mapping[str, str] = {"kick": "x...........", "snare": "......x.....", "hihat": "x.x.x.x.x.x."}
_SOUNDS = {"kick": music.kick, "snare": music.snare, "hihat": music.hihat}
_LEVELS = {"kick": 0.9, "snare": 0.6, "hihat": 0.3}
START_S = 0.4


def view_of(*channels: NDArray[np.floating], rate_hz: int = music.RATE_HZ) -> AudioView:
    """View of a signal of the given channels."""
    return AudioView(Signal(np.asarray(np.stack(channels), np.float32), rate_hz))


def views_of(*channels: NDArray[np.floating], rate_hz: int = music.RATE_HZ) -> SongViews:
    """Views of a mix of the given channels, without stems."""
    return SongViews(view_of(*channels, rate_hz=rate_hz))


def beat_times_s(bpm: float, bars: int, *, beats_per_bar: int = 4) -> NDArray[np.float64]:
    """The beats of `drums` at a steady tempo."""
    return np.asarray(START_S + 60.0 / bpm * np.arange(bars * beats_per_bar), np.float64)


def drums(
    pattern: Mapping[str, str], beats_s: NDArray[np.float64], *, beats_per_bar: int = 4, swing: float = 0.5
) -> music.Samples:
    """A pattern played along the beats; the second eighth of a beat falls on `swing` of it."""
    steps = len(next(iter(pattern.values()))) // beats_per_bar
    edges = np.append(beats_s, 2.0 * beats_s[-1] - beats_s[-2])
    duration_s = float(edges[-1]) + 0.8
    total = np.zeros(round(duration_s * music.RATE_HZ))
    for name, bar in pattern.items():
        places = []
        for k, beat_s in enumerate(beats_s):
            for step in range(steps):
                if bar[(k % beats_per_bar) * steps + step] == "x":
                    place = step / steps
                    place = 2.0 * place * swing if place < 0.5 else swing + (2.0 * place - 1.0) * (1.0 - swing)
                    places.append(float(beat_s + place * (edges[k + 1] - beat_s)))
        total += _LEVELS[name] * music.place(_SOUNDS[name](), places, duration_s)
    return np.asarray(total + music.noise(duration_s, level=1e-4))


def chords_and_bass(labels: Sequence[str], beats_s: NDArray[np.float64], *, beats_per_bar: int = 4) -> music.Samples:
    """A triad a bar with its bass."""
    each_s = float(np.median(np.diff(beats_s))) * beats_per_bar
    sound = music.progression([labels[i % len(labels)] for i in range(beats_s.size // beats_per_bar)], each_s)
    return np.concatenate([np.zeros(round(float(beats_s[0]) * music.RATE_HZ)), sound])


def beats_of(times_s: NDArray[np.float64], *, beats_per_bar: int = 4) -> tuple[Beat, ...]:
    """Beats whose first begins a bar."""
    return tuple(Beat(beat=k, time_s=float(t), position=k % beats_per_bar + 1) for k, t in enumerate(times_s))
