"""Single cycles of a voice: the length, strength and likeness of neighbouring glottal periods.

Matching one cycle with the next belongs here; what the statistics of cycles say about a voice is in `vocals.quality`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

# A window begins this part of a period before the excitation, so that it holds the response to that one alone.
_LEAD = 0.2


def match_cycles(
    samples: FloatArray, emphasised: FloatArray, rate_hz: float, track: PitchTrack, segments: NDArray[np.intp]
) -> FloatArray:
    """Step through voiced segments cycle by cycle, each matched with the next by waveform.

    The period is the lag of the largest normalised cross-correlation over one period, within a fifth of the tracked
    period and refined by a parabola (Titze & Liang, J. Speech Hear. Res. 36, 1993: waveform matching finds
    perturbations below those that marking peaks finds).

    Args:
        samples: mono, shape (n_samples,); amplitudes are taken from it.
        emphasised: the same with its high frequencies raised, which is matched.
        rate_hz: their rate.
        track: the pitch of the same sound.
        segments: first frame and end of each voiced segment, shape (n_segments, 2).

    Returns:
        Period (s), correlation with the next cycle (-1 to 1), root mean square, and number of the segment, of each
        cycle, shape (n_cycles, 4).
    """
    step = track.hop_s * rate_hz
    begins = np.empty(len(segments))
    for row, start in enumerate(segments[:, 0].tolist()):
        # The strongest sample tells where the glottis closes.
        period = math.ceil(rate_hz / float(track.f0_hz[start]))
        first = min(round(start * step) + period, samples.size - 1)
        begins[row] = first + int(np.argmax(np.abs(emphasised[first : first + period])))
    ends = np.minimum((segments[:, 1] - 1) * step, samples.size - 1.0)
    periods = np.zeros(track.f0_hz.size, np.float32)
    np.divide(rate_hz, track.f0_hz, out=periods, where=track.voiced)
    most = int(1.5 * float(track.f0_hz.sum()) * track.hop_s) + 16 * len(segments)
    cycles = np.zeros((most, 4), np.float32)
    found = _step_through(samples, emphasised, begins, ends, periods, step, cycles)
    cycles[:, 0] /= np.float32(rate_hz)
    return cycles[:found]


@compiled(
    "int64(float32[::1], float32[::1], float64[::1], float64[::1], float32[::1], float64, float32[:, ::1])",
    fastmath=True,
)
def _step_through(
    samples: FloatArray,
    emphasised: FloatArray,
    begins: NDArray[np.float64],
    ends: NDArray[np.float64],
    periods: FloatArray,
    step: float,
    cycles: FloatArray,
) -> int:
    """Fill `cycles` (period in samples) and give the number of rows filled; `periods` is the tracked one by frame."""
    count = 0
    correlation = np.zeros(2 + int(0.45 * periods.max()) + 4) if periods.size else np.zeros(6)
    for s in range(begins.size):
        at = begins[s]
        while count < cycles.shape[0]:
            tracked = periods[min(int(at / step + 0.5), periods.size - 1)]
            length, low, high = int(tracked + 0.5), int(0.8 * tracked) - 1, int(1.2 * tracked) + 2
            start = int(at - _LEAD * tracked + 0.5)
            if length < 4 or start < 0 or start + high + length > ends[s]:
                break
            here, there = emphasised[start : start + length], emphasised[start + low : start + low + length]
            plain = samples[start : start + length]
            power, moving, loud = np.float32(1e-20), np.float32(1e-20), np.float32(0.0)
            for n in range(length):
                power += here[n] * here[n]
                moving += there[n] * there[n]
                loud += plain[n] * plain[n]
            best_lag = low + 1
            for lag in range(low, high + 1):
                there = emphasised[start + lag : start + lag + length]
                product = np.float32(0.0)
                for n in range(length):
                    product += here[n] * there[n]
                correlation[lag - low] = product / math.sqrt(float(power) * max(float(moving), 1e-20))
                if correlation[lag - low] > correlation[best_lag - low] and low < lag < high:
                    best_lag = lag
                moving += emphasised[start + lag + length] ** 2 - emphasised[start + lag] ** 2
            left, best, right = (
                correlation[best_lag - low - 1],
                correlation[best_lag - low],
                correlation[best_lag - low + 1],
            )
            bend = left - 2.0 * best + right
            shift = min(0.5, max(-0.5, 0.5 * (left - right) / bend)) if bend < 0.0 else 0.0
            cycles[count, 0] = best_lag + shift
            cycles[count, 1] = min(1.0, best - 0.25 * (left - right) * shift)
            cycles[count, 2] = math.sqrt(loud / length)
            cycles[count, 3] = s
            count += 1
            at += best_lag + shift
    return count
