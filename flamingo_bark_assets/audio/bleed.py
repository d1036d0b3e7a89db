"""What a stem's sound is like beside the other stems': whether it is a copy of theirs, and whether it is of drums.

Short spectra at the rate of `alignment` belong here; what follows for a file stands in `findings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.alignment import RATE_HZ
from flamingo_bark_assets.audio.signal import FloatArray

_FRAME = 512
_HOP = 256
_FRAMES_AT_ONCE = 128  # whose spectra stay in a processor's cache
_LONGEST_S = 240.0
_SHORT_S = 60.0
_LOWEST_HZ, _HIGHEST_HZ = 150.0, 3600.0
_LOWS_BELOW_HZ = 250.0
_QUIET = 1e-4  # -40 dB

_Spectra = npt.NDArray[np.complex64]


def coherence(stem: FloatArray, others: FloatArray) -> float:
    """Return how far a stem keeps the phase of other sound, 0 to 1: the mean over the energy of the stem.

    What is left of other instruments has their phase, shifted by a constant at each frequency, however its strength
    changes: 0.86 and more for residues of separators and for bleed. Sound of its own has any phase; where the notes of
    both share partials for long it reaches 0.5.
    """
    locked, total = np.zeros(_FRAME // 2 + 1, np.complex128), 0.0
    for piece, other in zip(_spectra(stem), _spectra(others), strict=False):
        count = min(piece.shape[0], other.shape[0])
        own, phase = piece[:count], np.conj(other[:count])
        magnitude = np.abs(own)
        phase *= magnitude / np.maximum(np.abs(phase), np.float32(1e-30))
        phase *= own
        locked += phase.sum(axis=0, dtype=np.complex128)
        total += float(np.vdot(magnitude, magnitude))
    return float(np.abs(locked).sum()) / total if total > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Character:
    """What kind of sound a stem is.

    Attributes:
        noisiness: spectral flatness between 150 and 3600 Hz where it is loud, 0 to 1, weighted by amplitude. Drums,
            which begin as noise, have 0.01 to 0.3; a bass has at most a tenth of what the drums beside it have.
        lows: share of its energy below 250 Hz, 0 to 1: 0.75 and more of a bass, at most 0.4 of a voice or of chords.
        steadiness: median over mean of its amplitude in time: 0.6 and less of drums, 0.75 and more of what is held.
    """

    noisiness: float
    lows: float
    steadiness: float


def character(stem: FloatArray) -> Character:
    """Measure what kind of sound a stem is; zeros for silence."""
    power = _power(stem)
    energy = power.sum(axis=1, dtype=np.float64)
    if not energy.size or not energy.max() > 0.0:
        return Character(0.0, 0.0, 0.0)
    amplitude = np.sqrt(energy)
    hz = np.arange(power.shape[1]) * RATE_HZ / _FRAME
    loud = energy > _QUIET * energy.max()
    band = power[loud][:, (hz > _LOWEST_HZ) & (hz < _HIGHEST_HZ)] + np.float32(1e-12) * power.max()
    flatness = np.exp(np.log(band).mean(axis=1)) / band.mean(axis=1)
    return Character(
        noisiness=float(np.average(flatness, weights=amplitude[loud])),
        lows=float(power[:, hz < _LOWS_BELOW_HZ].sum(dtype=np.float64) / energy.sum()),
        steadiness=float(np.median(amplitude) / amplitude.mean()),
    )


def _power(stem: FloatArray) -> FloatArray:
    pieces = _spectra(stem, longest_s=_SHORT_S, hop=_FRAME)
    return np.concatenate([np.square(np.abs(piece)) for piece in pieces])


def _spectra(samples: FloatArray, *, longest_s: float = _LONGEST_S, hop: int = _HOP) -> Iterator[_Spectra]:
    """Give short-time spectra of shape (n_frames, n_bins), some at a time; of long sounds, of so much of the middle."""
    from scipy.fft import rfft

    longest = round(longest_s * RATE_HZ)
    first = max(0, (samples.size - longest) // 2)
    samples = samples[first : first + longest]
    if samples.size < _FRAME:
        samples = np.pad(samples, (0, _FRAME - samples.size))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::hop]
    window = np.hanning(_FRAME).astype(np.float32)
    for start in range(0, frames.shape[0], _FRAMES_AT_ONCE):
        yield np.asarray(rfft(frames[start : start + _FRAMES_AT_ONCE] * window, axis=1), np.complex64)
