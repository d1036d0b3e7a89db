"""The reader of a mix: the shape of each spectrum, its named and critical bands, its cepstrum.

Which bands are read belongs here; how they are summed stands in `frames`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.timbre.bands import BANDS_HZ
from flamingo_bark_assets.analysis.timbre.frames import BoolArray, CepstralFrames
from flamingo_bark_assets.analysis.timbre.loudness import CRITICAL_BANDS_HZ

# Bright and all; warm and what it is compared with (octaves 125 and 250 Hz, 500 and 1000 Hz); deep and below 2 kHz.
_ATTRIBUTES_HZ = (
    (1500.0, 20_000.0),
    (20.0, 20_000.0),
    (88.4, 353.6),
    (353.6, 1414.2),
    (20.0, 100.0),
    (20.0, 2000.0),
)


class SongFrames(CepstralFrames):
    """Everything that is kept of a mix's spectra; a reader for `AudioView.read_shape`."""

    bands_hz = (*BANDS_HZ.values(), *CRITICAL_BANDS_HZ, *_ATTRIBUTES_HZ)
    first_critical_band = len(BANDS_HZ)

    def named_energies(self, sounding: BoolArray) -> NDArray[np.float64]:
        """Return mean energy of each of `BANDS_HZ`, shape (6,)."""
        return self.energies(sounding)[: len(BANDS_HZ)]

    def attribute_energies(self, sounding: BoolArray) -> NDArray[np.float64]:
        """Compute the mean energies of the bands that the attributes need, shape (6,).

        Above 1.5 kHz, of all, of the 125-250 and 500-1000 Hz octaves, below 0.1 and 2 kHz.
        """
        return self.energies(sounding)[-len(_ATTRIBUTES_HZ) :]
