"""Views of a mix and of a stem: which readers go along in the one pass over each.

What is announced to a view belongs here; what a reader measures stands in its own module.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flamingo_bark_assets.analysis.frontend.reading import SoundSource
from flamingo_bark_assets.analysis.frontend.view import AudioView, read_view
from flamingo_bark_assets.analysis.timbre.frames import ShapeFrames
from flamingo_bark_assets.analysis.timbre.song_frames import SongFrames
from flamingo_bark_assets.audio.clipping import ClippingReader
from flamingo_bark_assets.audio.decode import decode, open_blocks
from flamingo_bark_assets.audio.long_term_spectrum import SpectrumReader
from flamingo_bark_assets.audio.quality import TechnicalQuality, judge_quality
from flamingo_bark_assets.audio.stems import sum_signals
from flamingo_bark_assets.audio.true_peak import TruePeakReader
from flamingo_bark_assets.threads import one_blas_thread

MAX_DURATION_S = 24 * 3600.0
"""Longest file that is measured without the library."""


def mix_view(source: SoundSource) -> AudioView:
    """A view of a mix; the sound is read at once.

    Raises:
        AudioFault: the file turns out to be at fault.
    """
    with one_blas_thread():
        return read_view(source, native=(ClippingReader, SpectrumReader, TruePeakReader), shape=(SongFrames,))


def stem_view(source: SoundSource) -> AudioView:
    """A view of a stem; the sound is read at once.

    Raises:
        AudioFault: the file turns out to be at fault.
    """
    with one_blas_thread():
        return read_view(source, shape=(ShapeFrames,))


def quality_of(view: AudioView) -> TechnicalQuality:
    """Technical quality of a mix, from what its readers gathered."""
    return judge_quality(view.levels, view.read_native(ClippingReader), view.read_native(SpectrumReader))


def open_mix(path: Path) -> AudioView:
    """A view of a mix file, which is read block by block and not kept.

    Raises:
        AudioFault: the file cannot be decoded.
    """
    return mix_view(open_blocks(path, max_duration_s=MAX_DURATION_S))


def open_stem(paths: Sequence[Path]) -> AudioView:
    """A view of a stem; several files of one kind are added up.

    Raises:
        AudioFault: a file cannot be decoded.
    """
    if len(paths) == 1:
        return stem_view(open_blocks(paths[0], max_duration_s=MAX_DURATION_S))
    return stem_view(sum_signals([decode(path, max_duration_s=MAX_DURATION_S).signal for path in paths]))
