"""A whole song in one call: the mix and its stems, each measured once, informing each other.

The order of the parts and the energy shares belong here; the platform's steps, which store each part, are in
`pipeline`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.frontend.view import SongViews
from flamingo_bark_assets.analysis.kinds import StemResult, analyse_stem
from flamingo_bark_assets.analysis.song import analyse_song
from flamingo_bark_assets.parts import STEM_KINDS, StemKind, added_up
from flamingo_bark_assets.record import Measurement
from flamingo_bark_assets.threads import one_blas_thread


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that is measured of one song; a kind of stem that is missing is left out."""

    song: SongFeatures
    stems: Mapping[StemKind, StemResult]


def analyse_whole(song_id: str, views: SongViews) -> Analysis:
    """Measure the mix and every stem that there is."""
    with one_blas_thread():
        return _analyse(song_id, views)


def _analyse(song_id: str, views: SongViews) -> Analysis:
    song = analyse_song(song_id, views)
    share = energy_shares(views)
    measured: dict[StemKind, StemResult] = {}
    for kind in STEM_KINDS:
        if kind in views.stems:
            measured[kind] = analyse_stem(
                kind, song_id, views.stems[kind], energy_share=share[kind], song=song, others=measured
            )
    return Analysis(song, measured)


def energy_shares(views: SongViews) -> Mapping[StemKind, Measurement[float]]:
    """Return energy of each stem over the summed energy of all stems, of which none is in the sum of another."""
    method = "mean-square-times-length"
    energies = {kind: float(view.activity_power.sum()) for kind, view in views.stems.items()}
    total = sum(energies[kind] for kind in added_up(energies))
    if total <= 0.0:
        return {kind: Measurement.unknown("no stem holds sound", method=method) for kind in STEM_KINDS}
    return {kind: Measurement.exact(energies.get(kind, 0.0) / total, method=method) for kind in STEM_KINDS}
