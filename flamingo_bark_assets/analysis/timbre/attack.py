"""The colour of attacks: what comes in where the power rises.

The attack centroid belongs here; onset times do not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_BAND_EDGES, ONSET_FRAME, RATE_HZ
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

_LEAST_ATTACKS = 4
# Attacks whose rise lies further below the strong ones' (mean rise, weighted by rise) are left out.
_RANGE_DB = 20.0
_NEIGHBOURS = 5
_EDGES = np.array(ONSET_BAND_EDGES, np.float64)
_CENTRES_HZ = 0.5 * (_EDGES[:-1] + _EDGES[1:] - 1.0) * RATE_HZ / ONSET_FRAME


def attack_centroids_hz(onset_power: FloatArray) -> NDArray[np.float64] | None:
    """Compute the centroid (Hz) of the amplitude coming in within 40 ms at each strong attack; None below four.

    An attack is a local maximum (50 ms to both sides) of the summed rise of the band powers, of at least half the power
    before it. `onset_power` has 100 frames a second, shape (n_frames, ONSET_BANDS).
    """
    from scipy.ndimage import maximum_filter1d

    rise = np.zeros(onset_power.shape[0], np.float32)
    centroid = np.zeros(onset_power.shape[0], np.float32)
    if onset_power.shape[0] == 0:
        return None
    _rises(onset_power, _CENTRES_HZ, rise, centroid)
    total = float(rise.sum(dtype=np.float64))
    if total <= 0.0:
        return None
    strong = float(np.square(rise, dtype=np.float64).sum()) / total * 10.0 ** (-_RANGE_DB / 10.0)
    attacks = (rise >= strong) & (rise == maximum_filter1d(rise, 2 * _NEIGHBOURS + 1))
    if np.count_nonzero(attacks) < _LEAST_ATTACKS:
        return None
    return np.asarray(centroid[attacks], np.float64)


@compiled("void(float32[:, ::1], float64[::1], float32[::1], float32[::1])")
def _rises(power: FloatArray, centres_hz: NDArray[np.float64], rise: FloatArray, centroid: FloatArray) -> None:
    for i in range(2, power.shape[0] - 2):
        total, before, weight, weighted = 0.0, 0.0, 0.0, 0.0
        for band in range(power.shape[1]):
            before += power[i - 2, band]
            r = power[i + 2, band] - power[i - 2, band]
            if r > 0.0:
                total += r
                amplitude = math.sqrt(r)
                weight += amplitude
                weighted += amplitude * centres_hz[band]
        if total > 0.0 and total >= 0.5 * before:
            rise[i] = total
            centroid[i] = weighted / weight
