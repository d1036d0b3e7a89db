"""Which songs are the same recording, however it was cut, turned up, encoded, sped up, stretched or transposed.

The judgement on two songs belongs here; where to look stands in `quads`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.kernels import compiled
from flamingo_bark_assets.splits.components import Components
from flamingo_bark_assets.splits.quads import MAX_TRANSPOSITION, Meetings, meet

_MIN_AGREEING = 3
_MOST_CONSIDERED = 64
_MAX_SPEED_CHANGE = 0.08  # natural logarithm
_MIN_BASE_S = 2.0
_LINE_TOLERANCE_S = 0.2
# How far landmarks that are the same may lie apart while the line is being found, and in the end.
_TOLERANCES_S = (0.3, 0.15, 0.08)
_TOLERANCE_SEMITONES = 0.4
# Songs with no common recording reach 0.13 of their landmarks, the worst common changes together leave 0.3.
_MIN_SHARE = 0.2
_MIN_COMMON_S = 5.0
_MIN_COMMON_LANDMARKS = 20

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Constellation:
    """The acoustic fingerprint of one song.

    Attributes:
        time_s: when each landmark begins, ascending, shape (n,).
        pitch: MIDI note numbers, shape (n,).
    """

    time_s: Floats
    pitch: Floats


@dataclass(frozen=True, slots=True)
class Match:
    """Two songs that hold the same recording.

    Attributes:
        first: one of them.
        second: the other.
        speed: seconds of the second a second of the first.
        transposition: of the second against the first, semitones.
        offset_s: where in the second the first would begin.
        common_s: how much of the first they have in common.
        share: share of the landmarks there that are the same.
    """

    first: str
    second: str
    speed: float
    transposition: float
    offset_s: float
    common_s: float
    share: float


def find_matches(songs: Mapping[str, Constellation]) -> tuple[Match, ...]:
    """Find the songs that hold the same recording.

    Not every pair is named: songs that hang together already, through others, are not compared again.

    Args:
        songs: fingerprints by song.

    Returns:
        The matches, in the order of the songs' names.
    """
    names = sorted(songs)
    stars = [songs[name] for name in names]
    met = meet([one.time_s for one in stars], [one.pitch for one in stars])
    found, together = [], Components()
    for (a, b), line in zip(*_lines(met, stars), strict=True):
        if together.root(names[a]) == together.root(names[b]):
            continue
        match = _judge(stars[a], stars[b], line)
        if match is not None:
            together.join(names[a], names[b])
            found.append(Match(names[a], names[b], *match))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Line:
    """What maps the times and pitches of one song to those of another.

    Attributes:
        speed: slope.
        offset_s: where the first song's time 0 comes to lie.
        transposition: semitones.
    """

    speed: float
    offset_s: float
    transposition: float


def _lines(met: Meetings, stars: Sequence[Constellation]) -> tuple[list[tuple[int, int]], list[_Line]]:
    """Draw a line for each pair of songs of which enough meetings agree; give the pairs' numbers and the lines."""
    if not len(met.songs):
        return [], []
    begins = np.flatnonzero(np.any(np.diff(met.songs, axis=0, prepend=-1) != 0, axis=1)).astype(np.int64)
    first = np.concatenate([[0], np.cumsum([one.time_s.size for one in stars])])
    at = first[met.songs] + met.landmarks
    times = np.concatenate([one.time_s for one in stars])[at]
    pitches = np.concatenate([one.pitch for one in stars])[at]
    lines = np.empty((begins.size, 4))
    _draw_lines(times, pitches, np.append(begins, len(at)), lines)
    enough = lines[:, 3] >= _MIN_AGREEING
    songs = [(int(a), int(b)) for a, b in met.songs[begins[enough]]]
    return songs, [_Line(*(float(value) for value in line[:3])) for line in lines[enough]]


def _judge(first: Constellation, second: Constellation, line: _Line) -> tuple[float, float, float, float, float] | None:
    """Judge whether two songs hold the same recording, by all landmarks that a line brings together.

    Returns:
        Speed, transposition (semitones), offset (s), common time (s) and share of common landmarks, as of `Match`;
        None where the songs are not the same.
    """
    for tolerance_s in _TOLERANCES_S:
        pairs = _common(first, second, line, tolerance_s)
        if len(pairs) < _MIN_AGREEING:
            return None
        line = _fitted(first, second, pairs, line)
        if abs(np.log(max(line.speed, 1e-3))) > _MAX_SPEED_CHANGE or abs(line.transposition) > MAX_TRANSPOSITION:
            return None
    common = len(_common(first, second, line, _TOLERANCES_S[-1]))
    mapped = (second.time_s - line.offset_s) / line.speed
    start, end = (
        max(first.time_s[0], mapped[0]) - _TOLERANCES_S[-1],
        min(first.time_s[-1], mapped[-1]) + _TOLERANCES_S[-1],
    )
    there = min(int(np.count_nonzero((times >= start) & (times <= end))) for times in (first.time_s, mapped))
    if end - start < _MIN_COMMON_S or there < _MIN_COMMON_LANDMARKS or common < _MIN_SHARE * there:
        return None
    return line.speed, line.transposition, line.offset_s, float(end - start), min(1.0, common / there)


