"""Roughness: beating of spectral peaks that lie within a critical band.

Peaks of single frames and their pairs belong here; loudness and bands do not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import BINS_PER_SEMITONE, LOWEST_NOTE, NOTE_BINS
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

Values = NDArray[np.float64]

# Beating changes slowly: every third of the 10.8 frames a second is enough for a mean.
FRAME_STEP = 3
_MOST_PEAKS = 24
# Of the strongest peak of the frame; weaker ones add less than a thousandth.
_LEAST_PEAK = 0.03
# A frame whose strongest peak lies so far below the loudest frame's is a pause.
_LEAST_FRAME = 0.01

_NOTES_HZ = 440.0 * 2.0 ** ((np.arange(NOTE_BINS) / BINS_PER_SEMITONE + LOWEST_NOTE - 69.0) / 12.0)


def mean_roughness(note_spectrum: FloatArray) -> float | None:
    """Return summed roughness of all pairs of peaks of a frame, its strongest peak at 1, mean over the sounding frames.

    The roughness of a pair is that of Vassilakis (Perceptual and physical properties of amplitude fluctuation, 2001):
    0.5 (A1 A2)^0.1 (2 A2 / (A1 + A2))^3.11 (exp(-3.5 x) - exp(-5.75 x)), x = 0.24 |f2 - f1| / (0.0207 f1 + 18.96), with
    A2 the weaker, f1 the lower. It is largest near a quarter of a critical band (Plomp and Levelt 1965). 0 for a single
    partial; None where nothing sounds. `note_spectrum` has shape (n_frames, NOTE_BINS).
    """
    chosen = np.ascontiguousarray(note_spectrum[::FRAME_STEP])
    strongest = chosen.max(axis=1, initial=0.0)
    sounding = chosen[strongest > _LEAST_FRAME * strongest.max(initial=0.0)]
    if sounding.shape[0] == 0:
        return None
    return _total(np.ascontiguousarray(sounding), _NOTES_HZ) / int(sounding.shape[0])


@compiled("float64(float32[:, ::1], float64[::1])")
def _total(spectra: FloatArray, grid_hz: Values) -> float:
    hz = np.zeros(_MOST_PEAKS)
    amplitude = np.zeros(_MOST_PEAKS)
    total = 0.0
    for i in range(spectra.shape[0]):
        row = spectra[i]
        largest = row.max()
        amplitude[:] = 0.0
        for k in range(1, row.size - 1):
            a = row[k] / largest
            if a < _LEAST_PEAK or row[k] <= row[k - 1] or row[k] < row[k + 1] or a <= amplitude[_MOST_PEAKS - 1]:
                continue
            j = _MOST_PEAKS - 1
            while j > 0 and a > amplitude[j - 1]:
                amplitude[j] = amplitude[j - 1]
                hz[j] = hz[j - 1]
                j -= 1
            amplitude[j] = a
            hz[j] = grid_hz[k]
        for p in range(_MOST_PEAKS):
            if amplitude[p] <= 0.0:
                break
            for q in range(p):
                apart = abs(hz[p] - hz[q])
                x = apart * 0.24 / (0.0207 * min(hz[p], hz[q]) + 18.96)
                # Beyond it the two exponentials leave less than a thousandth.
                if x > 2.0:
                    continue
                fluctuation = 2.0 * amplitude[p] / (amplitude[p] + amplitude[q])
                strength = math.exp(0.1 * math.log(amplitude[p] * amplitude[q]) + 3.11 * math.log(fluctuation))
                total += 0.5 * strength * (math.exp(-3.5 * x) - math.exp(-5.75 * x))
    return total
