"""Bandwidth: up to which frequency a recording holds sound.

The long-term spectrum and its upper edge belong here; the timbre of the music does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.record import Measurement

Spectrum = npt.NDArray[np.float64]

_METHOD = "mean-log-spectrum-edge"
_FFT = 4096
_MAX_FRAMES = 2000
_BATCH = 64
_SMOOTHING_HZ = 150.0
_LOWEST_EDGE_HZ = 200.0
_SILENCE_DB = -60.0
_STEP_RATIO = 1.3
_EDGE_DROP_DB = 15.0  # over a factor 1.3 in frequency: 40 dB an octave, steeper than music falls
_REGION_GAP = 1.1  # ripples of a stop band do not make two edges of one
_LINE_ABOVE_BAND_DB = 15.0
_VANISHED_DB = 35.0
_NEAR_ROUNDING_DB = 10.0
_BELOW_IN_BAND_DB = 5.0
_ABOVE_FLOOR_DB = 6.0
_ROUNDING_NOISE_POWER = 2.0**-30 / 4  # triangular dither and rounding of 16 bits: 3/12 of a squared step


@dataclass(frozen=True, slots=True)
class LongTermSpectrum:
    """Mean log power spectrum of the sounding frames, smoothed over frequency.

    Attributes:
        frequency_hz: shape (n_bins,), from 0 to half the sample rate.
        level_db: shape (n_bins,), relative to an arbitrary constant.
        rounding_noise_db: level that dithered rounding to 16 bits has on that scale.
    """

    frequency_hz: Spectrum
    level_db: Spectrum
    rounding_noise_db: float


def measure_bandwidth(signal: Signal) -> Measurement[float]:
    """Frequency above which the long-term spectrum vanishes.

    The spectrum is the mean of log spectra, which a few wide-band moments hardly move. Its edge is the
    highest place where the level falls by 15 dB within a factor of 1.3 and everything beyond is gone (35 dB
    down, or down to rounding noise); the edge itself is where the level is 5 dB below the band just under
    it. Without such an edge the bandwidth is where the spectrum reaches a flat floor no higher than the
    rounding noise of 16 bits. Else it is half the sample rate: hiss that reaches so far shows that the medium
    does.

    Args:
        signal: any rate and number of channels.

    Returns:
        The bandwidth in Hz. Its confidence is the depth of the edge over 40 dB; without an edge, how far the
        steepest fall stays below what would be one.
    """
    spectrum = long_term_spectrum(signal)
    if spectrum is None:
        return Measurement.unknown("the file is silent or too short for a spectrum", method=_METHOD)
    level, frequency = spectrum.level_db, spectrum.frequency_hz
    floor = float(np.percentile(level[frequency >= _LOWEST_EDGE_HZ], 2))
    drop = _drop(level)
    edge = _steep_edge(spectrum, drop)
    if edge is not None:
        edge_hz, depth_db = edge
        return Measurement.of(edge_hz, method=_METHOD, confidence=depth_db / 40.0)
    steepest = float(drop[frequency >= _LOWEST_EDGE_HZ].max(initial=0.0))
    return Measurement.of(_gradual_edge_hz(spectrum, floor), method=_METHOD, confidence=1.0 - steepest / _EDGE_DROP_DB)


def long_term_spectrum(signal: Signal) -> LongTermSpectrum | None:
    """Mean over frames of the log power spectrum (channels summed in power), smoothed over 150 Hz.

    Frames more than 60 dB below the loudest are left out; at most 2000 frames spread over the song are taken.

    Args:
        signal: any rate and number of channels.

    Returns:
        The spectrum; None where the sound is silent or shorter than one frame of 4096 samples.
    """
    count = signal.samples.shape[1] // _FFT
    if not count:
        return None
    starts = np.unique(np.linspace(0, count - 1, min(count, _MAX_FRAMES)).astype(np.intp)) * _FFT
    window = np.kaiser(_FFT, 14.0).astype(np.float32)  # side lobes under -100 dB
    peak_power = max((_frame_power(signal, int(s)) for s in starts), default=0.0)
    limit = max(peak_power * 10 ** (_SILENCE_DB / 10), 1e-14)
    heard = [int(s) for s in starts if _frame_power(signal, int(s)) >= limit]
    if not heard:
        return None
    total = np.zeros(_FFT // 2 + 1)
    for first in range(0, len(heard), _BATCH):
        frames = np.stack([signal.samples[:, s : s + _FFT] for s in heard[first : first + _BATCH]])
        power = np.abs(np.fft.rfft(frames * window, axis=-1)) ** 2
        total += np.log10(np.maximum(power.sum(axis=1), 1e-16)).sum(axis=0)
    frequency = np.fft.rfftfreq(_FFT, 1.0 / signal.sample_rate_hz)
    width = max(3, round(_SMOOTHING_HZ / float(frequency[1])))
    level = _smooth(10.0 * total / len(heard), width)
    rounding = _ROUNDING_NOISE_POWER * signal.channels * float(np.square(window, dtype=np.float64).sum())
    return LongTermSpectrum(np.asarray(frequency, dtype=np.float64), level, 10.0 * math.log10(rounding))


def _frame_power(signal: Signal, start: int) -> float:
    frame = signal.samples[:, start : start + _FFT]
    return float(np.mean(np.square(frame - frame.mean(axis=1, keepdims=True))))


def _smooth(level: Spectrum, width: int) -> Spectrum:
    """Moving average over an odd number of bins, with the end values repeated."""
    half = width // 2
    padded = np.pad(level, half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1.0 / (2 * half + 1)), mode="valid")


def _drop(level: Spectrum) -> Spectrum:
    """How far each bin stands above everything from 1.3 times its frequency on, in dB."""
    highest_from = np.maximum.accumulate(level[::-1])[::-1]
    return level - highest_from[_bins_ahead(level.size, _STEP_RATIO)]


def _bins_ahead(size: int, ratio: float) -> npt.NDArray[np.intp]:
    """For each bin the bin at `ratio` times its frequency, at most 98 % of the highest frequency."""
    bins = np.arange(size)
    ahead = np.minimum(np.ceil(bins * ratio), int(0.98 * (size - 1)))
    return np.asarray(np.maximum(bins, ahead), dtype=np.intp)


def _steep_edge(spectrum: LongTermSpectrum, drop: Spectrum) -> tuple[float, float] | None:
    """Give the highest steep edge beyond which nothing is left: its frequency and its depth in dB."""
    frequency, level = spectrum.frequency_hz, spectrum.level_db
    falling = np.flatnonzero((drop >= _EDGE_DROP_DB) & (frequency >= _LOWEST_EDGE_HZ))
    if not falling.size:
        return None
    highest_from = np.maximum.accumulate(level[::-1])[::-1]
    beyond = highest_from[_bins_ahead(level.size, 1.6)]
    gaps = np.flatnonzero(falling[1:] > falling[:-1] * _REGION_GAP + 1)
    for region in reversed(np.split(falling, gaps + 1)):
        start = int(region[0])
        # The second term serves single tones: no band lies below them.
        in_band = max(
            float(np.median(level[int(0.8 * start) : start + 1])),
            float(level[region].max()) - _LINE_ABOVE_BAND_DB,
        )
        edge = int(region[level[region] >= in_band - _BELOW_IN_BAND_DB].max(initial=start))
        # Over an octave, so that one tone above wide-band sound is not taken for the end of a band.
        octave_below = float(np.median(level[edge // 2 : edge + 1]))
        gone = max(octave_below - _VANISHED_DB, spectrum.rounding_noise_db + _NEAR_ROUNDING_DB)
        if beyond[edge] <= gone:
            return float(frequency[edge]), in_band - float(beyond[edge])
    return None


def _gradual_edge_hz(spectrum: LongTermSpectrum, floor: float) -> float:
    """Give the frequency where the spectrum reaches the rounding noise, else half the sample rate."""
    frequency, level = spectrum.frequency_hz, spectrum.level_db
    nyquist_hz = float(frequency[-1])
    above = np.flatnonzero(level > floor + _ABOVE_FLOOR_DB)
    if not above.size or float(level.max()) - floor < _EDGE_DROP_DB:
        return nyquist_hz
    edge = int(above[-1])
    rest = level[edge + 1 :]
    is_flat = rest.size >= 0.05 * level.size and float(np.median(rest)) <= floor + 2.0
    is_rounding = floor <= spectrum.rounding_noise_db + _ABOVE_FLOOR_DB
    return float(frequency[edge]) if is_flat and is_rounding else nyquist_hz
