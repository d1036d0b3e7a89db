"""Which windows of a sound are tagged, and their log-mel as musicnn computes it.

Choosing, cutting and transforming belongs here; what the network makes of it does not.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np

from flamingo_bark_assets.audio.levels import SILENCE_DBFS, mono_pieces
from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Sound

SAMPLE_RATE_HZ = 16_000
BANDS = 96
FRAMES = 187
_FFT = 512
_HOP = 256
WINDOW = (FRAMES - 1) * _HOP + _FFT
"""Samples of a window, 3.008 s: no frame reaches beyond it."""
WINDOW_S = WINDOW / SAMPLE_RATE_HZ
MIN_S = 1.0
"""Shortest sound that is tagged; what is shorter than a window is repeated up to it, as in musicnn's training."""
_LINEAR_TO_HZ = 1000.0
_LINEAR_MELS = 15.0
_LOG_STEP = math.log(6.4) / 27.0
_SILENT_RMS = 10.0 ** (SILENCE_DBFS / 20.0)


def log_mel_windows(sound: Sound, count: int) -> FloatArray:
    """Return the log-mel of up to `count` windows, shape (n_windows, 187, 96), float32.

    The sound is parted into windows that follow each other; of those above -60 dBFS RMS, `count` at like distances over
    the song are taken. Empty where nothing sounds, or less than `MIN_S` does.
    """
    if sound.duration_s < MIN_S:
        return np.zeros((0, FRAMES, BANDS), np.float32)
    length = min(sound.n_samples, math.ceil(WINDOW_S * sound.sample_rate_hz))
    audible = [index for index, piece in enumerate(_pieces(sound, length)) if _rms(piece) >= _SILENT_RMS]
    spread = np.linspace(0, len(audible) - 1, min(count, len(audible))).round().astype(int)
    chosen = {audible[index] for index in spread}
    cut = [piece for index, piece in enumerate(_pieces(sound, length)) if index in chosen]
    windows = [log_mel(_fitted(resample(piece[None], sound.sample_rate_hz, SAMPLE_RATE_HZ)[0])) for piece in cut]
    return np.stack(windows) if windows else np.zeros((0, FRAMES, BANDS), np.float32)


def log_mel(samples: FloatArray) -> FloatArray:
    """Return log10(10000 x + 1) of the mel power of one window at 16 kHz, shape (187, 96).

    As musicnn 0.1.0 has it from librosa: power of a Hann window, Slaney's mel scale and norm. musicnn rounds the power
    to float16 before the logarithm, which overflows where it is above 6.5; here it is float32.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FFT)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(frames * _hann(), axis=1))).astype(np.float32)
    return np.asarray(np.log10(np.float32(10_000.0) * (power @ _bands().T) + np.float32(1.0)), np.float32)


def _pieces(sound: Sound, length: int) -> Iterator[FloatArray]:
    """Give the whole windows of the down-mix."""
    return (piece for piece in mono_pieces(sound, length) if piece.size == length)


def _fitted(samples: FloatArray) -> FloatArray:
    return np.resize(samples, WINDOW) if samples.size < WINDOW else samples[:WINDOW]


def _rms(samples: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@functools.cache
def _hann() -> FloatArray:
    # Periodic, as for any STFT.
    return np.hanning(_FFT + 1)[:-1].astype(np.float32)


@functools.cache
def _bands() -> FloatArray:
    """Return the triangles of Slaney's Auditory Toolbox (1998), each of area 1, shape (96, 257).

    Made here, as importing librosa's costs two seconds of CPU.
    """
    top_mel = _LINEAR_MELS + np.log(SAMPLE_RATE_HZ / 2 / _LINEAR_TO_HZ) / _LOG_STEP
    mels = np.linspace(0.0, top_mel, BANDS + 2)
    above = _LINEAR_TO_HZ * np.exp(_LOG_STEP * (mels - _LINEAR_MELS))
    edges = np.where(mels < _LINEAR_MELS, mels * _LINEAR_TO_HZ / _LINEAR_MELS, above)
    bins = np.fft.rfftfreq(_FFT, 1.0 / SAMPLE_RATE_HZ)
    low, centre, high = (edges[start : start + BANDS, None] for start in range(3))
    triangles = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    return np.asarray(triangles * 2.0 / (high - low), np.float32)
