"""Vibrato: the periodic swing of the pitch on held notes.

Cutting the pitch into held notes and fitting their swing belong here; tracking the pitch does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.record import Measurement

METHOD = "f0-sinusoid-per-note"

Values = NDArray[np.float64]

# Rates of trained and untrained singers: Prame, JASA 96 (1994); Sundberg, "Vocal vibrato" (1994).
_LOWEST_HZ, _HIGHEST_HZ = 4.0, 8.0
_RATES_HZ = np.arange(_LOWEST_HZ - 1.0, _HIGHEST_HZ + 1.25, 0.25)
# Averaged over this, close to one period of any vibrato, a held note is a line and a step of a semitone stands out.
_PERIOD_S = 0.18
_NOTE_STEP_CENTS = 60.0
_SHORTEST_NOTE_S = 0.5
_EDGE_S = 0.04
# A note whose pitch moves further than this beside its swing is a slide or a shout.
_LARGEST_DRIFT_CENTS = 150.0
# A vibrato needs this long to grow to its full extent and to be seen for a period.
_GROWN_NOTE_S = 0.65
_TRACKER_WINDOW_S = 0.03
_GROWN = 0.85
# Pitch that only wavers reaches 10 to 20 cents; vibrato that is heard as one, 30 and more (Sundberg, 1994).
_MIN_EXTENT_CENTS = 25.0
_MIN_FIT = 0.5
_RATE_SPREAD_HZ = 0.75
# So many notes show a habit, and so does a longer time of fewer notes.
_FEWEST_NOTES, _ENOUGH_S = 3, 2.0
_MIN_SHARE, _STRAY_SHARE = 1.0 / 3.0, 0.15
# Logistic regression on the share, drawn towards none where notes are few: 84 voices of `tests.learning.voices`.
_BIAS, _PER_SHARE, _MOST_SURE = -2.8, 13.9, 0.97


@dataclass(frozen=True, slots=True)
class Vibrato:
    """Vibrato of a voice.

    Attributes:
        present: whether a third of the sustained notes carry one, and three notes or two seconds of them.
        share: share of the sustained notes that carry one.
        rate_hz: median over the notes that carry one, weighted by their length.
        extent_cents: half peak to peak where it is fully developed, median likewise.
    """

    present: Measurement[bool]
    share: Measurement[float]
    rate_hz: Measurement[float]
    extent_cents: Measurement[float]


@dataclass(frozen=True, slots=True)
class Swing:
    """The sinusoid that fits each held note best.

    Attributes:
        duration_s: length of each note without its edges, shape (n_notes,).
        rate_hz: shape (n_notes,).
        extent_cents: half peak to peak where the swing is fully developed, shape (n_notes,).
        fit: share of the pitch variance about a parabola that the sinusoid explains, 0 to 1, shape (n_notes,).
        drift_cents: how far that parabola reaches, from its lowest to its highest, shape (n_notes,).
    """

    duration_s: Values
    rate_hz: Values
    extent_cents: Values
    fit: Values
    drift_cents: Values


def measure_vibrato(track: PitchTrack) -> Vibrato:
    """Decide whether the sustained notes carry a vibrato, and measure it.

    A note of half a second that stays within 150 cents is sustained. It carries a vibrato where a sinusoid of 4 to 8 Hz
    and at least 25 cents explains half of the variance of its pitch, at the rate of the other notes: a singer's rate
    is nearly constant (Prame, JASA 96, 1994). Where more than a few notes carry one, and fewer than a third, it is
    unknown. Single notes of any singer look like that by chance, and slides, screams
    and faults of the tracker do now and then.
    """
    swing = measure_swing(track)
    sustained = swing.drift_cents <= _LARGEST_DRIFT_CENTS
    count, held_s = int(np.count_nonzero(sustained)), float(swing.duration_s[sustained].sum())
    if count < _FEWEST_NOTES and held_s < _ENOUGH_S:
        return unknown_vibrato(f"fewer than {_FEWEST_NOTES} sustained notes of {_SHORTEST_NOTE_S} s")
    carries = sustained & (swing.fit >= _MIN_FIT) & (swing.extent_cents >= _MIN_EXTENT_CENTS)
    carries &= (swing.rate_hz >= _LOWEST_HZ) & (swing.rate_hz <= _HIGHEST_HZ)
    if carries.any():
        carries &= np.abs(swing.rate_hz - _median(swing.rate_hz, swing.duration_s * carries)) <= _RATE_SPREAD_HZ
    share = float(np.count_nonzero(carries)) / count
    seen = np.count_nonzero(carries) >= _FEWEST_NOTES or float(swing.duration_s[carries].sum()) >= _ENOUGH_S
    present = bool(seen) and share >= _MIN_SHARE
    told_share = Measurement.of(share, method=METHOD)
    if not present and share > _STRAY_SHARE:
        reason = f"{np.count_nonzero(carries)} of {count} sustained notes carry one: too few to tell"
        return replace(unknown_vibrato(reason), share=told_share)
    sure = _presence_confidence(share, count, present=present)
    told = Measurement.of(present, method=METHOD, confidence=sure)
    if not present:
        none: Measurement[float] = Measurement.unknown("no vibrato", method=METHOD)
        return Vibrato(told, told_share, none, none)
    grown = carries & (swing.duration_s >= _GROWN_NOTE_S)
    grown = grown if np.count_nonzero(grown) >= _FEWEST_NOTES else carries
    return Vibrato(
        told,
        told_share,
        Measurement.of(_median(swing.rate_hz, swing.duration_s * carries), method=METHOD, confidence=sure),
        Measurement.of(_median(swing.extent_cents, swing.duration_s * grown), method=METHOD, confidence=sure),
    )


def unknown_vibrato(reason: str) -> Vibrato:
    """Return a vibrato of which nothing is known, for a reason."""
    unknown: Measurement[float] = Measurement.unknown(reason, method=METHOD)
    return Vibrato(Measurement.unknown(reason, method=METHOD), unknown, unknown, unknown)


def _presence_confidence(share: float, count: int, *, present: bool) -> float:
    """Return the probability that the decision is right."""
    chance = 1.0 / (1.0 + math.exp(-(_BIAS + _PER_SHARE * share * count / (count + 1))))
    return min(_MOST_SURE, chance if present else 1.0 - chance)


def _median(values: Values, weights: Values) -> float:
    """Return the value at half of the summed weights."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(total, 0.5 * total[-1])]])


