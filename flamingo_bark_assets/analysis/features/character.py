"""What listening services call energy and danceability, with their definitions.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from flamingo_bark_assets.record import Measurement, quantity


@dataclass(frozen=True, kw_only=True)
class CharacterFeatures:
    """How energetic a song is and how well one can dance to it, as far as its sound tells."""

    energy: Measurement[float] = quantity(
        "",
        "Mean of three terms, each 0 to 1: onsets a second over 8, mean over loud level (-12 to 0 dB), share of "
        "energy above 1500 Hz (-25 to -5 dB); event density, loudness and brightness go with perceived arousal "
        "(Gabrielsson and Lindstrom 2010).",
    )
    danceability: Measurement[float] = quantity(
        "",
        "Inverse of the mean detrended-fluctuation exponent of the level over 0.3 to 10 s: steady, strong pulses "
        "lie high, drifting levels near 1 (Streich and Herrera 2005).",
    )
