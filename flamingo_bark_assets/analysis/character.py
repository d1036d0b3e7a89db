"""How energetic a song is and how well one can dance to it.

The two summary attributes with their definitions belong here; what they are made of is measured elsewhere.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.character import CharacterFeatures
from flamingo_bark_assets.analysis.features.rhythm import RhythmFeatures
from flamingo_bark_assets.analysis.frontend.view import (
    ONSET_BAND_EDGES,
    ONSET_FRAME,
    ONSET_RATE_HZ,
    RATE_HZ,
    AudioView,
)
from flamingo_bark_assets.kernels import compiled
from flamingo_bark_assets.record import Measurement

Values = NDArray[np.float64]

_ENERGY, _DANCE = "onsets-density-brightness", "detrended-fluctuation"
_BRIGHT_FROM = int(np.searchsorted(ONSET_BAND_EDGES, 1500.0 * ONSET_FRAME / RATE_HZ))
_MOST_ONSETS_HZ = 8.0
_LEVEL_RANGE_DB = (-12.0, 0.0)
_BRIGHT_RANGE_DB = (-25.0, -5.0)
_LOUD_PERCENTILE = 95
_SOUNDING_RANGE_DB = 40.0
# Scales of the fluctuation analysis (Streich and Herrera 2005): 310 ms to 10 s in steps of a tenth.
_SHORTEST_S, _LONGEST_S, _STEP = 0.31, 10.0, 1.1
_LEAST_SCALES = 22


def measure_character(view: AudioView, rhythm: RhythmFeatures) -> CharacterFeatures:
    """Measure energy and danceability of the mix; unknown where it is unusable, danceability where short.

    Energy goes from 0 to 1; danceability is above 0, about 0.7 (a drifting level) and more. Neither has a confidence:
    nobody held them against what listeners say.
    """
    if view.unusable is not None:
        return CharacterFeatures(
            energy=Measurement.unknown(view.unusable, method=_ENERGY),
            danceability=Measurement.unknown(view.unusable, method=_DANCE),
        )
    return CharacterFeatures(energy=_energy(view, rhythm), danceability=_danceability(view))


def fluctuation_exponents(level: Values, scales: NDArray[np.int64]) -> Values:
    """Compute the local slopes of the detrended fluctuation over its scales.

    Peng et al. 1994; Streich and Herrera 2005.

    Args:
        level: level of each frame, shape (n_frames,), n_frames >= the largest scale.
        scales: window lengths in frames, increasing, shape (n_scales,).

    Returns:
        Exponents, 0.5 for unrelated frames, 1.5 for a random walk, less for what repeats faster, shape (n_scales - 1,).
    """
    fluctuation = np.zeros(scales.size)
    _fluctuate(np.cumsum(level - level.mean()), scales, fluctuation)
    logs = np.log10(np.maximum(fluctuation, 1e-12))
    return np.asarray(np.diff(logs) / np.diff(np.log10(scales + 3.0)))


def _energy(view: AudioView, rhythm: RhythmFeatures) -> Measurement[float]:
    onsets_hz = rhythm.onset_density_hz.value
    if onsets_hz is None:
        return Measurement.unknown(rhythm.onset_density_hz.reason or "no onsets", method=_ENERGY)
    power = view.activity_power.astype(np.float64)
    loud = float(np.percentile(power[power > 0.0], _LOUD_PERCENTILE))
    sounding_db = 10.0 * np.log10(power[power > loud * 10.0 ** (-_SOUNDING_RANGE_DB / 10.0)] / loud)
    by_band = view.onset_power.sum(axis=0, dtype=np.float64)
    bright = by_band[_BRIGHT_FROM:].sum() / by_band.sum() if by_band.sum() > 0.0 else 0.0
    terms = (
        min(onsets_hz / _MOST_ONSETS_HZ, 1.0),
        _placed(float(sounding_db.mean()), _LEVEL_RANGE_DB),
        _placed(10.0 * math.log10(bright + 1e-9), _BRIGHT_RANGE_DB),
    )
    return Measurement.of(sum(terms) / len(terms), method=_ENERGY)


def _placed(value: float, limits: tuple[float, float]) -> float:
    low, high = limits
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _danceability(view: AudioView) -> Measurement[float]:
    first, last = (round(time_s * ONSET_RATE_HZ) for time_s in (view.music_start_s, view.music_end_s))
    level = np.sqrt(view.onset_power[first:last].sum(axis=1, dtype=np.float64))
    longest = min(_LONGEST_S * ONSET_RATE_HZ, level.size / 2)
    count = math.floor(math.log(max(longest / (_SHORTEST_S * ONSET_RATE_HZ), 1.0)) / math.log(_STEP)) + 1
    if count < _LEAST_SCALES:
        return Measurement.unknown("too short for its slow fluctuations", method=_DANCE)
    if not level.std() > 1e-4 * level.mean():
        return Measurement.unknown("its level does not move", method=_DANCE)
    scales = np.round(_SHORTEST_S * ONSET_RATE_HZ * _STEP ** np.arange(count)).astype(np.int64)
    exponent = float(fluctuation_exponents(level, scales).mean())
    if exponent <= 0.0:
        return Measurement.unknown("its fluctuations do not grow with their scale", method=_DANCE)
    return Measurement.of(1.0 / exponent, method=_DANCE)


@compiled("void(float64[::1], int64[::1], float64[::1])")
def _fluctuate(profile: Values, scales: NDArray[np.int64], fluctuation: Values) -> None:
    """Compute the root mean square that linear trends leave of the profile, in windows of each scale.

    The windows overlap by half.
    """
    for s in range(scales.size):
        length = scales[s]
        middle = 0.5 * (length - 1)
        spread = length * (length * length - 1.0) / 12.0
        total, windows = 0.0, 0
        for start in range(0, profile.size - length + 1, length // 2):
            mean = 0.0
            for t in range(length):
                mean += profile[start + t]
            mean /= length
            slope, squares = 0.0, 0.0
            for t in range(length):
                d = profile[start + t] - mean
                slope += d * (t - middle)
                squares += d * d
            total += max(squares - slope * slope / spread, 0.0) / length
            windows += 1
        fluctuation[s] = math.sqrt(total / windows)
