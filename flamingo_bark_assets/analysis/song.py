"""Measurements of the full mix.

The `song_features` result and its entry function belong here; stems have modules of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.analysis.rhythm import measure_rhythm, onset_density
from flamingo_bark_assets.analysis.spectrum import measure_spectrum
from flamingo_bark_assets.analysis.tonality import measure_tonality
from flamingo_bark_assets.analysis.view import AudioView
from flamingo_bark_assets.audio.loudness import measure_loudness
from flamingo_bark_assets.record import Measurement, Record, Row, column, events, quantity


@dataclass(frozen=True, kw_only=True)
class Beat(Row):
    """One beat of the mix."""

    TABLE: ClassVar[str] = "beats"
    KEY: ClassVar[tuple[str, ...]] = ("beat",)

    beat: int = column("Number of the beat, from 0.")
    time_s: float = column("Time of the beat.", unit="s")


@dataclass(frozen=True, kw_only=True)
class SongFeatures(Record):
    """What the mix sounds like, in numbers."""

    TABLE: ClassVar[str] = "song_features"

    tempo_bpm: Measurement[float] = quantity("BPM", "Median tempo of the beats.")
    tempo_stability: Measurement[float] = quantity("", "1 minus the spread of beat intervals over their median.")
    beat_count: Measurement[int] = quantity("", "Number of beats.")
    key: Measurement[str] = quantity("", "Key as tonic and mode, for instance 'F# minor'.")
    tuning_cents: Measurement[float] = quantity("cent", "Deviation from A4 = 440 Hz, -50 to 50.")
    loudness_integrated_lufs: Measurement[float] = quantity("LUFS", "Integrated loudness (ITU-R BS.1770-4).")
    loudness_range_lu: Measurement[float] = quantity("LU", "Loudness range (EBU Tech 3342).")
    true_peak_dbtp: Measurement[float] = quantity("dBTP", "True peak at four-fold oversampling (ITU-R BS.1770-4).")
    crest_factor_db: Measurement[float] = quantity("dB", "Peak over RMS of the loudest channel.")
    dynamic_range_db: Measurement[float] = quantity(
        "dB", "95th minus 10th percentile of the RMS level of 400 ms frames above the -70 dBFS gate."
    )
    onset_density_hz: Measurement[float] = quantity("1/s", "Note onsets a second.")
    spectral_centroid_hz: Measurement[float] = quantity("Hz", "Mean spectral centroid over sounding frames.")
    spectral_bandwidth_hz: Measurement[float] = quantity("Hz", "Mean spectral bandwidth over sounding frames.")
    spectral_rolloff_hz: Measurement[float] = quantity("Hz", "Mean frequency below which 85 % of the energy lies.")
    spectral_flatness: Measurement[float] = quantity("", "Mean spectral flatness, 0 tonal to 1 noise.")
    spectral_contrast_db: Measurement[float] = quantity("dB", "Mean spectral contrast over its bands.")
    beats: tuple[Beat, ...] = events("One row a beat.")


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
