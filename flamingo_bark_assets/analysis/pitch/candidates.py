"""Which periods a frame may have: the dips of its difference function, after YIN.

What one frame tells by itself belongs here; how frames agree on a path is decided in `pitch.viterbi`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.mono import MonoPiece
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

CANDIDATES = 8

_CHUNK_FRAMES = 1024
_FIRST_LAG = 2
_SILENCE = 1e-12
# Half of what repeats by chance is no period.
_NO_DIP = 0.9
# Of two equally deep dips the shorter period is taken: all its multiples are periods too.
_OCTAVE_COST = 0.02


@dataclass(frozen=True, slots=True)
class Candidates:
    """Up to `CANDIDATES` periods of each frame, the best first.

    Attributes:
        f0_hz: shape (n_frames, CANDIDATES); 0 where there are fewer.
        aperiodicity: power of the difference over the summed power of both sides, 0 (periodic) to 1 (noise),
            shape (n_frames, CANDIDATES).
        power: mean square of each frame's window, shape (n_frames,).
    """

    f0_hz: FloatArray
    aperiodicity: FloatArray
    power: FloatArray


def find_candidates(
    pieces: Iterable[MonoPiece],
    n_samples: int,
    rate_hz: float,
    *,
    fmin_hz: float,
    fmax_hz: float,
    hop_s: float,
    taper: tuple[float, ...],
    flat_below_hz: float | None = None,
) -> Candidates:
    """Find the dips of the difference function (de Cheveigne & Kawahara, JASA 111, 2002, equation 6).

    The difference is divided by the power of both sides, as in McLeod & Wyvill, "A smarter way to find pitch"
    (ICMC 2005), so that its depth is the share of what does not repeat. Squared differences are summed once per
    hop and lag and shared by the frames that overlap there; both sides of a lag lie symmetrically about the frame.

    Args:
        pieces: the sound, mono and without DC, with margins of half a second where there are several.
        n_samples: its length.
        rate_hz: its exact rate; at least six times `fmax_hz`.
        fmin_hz: lowest pitch.
        fmax_hz: highest pitch.
        hop_s: time between frames; frame i is centred on i * hop_s.
        taper: weight of each hop of the window, an odd number of them.
        flat_below_hz: below it levels fall by 6 dB an octave, for sources whose thumps outweigh their partials.
    """
    count = math.ceil(n_samples / (hop_s * rate_hz)) if n_samples else 0
    shape = (count, CANDIDATES)
    found = Candidates(np.zeros(shape, np.float32), np.ones(shape, np.float32), np.zeros(count, np.float32))
    lags = max(_FIRST_LAG, math.floor(rate_hz / fmax_hz)), math.ceil(rate_hz / fmin_hz) + 1
    for piece in pieces:
        samples = piece.samples if flat_below_hz is None else _without_thumps(piece.samples, rate_hz, flat_below_hz)
        first, last = (math.ceil((piece.offset + edge) / (hop_s * rate_hz) - 1e-9) for edge in (piece.start, piece.end))
        for start in range(first, last, _CHUNK_FRAMES):
            _read_frames(
                found,
                range(start, min(last, start + _CHUNK_FRAMES)),
                samples,
                piece.offset,
                hop_s * rate_hz,
                lags,
                taper,
            )
    found.f0_hz[found.f0_hz > 0.0] *= np.float32(rate_hz)
    return found


def _without_thumps(samples: FloatArray, rate_hz: float, corner_hz: float) -> FloatArray:
    from scipy.signal import butter, lfilter

    b, a = butter(1, corner_hz, "highpass", fs=rate_hz)
    return np.asarray(lfilter(b.astype(np.float32), a.astype(np.float32), samples), np.float32)


def _read_frames(
    found: Candidates,
    frames: range,
    samples: FloatArray,
    offset: int,
    hop: float,
    lags: tuple[int, int],
    taper: tuple[float, ...],
) -> None:
    """Fill in the candidates of some frames, in cycles a sample; `samples[0]` is sample `offset` of the sound."""
    block, side = math.floor(hop), len(taper) // 2
    starts = np.round(np.arange(frames.start - side, frames.stop + side) * hop).astype(np.int64) - block // 2 - offset
    margin = lags[1] + block + 1
    origin = int(starts[0]) - margin
    piece = _padded(samples, origin, int(starts[-1]) + margin + block)
    energy = np.concatenate(([0.0], np.cumsum(np.square(piece, dtype=np.float64))))
    depth = _normalised_difference(piece, energy, starts - origin, block, np.asarray(taper, np.float32), *lags)
    rows = slice(frames.start, frames.stop)
    found.power[rows] = depth[:, 0]
    _rank_dips(depth, lags[0], found.f0_hz[rows], found.aperiodicity[rows])


def _padded(samples: FloatArray, start: int, stop: int) -> FloatArray:
    """Return `samples[start:stop]` with zeros where there are none."""
    piece = np.zeros(stop - start, np.float32)
    inside = samples[max(0, start) : min(samples.size, stop)]
    piece[max(0, -start) : max(0, -start) + inside.size] = inside
    return piece


@compiled("float32[:, ::1](float32[::1], float64[::1], int64[::1], int64, float32[::1], int64, int64)", fastmath=True)
def _normalised_difference(
    x: FloatArray,
    energy: NDArray[np.float64],
    starts: NDArray[np.int64],
    block: int,
    taper: FloatArray,
    shortest: int,
    longest: int,
) -> FloatArray:
    """Compute the difference power over the power of both sides, shape (n_frames, longest + 2).

    Only columns from shortest - 1 on are meaningful.

    Column 0, which would be 0 as a lag, holds the mean square of the frame.
    """
    hops = taper.size
    weight = taper.sum() * block
    difference = np.zeros((hops, longest + 2), np.float32)
    both = np.zeros((hops, longest + 2), np.float32)
    total = np.zeros(longest + 2, np.float32)
    depth = np.zeros((starts.size - hops + 1, longest + 2), np.float32)
    for place in range(starts.size):
        row = place % hops
        for lag in range(shortest - 1, longest + 2):
            early = starts[place] - lag // 2
            late = early + lag
            # Slices, because numba does not vectorise a loop whose index might be negative.
            a, b = x[early : early + block], x[late : late + block]
            acc = np.float32(0.0)
            for n in range(block):
                step = a[n] - b[n]
                acc += step * step
            difference[row, lag] = acc
            both[row, lag] = energy[early + block] - energy[early] + energy[late + block] - energy[late]
        frame = place - hops + 1
        if frame < 0:
            continue
        total[:] = 0.0
        for k in range(hops):
            r = (frame + k) % hops
            for lag in range(shortest - 1, longest + 2):
                depth[frame, lag] += taper[k] * difference[r, lag]
                total[lag] += taper[k] * both[r, lag]
        for lag in range(shortest - 1, longest + 2):
            depth[frame, lag] = depth[frame, lag] / total[lag] if total[lag] > _SILENCE else np.float32(1.0)
        depth[frame, 0] = total[shortest] / (2.0 * weight)
    return depth


@compiled("void(float32[:, ::1], int64, float32[:, ::1], float32[:, ::1])")
def _rank_dips(depth: FloatArray, shortest: int, cycles: FloatArray, aperiodicity: FloatArray) -> None:
    """Find the best dips of each frame, refined by a parabola, in order of merit; cycles a sample."""
    score = np.zeros(cycles.shape[1])
    for frame in range(depth.shape[0]):
        size = 0
        for lag in range(shortest, depth.shape[1] - 1):
            left, at, right = depth[frame, lag - 1], depth[frame, lag], depth[frame, lag + 1]
            if at > left or at >= right or at >= _NO_DIP:
                continue
            shift = 0.5 * (left - right) / (left - at - at + right)
            deep = max(at - 0.25 * (left - right) * shift, 0.0)
            cost = deep + _OCTAVE_COST * math.log(lag + shift)
            if size < score.size:
                size += 1
            elif cost >= score[size - 1]:
                continue
            place = size - 1
            while place > 0 and score[place - 1] > cost:
                score[place] = score[place - 1]
                cycles[frame, place] = cycles[frame, place - 1]
                aperiodicity[frame, place] = aperiodicity[frame, place - 1]
                place -= 1
            score[place] = cost
            cycles[frame, place] = 1.0 / (lag + shift)
            aperiodicity[frame, place] = deep
