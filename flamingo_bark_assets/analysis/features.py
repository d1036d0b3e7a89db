"""The results of the analysis: what is measured of the mix and of each kind of stem, with units.

Declarations belong here, and no numerical package, as the code location reads its columns from them; how a value
is measured stands in the module of its instrument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.record import Measurement, Record, Row, column, events, quantity


@dataclass(frozen=True, kw_only=True)
class StemFeatures(Record):
    """The measurements that drums, bass, vocals and harmonic stems have in common."""

    loudness_integrated_lufs: Measurement[float] = quantity("LUFS", "Integrated loudness (ITU-R BS.1770-4).")
    energy_share: Measurement[float] = quantity("", "Energy of the stem over the summed energy of all stems.")
    active_fraction: Measurement[float] = quantity("", "Share of 50 ms frames above -60 dBFS RMS.")
    onset_density_hz: Measurement[float] = quantity("1/s", "Note onsets a second over the sounding part.")
    rhythm_complexity: Measurement[float] = quantity(
        "",
        "Entropy of the inter-onset intervals on a semitone-wide log grid, 0 (one interval) to 1 (all alike often).",
    )
    spectral_centroid_hz: Measurement[float] = quantity("Hz", "Mean spectral centroid over sounding frames.")
    spectral_flatness: Measurement[float] = quantity("", "Mean spectral flatness, 0 tonal to 1 noise.")


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


@dataclass(frozen=True, kw_only=True)
class DrumHit(Row):
    """One hit."""

    TABLE: ClassVar[str] = "drum_hits"
    KEY: ClassVar[tuple[str, ...]] = ("hit",)

    hit: int = column("Number of the hit in order of time and drum, from 0.")
    time_s: float = column("Onset time.", unit="s")
    drum: str = column("kick, snare or hihat: the band in which the onset stands out.")
    strength: float = column("Onset strength over the strongest of its drum, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class DrumFeatures(StemFeatures):
    """What the drums do."""

    TABLE: ClassVar[str] = "drum_features"

    kick_present: Measurement[bool] = quantity("", "Whether a bass drum is played.")
    snare_present: Measurement[bool] = quantity("", "Whether a snare drum is played.")
    hihat_present: Measurement[bool] = quantity("", "Whether a hi-hat or cymbal is played.")
    kick_density_hz: Measurement[float] = quantity("1/s", "Bass drum hits a second.")
    snare_density_hz: Measurement[float] = quantity("1/s", "Snare hits a second.")
    hihat_density_hz: Measurement[float] = quantity("1/s", "Hi-hat hits a second.")
    drum_hits: tuple[DrumHit, ...] = events("One row a hit.")


@dataclass(frozen=True, kw_only=True)
class BassNote(Row):
    """One note of the bass."""

    TABLE: ClassVar[str] = "bass_notes"
    KEY: ClassVar[tuple[str, ...]] = ("note",)

    note: int = column("Number of the note, from 0.")
    onset_s: float = column("Start.", unit="s")
    offset_s: float = column("End.", unit="s")
    f0_hz: float = column("Median fundamental frequency.", unit="Hz")
    midi: int = column("Nearest MIDI note number.")


@dataclass(frozen=True, kw_only=True)
class BassFeatures(StemFeatures):
    """What the bass does."""

    TABLE: ClassVar[str] = "bass_features"

    f0_median_hz: Measurement[float] = quantity("Hz", "Median fundamental frequency of voiced frames.")
    f0_low_hz: Measurement[float] = quantity("Hz", "5th percentile of the fundamental frequency.")
    f0_high_hz: Measurement[float] = quantity("Hz", "95th percentile of the fundamental frequency.")
    voiced_fraction: Measurement[float] = quantity("", "Share of frames with a pitch.")
    note_count: Measurement[int] = quantity("", "Number of notes.")
    sustain_s: Measurement[float] = quantity("s", "Median length of a note.")
    fundamental_strength: Measurement[float] = quantity(
        "",
        "Energy within a semitone of the fundamental over the energy below 2 kHz, median over voiced frames.",
    )
    bass_notes: tuple[BassNote, ...] = events("One row a note.")


@dataclass(frozen=True, kw_only=True)
class VocalPhrase(Row):
    """One stretch of singing or speech."""

    TABLE: ClassVar[str] = "vocal_phrases"
    KEY: ClassVar[tuple[str, ...]] = ("phrase",)

    phrase: int = column("Number of the phrase, from 0.")
    start_s: float = column("Start.", unit="s")
    end_s: float = column("End.", unit="s")
    f0_median_hz: float | None = column("Median fundamental frequency; null where nothing is voiced.", unit="Hz")


@dataclass(frozen=True, kw_only=True)
class VocalFeatures(StemFeatures):
    """What the voice does."""

    TABLE: ClassVar[str] = "vocal_features"

    f0_median_hz: Measurement[float] = quantity("Hz", "Median fundamental frequency of voiced frames.")
    f0_low_hz: Measurement[float] = quantity("Hz", "5th percentile of the fundamental frequency.")
    f0_high_hz: Measurement[float] = quantity("Hz", "95th percentile of the fundamental frequency.")
    voiced_fraction: Measurement[float] = quantity("", "Share of sounding frames with a pitch.")
    vibrato_present: Measurement[bool] = quantity(
        "", "Whether steady notes carry a periodic 4 to 8 Hz pitch variation."
    )
    vibrato_rate_hz: Measurement[float] = quantity("Hz", "Median vibrato rate.")
    vibrato_extent_cents: Measurement[float] = quantity("cent", "Median vibrato extent, half peak to peak.")
    formant_f1_hz: Measurement[float] = quantity("Hz", "Median first formant over voiced frames.")
    formant_f2_hz: Measurement[float] = quantity("Hz", "Median second formant over voiced frames.")
    formant_f3_hz: Measurement[float] = quantity("Hz", "Median third formant over voiced frames.")
    vocal_phrases: tuple[VocalPhrase, ...] = events("One row a phrase.")


@dataclass(frozen=True, kw_only=True)
class Chord(Row):
    """One chord."""

    TABLE: ClassVar[str] = "chords"
    KEY: ClassVar[tuple[str, ...]] = ("chord",)

    chord: int = column("Number of the chord, from 0.")
    start_s: float = column("Start.", unit="s")
    end_s: float = column("End.", unit="s")
    label: str = column("Chord in Harte syntax (C:maj, A:min); N where there is none.")


@dataclass(frozen=True, kw_only=True)
class HarmonicFeatures(StemFeatures):
    """What the harmonic instruments do."""

    TABLE: ClassVar[str] = "harmonic_features"

    chord_count: Measurement[int] = quantity("", "Number of distinct chords.")
    main_chords: Measurement[str] = quantity("", "Up to four chords that sound longest, joined by ' '.")
    harmonic_rhythm_hz: Measurement[float] = quantity("1/s", "Chord changes a second.")
    sustain: Measurement[float] = quantity("", "Share of energy that median filtering assigns to sustained sound.")
    chords: tuple[Chord, ...] = events("One row a chord.")
