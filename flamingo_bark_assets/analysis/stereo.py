"""The stereo image: how wide, how balanced and how fit for mono a mix is.

What follows from the levels of the two channels belongs here; faults of the medium are a matter of quality.
"""

from __future__ import annotations

import math

import numpy as np

from flamingo_bark_assets.analysis.features.stereo import StereoFeatures
from flamingo_bark_assets.audio.levels import SILENCE_DBFS, Levels
from flamingo_bark_assets.audio.quality import channel_energies, digital_silence, measure_polarity
from flamingo_bark_assets.record import Measurement

_WINDOW_FRAMES = 8  # of 50 ms
_LOW_SHARE = 0.1
_SOUNDING_POWER = 10.0 ** (SILENCE_DBFS / 10.0)
_ROUNDING = 1e-5  # of float32 sums, relative
_MAX_DB = 60.0


def measure_stereo(levels: Levels) -> StereoFeatures:
    """Measure the stereo image from sums over frames of 50 ms.

    Returns:
        Width 0 for one channel; all else is unknown there, and everything for more than two channels and for
        silence. The correlation is unknown where one of the channels is silent.
    """
    correlation, _ = measure_polarity(levels)
    if levels.channels != 2:
        return _without_image(f"the file has {levels.channels} channel(s), not two", mono=levels.channels == 1)
    left, right = (float(energy) for energy in channel_energies(levels))
    both = left + right
    if levels.n_samples < 2 or both <= digital_silence(levels):
        return _without_image("the sound is digital silence", mono=False)
    product = (correlation.value or 0.0) * math.sqrt(left * right)
    width = min(1.0, max(0.0, 0.5 - product / both))
    loss_db = max(-_MAX_DB, 10.0 * math.log10(max(0.5 + product / both, 1e-12)))
    return StereoFeatures(
        stereo_width=Measurement.exact(width, method="side-energy-share"),
        stereo_correlation_low=_low_correlation(levels),
        stereo_balance_db=_balance(left, right),
        mono_loss_db=Measurement.exact(loss_db, method="mid-energy-share"),
    )


def _low_correlation(levels: Levels) -> Measurement[float]:
    method = "pearson-400ms-quantile"
    starts = np.arange(0, levels.frame_length.size, _WINDOW_FRAMES)
    if not starts.size:
        return Measurement.unknown("there is no sound", method=method)
    count = np.add.reduceat(levels.frame_length, starts)
    sums = np.add.reduceat(levels.frame_sums, starts, axis=1)
    squares = np.add.reduceat(levels.frame_squares, starts, axis=1)
    own = np.maximum(squares - np.square(sums) / count, 0.0)
    product = np.add.reduceat(levels.frame_products, starts) - sums[0] * sums[1] / count
    # Where one channel rests there is nothing to correlate.
    sounding = (own.sum(axis=0) >= 2.0 * _SOUNDING_POWER * count) & (own.min(axis=0) > _ROUNDING * squares.max(axis=0))
    if not sounding.any():
        return Measurement.unknown("the two channels never sound together", method=method)
    own, product = own[:, sounding], product[sounding]
    correlation = np.clip(product / np.sqrt(own[0] * own[1]), -1.0, 1.0)
    return Measurement.exact(float(np.quantile(correlation, _LOW_SHARE)), method=method)


def _balance(left: float, right: float) -> Measurement[float]:
    method = "channel-level-difference"
    if min(left, right) < 10.0 ** (-_MAX_DB / 10.0) * max(left, right):
        return Measurement.unknown("one of the two channels is silent", method=method)
    return Measurement.exact(10.0 * math.log10(right / left), method=method)


def _without_image(reason: str, *, mono: bool) -> StereoFeatures:
    no_level: Measurement[float] = Measurement.unknown(reason, method="channel-sums")
    return StereoFeatures(
        stereo_width=Measurement.exact(0.0, method="one-channel") if mono else no_level,
        stereo_correlation_low=no_level,
        stereo_balance_db=no_level,
        mono_loss_db=no_level,
    )
