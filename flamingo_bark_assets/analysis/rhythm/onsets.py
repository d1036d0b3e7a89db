"""How much starts when: spectral flux in four registers and the onsets in it.

Onset strength and onset times belong here; which of them are beats, and which drum or note they are, does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_BANDS, ONSET_RATE_HZ, AudioView
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

Times = NDArray[np.float64]

# Bands of `onset_power`: kick and bass below 130 Hz, bodies to 600 Hz, snare wires and consonants to 4 kHz, hats.
REGISTERS = (0, 3, 10, 20, ONSET_BANDS)
REGISTER_COUNT = len(REGISTERS) - 1

# An attack is a rise over this many frames: the hop is shorter than the 23 ms frame, so one step shows half of it.
_LAG_FRAMES = 2
# Below this share of a band's mean power nothing counts as a rise (20 dB under the mean).
_FLOOR_SHARE = 0.01
# Bands this far under the loudest one, in mean power, hold no music (80 dB).
_EMPTY_BAND_SHARE = 1e-8
_LOCAL_S = 0.4
_GAIN_S = 5.0
_LEAST_GAIN_SHARE = 0.33
_HIGHEST = 6.0
# Flux that is nothing but rounding.
_NO_FLUX = 1e-4

_PEAK_S = 0.03
_PEAK_ABOVE = 0.9
MIN_ONSET_GAP_S = 0.05


@dataclass(frozen=True, slots=True)
class OnsetStrength:
    """Spectral flux of a signal.

    Attributes:
        registers: flux above its surroundings, its standard deviation 1 in each register, (n_frames, 4).
        total: mean over the registers, (n_frames,); frame i is centred on i / `ONSET_RATE_HZ` seconds.
        rise: RMS rise of the logarithmic band power above its surroundings in the register where it is greatest: how
            much starts at all, before it is normalised.
    """

    registers: FloatArray
    total: FloatArray
    rise: float = 0.0


def onset_strength(*views: AudioView) -> OnsetStrength:
    """Compute the rise of the logarithmic band power in four registers, locally normalised (Klapuri, ICASSP 1999).

    The powers of several views, which sound together, add up.
    """
    power = np.zeros((max(view.onset_power.shape[0] for view in views), ONSET_BANDS), np.float32)
    for view in views:
        power[: view.onset_power.shape[0]] += view.onset_power
    return strength_of_power(power)


def strength_of_power(power: FloatArray) -> OnsetStrength:
    """Return onset strength of band powers, shape (n_frames, `ONSET_BANDS`) and contiguous."""
    if power.shape[0] < 3:
        nothing = np.zeros((power.shape[0], REGISTER_COUNT), np.float32)
        return OnsetStrength(nothing, nothing[:, 0])
    mean = power.mean(axis=0, dtype=np.float64)
    floor = np.maximum(_FLOOR_SHARE * mean, _EMPTY_BAND_SHARE * mean.max() + 1e-20).astype(np.float32)
    flux = _flux(power, floor, np.asarray(REGISTERS, np.int64), _LAG_FRAMES)
    above = np.maximum(flux - _running_mean(flux, round(_LOCAL_S * ONSET_RATE_HZ)), 0.0)
    # The local level follows the music's dynamics, but never below a third of the whole piece's.
    square = np.square(above)
    overall = np.sqrt(square.mean(axis=0, dtype=np.float64)).astype(np.float32)
    local = np.sqrt(np.maximum(_running_mean(square, round(_GAIN_S * ONSET_RATE_HZ)), 0.0))
    level = np.maximum(local, np.maximum(_LEAST_GAIN_SHARE * overall, _NO_FLUX))
    registers = np.asarray(np.minimum(above / level, _HIGHEST), np.float32)
    return OnsetStrength(registers, np.asarray(registers.mean(axis=1), np.float32), float(overall.max()))


def onset_times_s(strength: OnsetStrength) -> Times:
    """Return times of the onsets, seconds, ascending, shape (n_onsets,).

    Peaks of the strength over 30 ms on each side that stand out of the surroundings (Dixon, DAFx 2006), at least
    `MIN_ONSET_GAP_S` apart, refined by a parabola.
    """
    frames = peak_frames(strength.total)
    return frames / ONSET_RATE_HZ


def peak_frames(curve: FloatArray) -> Times:
    """Find the refined places of the onset peaks of a curve, in frames, shape (n_onsets,)."""
    if curve.size < 5:
        return np.zeros(0)
    reach = round(_PEAK_S * ONSET_RATE_HZ)
    found = _peaks(np.ascontiguousarray(curve, np.float32), reach, _PEAK_ABOVE, round(MIN_ONSET_GAP_S * ONSET_RATE_HZ))
    if found.size == 0:
        return np.zeros(0)
    inner = np.clip(found, 1, curve.size - 2)
    before, at, after = (curve[inner + k].astype(np.float64) for k in (-1, 0, 1))
    bend = np.minimum(before - 2.0 * at + after, -1e-9)
    return np.asarray(found + np.clip(0.5 * (before - after) / bend, -0.5, 0.5), np.float64)


@compiled("float32[:, ::1](float32[:, ::1], float32[::1], int64[::1], int64)")
def _flux(power: FloatArray, floor: FloatArray, edges: NDArray[np.int64], lag: int) -> FloatArray:
    frames, bands = power.shape
    groups = edges.size - 1
    out = np.zeros((frames, groups), np.float32)
    recent = np.zeros((lag + 1, bands), np.float32)
    for t in range(frames):
        slot = t % (lag + 1)
        for b in range(bands):
            recent[slot, b] = np.log(np.float32(1.0) + power[t, b] / floor[b])
        if t < lag:
            continue
        past = (t + 1) % (lag + 1)
        for g in range(groups):
            rise = np.float32(0.0)
            for b in range(edges[g], edges[g + 1]):
                # A partial that moves to the neighbouring band is no onset (Böck & Widmer, DAFx 2013).
                earlier = recent[past, b]
                if b > 0:
                    earlier = max(earlier, recent[past, b - 1])
                if b < bands - 1:
                    earlier = max(earlier, recent[past, b + 1])
                rise += max(np.float32(0.0), recent[slot, b] - earlier)
            # The rise over `lag` frames is centred half of it earlier.
            out[t - lag // 2, g] = rise / (edges[g + 1] - edges[g])
    return out


@compiled("float32[:, ::1](float32[:, ::1], int64)")
def _running_mean(curves: FloatArray, reach: int) -> FloatArray:
    """Return mean over `reach` frames on each side, as many as there are."""
    frames, groups = curves.shape
    out = np.zeros((frames, groups), np.float32)
    for g in range(groups):
        total = 0.0
        start, stop = 0, min(frames, reach)
        for t in range(stop):
            total += curves[t, g]
        for t in range(frames):
            if stop < frames:
                total += curves[stop, g]
                stop += 1
            if t - reach > start:
                total -= curves[start, g]
                start += 1
            out[t, g] = total / (stop - start)
    return out


@compiled("int64[::1](float32[::1], int64, float64, int64)")
def _peaks(curve: FloatArray, reach: int, above: float, gap: int) -> NDArray[np.int64]:
    found = np.zeros(curve.size, np.int64)
    count = 0
    for t in range(curve.size):
        if curve[t] < above:
            continue
        highest = True
        for k in range(max(0, t - reach), min(curve.size, t + reach + 1)):
            if curve[k] > curve[t] or (curve[k] == curve[t] and k < t):
                highest = False
                break
        if not highest:
            continue
        if count > 0 and t - found[count - 1] < gap:
            if curve[t] > curve[found[count - 1]]:
                found[count - 1] = t
            continue
        found[count] = t
        count += 1
    return found[:count].copy()
