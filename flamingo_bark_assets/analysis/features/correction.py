"""What a person says in place of a measurement of the mix.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.record import Row, column, events, optional_column

HUMAN = "human"
"""Method of a value that a person gives."""
HUMAN_GRID = "human-grid"
"""Method of a value that follows from beats or bars that a person has corrected."""


@dataclass(frozen=True, kw_only=True)
class Correction(Row):
    """One measurement that a person has corrected in song.toml."""

    TABLE: ClassVar[str] = "corrections"
    KEY: ClassVar[tuple[str, ...]] = ("field",)

    field: str = column("What is corrected: tempo_bpm, metre, first_downbeat_s, key or sections.")
    measured: str | None = optional_column("What was measured; null where nothing was.")
    measured_method: str | None = optional_column("How that was measured.")
    measured_confidence: float | None = optional_column("How sure that was, 0 to 1.")
    corrected: str = column("What the person says.")
    is_applied: bool = column("Whether it stands in the place of the measured value.")
    note: str | None = optional_column("What was done with it, or why it could not be applied.")


@dataclass(frozen=True, kw_only=True)
class CorrectedFeatures:
    """What of the measurements a person has corrected."""

    corrections: tuple[Correction, ...] = events("One row a measurement that was corrected by hand.")
