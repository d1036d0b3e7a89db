"""What the drums do.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.analysis.features.stem import DrumActivity, StemFeatures
from flamingo_bark_assets.record import Measurement, Row, column, events, optional_column, quantity

LEAST_KIT_PROBABILITY = 1.0 / 20.0
"""Below it a stem is taken to hold no kit; own choice: nineteen of twenty files that are named drums hold one."""


@dataclass(frozen=True, kw_only=True)
class DrumHit(Row):
    """One stroke on one drum; two drums struck together are two hits."""

    TABLE: ClassVar[str] = "drum_hits"
    KEY: ClassVar[tuple[str, ...]] = ("hit",)

    hit: int = column("Number of the hit in order of time and drum, from 0.")
    time_s: float = column("Onset time.", unit="s")
    drum: str = column("kick, snare (also clap, side stick), hihat (open, closed, pedal), tom or cymbal (ride, crash).")
    strength: float = column("Amplitude in the drum's own band over that of the song's loud hits of it, 0 to 1.")
    confidence: float = column("Probability that this drum was struck here, 0 to 1.")
    bar: int | None = optional_column("Number of the bar, from 0; null where no bars are known.")
    step: int | None = optional_column("Nearest step of the bar's grid, from 0; null where no bars are known.")


@dataclass(frozen=True, kw_only=True)
class DrumOnset(Row):
    """One instant at which anything is struck, percussion of no class included."""

    TABLE: ClassVar[str] = "drum_onsets"
    KEY: ClassVar[tuple[str, ...]] = ("onset",)

    onset: int = column("Number of the onset, from 0.")
    time_s: float = column("Onset time.", unit="s")
    confidence: float = column("Probability that something was struck here, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class DrumPattern(Row):
    """What one drum plays in most bars."""

    TABLE: ClassVar[str] = "drum_patterns"
    KEY: ClassVar[tuple[str, ...]] = ("drum",)

    drum: str = column("kick, snare, hihat, tom or cymbal.")
    steps: int = column(
        "Steps of the grid in a bar: four a beat, six where a beat has three parts: 16 in 4/4, 12 in 3/4 and 6/8."
    )
    pattern: str = column("Most common bar that is not empty, one character a step: x a hit, . none.")
    bar_share: float = column("Share of the bars with this drum that have exactly this pattern, 0 to 1.")
    bars: int = column("Number of bars in which the drum is played.")
    average: str = column(
        "Share of those bars with a hit at each step, in tenths, one digit a step; 9 is 90 % or more."
    )
    syncopation: float = column("Syncopation of the most common pattern (Longuet-Higgins & Lee 1984), per bar.")


@dataclass(frozen=True, kw_only=True)
class DrumBar(Row):
    """What one drum plays in one bar."""

    TABLE: ClassVar[str] = "drum_bars"
    KEY: ClassVar[tuple[str, ...]] = ("bar", "drum")

    bar: int = column("Number of the bar, from 0.")
    drum: str = column("kick, snare, hihat, tom or cymbal.")
    start_s: float = column("Start of the bar.", unit="s")
    pattern: str = column("One character a step: X a hit, o one of strength below 0.35, . none.")


@dataclass(frozen=True, kw_only=True)
class DrumFeatures(StemFeatures):
    """What the drums do."""

    TABLE: ClassVar[str] = "drum_features"

    drum_kit_probability: Measurement[float] = quantity(
        "",
        "Probability that the stem holds a drum kit, where that is as likely as not beforehand; below 1/20 nothing "
        "that only drums have is told.",
    )
    kick_present: Measurement[bool] = quantity("", "Whether a bass drum is played.")
    snare_present: Measurement[bool] = quantity("", "Whether a snare drum, clap or side stick is played.")
    hihat_present: Measurement[bool] = quantity("", "Whether a hi-hat is played.")
    tom_present: Measurement[bool] = quantity("", "Whether a tom is played.")
    cymbal_present: Measurement[bool] = quantity("", "Whether a ride or crash cymbal is played.")
    kick_density_hz: Measurement[float] = quantity("1/s", "Bass drum hits a second.")
    snare_density_hz: Measurement[float] = quantity("1/s", "Snare hits a second.")
    hihat_density_hz: Measurement[float] = quantity("1/s", "Hi-hat hits a second.")
    tom_density_hz: Measurement[float] = quantity("1/s", "Tom hits a second.")
    cymbal_density_hz: Measurement[float] = quantity("1/s", "Cymbal hits a second.")
    ghost_note_share: Measurement[float] = quantity(
        "", "Share of snare hits of less than 0.35 of the strength of the loud ones (9 dB below)."
    )
    swing_ratio: Measurement[float] = quantity(
        "", "Where the second of two eighths or sixteenths falls in the drums: 0.5 straight to 0.667 triplet."
    )
    swing_subdivision: Measurement[int] = quantity("", "Which notes swing: 8 for eighths, 16 for sixteenths.")
    kick_snare_syncopation: Measurement[float] = quantity(
        "",
        "Mean syncopation of a bar of the joint rhythm of kick, snare and toms, on the swung grid of steps "
        "(Longuet-Higgins & Lee, Music Perception 1, 1984); 0 is none.",
    )
    pattern_repetition: Measurement[float] = quantity(
        "", "Share of the bars with drums in which kick and snare play their most common joint pattern."
    )
    timing_spread_ms: Measurement[float] = quantity(
        "ms", "Median distance of the hits from the nearest step of the swung grid that the beats span."
    )
    drum_onsets: tuple[DrumOnset, ...] = events("One row an onset.")
    drum_hits: tuple[DrumHit, ...] = events("One row a hit.")
    drum_patterns: tuple[DrumPattern, ...] = events("One row a drum that is played.")
    drum_bars: tuple[DrumBar, ...] = events("One row a bar and drum that is played in it.")
    drum_activity: tuple[DrumActivity, ...] = events("One row a segment in which the drums sound.")

    @property
    def something_else(self) -> str | None:
        """Why what sounds is rather no drum kit, whatever its name; None where it may be one."""
        probability = self.drum_kit_probability.value
        return self.kick_present.reason if probability is not None and probability < LEAST_KIT_PROBABILITY else None
