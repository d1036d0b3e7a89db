"""All measurements of one song together: what captions, claims, prompts and verdicts are made from.

The value belongs here; measuring and storing do not.
"""

from __future__ import annotations

from dataclasses import dataclass

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.harmonic import HarmonicFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.stem import StemFeatures
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.audio.recording import RawSong, StemSet
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.parts import STEM_KINDS, StemKind


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was measured of one song, and what is said about it."""

    raw_song: RawSong
    metadata: SongMetadata
    stems: StemSet
    song: SongFeatures
    drums: DrumFeatures
    bass: BassFeatures
    vocals: VocalFeatures
    harmonic: HarmonicFeatures

    @property
    def song_id(self) -> str:
        """The song's identifier."""
        return self.raw_song.song_id

    @property
    def untellable(self) -> str | None:
        """Why nothing can be written about the song; None where something can."""
        return self.raw_song.unusable or self.song.unusable or self.metadata.unusable

    def of_stem(self, kind: StemKind) -> StemFeatures:
        """The measurements of one kind of stem."""
        by_kind: dict[StemKind, StemFeatures] = {
            "drums": self.drums, "bass": self.bass, "vocals": self.vocals, "harmonic": self.harmonic,
        }  # fmt: skip
        return by_kind[kind]

    @property
    def audible_kinds(self) -> tuple[StemKind, ...]:
        """The kinds of stem with usable, audible sound, in the order drums, bass, vocals, harmonic."""
        sounding = {s.kind for s in self.stems.stems if s.audible and s.usable}
        return tuple(kind for kind in STEM_KINDS if kind in sounding)
