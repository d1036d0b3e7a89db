"""Voices and bass lines with exactly known pitch, voicing and notes.

Generators shared by the tests of pitch and bass belong here; expectations do not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.music import RATE_HZ, Samples, midi_hz, times


def harmonic_tone(f0_hz: float, duration_s: float, amplitudes: Sequence[float]) -> Samples:
    """A steady tone with the given amplitudes of its partials, cosine phases a quarter of pi apart."""
    t = times(duration_s)
    partials = (a * np.sin(2 * np.pi * f0_hz * k * t + 0.8 * k) for k, a in enumerate(amplitudes, start=1))
    return np.asarray(np.sum(list(partials), axis=0))


def glide(from_hz: float, to_hz: float, duration_s: float) -> tuple[Samples, Samples]:
    """A tone of eight partials whose pitch rises evenly in octaves; the sound and its f0 at each sample."""
    t = times(duration_s)
    f0_hz = from_hz * (to_hz / from_hz) ** (t / duration_s)
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE_HZ
    return np.asarray(np.sum([np.sin(k * phase) / k for k in range(1, 9)], axis=0)), f0_hz


def bass_note(midi: float, held_s: float, *, decay_s: float = 0.8, release_s: float = 0.03) -> Samples:
    """A plucked note: partials that decay, the high ones faster, damped when it is released after `held_s`."""
    t = times(held_s + 8.0 * release_s)
    hz = midi_hz(midi)
    partials = (np.sin(2 * np.pi * hz * k * t) / k * np.exp(-t * k**0.5 / decay_s) for k in range(1, 16))
    envelope = np.minimum(t / 0.004, 1.0) * np.where(t > held_s, np.exp(-(t - held_s) / release_s), 1.0)
    return np.asarray(np.sum(list(partials), axis=0) * envelope)


def bass_line(notes: Sequence[tuple[float, float, float]], duration_s: float) -> Samples:
    """Notes given as onset and length in seconds and MIDI number."""
    total = np.zeros(round(duration_s * RATE_HZ))
    for onset_s, held_s, midi in notes:
        sound = bass_note(midi, held_s)
        start = round(onset_s * RATE_HZ)
        length = min(sound.size, total.size - start)
        total[start : start + length] += sound[:length]
    return total


def reverberated(sound: Samples, decay_s: float, wet_db: float) -> Samples:
    """The sound with exponentially decaying noise as its room: -60 dB after `decay_s`."""
    from scipy.signal import fftconvolve

    length = round(decay_s * RATE_HZ)
    tail = np.random.default_rng(5).normal(size=length) * 10.0 ** (-3.0 * np.arange(length) / length)
    wet = fftconvolve(sound, tail / np.sqrt((tail**2).sum()))[: sound.size]
    return np.asarray(sound + wet * 10.0 ** (wet_db / 20.0))
