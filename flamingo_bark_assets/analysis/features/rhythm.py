"""When things happen in the mix: tempo, beats, bars, swing, onsets.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.record import Measurement, Row, column, events, optional_column, quantity


@dataclass(frozen=True, kw_only=True)
class Beat(Row):
    """One beat of the mix."""

    TABLE: ClassVar[str] = "beats"
    KEY: ClassVar[tuple[str, ...]] = ("beat",)

    beat: int = column("Number of the beat, from 0.")
    time_s: float = column("Time of the beat.", unit="s")
    position: int = column("Place of the beat in its bar, from 1: the downbeat.")


@dataclass(frozen=True, kw_only=True)
class TempoCandidate(Row):
    """One reading of the tempo: the one that was chosen, its octaves and other multiples."""

    TABLE: ClassVar[str] = "tempo_candidates"
    KEY: ClassVar[tuple[str, ...]] = ("rank",)

    rank: int = column("0 is the one that was chosen, in the unit of the song's tempo.")
    tempo_bpm: float = column("Tempo.", unit="BPM")
    score: float = column("Probability that it is the tempo, 0 to 1; what they lack of 1 together is some other.")


@dataclass(frozen=True, kw_only=True)
class TempoSegment(Row):
    """A span of the song within which one tempo holds; mostly there is one."""

    TABLE: ClassVar[str] = "tempo_segments"
    KEY: ClassVar[tuple[str, ...]] = ("segment",)

    segment: int = column("Number of the segment, from 0.")
    start_s: float = column("Start.", unit="s")
    end_s: float = column("End.", unit="s")
    tempo_bpm: float = column("Tempo, as in the song's features.", unit="BPM")
    metre: str | None = optional_column("Time signature.")
    confidence: float = column("Probability that the tempo is right, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class RhythmFeatures:
    """When things happen in the mix."""

    tempo_bpm: Measurement[float] = quantity(
        "BPM",
        "Median tempo over spans of eight beats (beats after Krebs, Böck & Widmer, ISMIR 2015): dotted quarters in "
        "6/8, 9/8 and 12/8, quarters else; of the longest segment where the tempo changes.",
    )
    tempo_stability: Measurement[float] = quantity(
        "", "1 minus the interquartile range of the beat intervals over their median."
    )
    beat_count: Measurement[int] = quantity("", "Number of beats.")
    beats_per_bar: Measurement[int] = quantity(
        "", "Beats from one downbeat to the next: dotted quarters in 6/8, 9/8 and 12/8, eighths in 5/8 and 7/8."
    )
    metre: Measurement[str] = quantity(
        "", "Time signature: 3/4, 4/4, 5/4, 7/4, 5/8, 7/8, 6/8, 9/8 or 12/8; 2/4 counts as 4/4."
    )
    first_downbeat_s: Measurement[float] = quantity(
        "s", "Time of the first downbeat; its confidence is that of all downbeats: beats, metre and place in the bar."
    )
    swing_ratio: Measurement[float] = quantity(
        "",
        "Where the second half of the beat (or half-beat) falls: 0.5 straight, 0.667 triplet "
        "(after Friberg & Sundström, Music Perception 19, 2002).",
    )
    rhythmic: Measurement[bool] = quantity("", "Whether a tempo is defined at all.")
    on_beat_ratio: Measurement[float] = quantity("", "Share of onset strength within 50 ms of a beat.")
    onset_density_hz: Measurement[float] = quantity(
        "1/s", "Onsets a second: peaks of the spectral flux (Dixon, DAFx 2006), swells among them."
    )
    onset_evenness: Measurement[float] = quantity("", "1 minus the entropy of the inter-onset intervals, 0 to 1.")
    beats: tuple[Beat, ...] = events("One row a beat.")
    tempo_candidates: tuple[TempoCandidate, ...] = events("One row a reading of the tempo.")
    tempo_segments: tuple[TempoSegment, ...] = events("One row a segment of one tempo.")

    @property
    def one_tempo_bpm(self) -> Measurement[float]:
        """The tempo, where one holds throughout; unknown where it changes."""
        if len(self.tempo_segments) < 2:
            return self.tempo_bpm
        tempi = ", ".join(f"{segment.tempo_bpm:.0f}" for segment in self.tempo_segments)
        return Measurement.unknown(f"it changes: {tempi} BPM", method=self.tempo_bpm.method)
