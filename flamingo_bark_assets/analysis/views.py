"""Views of a mix and of a stem: which readers go along in the one pass over each.

What is announced to a view belongs here; what a reader measures stands in its own module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flamingo_bark_assets.analysis.frontend.reading import NativeReader, SoundSource
from flamingo_bark_assets.analysis.frontend.view import AudioView, read_view
from flamingo_bark_assets.analysis.timbre.crossings import CrossingReader
from flamingo_bark_assets.analysis.timbre.frames import ShapeFrames
from flamingo_bark_assets.analysis.timbre.song_frames import SongFrames
from flamingo_bark_assets.audio.clipping import ClippingReader
from flamingo_bark_assets.audio.long_term_spectrum import SpectrumReader
from flamingo_bark_assets.audio.quality import TechnicalQuality, judge_quality
from flamingo_bark_assets.audio.true_peak import TruePeakReader
from flamingo_bark_assets.threads import one_blas_thread


def mix_view(source: SoundSource, *, also: Sequence[NativeReader[Any]] = ()) -> AudioView:
    """Return a view of a mix; the sound is read at once.

    The readers of `also` take its samples in the same pass.

    Raises:
        AudioFault: the file turns out to be at fault.
    """
    with one_blas_thread():
        native: list[NativeReader[Any]] = [ClippingReader, SpectrumReader, TruePeakReader, CrossingReader, *also]
        return read_view(source, native=native, shape=(SongFrames,))


def stem_view(source: SoundSource, *, also: Sequence[NativeReader[Any]] = ()) -> AudioView:
    """Return a view of a stem; the sound is read at once.

    See `mix_view`.

    Raises:
        AudioFault: the file turns out to be at fault.
    """
    with one_blas_thread():
        return read_view(source, native=also, shape=(ShapeFrames,))


def quality_of(view: AudioView) -> TechnicalQuality:
    """Judge the technical quality of a mix, from what its readers gathered."""
    return judge_quality(view.levels, view.read_native(ClippingReader), view.read_native(SpectrumReader))
