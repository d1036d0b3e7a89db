"""Voice quality: how steady the glottal cycles are and how much noise the voice carries.

Statistics of cycles and cepstra belong here; matching the cycles is in `vocals.cycles`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.analysis.vocals.cycles import match_cycles
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement

CYCLE_METHOD = "waveform-matching"
CEPSTRUM_METHOD = "cepstral-peak-prominence"

_SHORTEST_STRETCH_FRAMES = 10
_MOST_CYCLES = 40_000
_GROUP_CYCLES = 16
_FEWEST_GROUPS = 5
_EMPHASIS = 0.97
_LEAST_LIKENESS = 0.6
_LARGEST_PERIOD_RATIO = 1.3
_LARGEST_AMPLITUDE_RATIO = 1.6

_CEPSTRUM_FRAME = 1024
_CEPSTRUM_FRAMES = 1000
_CEPSTRUM_CHUNK = 256

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VoiceQuality:
    """Steadiness and noise of a voice.

    Attributes:
        jitter_local: mean difference of neighbouring periods over their mean.
        shimmer_local: mean difference of the amplitudes of neighbouring cycles over their mean.
        hnr_relative_db: harmonics over noise, from the likeness of neighbouring cycles.
        cpp_db: prominence of the cepstral peak.
    """

    jitter_local: Measurement[float]
    shimmer_local: Measurement[float]
    hnr_relative_db: Measurement[float]
    cpp_db: Measurement[float]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the quality of a voice is drawn from.

    Attributes:
        groups: jitter, shimmer, harmonics-to-noise ratio (dB) and likeness of groups of 16 cycles, (n_groups, 4).
        prominence_db: prominence of the cepstral peak of single frames, shape (n_frames,).
    """

    groups: Values
    prominence_db: Values


def read_cycles(samples: FloatArray, rate_hz: float, track: PitchTrack) -> Evidence:
    """Gather the cycles and cepstra of the voiced segments.

    The rate is about 22 kHz, or 11 kHz at the cost of precision. `samples` are mono, shape (n_samples,).
    """
    return Evidence(_groups(_cycles(samples, rate_hz, track)), _prominence_db(samples, rate_hz, track))


def measure_quality(evidence: Sequence[Evidence]) -> VoiceQuality:
    """Give jitter, shimmer, harmonics-to-noise ratio and cepstral peak prominence.

    Jitter and shimmer are the local ones of Boersma's definitions (and of Titze & Liang, 1993), each the median over
    groups of 16 cycles, since where notes join the pitch moves by itself. Reverberation and what is left of other
    instruments add to all of them; they compare voices recorded alike, are no clinical values, and have no confidence.
    """
    groups = np.concatenate([piece.groups for piece in evidence])
    prominence_db = np.concatenate([piece.prominence_db for piece in evidence])
    cpp_db: Measurement[float] = Measurement.unknown("no voiced frame", method=CEPSTRUM_METHOD)
    if prominence_db.size:
        cpp_db = Measurement.of(float(np.median(prominence_db)), method=CEPSTRUM_METHOD)
    if len(groups) < _FEWEST_GROUPS:
        reason = f"fewer than {_FEWEST_GROUPS * _GROUP_CYCLES} regular cycles"
        unknown: Measurement[float] = Measurement.unknown(reason, method=CYCLE_METHOD)
        return VoiceQuality(unknown, unknown, unknown, cpp_db)
    jitter, shimmer, hnr_db, _ = np.median(groups, axis=0).tolist()
    return VoiceQuality(
        Measurement.of(jitter, method=CYCLE_METHOD),
        Measurement.of(shimmer, method=CYCLE_METHOD),
        Measurement.of(hnr_db, method=CYCLE_METHOD),
        cpp_db,
    )


