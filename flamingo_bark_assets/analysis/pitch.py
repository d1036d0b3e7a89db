"""The fundamental frequency of one voice at a time, and the steady stretches in it.

Pitch tracking and cutting it into notes belong here; what a bass or a singer does with them does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.signal import FloatArray

_DIP = 0.3
_SLACK = 0.08
_MAX_APERIODICITY = 0.35
_RELATIVE_GATE = 1e-3
_ABSOLUTE_GATE = 1e-6
_CHUNK_FRAMES = 512
_OCTAVE_CONTEXT_S = 0.25


@dataclass(frozen=True, slots=True)
class PitchTrack:
    """Fundamental frequency at a constant hop; frame i is centred on i * hop_s.

    Attributes:
        f0_hz: shape (n_frames,); 0 where unvoiced.
        aperiodicity: depth of the YIN dip, 0 (periodic) to 1 (noise), shape (n_frames,).
        hop_s: seconds between frames.

    """

    f0_hz: NDArray[np.float64]
    aperiodicity: NDArray[np.float64]
    hop_s: float

    @property
    def voiced(self) -> NDArray[np.bool_]:
        """Which frames have a pitch, shape (n_frames,)."""
        return self.f0_hz > 0.0

    @property
    def clarity(self) -> float:
        """1 minus the mean aperiodicity of the voiced frames; 0 where none is voiced."""
        return float(1.0 - self.aperiodicity[self.voiced].mean()) if self.voiced.any() else 0.0

    @property
    def decisiveness(self) -> float:
        """Mean distance of the frames' aperiodicity from the wrong side: how sure voiced and unvoiced are."""
        if self.aperiodicity.size == 0:
            return 0.0
        return float(np.where(self.voiced, 1.0 - self.aperiodicity, self.aperiodicity).mean())

    def percentiles_hz(self) -> tuple[float, float, float]:
        """5th, 50th and 95th percentile of the voiced frames, of which there must be one."""
        low, median, high = np.percentile(self.f0_hz[self.voiced], [5, 50, 95])
        return float(low), float(median), float(high)


