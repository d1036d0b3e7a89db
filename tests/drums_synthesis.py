"""Drum sounds of no particular kit: each drawn at random from wide ranges of pitch, decay, noise and resonance.

Single strokes belong here; patterns and songs are in `tests.learning.drum_songs`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
Random = np.random.Generator

NYQUIST_SHARE = 0.48


def kick(rng: Random, rate_hz: int) -> Samples:
    """A falling sine with a beater's click, from a tight acoustic drum to a long electronic one."""
    t = _time(rng.uniform(0.15, 0.9), rate_hz)
    hz = rng.uniform(35.0, 75.0) * (1.0 + _log(rng, 0.05, 7.0) * np.exp(-t / _log(rng, 0.004, 0.06)))
    body = np.sin(2.0 * np.pi * np.cumsum(hz) / rate_hz + rng.uniform(0.0, 1.5)) * np.exp(-t / _log(rng, 0.05, 0.45))
    if rng.random() < 0.4:
        body += rng.uniform(0.05, 0.4) * _modes(rng, t, rng.uniform(70.0, 220.0, 2), (0.02, 0.12))
    click = _noise(rng, t.size, rate_hz, _log(rng, 300.0, 3000.0), _log(rng, 3500.0, 10000.0))
    click *= np.exp(-t / _log(rng, 0.001, 0.02)) * _log(rng, 0.005, 0.5)
    return _driven(rng, body + click)


def snare(rng: Random, rate_hz: int) -> Samples:
    """A drum's modes under a burst of wires; sometimes hardly any of one of the two."""
    t = _time(rng.uniform(0.15, 0.7), rate_hz)
    modes = rng.uniform(130.0, 320.0) * np.array([1.0, rng.uniform(1.4, 1.9), rng.uniform(1.9, 2.9)])
    bend = 1.0 + rng.uniform(0.0, 0.5) * np.exp(-t / rng.uniform(0.005, 0.03))
    body = sum(
        rng.uniform(0.1, 1.0)
        * np.sin(2.0 * np.pi * hz * np.cumsum(bend) / rate_hz)
        * np.exp(-t / _log(rng, 0.02, 0.15))
        for hz in modes
    )
    wires = _noise(rng, t.size, rate_hz, _log(rng, 400.0, 3000.0), _log(rng, 5000.0, 11000.0))
    wires *= np.exp(-t / _log(rng, 0.03, 0.22)) + rng.uniform(0.0, 0.8) * np.exp(-t / 0.012)
    attack = 1.0 - rng.uniform(0.0, 1.0) * np.exp(-t / rng.uniform(0.001, 0.006))
    return _driven(rng, _normal(body) * _log(rng, 0.1, 1.0) + _normal(wires) * _log(rng, 0.2, 1.5) * attack)


def clap(rng: Random, rate_hz: int) -> Samples:
    """Three or four bursts of noise within 40 ms and a tail."""
    t = _time(rng.uniform(0.15, 0.5), rate_hz)
    burst = _noise(rng, t.size, rate_hz, _log(rng, 500.0, 1500.0), _log(rng, 2000.0, 8000.0))
    gap = rng.uniform(0.006, 0.015)
    count = int(rng.integers(2, 5))
    envelope = np.sum(
        [np.where(t >= k * gap, np.exp(-(t - k * gap) / rng.uniform(0.003, 0.01)), 0.0) for k in range(count)], axis=0
    )
    tail = np.where(t >= (count - 1) * gap, np.exp(-(t - (count - 1) * gap) / _log(rng, 0.03, 0.15)), 0.0)
    return _driven(rng, burst * (envelope + rng.uniform(0.2, 1.0) * tail))


def side_stick(rng: Random, rate_hz: int) -> Samples:
    """A few short wooden resonances."""
    t = _time(rng.uniform(0.05, 0.15), rate_hz)
    wood = _modes(rng, t, np.array([_log(rng, 350.0, 1200.0), _log(rng, 1200.0, 2600.0), _log(rng, 2000.0, 5000.0)]))
    click = _noise(rng, t.size, rate_hz, 1500.0, 9000.0) * np.exp(-t / _log(rng, 0.001, 0.008))
    return _normal(wood) + _log(rng, 0.05, 0.8) * _normal(click)


def closed_hihat(rng: Random, rate_hz: int) -> Samples:
    """Short bright metal or noise."""
    return _metal(rng, rate_hz, _log(rng, 0.012, 0.07), lowest_hz=_log(rng, 2500.0, 8000.0))


