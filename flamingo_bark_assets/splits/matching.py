"""Which songs are the same recording, however it was cut, turned up, encoded, sped up, stretched or transposed.

The judgement on two songs belongs here; where to look stands in `quads`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from flamingo_bark_assets.kernels import compiled
from flamingo_bark_assets.splits.components import Components
from flamingo_bark_assets.splits.quads import MAX_TRANSPOSITION, Bools, Floats, Ints, Landmarks, Numbers, meet

MATCHING_VERSION = 1
"""Raised when fingerprints that were compared are to be compared anew, as other ones would be taken for the same."""

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
# While the line is being found less is enough: with a line that chance has drawn 0.08, with a right one as in the end.
_MIN_SHARE_MEANWHILE = 0.1
_MIN_COMMON_S = 5.0
_MIN_COMMON_LANDMARKS = 20


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


def find_matches(
    songs: Mapping[str, Constellation], compared: Collection[str] = (), known: Collection[Match] = ()
) -> tuple[Match, ...]:
    """Find the songs that hold the same recording.

    Not every pair is named: songs that hang together already, through others, are not compared again.

    Args:
        songs: fingerprints by song.
        compared: those that were compared with one another before; only what is new is compared with all.
        known: the matches among those.

    Returns:
        The matches, also the known ones, in the order of the songs' names.
    """
    names = sorted(songs)
    new = np.array([name not in compared for name in names], np.bool_)
    found, together = list(known), Components()
    for match in known:
        together.join(match.first, match.second)
    stars = [songs[name] for name in names] if new.any() else []
    landmarks = Landmarks.of([one.time_s for one in stars], [one.pitch for one in stars])
    for (a, b), line in _lines(landmarks, new) if stars else ():
        if together.root(names[a]) == together.root(names[b]):
            continue
        judged = np.empty(5)
        if _judge(stars[a].time_s, stars[a].pitch, stars[b].time_s, stars[b].pitch, line, judged):
            together.join(names[a], names[b])
            found.append(Match(names[a], names[b], *(float(value) for value in judged)))
    return tuple(sorted(found, key=lambda match: (match.first, match.second)))


def _lines(landmarks: Landmarks, new: Bools) -> Iterator[tuple[tuple[int, int], Floats]]:
    """Draw a line for each pair of songs of which enough meetings agree; give the pairs' numbers and the lines."""
    for met in meet(landmarks, new, _MIN_AGREEING):
        lines = np.empty((len(met.songs), 4))
        _draw_lines(landmarks.time_s, landmarks.pitch, met.landmarks, met.borders, lines)
        enough = np.flatnonzero(lines[:, 3] >= _MIN_AGREEING)
        yield from zip(map(tuple, met.songs[enough].tolist()), lines[enough, :3], strict=True)


