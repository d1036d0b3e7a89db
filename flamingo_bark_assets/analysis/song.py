"""Measurements of the full mix.

What makes `song_features` belongs here; stems have modules of their own.
"""

from __future__ import annotations

from flamingo_bark_assets.analysis.features import Beat, SongFeatures
from flamingo_bark_assets.analysis.rhythm import measure_rhythm, onset_density
from flamingo_bark_assets.analysis.spectrum import measure_spectrum
from flamingo_bark_assets.analysis.tonality import measure_tonality
from flamingo_bark_assets.analysis.view import AudioView
from flamingo_bark_assets.audio.loudness import measure_loudness


def analyse_song(song_id: str, view: AudioView) -> SongFeatures:
    """Measure the full mix.

    Args:
        song_id: the song's identifier.
        view: the mix.

    Returns:
        The measurements; all unknown, for the same reason, where the mix is silent or too short.

    """
    if view.unusable is not None:
        return SongFeatures.of_unusable(song_id, view.unusable)
    rhythm = measure_rhythm(view)
    tonality = measure_tonality(view)
    spectrum = measure_spectrum(view)
    loudness = measure_loudness(view.signal)
    return SongFeatures(
        song_id=song_id,
        tempo_bpm=rhythm.tempo_bpm,
        tempo_stability=rhythm.tempo_stability,
        beat_count=rhythm.beat_count,
        key=tonality.key,
        tuning_cents=tonality.tuning_cents,
        loudness_integrated_lufs=loudness.loudness_integrated_lufs,
        loudness_range_lu=loudness.loudness_range_lu,
        true_peak_dbtp=loudness.true_peak_dbtp,
        crest_factor_db=loudness.crest_factor_db,
        dynamic_range_db=loudness.dynamic_range_db,
        onset_density_hz=onset_density(view, view.duration_s),
        spectral_centroid_hz=spectrum.centroid_hz,
        spectral_bandwidth_hz=spectrum.bandwidth_hz,
        spectral_rolloff_hz=spectrum.rolloff_hz,
        spectral_flatness=spectrum.flatness,
        spectral_contrast_db=spectrum.contrast_db,
        beats=tuple(Beat(beat=i, time_s=time) for i, time in enumerate(rhythm.beat_times_s)),
    )
