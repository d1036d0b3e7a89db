"""What the mix sounds like, all of it together.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.analysis.features.agreement import AgreementFeatures
from flamingo_bark_assets.analysis.features.character import CharacterFeatures
from flamingo_bark_assets.analysis.features.correction import CorrectedFeatures
from flamingo_bark_assets.analysis.features.dynamics import DynamicsFeatures
from flamingo_bark_assets.analysis.features.rhythm import RhythmFeatures
from flamingo_bark_assets.analysis.features.stereo import StereoFeatures
from flamingo_bark_assets.analysis.features.structure import StructureFeatures
from flamingo_bark_assets.analysis.features.timbre import TimbreFeatures
from flamingo_bark_assets.analysis.features.tonality import TonalityFeatures
from flamingo_bark_assets.record import Record


@dataclass(frozen=True, kw_only=True)
class SongFeatures(
    AgreementFeatures,
    CorrectedFeatures,
    CharacterFeatures,
    StereoFeatures,
    TimbreFeatures,
    DynamicsFeatures,
    StructureFeatures,
    TonalityFeatures,
    RhythmFeatures,
    Record,
):
    """What the mix sounds like, in numbers."""

    TABLE: ClassVar[str] = "song_features"
