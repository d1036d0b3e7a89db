"""A small source-filter voice whose pitch, formants, vibrato, jitter, shimmer and noise are known.

The voice and the views of it belong here; expectations do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.audio.signal import FloatArray, Signal

RATE_HZ = 44100
HIGHER_FORMANTS_HZ = (3600.0, 4600.0)

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """A synthetic voice and what is true of it.

    Attributes:
        samples: peak 0.5, shape (n_samples,).
        jitter_local: mean difference of neighbouring periods, from closure to closure of the glottis, over their mean.
        shimmer_local: likewise of the pulses' amplitudes.
    """

    samples: Samples
    jitter_local: float
    shimmer_local: float


def held(hz: float, duration_s: float) -> Samples:
    """A pitch that does not move, at every sample."""
    return np.full(round(duration_s * RATE_HZ), hz)


def with_vibrato(hz: float, rate_hz: float, extent_cents: float, duration_s: float) -> Samples:
    """A pitch that swings by +- `extent_cents`."""
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return np.asarray(hz * 2.0 ** (extent_cents / 1200.0 * np.sin(2 * np.pi * rate_hz * t)))


def gliding(duration_s: float, *, seed: int = 0) -> Samples:
    """The pitch of speech: it falls and rises by several semitones with every syllable, five of them a second."""
    rng = np.random.default_rng(seed)
    knots = np.arange(0.0, duration_s + 0.2, 0.1)
    semitones = rng.uniform(2.0, 5.0, knots.size) * np.where(np.arange(knots.size) % 2, 1.0, -1.0)
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return np.asarray(150.0 * 2.0 ** (np.interp(t, knots, semitones) / 12.0))


def sing(
    f0_hz: Samples,
    formants_hz: Sequence[float] = (650.0, 1100.0, 2500.0),
    *,
    jitter: float = 0.0,
    shimmer: float = 0.0,
    hnr_db: float = 60.0,
    seed: int = 0,
) -> Voice:
    """Rosenberg pulses (JASA 49, 1971) with noise, through resonators and the lips.

    Args:
        f0_hz: pitch at every sample.
        formants_hz: of the vowel; two more follow above.
        jitter: standard deviation of a period, as a part of it.
        shimmer: standard deviation of a pulse's amplitude, as a part of it.
        hnr_db: power of the pulses over that of the noise, at the glottis.
        seed: of jitter, shimmer and noise.
    """
    rng = np.random.default_rng(seed)
    flow = np.zeros(f0_hz.size)
    closures, amplitudes = [], []
    at = 0.0
    while True:
        period = RATE_HZ / f0_hz[int(at)] * (1.0 + jitter * rng.normal())
        if at + period >= f0_hz.size - 1:
            break
        amplitude = 1.0 + shimmer * rng.normal()
        n = np.arange(int(np.ceil(at)), int(np.ceil(at + 0.56 * period)))
        flow[n] += amplitude * _pulse((n - at) / period)
        closures.append(at + 0.56 * period)
        amplitudes.append(amplitude)
        at += period
    source = np.diff(flow, prepend=0.0)
    noise = rng.normal(0.0, 1.0, source.size)
    source += noise * (source.std() / noise.std() * 10.0 ** (-hnr_db / 20.0))
    samples = through_formants(source, (*formants_hz, *HIGHER_FORMANTS_HZ))
    return Voice(0.5 * samples / np.abs(samples).max(), _local(np.diff(closures)), _local(np.array(amplitudes)))


def _pulse(phase: Samples) -> Samples:
    """Glottal flow over a period: rises until 0.4 of it, closes at 0.56."""
    rising = 0.5 * (1.0 - np.cos(np.pi * phase / 0.4))
    falling = np.cos(0.5 * np.pi * (phase - 0.4) / 0.16)
    return np.asarray(np.where(phase < 0.4, rising, np.where(phase < 0.56, falling, 0.0)))


def _local(values: Samples) -> float:
    return float(np.abs(np.diff(values)).mean() / values.mean())


def through_formants(source: Samples, formants_hz: Sequence[float]) -> Samples:
    """The source through one resonator after the other, each 6 % wide and 60 Hz at least."""
    from scipy.signal import lfilter

    for hz in formants_hz:
        radius = np.exp(-np.pi * max(60.0, 0.06 * hz) / RATE_HZ)
        source = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * hz / RATE_HZ), radius**2], source)
    return np.asarray(source)


def faded(samples: Samples, fade_s: float = 0.02) -> Samples:
    """The samples with their ends faded."""
    ramp = np.minimum(1.0, np.arange(samples.size) / (fade_s * RATE_HZ))
    return np.asarray(samples * ramp * ramp[::-1])


def view_of(*channels: NDArray[np.floating], rate_hz: int = RATE_HZ) -> AudioView:
    """View of a signal of the given channels."""
    samples: FloatArray = np.asarray(np.stack(channels), np.float32)
    return AudioView(Signal(samples, rate_hz))