def _fitted(first: Constellation, second: Constellation, pairs: Ints, line: _Line) -> _Line:
    """Fit a line to pairs of landmarks by least squares; where they are too near to one another, keep its speed."""
    speed, offset_s, transposition = _fit(first.time_s, first.pitch, second.time_s, second.pitch, pairs, line.speed)
    return _Line(float(speed), float(offset_s), float(transposition))


def _common(first: Constellation, second: Constellation, line: _Line, tolerance_s: float) -> Ints:
    """Pair the landmarks that a line brings together, shape (n, 2)."""
    pairs = np.empty((first.time_s.size, 2), np.int64)
    count = _pair_landmarks(
        first.time_s * line.speed + line.offset_s, first.pitch + line.transposition, second.time_s, second.pitch,
        tolerance_s, _TOLERANCE_SEMITONES, pairs,
    )  # fmt: skip
    return pairs[:count]


@compiled("void(float64[:, ::1], float64[:, ::1], int64[::1], float64[:, ::1])")
def _draw_lines(times: Floats, pitches: Floats, borders: Ints, lines: Floats) -> None:
    """Draw for each group of meetings the line through two of them with which most agree.

    Filled in are slope, offset, transposition and the number of those that agree; 0 where no line can be drawn.
    """
    for group in range(borders.size - 1):
        lines[group] = 0.0
        start, end = borders[group], borders[group + 1]
        step = (end - start + _MOST_CONSIDERED - 1) // _MOST_CONSIDERED
        enough = max(_MIN_AGREEING, (end - start) // step // 2)
        if end - start < _MIN_AGREEING:
            continue
        for i in range(start, end, step):
            if lines[group, 3] > enough:
                break
            for j in range(start, end, step):
                base = times[j, 0] - times[i, 0]
                shift_i, shift_j = pitches[i, 1] - pitches[i, 0], pitches[j, 1] - pitches[j, 0]
                if base < _MIN_BASE_S or abs(shift_j - shift_i) > 2.0 * _TOLERANCE_SEMITONES:
                    continue
                slope = (times[j, 1] - times[i, 1]) / base
                if slope <= 0.0 or abs(np.log(slope)) > _MAX_SPEED_CHANGE:
                    continue
                offset, shift = times[i, 1] - slope * times[i, 0], 0.5 * (shift_i + shift_j)
                agreeing = 0
                for k in range(start, end, step):
                    if (
                        abs(times[k, 1] - slope * times[k, 0] - offset) <= _LINE_TOLERANCE_S
                        and abs(pitches[k, 1] - pitches[k, 0] - shift) <= 1.5 * _TOLERANCE_SEMITONES
                    ):
                        agreeing += 1
                if agreeing > lines[group, 3]:
                    lines[group, 0], lines[group, 1], lines[group, 2], lines[group, 3] = slope, offset, shift, agreeing


@compiled(
    "UniTuple(float64, 3)(float64[::1], float64[::1], float64[::1], float64[::1], int64[:, ::1], float64)",
)
def _fit(
    time_a: Floats, pitch_a: Floats, time_b: Floats, pitch_b: Floats, pairs: Ints, speed: float
) -> tuple[float, float, float]:
    """Return slope, offset and median transposition of pairs; `speed` is the slope where they span too little."""
    x, y = time_a[pairs[:, 0]], time_b[pairs[:, 1]]
    transposition = np.median(pitch_b[pairs[:, 1]] - pitch_a[pairs[:, 0]])
    middle_x, middle_y = x.mean(), y.mean()
    if x.max() - x.min() >= _MIN_BASE_S:
        speed = ((x - middle_x) * y).sum() / np.square(x - middle_x).sum()
    return speed, middle_y - speed * middle_x, transposition


@compiled(
    "int64(float64[::1], float64[::1], float64[::1], float64[::1], float64, float64, int64[:, ::1])",
)
def _pair_landmarks(
    time_a: Floats, pitch_a: Floats, time_b: Floats, pitch_b: Floats, tolerance_s: float, semitones: float, pairs: Ints
) -> int:
    """Pair the landmarks of two songs that lie together; each is in one pair at most. Return the number of pairs."""
    taken = np.zeros(time_b.size, np.bool_)
    low, count = 0, 0
    for i in range(time_a.size):
        while low < time_b.size and time_b[low] < time_a[i] - tolerance_s:
            low += 1
        nearest, best = -1, 1.0
        j = low
        while j < time_b.size and time_b[j] <= time_a[i] + tolerance_s:
            apart = abs(time_b[j] - time_a[i]) / tolerance_s
            if not taken[j] and apart <= best and abs(pitch_b[j] - pitch_a[i]) <= semitones:
                nearest, best = j, apart
            j += 1
        if nearest >= 0:
            taken[nearest] = True
            pairs[count, 0] = i
            pairs[count, 1] = nearest
            count += 1
    return count
