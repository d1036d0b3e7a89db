"""What sounds when, as small pictures: mel bands, notes and pitch classes over time.

Pictures for a person to look at belong here; no measurement is made from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.levels import mono_pieces
from flamingo_bark_assets.audio.picture import shaded_png
from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Sound
from flamingo_bark_assets.kernels import compiling_alone, librosa_module
from flamingo_bark_assets.threads import one_blas_thread

WIDTH = 512

_RATE_HZ = 22_050
_FFT = 2048
_MEL_BANDS = 64
_OCTAVES = 7
_LOWEST_HZ = 32.703  # C1
_HOP_STEP = 2 ** (_OCTAVES - 1)  # the constant-Q transform halves the rate with each octave down
_PIECE_S = 300.0  # what bounds the memory for long sounds
_SHORTEST = 4 * _FFT * _HOP_STEP // _OCTAVES  # samples that hold the longest filter
_RANGE_DB = 60.0


def spectral_pngs(sound: Sound, mono: FloatArray | None = None) -> Mapping[str, bytes]:
    """Draw mel bands, constant-Q notes and chroma of a sound by librosa, time from left to right.

    Its down-mix is drawn; it has at least one sample. `mono` is that at 22.05 kHz where it is at hand.

    Returns:
        PNGs `WIDTH` pixels wide by what they show: ``mel`` (64 bands to 11 kHz), ``cqt`` (84 semitones from C1) and
        ``chroma`` (C to B), the lowest at the bottom; the darker, the louder, over 60 dB; chroma is relative to the
        strongest pitch class of the moment.
    """
    with one_blas_thread():
        hop = _HOP_STEP * max(1, round(sound.duration_s * _RATE_HZ / (WIDTH * _HOP_STEP)))
        pieces = [_transformed(piece, hop) for piece in (_pieces(sound) if mono is None else _cut(mono))]
    mel, notes, chroma = (np.concatenate(parts, axis=1) for parts in zip(*pieces, strict=True))
    columns = np.arange(WIDTH) * mel.shape[1] // WIDTH
    sounding = notes.max(axis=0) > notes.max() * 10.0 ** (-_RANGE_DB / 20.0)
    return {
        "mel": shaded_png(_in_decibels(np.sqrt(mel[:, columns])), row_height=2),
        "cqt": shaded_png(_in_decibels(notes[:, columns]), row_height=2),
        "chroma": shaded_png((chroma * sounding)[:, columns], row_height=8),
    }


def _pieces(sound: Sound) -> Iterator[FloatArray]:
    """Give the down-mix at `_RATE_HZ` piece by piece."""
    for piece in mono_pieces(sound, round(_PIECE_S * sound.sample_rate_hz)):
        yield resample(piece[np.newaxis], sound.sample_rate_hz, _RATE_HZ)[0]


def _cut(mono: FloatArray) -> Iterator[FloatArray]:
    size = round(_PIECE_S * _RATE_HZ)
    # Of a few samples at a high rate none is left.
    return (mono[start : start + size] for start in range(0, max(1, mono.size), size))


def _transformed(samples: FloatArray, hop: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return power of mel bands, magnitude of notes, and chroma, each of shape (n_rows, n_columns)."""
    cqt = librosa_module("librosa.core.constantq").cqt
    spectral = librosa_module("librosa.feature.spectral")
    count = max(1, samples.size // hop)
    padded = np.pad(samples, (0, max(0, _SHORTEST - samples.size)))
    with compiling_alone():
        mel = spectral.melspectrogram(y=padded, sr=_RATE_HZ, n_fft=_FFT, hop_length=hop, n_mels=_MEL_BANDS)
        notes = np.abs(cqt(padded, sr=_RATE_HZ, hop_length=hop, fmin=_LOWEST_HZ, n_bins=12 * _OCTAVES))
        chroma = spectral.chroma_cqt(C=notes, sr=_RATE_HZ, fmin=_LOWEST_HZ, n_octaves=_OCTAVES, bins_per_octave=12)
    return mel[:, :count], notes[:, :count], chroma[:, :count]


def _in_decibels(magnitude: FloatArray) -> npt.NDArray[np.float64]:
    """Map magnitudes to shades: 1 for the largest, 0 for what lies `_RANGE_DB` below it, and for silence."""
    peak = float(magnitude.max(initial=0.0))
    if peak <= 0.0:
        return np.zeros(magnitude.shape)
    level_db = 20.0 * np.log10(np.maximum(magnitude / peak, 1e-9))
    return np.asarray(np.clip(1.0 + level_db / _RANGE_DB, 0.0, 1.0), np.float64)
