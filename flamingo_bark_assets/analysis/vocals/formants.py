"""The first three resonances of the vocal tract, followed through the voiced frames.

Which resonances are formants, and their medians, belong here; resonances of single frames are in
`vocals.linear_prediction`, voicing comes with the pitch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.analysis.vocals.linear_prediction import find_resonances
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled
from flamingo_bark_assets.record import Measurement

METHOD = "weighted-lpc-viterbi"
FORMANTS = 3

_EVERY = 2  # Of the pitch track's frames: 20 ms, in which vowels hardly move.
_ORDER = 12
_WINDOW_S = 0.025
_EMPHASIS = 0.97
_CANDIDATES = 6
_RANGE_HZ, _WIDEST_HZ = (150.0, 5300.0), 900.0
_MEDIAN_FRAMES = 5
# About a neutral tract of 16 cm: between the averages of men and women (Hillenbrand et al., JASA 97, 1995).
_HALF_WIDTH_HZ = 250.0
_WIDE_COST = 0.5
_NEUTRAL_HZ = (540.0, 1550.0, 2700.0)


@dataclass(frozen=True, slots=True)
class FormantTrack:
    """F1 to F3 of voiced frames.

    Attributes:
        frames: those frames of the pitch track in which three resonances were found, shape (n,).
        times_s: their centres, shape (n,).
        hz: frequencies, increasing along the second axis, shape (n, 3).
        confidence: probability that all three lie within 10 % of the true values, shape (n,).
        looked_at: number of voiced frames looked at, n or more.
    """

    frames: NDArray[np.intp]
    times_s: NDArray[np.float64]
    hz: FloatArray
    confidence: NDArray[np.float64]
    looked_at: int


def joined(tracks: list[FormantTrack]) -> FormantTrack:
    """Join tracks one after the other, of which there is one at least."""
    return FormantTrack(
        np.concatenate([track.frames for track in tracks]),
        np.concatenate([track.times_s for track in tracks]),
        np.concatenate([track.hz for track in tracks]),
        np.concatenate([track.confidence for track in tracks]),
        sum(track.looked_at for track in tracks),
    )


def median_formants(vowels: FormantTrack, track: PitchTrack) -> tuple[Measurement[float], ...]:
    """Return median of F1, F2 and F3.

    The confidence is the mean probability that a frame is right, times the share of voiced frames that showed three
    resonances.
    """
    if not vowels.frames.size:
        reason = "no voiced frame" if not track.voiced.any() else "no voiced frame shows three resonances"
        return tuple(Measurement.unknown(reason, method=METHOD) for _ in range(FORMANTS))
    sure = float(vowels.confidence.mean()) * vowels.frames.size / vowels.looked_at
    return tuple(Measurement.of(float(hz), method=METHOD, confidence=sure) for hz in np.median(vowels.hz, axis=0))


def track_formants(samples: FloatArray, rate_hz: float, track: PitchTrack, *, first_frame: int = 0) -> FormantTrack:
    """Follow F1 to F3 through the voiced frames, 20 ms apart.

    The rate is about 11 kHz, so that the order suits the five formants below half of it; frames are 10 ms apart,
    `first_frame` the number of the first in the whole sound. `samples` are mono, shape (n_samples,).
    """
    length = round(_WINDOW_S * rate_hz)
    frames = np.flatnonzero(track.voiced)
    frames = frames[frames % _EVERY == 0]
    starts = np.round(frames * (track.hop_s * rate_hz)).astype(np.int64) - length // 2
    inside = (starts >= 1) & (starts + length <= samples.size)
    frames, starts = frames[inside], starts[inside]
    hz, bandwidth_hz = find_resonances(
        samples,
        rate_hz,
        starts,
        np.hamming(length).astype(np.float32),
        order=_ORDER,
        emphasis=_EMPHASIS,
        range_hz=_RANGE_HZ,
        widest_hz=_WIDEST_HZ,
        most=_CANDIDATES,
    )
    begins = np.diff(frames, prepend=-2 * _EVERY) > _EVERY
    chosen = _follow(hz, bandwidth_hz, begins)
    found = np.flatnonzero(chosen[:, 0] > 0.0)
    frames, chosen = frames[found], chosen[found]
    smooth = _smoothed(chosen, frames)
    confidence = _confidence(chosen, smooth, track, frames)
    return FormantTrack(
        frames + first_frame, (frames + first_frame) * track.hop_s, smooth, confidence, int(starts.size)
    )


def _confidence(
    raw_hz: FloatArray, smooth_hz: FloatArray, track: PitchTrack, frames: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Compute the confidence by logistic regression on what goes with errors.

    These are unsteadiness in time, a high pitch, noise and a low level.

    Fitted on generated singing with known formants, clean and separated; of little worth below 0.3.
    """
    if not frames.size:
        return np.zeros(0)
    rough = np.abs(np.log(raw_hz / smooth_hz)).max(axis=1, initial=0.0)
    step = np.abs(np.diff(np.log(smooth_hz), axis=0)).max(axis=1, initial=0.0)
    jump = np.maximum(np.append(0.0, step), np.append(step, 0.0))
    below_db = np.percentile(track.level_db[track.voiced], 90.0) - track.level_db[frames]
    f0_hz = track.f0_hz[frames]
    # A first formant below the second harmonic shows in one harmonic only.
    apart = np.minimum(np.log(smooth_hz[:, 0] / f0_hz), 1.2)
    score = 3.1 - 5.7 * np.minimum(rough, 0.3) - 2.9 * np.minimum(jump, 0.3) - 0.22 * below_db + 0.73 * apart
    score -= 2.6 * np.log(f0_hz / 200.0) + 2.2 * np.sqrt(track.aperiodicity[frames])
    return np.asarray(1.0 / (1.0 + np.exp(-score)), np.float64)


