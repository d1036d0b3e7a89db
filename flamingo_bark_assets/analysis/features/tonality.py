"""Which notes the mix uses: key, tuning, chords.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.record import Measurement, Row, column, events, quantity


@dataclass(frozen=True, kw_only=True)
class Chord(Row):
    """One chord of the song."""

    TABLE: ClassVar[str] = "chords"
    KEY: ClassVar[tuple[str, ...]] = ("chord",)

    chord: int = column("Number of the chord, from 0.")
    start_s: float = column("Start.", unit="s")
    end_s: float = column("End.", unit="s")
    label: str = column(
        "Chord in Harte syntax (C:maj, A:min7), spelled in the key in which it stands; N where there is none."
    )
    confidence: float = column(
        "0 (guess) to 1 (certain): expected share of its time in which root and third are right."
    )


@dataclass(frozen=True, kw_only=True)
class KeySegment(Row):
    """One segment of the song in one key."""

    TABLE: ClassVar[str] = "key_segments"
    KEY: ClassVar[tuple[str, ...]] = ("segment",)

    segment: int = column("Number of the segment, from 0.")
    start_s: float = column("Start.", unit="s")
    end_s: float = column("End.", unit="s")
    key: str = column("Key as tonic and mode, spelled as `key` of song_features.")
    confidence: float = column("Share of the segment's windows in which this key is the likeliest, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class KeyCandidate(Row):
    """One reading of the key."""

    TABLE: ClassVar[str] = "key_candidates"
    KEY: ClassVar[tuple[str, ...]] = ("rank",)

    rank: int = column("0 is the one that was chosen.")
    key: str = column("Key as tonic and mode, spelled as `key` of song_features.")
    relation: str = column("Its relation to the chosen one: chosen, relative, parallel, fifth or other.")
    score: float = column("Probability among all 24 keys, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class TonalityFeatures:
    """Which notes the mix uses."""

    key: Measurement[str] = quantity(
        "",
        "Key as tonic and mode, spelled by the signature with the fewest accidentals: C, Db, D, Eb, E, F, F#, G, Ab, "
        "A, Bb, B major; C, C#, D, Eb, E, F, F#, G, G#, A, Bb, B minor.",
    )
    mode_name: Measurement[str] = quantity(
        "",
        "Scale: major, minor, dorian, mixolydian, phrygian, lydian; only where its characteristic degrees are clear.",
    )
    tonal: Measurement[bool] = quantity("", "Whether a key is defined at all: chords are detected in the song.")
    tuning_cents: Measurement[float] = quantity(
        "cent", "Deviation from A4 = 440 Hz, -50 to 50: circular mean of the spectral peaks (Zhu et al. 2005)."
    )
    chord_change_rate_hz: Measurement[float] = quantity("1/s", "Chord changes a second.")
    key_change_count: Measurement[int] = quantity("", "Number of changes to another key.")
    chords: tuple[Chord, ...] = events("One row a chord.")
    key_segments: tuple[KeySegment, ...] = events("One row a segment in one key.")
    key_candidates: tuple[KeyCandidate, ...] = events(
        "One row a reading of the key: the five likeliest, and the relative of the first where it is none of them."
    )
