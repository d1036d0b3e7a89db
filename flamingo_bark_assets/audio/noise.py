"""Noise floor: the stationary broadband noise under the music.

Noise that is always there belongs here; level, silence and bandwidth have modules of their own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.record import Measurement

_METHOD = "minimum-statistics"
_FFT = 2048
_MAX_FRAMES = 1500
_MIN_FRAMES = 20
_BATCH = 64
_QUANTILES = (0.1, 0.2)
# The power of Gaussian noise in one bin is exponentially distributed: its quantile p is -ln(1 - p) times its mean.
_MEAN_OVER_QUANTILE = -1.0 / np.log(1.0 - _QUANTILES[0])
_NOISE_SPREAD_DB = 10.0 * np.log10(np.log(1.0 - _QUANTILES[1]) / np.log(1.0 - _QUANTILES[0]))
_MUSIC_SPREAD_DB = 6.0
_LINE_WIDTH_BINS = 41
_DIGITAL_SILENCE = 1e-15

Floats = npt.NDArray[np.float64]


def measure_noise_floor(signal: Signal) -> Measurement[float]:
    """Level of the noise that sounds all the time, in every band (minimum statistics, after Martin 2001).

    In each frequency bin the lowest tenth of the frames is taken for noise, as music leaves every band now and
    then; its mean follows from the exponential distribution of noise power. A median over frequency drops
    steady tones and hum. Dense music that leaves some band never makes the value too high, never too low.

    Args:
        signal: any rate and number of channels.

    Returns:
        RMS of the noise in dBFS, the mean over channels. The confidence falls from 1, where the quiet frames
        scatter as noise does, to 0, where they scatter 6 dB more, as fading music does. Unknown for digital
        silence and for less than 20 frames of 2048 samples.
    """
    power = _frame_powers(signal)
    if power.shape[1] < _MIN_FRAMES:
        return Measurement.unknown("too little sound that is not digital silence", method=_METHOD)
    low, next_low = np.quantile(power, _QUANTILES, axis=1)
    floor = np.mean([_median_over_frequency(channel) for channel in low], axis=0) * _MEAN_OVER_QUANTILE
    level = 10.0 * np.log10(max(float(floor.sum()), 1e-20))
    spread_db = 10.0 * np.log10(np.maximum(next_low.sum(axis=0), 1e-20) / np.maximum(low.sum(axis=0), 1e-20))
    excess_db = max(0.0, float(np.average(spread_db, weights=floor + 1e-30)) - float(_NOISE_SPREAD_DB))
    return Measurement.of(float(level), method=_METHOD, confidence=1.0 - excess_db / _MUSIC_SPREAD_DB)


def _frame_powers(signal: Signal) -> Floats:
    """Power of each bin of frames spread over the sound; its sum over bins is the RMS squared of the frame.

    Shape (n_channels, n_frames, n_bins); frames of digital silence are left out.
    """
    count = signal.samples.shape[1] // _FFT
    window = np.hanning(_FFT).astype(np.float32)
    scale = np.full(_FFT // 2 + 1, 2.0 / (_FFT * float(window @ window)))
    scale[[0, -1]] /= 2.0
    starts = np.unique(np.linspace(0, max(count - 1, 0), min(count, _MAX_FRAMES)).astype(np.intp)) * _FFT
    found = [np.zeros((signal.channels, 0, _FFT // 2 + 1))]
    for first in range(0, starts.size, _BATCH):
        frames = np.stack([signal.samples[:, s : s + _FFT] for s in starts[first : first + _BATCH]], axis=1)
        frames = frames - frames.mean(axis=-1, keepdims=True)
        frames = frames[:, np.mean(np.square(frames), axis=(0, 2)) > _DIGITAL_SILENCE]
        spectrum = np.fft.rfft(frames * window, axis=-1)
        found.append((np.square(spectrum.real) + np.square(spectrum.imag)) * scale)
    return np.concatenate(found, axis=1)


def _median_over_frequency(values: Floats) -> Floats:
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(values, size=_LINE_WIDTH_BINS, mode="nearest"), dtype=np.float64)
