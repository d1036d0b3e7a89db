"""Mel-frequency cepstral coefficients of power spectra.

The mel filters, the cosine transform and their statistics belong here; other descriptors do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

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
        """Slaney's area-normalised triangles (Auditory Toolbox, 1998) from 20 Hz to 16 kHz."""
        corners = mel_to_hz(np.linspace(hz_to_mel(MEL_LOW_HZ), hz_to_mel(MEL_HIGH_HZ), MEL_BANDS + 2))
        bins_hz = np.arange(_BINS) * (rate_hz / _FRAME)
        rising = (bins_hz - corners[:-2, None]) / np.diff(corners)[:-1, None]
        falling = (corners[2:, None] - bins_hz) / np.diff(corners)[1:, None]
        triangles = np.maximum(0.0, np.minimum(rising, falling))
        filters = triangles * (2.0 / (corners[2:] - corners[:-2]))[:, None]
        used = filters > 0.0
        edges = np.stack([used.argmax(axis=1), np.where(used.any(axis=1), _BINS - used[:, ::-1].argmax(axis=1), 0)], 1)
        angles = np.pi / MEL_BANDS * (np.arange(MEL_BANDS) + 0.5)[None, :] * np.arange(COEFFICIENTS)[:, None]
        basis = np.cos(angles) * math.sqrt(2.0 / MEL_BANDS)
        basis[0] /= math.sqrt(2.0)
        return cls(np.ascontiguousarray(filters), edges.astype(np.int64), np.ascontiguousarray(basis))


def hz_to_mel(hz: float) -> float:
    """Slaney's mel scale: linear to 1 kHz (15 mel), 27 steps for a factor of 6.4 above."""
    return hz * 0.015 if hz < 1000.0 else 15.0 + 27.0 * math.log(hz / 1000.0) / math.log(6.4)


def mel_to_hz(mel: Values) -> Values:
    """The frequencies of some values of Slaney's mel scale."""
    return np.where(mel < 15.0, mel / 0.015, 1000.0 * 6.4 ** ((np.maximum(mel, 15.0) - 15.0) / 27.0))


def cepstrum(power: FloatArray, plan: CepstralPlan) -> FloatArray:
    """Cepstral coefficients of some frames.

    Args:
        power: |X|^2, shape (n, 1025).
        plan: filters and basis for its sample rate.

    Returns:
        dB, shape (n, 13); zeros for a frame without power.
    """
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
