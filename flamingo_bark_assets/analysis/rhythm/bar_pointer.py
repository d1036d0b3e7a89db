"""The path of a steady pulse through onset strength: beats of a given range of tempi.

The search belongs here; which range is the right one (`tempo`) and which beat begins a bar (`downbeats`) does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

Frames = NDArray[np.int64]

# Share of the cost of a change that is left where it is one frame, which may be rounding.
_ROUNDING = np.float32(0.1)


def track_pulse(strength: FloatArray, *, shortest: int, longest: int, change_cost: float) -> tuple[Frames, float]:
    """Return most likely beats of a pulse whose interval may change from beat to beat.

    The bar-pointer model of Krebs, Böck & Widmer (ISMIR 2015) for one beat: the tempo changes only on beats, so
    the states between two beats fold into one step of a semi-Markov chain, and one byte for each frame and
    interval is kept to trace back.

    Args:
        strength: mean about 0, so that more beats score no more by themselves, shape (n_frames,).
        shortest: interval, frames, at least 2.
        longest: interval, frames.
        change_cost: nats for a change of the interval by 100 %; one frame of rounding is nearly free.

    Returns:
        The beats' frames, ascending, and the mean strength on them.
    """
    intervals = np.arange(max(2, shortest), max(3, longest + 1), dtype=np.int64)
    if intervals.size > 250:
        raise ValueError("more intervals than one byte counts")
    if strength.size <= 2 * int(intervals[-1]):
        return np.zeros(0, np.int64), 0.0
    beats = _track(np.ascontiguousarray(strength, np.float32), intervals, float(change_cost))
    return beats, float(strength[beats].mean()) if beats.size else 0.0


@compiled("int64[::1](float32[::1], int64[::1], float64)")
def _track(strength: FloatArray, intervals: Frames, change_cost: float) -> Frames:  # noqa: PLR0912
    frames, count = strength.size, intervals.size
    longest = intervals[count - 1]
    # The cost of a change is a distance along the logarithm of the interval: two sweeps find the best origin of all.
    step = np.zeros(count + 1, np.float32)
    for i in range(1, count):
        step[i] = change_cost * np.log(intervals[i] / intervals[i - 1])
    # onward[t mod the longest interval + 1, i]: best score of a beat at t that is followed by interval i.
    onward = np.zeros((longest + 1, count), np.float32)
    origin = np.zeros((frames, count), np.uint8)
    here = np.zeros(count, np.float32)
    best, best_frame, best_index = -1e30, 0, 0
    slot = -1
    for t in range(frames):
        slot = slot + 1 if slot < longest else 0
        for i in range(count):
            # Before the start the slots hold 0.
            past = slot - intervals[i]
            here[i] = strength[t] + onward[past if past >= 0 else past + longest + 1, i]
        score, source = onward[slot], origin[t]
        value, index = np.float32(-1e30), 0
        for i in range(count):
            value -= step[i]
            if here[i] >= value:
                value, index = here[i], i
            score[i], source[i] = value, index
        value = np.float32(-1e30)
        for i in range(count - 1, -1, -1):
            value -= step[i + 1]
            if here[i] >= value:
                value, index = here[i], i
            if value > score[i]:
                score[i], source[i] = value, index
        # One frame more or less may be rounding.
        for i in range(1, count):
            rounding = _ROUNDING * step[i]
            if here[i - 1] - rounding > score[i]:
                score[i], source[i] = here[i - 1] - rounding, i - 1
            if here[i] - rounding > score[i - 1]:
                score[i - 1], source[i - 1] = here[i] - rounding, i
        if t >= frames - longest:
            for i in range(count):
                if here[i] > best:
                    best, best_frame, best_index = here[i], t, i
    reverse = np.zeros(frames // intervals[0] + 2, np.int64)
    found = 0
    t, i = best_frame, best_index
    while t >= 0:
        reverse[found] = t
        found += 1
        t -= intervals[i]
        if t >= 0:
            i = origin[t, i]
    return reverse[:found][::-1].copy()
