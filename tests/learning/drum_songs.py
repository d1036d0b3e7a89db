"""Drum parts of our own making with exact truth: random patterns, rooms, bleed and separation artefacts.

What the drum classifier is trained on belongs here; its sounds are in `tests.learning.drum_kits`, how it is trained
in `tests.learning.drums`. No style of a judged corpus is among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.drums_synthesis import CLASS_OF, Random, Samples
from tests.learning.drum_kits import RATE_HZ, Bank, Kit

CLASSES = ("kick", "snare", "hihat", "tom", "cymbal")


@dataclass(frozen=True)
class DrumSong:
    """A drum part.

    Attributes:
        samples: at `RATE_HZ`, shape (n,).
        hits: (time in seconds, class or perc, velocity), ascending.
        kit: where its sounds come from.
    """

    samples: NDArray[np.float32]
    hits: list[tuple[float, str, float]]
    kit: str


def make_song(seed: int, bank: Bank) -> DrumSong:
    """One drum part of 18 to 40 s; a seed fixes everything."""
    rng = np.random.default_rng([seed, 20261122])
    kit = Kit(rng, bank)
    duration_s = float(rng.uniform(18.0, 40.0))
    strokes = _strokes(rng, duration_s) if rng.random() > 0.05 else []
    drums = _mixed(rng, kit, strokes, duration_s)
    drums = _bent(rng, drums)
    hits = sorted((t, CLASS_OF["tom" if p.startswith("tom") else p], v) for t, p, v in strokes)
    samples = _recorded(rng, drums, bank)
    gain = 10.0 ** (rng.uniform(-24.0, -1.0) / 20.0) / (np.abs(samples).max() + 1e-9)
    return DrumSong(np.asarray(samples * gain, np.float32), hits, kit.name)


def _strokes(rng: Random, duration_s: float) -> list[tuple[float, str, float]]:
    """Time, piece and velocity of each stroke: two or three sections of a repeated, varied bar."""
    beats = int(rng.choice([4, 4, 4, 4, 3, 2]))
    steps = int(rng.choice([4, 4, 4, 6, 3]))
    beat_s = 60.0 / rng.uniform(62.0, 178.0)
    swing = float(rng.choice([0.5, 0.5, rng.uniform(0.5, 0.68)]))
    human_s = float(rng.choice([0.0, rng.uniform(0.001, 0.012)]))
    chosen = _instrumentation(rng)
    size = beats * steps
    out: list[tuple[float, str, float]] = []
    now, bar, pattern = float(rng.uniform(0.1, 1.5)), 0, {}
    section = int(rng.choice([2, 4, 4, 8]))
    while now < duration_s - 1.0:
        if bar % section == 0:
            pattern = {piece: _pattern(rng, piece, beats, steps) for piece in chosen if rng.random() < 0.85}
        fill = bar % section == section - 1 and rng.random() < 0.5
        events = [
            (k, p, v) for p, line in pattern.items() for k, v in enumerate(line) if v > 0.0 and rng.random() < 0.96
        ]
        if fill:
            start = size - int(rng.choice([steps, 2 * steps, max(1, steps // 2)]))
            toms = [p for p in chosen if p.startswith("tom")] + (["snare"] if "snare" in chosen else [])
            events = [e for e in events if e[0] < start or e[1] == "kick"]
            if toms:
                line = np.sort(rng.integers(0, len(toms), max(1, size - start)))
                events += [
                    (start + i, toms[int(j)], rng.uniform(0.5, 1.0)) for i, j in enumerate(line) if rng.random() < 0.85
                ]
        if bar % section == 0 and "crash" in chosen and rng.random() < 0.7:
            events = [e for e in events if not (e[0] == 0 and e[1] in ("closed", "open", "ride", "pedal"))]
            events.append((0, "crash", rng.uniform(0.7, 1.0)))
        if rng.random() < 0.1 and chosen:
            events += [(int(rng.integers(size)), str(rng.choice(chosen)), rng.uniform(0.3, 1.0)) for _ in range(2)]
        once = {(k, p): v for k, p, v in events}
        for (k, p), v in once.items():
            place = _swung(k / steps, swing)
            t = now + place * beat_s + float(np.clip(rng.normal(0.0, human_s), -0.025, 0.025))
            out.append((max(0.02, t), p, float(np.clip(v + rng.normal(0.0, 0.06), 0.08, 1.0))))
            if p == "closed" and rng.random() < 0.02:
                out += [(t + j * beat_s / (2 * steps), p, v * 0.7) for j in range(1, 3)]
            if p == "snare" and rng.random() < 0.02:
                out.append((max(0.02, t - 0.035), p, 0.3 * v))
        now += beats * beat_s * rng.normal(1.0, 0.004)
        bar += 1
    return sorted(s for s in out if s[0] < duration_s - 0.3)


def _swung(place: float, swing: float) -> float:
    beat, part = divmod(place, 1.0)
    return beat + (part * 2.0 * swing if part < 0.5 else swing + (part - 0.5) * 2.0 * (1.0 - swing))


def _instrumentation(rng: Random) -> list[str]:
    """Which pieces a song has; each class is absent from some."""
    chosen = [
        p for p, share in (("kick", 0.86), ("snare", 0.68), ("clap", 0.2), ("side_stick", 0.22)) if rng.random() < share
    ]
    chosen += [
        p for p, share in (("closed", 0.68), ("pedal", 0.27), ("open", 0.35), ("ride", 0.42)) if rng.random() < share
    ]
    chosen += ["crash"] if rng.random() < 0.45 else []
    chosen += [f"tom{k}" for k in range(int(rng.choice([0, 0, 1, 2, 3])))]
    chosen += [p for p in ("shaker", "tambourine", "block") if rng.random() < 0.2]
    return chosen or ["kick", "snare"]


def _pattern(rng: Random, piece: str, beats: int, steps: int) -> NDArray[np.float64]:
    """Velocity of each step of a bar, 0 for none."""
    size = beats * steps
    k = np.arange(size)
    on_beat, eighth = k % steps == 0, k % max(1, steps // 2) == 0
    loud = rng.uniform(0.65, 1.0)
    if piece in ("closed", "ride", "shaker", "tambourine", "pedal", "open"):
        sparse = piece in ("pedal", "open")
        kinds = [on_beat, eighth, k >= 0, eighth & ~on_beat, rng.random(size) < 0.4, on_beat & (k // steps % 2 == 1)]
        weights = [0.2, 0.05, 0.0, 0.3, 0.25, 0.2] if sparse else [0.12, 0.38, 0.25, 0.07, 0.13, 0.05]
        chosen = kinds[int(rng.choice(len(kinds), p=weights))]
        accent = np.where(on_beat, loud, loud * rng.uniform(0.4, 1.0))
        return np.where(chosen & (rng.random(size) < rng.uniform(0.8, 1.0)), accent, 0.0)
    if piece in ("snare", "clap", "side_stick") and rng.random() < 0.75:
        line = np.where(on_beat & (k // steps % 2 == (1 if beats != 3 else rng.integers(0, 2))), loud, 0.0)
        if piece == "snare" and rng.random() < 0.45:
            ghosts = (rng.random(size) < rng.uniform(0.08, 0.4)) & (line == 0.0)
            line[ghosts] = rng.uniform(0.12, 0.4, int(ghosts.sum()))
        return line
    density = rng.uniform(0.15, 1.0)
    if piece == "crash":
        return np.where(on_beat & (rng.random(size) < (0.9 if rng.random() < 0.2 else 0.02)), loud, 0.0)
    if piece.startswith("tom"):
        density *= 0.3 if rng.random() < 0.7 else 0.8
    if piece == "kick" and rng.random() < 0.3:
        return np.where(on_beat, loud, 0.0)
    weight = np.where(k == 0, 0.95, np.where(on_beat, 0.55, np.where(eighth, 0.3, 0.12))) * density
    return np.where(rng.random(size) < weight, loud * rng.uniform(0.6, 1.0, size), 0.0)


def _mixed(rng: Random, kit: Kit, strokes: list[tuple[float, str, float]], duration_s: float) -> Samples:
    """Add the strokes up; a stroke of the hi-hat stops an open one."""
    from scipy.fft import next_fast_len

    total = np.zeros(next_fast_len(int(duration_s * RATE_HZ), real=True))
    hats = np.array([t for t, p, _ in strokes if p in ("closed", "pedal", "open")])
    for t, piece, velocity in strokes:
        sound = kit.sound(piece, velocity)
        if piece == "open" and (later := hats[hats > t + 0.02]).size:
            keep = int((later[0] - t) * RATE_HZ)
            sound = sound[: keep + 300] * np.clip(
                (keep + 300 - np.arange(min(sound.size, keep + 300))) / 300.0, 0.0, 1.0
            )
        start = int(t * RATE_HZ)
        end = min(total.size, start + sound.size)
        total[start:end] += sound[: end - start]
    return total


def _bent(rng: Random, drums: Samples) -> Samples:
    """What a mixer does: equaliser, saturation, room."""
    if rng.random() < 0.6:
        drums = _equalised(rng, drums)
    if rng.random() < 0.35:
        level = np.percentile(np.abs(drums), 99.5) + 1e-9
        drums = np.tanh(drums / level * rng.uniform(0.3, 2.0))
    if rng.random() < 0.6:
        drums = _roomy(rng, drums)
    return drums


def _equalised(rng: Random, sound: Samples) -> Samples:
    """A random smooth curve over the octaves, and at times a high or low pass."""
    spectrum = np.fft.rfft(sound)
    octave = np.log2(np.maximum(np.fft.rfftfreq(sound.size, 1.0 / RATE_HZ), 20.0) / 20.0)
    gain_db = np.interp(octave, np.linspace(0.0, 9.2, 8), np.cumsum(rng.normal(0.0, 2.2, 8)))
    if rng.random() < 0.15:
        gain_db -= 24.0 * np.maximum(octave - rng.uniform(7.6, 9.0), 0.0)
    if rng.random() < 0.15:
        gain_db -= 18.0 * np.maximum(rng.uniform(1.0, 2.6) - octave, 0.0)
    return np.fft.irfft(spectrum * 10.0 ** (gain_db / 20.0), sound.size)


def _roomy(rng: Random, sound: Samples) -> Samples:
    from scipy.signal import fftconvolve

    rt = float(np.exp(rng.uniform(np.log(0.12), np.log(1.6))))
    n = np.arange(int(rt * RATE_HZ))
    response = rng.normal(size=n.size) * 10.0 ** (-3.0 * n / (rt * RATE_HZ))
    response = np.convolve(response, np.ones(int(rng.integers(1, 6))))
    response /= np.sqrt((response**2).sum())
    delay = int(rng.uniform(0.0, 0.03) * RATE_HZ)
    wet = fftconvolve(sound, response)[: sound.size - delay]
    out = sound.copy()
    out[delay:] += wet * 10.0 ** (rng.uniform(-28.0, -9.0) / 20.0)
    return out


def _recorded(rng: Random, drums: Samples, bank: Bank) -> Samples:
    """The stem as it is found: clean, with leakage, or cut out of a mix by an imperfect mask; and noise."""
    if not drums.any():
        rest = _accompaniment(rng, drums.size, bank) if rng.random() < 0.6 else np.zeros(drums.size)
        hiss = rng.normal(size=drums.size) * 10.0 ** (rng.uniform(-60.0, 0.0) / 20.0)
        return np.asarray(rest + hiss * max(_rms(rest), 1e-3))
    kind = rng.random()
    if kind > 0.4:
        rest = _accompaniment(rng, drums.size, bank)
        rest *= _rms(drums) / (_rms(rest) + 1e-9) * 10.0 ** (rng.normal(0.0, 4.0) / 20.0)
        drums = (
            drums + rest * 10.0 ** (rng.uniform(-40.0, -18.0) / 20.0) if kind < 0.5 else _separated(rng, drums, rest)
        )
    if rng.random() < 0.5:
        noise = rng.normal(size=drums.size)
        noise = np.convolve(noise, np.ones(int(rng.integers(1, 5))))[: drums.size]
        drums = drums + noise / _rms(noise) * _rms(drums) * 10.0 ** (rng.uniform(-70.0, -28.0) / 20.0)
    return drums


def _rms(sound: Samples) -> float:
    return float(np.sqrt(np.mean(sound**2))) + 1e-12


def _accompaniment(rng: Random, size: int, bank: Bank) -> Samples:
    """Notes and chords of a few programs at random times, and a voice of noise-shaped pulses at times."""
    total = np.zeros(size)
    for _ in range(int(rng.integers(1, 4))):
        part = bank.notes[int(rng.integers(len(bank.notes)))]
        step_s = float(rng.choice([0.12, 0.25, 0.5, 1.0])) * rng.uniform(0.8, 1.2)
        polyphony = int(rng.choice([1, 1, 3]))
        for t in np.arange(rng.uniform(0.0, 1.0), size / RATE_HZ - 0.5, step_s):
            if rng.random() < 0.75:
                for _ in range(polyphony):
                    note = part[int(rng.integers(len(part)))]
                    ratio = 2.0 ** (rng.integers(-6, 7) / 12.0)
                    note = np.interp(np.arange(int(note.size / ratio)) * ratio, np.arange(note.size), note)
                    start = int(t * RATE_HZ)
                    end = min(size, start + note.size)
                    total[start:end] += note[: end - start] * rng.uniform(0.4, 1.0)
    if rng.random() < 0.4:
        hz = 110.0 * 2.0 ** np.repeat(rng.uniform(0.0, 2.0, size // 6000 + 1), 6000)[:size]
        pulses = np.diff(np.floor(np.cumsum(hz) / RATE_HZ), prepend=0.0)
        breath = rng.normal(0.0, 0.3, size) * (np.repeat(rng.random(size // 4000 + 1), 4000)[:size] < 0.15)
        voice = _equalised(rng, np.convolve(pulses, np.hanning(9))[:size] + breath)
        total += voice / _rms(voice) * _rms(total) * rng.uniform(0.3, 1.5)
    return total


def _separated(rng: Random, drums: Samples, rest: Samples) -> Samples:
    """A blurred, noisy ratio mask on the mixture, as source separation leaves it behind."""
    from scipy.ndimage import uniform_filter
    from scipy.signal import istft, stft

    size = int(rng.choice([512, 1024, 2048, 2048, 4096]))
    overlap = size - size // 4
    mixed = stft(drums + rest, nperseg=size, noverlap=overlap)[2]
    power = rng.uniform(1.0, 2.0)
    wanted, other = (np.abs(stft(x, nperseg=size, noverlap=overlap)[2]) ** power for x in (drums, rest))
    mask = uniform_filter(wanted / (wanted + other + 1e-9), size=(int(rng.integers(1, 6)), int(rng.integers(1, 5))))
    cell = (int(rng.integers(4, 20)), int(rng.integers(2, 12)))
    shape = (mask.shape[0] // cell[0] + 1, mask.shape[1] // cell[1] + 1)
    error = np.repeat(np.repeat(np.exp(rng.normal(0.0, rng.uniform(0.0, 0.6), shape)), cell[0], 0), cell[1], 1)
    error = uniform_filter(error[: mask.shape[0], : mask.shape[1]], size=(5, 3))
    floor = rng.uniform(0.0, 0.07)
    mask = np.clip(mask * error, 0.0, 1.0) * (1.0 - floor) + floor
    return np.asarray(istft(mixed * mask, nperseg=size, noverlap=overlap)[1][: drums.size])
