"""Reads the power spectra of a signal once and keeps a few numbers a frame.

The readers and what they keep belong here; the loops stand in `shape_kernels`, what the frames say together beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.timbre import shape_kernels
from flamingo_bark_assets.analysis.timbre.cepstrum import CepstralPlan, cepstrum
from flamingo_bark_assets.audio.signal import FloatArray

BoolArray = NDArray[np.bool_]
Values = NDArray[np.float64]

FRAME = 2048
HIGHEST_HZ = 20_000.0
# Above it encoders cut, which would make any music tonal.
FLATNESS_TOP_HZ = 10_000.0
CONTRAST_EDGES_HZ = (200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0)
# A frame this far below the loud ones (and so a pause with its noise) does not count as sounding.
SOUNDING_RANGE_DB = 40.0

# Columns of `ShapeFrames.values`; the energies of `bands_hz` follow.
POWER, CENTROID, BANDWIDTH, SKEWNESS, KURTOSIS, ROLLOFF, FLATNESS, CONTRAST, FLUX = range(9)
SHAPES = 9


@dataclass(frozen=True, slots=True)
class Grid:
    """The bins of the frames at one sample rate, and where the borders fall among them.

    Attributes:
        bin_hz: width of a bin.
        last: bin behind the last that counts, at `HIGHEST_HZ` or the Nyquist frequency.
        flatness_last: the same for the flatness.
        contrast_edges: first bin of each contrast band, and the bin behind the last.
    """

    bin_hz: float
    last: int
    flatness_last: int
    contrast_edges: NDArray[np.int64]

    @classmethod
    def at(cls, rate_hz: float) -> Grid:
        """Return the grid of 2048-point frames at this rate; contrast bands that it does not reach are left out."""
        bin_hz = rate_hz / FRAME
        last = min(FRAME // 2, int(HIGHEST_HZ / bin_hz)) + 1
        edges = [max(1, int(hz / bin_hz)) for hz in CONTRAST_EDGES_HZ if hz < 0.9 * last * bin_hz]
        return cls(
            bin_hz=bin_hz,
            last=last,
            flatness_last=min(last, int(FLATNESS_TOP_HZ / bin_hz) + 1),
            contrast_edges=np.array([*(edges or [1]), last], np.int64),
        )


class ShapeFrames:
    """The shape of each frame's spectrum, read in one pass; a reader for `AudioView.read_shape`.

    Attributes:
        bands_hz: borders of the bands whose energy is kept.
        values: one row a frame, columns as named above (power as |X|^2, frequencies in Hz, flux -1 where no sound
            went before), shape (n_frames, SHAPES + n_bands), float32.
    """

    bands_hz: tuple[tuple[float, float], ...] = ()

    def __init__(self, shape_rate_hz: float) -> None:
        self._grid = Grid.at(shape_rate_hz)
        # Bin k reaches from k - 1/2 to k + 1/2 bins.
        self._bands = np.array(self.bands_hz, np.float64).reshape(-1, 2) / self._grid.bin_hz + 0.5
        self._previous = np.zeros(FRAME // 2 + 1, np.float32)
        self._rows: list[FloatArray] = []
        self.values: FloatArray = np.zeros((0, SHAPES + len(self.bands_hz)), np.float32)

    def add(self, power: FloatArray) -> None:
        """Take consecutive frames, |X|^2 over the squared window sum, shape (n, 1025), C-contiguous."""
        grid, magnitude = self._grid, np.zeros_like(power)
        rows = np.zeros((power.shape[0], self.values.shape[1]), np.float32)
        shape_kernels.moments(power, grid.last, grid.bin_hz, magnitude, rows)
        shape_kernels.rolloff_and_bands(magnitude, grid.last, grid.bin_hz, self._bands, rows)
        shape_kernels.flatness(magnitude, grid.flatness_last, rows)
        shape_kernels.contrast(magnitude, grid.contrast_edges, rows)
        shape_kernels.flux(magnitude, grid.last, self._previous, rows)
        self._rows.append(rows)

    def finish(self) -> Self:
        """Join what was read."""
        if self._rows:
            self.values = np.concatenate(self._rows)
        self._rows = []
        return self

    @property
    def sounding(self) -> BoolArray:
        """Which frames lie within 40 dB of the loud ones (mean power, weighted by power), shape (n_frames,)."""
        power = self.values[:, POWER].astype(np.float64)
        total = float(power.sum())
        if total <= 0.0:
            return np.zeros(power.size, np.bool_)
        loud = float(np.square(power).sum()) / total
        return np.asarray(power >= loud * 10.0 ** (-SOUNDING_RANGE_DB / 10.0))

    def energies(self, sounding: BoolArray) -> Values:
        """Return mean energy in each of `bands_hz` over some frames, shape (n_bands,)."""
        chosen = self.values[sounding, SHAPES:]
        return np.asarray(chosen.mean(axis=0, dtype=np.float64)) if len(chosen) else np.zeros(len(self.bands_hz))


class CepstralFrames(ShapeFrames):
    """As `ShapeFrames`, with the cepstrum of each frame.

    Attributes:
        cepstra: shape (n_frames, 13), dB.
    """

    def __init__(self, shape_rate_hz: float) -> None:
        super().__init__(shape_rate_hz)
        self._plan = CepstralPlan.at(shape_rate_hz)
        self._cepstra: list[FloatArray] = []
        self.cepstra: FloatArray = np.zeros((0, self._plan.basis.shape[0]), np.float32)

    def add(self, power: FloatArray) -> None:
        """Take consecutive frames."""
        super().add(power)
        self._cepstra.append(cepstrum(power, self._plan))

    def finish(self) -> Self:
        """Join what was read."""
        if self._cepstra:
            self.cepstra = np.concatenate(self._cepstra)
        self._cepstra = []
        return super().finish()
