"""How high a voice lies, how far it ranges, and whether it holds notes as singing does.

Words and shares drawn from the pitch belong here; who sings is never asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.pitch.tracking import METHOD as PITCH_METHOD
from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.record import Measurement

SUNG_METHOD = "steady-note-share"

_REGISTERS = ((130.8, "low"), (261.6, "middle"), (523.3, "high"), (float("inf"), "very high"))
_NO_PITCH = "no voiced frame"
_PERIOD_S = 0.25
_STEADY_CENTS, _SWING_CENTS = 50.0, 150.0
_SHORTEST_HOLD_S = 0.12


@dataclass(frozen=True, slots=True)
class VocalRange:
    """Where a voice lies.

    Attributes:
        low_hz: 5th percentile of the pitch.
        median_hz: its median.
        high_hz: 95th percentile.
        semitones: from the 5th to the 95th percentile.
        register: the median in a word.
    """

    low_hz: Measurement[float]
    median_hz: Measurement[float]
    high_hz: Measurement[float]
    semitones: Measurement[float]
    register: Measurement[str]


def measure_range(track: PitchTrack, *, confidence: float) -> VocalRange:
    """Measure percentiles of the pitch of voiced frames, and the octave of their median in a word."""
    f0_hz = track.f0_hz[track.voiced]
    if not f0_hz.size:
        unknown: Measurement[float] = Measurement.unknown(_NO_PITCH, method=PITCH_METHOD)
        return VocalRange(unknown, unknown, unknown, unknown, Measurement.unknown(_NO_PITCH, method=PITCH_METHOD))
    low, median, high = np.percentile(f0_hz, [5, 50, 95]).tolist()
    # A median near the border of two registers may as well lie beyond it.
    border = min(abs(12.0 * np.log2(median / hz)) for hz, _ in _REGISTERS[:-1])
    sure = confidence * min(1.0, 0.5 + 0.5 * border)

    def known(value: float) -> Measurement[float]:
        return Measurement.of(value, method=PITCH_METHOD, confidence=confidence)

    word = next(word for hz, word in _REGISTERS if median < hz)
    return VocalRange(
        known(low),
        known(median),
        known(high),
        known(12.0 * float(np.log2(high / low))),
        Measurement.of(word, method=PITCH_METHOD, confidence=sure),
    )


def measure_sung_tendency(track: PitchTrack) -> Measurement[float]:
    """Return share of the voiced time that stays on a note.

    A frame is held where the median pitch about it, over more than a period of a vibrato, moves by less than 50 cents
    in 0.12 s, where the pitch itself stays within 1.5 semitones of that median, and where that lasts 0.12 s. Spoken
    pitch glides nearly all the time; that stability tells singing from speech was shown by Thompson, "Discrimination
    between singing and speech in real-world audio" (2014), and by Gerhard, "Computationally measurable differences
    between speech and song" (2003).
    """
    held, voiced = 0, 0
    edges = np.flatnonzero(np.diff(track.voiced.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    for start, stop in edges.tolist():
        voiced += stop - start
        held += _held(1200.0 * np.log2(track.f0_hz[start:stop].astype(np.float64)), track.hop_s)
    if voiced * track.hop_s < 1.0:
        return Measurement.unknown("less than 1 s of voice", method=SUNG_METHOD)
    return Measurement.of(held / voiced, method=SUNG_METHOD)


def _held(cents: NDArray[np.float64], hop_s: float) -> int:
    """Return number of held frames in one voiced segment."""
    from scipy.ndimage import median_filter

    side, shortest = round(0.06 / hop_s), round(_SHORTEST_HOLD_S / hop_s)
    if cents.size < shortest + 2 * side:
        return 0
    smooth = median_filter(cents, round(_PERIOD_S / hop_s), mode="nearest")
    padded = np.pad(smooth, side, mode="edge")
    steady = np.abs(padded[2 * side :] - padded[: -2 * side]) < _STEADY_CENTS
    steady &= np.abs(cents - smooth) < _SWING_CENTS
    runs = np.flatnonzero(np.diff(steady.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    lengths = runs[:, 1] - runs[:, 0]
    return int(lengths[lengths >= shortest].sum())