def track_pitch(
    samples: FloatArray,
    sample_rate_hz: int,
    *,
    fmin_hz: float,
    fmax_hz: float,
    window_s: float,
    hop_s: float = 0.01,
) -> PitchTrack:
    """Track the pitch by YIN (de Cheveigne & Kawahara, JASA 111, 2002), gated by energy and aperiodicity.

    A frame is voiced where its dip is deeper than 0.65 and its power above -60 dBFS and at most 30 dB
    below the loud frames (95th percentile). Single frames an octave or more off their surroundings count
    as unvoiced.

    Args:
        samples: mono, shape (n_samples,).
        sample_rate_hz: at least ten times `fmax_hz`, or the parabolic refinement is poor.
        fmin_hz: lowest pitch.
        fmax_hz: highest pitch.
        window_s: length of the integration window, at least the longest period.
        hop_s: time between frames, rounded to whole samples.

    """
    hop = max(1, round(hop_s * sample_rate_hz))
    longest = int(np.ceil(sample_rate_hz / fmin_hz)) + 1
    shortest = max(2, int(sample_rate_hz / fmax_hz))
    window = round(window_s * sample_rate_hz)
    reach = window + longest
    padded = np.pad(samples, (window // 2 + longest // 4, reach))
    frames = np.lib.stride_tricks.sliding_window_view(padded, reach)[: samples.size : hop]
    f0, aperiodicity = np.zeros(len(frames)), np.ones(len(frames))
    power = np.zeros(len(frames))
    for start in range(0, len(frames), _CHUNK_FRAMES):
        rows = slice(start, start + _CHUNK_FRAMES)
        power[rows] = np.einsum("fs,fs->f", frames[rows], frames[rows]) / reach
        difference = _normalised_difference(frames[rows], window, longest)
        lag, aperiodicity[rows] = _first_dip(difference, shortest)
        f0[rows] = sample_rate_hz / lag
    loud = float(np.percentile(power, 95)) if power.size else 0.0
    quiet = power < max(_ABSOLUTE_GATE, _RELATIVE_GATE * loud)
    f0[quiet | (aperiodicity > _MAX_APERIODICITY)] = 0.0
    step_s = hop / sample_rate_hz
    return PitchTrack(_without_octave_slips(f0, round(_OCTAVE_CONTEXT_S / step_s)), aperiodicity, step_s)


def steady_stretches(track: PitchTrack, *, within_semitones: float, min_duration_s: float) -> list[slice]:
    """Find runs of voiced frames that stay near one pitch.

    A run ends where the pitch, smoothed over 0.1 s, leaves the run's median by more than
    `within_semitones`, or where the voice stops.

    Args:
        track: the pitch track.
        within_semitones: largest deviation from the run's median so far.
        min_duration_s: shorter runs are left out.

    """
    from scipy.ndimage import median_filter

    semitones = np.where(track.voiced, 12.0 * np.log2(np.maximum(track.f0_hz, 1.0)), -np.inf)
    smooth = median_filter(semitones, size=2 * round(0.05 / track.hop_s) + 1, mode="nearest")
    smooth[~track.voiced] = -np.inf
    shortest = max(2, round(min_duration_s / track.hop_s))
    stretches: list[slice] = []
    start = 0
    for frame in range(1, smooth.size + 1):
        if frame < smooth.size and _belongs(smooth, start, frame, within_semitones):
            continue
        if np.isfinite(smooth[start]) and frame - start >= shortest:
            stretches.append(slice(start, frame))
        start = frame
    return stretches


def _belongs(semitones: NDArray[np.float64], start: int, frame: int, within: float) -> bool:
    """Whether `frame` goes on with the run begun at `start`, whose last half second stands for it."""
    if not (np.isfinite(semitones[frame]) and np.isfinite(semitones[start])):
        return False
    return bool(abs(semitones[frame] - np.median(semitones[max(start, frame - 50) : frame])) <= within)


def _normalised_difference(frames: FloatArray, window: int, longest: int) -> FloatArray:
    """Cumulative mean normalised difference for lags 0..longest, shape (n_frames, longest + 1)."""
    import scipy.fft

    size = scipy.fft.next_fast_len(window + longest, real=True)
    head = scipy.fft.rfft(frames[:, :window], size, axis=1)
    whole = scipy.fft.rfft(frames, size, axis=1)
    correlation = scipy.fft.irfft(head.conj() * whole, size, axis=1)[:, : longest + 1]
    energy = np.cumsum(np.pad(frames.astype(np.float64) ** 2, ((0, 0), (1, 0))), axis=1)
    lags = np.arange(longest + 1)
    shifted = energy[:, np.minimum(lags + window, frames.shape[1])] - energy[:, lags]
    difference = np.maximum(energy[:, [window]] + shifted - 2.0 * correlation, 0.0)
    mean = np.cumsum(difference[:, 1:], axis=1) / lags[1:]
    normalised = np.ones_like(difference)
    np.divide(difference[:, 1:], mean, out=normalised[:, 1:], where=mean > 0.0)
    return np.asarray(normalised, np.float32)


def _first_dip(difference: FloatArray, shortest: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lag, refined by a parabola, and depth of each frame's first deep dip, else of its deepest."""
    before, inner, after = (
        difference[:, shortest - 1 : -2],
        difference[:, shortest:-1],
        difference[:, shortest + 1 :],
    )
    bend = np.maximum(before - 2.0 * inner + after, 1e-9)
    shift = 0.5 * (before - after) / bend
    # A short period falls between two lags, where the dip looks shallower than it is.
    depth = np.clip(inner - 0.25 * (before - after) * shift, 0.0, 1.0)
    dips = np.where((inner <= before) & (inner < after), depth, np.float32(2.0))
    deepest = dips.min(axis=1)
    # A strong second harmonic makes a dip at half the period too, but one that is clearly less deep.
    under = dips < np.minimum(_DIP, deepest + _SLACK)[:, None]
    chosen = np.where(under.any(axis=1), np.argmax(under, axis=1), np.argmin(dips, axis=1))
    rows = np.arange(len(difference))
    lag = shortest + chosen + np.clip(shift[rows, chosen], -0.5, 0.5)
    return np.asarray(lag, np.float64), np.minimum(dips[rows, chosen], 1.0).astype(np.float64)


def _without_octave_slips(f0_hz: NDArray[np.float64], context: int) -> NDArray[np.float64]:
    """Set frames 10 semitones or more off the median of their voiced surroundings to 0."""
    from scipy.ndimage import median_filter

    voiced = np.flatnonzero(f0_hz > 0.0)
    if voiced.size < context:
        return f0_hz
    semitones = 12.0 * np.log2(f0_hz[voiced])
    slip = np.abs(semitones - median_filter(semitones, size=context, mode="nearest")) > 10.0
    cleaned = f0_hz.copy()
    cleaned[voiced[slip]] = 0.0
    return cleaned
