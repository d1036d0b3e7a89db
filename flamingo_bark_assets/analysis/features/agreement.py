"""What a second measurement by another implementation says of the mix.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.record import Row, column, events, optional_column

DOUBTED = 0.5
"""What a confidence is multiplied by where librosa disagrees: one of the two is wrong, and nothing says which."""


@dataclass(frozen=True, kw_only=True)
class SecondOpinion(Row):
    """One quantity of the mix, measured by librosa too."""

    TABLE: ClassVar[str] = "second_opinions"
    KEY: ClassVar[tuple[str, ...]] = ("quantity",)

    quantity: str = column("Name of the quantity: a column of song_features, mfcc_0 to mfcc_12, or chroma.")
    unit: str = column("Unit of the values, of their difference and of the tolerance.")
    ours: float | None = optional_column("What was measured here; null where unknown, or a word.")
    librosa: float | None = optional_column("What librosa measures; null where unknown, or a word.")
    ours_text: str | None = optional_column(
        "The same of a word: the key; of chroma the pitch classes, strongest first."
    )
    librosa_text: str | None = optional_column("The same by librosa.")
    difference: float | None = optional_column(
        "How far they are apart: of tempo_bpm up to octaves and thirds, of chroma 1 minus the correlation, of key what "
        "the measured key's Krumhansl correlation lacks of the best one's, both with librosa's chroma. Null where one "
        "of them is unknown."
    )
    tolerance: float = column("Largest difference that is no disagreement.")
    agrees: bool | None = optional_column("Whether they agree; null where one of them is unknown.")
    reason: str | None = optional_column("Why they are not compared; null where they are.")


@dataclass(frozen=True, kw_only=True)
class AgreementFeatures:
    """What librosa says of the same mix, of the songs that are chosen for it."""

    second_opinions: tuple[SecondOpinion, ...] = events(
        "One row a quantity that librosa measured too; none where the song was not chosen."
    )
