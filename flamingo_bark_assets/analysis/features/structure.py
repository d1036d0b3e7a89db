"""The form of the song.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.record import Measurement, Row, column, events, quantity

SECTION_NAMES = ("intro", "verse", "chorus", "bridge", "instrumental", "break", "outro")
"""What a section may be called."""

UNSUNG_SHARE = 0.1
"""A section in which less of the time is sung is taken for one without a voice: own choice."""

SURE_NAME = 0.8
"""Names with less confidence are proposals for a person, and stand in no text."""


@dataclass(frozen=True, kw_only=True)
class Section(Row):
    """One section of the song; together they cover it from its first to its last sound."""

    TABLE: ClassVar[str] = "sections"
    KEY: ClassVar[tuple[str, ...]] = ("section",)

    section: int = column("Number of the section, from 0.")
    start_s: float = column("Start: a downbeat, but for the first section.", unit="s")
    end_s: float = column("End.", unit="s")
    label: str = column("Letter in order of appearance: sections with the same letter sound alike.")
    name: str | None = column(
        "Proposal of what it is: intro, verse, chorus, bridge, instrumental, break or outro; null where nothing "
        "distinguishes it."
    )
    name_confidence: float = column("Probability of the likeliest name, 0 to 1, also where it is too low to be given.")
    bars: int = column("Length in bars; in steps of 2 s where the song has no beats.")
    start_confidence: float = column("Probability that a section begins within 3 s of here, 0 to 1.")
    level_db: float = column("Mean power over that of the whole song.", unit="dB")
    deviation_db: float = column(
        "RMS difference of its mean band levels from those of the whole song: small where it is typical of it.",
        unit="dB",
    )


@dataclass(frozen=True, kw_only=True)
class StructureFeatures:
    """The form of the song."""

    section_count: Measurement[int] = quantity("", "Number of sections.")
    form: Measurement[str] = quantity("", "The letters of the sections in order, for instance ABCBC.")
    section_bars: Measurement[float] = quantity("", "Median length of the sections in bars.")
    repetition: Measurement[float] = quantity("", "Share of the time in sections whose letter occurs more than once.")
    sections: tuple[Section, ...] = events("One row a section.")
