"""What all kinds of stem have in common.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.analysis.features.timbre import SpectralShapeFeatures
from flamingo_bark_assets.record import Measurement, Record, Row, column, quantity


@dataclass(frozen=True, kw_only=True)
class ActiveSegment(Row):
    """One segment of time in which a stem sounds; each stem has a table of its own."""

    KEY: ClassVar[tuple[str, ...]] = ("segment",)

    segment: int = column("Number of the segment, from 0.")
    start_s: float = column("Start.", unit="s")
    end_s: float = column("End.", unit="s")
    level_dbfs: float = column("RMS level over the segment, mean of the channels' power.", unit="dBFS")


@dataclass(frozen=True, kw_only=True)
class DrumActivity(ActiveSegment):
    """One segment in which the drums sound."""

    TABLE: ClassVar[str] = "drum_activity"


@dataclass(frozen=True, kw_only=True)
class BassActivity(ActiveSegment):
    """One segment in which the bass sounds."""

    TABLE: ClassVar[str] = "bass_activity"


@dataclass(frozen=True, kw_only=True)
class VocalActivity(ActiveSegment):
    """One segment in which the voice sounds."""

    TABLE: ClassVar[str] = "vocal_activity"


@dataclass(frozen=True, kw_only=True)
class StemFeatures(SpectralShapeFeatures, Record):
    """The measurements that all kinds of stem have in common."""

    loudness_integrated_lufs: Measurement[float] = quantity("LUFS", "Integrated loudness (ITU-R BS.1770-4).")
    loudness_range_lu: Measurement[float] = quantity("LU", "Loudness range (EBU Tech 3342).")
    loudness_short_term_max_lufs: Measurement[float] = quantity("LUFS", "Loudest 3 s (EBU Tech 3341).")
    energy_share: Measurement[float] = quantity("", "Energy of the stem over the summed energy of all stems.")
    active_fraction: Measurement[float] = quantity(
        "", "Share of time in which it sounds: 50 ms frames above -60 dBFS and within 35 dB of its loud ones."
    )
    longest_rest_s: Measurement[float] = quantity("s", "Longest pause between two segments of sound.")
    onset_density_hz: Measurement[float] = quantity(
        "1/s", "Onsets a second over the sounding part: drum hits, bass notes, else peaks of the spectral flux."
    )
    onset_evenness: Measurement[float] = quantity("", "1 minus the entropy of the inter-onset intervals, 0 to 1.")
    rhythm_complexity: Measurement[float] = quantity(
        "",
        "Entropy of the inter-onset intervals on a semitone-wide log grid, 0 (one interval) to 1 (all alike often).",
    )
    syncopation: Measurement[float] = quantity(
        "", "Mean syncopation of a bar (Longuet-Higgins and Lee 1984): 0 is none, 4/4 goes to about 20."
    )

    @property
    def something_else(self) -> str | None:
        """Why what sounds is rather not of this kind, whatever its name; None where it may be."""
        return None
