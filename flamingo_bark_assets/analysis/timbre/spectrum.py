"""The shape of the spectrum over the sounding part of a signal.

Means over frames of what a single spectrum's shape says belong here; bands and models of perception do not.
"""

from __future__ import annotations

import numpy as np

from flamingo_bark_assets.analysis.features.timbre import SpectralShapeFeatures
from flamingo_bark_assets.analysis.timbre import frames
from flamingo_bark_assets.analysis.timbre.frames import ShapeFrames
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement

METHOD = "stft-2048-native"
SILENT = "no 46 ms of it sound"


def measure_shape(read: ShapeFrames) -> SpectralShapeFeatures:
    """Average each descriptor over the sounding frames."""
    values = read.values[read.sounding]
    return SpectralShapeFeatures(
        spectral_centroid_hz=_mean(values[:, frames.CENTROID]),
        spectral_bandwidth_hz=_mean(values[:, frames.BANDWIDTH]),
        spectral_rolloff_hz=_mean(values[:, frames.ROLLOFF]),
        spectral_skewness=_mean(values[:, frames.SKEWNESS]),
        spectral_kurtosis=_mean(values[:, frames.KURTOSIS]),
        spectral_flatness=_mean(values[:, frames.FLATNESS]),
        spectral_contrast_db=_mean(values[:, frames.CONTRAST]),
        spectral_flux=_mean(values[values[:, frames.FLUX] >= 0.0, frames.FLUX]),
    )


def _mean(values: FloatArray) -> Measurement[float]:
    if values.size == 0:
        return Measurement.unknown(SILENT, method=METHOD)
    return Measurement.exact(float(values.mean(dtype=np.float64)), method=METHOD)
