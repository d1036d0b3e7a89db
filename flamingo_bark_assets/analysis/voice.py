"""Vibrato and formants of a voice.

What needs a pitch track or a spectral envelope of single frames belongs here; phrases and range do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.librosa_loading import load_librosa
from flamingo_bark_assets.analysis.pitch import PitchTrack, steady_stretches
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement

Values = NDArray[np.float64]

_VIBRATO_METHOD = "f0-sinusoid-fit"
_MIN_RATE_HZ = 4.0
_MAX_RATE_HZ = 8.0
_STEADY_SEMITONES = 1.5
_MIN_NOTE_S = 0.5
_EDGE_S = 0.05
_MIN_EXTENT_CENTS = 15.0
_MIN_FIT = 0.5
_MIN_SHARE = 0.3
_YIN_WINDOW_S = 0.031

_FORMANT_METHOD = "lpc-burg"
_FORMANT_FRAMES = 400
_FORMANT_WINDOW_S = 0.03
_LPC_ORDER = 12
_PRE_EMPHASIS = 0.97
_MAX_BANDWIDTH_HZ = 500.0
_SPARSE_F0_HZ = 150.0
_FORMANT_RANGES_HZ = ((200.0, 1200.0), (550.0, 3200.0), (1400.0, 4500.0))


@dataclass(frozen=True, slots=True)
class Vibrato:
    """Vibrato of a voice.

    Attributes:
        present: whether at least 30 % of the steady time carries one; its confidence is the distance
        of that share
            from 30 %, as a part of the largest possible distance.
        rate_hz: median over the notes that carry one; the confidence is the median share of the pitch
        variation
            that a sinusoid explains.
        extent_cents: half peak to peak, with the same confidence.

    """

    present: Measurement[bool]
    rate_hz: Measurement[float]
    extent_cents: Measurement[float]


@dataclass(frozen=True, slots=True)
class Formants:
    """Median formants over voiced frames.

    The confidence is the share of frames in which three plausible resonances were found, times 150 Hz
    over the median f0 where that is below 1: harmonics far apart show little of the envelope between
    them.
    """

    f1_hz: Measurement[float]
    f2_hz: Measurement[float]
    f3_hz: Measurement[float]


@dataclass(frozen=True, slots=True)
class _Wobble:
    """The sinusoid that fits the pitch of one steady note best; `fit` is the share that it explains."""

    rate_hz: float
    extent_cents: float
    fit: float
    frames: int

    @property
    def is_vibrato(self) -> bool:
        return self.fit >= _MIN_FIT and self.extent_cents >= _MIN_EXTENT_CENTS


def measure_vibrato(track: PitchTrack) -> Vibrato:
    """Find periodic pitch variation of 4 to 8 Hz in the steady notes.

    A note carries vibrato where a sinusoid of at least 15 cents explains half of the variance of its
    detrended pitch (after Sundberg, "Acoustic and psychoacoustic aspects of vocal vibrato", 1994, for the
    range of rates).

    Args:
        track: the pitch of the voice.

    """
    notes = steady_stretches(track, within_semitones=_STEADY_SEMITONES, min_duration_s=_MIN_NOTE_S)
    wobbles = [_wobble(track, note) for note in notes]
    if not wobbles:
        reason = f"no steady note of {_MIN_NOTE_S} s"
        unknown: Measurement[float] = Measurement.unknown(reason, method=_VIBRATO_METHOD)
        return Vibrato(Measurement.unknown(reason, method=_VIBRATO_METHOD), unknown, unknown)
    vibratos = [wobble for wobble in wobbles if wobble.is_vibrato]
    share = sum(wobble.frames for wobble in vibratos) / sum(wobble.frames for wobble in wobbles)
    present = share >= _MIN_SHARE
    certainty = (share - _MIN_SHARE) / (1.0 - _MIN_SHARE) if present else 1.0 - share / _MIN_SHARE
    there = Measurement.of(present, method=_VIBRATO_METHOD, confidence=certainty)
    if not present:
        none: Measurement[float] = Measurement.unknown("no vibrato", method=_VIBRATO_METHOD)
        return Vibrato(there, none, none)
    fit = float(np.median([wobble.fit for wobble in vibratos]))

    def median(values: list[float]) -> Measurement[float]:
        return Measurement.of(float(np.median(values)), method=_VIBRATO_METHOD, confidence=fit)

    return Vibrato(there, median([w.rate_hz for w in vibratos]), median([w.extent_cents for w in vibratos]))


def _wobble(track: PitchTrack, note: slice) -> _Wobble:
    """Fit one sinusoid to the pitch of a note, without its edges and its slow drift (a parabola)."""
    edge = round(_EDGE_S / track.hop_s)
    f0_hz = track.f0_hz[note.start + edge : note.stop - edge]
    times_s: Values = np.asarray(np.arange(f0_hz.size) * track.hop_s, np.float64)
    cents: Values = np.asarray(1200.0 * np.log2(f0_hz / np.median(f0_hz)), np.float64)
    cents = np.asarray(cents - np.polyval(np.polyfit(times_s, cents, 2), times_s), np.float64)
    variance = float(cents @ cents)
    if variance <= 0.0:
        return _Wobble(_MIN_RATE_HZ, 0.0, 0.0, f0_hz.size)
    rates_hz = np.linspace(_MIN_RATE_HZ - 0.5, _MAX_RATE_HZ + 0.5, 51)
    fits = [_sinusoid(cents, times_s, float(rate_hz)) for rate_hz in rates_hz]
    amplitude, explained, rate_hz = max(fits, key=lambda fit: fit[1])
    if not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
        return _Wobble(rate_hz, 0.0, 0.0, f0_hz.size)
    # YIN averages the pitch over its window, which damps a sinusoid by sinc(rate * window).
    damping = float(np.sinc(rate_hz * _YIN_WINDOW_S))
    return _Wobble(rate_hz, amplitude / damping, explained / variance, f0_hz.size)


def _sinusoid(cents: Values, times_s: Values, rate_hz: float) -> tuple[float, float, float]:
    """Amplitude and explained sum of squares of the best sinusoid of one rate, and the rate."""
    phase = 2.0 * np.pi * rate_hz * times_s
    basis = np.stack([np.cos(phase), np.sin(phase)], axis=1)
    weights = np.linalg.lstsq(basis, cents, rcond=None)[0]
    fitted = basis @ weights
    return float(np.hypot(*weights)), float(2.0 * cents @ fitted - fitted @ fitted), float(rate_hz)


def measure_formants(samples: FloatArray, sample_rate_hz: int, track: PitchTrack) -> Formants:
    """Find the first three resonances by linear prediction (Burg; order and pre-emphasis as for speech).

    Args:
        samples: mono, about 11 kHz, shape (n_samples,).
        sample_rate_hz: its rate.
        track: the pitch of the same samples.

    """
    frames = _voiced_frames(samples, sample_rate_hz, track)
    found = _resonances(frames, sample_rate_hz)
    if len(found) == 0:
        reason = "no voiced frame" if len(frames) == 0 else "no voiced frame shows three resonances"
        unknown: Measurement[float] = Measurement.unknown(reason, method=_FORMANT_METHOD)
        return Formants(unknown, unknown, unknown)
    _, f0_hz, _ = track.percentiles_hz()
    confidence = len(found) / len(frames) * min(1.0, _SPARSE_F0_HZ / f0_hz)
    f1, f2, f3 = (
        Measurement.of(float(hz), method=_FORMANT_METHOD, confidence=confidence) for hz in np.median(found, axis=0)
    )
    return Formants(f1, f2, f3)


def _voiced_frames(samples: FloatArray, sample_rate_hz: int, track: PitchTrack) -> Values:
    """Up to 400 voiced frames, evenly chosen, pre-emphasised and windowed, shape (n_frames, length)."""
    length = round(_FORMANT_WINDOW_S * sample_rate_hz)
    centres = np.round(np.flatnonzero(track.voiced) * track.hop_s * sample_rate_hz).astype(int)
    starts = centres - length // 2
    starts = starts[(starts >= 1) & (starts + length <= samples.size)]
    if starts.size == 0:
        return np.zeros((0, length))
    chosen = starts[np.linspace(0, starts.size - 1, min(starts.size, _FORMANT_FRAMES)).astype(int)]
    index = chosen[:, None] + np.arange(length)
    emphasised = samples[index].astype(np.float64) - _PRE_EMPHASIS * samples[index - 1]
    return np.asarray(emphasised * np.hamming(length))


def _resonances(frames: Values, sample_rate_hz: int) -> Values:
    """Find the three lowest narrow resonances, Hz, shape (n, 3), of the frames with plausible ones."""
    if len(frames) == 0:
        return np.zeros((0, 3))
    coefficients = load_librosa().lpc(frames, order=_LPC_ORDER)
    companion = np.zeros((len(frames), _LPC_ORDER, _LPC_ORDER))
    companion[:, 0] = -coefficients[:, 1:]
    companion[:, np.arange(1, _LPC_ORDER), np.arange(_LPC_ORDER - 1)] = 1.0
    roots = np.linalg.eigvals(companion)
    hz = np.angle(roots) * sample_rate_hz / (2.0 * np.pi)
    bandwidth_hz = -np.log(np.maximum(np.abs(roots), 1e-9)) * sample_rate_hz / np.pi
    narrow = (hz > _FORMANT_RANGES_HZ[0][0]) & (bandwidth_hz < _MAX_BANDWIDTH_HZ)
    lowest = np.sort(np.where(narrow, hz, np.inf), axis=1)[:, :3]
    low, high = np.array(_FORMANT_RANGES_HZ).T
    return np.asarray(lowest[((lowest >= low) & (lowest <= high)).all(axis=1)])