def _cycles(samples: FloatArray, rate_hz: float, track: PitchTrack) -> FloatArray:
    """Return matched cycles of voiced segments, evenly chosen where there are very many, shape (n, 4)."""
    edges = np.flatnonzero(np.diff(track.voiced.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    edges = edges[edges[:, 1] - edges[:, 0] >= _SHORTEST_STRETCH_FRAMES]
    if not len(edges):
        return np.zeros((0, 4), np.float32)
    expected = float(track.f0_hz.sum()) * track.hop_s
    return match_cycles(
        samples, _emphasised(samples), rate_hz, track, edges[:: max(1, int(np.ceil(expected / _MOST_CYCLES)))]
    )


def _emphasised(samples: FloatArray) -> FloatArray:
    """Raise the samples by 6 dB an octave, where noise shows between the harmonics and responses die away fast."""
    raised = samples.copy()
    raised[1:] -= np.float32(_EMPHASIS) * samples[:-1]
    return raised


def _groups(cycles: FloatArray) -> Values:
    """Compute jitter, shimmer, harmonics-to-noise ratio (dB) and mean likeness of each group, shape (n_groups, 4)."""
    if len(cycles) < 2 * _GROUP_CYCLES:
        return np.zeros((0, 4))
    period, likeness, amplitude, segment = np.asarray(cycles.T, np.float64)
    period_ratio, amplitude_ratio = (np.abs(np.diff(np.log(np.maximum(v, 1e-9)))) for v in (period, amplitude))
    regular = (segment[1:] == segment[:-1]) & (np.minimum(likeness[1:], likeness[:-1]) > _LEAST_LIKENESS)
    regular &= period_ratio < np.log(_LARGEST_PERIOD_RATIO)
    regular &= amplitude_ratio < np.log(_LARGEST_AMPLITUDE_RATIO)
    usable = len(regular) // _GROUP_CYCLES * _GROUP_CYCLES
    shape = (-1, _GROUP_CYCLES)
    whole = regular[:usable].reshape(shape).all(axis=1)

    def mean(values: Values) -> Values:
        return np.asarray(values[:usable].reshape(shape)[whole].mean(axis=1), np.float64)

    noise = np.clip(1.0 - likeness[:-1], 1e-5, 0.999)
    return np.stack(
        [
            mean(np.abs(np.diff(period))) / mean(period[:-1]),
            mean(np.abs(np.diff(amplitude))) / mean(amplitude[:-1]),
            mean(10.0 * np.log10((1.0 - noise) / noise)),
            mean(likeness[:-1]),
        ],
        axis=1,
    )


def _prominence_db(samples: FloatArray, rate_hz: float, track: PitchTrack) -> Values:
    """Compute the cepstral peak's height over the cepstrum's regression line in up to 1000 voiced frames, shape (n,).

    Hillenbrand, Cleveland & Erickson, J. Speech Hear. Res. 37 (1994): the more aspiration noise, the lower.
    """
    import scipy.fft

    frames = np.flatnonzero(track.voiced)
    starts = np.round(frames * (track.hop_s * rate_hz)).astype(np.int64) - _CEPSTRUM_FRAME // 2
    inside = (starts >= 0) & (starts + _CEPSTRUM_FRAME <= samples.size)
    frames, starts = frames[inside], starts[inside]
    if starts.size == 0:
        return np.zeros(0)
    chosen = np.linspace(0, starts.size - 1, min(starts.size, _CEPSTRUM_FRAMES)).astype(int)
    frames, starts = frames[chosen], starts[chosen]
    window = np.hanning(_CEPSTRUM_FRAME).astype(np.float32)
    quefrency = np.arange(_CEPSTRUM_FRAME // 2)
    first = round(0.001 * rate_hz)
    line = np.stack([np.ones(quefrency.size - first), quefrency[first:]], axis=1)
    fit = np.linalg.pinv(line)
    prominence = np.zeros(starts.size)
    for begin in range(0, starts.size, _CEPSTRUM_CHUNK):
        rows = slice(begin, begin + _CEPSTRUM_CHUNK)
        pieces = samples[starts[rows, None] + np.arange(_CEPSTRUM_FRAME)] * window
        power = np.square(np.abs(scipy.fft.rfft(pieces, axis=1)))
        log_db = 10.0 * np.log10(power + 1e-9 * power.max(axis=1, keepdims=True) + 1e-20)
        cepstrum = np.abs(scipy.fft.irfft(log_db, axis=1)[:, : quefrency.size])
        level_db = 20.0 * np.log10(np.maximum(cepstrum, 1e-6))
        period = rate_hz / track.f0_hz[frames[rows]]
        near = np.abs(quefrency[None, :] - period[:, None]) <= 0.1 * period[:, None]
        peak = np.where(near, level_db, -np.inf).argmax(axis=1)
        weights = level_db[:, first:] @ fit.T
        each = np.arange(len(peak))
        prominence[rows] = level_db[each, peak] - (weights[:, 0] + weights[:, 1] * peak)
    return prominence
