"""How strong the twelve pitch classes are, on the song's own tuning.

Statistics of the chroma belong here; keys and chords do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.timbre import PitchClass
from flamingo_bark_assets.analysis.frontend.view import BINS_PER_SEMITONE, LOWEST_NOTE, NOTE_BINS
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.note_names import PITCH_CLASSES

_PIECE = 4096
# Energy this far below the loudest frame's is a pause.
_SOUNDING_RANGE_DB = 40.0


def chroma_weights(cents: float) -> FloatArray:
    """Return weight of each bin of the note spectrum in each pitch class, shape (NOTE_BINS, 12).

    A bin counts fully on the note and linearly less to nothing two thirds of a semitone off it.
    """
    note = np.arange(NOTE_BINS) / BINS_PER_SEMITONE + LOWEST_NOTE - cents / 100.0
    off = np.abs((note[:, None] - np.arange(12) + 6.0) % 12.0 - 6.0)
    return np.asarray(np.maximum(0.0, 1.0 - 1.5 * off), np.float32)


def chroma(note_spectrum: FloatArray, *, cents: float) -> FloatArray:
    """Return energy of each pitch class in each frame, shape (n_frames, 12)."""
    weights = chroma_weights(cents)
    starts = range(0, note_spectrum.shape[0], _PIECE)
    pieces = [np.square(note_spectrum[start : start + _PIECE]) @ weights for start in starts]
    return np.concatenate(pieces) if pieces else np.zeros((0, 12), np.float32)


def chroma_rows(energies: FloatArray) -> tuple[PitchClass, ...]:
    """Return mean and spread over the sounding frames of each pitch class's share, C first; none where nothing sounds.

    `energies` has shape (n_frames, 12).
    """
    total = energies.sum(axis=1)
    sounding = total > total.max(initial=0.0) * 10.0 ** (-_SOUNDING_RANGE_DB / 10.0)
    if not sounding.any():
        return ()
    shares: NDArray[np.float64] = energies[sounding].astype(np.float64) / total[sounding, None]
    means, spreads = shares.mean(axis=0).tolist(), shares.std(axis=0).tolist()
    return tuple(
        PitchClass(pitch_class=name, mean=mean, std=std, confidence=1.0)
        for name, mean, std in zip(PITCH_CLASSES, means, spreads, strict=True)
    )
