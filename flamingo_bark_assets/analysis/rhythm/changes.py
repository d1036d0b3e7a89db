"""Where the tempo changes for good: the spans of a song within which one tempo holds.

Finding the spans belongs here; the beats of one are found in `beats`. A tempo that drifts changes nothing here, nor one
that is taken at half or twice its beat.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ
from flamingo_bark_assets.analysis.rhythm.evidence import Evidence
from flamingo_bark_assets.analysis.rhythm.onsets import REGISTER_COUNT
from flamingo_bark_assets.analysis.rhythm.tempo import LAGS, candidate_periods
from flamingo_bark_assets.audio.signal import FloatArray

Values = NDArray[np.float64]

_WINDOW_S, _HOP_S = 8.0, 2.0
# The shortest span that counts.
_LEAST_S = 8.0
_SAME = 0.04
# A change costs as much as four windows at half of the other tempo's strength.
_SWITCH_COST = 2.0
_STRENGTH = 0.15
# Tempi of two spans within this of each other, or of half or twice each other, are one that drifts.
_DRIFT = 0.13
_REACH_S = 5.0
_PIECES = 4
_BLOCK = 256
_NEARBY = (0.98, 1.0, 1.02)
# Longer periods are multiples of so many others that they hold in all tempi.
_SHORTEST_S, _LONGEST_S = 0.2, 0.95


def steady_spans(evidence: Evidence) -> list[tuple[int, int]]:
    """Return the spans in frames of the evidence, in order, that together cover it; mostly one.

    Each of the song's tempi is followed through windows of 8 s by how much the onsets repeat at it; the likeliest
    succession of tempi is found by dynamic programming, where a change costs.
    """
    frames = evidence.total.size
    registers = evidence.curves[:, :REGISTER_COUNT]
    window, hop = round(_WINDOW_S * ONSET_RATE_HZ), round(_HOP_S * ONSET_RATE_HZ)
    if frames < 2 * round(_LEAST_S * ONSET_RATE_HZ):
        return [(0, frames)]
    starts = np.arange(0, max(1, frames - window + 1), hop)
    correlations = _correlations(registers, starts, window)
    pieces = np.array_split(correlations, min(_PIECES, len(correlations)))
    periods = _distinct(itertools.chain.from_iterable(candidate_periods(piece.mean(axis=0)) for piece in pieces))
    if periods.size < 2:
        return [(0, frames)]
    scores = _strengths(correlations, periods)
    strongest = scores.max(axis=1, keepdims=True)
    scores = scores / np.maximum(strongest, 1e-6) * np.minimum(strongest / _STRENGTH, 1.0)
    path = _likeliest(scores)
    edges = [0]
    held = [int(path[0])]
    for number in np.flatnonzero(np.diff(path)) + 1:
        before, after = periods[held[-1]], periods[path[number]]
        if _is_drift(before, after):
            continue
        about = int(starts[number]) + window // 2 - hop // 2
        edges.append(_edge(evidence, about, before, after))
        held.append(int(path[number]))
    edges.append(frames)
    return _long_enough(edges, held, periods)


def part_of(evidence: Evidence, first: int, last: int) -> Evidence:
    """Return the evidence of a span of frames; a loop is only the whole."""
    start = evidence.start
    pulse = evidence.pulse[first:last]
    pulse = (pulse - pulse.mean()) / max(float(pulse.std()), 1e-6)
    return replace(
        evidence,
        curves=np.ascontiguousarray(evidence.curves[first:last]),
        pulse=np.asarray(pulse, np.float32),
        total=evidence.total[first:last],
        start_s=evidence.start_s + first / ONSET_RATE_HZ,
        start=start if first == 0 and (start is None or start.end_s is None or last == evidence.total.size) else None,
    )


def _correlations(registers: FloatArray, starts: NDArray[np.int64], window: int) -> Values:
    """Return the unbiased autocorrelation of each window, as `tempo.autocorrelation` does, (n_windows, n_lags)."""
    import scipy.fft

    size = scipy.fft.next_fast_len(window + LAGS, real=True)
    weight = window - np.arange(LAGS, dtype=np.float64)
    out = np.empty((starts.size, LAGS))
    for block in range(0, starts.size, _BLOCK):
        pieces = np.stack([registers[start : start + window] for start in starts[block : block + _BLOCK]])
        spectrum = scipy.fft.rfft(pieces - pieces.mean(axis=1, keepdims=True), size, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2).mean(axis=2)
        found = scipy.fft.irfft(power, size, axis=1)[:, :LAGS] / weight
        out[block : block + _BLOCK] = found / np.maximum(found[:, :1], 1e-12)
    return out


def _distinct(periods: itertools.chain[float]) -> Values:
    chosen: list[float] = []
    for period in periods:
        if _SHORTEST_S <= period <= _LONGEST_S and all(abs(np.log(period / other)) > _SAME for other in chosen):
            chosen.append(float(period))
    return np.asarray(chosen)


def _strengths(correlations: Values, periods: Values) -> Values:
    """Return how much the onsets of each window repeat at each period, a few per cent aside, (n_windows, n_periods).

    As `tempo.salience`, of the period or of half of it.
    """
    # The largest of four lags from each on, as a period lies between two of them.
    near = np.lib.stride_tricks.sliding_window_view(correlations, 4, axis=1).max(axis=2)
    out = np.zeros((len(correlations), periods.size))
    for drift in _NEARBY:
        for parts in (1, 2):
            lags = periods[:, None] * np.arange(1, 5) * (drift / parts * ONSET_RATE_HZ)
            inside = lags < correlations.shape[1] - 3
            index = np.clip(lags.astype(int) - 1, 1, near.shape[1] - 1)
            values = np.where(inside, near[:, index], 0.0).sum(axis=2) / np.maximum(inside.sum(axis=1), 1)
            out = np.maximum(out, values)
    return out


def _likeliest(scores: Values) -> NDArray[np.int64]:
    windows, tempi = scores.shape
    best = scores[0].copy()
    origin = np.zeros((windows, tempi), np.int64)
    for k in range(1, windows):
        leader = int(best.argmax())
        stays = best >= best[leader] - _SWITCH_COST
        origin[k] = np.where(stays, np.arange(tempi), leader)
        best = np.where(stays, best, best[leader] - _SWITCH_COST) + scores[k]
    path = np.zeros(windows, np.int64)
    path[-1] = int(best.argmax())
    for k in range(windows - 1, 0, -1):
        path[k - 1] = origin[k, path[k]]
    return path


def _is_drift(before: float, after: float) -> bool:
    octaves = abs(float(np.log2(before / after)))
    return abs(octaves - round(octaves)) < np.log2(1.0 + _DRIFT) and octaves < 2.5


def _edge(evidence: Evidence, about: int, before: float, after: float) -> int:
    """Find the frame near which repetition at the one period gives way to that at the other."""
    reach = round(_REACH_S * ONSET_RATE_HZ)
    first, last = max(0, about - reach), min(evidence.total.size, about + reach)
    smooth = np.convolve(np.maximum(evidence.pulse, 0.0), np.ones(5) / 5.0, "same").astype(np.float64)
    lags = [round(period * ONSET_RATE_HZ) for period in (before, after)]
    # What repeats looks both ways, so that neither period gains by being shorter.
    back, ahead = (np.zeros(last - first) for _ in range(2))
    for k, lag in enumerate(lags):
        padded = np.pad(smooth, lag)
        here = padded[lag + first : lag + last]
        earlier, later = padded[first:last], padded[2 * lag + first : 2 * lag + last]
        (back, ahead)[k][:] = here * (earlier if k == 0 else later)
    gain = np.cumsum(back) + np.cumsum(ahead[::-1])[::-1]
    return first + int(np.argmax(gain))


def _long_enough(edges: list[int], held: list[int], periods: Values) -> list[tuple[int, int]]:
    """Join spans that are too short to their longer neighbour, and spans of the same tempo to each other."""
    spans = [[a, b, h] for a, b, h in zip(edges[:-1], edges[1:], held, strict=True)]
    least = round(_LEAST_S * ONSET_RATE_HZ)
    while len(spans) > 1:
        short = min(range(len(spans)), key=lambda k: spans[k][1] - spans[k][0])
        if spans[short][1] - spans[short][0] >= least:
            break
        near = [k for k in (short - 1, short + 1) if 0 <= k < len(spans)]
        kept = max(near, key=lambda k: spans[k][1] - spans[k][0])
        low, high = min(short, kept), max(short, kept)
        spans[low : high + 1] = [[spans[low][0], spans[high][1], spans[kept][2]]]
    out = [spans[0]]
    for span in spans[1:]:
        if _is_drift(float(periods[out[-1][2]]), float(periods[span[2]])):
            out[-1][1] = span[1]
        else:
            out.append(span)
    return [(a, b) for a, b, _ in out]
