"""What is measured of every stem, whatever plays on it.

The part that the four instrument results share belongs here; what only one instrument has does not.
"""

from __future__ import annotations

import numpy as np

from flamingo_bark_assets.analysis.features import StemFeatures
from flamingo_bark_assets.analysis.rhythm import onset_density, rhythm_complexity
from flamingo_bark_assets.analysis.spectrum import measure_timbre
from flamingo_bark_assets.analysis.view import ACTIVITY_FRAME_S, AudioView
from flamingo_bark_assets.audio.loudness import integrated_loudness, segment_energies
from flamingo_bark_assets.record import Measurement


def measure_stem(song_id: str, view: AudioView, *, energy_share: Measurement[float]) -> StemFeatures:
    """Measure what every stem has; the instrument's own result is built on it.

    Args:
        song_id: the song's identifier.
        view: the stem, usable (`AudioView.unusable` is None).
        energy_share: energy of the stem over the summed energy of all stems.

    """
    sounding_s = float(np.count_nonzero(view.active)) * ACTIVITY_FRAME_S
    centroid_hz, flatness = measure_timbre(view)
    return StemFeatures(
        song_id=song_id,
        loudness_integrated_lufs=integrated_loudness(segment_energies(view.signal)),
        energy_share=energy_share,
        active_fraction=Measurement.of(float(view.active.mean()), method="rms-50ms-60dbfs"),
        onset_density_hz=onset_density(view, sounding_s),
        rhythm_complexity=rhythm_complexity(view),
        spectral_centroid_hz=centroid_hz,
        spectral_flatness=flatness,
    )
