"""Mel-frequency cepstral coefficients of power spectra.

The mel filters, the cosine transform and their statistics belong here; other descriptors do not.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled, librosa_module

Values = NDArray[np.float64]

COEFFICIENTS = 13
MEL_BANDS = 40
MEL_LOW_HZ = 20.0
MEL_HIGH_HZ = 16_000.0

_FRAME = 2048
_BINS = _FRAME // 2 + 1


@dataclass(frozen=True, slots=True)
class CepstralPlan:
    """Mel filters and cosine basis for 2048-point frames at one sample rate.

    Attributes:
        filters: weight of each bin in each band, shape (40, 1025), zero outside the triangles.
        edges: first bin of each band and the bin behind its last, shape (40, 2).
        basis: orthonormal type II cosine transform, shape (13, 40).
    """

    filters: Values
    edges: NDArray[np.int64]
    basis: Values

    @classmethod
    def at(cls, rate_hz: float) -> CepstralPlan:
        """Build Slaney's area-normalised triangles (Auditory Toolbox, 1998) from 20 Hz to 16 kHz."""
        mel = librosa_module("librosa.filters").mel
        with warnings.catch_warnings():
            # Bands above half the sample rate are empty and stay so.
            warnings.filterwarnings("ignore", message="Empty filters", category=UserWarning)
            filters = mel(
                sr=rate_hz, n_fft=_FRAME, n_mels=MEL_BANDS, fmin=MEL_LOW_HZ, fmax=MEL_HIGH_HZ, dtype=np.float64
            )
        used = filters > 0.0
        edges = np.stack([used.argmax(axis=1), np.where(used.any(axis=1), _BINS - used[:, ::-1].argmax(axis=1), 0)], 1)
        angles = np.pi / MEL_BANDS * (np.arange(MEL_BANDS) + 0.5)[None, :] * np.arange(COEFFICIENTS)[:, None]
        basis = np.cos(angles) * math.sqrt(2.0 / MEL_BANDS)
        basis[0] /= math.sqrt(2.0)
        return cls(np.ascontiguousarray(filters), edges.astype(np.int64), np.ascontiguousarray(basis))


def cepstrum(power: FloatArray, plan: CepstralPlan) -> FloatArray:
    """Compute cepstral coefficients in dB, shape (n, 13), of powers of shape (n, 1025); 0 for a frame without power."""
    out = np.zeros((power.shape[0], COEFFICIENTS), np.float32)
    _cepstrum(power, plan.filters, plan.edges, plan.basis, out)
    return out


@compiled("void(float32[:, ::1], float64[:, ::1], int64[:, ::1], float64[:, ::1], float32[:, ::1])", fastmath=True)
def _cepstrum(power: FloatArray, filters: Values, edges: NDArray[np.int64], basis: Values, out: FloatArray) -> None:
    level = np.zeros(filters.shape[0], np.float64)
    for i in range(power.shape[0]):
        largest = 0.0
        for band in range(filters.shape[0]):
            total = 0.0
            for k in range(edges[band, 0], edges[band, 1]):
                total += filters[band, k] * power[i, k]
            level[band] = total
            largest = max(largest, total)
        if not largest > 0.0:
            continue
        for band in range(filters.shape[0]):
            # What lies more than 80 dB below the frame's strongest band counts as that far below.
            level[band] = 10.0 * math.log10(max(level[band], 1e-8 * largest))
        for c in range(basis.shape[0]):
            total = 0.0
            for band in range(filters.shape[0]):
                total += basis[c, band] * level[band]
            out[i, c] = total
