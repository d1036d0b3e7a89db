"""Tempo, beats and onsets of a signal.

When things happen belongs here; which drum or note it was does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.librosa_loading import load_librosa
from flamingo_bark_assets.analysis.view import HOP, SAMPLE_RATE_HZ, AudioView
from flamingo_bark_assets.record import Measurement

Times = NDArray[np.float64]

_METHOD = "librosa-beat-dp"
_ONSET_METHOD = "librosa-onset-peaks"
_COMPLEXITY_METHOD = "ioi-entropy"

_MIN_ONSETS = 5
_MIN_BEATS = 5
_MIN_PULSE = 0.12
_SPAN_BEATS = 8
_SHORTEST_IOI_S = 0.05
_OCTAVES_OF_IOI = 6
_CELLS = 12 * _OCTAVES_OF_IOI


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Pulse of a signal.

    Attributes:
        tempo_bpm: median tempo over spans of eight beats.
        tempo_stability: 1 minus the interquartile range of the beat intervals over their median.
        beat_count: number of beats.
        beat_times_s: the beats, empty where there is no pulse.

    """

    tempo_bpm: Measurement[float]
    tempo_stability: Measurement[float]
    beat_count: Measurement[int]
    beat_times_s: tuple[float, ...]


def measure_rhythm(view: AudioView) -> Rhythm:
    """Track the beats by dynamic programming (Ellis, J. New Music Research 36, 2007, as in librosa).

    The confidence of all three values is the normalised autocorrelation of the onset envelope at the beat
    interval: near 1 for a metronome, near 0 for noise. It says how regular the pulse is; a tempo at half
    or twice what a listener would tap can still have a high one.

    Args:
        view: the signal.

    """
    onsets = view.onset_times_s.size
    if onsets < _MIN_ONSETS:
        return _no_pulse(f"no pulse: {onsets} onsets found, at least {_MIN_ONSETS} are needed")
    times = _beat_times(view)
    if times.size < _MIN_BEATS:
        return _no_pulse(f"no pulse: {times.size} beats found, at least {_MIN_BEATS} are needed")
    intervals = np.diff(times)
    confidence = _pulse_clarity(view, float(np.median(intervals)))
    if confidence < _MIN_PULSE:
        return _no_pulse("no pulse: the onsets do not repeat at any steady interval")
    span = min(_SPAN_BEATS, times.size - 1)
    tempo = 60.0 * span / float(np.median(times[span:] - times[:-span]))
    spread = float(np.subtract(*np.percentile(intervals, [75, 25])) / np.median(intervals))
    return Rhythm(
        Measurement.of(tempo, method=_METHOD, confidence=confidence),
        Measurement.of(max(0.0, 1.0 - spread), method=_METHOD, confidence=confidence),
        Measurement.of(int(times.size), method=_METHOD, confidence=confidence),
        tuple(times.tolist()),
    )


def onset_density(view: AudioView, over_s: float) -> Measurement[float]:
    """Onsets a second.

    Args:
        view: the signal.
        over_s: the time to divide by, seconds, more than 0.

    """
    return Measurement.of(view.onset_times_s.size / over_s, method=_ONSET_METHOD)


def rhythm_complexity(view: AudioView) -> Measurement[float]:
    """Entropy of the inter-onset intervals over a grid of semitone-wide cells from 50 ms to 3.2 s, 0 to 1.

    1 would be all 72 cells filled alike; intervals outside the grid are pauses and are left out. The
    confidence is the share of the way to one interval a cell, as few intervals cannot fill the grid.

    Args:
        view: the signal.

    """
    intervals = np.diff(view.onset_times_s)
    cells = np.round(12.0 * np.log2(np.maximum(intervals, 1e-6) / _SHORTEST_IOI_S)).astype(int)
    cells = cells[(cells >= 0) & (cells < _CELLS)]
    if cells.size < _MIN_ONSETS - 1:
        return Measurement.unknown("too few onsets to speak of a rhythm", method=_COMPLEXITY_METHOD)
    share = np.bincount(cells) / cells.size
    share = share[share > 0]
    entropy = float(-(share * np.log(share)).sum() / np.log(_CELLS))
    return Measurement.of(max(0.0, entropy), method=_COMPLEXITY_METHOD, confidence=cells.size / _CELLS)


def _no_pulse(reason: str) -> Rhythm:
    return Rhythm(
        Measurement.unknown(reason, method=_METHOD),
        Measurement.unknown(reason, method=_METHOD),
        Measurement.unknown(reason, method=_METHOD),
        (),
    )


def _beat_times(view: AudioView) -> Times:
    """Beat times, seconds; silence around the sound is not tracked, as it would pull the beats astray."""
    librosa = load_librosa()

    sounding = np.flatnonzero(view.sounding)
    if sounding.size == 0:
        return np.zeros(0)
    start, end = int(sounding[0]), int(sounding[-1]) + 1
    _, frames = librosa.beat.beat_track(
        onset_envelope=view.onset_envelope[start:end], sr=SAMPLE_RATE_HZ, hop_length=HOP
    )
    return np.unique(view.peak_times(np.asarray(frames, np.int_) + start))


def _pulse_clarity(view: AudioView, interval_s: float) -> float:
    """Normalised, unbiased autocorrelation of the onset envelope at a lag, at most 1; may be negative."""
    envelope = np.asarray(view.onset_envelope - view.onset_envelope.mean(), np.float64)
    energy = float(envelope @ envelope)
    lag = round(interval_s * view.frame_rate_hz)
    if energy <= 0.0 or not 1 < lag < envelope.size - 1:
        return 0.0
    lags = (lag - 1, lag, lag + 1)
    best = max(float(envelope[k:] @ envelope[:-k]) / (envelope.size - k) for k in lags)
    return float(min(1.0, best * envelope.size / energy))
