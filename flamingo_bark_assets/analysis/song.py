"""The full mix, measured: rhythm, tonality, form, dynamics, colour, stereo image, each by its own module.

Putting these together in the order in which they need each other belongs here; no measurement does.
"""

from __future__ import annotations

import numpy as np

from flamingo_bark_assets.analysis.character import measure_character
from flamingo_bark_assets.analysis.dynamics import measure_dynamics
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.frontend.view import SongViews
from flamingo_bark_assets.analysis.rhythm.measure import measure_rhythm
from flamingo_bark_assets.analysis.stereo import measure_stereo
from flamingo_bark_assets.analysis.structure.measure import measure_structure
from flamingo_bark_assets.analysis.timbre.measure import measure_timbre
from flamingo_bark_assets.analysis.tonality.measure import measure_tonality


def analyse_song(song_id: str, views: SongViews) -> SongFeatures:
    """Measure the full mix, with the help of what stems there are: drums for beats, chordal kinds and bass for chords.

    Returns:
        The measurements; all unknown, for the same reason, where the mix is silent or too short.
    """
    if views.mix.unusable is not None:
        return SongFeatures.of_unusable(song_id, views.mix.unusable)
    views = _sounding(views)
    rhythm = measure_rhythm(views)
    tonality = measure_tonality(views, np.array([beat.time_s for beat in rhythm.beats]))
    return SongFeatures(
        song_id=song_id,
        **vars(rhythm),
        **vars(tonality),
        **vars(measure_structure(views, rhythm.beats)),
        **vars(measure_dynamics(views.mix)),
        **vars(measure_timbre(views.mix)),
        **vars(measure_character(views.mix, rhythm)),
        **vars(measure_stereo(views.mix.levels)),
    )


def _sounding(views: SongViews) -> SongViews:
    """Return the views without the stems in which nothing can be measured."""
    return SongViews(views.mix, {kind: view for kind, view in views.stems.items() if view.unusable is None})
