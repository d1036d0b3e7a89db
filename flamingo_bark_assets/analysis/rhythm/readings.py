"""Readings of the beat: each candidate tempo on and off the beat, and how much speaks for it.

Judging whole readings belongs here; tracking one is in `bar_pointer`, bars are in `downbeats`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ
from flamingo_bark_assets.analysis.rhythm.bar_pointer import track_pulse
from flamingo_bark_assets.analysis.rhythm.evidence import Evidence
from flamingo_bark_assets.analysis.rhythm.tempo import autocorrelation, candidate_periods, prior, salience
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

Frames = NDArray[np.float64]

SLOTS = 12
_LAGS = (1, 2, 3, 4, 6, 8)
_SHIFTS = (0.0, 0.5, 1.0 / 3.0, 2.0 / 3.0, 0.25, 0.75)
_CHANGE_COST = 60.0
_RANGE = 0.12


@dataclass(frozen=True, slots=True)
class Reading:
    """One interpretation of the beat.

    Attributes:
        beats: in frames of the evidence, ascending, (n_beats,).
        period_s: median beat period.
        features: what speaks for it, (n_features,).
    """

    beats: Frames
    period_s: float
    features: FloatArray


def possible_readings(evidence: Evidence) -> list[Reading]:
    """Track each candidate tempo, and shift each track by half and thirds of a beat."""
    correlation = autocorrelation(evidence.curves[:, :4])
    out = []
    for period in candidate_periods(correlation):
        frames = period * ONSET_RATE_HZ
        beats, _ = track_pulse(
            evidence.pulse,
            shortest=int(frames * (1.0 - _RANGE)),
            longest=int(frames * (1.0 + _RANGE)) + 1,
            change_cost=_CHANGE_COST,
        )
        if beats.size < 4:
            continue
        for shift in _SHIFTS:
            moved = beats + shift * np.append(np.diff(beats), beats[-1] - beats[-2])
            if moved[-1] >= evidence.pulse.size:
                moved = moved[:-1]
            elif moved[0] > 0.8 * frames:
                moved = np.insert(moved, 0, max(0.0, moved[0] - (moved[1] - moved[0])))
            if moved.size >= 4:
                period_s = float(np.median(np.diff(moved))) / ONSET_RATE_HZ
                levels = [salience(correlation, period_s / parts) for parts in (1, 2, 3, 4)]
                features = _features(evidence, moved, levels)
                out.append(Reading(moved, period_s, features))
    return out


def sampled(curves: FloatArray, beats: Frames) -> FloatArray:
    """Return the curves' largest value about each twelfth of each beat, shape (n_beats - 1, `SLOTS`, n_curves).

    `curves` has shape (n_frames, n_curves); `beats` are frames, ascending.
    """
    return _sampled(np.ascontiguousarray(curves), np.ascontiguousarray(beats, np.float64), SLOTS)


def _features(evidence: Evidence, beats: Frames, levels: list[float]) -> FloatArray:
    grid = sampled(evidence.curves, beats)
    profile = grid.mean(axis=0)
    level = profile.mean(axis=0)
    shape = profile / (level + 1e-3)
    centred = grid - profile
    repeats = _repetition(centred, _LAGS)
    accents = _repetition(centred[:, :1], _LAGS[:4])
    periods = np.diff(beats)
    period_s = float(np.median(periods)) / ONSET_RATE_HZ
    octave = np.log2(period_s / 0.5)
    general = [
        octave,
        octave**2,
        octave**3,
        float(prior(period_s)),
        *levels,
        float(np.abs(np.diff(periods)).mean() / periods.mean()),
    ]
    return np.concatenate([general, level, shape.ravel(), repeats.ravel(), accents.ravel()]).astype(np.float32)


def _repetition(centred: FloatArray, lags: tuple[int, ...]) -> FloatArray:
    """Compute the autocorrelation of each curve's beats, (n_beats, n_slots, n_curves), at lags in beats.

    Shape (n_lags, n_curves).
    """
    power = (centred**2).sum(axis=(0, 1)) + 1e-3
    out = np.zeros((len(lags), centred.shape[2]), np.float32)
    for row, lag in enumerate(lags):
        if lag < len(centred):
            out[row] = np.einsum("bsc,bsc->c", centred[:-lag], centred[lag:]) / power
    return out


@compiled("float32[:, :, ::1](float32[:, ::1], float64[::1], int64)")
def _sampled(curves: FloatArray, beats: Frames, slots: int) -> FloatArray:
    frames, columns = curves.shape
    out = np.zeros((beats.size - 1, slots, columns), np.float32)
    for k in range(beats.size - 1):
        period = beats[k + 1] - beats[k]
        reach = max(1, int(period / 36.0 + 0.5))
        for slot in range(slots):
            centre = int(beats[k] + period * slot / slots + 0.5)
            for t in range(max(0, centre - reach), min(frames, centre + reach + 1)):
                for c in range(columns):
                    out[k, slot, c] = max(out[k, slot, c], curves[t, c])
    return out
