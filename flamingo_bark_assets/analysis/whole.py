"""A whole song in one call: the mix and its stems, each measured once, informing each other.

The order of the parts and the energy shares belong here; the platform's steps, which store each part, are in
`pipeline`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flamingo_bark_assets.analysis.bass import analyse_bass
from flamingo_bark_assets.analysis.drums.measure import analyse_drums
from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.harmonic import HarmonicFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.analysis.frontend.view import SongViews
from flamingo_bark_assets.analysis.harmonic import analyse_harmonic
from flamingo_bark_assets.analysis.song import analyse_song
from flamingo_bark_assets.analysis.vocals.measure import analyse_vocals
from flamingo_bark_assets.parts import STEM_KINDS, StemKind
from flamingo_bark_assets.record import Measurement
from flamingo_bark_assets.threads import one_blas_thread


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that is measured of one song; a stem that is missing is None."""

    song: SongFeatures
    drums: DrumFeatures | None = None
    bass: BassFeatures | None = None
    vocals: VocalFeatures | None = None
    harmonic: HarmonicFeatures | None = None


def analyse_whole(song_id: str, views: SongViews) -> Analysis:
    """Measure the mix and every stem that there is.

    Args:
        song_id: the song's identifier.
        views: the mix and its stems.
    """
    with one_blas_thread():
        return _analyse(song_id, views)


def _analyse(song_id: str, views: SongViews) -> Analysis:
    song = analyse_song(song_id, views)
    share = energy_shares(views)
    drums = bass = vocals = harmonic = None
    if views.drums is not None:
        drums = analyse_drums(song_id, views.drums, energy_share=share["drums"], song=song)
    if views.bass is not None:
        bass = analyse_bass(song_id, views.bass, energy_share=share["bass"], song=song, drums=drums)
    if views.vocals is not None:
        vocals = analyse_vocals(song_id, views.vocals, energy_share=share["vocals"], song=song)
    if views.harmonic is not None:
        harmonic = analyse_harmonic(song_id, views.harmonic, energy_share=share["harmonic"], song=song)
    return Analysis(song, drums, bass, vocals, harmonic)


def energy_shares(views: SongViews) -> Mapping[StemKind, Measurement[float]]:
    """Energy of each stem over the summed energy of all stems."""
    method = "mean-square-times-length"
    energies = {kind: float(view.activity_power.sum()) for kind in STEM_KINDS if (view := getattr(views, kind))}
    total = sum(energies.values())
    if total <= 0.0:
        return {kind: Measurement.unknown("no stem holds sound", method=method) for kind in STEM_KINDS}
    return {kind: Measurement.of(energies.get(kind, 0.0) / total, method=method) for kind in STEM_KINDS}
