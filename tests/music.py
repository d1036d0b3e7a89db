"""Synthetic music with exactly known tempo, key, hits, notes, vibrato and formants.

Generators of musical truth belong here; plain signals and files are in `tests.signals`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.record import Measurement

RATE_HZ = 44100
SHARE: Measurement[float] = Measurement.of(0.25, method="given")
TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

Samples = NDArray[np.float64]


def view_of(*channels: NDArray[np.floating], rate_hz: int = RATE_HZ) -> AudioView:
    """View of a signal of the given channels."""
    return AudioView(Signal(np.asarray(np.stack(channels), np.float32), rate_hz))


def scaled(samples: NDArray[np.floating], peak: float = 0.5) -> FloatArray:
    """The samples as float32 with the given peak."""
    return np.asarray(samples * (peak / np.abs(samples).max()), np.float32)


def midi_hz(midi: float) -> float:
    """Frequency of a MIDI note on A4 = 440 Hz."""
    return float(440.0 * 2.0 ** ((midi - 69.0) / 12.0))


def times(duration_s: float) -> Samples:
    """Sample times from 0."""
    return np.arange(round(duration_s * RATE_HZ)) / RATE_HZ


def noise(duration_s: float, *, seed: int = 0, level: float = 0.1) -> Samples:
    """White Gaussian noise."""
    return np.random.default_rng(seed).normal(0.0, level, round(duration_s * RATE_HZ))


def place(sound: Samples, onsets_s: Sequence[float] | Samples, duration_s: float) -> Samples:
    """Mix copies of a sound at the given times."""
    total = np.zeros(round(duration_s * RATE_HZ) + sound.size)
    for onset_s in onsets_s:
        start = round(float(onset_s) * RATE_HZ)
        total[start : start + sound.size] += sound
    return total[: round(duration_s * RATE_HZ)]


def beat_times(bpm: float, duration_s: float, *, start_s: float = 0.5) -> Samples:
    """Times of the beats of a metronome."""
    return np.arange(start_s, duration_s - 0.2, 60.0 / bpm)


def click_track(bpm: float, duration_s: float) -> Samples:
    """A metronome: 20 ms clicks on every beat over a little noise."""
    t = times(0.02)
    click = np.sin(2 * np.pi * 1500.0 * t) * np.exp(-t / 0.004)
    return place(click, beat_times(bpm, duration_s), duration_s) + noise(duration_s, level=1e-4)


def tone(hz: float, duration_s: float, *, harmonics: int = 6) -> Samples:
    """A plucked tone: harmonics of amplitude 1/k with 10 ms attack and slow decay."""
    t = times(duration_s)
    partials = (np.sin(2 * np.pi * hz * k * t) / k for k in range(1, harmonics + 1) if hz * k < 10_000)
    wave = np.sum(list(partials), axis=0)
    return np.asarray(wave * np.minimum(t / 0.01, 1.0) * np.minimum((duration_s - t) / 0.02, 1.0) * np.exp(-t))


def triad(label: str, duration_s: float, *, cents: float = 0.0) -> Samples:
    """A close triad in Harte syntax with its root doubled an octave below."""
    root, mode = label.split(":")
    base = 60 + TONICS.index(root)
    notes = (base - 12, base, base + (4 if mode == "maj" else 3), base + 7)
    return np.asarray(np.sum([tone(midi_hz(note + cents / 100), duration_s) for note in notes], axis=0))


def progression(labels: Sequence[str], each_s: float, *, cents: float = 0.0) -> Samples:
    """Triads one after the other."""
    return np.concatenate([triad(label, each_s, cents=cents) for label in labels])


def cadence(tonic: str, mode: str) -> list[str]:
    """I IV V I, or i iv V i in minor, in a key."""
    root = TONICS.index(tonic)
    one = f"{tonic}:{'maj' if mode == 'major' else 'min'}"
    four = f"{TONICS[(root + 5) % 12]}:{'maj' if mode == 'major' else 'min'}"
    five = f"{TONICS[(root + 7) % 12]}:maj"
    return [one, four, five, one]


def kick() -> Samples:
    """A bass drum: a sine that falls from 120 to 50 Hz."""
    t = times(0.3)
    hz = 50.0 + 70.0 * np.exp(-t / 0.02)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) * np.exp(-t / 0.05) * (1.0 - t / 0.3))


def snare() -> Samples:
    """A snare: a 190 Hz body and a burst of noise up to 6 kHz."""
    from scipy.signal import butter, sosfilt

    t = times(0.2)
    wires = sosfilt(butter(4, (400, 6000), "bandpass", fs=RATE_HZ, output="sos"), noise(0.2, seed=3, level=0.5))
    body = 0.7 * np.sin(2 * np.pi * 190.0 * t) * np.exp(-t / 0.05)
    return np.asarray((body + wires * np.exp(-t / 0.06)) * (1.0 - t / 0.2))


def hihat() -> Samples:
    """A closed hi-hat: a short burst of noise above 7 kHz."""
    from scipy.signal import butter, sosfilt

    t = times(0.06)
    burst = sosfilt(butter(6, 7000, "highpass", fs=RATE_HZ, output="sos"), noise(0.06, seed=4, level=0.4))
    return np.asarray(burst * np.exp(-t / 0.02) * (1.0 - t / 0.06))


def vibrato_tone(hz: float, rate_hz: float, extent_cents: float, duration_s: float) -> Samples:
    """Ten harmonics whose pitch swings by +- extent_cents."""
    t = times(duration_s)
    f0 = hz * 2.0 ** (extent_cents / 1200.0 * np.sin(2 * np.pi * rate_hz * t))
    phase = 2 * np.pi * np.cumsum(f0) / RATE_HZ
    return np.asarray(np.sum([np.sin(k * phase) / k for k in range(1, 11)], axis=0))


def vowel(f0_hz: float, formants_hz: Sequence[float], duration_s: float) -> Samples:
    """A glottal pulse train (12 dB an octave) through resonators of 80 Hz bandwidth and the lips."""
    from scipy.signal import lfilter

    pulses = np.zeros(round(duration_s * RATE_HZ))
    pulses[np.round(np.arange(0, duration_s, 1.0 / f0_hz)[:-1] * RATE_HZ).astype(int)] = 1.0
    pole = np.exp(-2 * np.pi * 100.0 / RATE_HZ)
    voice = lfilter([1.0, -1.0], [1.0, -2 * pole, pole**2], pulses)
    for hz in formants_hz:
        radius = np.exp(-np.pi * 80.0 / RATE_HZ)
        voice = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * hz / RATE_HZ), radius**2], voice)
    return np.asarray(voice)
