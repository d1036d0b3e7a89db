"""What recording, mastering, copying and separating do to sound: the roughness of records for training songs.

One effect a function and chains of them belong here; what is played does not. Signals are mono float32 at `RATE_HZ`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tests.learning.synthesis import RATE_HZ

Rng = np.random.Generator
Samples = NDArray[np.float32]


def mastered(rng: Rng, samples: Samples) -> Samples:
    """A mix as it leaves the studio: equaliser, compressor, saturation and limiter, each at random."""
    for effect, odds in ((equalised, 0.8), (compressed, 0.7), (saturated, 0.4), (limited, 0.6)):
        if rng.random() < odds:
            samples = effect(rng, samples)
    return _levelled(samples, float(rng.uniform(0.05, 0.2)))


def worn(rng: Rng, samples: Samples) -> Samples:
    """A record as it reaches a listener: at most two of tape, vinyl, room, crowd, a small loudspeaker, coding."""
    effects: list[Callable[[Rng, Samples], Samples]] = [taped, scratched, in_a_room, with_crowd, narrow_band, coded]
    for k in rng.permutation(len(effects))[: int(rng.choice([0, 1, 2], p=[0.4, 0.4, 0.2]))]:
        samples = effects[k](rng, samples)
    return samples


def equalised(rng: Rng, samples: Samples) -> Samples:
    """A smooth random curve with a spread of 4 dB an octave."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(samples.size, real=True)
    hz = np.fft.rfftfreq(size, 1.0 / RATE_HZ)
    knots = np.log2([30, 60, 120, 250, 500, 1000, 2000, 4000, 11025])
    curve = np.interp(np.log2(np.maximum(hz, 30.0)), knots, rng.normal(0.0, 4.0, knots.size))
    return np.asarray(irfft(rfft(samples, size) * 10.0 ** (curve / 20.0), size)[: samples.size], np.float32)


def compressed(rng: Rng, samples: Samples) -> Samples:
    """Gain that follows the level at ratios of 2 to 8, as on a bus; slow releases pump."""
    level_db = _envelope_db(samples, float(rng.uniform(0.003, 0.03)), float(rng.uniform(0.05, 0.5)))
    threshold = float(np.percentile(level_db, rng.uniform(30, 80)))
    ratio = float(rng.uniform(2.0, 8.0))
    gain = -np.maximum(level_db - threshold, 0.0) * (1.0 - 1.0 / ratio)
    return np.asarray(samples * 10.0 ** (gain / 20.0), np.float32)


def saturated(rng: Rng, samples: Samples) -> Samples:
    """A valve's or tape's soft clipping, biased at random."""
    drive = float(np.exp(rng.uniform(np.log(0.5), np.log(6.0)))) / (4.0 * _rms(samples))
    bias = float(rng.uniform(0.0, 0.3))
    wave = np.tanh(drive * samples + bias) - np.tanh(bias)
    return _levelled(np.asarray(wave - wave.mean(), np.float32), _rms(samples))


def overdriven(rng: Rng, samples: Samples) -> Samples:
    """A guitar amplifier driven hard, and its cabinet's band: chords become sums and differences of their tones."""
    drive = float(np.exp(rng.uniform(np.log(2.0), np.log(30.0)))) / _rms(samples)
    wave = np.tanh(drive * samples + rng.uniform(0.0, 0.3))
    band = _low_passed(wave - wave.mean(), float(rng.uniform(3500.0, 6000.0)))
    return _levelled(np.asarray(band - _low_passed(band, 70.0), np.float32), _rms(samples))


def limited(rng: Rng, samples: Samples) -> Samples:
    """A limiter that takes 3 to 12 dB off the peaks, as loud masters have."""
    ceiling = float(np.abs(samples).max()) * 10.0 ** (-rng.uniform(3.0, 12.0) / 20.0) + 1e-9
    envelope_db = _envelope_db(samples, 0.0005, float(rng.uniform(0.02, 0.15)), peak=True)
    over = np.maximum(envelope_db - 20.0 * np.log10(ceiling), 0.0)
    return np.asarray(np.clip(samples * 10.0 ** (-over / 20.0), -ceiling, ceiling), np.float32)


