"""Bandwidth: up to which frequency a recording holds sound, and whether a filter or a lossy codec ended it there.

The upper edge of the long-term spectrum belongs here; the timbre of the music does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.long_term_spectrum import FRAME, LongTermSpectrum
from flamingo_bark_assets.record import Measurement

Floats = npt.NDArray[np.float64]

_METHOD = "upper-quantile-spectrum-edge"
_CLIFF_METHOD = "upper-quantile-spectrum-cliff"

# Level that is passed for a twentieth of the time: codecs leave out the highest bands most of the time, and a few
# wide-band moments, which no filter saw, must not hide one.
_LOUD_SHARE = 0.95
_LINE_GROUPS = 9  # wider than the trace of a single tone
_SMOOTHING_GROUPS = 5
_LOWEST_EDGE_HZ = 200.0

_CLIFF_RATIO = 1.06
_CLIFF_GROUPS = 4
_CLIFF_DROP_DB = 30.0  # within a twelfth of an octave: 360 dB an octave; instruments, rooms and tapes fall by under 100
_CLIFF_SURE_DB = 15.0
_CLIFF_LOWEST_HZ = 1000.0
_CLIFF_HIGHEST_HZ = 18_500.0  # anti-aliasing filters and the widest codec settings begin above
_CLIFF_HIGHEST_SHARE = 0.84  # of half the sample rate, likewise
_EDGE_DB = 6.0

_STEP_RATIO = 1.3
_EDGE_DROP_DB = 15.0  # over a factor 1.3 in frequency: 40 dB an octave, steeper than music falls
_REGION_GAP = 1.1  # ripples of a stop band do not make two edges of one
_LINE_ABOVE_BAND_DB = 15.0
_VANISHED_DB = 35.0
_NEAR_ROUNDING_DB = 10.0
_BELOW_IN_BAND_DB = 5.0
_ABOVE_FLOOR_DB = 6.0
_ROUNDING_NOISE_POWER = 2.0**-30 / 4  # triangular dither and rounding of 16 bits: 3/12 of a squared step
_QUANTILE_ABOVE_MEAN_DB = 2.5  # of the mean of three bins of noise


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """The upper end of the spectrum.

    Attributes:
        bandwidth_hz: frequency above which the spectrum vanishes.
        lowpass_detected: whether it ends in a cliff that only a filter or a codec makes, at an audible frequency.
    """

    bandwidth_hz: Measurement[float]
    lowpass_detected: Measurement[bool]


def measure_bandwidth(spectrum: LongTermSpectrum) -> Bandwidth:
    """Find where the spectrum ends, and whether by a low-pass.

    The spectrum is the level that each band exceeds for a twentieth of the sounding time. A low-pass is a cliff: 30 dB
    within a twelfth of an octave, with nothing above it, below 18.5 kHz and 84 % of half the sample rate; the
    bandwidth is then where the level is 6 dB below the band under it. A dark piece has a slope instead. Without
    a cliff the bandwidth is the highest place where the level falls by 15 dB within a factor of 1.3 and
    everything beyond is gone (35 dB down, or down to rounding noise), else where it reaches a flat floor no
    higher than the rounding noise of 16 bits, else half the sample rate: hiss that reaches so far shows that the
    medium does.

    Returns:
        Bandwidth in Hz and whether there is a low-pass; both unknown where no frame of the sound is audible. The
        confidence grows with the distance of the deepest fall from what would be an edge.
    """
    level = spectrum.quantile_db(_LOUD_SHARE)
    if level is None:
        reason = "the file is silent or too short for a spectrum"
        return Bandwidth(Measurement.unknown(reason, method=_METHOD), Measurement.unknown(reason, method=_CLIFF_METHOD))
    frequency = spectrum.group_hz
    cliff_hz, depth_db = _deepest_cliff(frequency, level, spectrum.sample_rate_hz)
    found = depth_db >= _CLIFF_DROP_DB
    sure = 0.5 + 0.5 * min(1.0, abs(depth_db - _CLIFF_DROP_DB) / _CLIFF_SURE_DB)
    lowpass = Measurement.of(found, method=_CLIFF_METHOD, confidence=sure)
    if found:
        return Bandwidth(Measurement.of(cliff_hz, method=_METHOD, confidence=sure), lowpass)
    return Bandwidth(_natural_end(frequency, _mean_over(level, _SMOOTHING_GROUPS), spectrum), lowpass)


def _deepest_cliff(frequency: Floats, level: Floats, sample_rate_hz: int) -> tuple[float, float]:
    """Give the frequency and depth in dB of the deepest cliff at an audible frequency; -inf dB where there is none.

    Medians over frequency keep single tones, below the cliff and beyond it, from counting as a band.
    """
    from scipy.ndimage import median_filter

    highest_hz = min(_CLIFF_HIGHEST_HZ, _CLIFF_HIGHEST_SHARE * sample_rate_hz / 2)
    smooth = median_filter(level, _SMOOTHING_GROUPS, mode="nearest")
    banded = median_filter(level, _LINE_GROUPS, mode="nearest")
    highest_from = np.maximum.accumulate(banded[::-1])[::-1]
    last = int(0.985 * level.size)
    beyond = np.ceil(np.arange(level.size) * _CLIFF_RATIO).astype(np.intp) + _CLIFF_GROUPS
    bins = np.flatnonzero(
        (beyond < last) & (frequency >= _CLIFF_LOWEST_HZ) & (np.arange(level.size) >= 2 * _LINE_GROUPS)
    )
    bins = bins[banded[bins] - highest_from[beyond[bins]] >= 0.5 * _CLIFF_DROP_DB]
    best_hz, best_db = 0.0, 0.0
    for k in bins:
        low, above = int(k / 1.2), int(beyond[k])
        in_band = float(np.partition(level[low : k + 1], (k - low) * 2 // 5)[(k - low) * 2 // 5])
        depth_db = in_band - float(highest_from[above])
        if depth_db > best_db:
            fall = smooth[low : above + 1]
            middle = low + int(np.flatnonzero(fall >= in_band - 0.5 * depth_db)[-1])
            if frequency[middle] <= highest_hz:
                edge = low + int(np.flatnonzero(fall >= in_band - _EDGE_DB)[-1])
                best_hz, best_db = float(frequency[edge]), depth_db
    return best_hz, best_db


def _natural_end(frequency: Floats, level: Floats, spectrum: LongTermSpectrum) -> Measurement[float]:
    drop = _drop(level)
    rounding_db = 10.0 * math.log10(2.0 * _ROUNDING_NOISE_POWER / FRAME) + _QUANTILE_ABOVE_MEAN_DB
    edge = _steep_edge(frequency, level, drop, rounding_db)
    if edge is not None:
        edge_hz, depth_db = edge
        return Measurement.of(edge_hz, method=_METHOD, confidence=depth_db / 40.0)
    steepest = float(drop[frequency >= _LOWEST_EDGE_HZ].max(initial=0.0))
    end_hz = _gradual_edge_hz(frequency, level, rounding_db)
    return Measurement.of(
        spectrum.sample_rate_hz / 2 if end_hz is None else end_hz,
        method=_METHOD,
        confidence=1.0 - steepest / _EDGE_DROP_DB,
    )


def _mean_over(level: Floats, width: int) -> Floats:
    """Return moving average over an odd number of groups, with the end values repeated."""
    padded = np.pad(level, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1.0 / width), mode="valid")


def _drop(level: Floats) -> Floats:
    """Return how far each group stands above everything from 1.3 times its frequency on, in dB."""
    highest_from = np.maximum.accumulate(level[::-1])[::-1]
    return np.asarray(level - highest_from[_groups_ahead(level.size, _STEP_RATIO)])


def _groups_ahead(size: int, ratio: float) -> npt.NDArray[np.intp]:
    """Find for each group the one at `ratio` times its frequency, at most 98 % of the highest frequency."""
    groups = np.arange(size)
    ahead = np.minimum(np.ceil(groups * ratio), int(0.98 * (size - 1)))
    return np.asarray(np.maximum(groups, ahead), dtype=np.intp)


def _steep_edge(frequency: Floats, level: Floats, drop: Floats, rounding_db: float) -> tuple[float, float] | None:
    """Give the highest steep edge beyond which nothing is left: its frequency and its depth in dB."""
    falling = np.flatnonzero((drop >= _EDGE_DROP_DB) & (frequency >= _LOWEST_EDGE_HZ))
    if not falling.size:
        return None
    highest_from = np.maximum.accumulate(level[::-1])[::-1]
    beyond = highest_from[_groups_ahead(level.size, 1.6)]
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
        gone = max(octave_below - _VANISHED_DB, rounding_db + _NEAR_ROUNDING_DB)
        if beyond[edge] <= gone:
            return float(frequency[edge]), in_band - float(beyond[edge])
    return None


def _gradual_edge_hz(frequency: Floats, level: Floats, rounding_db: float) -> float | None:
    """Give the frequency where the spectrum reaches the rounding noise; None where it does not."""
    floor = float(np.percentile(level[frequency >= _LOWEST_EDGE_HZ], 2))
    above = np.flatnonzero(level > floor + _ABOVE_FLOOR_DB)
    if not above.size or float(level.max()) - floor < _EDGE_DROP_DB:
        return None
    edge = int(above[-1])
    rest = level[edge + 1 :]
    is_flat = rest.size >= 0.05 * level.size and float(np.median(rest)) <= floor + 2.0
    is_rounding = floor <= rounding_db + _ABOVE_FLOOR_DB
    return float(frequency[edge]) if is_flat and is_rounding else None
