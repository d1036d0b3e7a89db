"""All measurements of one song together: what captions, claims, prompts and verdicts are made from.

The value belongs here; measuring and storing do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.analysis.kinds import StemResult
from flamingo_bark_assets.audio.recording import RawSong, StemSet
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.library.judgements import ClaimDecision
from flamingo_bark_assets.parts import STEM_KINDS, StemKind
from flamingo_bark_assets.separation.records import SeparatedStems

F = TypeVar("F", bound=StemResult)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was measured of one song, and what is said about it.

    Attributes:
        raw_song: the song file.
        metadata: what its owner and its tags say.
        separated: whether a separator made the stems, and which.
        stems: the stems against the mix.
        song: the mix, measured.
        stem_features: each kind of stem, measured; unusable where there is none.
        claim_decisions: disputed claims that a person keeps or drops, by the names of `judgements.claim_name`.
    """

    raw_song: RawSong
    metadata: SongMetadata
    separated: SeparatedStems
    stems: StemSet
    song: SongFeatures
    stem_features: Mapping[StemKind, StemResult]
    claim_decisions: Mapping[str, ClaimDecision] = field(default_factory=dict)

    @property
    def song_id(self) -> str:
        """The song's identifier."""
        return self.raw_song.song_id

    @property
    def untellable(self) -> str | None:
        """Why nothing can be written about the song; None where something can."""
        return self.raw_song.unusable or self.song.unusable or self.metadata.unusable

    @property
    def drums(self) -> DrumFeatures:
        """The drums, measured."""
        return self._of_class("drums", DrumFeatures)

    @property
    def bass(self) -> BassFeatures:
        """The bass, measured."""
        return self._of_class("bass", BassFeatures)

    @property
    def vocals(self) -> VocalFeatures:
        """The vocals, measured."""
        return self._of_class("vocals", VocalFeatures)

    def _of_class(self, kind: StemKind, cls: type[F]) -> F:
        features = self.stem_features[kind]
        assert isinstance(features, cls)
        return features

    def of_stem(self, kind: StemKind) -> StemResult:
        """Return the measurements of one kind of stem."""
        return self.stem_features[kind]

    @property
    def separated_kinds(self) -> frozenset[str | None]:
        """The kinds of stem of which a separator made a file."""
        return frozenset(stem.kind for stem in self.stems.stems if stem.origin == "separated")

    @property
    def audible_kinds(self) -> tuple[StemKind, ...]:
        """The kinds of stem with usable, audible sound of that kind, in the order of `STEM_KINDS`."""
        return tuple(kind for kind in self.sounding_kinds if self.of_stem(kind).something_else is None)

    @property
    def sounding_kinds(self) -> tuple[StemKind, ...]:
        """The kinds of stem with usable, audible sound, be it of that kind or not, in the order of `STEM_KINDS`."""
        sounding = {s.kind for s in self.stems.stems if s.audible and s.usable}
        return tuple(kind for kind in STEM_KINDS if kind in sounding)
