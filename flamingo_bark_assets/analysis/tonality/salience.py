"""How strongly each note sounds in each frame: what chords, keys and polyphony are read from.

The step from a spectrum to notes belongs here; what notes mean together does not.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from flamingo_bark_assets.analysis.frontend.view import BINS_PER_SEMITONE, NOTE_BINS, AudioView
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.threads import one_blas_thread

NOTES = NOTE_BINS // BINS_PER_SEMITONE

# Of the dictionary: 16 harmonics, each weaker than the one before by this factor (Mauch & Dixon, ISMIR 2010: 0.6 to
# 0.9), in a spectrum compressed by the power below and flattened over an octave.
_HARMONICS = 16
_HARMONIC_DECAY = 0.75
_PEAK_BINS = 1.6
_COMPRESSION = 0.5
_FLATTENING = 0.6
# What is this far below the loud frames is not lifted further, as a share of their compressed magnitude.
_FLOOR = 0.01
_OCTAVE_BINS = 12 * BINS_PER_SEMITONE
_ITERATIONS = 7
_CHUNK = 4096
_LEAST = np.float32(1e-5)


def note_salience(views: tuple[AudioView, ...], *, cents: float) -> FloatArray:
    """Return strength of each semitone from MIDI 24 in each frame, shape (n_frames, 84), non-negative.

    Non-negative least squares over notes of 16 decaying harmonics (Mauch & Dixon, "Approximate note transcription for
    the improved identification of difficult chords", ISMIR 2010), by multiplicative updates (Lee & Seung, NIPS 2000),
    on the compressed and locally flattened note spectrum. The powers of several views add up; of the result only
    proportions mean anything.
    """
    return salience_of_spectra([view.note_spectrum for view in views], cents=cents)


def salience_of_spectra(spectra: list[FloatArray], *, cents: float) -> FloatArray:
    """Compute the salience of note spectra of shape (n_frames, 252), as `note_salience` does."""
    frames = max(s.shape[0] for s in spectra)
    peak = np.sqrt(sum(float(np.percentile(s.max(axis=1), 95)) ** 2 for s in spectra if s.shape[0]))
    if peak <= 0.0:
        return np.zeros((frames, NOTES), np.float32)
    floor = _FLOOR * float(peak) ** _COMPRESSION
    return np.concatenate(
        [
            _salience_of(_tuned(_summed([s[start : start + _CHUNK] for s in spectra]), cents), floor)
            for start in range(0, frames, _CHUNK)
        ]
    )


def _summed(spectra: list[FloatArray]) -> FloatArray:
    """Compute the magnitude of the sum of independent signals."""
    if len(spectra) == 1:
        return spectra[0]
    frames = max(s.shape[0] for s in spectra)
    power = np.zeros((frames, NOTE_BINS), np.float32)
    for s in spectra:
        power[: s.shape[0]] += np.square(s)
    return np.sqrt(power)


def _tuned(spectrum: FloatArray, cents: float) -> FloatArray:
    """Return the spectrum on a grid shifted by `cents`, linearly interpolated."""
    shift = cents / 100.0 * BINS_PER_SEMITONE
    whole = int(np.floor(shift))
    fraction = np.float32(shift - whole)
    padded = np.pad(spectrum, ((0, 0), (2, 3)))
    low = padded[:, 2 + whole : 2 + whole + NOTE_BINS]
    return low if fraction == 0.0 else low * (1 - fraction) + padded[:, 3 + whole : 3 + whole + NOTE_BINS] * fraction


def _salience_of(spectrum: FloatArray, floor: float) -> FloatArray:
    """Compute the salience of a tuned spectrum of some frames, shape (n_frames, 84)."""
    flat = _flattened(spectrum, floor)
    dictionary, gram = _dictionary()
    correlation = flat @ dictionary.T
    salience = correlation + np.float32(1e-6)
    buffer = np.empty_like(salience)
    for _ in range(_ITERATIONS):
        np.matmul(salience, gram, out=buffer)
        buffer += np.float32(1e-9)
        np.divide(correlation, buffer, out=buffer)
        salience *= buffer
    # What has died down would be slow to reckon with (denormal numbers).
    salience[salience < _LEAST] = 0.0
    return salience


def _flattened(spectrum: FloatArray, floor: float) -> FloatArray:
    """Return the compressed spectrum above its mean over half an octave, over a power of its RMS over an octave."""
    compressed = np.power(spectrum, np.float32(_COMPRESSION))
    above = np.maximum(compressed - _box_mean(compressed, _OCTAVE_BINS // 4), 0.0)
    spread = np.sqrt(np.maximum(_box_mean(np.square(above), _OCTAVE_BINS // 2), floor**2))
    return np.asarray(above / np.power(spread, np.float32(_FLATTENING)), np.float32)


def _box_mean(values: FloatArray, half: int) -> FloatArray:
    """Return mean over 2 * half + 1 bins of each row, the edges repeated."""
    from scipy.ndimage import uniform_filter1d

    return np.asarray(uniform_filter1d(values, 2 * half + 1, axis=1, mode="nearest"), np.float32)


@cache
def _dictionary() -> tuple[FloatArray, FloatArray]:
    """Return spectra of the 84 notes, each of unit norm, shape (84, 252), and their products with each other.

    Products differ in their last digit with the number of threads; kept ones must not depend on who asked first.
    """
    atoms = np.zeros((NOTES, NOTE_BINS), np.float32)
    order = np.arange(1, _HARMONICS + 1)
    bins = np.arange(NOTE_BINS)
    for note, atom in enumerate(atoms):
        centres = note * BINS_PER_SEMITONE + _OCTAVE_BINS * np.log2(order)
        peaks = np.maximum(0.0, 1.0 - np.abs(bins[:, None] - centres) / _PEAK_BINS)
        atom[:] = peaks @ _HARMONIC_DECAY ** (order - 1.0)
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    with one_blas_thread():
        return atoms, atoms @ atoms.T
