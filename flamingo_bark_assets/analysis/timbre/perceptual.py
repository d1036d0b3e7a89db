"""What the ear makes of the spectrum: sharp, rough, bright, warm, boomy, deep, hard.

Attributes with a published definition or feature behind them belong here; trained regressions do not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.timbre import PerceptualFeatures
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.analysis.timbre.attack import attack_centroids_hz
from flamingo_bark_assets.analysis.timbre.frames import POWER, SHAPES
from flamingo_bark_assets.analysis.timbre.loudness import BARKS, CRITICAL_BANDS_HZ, mean_specific_loudness
from flamingo_bark_assets.analysis.timbre.roughness import mean_roughness
from flamingo_bark_assets.analysis.timbre.song_frames import SongFrames
from flamingo_bark_assets.analysis.timbre.spectrum import METHOD, SILENT
from flamingo_bark_assets.record import Measurement

Values = NDArray[np.float64]

PLAYBACK_DB_SPL = 70.0
_BOOMY_BARKS = 2.0
_ACUM_PER_BARK = 0.11


def measure_perceptual(view: AudioView, read: SongFrames) -> PerceptualFeatures:
    """Measure the perceptual attributes of a mix or stem."""
    sounding = read.sounding
    loudness = _specific_loudness(read)
    bright, all_hz, warm, warm_reference, deep, deep_reference = read.attribute_energies(sounding).tolist()
    return PerceptualFeatures(
        sharpness_acum=_of(sharpness_acum(loudness), "din45692-zwicker-70db"),
        roughness=_of(mean_roughness(view.note_spectrum), "vassilakis-note-peaks"),
        brightness=_of(_ratio(bright, all_hz), METHOD),
        warmth_db=_of(_ratio_db(warm, warm_reference), METHOD),
        boominess=_of(boominess(loudness), "zwicker-70db"),
        depth=_of(_ratio(deep, deep_reference), METHOD),
        hardness_hz=_hardness(view),
    )


def sharpness_acum(specific_loudness: Values) -> float | None:
    """Compute the sharpness S = 0.11 sum N' g z / sum N' (DIN 45692), acum.

    g = 1 to 15.8 Bark, 0.15 exp(0.42 (z - 15.8)) + 0.85 above.

    A critical band of noise at 1 kHz and 60 dB has 1 acum. Specific loudness is in sone a Bark, shape (24,); None where
    nothing is loud.
    """
    total = float(specific_loudness.sum())
    if total <= 0.0:
        return None
    weight = np.where(BARKS <= 15.8, 1.0, 0.15 * np.exp(0.42 * (BARKS - 15.8)) + 0.85)
    return _ACUM_PER_BARK * float((specific_loudness * weight * BARKS).sum()) / total


def boominess(specific_loudness: Values) -> float | None:
    """Return share of the loudness (sone a Bark, shape (24,)) below 200 Hz; None where nothing is loud."""
    return _ratio(float(specific_loudness[BARKS < _BOOMY_BARKS].sum()), float(specific_loudness.sum()))


def _specific_loudness(read: SongFrames) -> Values:
    """Compute the mean specific loudness with the mean power of the sounding frames at 70 dB SPL.

    This makes it independent of gain.
    """
    values = read.values[read.sounding]
    bands = values[:, SHAPES + read.first_critical_band :][:, : len(CRITICAL_BANDS_HZ)]
    mean_power = float(values[:, POWER].mean(dtype=np.float64)) if len(values) else 0.0
    if mean_power <= 0.0:
        return np.zeros(BARKS.size)
    return mean_specific_loudness(10.0 * np.log10(bands / np.float32(mean_power) + 1e-12) + np.float32(PLAYBACK_DB_SPL))


def _hardness(view: AudioView) -> Measurement[float]:
    centroids_hz = attack_centroids_hz(view.onset_power)
    if centroids_hz is None:
        return Measurement.unknown("it has no attacks", method="attack-centroid")
    return Measurement.of(float(np.median(centroids_hz)), method="attack-centroid")


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None


def _ratio_db(part: float, other: float) -> float | None:
    return 10.0 * math.log10(part / other) if part > 0.0 and other > 0.0 else None


def _of(value: float | None, method: str) -> Measurement[float]:
    if value is None:
        return Measurement.unknown(SILENT, method=method)
    return Measurement.exact(value, method=method)