def in_a_room(rng: Rng, samples: Samples) -> Samples:
    """A diffuse tail of .2 to 2.5 s that darkens as it decays, with early reflections, or without as of a plate."""
    from scipy.signal import fftconvolve, lfilter

    decay_s = float(np.exp(rng.uniform(np.log(0.2), np.log(2.5))))
    t = np.arange(round(min(decay_s, 1.8) * RATE_HZ)) / RATE_HZ
    tail = lfilter([1.0], [1.0, -float(rng.uniform(0.2, 0.85))], rng.normal(0.0, 1.0, t.size)) * np.exp(
        -6.9 * t / decay_s
    )
    if rng.random() < 0.6:
        for _ in range(6):
            tail[int(rng.uniform(0.004, 0.06) * RATE_HZ)] += rng.normal(0.0, 6.0)
    tail /= np.sqrt(np.sum(tail**2))
    wet = fftconvolve(samples, tail)[: samples.size]
    return _levelled(np.asarray(samples + rng.uniform(0.1, 0.8) * wet, np.float32), _rms(samples))


def taped(rng: Rng, samples: Samples) -> Samples:
    """A cassette: wow and flutter of up to .3 %, hiss, dull highs and saturation."""
    n = samples.size
    t = np.arange(n) / RATE_HZ
    wow = rng.uniform(0.0, 0.003) * np.sin(2 * np.pi * rng.uniform(0.4, 1.5) * t + rng.uniform(0, 6.3))
    flutter = rng.uniform(0.0, 0.0008) * np.sin(2 * np.pi * rng.uniform(5.0, 11.0) * t)
    # Wow moves nothing for long: its integral stays within a millisecond.
    place = np.arange(n) + np.cumsum(wow + flutter)
    out = np.interp(place, np.arange(n), samples)
    out = _low_passed(out, float(rng.uniform(5000.0, 10000.0)))
    hiss = rng.normal(0.0, _rms(samples) * 10.0 ** (-rng.uniform(30.0, 50.0) / 20.0), n)
    return saturated(rng, np.asarray(out + hiss, np.float32))


def scratched(rng: Rng, samples: Samples) -> Samples:
    """Vinyl: rumble, surface noise and clicks."""
    n = samples.size
    noise = rng.normal(0.0, 1.0, n) * _rms(samples) * 10.0 ** (-rng.uniform(25.0, 45.0) / 20.0)
    clicks = np.zeros(n)
    for place in rng.integers(0, n, int(rng.uniform(0.5, 8.0) * n / RATE_HZ)):
        clicks[place : place + 8] += rng.normal(0.0, 3.0 * _rms(samples))
    rumble = _low_passed(rng.normal(0.0, 1.0, n), 40.0)
    rumble *= _rms(samples) * 0.1 / (_rms(rumble) + 1e-12)
    return np.asarray(samples + noise + clicks + rumble, np.float32)


