"""Specific loudness: how loud each critical band is to the ear.

Critical bands, excitation and loudness belong here; the attributes made of them stand in `perceptual`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

Values = NDArray[np.float64]

# Limits of the 24 critical bands, 1 Bark each (Zwicker, JASA 33, 1961).
_LIMITS_HZ = (
    0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300,
    6400, 7700, 9500, 12_000, 15_500,
)  # fmt: skip
CRITICAL_BANDS_HZ = tuple(zip(map(float, _LIMITS_HZ[:-1]), map(float, _LIMITS_HZ[1:]), strict=True))
BARKS = np.arange(24) + 0.5
_CENTRES_KHZ = np.sqrt(np.maximum(np.array(_LIMITS_HZ[:-1]), 25.0) * np.array(_LIMITS_HZ[1:])) / 1000.0
_LOWER_SLOPE_DB = 27.0
_LEAST_UPPER_SLOPE_DB = 5.0


def threshold_in_quiet_db(khz: Values) -> Values:
    """Return level of a tone that is just audible, dB SPL (Terhardt, Hearing Research 1, 1979)."""
    return np.asarray(3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4)


def mean_specific_loudness(band_levels_db: FloatArray) -> Values:
    """Compute the specific loudness of each critical band, mean over frames.

    The excitation falls by 27 dB a Bark below and by 24 + 0.23 / f - 0.2 L dB a Bark above each band (Terhardt 1979);
    its loudness is N' = 0.08 (E_TQ / E_0)^0.23 ((0.5 + 0.5 E / E_TQ)^0.23 - 1) (Zwicker and Fastl, Psychoacoustics,
    1999, chapter 8). No masking from frame to frame. Levels are dB SPL, shape (n_frames, 24); the result is in sone a
    Bark, shape (24,), zeros without frames.
    """
    total = np.zeros(BARKS.size)
    if band_levels_db.shape[0]:
        _add_specific_loudness(
            np.ascontiguousarray(band_levels_db, np.float32), threshold_in_quiet_db(_CENTRES_KHZ), _CENTRES_KHZ, total
        )
        total /= band_levels_db.shape[0]
    return total


@compiled("void(float32[:, ::1], float64[::1], float64[::1], float64[::1])")
def _add_specific_loudness(levels_db: FloatArray, quiet_db: Values, khz: Values, total: Values) -> None:
    bands = quiet_db.size
    excitation = np.zeros(bands)
    for i in range(levels_db.shape[0]):
        excitation[:] = 0.0
        for band in range(bands):
            level = levels_db[i, band]
            # What is far under the threshold excites nothing anywhere.
            if level < quiet_db[band] - 20.0:
                continue
            power = 10.0 ** (0.1 * level)
            excitation[band] += power
            down = 10.0 ** (-0.1 * _LOWER_SLOPE_DB)
            up = 10.0 ** (-0.1 * max(_LEAST_UPPER_SLOPE_DB, 24.0 + 0.23 / khz[band] - 0.2 * level))
            spread = power * down
            for below in range(band - 1, -1, -1):
                if spread < 0.1:
                    break
                excitation[below] += spread
                spread *= down
            spread = power * up
            for above in range(band + 1, bands):
                if spread < 0.1:
                    break
                excitation[above] += spread
                spread *= up
        for band in range(bands):
            quiet = 10.0 ** (0.1 * quiet_db[band])
            if excitation[band] > quiet:
                growth = math.exp(0.23 * math.log(0.5 + 0.5 * excitation[band] / quiet)) - 1.0
                total[band] += 0.08 * math.exp(0.23 * math.log(quiet)) * growth
