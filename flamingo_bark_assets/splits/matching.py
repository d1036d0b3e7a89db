"""Which songs are the same recording, however it was cut, turned up, encoded, sped up, stretched or transposed.

The judgement on two songs belongs here; which of many are compared stands in `forest` and `candidates`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flamingo_bark_assets.kernels import compiled
from flamingo_bark_assets.splits.candidates import MIN_AGREEING, agree
from flamingo_bark_assets.splits.quads import MAX_TRANSPOSITION, Floats, Numbers, Quads, meetings_of, quads_of

MATCHING_VERSION = 2
"""Raised when fingerprints that were compared are to be compared anew, as other ones would be taken for the same."""

MS, CENTS = 1000.0, 100.0
_MOST_CONSIDERED = 128
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


NO_LANDMARKS = Constellation(np.zeros(0), np.zeros(0))
"""Of a song in which no note begins."""


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """A constellation, to the millisecond and the hundredth of a semitone, as landmarks are stored, and its quads.

    Attributes:
        time_s: when each landmark begins, ascending, shape (n,).
        pitch: MIDI note numbers, shape (n,).
        quads: of the landmarks.
    """

    time_s: Floats
    pitch: Floats
    quads: Quads

    @classmethod
    def of(cls, song: Constellation) -> Fingerprint:
        """Take the fingerprint of a song."""
        time_s, pitch = np.rint(song.time_s * MS) / MS, np.rint(song.pitch * CENTS) / CENTS
        return cls(time_s, pitch, quads_of(time_s, pitch))


Judgement = tuple[float, float, float, float, float]


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


def compare(first: Fingerprint, second: Fingerprint) -> Judgement | None:
    """Judge whether two songs hold the same recording; it depends on nothing but these two.

    Returns:
        Speed, transposition, offset, common time and share, as of `Match`; None where they do not.
    """
    met, apart = meetings_of(first.quads, second.quads)
    if not agree(apart):
        return None
    line, judged = np.empty(3), np.empty(5)
    if _draw_line(first.time_s, first.pitch, second.time_s, second.pitch, met, line) < MIN_AGREEING:
        return None
    if not _judge(first.time_s, first.pitch, second.time_s, second.pitch, line, judged):
        return None
    speed, transposition, offset_s, common_s, share = judged.tolist()
    return speed, transposition, offset_s, common_s, share


@compiled("int64(float64[::1], float64[::1], float64[::1], float64[::1], int32[:, ::1], float64[::1])")
def _draw_line(time_a: Floats, pitch_a: Floats, time_b: Floats, pitch_b: Floats, met: Numbers, line: Floats) -> int:
    """Draw the line through two of the meetings with which most agree; return their number, 0 where there is none.

    Filled in are slope, offset and transposition.
    """
    x, y, shifts = np.empty(_MOST_CONSIDERED), np.empty(_MOST_CONSIDERED), np.empty(_MOST_CONSIDERED)
    near = np.empty(_MOST_CONSIDERED, np.int64)
    steepest, flattest = np.exp(_MAX_SPEED_CHANGE), np.exp(-_MAX_SPEED_CHANGE)
    step = (len(met) + _MOST_CONSIDERED - 1) // _MOST_CONSIDERED
    size = 0
    for k in range(0, len(met), step):
        a, b = met[k, 0], met[k, 1]
        x[size], y[size], shifts[size] = time_a[a], time_b[b], pitch_b[b] - pitch_a[a]
        size += 1
    most, enough = 0, max(MIN_AGREEING, size // 2)
    for i in range(size):
        if most > enough:
            break
        # Whatever agrees with a line through this one has about its transposition.
        count = 0
        for k in range(size):
            near[count] = k
            count += abs(shifts[k] - shifts[i]) <= 2.6 * _TOLERANCE_SEMITONES
        if count <= max(most, MIN_AGREEING - 1):
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
                line[0], line[1], line[2] = slope, offset, shift
    return most


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
        if common < max(MIN_AGREEING, _MIN_SHARE_MEANWHILE * there):
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