def with_crowd(rng: Rng, samples: Samples) -> Samples:
    """A hall's audience: noise of the voice's bands that swells, and some claps out of time."""
    n = samples.size
    seconds = np.arange(n // RATE_HZ + 2)
    swell = np.interp(np.arange(n) / RATE_HZ, seconds, rng.uniform(0.2, 1.0, seconds.size))
    noise = _low_passed(rng.normal(0.0, 1.0, n), 3000.0) * swell
    noise *= _rms(samples) * 10.0 ** (-rng.uniform(15.0, 30.0) / 20.0) / (_rms(noise) + 1e-12)
    return in_a_room(rng, np.asarray(samples + noise, np.float32))


def narrow_band(rng: Rng, samples: Samples) -> Samples:
    """A telephone's or old radio's band."""
    low = _low_passed(samples, float(rng.uniform(120.0, 350.0)))
    return _levelled(
        np.asarray(_low_passed(samples - low, float(rng.uniform(2800.0, 5500.0))), np.float32), _rms(samples)
    )


def coded(rng: Rng, samples: Samples) -> Samples:
    """MP3 or AAC at a low rate and back; samples stay in step within a frame's rounding."""
    rate = int(rng.choice([32, 48, 64, 96]))
    codec, container = ("libmp3lame", "mp3") if rng.random() < 0.6 else ("aac", "adts")
    raw = ["-f", "f32le", "-ar", str(RATE_HZ), "-ac", "1"]
    encode = ["ffmpeg", "-v", "error", *raw, "-i", "-", "-c:a", codec, "-b:a", f"{rate}k", "-f", container, "-"]
    decode = ["ffmpeg", "-v", "error", "-f", "mp3" if container == "mp3" else "aac", "-i", "-", *raw, "-"]
    stream = subprocess.run(encode, input=samples.astype("<f4").tobytes(), capture_output=True, check=True).stdout
    out = np.frombuffer(subprocess.run(decode, input=stream, capture_output=True, check=True).stdout, "<f4")
    # Coders pad the start; the best of the usual delays puts it back.
    size = min(samples.size, out.size) - 4096
    delays = range(0, 4096, 1)
    centre = slice(size // 3, size // 3 + 8192)
    best = max(delays, key=lambda d: float(np.dot(samples[centre], out[centre.start + d : centre.stop + d])))
    aligned = out[best:]
    return np.asarray(np.pad(aligned, (0, max(0, samples.size - aligned.size)))[: samples.size], np.float32)


def bled(rng: Rng, stem: Samples, others: Samples) -> Samples:
    """A stem as a separator gives it: some of the others, levels that waver and holes in time and frequency."""
    from scipy.signal import istft, stft

    _, _, own = stft(stem, RATE_HZ, nperseg=1024)
    _, _, rest = stft(others, RATE_HZ, nperseg=1024)
    bands, frames = own.shape
    knots = (bands // 16 + 2, frames // 6 + 2)
    waver = rng.normal(0.0, 0.35, knots).repeat(16, axis=0)[:bands].repeat(6, axis=1)[:, :frames]
    mixed = own * np.minimum(np.exp(waver), 1.2) + rest * (rng.uniform(0.02, 0.15) * np.exp(waver[::-1]))
    return np.asarray(istft(mixed, RATE_HZ, nperseg=1024)[1][: stem.size], np.float32)


def _envelope_db(samples: Samples, attack_s: float, release_s: float, *, peak: bool = False) -> NDArray[np.float64]:
    """Level in dB, at full rate, in blocks of 32 samples with an attack and a release."""
    block = 32
    count = samples.size // block + 1
    padded = np.pad(samples, (0, count * block - samples.size)).reshape(count, block)
    power = np.abs(padded).max(axis=1) if peak else np.sqrt(np.mean(padded**2, axis=1))
    up, down = (np.exp(-block / RATE_HZ / t) for t in (attack_s, release_s))
    smooth = np.empty(count)
    state = 0.0
    for k, value in enumerate(power.tolist()):
        weight = up if value > state else down
        state = weight * state + (1.0 - weight) * value
        smooth[k] = state
    level = 20.0 * np.log10(smooth + 1e-6)
    return np.asarray(np.interp(np.arange(samples.size), np.arange(count) * block, level))


def _low_passed(samples: NDArray[np.floating], hz: float) -> NDArray[np.float64]:
    from scipy.signal import butter, sosfilt

    return np.asarray(sosfilt(butter(4, min(hz, 0.49 * RATE_HZ), fs=RATE_HZ, output="sos"), samples))


def _rms(samples: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) + 1e-9


def _levelled(samples: Samples, rms: float) -> Samples:
    return np.asarray(samples * (rms / _rms(samples)), np.float32)
