"""How the energy is spread over the named bands of the frequency axis.

Band limits in engineers' use belong here; the ear's critical bands do not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.timbre import BandFeatures
from flamingo_bark_assets.analysis.timbre.spectrum import METHOD, SILENT
from flamingo_bark_assets.record import Measurement

BANDS_HZ = {
    "sub": (20.0, 60.0),
    "bass": (60.0, 250.0),
    "low_mid": (250.0, 500.0),
    "mid": (500.0, 2000.0),
    "presence": (2000.0, 6000.0),
    "air": (6000.0, 20_000.0),
}


def measure_bands(energies: NDArray[np.float64]) -> BandFeatures:
    """Return share, which sum to 1, and level in dB of each band; the level of one without any energy is unknown.

    `energies` is the mean energy in each of `BANDS_HZ` over the sounding frames, any scale, shape (6,).
    """
    total = float(energies.sum())
    measured: dict[str, Measurement[float]] = {}
    for name, energy in zip(BANDS_HZ, energies.tolist(), strict=True):
        share: Measurement[float] = Measurement.unknown(SILENT, method=METHOD)
        level: Measurement[float] = Measurement.unknown("the band holds no energy", method=METHOD)
        if total > 0.0:
            share = Measurement.exact(energy / total, method=METHOD)
        if energy > 0.0:
            level = Measurement.exact(10.0 * math.log10(energy / total), method=METHOD)
        measured |= {f"{name}_energy_share": share, f"{name}_level_db": level}
    return BandFeatures(**measured)
