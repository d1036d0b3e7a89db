"""Small pieces of music by synthesis, and what media do to them: the truth that degradations are measured against.

Generators of pieces and degradations belong here; expectations do not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import signal as scipy_signal

from flamingo_bark_assets.audio.signal import FloatArray, Signal
from tests.signals import RATE_HZ, decode_signal, noise

Floats = npt.NDArray[np.float64]
Degradation = Callable[[FloatArray, np.random.Generator], FloatArray]

PIECE_S = 10.0
PAUSE_S = 0.4  # before the first note


def piece(seed: int, *, dark: bool = False, saturated: bool = False, peak: float = 0.8) -> FloatArray:
    """Make drums, bass and chords in stereo, shape (2, n_samples), float32, 16-bit steps.

    Args:
        seed: fixes tempo, notes and sounds.
        dark: roll the whole off by 24 dB an octave from 2 kHz, as a dull instrument or a tape does.
        saturated: drive it into a soft limiter.
        peak: largest absolute sample.
    """
    rng = np.random.default_rng(seed)
    out = np.zeros((2, round(PIECE_S * RATE_HZ)))
    beat_s = 60.0 / float(rng.uniform(80.0, 150.0))
    for step, start_s in enumerate(np.arange(PAUSE_S, PIECE_S - 0.5, beat_s / 2)):
        _add(out, float(start_s), 0.3 * _hat(rng), float(rng.uniform(-0.5, 0.5)))
        if step % 2 == 0:
            _add(out, float(start_s), _drum(rng, kick=step % 4 == 0), 0.0)
        if step % 4 == 0:
            root = int(rng.integers(33, 45))
            _add(out, float(start_s), 0.5 * _note(root, beat_s, rng), 0.0)
            for interval, pan in ((12, -0.6), (16, 0.4), (19, 0.7)):
                _add(out, float(start_s), 0.25 * _note(root + interval, beat_s, rng), pan)
    if dark:
        out = scipy_signal.sosfilt(scipy_signal.butter(4, 2000.0, fs=RATE_HZ, output="sos"), out, axis=1)
    out /= np.abs(out).max()
    if saturated:
        out = np.tanh(2.2 * out) / np.tanh(2.2)
    return in_16_bits(peak * out)


def in_16_bits(samples: npt.NDArray[np.floating]) -> FloatArray:
    """Round to the steps of 16 bits."""
    return np.asarray(np.round(samples * 32767.0) / 32768.0, dtype=np.float32)


def clipped(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Clip 5 to 9 dB above full scale; half of them are turned down afterwards."""
    gain = 10.0 ** (float(rng.uniform(5.0, 9.0)) / 20.0) / float(np.abs(samples).max())
    return in_16_bits(np.clip(samples * gain, -1.0, 1.0) * (0.8 if rng.random() < 0.5 else 0.9999))


def low_passed(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Cut everything above 8 kHz by a linear-phase filter."""
    del rng
    return in_16_bits(scipy_signal.fftconvolve(samples, scipy_signal.firwin(511, 8000.0, fs=RATE_HZ)[None, :], "same"))


def noisy(samples: FloatArray, rng: np.random.Generator, level_dbfs: float = -40.0) -> FloatArray:
    """Add white noise to each channel."""
    hiss = rng.normal(0.0, 10.0 ** (level_dbfs / 20.0), samples.shape)
    return in_16_bits(np.clip(0.9 * samples + hiss, -1.0, 1.0))


def offset(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Add a constant of 0.015 to 0.06 to the left channel."""
    constant = np.array([[rng.uniform(0.015, 0.06)], [0.0]])
    return in_16_bits(0.9 * samples + constant)


def padded(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Put 1.5 s of digital silence before and 2 s after."""
    del rng
    return np.pad(samples, ((0, 0), (round(1.5 * RATE_HZ), 2 * RATE_HZ)))


def mono(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Put the same signal into both channels."""
    del rng
    return in_16_bits(np.repeat(samples.mean(axis=0, keepdims=True), 2, axis=0))


def inverted(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Turn one channel over, with a little difference left between the two."""
    del rng
    middle = samples.mean(axis=0)
    return in_16_bits(np.stack([middle, -middle]) + 0.15 * (samples - middle))


def sloping(decay_db_per_octave: float) -> FloatArray:
    """Make noise of 8 s whose spectrum falls like music's, peak 0.5, shape (n_samples,)."""
    spectrum = np.fft.rfft(noise(8.0))
    octaves = np.log2(np.maximum(np.arange(spectrum.size), 100) / 100)
    wave = np.fft.irfft(spectrum * 10 ** (-decay_db_per_octave * octaves / 20))
    return np.asarray(0.5 * wave / np.abs(wave).max(), dtype=np.float32)


def cut(wave: FloatArray, cutoff_hz: float) -> FloatArray:
    """Cut everything above `cutoff_hz` by a linear-phase filter."""
    fir = scipy_signal.firwin(511, cutoff_hz, fs=RATE_HZ)
    return np.asarray(scipy_signal.fftconvolve(wave, fir, mode="same"), dtype=np.float32)


def coded(samples: FloatArray, folder: Path, *, kbps: int) -> Signal:
    """Encode as MP3 with LAME and decode again."""
    import av

    path = folder / "coded.mp3"
    with av.open(str(path), "w", format="mp3") as output:
        stream = output.add_stream("mp3", rate=RATE_HZ, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = kbps * 1000
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
        frame.sample_rate = RATE_HZ
        frame.pts = 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    return decode_signal(path, max_duration_s=60)


def _add(out: Floats, start_s: float, sound: Floats, pan: float) -> None:
    start = round(start_s * RATE_HZ)
    sound = sound[: out.shape[1] - start]
    out[0, start : start + sound.size] += (1.0 - pan) / 2 * sound
    out[1, start : start + sound.size] += (1.0 + pan) / 2 * sound


def _hat(rng: np.random.Generator) -> Floats:
    time_s = np.arange(round(0.15 * RATE_HZ)) / RATE_HZ
    burst = rng.normal(size=time_s.size) * np.exp(-time_s / 0.02)
    return np.asarray(scipy_signal.sosfilt(scipy_signal.butter(2, 6000.0, "high", fs=RATE_HZ, output="sos"), burst))


def _drum(rng: np.random.Generator, *, kick: bool) -> Floats:
    time_s = np.arange(round(0.25 * RATE_HZ)) / RATE_HZ
    if kick:
        return np.asarray(
            np.sin(2 * np.pi * (50.0 * time_s + 4.0 * (1 - np.exp(-time_s / 0.02)))) * np.exp(-time_s / 0.08)
        )
    return np.asarray(0.7 * rng.normal(size=time_s.size) * np.exp(-time_s / 0.05))


def _note(midi: int, length_s: float, rng: np.random.Generator) -> Floats:
    """Partials falling as 1/k, the higher the faster."""
    time_s = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    f0_hz = 440.0 * 2.0 ** ((midi - 69) / 12)
    out = np.zeros(time_s.size)
    for k in range(1, 17):
        phase = float(rng.uniform(0, 2 * np.pi))
        out += np.sin(2 * np.pi * k * f0_hz * time_s + phase) / k * np.exp(-time_s * (1.0 + 0.4 * k))
    return out * np.minimum(1.0, time_s / 0.005)
