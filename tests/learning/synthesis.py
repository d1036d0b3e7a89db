"""Sounds of our own for training songs: instruments from harmonics, a voice, a drum kit, rooms and equalisers.

Turning notes into samples belongs here; choosing the notes does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.learning.midi import Note

RATE_HZ = 22050

Rng = np.random.Generator
Samples = NDArray[np.float32]


def instrument(rng: Rng, notes: list[Note], cents: float) -> Samples:
    """Notes of one random timbre: harmonic amplitudes, decay, inharmonicity, unison voices and tremolo."""
    order = np.arange(1, 25)
    amplitude = order ** -rng.uniform(0.5, 2.2) * np.where(order % 2 == 0, rng.choice([1.0, 0.1, 0.5]), 1.0)
    amplitude *= np.exp(rng.normal(0, 0.4, order.size))
    struck = rng.random() < 0.5
    decay = rng.uniform(0.3, 3.0) if struck else 0.0
    brightness_decay = rng.uniform(0.0, 0.6) * struck
    inharmonic = float(rng.choice([0.0, 1e-4, 6e-4])) * struck
    attack_s = 0.004 if struck else float(rng.uniform(0.01, 0.15))
    unison = [0.0] if rng.random() < 0.6 else [-rng.uniform(2, 9), rng.uniform(2, 9)]
    out = np.zeros(round((max((n.end_s for n in notes), default=0.0) + 1.0) * RATE_HZ), np.float32)
    for note in notes:
        t = np.arange(round((note.end_s - note.start_s + 0.15) * RATE_HZ), dtype=np.float32) / np.float32(RATE_HZ)
        wave = np.zeros(t.size, np.float32)
        for detune in unison:
            hz = 440.0 * 2.0 ** ((note.midi - 69 + (cents + detune) / 100.0) / 12.0)
            for h in order[order * hz < 5500.0]:
                partial = np.float32(2 * np.pi * hz * h * np.sqrt(1 + inharmonic * h * h))
                phase = np.float32(rng.uniform(0, 6.28))
                fade = np.exp(-t * np.float32(decay * (1 + brightness_decay * h))) if struck else np.float32(1.0)
                wave += np.float32(amplitude[h - 1]) * np.sin(partial * t + phase) * fade
        length = note.end_s - note.start_s
        wave *= np.minimum(1.0, t / attack_s) * np.clip((length + 0.15 - t) / 0.15, 0.0, 1.0)
        start = round(note.start_s * RATE_HZ)
        out[start : start + wave.size] += wave[: out.size - start] * np.float32(note.velocity / 100.0)
    return out


def voice(rng: Rng, notes: list[Note], cents: float) -> Samples:
    """A line with glides and vibrato: harmonics under three moving formants."""
    n = round((max((x.end_s for x in notes), default=0.0) + 0.5) * RATE_HZ)
    midi, level = np.zeros(n), np.zeros(n)
    for note in notes:
        a, b = round(note.start_s * RATE_HZ), round(note.end_s * RATE_HZ)
        midi[a:] = note.midi
        level[a:b] = note.velocity / 100.0
    if not notes:
        return np.zeros(n, np.float32)
    midi[: round(notes[0].start_s * RATE_HZ) + 1] = notes[0].midi
    step = 50
    glide = _smooth(midi[::step], 0.03, RATE_HZ / step)
    swing = rng.uniform(0, 0.6) * np.sin(2 * np.pi * rng.uniform(4, 7) * np.arange(glide.size) * step / RATE_HZ)
    wander = _smooth(rng.normal(0, 1.0, glide.size), 0.2, RATE_HZ / step)
    slow = glide + swing + wander + cents / 100.0
    f0 = np.interp(np.arange(n), np.arange(slow.size) * step, 440.0 * 2.0 ** ((slow - 69) / 12))
    loud = np.interp(np.arange(n), np.arange(slow.size) * step, _smooth(level[::step], 0.02, RATE_HZ / step))
    phase = np.cumsum(2 * np.pi * f0 / RATE_HZ)
    vowel = np.cumsum(rng.random(slow.size) < 3.0 * step / RATE_HZ)
    formants = [rng.uniform(low, high, vowel[-1] + 1)[vowel] for low, high in ((300, 850), (900, 2200), (2300, 3200))]
    wave = np.zeros(n)
    for h in range(1, 25):
        hz = f0[::step][: slow.size] * h
        gain = sum(1.0 / (1.0 + ((hz - f) / w) ** 2) for f, w in zip(formants, (90, 130, 200), strict=True)) / h**0.5
        gain = np.where(hz < 5000.0, gain, 0.0)
        wave += np.interp(np.arange(n), np.arange(slow.size) * step, gain) * np.sin(h * phase)
    breath = rng.normal(0, 0.05 * rng.random(), n)
    return np.asarray((wave + breath) * loud, np.float32)


def drum_kit(rng: Rng, notes: list[Note]) -> Samples:
    """A kit of falling sines and noise bursts, tuned at random."""
    out = np.zeros(round((max((n.end_s for n in notes), default=0.0) + 1.0) * RATE_HZ), np.float32)
    sounds: dict[int, Samples] = {}
    for note in notes:
        if note.midi not in sounds:
            sounds[note.midi] = _drum(rng, note.midi)
        wave = sounds[note.midi]
        start = round(note.start_s * RATE_HZ)
        out[start : start + wave.size] += wave[: out.size - start] * np.float32(note.velocity / 100.0)
    return out


def _drum(rng: Rng, number: int) -> Samples:
    t = np.arange(round(0.6 * RATE_HZ)) / RATE_HZ
    if number in {36, 45, 48, 63}:
        base = {36: rng.uniform(38, 70), 45: rng.uniform(80, 130), 48: rng.uniform(120, 220), 63: rng.uniform(200, 400)}
        hz = base[number] * (1 + rng.uniform(0.5, 4) * np.exp(-t / rng.uniform(0.01, 0.04)))
        decay = rng.uniform(0.06, 0.3) if number == 36 else rng.uniform(0.05, 0.2)
        return np.asarray(1.5 * np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) * np.exp(-t / decay), np.float32)
    noise = rng.normal(0, 1, t.size)
    bright = np.diff(noise, prepend=0.0)
    decay = {38: rng.uniform(0.05, 0.15), 49: 0.4, 46: 0.2}.get(number, rng.uniform(0.02, 0.05))
    body = np.sin(2 * np.pi * rng.uniform(160, 240) * t) * np.exp(-t / 0.08) if number == 38 else 0.0
    return np.asarray(0.5 * ((noise if number == 38 else bright) * np.exp(-t / decay) + body), np.float32)


def coloured(rng: Rng, samples: Samples) -> Samples:
    """The samples through a random equaliser, often a room, sometimes saturation; RMS 0.1."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(samples.size + 2 * RATE_HZ)
    spectrum = rfft(np.asarray(samples, np.float32), size)
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    knots = np.log2([30, 60, 120, 250, 500, 1000, 2000, 4000, 11025])
    curve = np.interp(np.log2(np.maximum(hz, 30)), knots, rng.normal(0, 4.0, knots.size))
    spectrum *= 10.0 ** (curve / 20.0)
    if rng.random() < 0.5:
        t = np.arange(round(1.5 * RATE_HZ)) / RATE_HZ
        room = rng.normal(0, 1, t.size) * np.exp(-6.9 * t / rng.uniform(0.3, 2.0))
        room *= rng.uniform(0.1, 0.7) / np.sqrt(np.sum(room**2))
        room[0] += 1.0
        spectrum *= rfft(np.asarray(room, np.float32), size)
    wave = irfft(spectrum, size)[: samples.size]
    wave /= max(float(np.sqrt(np.mean(wave**2))), 1e-9)
    if rng.random() < 0.25:
        drive = rng.uniform(0.3, 2.5)
        wave = np.tanh(drive * wave) / drive
    return np.asarray(0.1 * wave / max(float(np.sqrt(np.mean(wave**2))), 1e-9), np.float32)


def _smooth(values: NDArray[np.float64], time_s: float, rate_hz: float) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(values, time_s * rate_hz, mode="nearest"))