def measure_swing(track: PitchTrack) -> Swing:
    """Fit a sinusoid to the pitch of each held note."""
    notes = held_notes(track)
    found = np.zeros((len(notes), 4))
    for row, (start, stop) in enumerate(notes.tolist()):
        cents = 1200.0 * np.log2(track.f0_hz[start:stop].astype(np.float64))
        rate_hz, fit, drift_cents = _rate(cents, track.hop_s)
        found[row] = rate_hz, _extent(cents, rate_hz, track.hop_s), fit, drift_cents
    # The tracker averages the pitch over its window, which damps a swing by sinc(rate * window).
    damping = np.asarray(np.sinc(found[:, 0] * _TRACKER_WINDOW_S), np.float64)
    duration_s = np.asarray((notes[:, 1] - notes[:, 0]) * track.hop_s, np.float64)
    return Swing(duration_s, found[:, 0], found[:, 1] / damping, found[:, 2], found[:, 3])


def held_notes(track: PitchTrack) -> NDArray[np.intp]:
    """Return first frame and end of each held note without its edges, shape (n_notes, 2).

    A voiced segment is cut where the mean pitch of the next 0.18 s differs most, and by more than 60 cents, from
    that of the last 0.18 s.
    """
    edge, side = round(_EDGE_S / track.hop_s), round(_PERIOD_S / track.hop_s)
    shortest = round(_SHORTEST_NOTE_S / track.hop_s)
    bounds = np.flatnonzero(np.diff(track.voiced.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    notes: list[tuple[int, int]] = []
    for start, stop in bounds[bounds[:, 1] - bounds[:, 0] >= shortest].tolist():
        steps = _steps(1200.0 * np.log2(track.f0_hz[start:stop].astype(np.float64)), side)
        cuts = [start, *(start + steps).tolist(), stop]
        notes += [(a + edge, b - edge) for a, b in pairwise(cuts) if b - a >= shortest]
    return np.asarray(notes, np.intp).reshape(-1, 2)


def _steps(cents: Values, side: int) -> NDArray[np.intp]:
    """Return frames at which one note follows another without a gap."""
    from scipy.ndimage import maximum_filter1d

    total = np.concatenate(([0.0], np.cumsum(cents)))
    at = np.arange(1, cents.size)
    low, high = np.maximum(at - side, 0), np.minimum(at + side, cents.size)
    after, before = (total[high] - total[at]) / (high - at), (total[at] - total[low]) / (at - low)
    step = np.abs(after - before)
    return np.asarray(at[(step > _NOTE_STEP_CENTS) & (step == maximum_filter1d(step, side))])


def _rate(cents: Values, hop_s: float) -> tuple[float, float, float]:
    """Find the rate of the sinusoid that, beside a parabola, explains most of a note, and the share it explains.

    The third number is how far the parabola reaches, cents.
    """
    drift, swings, inverse = _models(cents.size, hop_s)
    parabola = drift @ (drift.T @ cents)
    rest, drift_cents = cents - parabola, float(np.ptp(parabola))
    variance = float(rest @ rest)
    if variance <= 1e-6 * cents.size:
        return _LOWEST_HZ, 0.0, drift_cents
    weights = swings @ rest
    explained = np.einsum("ri,rij,rj->r", weights, inverse, weights)
    best = int(np.argmax(explained))
    rate_hz = float(_RATES_HZ[best])
    if 0 < best < _RATES_HZ.size - 1:
        left, peak, right = explained[best - 1 : best + 2].tolist()
        bend = left - 2.0 * peak + right
        rate_hz += 0.5 * (left - right) / bend * float(_RATES_HZ[1] - _RATES_HZ[0]) if bend < 0.0 else 0.0
    return rate_hz, min(1.0, float(explained[best]) / variance), drift_cents


@lru_cache(maxsize=64)
def _models(size: int, hop_s: float) -> tuple[Values, Values, Values]:
    """Return what a note of `size` frames is fitted by.

    Returns:
        An orthonormal basis of parabolas, shape (size, 3); cosine and sine of each rate without their parabolic part,
        shape (n_rates, 2, size); the inverses of their products, shape (n_rates, 2, 2).
    """
    u = np.linspace(-1.0, 1.0, size)
    drift = np.linalg.qr(np.stack([np.ones_like(u), u, u * u], axis=1))[0]
    phase = 2.0 * np.pi * hop_s * np.outer(_RATES_HZ, np.arange(size))
    swings = np.stack([np.cos(phase), np.sin(phase)], axis=1)
    swings -= (swings @ drift) @ drift.T
    products = swings @ swings.transpose(0, 2, 1)
    return drift, swings, np.linalg.inv(products + 1e-9 * np.eye(2))


def _extent(cents: Values, rate_hz: float, hop_s: float) -> float:
    """Measure half the peak-to-peak extent of a swing of known rate where it is fully developed.

    A sinusoid and a line are fitted in Hann windows of one and a half periods all along the note; the extent is the
    median of those fits that reach 0.85 of the largest, as singers let a vibrato grow into the note.
    """
    side = min(round(0.75 / (rate_hz * hop_s)), (cents.size - 1) // 2)
    n = np.arange(-side, side + 1)
    phase = 2.0 * np.pi * rate_hz * hop_s * n
    basis = np.stack([np.cos(phase), np.sin(phase), np.ones(n.size), n / max(side, 1)], axis=1)
    window = 0.5 + 0.5 * np.cos(np.pi * n / (side + 1))
    weighted = basis * window[:, None]
    filters = np.linalg.solve(basis.T @ weighted, weighted.T)[:2]
    windows = np.lib.stride_tricks.sliding_window_view(cents - cents.mean(), n.size)
    extents = np.hypot(*(filters @ windows.T))
    return float(np.median(extents[extents >= _GROWN * extents.max()]))
