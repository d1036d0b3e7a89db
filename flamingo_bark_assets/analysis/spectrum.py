"""Spectral descriptors over the sounding frames of a signal.

Means over time of what the spectrum's shape says belong here; pitch and rhythm do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flamingo_bark_assets.analysis.librosa_loading import load_librosa
from flamingo_bark_assets.analysis.view import FRAME, HOP, SAMPLE_RATE_HZ, AudioView
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement

_METHOD = "stft-22050"
_ROLLOFF = 0.85
_FLATNESS_FLOOR = 1e-10
# Above it the resampler's own slope would be measured.
_FLATNESS_TOP_HZ = 10_000.0
_FULL_CONFIDENCE_FRAMES = 100.0


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Means over the sounding frames, 0 to 11 kHz.

    The confidence of each is that of a mean of so many frames: the share of the way to 100 sounding frames.
    """

    centroid_hz: Measurement[float]
    bandwidth_hz: Measurement[float]
    rolloff_hz: Measurement[float]
    flatness: Measurement[float]
    contrast_db: Measurement[float]


def measure_spectrum(view: AudioView) -> Spectrum:
    """Describe the spectrum of the sounding frames.

    Centroid and bandwidth are weighted by magnitude and contrast is octave-based, as in librosa; roll-off and
    flatness go by power (Peeters, "A large set of audio features", IRCAM 2004; Jiang et al., ICME 2002).

    Args:
        view: the signal.

    """
    power = view.power[:, view.sounding]
    if power.shape[1] == 0:
        nothing = _mean_over_frames(power[0])
        return Spectrum(nothing, nothing, nothing, nothing, nothing)
    magnitude = np.sqrt(power)
    centroid, bandwidth = _centroid_and_bandwidth(magnitude, view.frequencies_hz)
    return Spectrum(
        centroid_hz=_mean_over_frames(centroid),
        bandwidth_hz=_mean_over_frames(bandwidth),
        rolloff_hz=_mean_over_frames(_rolloff(power, view.frequencies_hz)),
        flatness=_mean_over_frames(_flatness(power[view.frequencies_hz < _FLATNESS_TOP_HZ])),
        contrast_db=_mean_over_frames(_contrast(magnitude).mean(axis=0)),
    )


def measure_timbre(view: AudioView) -> tuple[Measurement[float], Measurement[float]]:
    """Mean centroid, Hz, and mean flatness of the sounding frames, as in `measure_spectrum`.

    Args:
        view: the signal.

    """
    power = view.power[:, view.sounding]
    if power.shape[1] == 0:
        nothing = _mean_over_frames(power[0])
        return nothing, nothing
    centroid, _ = _centroid_and_bandwidth(np.sqrt(power), view.frequencies_hz)
    return _mean_over_frames(centroid), _mean_over_frames(_flatness(power[view.frequencies_hz < _FLATNESS_TOP_HZ]))


def _mean_over_frames(values: FloatArray) -> Measurement[float]:
    if values.size == 0:
        return Measurement.unknown("no sound below 11 kHz", method=_METHOD)
    mean = float(values.mean(dtype=np.float64))
    return Measurement.of(mean, method=_METHOD, confidence=values.size / _FULL_CONFIDENCE_FRAMES)


def _centroid_and_bandwidth(magnitude: FloatArray, frequencies_hz: FloatArray) -> tuple[FloatArray, FloatArray]:
    total = magnitude.sum(axis=0)
    centroid = frequencies_hz @ magnitude / total
    variance = (frequencies_hz**2) @ magnitude / total - centroid**2
    return centroid, np.sqrt(np.maximum(variance, 0.0))


def _rolloff(power: FloatArray, frequencies_hz: FloatArray) -> FloatArray:
    cumulative = np.cumsum(power, axis=0)
    rows = np.argmax(cumulative >= _ROLLOFF * cumulative[-1], axis=0)
    return np.asarray(frequencies_hz[rows])


def _flatness(power: FloatArray) -> FloatArray:
    """Geometric over arithmetic mean; the floor follows the frame's own peak: gain does not matter."""
    floored = np.maximum(power, _FLATNESS_FLOOR * power.max(axis=0))
    return np.asarray(np.exp(np.log(floored).mean(axis=0)) / floored.mean(axis=0))


def _contrast(magnitude: FloatArray) -> FloatArray:
    librosa = load_librosa()
    scaled = magnitude / magnitude.max()
    return np.asarray(librosa.feature.spectral_contrast(S=scaled, sr=SAMPLE_RATE_HZ, n_fft=FRAME, hop_length=HOP))
