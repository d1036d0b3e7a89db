"""The three spectrograms of a view: bands for onsets, a grid of notes with the tuning, and power for the timbre.

What is taken out of the Fourier transforms belongs here; musical conclusions do not.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.analysis.frontend.frames import CHUNK_FRAMES, FrameSpectra
from flamingo_bark_assets.audio.rows import GrowingRows
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

RATE_HZ = 22050

ONSET_FRAME = 512
ONSET_HOP = 220
ONSET_RATE_HZ = RATE_HZ / ONSET_HOP
# First bin of each band of `onset_power`, of 43 Hz each, and the end of the last.
ONSET_BAND_EDGES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 29, 35, 42, 51, 62, 75, 91, 112, 138, 176, 257)
ONSET_BANDS = len(ONSET_BAND_EDGES) - 1

TONAL_RATE_HZ = 11025
TONAL_FRAME = 4096
TONAL_HOP = 1024
NOTE_RATE_HZ = TONAL_RATE_HZ / TONAL_HOP
LOWEST_NOTE = 24
BINS_PER_SEMITONE = 3
NOTE_BINS = 84 * BINS_PER_SEMITONE

SHAPE_FRAME = 2048
SHAPE_HOP = 2048

_TUNING_RANGE_HZ = (100.0, 2000.0)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tuning:
    """Deviation of the partials from the equal-tempered grid on A4 = 440 Hz.

    Attributes:
        cents: -50 to 50.
        concentration: length of the mean direction of the deviations, 0 (spread evenly) to 1 (all alike).
        peaks: number of spectral peaks it rests on.
    """

    cents: float
    concentration: float
    peaks: int


class OnsetSpectrum:
    """Power in `ONSET_BANDS` bands of a sound at `RATE_HZ` that comes piece by piece."""

    def __init__(self) -> None:
        self._frames = FrameSpectra(ONSET_FRAME, ONSET_HOP, centred=True)
        self._edges = np.array(ONSET_BAND_EDGES, np.int64)
        self._rows = GrowingRows(np.float32, (ONSET_BANDS,))

    def add(self, samples: FloatArray) -> None:
        """Take the next samples, shape (n,)."""
        self._take(self._frames.add(samples))

    def finish(self) -> FloatArray:
        """Give the power, shape (n_frames, ONSET_BANDS), as `AudioView.onset_power` says."""
        self._take(self._frames.finish())
        return self._rows.take()

    def _take(self, chunks: Iterable[FloatArray]) -> None:
        for spectra in chunks:
            start = len(self._rows)
            power = self._rows.reach(start + spectra.shape[0])[start:]
            _band_power(spectra, self._edges, self._frames.scale, power)


class NoteSpectrum:
    """Magnitudes on the grid of notes, and the tuning, of a sound at `TONAL_RATE_HZ` that comes piece by piece."""

    def __init__(self) -> None:
        self._frames = FrameSpectra(TONAL_FRAME, TONAL_HOP, centred=True)
        self._rows = GrowingRows(np.float32, (NOTE_BINS,))
        self._direction = np.zeros(4)  # sums of cosine, sine and weight, and the number of peaks

    def add(self, samples: FloatArray) -> None:
        """Take the next samples, shape (n,)."""
        self._take(self._frames.add(samples))

    def finish(self) -> tuple[FloatArray, Tuning]:
        """Give the magnitudes, shape (n_frames, NOTE_BINS), and the tuning, as `AudioView` says of them."""
        self._take(self._frames.finish())
        cosine, sine, weight, peaks = (float(x) for x in self._direction)
        if weight <= 0.0:
            return self._rows.take(), Tuning(0.0, 0.0, 0)
        cents = math.degrees(math.atan2(sine, cosine)) / 3.6
        return self._rows.take(), Tuning(cents, min(1.0, math.hypot(cosine, sine) / weight), int(peaks))

    def _take(self, chunks: Iterable[FloatArray]) -> None:
        low, fraction, edges = _note_grid()
        first, last = (round(hz * TONAL_FRAME / TONAL_RATE_HZ) for hz in _TUNING_RANGE_HZ)
        for spectra in chunks:
            start = len(self._rows)
            notes = self._rows.reach(start + spectra.shape[0])[start:]
            scale = np.float32(math.sqrt(self._frames.scale))
            _note_magnitudes(spectra, low, fraction, edges, scale, first, last, notes, self._direction)


class ShapePower:
    """Power spectra of `SHAPE_FRAME` samples of a sound that comes piece by piece, passed on to readers."""

    def __init__(self) -> None:
        self._frames = FrameSpectra(SHAPE_FRAME, SHAPE_HOP, centred=False)
        self._power = np.empty((CHUNK_FRAMES, SHAPE_FRAME // 2 + 1), np.float32)

    def add(self, samples: FloatArray) -> Iterable[FloatArray]:
        """Take the next samples, shape (n,), and give power of shape (n_frames, 1025), valid until the next."""
        return map(self._power_of, self._frames.add(samples))

    def finish(self) -> Iterable[FloatArray]:
        """Return the last frame, filled up with 0."""
        return map(self._power_of, self._frames.finish())

    def _power_of(self, spectra: FloatArray) -> FloatArray:
        power = self._power[: spectra.shape[0]]
        _bin_power(spectra, self._frames.scale, power)
        return power


@functools.cache
def _note_grid() -> tuple[Ints, FloatArray, Ints]:
    """Return the FFT bin below each note bin, its distance from it in bins, and where its half-bins around begin."""
    notes = np.arange(NOTE_BINS + 1) / BINS_PER_SEMITONE + LOWEST_NOTE
    bins = 440.0 * 2.0 ** ((notes - 69.0) / 12.0) * TONAL_FRAME / TONAL_RATE_HZ
    edges = np.round(bins * 2.0 ** (-0.5 / (12.0 * BINS_PER_SEMITONE))).astype(np.int64)
    low = np.floor(bins[:-1]).astype(np.int64)
    return low, (bins[:-1] - low).astype(np.float32), edges


@compiled("void(float32[:, ::1], int64[::1], float32, float32[:, ::1])", fastmath=True)
def _band_power(spectra: FloatArray, edges: Ints, scale: np.float32, power: FloatArray) -> None:
    for t in range(spectra.shape[0]):
        for band in range(edges.size - 1):
            total = np.float32(0.0)
            for i in range(2 * edges[band], 2 * edges[band + 1]):
                total += spectra[t, i] * spectra[t, i]
            power[t, band] = total * scale


@compiled("void(float32[:, ::1], float32, float32[:, ::1])", fastmath=True)
def _bin_power(spectra: FloatArray, scale: np.float32, power: FloatArray) -> None:
    for t in range(power.shape[0]):
        for k in range(power.shape[1]):
            power[t, k] = (spectra[t, 2 * k] ** 2 + spectra[t, 2 * k + 1] ** 2) * scale


@compiled(
    "void(float32[:, ::1], int64[::1], float32[::1], int64[::1], float32, int64, int64, float32[:, ::1], float64[::1])",
    fastmath=True,
)
def _note_magnitudes(
    spectra: FloatArray,
    low: Ints,
    fraction: FloatArray,
    edges: Ints,
    scale: np.float32,
    first: int,
    last: int,
    notes: FloatArray,
    direction: Floats,
) -> None:
    """Fill `notes` frame by frame, and add the peaks between the bins `first` and `last` to `direction`."""
    magnitude = np.empty(max(edges[-1], low[-1] + 2), np.float32)
    for t in range(spectra.shape[0]):
        for k in range(magnitude.size):
            magnitude[k] = scale * math.sqrt(spectra[t, 2 * k] ** 2 + spectra[t, 2 * k + 1] ** 2)
        for n in range(low.size):
            k = low[n]
            value = magnitude[k] * (np.float32(1.0) - fraction[n]) + magnitude[k + 1] * fraction[n]
            if edges[n + 1] - edges[n] >= 2:
                for j in range(edges[n], edges[n + 1]):
                    value = max(value, magnitude[j])
            notes[t, n] = value
        highest = np.float32(0.0)
        for k in range(first, last):
            highest = max(highest, magnitude[k])
        floor = max(np.float32(0.1) * highest, np.float32(1e-5))
        for k in range(first, last):
            at = magnitude[k]
            if at > floor and at > magnitude[k - 1] and at >= magnitude[k + 1]:
                # The parabola through the logarithms of three bins of a Hann window.
                a, b, c = math.log(magnitude[k - 1] + 1e-12), math.log(at), math.log(magnitude[k + 1] + 1e-12)
                position = k + 0.5 * (a - c) / min(a - 2.0 * b + c, -1e-6)
                turn = 2.0 * math.pi * 12.0 * math.log(position * (TONAL_RATE_HZ / TONAL_FRAME) / 440.0) / math.log(2.0)
                direction[0] += at * math.cos(turn)
                direction[1] += at * math.sin(turn)
                direction[2] += at
                direction[3] += 1.0
