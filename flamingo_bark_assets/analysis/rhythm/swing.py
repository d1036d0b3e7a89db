"""Where the notes between the beats fall: swing.

The off-beats' timing belongs here; the beats themselves do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.record import Measurement

_METHOD = "off-beat-position"
# An off-beat lies between a little early straight (0.44) and a little late triplet (0.72).
_EARLIEST, _LATEST = 0.44, 0.72
# Straight off-beats of players lie within this of the middle; beyond it the beat swings.
_STRAIGHT = 0.03
_LEAST_SHARE = 0.15
_LEAST_COUNT = 6
_WIDTH = 0.025


def swing_ratio(onsets_s: NDArray[np.float64], beats_s: NDArray[np.float64]) -> Measurement[float]:
    """Return place of the off-beat in its unit, the beat or half of it: 0.5 straight to 0.667 triplet.

    The mode of the onsets' phase about the middle of the unit (the beat-upbeat ratio of Friberg & Sundström, Music
    Perception 19, 2002, as a share of the unit). Halves of the beat are read first; where these are straight,
    quarters of it. The confidence is the concentration of the onsets about the mode.
    """
    if beats_s.size < 4 or onsets_s.size < _LEAST_COUNT:
        return Measurement.unknown("too few beats or onsets", method=_METHOD)
    index = np.searchsorted(beats_s, onsets_s, "right") - 1
    inside = (index >= 0) & (index < beats_s.size - 1)
    index = index[inside]
    phase = (onsets_s[inside] - beats_s[index]) / (beats_s[index + 1] - beats_s[index])
    eighth = _off_beat(phase, beats_s.size)
    if eighth is not None and abs(eighth[0] - 0.5) > _STRAIGHT:
        return _ratio(*eighth)
    sixteenth = _off_beat(np.mod(2.0 * phase, 1.0), 2 * beats_s.size)
    if sixteenth is not None and (eighth is None or abs(sixteenth[0] - 0.5) > _STRAIGHT):
        return _ratio(*sixteenth)
    if eighth is None:
        return Measurement.unknown("no notes between the beats", method=_METHOD)
    return _ratio(*eighth)


def _ratio(place: float, concentration: float) -> Measurement[float]:
    return Measurement.of(float(np.clip(place, 0.5, _LATEST)), method=_METHOD, confidence=concentration)


def _off_beat(phase: NDArray[np.float64], units: int) -> tuple[float, float] | None:
    """Find the mode of the off-beat phases and the share of them about it; None where there are too few."""
    near = phase[(phase > _EARLIEST) & (phase < _LATEST)]
    if near.size < max(_LEAST_COUNT, _LEAST_SHARE * units):
        return None
    grid = np.linspace(_EARLIEST, _LATEST, 57)
    density = np.exp(-0.5 * ((grid[:, None] - near[None, :4096]) / _WIDTH) ** 2).sum(axis=1)
    mode = float(grid[int(np.argmax(density))])
    close = near[np.abs(near - mode) < 2.0 * _WIDTH]
    return float(np.median(close)), close.size / near.size