def pedal_hihat(rng: Random, rate_hz: int) -> Samples:
    """The foot closes it: softer in its attack."""
    sound = _metal(rng, rate_hz, _log(rng, 0.015, 0.09), lowest_hz=_log(rng, 1500.0, 6000.0))
    ramp = np.minimum(np.arange(sound.size) / (rng.uniform(0.002, 0.012) * rate_hz), 1.0)
    return _normal(sound * ramp)


def open_hihat(rng: Random, rate_hz: int) -> Samples:
    """The same metal, ringing."""
    return _metal(rng, rate_hz, _log(rng, 0.1, 0.6), lowest_hz=_log(rng, 2000.0, 8000.0))


def ride(rng: Random, rate_hz: int) -> Samples:
    """The ping of a stick over a quiet long wash."""
    wash = _metal(rng, rate_hz, _log(rng, 0.3, 1.5), lowest_hz=_log(rng, 700.0, 4000.0))
    t = np.arange(wash.size) / rate_hz
    ping = _modes(rng, t, rng.uniform(600.0, 6500.0, int(rng.integers(3, 9))), (0.05, 0.6))
    stick = _noise(rng, t.size, rate_hz, 2500.0, 9500.0) * np.exp(-t / _log(rng, 0.003, 0.015))
    return _normal(
        _normal(ping) * _log(rng, 0.2, 1.0) + wash * _log(rng, 0.1, 0.8) + _normal(stick) * _log(rng, 0.2, 1.0)
    )


def crash(rng: Random, rate_hz: int) -> Samples:
    """A long broad wash that opens within some milliseconds."""
    wash = _metal(rng, rate_hz, _log(rng, 0.35, 1.8), lowest_hz=_log(rng, 250.0, 2500.0))
    t = np.arange(wash.size) / rate_hz
    return _normal(wash * (1.0 - rng.uniform(0.2, 1.0) * np.exp(-t / _log(rng, 0.002, 0.03))))


def tom(rng: Random, rate_hz: int) -> Samples:
    """A tuned skin whose pitch falls a little, with a stick."""
    t = _time(rng.uniform(0.25, 1.0), rate_hz)
    hz = _log(rng, 65.0, 280.0) * (1.0 + rng.uniform(0.02, 0.7) * np.exp(-t / _log(rng, 0.01, 0.08)))
    phase = 2.0 * np.pi * np.cumsum(hz) / rate_hz
    decay = _log(rng, 0.08, 0.4)
    body = np.sin(phase) * np.exp(-t / decay) + rng.uniform(0.0, 0.5) * np.sin(1.59 * phase) * np.exp(
        -t / (0.5 * decay)
    )
    stick = _noise(rng, t.size, rate_hz, _log(rng, 300.0, 2000.0), 8000.0) * np.exp(-t / _log(rng, 0.002, 0.03))
    return _driven(rng, body + _log(rng, 0.02, 0.5) * _normal(stick))


def shaker(rng: Random, rate_hz: int) -> Samples:
    """Grains that swell and fade."""
    t = _time(0.2, rate_hz)
    attack, decay = rng.uniform(0.005, 0.05), _log(rng, 0.02, 0.08)
    envelope = np.where(t < attack, (t / attack) ** 2, np.exp(-(t - attack) / decay))
    return _normal(_noise(rng, t.size, rate_hz, _log(rng, 2000.0, 6000.0), _log(rng, 7000.0, 11000.0)) * envelope)


def tambourine(rng: Random, rate_hz: int) -> Samples:
    """A dozen jingles that strike within 30 ms, narrow in frequency."""
    t = _time(rng.uniform(0.15, 0.4), rate_hz)
    sound = np.zeros(t.size)
    for hz in rng.uniform(3500.0, 10500.0, 14):
        late = rng.uniform(0.0, 0.03)
        ring = np.sin(2.0 * np.pi * hz * t + rng.uniform(0.0, 6.0)) * np.exp(-(t - late) / _log(rng, 0.02, 0.15))
        sound += np.where(t >= late, ring, 0.0)
    return _normal(
        _normal(sound) + rng.uniform(0.0, 0.6) * _noise(rng, t.size, rate_hz, 4000.0, 10000.0) * np.exp(-t / 0.02)
    )


def block(rng: Random, rate_hz: int) -> Samples:
    """Cowbell, claves, wood block, bongo, conga, triangle: one or a few resonances."""
    t = _time(rng.uniform(0.1, 0.6), rate_hz)
    base = _log(rng, 180.0, 4500.0)
    ratios = np.concatenate([[1.0], rng.uniform(1.2, 3.0, int(rng.integers(0, 3)))])
    return _normal(_modes(rng, t, base * ratios, (0.01, 0.25)))


