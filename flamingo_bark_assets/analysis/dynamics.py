"""How loud the mix is and how its level moves, from what the front-end gathered in its pass.

Putting the standards' measures together belongs here; the measures themselves stand in `audio`.
"""

from __future__ import annotations

import math

import numpy as np

from flamingo_bark_assets.analysis.features.dynamics import DynamicsFeatures
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.audio.levels import Levels
from flamingo_bark_assets.audio.loudness import (
    dynamic_range,
    integrated_loudness,
    loudest_momentary,
    loudest_short_term,
    loudness_range,
)
from flamingo_bark_assets.audio.true_peak import METHOD as TRUE_PEAK_METHOD
from flamingo_bark_assets.audio.true_peak import TruePeakReader
from flamingo_bark_assets.record import Measurement


def measure_dynamics(view: AudioView) -> DynamicsFeatures:
    """Measure loudness, peaks and range of the mix, each unknown with its reason for silence or too short a sound.

    Announce `TruePeakReader` to the view, or it is read once more.
    """
    loudness = integrated_loudness(view.energies)
    peak = true_peak(view)
    return DynamicsFeatures(
        loudness_integrated_lufs=loudness,
        loudness_short_term_max_lufs=loudest_short_term(view.energies),
        loudness_momentary_max_lufs=loudest_momentary(view.energies),
        loudness_range_lu=loudness_range(view.energies),
        true_peak_dbtp=peak,
        peak_to_loudness_ratio_lu=_peak_to_loudness(peak, loudness),
        crest_factor_db=crest_factor(view.levels),
        dynamic_range_db=dynamic_range(view.energies),
    )


def true_peak(view: AudioView) -> Measurement[float]:
    """Return true peak over all channels (ITU-R BS.1770-4, annex 2), dBTP, never below the sample peak."""
    peak = view.read_native(TruePeakReader)
    if peak <= 0.0:
        return Measurement.unknown("the sound is digital silence", method=TRUE_PEAK_METHOD)
    return Measurement.exact(20.0 * math.log10(peak), method=TRUE_PEAK_METHOD)


def crest_factor(levels: Levels) -> Measurement[float]:
    """Return peak over RMS of the channel with the highest RMS, dB; unknown for digital silence."""
    method = "peak-over-rms"
    loudest = int(np.argmax(levels.power))
    power, peak = float(levels.power[loudest]), float(levels.peak[loudest])
    # Squares of faint enough samples are 0.
    if power <= 0.0:
        return Measurement.unknown("the sound is digital silence", method=method)
    return Measurement.exact(20.0 * math.log10(peak) - 10.0 * math.log10(power), method=method)


def _peak_to_loudness(peak: Measurement[float], loudness: Measurement[float]) -> Measurement[float]:
    method = "true-peak-minus-integrated"
    for part in (loudness, peak):
        if part.reason is not None:
            return Measurement.unknown(part.reason, method=method)
    assert peak.value is not None and loudness.value is not None
    return Measurement.exact(peak.value - loudness.value, method=method)
