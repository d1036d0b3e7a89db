"""Key and tuning of a signal.

What the pitch classes as a whole say belongs here; single chords and notes do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flamingo_bark_assets.analysis.view import AudioView
from flamingo_bark_assets.record import Measurement

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

_KEY_METHOD = "krumhansl-kessler"
_TUNING_METHOD = "peak-circular-mean"

# Probe-tone profiles: Krumhansl & Kessler, Psychological Review 89 (1982).
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

_MIN_CHROMA_SPREAD = 0.15
_CLEAR_CHROMA_SPREAD = 0.4
_MIN_CORRELATION = 0.5
_CLEAR_MARGIN = 0.1
_MIN_TUNING_PEAKS = 20
_MIN_TUNING_CONCENTRATION = 0.1


@dataclass(frozen=True, slots=True)
class Tonality:
    """Key and tuning.

    Attributes:
        key: for instance 'F# minor'.
        tuning_cents: deviation from A4 = 440 Hz, -50 to 50.

    """

    key: Measurement[str]
    tuning_cents: Measurement[float]


def measure_tonality(view: AudioView) -> Tonality:
    """Find key and tuning; each docstring below says what its confidence means.

    Args:
        view: the signal.

    """
    return Tonality(key=_key(view), tuning_cents=_tuning(view))


def _key(view: AudioView) -> Measurement[str]:
    """Name the key whose probe-tone profile correlates best with the mean chroma.

    The confidence is the product of three shares: the best correlation, from 0.5 (which noise reaches) to
    1; its margin over the best other key, full at 0.1 (the relative key and the neighbours on the circle
    of fifths are the usual rivals); and the spread of the mean chroma (its standard deviation over its
    mean), full at 0.4, as noise has a flat one. A modal song (Dorian, Mixolydian) can get a neighbouring
    key with a high confidence.
    """
    chroma = view.chroma[:, view.chroma.any(axis=0)]
    if chroma.shape[1] == 0:
        return Measurement.unknown("no pitched sound below 5.5 kHz", method=_KEY_METHOD)
    profile = chroma.mean(axis=1, dtype=np.float64)
    spread = float(profile.std() / profile.mean())
    if spread < _MIN_CHROMA_SPREAD:
        return Measurement.unknown("no tonal centre: all pitch classes sound alike", method=_KEY_METHOD)
    correlation = _key_correlations(profile)
    second, best = np.argsort(correlation)[-2:]
    margin = float(correlation[best] - correlation[second])
    if correlation[best] < _MIN_CORRELATION:
        return Measurement.unknown("no tonal centre: the profile of no key fits", method=_KEY_METHOD)
    confidence = (
        (float(correlation[best]) - _MIN_CORRELATION)
        / (1.0 - _MIN_CORRELATION)
        * min(1.0, margin / _CLEAR_MARGIN)
        * min(1.0, spread / _CLEAR_CHROMA_SPREAD)
    )
    name = f"{PITCH_CLASSES[best % 12]} {'major' if best < 12 else 'minor'}"
    return Measurement.of(name, method=_KEY_METHOD, confidence=confidence)


def _key_correlations(
    profile: np.ndarray[Any, np.dtype[np.float64]],
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Pearson correlation with the 12 major keys from C, then the 12 minor keys, shape (24,)."""
    templates = np.array([np.roll(mode, tonic) for mode in (_MAJOR, _MINOR) for tonic in range(12)])
    templates = templates - templates.mean(axis=1, keepdims=True)
    centred = profile - profile.mean()
    return np.asarray(templates @ centred / (np.linalg.norm(templates, axis=1) * np.linalg.norm(centred) + 1e-12))


def _tuning(view: AudioView) -> Measurement[float]:
    """Give the mean deviation of the spectral peaks; the confidence is their mean resultant length."""
    tuning = view.tuning
    if tuning.peaks < _MIN_TUNING_PEAKS:
        return Measurement.unknown("too few spectral peaks", method=_TUNING_METHOD)
    if tuning.concentration < _MIN_TUNING_CONCENTRATION:
        return Measurement.unknown("the spectral peaks agree on no tuning", method=_TUNING_METHOD)
    return Measurement.of(tuning.cents, method=_TUNING_METHOD, confidence=tuning.concentration)