@compiled("void(float64[::1], float64[::1], int32[:, ::1], int64[::1], float64[:, ::1])")
def _draw_lines(times: Floats, pitches: Floats, met: Numbers, borders: Ints, lines: Floats) -> None:
    """Draw for each group of meetings the line through two of them with which most agree.

    Filled in are slope, offset, transposition and the number of those that agree; 0 where no line can be drawn.
    """
    x, y, shifts = np.empty(_MOST_CONSIDERED), np.empty(_MOST_CONSIDERED), np.empty(_MOST_CONSIDERED)
    near = np.empty(_MOST_CONSIDERED, np.int64)
    steepest, flattest = np.exp(_MAX_SPEED_CHANGE), np.exp(-_MAX_SPEED_CHANGE)
    for group in range(borders.size - 1):
        step = (borders[group + 1] - borders[group] + _MOST_CONSIDERED - 1) // _MOST_CONSIDERED
        size = 0
        for k in range(borders[group], borders[group + 1], step):
            a, b = met[k, 0], met[k, 1]
            x[size], y[size], shifts[size] = times[a], times[b], pitches[b] - pitches[a]
            size += 1
        lines[group] = 0.0
        most = 0
        enough = max(_MIN_AGREEING, (borders[group + 1] - borders[group]) // step // 2)
        for i in range(size):
            if most > enough:
                break
            # Whatever agrees with a line through this one has about its transposition.
            count = 0
            for k in range(size):
                near[count] = k
                count += abs(shifts[k] - shifts[i]) <= 2.6 * _TOLERANCE_SEMITONES
            if count <= max(most, _MIN_AGREEING - 1):
                continue
            for at_j in range(count):
                j = near[at_j]
                base = x[j] - x[i]
                if base < _MIN_BASE_S or abs(shifts[j] - shifts[i]) > 2.0 * _TOLERANCE_SEMITONES:
                    continue
                slope = (y[j] - y[i]) / base
                if slope < flattest or slope > steepest:
                    continue
                offset, shift = y[i] - slope * x[i], 0.5 * (shifts[i] + shifts[j])
                agreeing = 0
                for at_k in range(count):
                    k = near[at_k]
                    agreeing += (
                        abs(y[k] - slope * x[k] - offset) <= _LINE_TOLERANCE_S
                        and abs(shifts[k] - shift) <= 1.5 * _TOLERANCE_SEMITONES
                    )
                if agreeing > most:
                    most = agreeing
                    lines[group, 0], lines[group, 1], lines[group, 2], lines[group, 3] = slope, offset, shift, agreeing


@compiled("boolean(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])")
def _judge(time_a: Floats, pitch_a: Floats, time_b: Floats, pitch_b: Floats, line: Floats, judged: Floats) -> bool:
    """Judge whether two songs hold the same recording, by all landmarks that a line brings together.

    Landmarks that lie together are paired, each with one other at most, and a line is fitted to the pairs by least
    squares; thrice, ever closer, and in the end they are counted.

    Args:
        time_a: when the landmarks of the first song begin, s, ascending.
        pitch_a: their pitches, MIDI.
        time_b: those of the second.
        pitch_b: theirs.
        line: what maps times and pitches of the first song to those of the second: slope, offset (s) and
            transposition (semitones).
        judged: space for speed, transposition (semitones), offset (s), common time (s) and share of common landmarks,
            as of `Match`; filled in where they are the same.
    """
    speed, offset_s, transposition = line[0], line[1], line[2]
    x, y, shifts = np.empty(time_a.size), np.empty(time_a.size), np.empty(time_a.size)
    common, there, start, end = 0, 0, 0.0, 0.0
    for number in range(len(_TOLERANCES_S) + 1):
        tolerance_s = _TOLERANCES_S[min(number, len(_TOLERANCES_S) - 1)]
        taken = np.zeros(time_b.size, np.bool_)
        low, common = 0, 0
        for i in range(time_a.size):
            at_s, at_pitch = time_a[i] * speed + offset_s, pitch_a[i] + transposition
            while low < time_b.size and time_b[low] < at_s - tolerance_s:
                low += 1
            nearest, best = -1, 1.0
            j = low
            while j < time_b.size and time_b[j] <= at_s + tolerance_s:
                if abs(pitch_b[j] - at_pitch) <= _TOLERANCE_SEMITONES and not taken[j]:
                    apart = abs(time_b[j] - at_s) / tolerance_s
                    if apart <= best:
                        nearest, best = j, apart
                j += 1
            if nearest >= 0:
                taken[nearest] = True
                x[common], y[common] = time_a[i], time_b[nearest]
                shifts[common] = pitch_b[nearest] - pitch_a[i]
                common += 1
        # What a song that was cut lacks does not count.
        mapped = (time_b - offset_s) / speed
        start = max(time_a[0], mapped[0]) - _TOLERANCES_S[-1]
        end = min(time_a[-1], mapped[-1]) + _TOLERANCES_S[-1]
        there = min(
            np.searchsorted(time_a, end, side="right") - np.searchsorted(time_a, start),
            np.searchsorted(mapped, end, side="right") - np.searchsorted(mapped, start),
        )
        if number == len(_TOLERANCES_S):
            break
        if common < max(_MIN_AGREEING, _MIN_SHARE_MEANWHILE * there):
            return False
        middle_x, middle_y = x[:common].mean(), y[:common].mean()
        if x[common - 1] - x[0] >= _MIN_BASE_S:  # where they are too near to one another, the speed stays
            speed = ((x[:common] - middle_x) * y[:common]).sum() / np.square(x[:common] - middle_x).sum()
        offset_s = middle_y - speed * middle_x
        transposition = np.median(shifts[:common])
        if abs(np.log(max(speed, 1e-3))) > _MAX_SPEED_CHANGE or abs(transposition) > MAX_TRANSPOSITION:
            return False
    judged[0], judged[1], judged[2] = speed, transposition, offset_s
    judged[3], judged[4] = end - start, min(1.0, common / max(there, 1))
    return end - start >= _MIN_COMMON_S and there >= _MIN_COMMON_LANDMARKS and common >= _MIN_SHARE * there