SOUNDS: dict[str, Callable[[Random, int], Samples]] = {
    "kick": kick,
    "snare": snare,
    "clap": clap,
    "side_stick": side_stick,
    "closed": closed_hihat,
    "pedal": pedal_hihat,
    "open": open_hihat,
    "ride": ride,
    "crash": crash,
    "tom": tom,
    "shaker": shaker,
    "tambourine": tambourine,
    "block": block,
}
CLASS_OF = {
    "kick": "kick",
    "snare": "snare",
    "clap": "snare",
    "side_stick": "snare",
    "closed": "hihat",
    "pedal": "hihat",
    "open": "hihat",
    "ride": "cymbal",
    "crash": "cymbal",
    "tom": "tom",
    "shaker": "perc",
    "tambourine": "perc",
    "block": "perc",
}


def _log(rng: Random, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _time(duration_s: float, rate_hz: int) -> Samples:
    from scipy.fft import next_fast_len

    return np.arange(next_fast_len(int(duration_s * rate_hz), real=True)) / rate_hz


def _normal(sound: Samples) -> Samples:
    return np.asarray(sound / max(float(np.abs(sound).max()), 1e-9))


def _driven(rng: Random, sound: Samples) -> Samples:
    """Half of the sounds are driven into soft saturation."""
    sound = _normal(sound)
    return _normal(np.tanh(sound * rng.uniform(1.0, 5.0))) if rng.random() < 0.5 else sound


def _noise(rng: Random, size: int, rate_hz: int, low_hz: float, high_hz: float) -> Samples:
    """Noise through a band of random steepness, peak 1."""
    spectrum = np.fft.rfft(rng.normal(size=size))
    hz = np.maximum(np.fft.rfftfreq(size, 1.0 / rate_hz), 1.0)
    order = rng.uniform(1.0, 4.0)
    gain = 1.0 / np.sqrt((1.0 + (low_hz / hz) ** (2.0 * order)) * (1.0 + (hz / high_hz) ** (2.0 * order)))
    return _normal(np.fft.irfft(spectrum * gain, size))


def _modes(rng: Random, t: Samples, hz: Samples, decay_s: tuple[float, float] = (0.004, 0.04)) -> Samples:
    """Decaying sines of random level and decay."""
    return np.asarray(
        np.sum(
            [
                rng.uniform(0.2, 1.0)
                * np.sin(2.0 * np.pi * f * t + rng.uniform(0.0, 6.0))
                * np.exp(-t / _log(rng, *decay_s))
                for f in hz
            ],
            axis=0,
        )
    )


def _metal(rng: Random, rate_hz: int, decay_s: float, *, lowest_hz: float) -> Samples:
    """Noise, many modes or six square waves above a frequency, decaying faster at the top, peak 1."""
    t = _time(min(6.0 * decay_s + 0.03, 3.0), rate_hz)
    kind = rng.random()
    top_hz = NYQUIST_SHARE * rate_hz
    if kind < 0.4:
        source = rng.normal(size=t.size)
    elif kind < 0.7:
        modes = rng.uniform(max(0.5 * lowest_hz, 250.0), top_hz, 28)
        source = np.sum([rng.uniform(0.2, 1.0) * np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in modes], axis=0)
        source = source + rng.uniform(0.0, 1.5) * rng.normal(size=t.size)
    else:
        base = _log(rng, 180.0, 2200.0)
        source = np.sum([np.sign(np.sin(2 * np.pi * base * r * t)) for r in rng.uniform(1.0, 4.2, 6)], axis=0)
    spectrum = np.fft.rfft(source)
    hz = np.maximum(np.fft.rfftfreq(t.size, 1.0 / rate_hz), 1.0)
    gain = (1.0 + (lowest_hz / hz) ** (2.0 * rng.uniform(1.5, 4.0))) ** -0.5 * (hz / 5000.0) ** rng.uniform(-0.8, 0.5)
    sound = np.fft.irfft(spectrum * gain, t.size) * np.exp(-t / decay_s)
    stick = _noise(rng, t.size, rate_hz, lowest_hz, 10500.0) * np.exp(-t / 0.004)
    body = _modes(rng, t, np.exp(rng.uniform(np.log(150.0), np.log(3000.0), 6)), (0.005, 0.12))
    broad = _noise(rng, t.size, rate_hz, 100.0, 10500.0) * np.exp(-t / (decay_s * rng.uniform(0.2, 1.0)))
    below = _log(rng, 0.003, 0.15) * _normal(body) + _log(rng, 0.003, 0.2) * _normal(broad)
    return _normal(_normal(sound) + rng.uniform(0.0, 0.7) * stick + (below if rng.random() < 0.8 else 0.0))
