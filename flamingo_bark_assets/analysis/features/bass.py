"""What the bass does.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.analysis.features.stem import BassActivity, StemFeatures
from flamingo_bark_assets.record import Measurement, Row, column, events, quantity


@dataclass(frozen=True, kw_only=True)
class BassNote(Row):
    """One note of the bass."""

    TABLE: ClassVar[str] = "bass_notes"
    KEY: ClassVar[tuple[str, ...]] = ("note",)

    note: int = column("Number of the note, from 0.")
    onset_s: float = column("Start.", unit="s")
    offset_s: float = column("End: where it is released or damped, not where its last sound dies away.", unit="s")
    f0_hz: float = column("Median fundamental frequency.", unit="Hz")
    midi: int = column("Nearest MIDI note number.")
    strength: float = column("Largest RMS amplitude of the note over that of the strongest note, 0 to 1.")
    confidence: float = column("Probability that a note of this pitch begins there, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class BassPitch(Row):
    """The likeliest pitch of the bass in 10 ms in which the stem is above -60 dBFS."""

    TABLE: ClassVar[str] = "bass_f0"
    FRAMES: ClassVar[bool] = True
    KEY: ClassVar[tuple[str, ...]] = ("frame",)

    frame: int = column("Number of the 10 ms step.")
    time_s: float = column("Centre of the frame.", unit="s")
    f0_hz: float = column("Fundamental frequency; a mere guess where not voiced.", unit="Hz")
    voiced: bool = column("Whether a note is taken to sound there.")
    confidence: float = column("Probability that a note sounds there with this pitch, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class BassFeatures(StemFeatures):
    """What the bass does."""

    TABLE: ClassVar[str] = "bass_features"

    f0_median_hz: Measurement[float] = quantity("Hz", "Median fundamental frequency of voiced frames.")
    f0_low_hz: Measurement[float] = quantity("Hz", "5th percentile of the fundamental frequency.")
    f0_high_hz: Measurement[float] = quantity("Hz", "95th percentile of the fundamental frequency.")
    voiced_fraction: Measurement[float] = quantity("", "Share of frames in which a note sounds.")
    note_count: Measurement[int] = quantity("", "Number of notes.")
    pitch_range_semitones: Measurement[float] = quantity(
        "semitone", "From the 5th to the 95th percentile of the notes' pitch."
    )
    register: Measurement[str] = quantity(
        "",
        "Median MIDI note in a word: sub (below 33, A1), low (33 to 40, E2), middle (41 to 52, E3), high (above).",
    )
    sustain_s: Measurement[float] = quantity("s", "Median length of a note.")
    legato: Measurement[float] = quantity(
        "", "Median length of a note over the time to the next one, up to 1 s: staccato 0 to legato 1."
    )
    fundamental_strength: Measurement[float] = quantity(
        "",
        "Energy of the fundamental over the energy below 2.7 kHz, median over voiced frames.",
    )
    kick_lock: Measurement[float] = quantity("", "Share of bass notes that begin within 50 ms of a kick.")
    kick_support: Measurement[float] = quantity("", "Share of kicks with a bass note within 50 ms.")
    root_share: Measurement[float] = quantity("", "Share of note time on the root of the sounding chord.")
    third_share: Measurement[float] = quantity("", "Share of note time on the third of the sounding chord.")
    fifth_share: Measurement[float] = quantity("", "Share of note time on the fifth of the sounding chord.")
    bass_notes: tuple[BassNote, ...] = events("One row a note.")
    bass_f0: tuple[BassPitch, ...] = events(
        "One row each 10 ms in which a note sounds; each 50 ms in recordings of over half an hour."
    )
    bass_activity: tuple[BassActivity, ...] = events("One row a segment in which the bass sounds.")