def _smoothed(hz: FloatArray, frames: NDArray[np.intp]) -> FloatArray:
    """Return running median over five frames within each voiced segment, shape (n, 3)."""
    from scipy.ndimage import median_filter

    side = _MEDIAN_FRAMES // 2
    segment = np.cumsum(np.diff(frames, prepend=-2 * _EVERY) > _EVERY)
    smooth = median_filter(hz, size=(_MEDIAN_FRAMES, 1), mode="nearest")
    # Where the window reaches into another segment, the frame keeps its own value.
    alone = np.ones(len(hz), np.bool_)
    if len(hz) >= _MEDIAN_FRAMES:
        alone[side : len(hz) - side] = segment[2 * side :] != segment[: len(hz) - 2 * side]
    return np.asarray(np.where(alone[:, None], hz, smooth), np.float32)


def _follow(hz: FloatArray, bandwidth_hz: FloatArray, begins: NDArray[np.bool_]) -> FloatArray:
    """Choose three of each frame's resonances (Viterbi), shape (n_frames, 3); 0 where there are fewer than three.

    A wide resonance costs when taken for a formant, a narrow one when passed over below the third: formants are the
    lowest resonances, but the slope of the glottal spectrum makes wide poles of its own. A jump costs in proportion
    to its logarithm, and so does, squared, the distance from a neutral tract.
    """
    triples = np.array(list(combinations(range(hz.shape[1]), FORMANTS)))
    taken = (triples[:, :, None] == np.arange(hz.shape[1])).astype(np.float32)
    passed = (np.arange(hz.shape[1]) < triples[:, -1:]) - taken.sum(axis=1)
    passed[:, :] = np.maximum(passed, 0.0)
    log_hz = np.log(np.maximum(hz, 1.0))
    narrow = 1.0 / (1.0 + np.square(bandwidth_hz / _HALF_WIDTH_HZ))
    cost = narrow @ passed.T
    for formant, neutral_hz in enumerate(_NEUTRAL_HZ):
        off = np.square(log_hz - np.float32(np.log(neutral_hz)))
        cost += (off + _WIDE_COST * (1.0 - narrow)) @ taken[:, formant].T
    cost[triples[None, :, -1] >= np.count_nonzero(hz, axis=1)[:, None]] = np.inf
    path = _cheapest(np.ascontiguousarray(cost, np.float32), np.ascontiguousarray(log_hz[:, triples]), begins)
    chosen = np.take_along_axis(hz, triples[np.maximum(path, 0)], axis=1)
    return np.where(path[:, None] >= 0, chosen, np.float32(0.0))


@compiled("int8[::1](float32[:, ::1], float32[:, :, ::1], boolean[::1])")
def _cheapest(cost: FloatArray, log_hz: FloatArray, begins: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the cheapest choice for each frame, -1 where none has a finite cost, shape (n_frames,).

    `cost` is that of each choice, (n_frames, n); `log_hz` the formants that it means, (n_frames, n, 3); where
    `begins`, a voiced segment begins and nothing is carried over.
    """
    frames, n = cost.shape
    came_from = np.full((frames, n), -1, np.int8)
    total = np.zeros((2, n))
    best = np.full(frames, -1, np.int8)
    for t in range(frames):
        now, before = total[t % 2], total[1 - t % 2]
        goes_on = t > 0 and best[t - 1] >= 0 and not begins[t]
        for c in range(n):
            now[c] = math.inf
            if not cost[t, c] < math.inf:
                continue
            least = math.inf if goes_on else 0.0
            if goes_on:
                for b in range(n):
                    if before[b] >= least:
                        continue
                    at, was = log_hz[t, c], log_hz[t - 1, b]
                    jump = abs(at[0] - was[0]) + abs(at[1] - was[1]) + abs(at[2] - was[2])
                    if before[b] + jump < least:
                        least = before[b] + jump
                        came_from[t, c] = b
            now[c] = least + cost[t, c]
            if best[t] < 0 or now[c] < now[best[t]]:
                best[t] = c
    for t in range(frames - 1, 0, -1):
        if best[t] >= 0 and came_from[t, best[t]] >= 0:
            best[t - 1] = came_from[t, best[t]]
    return best
