"""What instruments that play chords do: guitar, piano, all other harmonic ones together, and all that play at once.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.analysis.features.stem import ActiveSegment, StemFeatures
from flamingo_bark_assets.analysis.features.tonality import Chord
from flamingo_bark_assets.record import Measurement, events, quantity


@dataclass(frozen=True, kw_only=True)
class ChordalFeatures(StemFeatures):
    """The measurements that all instruments have in common which play chords."""

    chord_count: Measurement[int] = quantity("", "Number of distinct chords.")
    main_chords: Measurement[str] = quantity(
        "", "Up to four chords that sound longest, joined by ' ', spelled in the song's key."
    )
    harmonic_rhythm_hz: Measurement[float] = quantity("1/s", "Chord changes a second.")
    seventh_share: Measurement[float] = quantity("", "Share of chord time in chords of four notes and more.")
    polyphony: Measurement[float] = quantity(
        "", "Mean number of notes that sound together: peaks of the non-negative note salience, over sounding frames."
    )
    sustain: Measurement[float] = quantity(
        "",
        "Share of the energy of 27 Hz to 4 kHz that median filters over 0.75 s and 8 semitones assign to sustained "
        "sound (FitzGerald 2010).",
    )
    harmonic_to_noise_db: Measurement[float] = quantity(
        "dB",
        "Energy over that of the floor between the partials (lower quartile of each octave), median over sounding "
        "frames; relative, as reverb and density count as noise.",
    )
    inharmonicity: Measurement[float] = quantity(
        "", "Coefficient B of partials at h f0 sqrt(1 + B h^2) (Fletcher 1964), median over clear notes."
    )
    brightness: Measurement[float] = quantity(
        "", "Share of the energy of 27 Hz to 4 kHz that lies above 1500 Hz (Juslin 2000)."
    )
    chords: tuple[Chord, ...] = events("One row a chord.")
    activity: tuple[ActiveSegment, ...] = events("One row a segment in which it sounds.")


@dataclass(frozen=True, kw_only=True)
class GuitarChord(Chord):
    """One chord of the guitar alone."""

    TABLE: ClassVar[str] = "guitar_chords"


@dataclass(frozen=True, kw_only=True)
class GuitarActivity(ActiveSegment):
    """One segment in which the guitar sounds."""

    TABLE: ClassVar[str] = "guitar_activity"


@dataclass(frozen=True, kw_only=True)
class GuitarFeatures(ChordalFeatures):
    """What the guitar does."""

    TABLE: ClassVar[str] = "guitar_features"

    chords: tuple[GuitarChord, ...] = events("One row a chord.")
    activity: tuple[GuitarActivity, ...] = events("One row a segment in which the guitar sounds.")


@dataclass(frozen=True, kw_only=True)
class PianoChord(Chord):
    """One chord of the piano alone."""

    TABLE: ClassVar[str] = "piano_chords"


@dataclass(frozen=True, kw_only=True)
class PianoActivity(ActiveSegment):
    """One segment in which the piano sounds."""

    TABLE: ClassVar[str] = "piano_activity"


@dataclass(frozen=True, kw_only=True)
class PianoFeatures(ChordalFeatures):
    """What the piano does."""

    TABLE: ClassVar[str] = "piano_features"

    chords: tuple[PianoChord, ...] = events("One row a chord.")
    activity: tuple[PianoActivity, ...] = events("One row a segment in which the piano sounds.")


@dataclass(frozen=True, kw_only=True)
class HarmonicChord(Chord):
    """One chord of the harmonic instruments alone."""

    TABLE: ClassVar[str] = "harmonic_chords"


@dataclass(frozen=True, kw_only=True)
class HarmonicActivity(ActiveSegment):
    """One segment in which the harmonic instruments sound."""

    TABLE: ClassVar[str] = "harmonic_activity"


@dataclass(frozen=True, kw_only=True)
class HarmonicFeatures(ChordalFeatures):
    """What the harmonic instruments do."""

    TABLE: ClassVar[str] = "harmonic_features"

    chords: tuple[HarmonicChord, ...] = events("One row a chord.")
    activity: tuple[HarmonicActivity, ...] = events("One row a segment in which the instruments sound.")


@dataclass(frozen=True, kw_only=True)
class InstrumentalChord(Chord):
    """One chord of the mix without its voice."""

    TABLE: ClassVar[str] = "instrumental_chords"


@dataclass(frozen=True, kw_only=True)
class InstrumentalActivity(ActiveSegment):
    """One segment in which anything but the voice sounds."""

    TABLE: ClassVar[str] = "instrumental_activity"


@dataclass(frozen=True, kw_only=True)
class InstrumentalFeatures(ChordalFeatures):
    """What the mix without its voice does: drums, bass and harmonic instruments in one file."""

    TABLE: ClassVar[str] = "instrumental_features"

    chords: tuple[InstrumentalChord, ...] = events("One row a chord.")
    activity: tuple[InstrumentalActivity, ...] = events("One row a segment in which anything but the voice sounds.")
