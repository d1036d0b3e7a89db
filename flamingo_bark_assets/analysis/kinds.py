"""Each kind of stem, measured: the class of its result and the function that makes it.

Which function measures which kind belongs here, and no numerical package at import, as the steps are declared from
this table; the measurements stand in modules of their own, facts about a kind in `parts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, assert_never

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.harmonic import (
    ChordalFeatures,
    GuitarFeatures,
    HarmonicFeatures,
    InstrumentalFeatures,
    PianoFeatures,
)
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.parts import STEM_KINDS, StemKind

if TYPE_CHECKING:
    from flamingo_bark_assets.analysis.features.song import SongFeatures
    from flamingo_bark_assets.analysis.features.stem import ActiveSegment
    from flamingo_bark_assets.analysis.frontend.view import AudioView
    from flamingo_bark_assets.record import Measurement

StemResult = DrumFeatures | BassFeatures | VocalFeatures | ChordalFeatures
"""What can be measured of a stem; whoever tells of it by class handles each of these."""


def _result_class(kind: StemKind) -> type[StemResult]:
    match kind:
        case "drums":
            return DrumFeatures
        case "bass":
            return BassFeatures
        case "vocals":
            return VocalFeatures
        case "guitar":
            return GuitarFeatures
        case "piano":
            return PianoFeatures
        case "harmonic":
            return HarmonicFeatures
        case "instrumental":
            return InstrumentalFeatures
        case _:
            assert_never(kind)


RESULT_CLASSES: Mapping[StemKind, type[StemResult]] = {kind: _result_class(kind) for kind in STEM_KINDS}


def activity_of(features: StemResult) -> Sequence[ActiveSegment]:
    """Return the segments in which a stem was measured to sound."""
    match features:
        case DrumFeatures():
            return features.drum_activity
        case BassFeatures():
            return features.bass_activity
        case VocalFeatures():
            return features.vocal_activity
        case ChordalFeatures():
            return features.activity


def analyse_stem(
    kind: StemKind,
    song_id: str,
    view: AudioView,
    *,
    energy_share: Measurement[float],
    song: SongFeatures,
    others: Mapping[StemKind, StemResult],
) -> StemResult:
    """Measure the stems of one kind.

    `view` is the sum of the stems; `others` are the kinds that it reads (`KindFacts.reads`), as far as there are any.
    """
    result = RESULT_CLASSES[kind]
    if issubclass(result, ChordalFeatures):
        from flamingo_bark_assets.analysis.harmonic import analyse_harmonic

        return analyse_harmonic(result, song_id, view, energy_share=energy_share, song=song)
    if issubclass(result, DrumFeatures):
        from flamingo_bark_assets.analysis.drums.measure import analyse_drums

        return analyse_drums(song_id, view, energy_share=energy_share, song=song)
    if issubclass(result, BassFeatures):
        from flamingo_bark_assets.analysis.bass import analyse_bass

        drums = others.get("drums")
        assert drums is None or isinstance(drums, DrumFeatures)
        return analyse_bass(song_id, view, energy_share=energy_share, song=song, drums=drums)
    if issubclass(result, VocalFeatures):
        from flamingo_bark_assets.analysis.vocals.measure import analyse_vocals

        return analyse_vocals(song_id, view, energy_share=energy_share, song=song)
    assert_never(result)
