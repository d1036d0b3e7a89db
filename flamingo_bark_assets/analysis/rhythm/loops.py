"""Loops: recordings of whole bars that begin at once, and so on the first beat of a bar.

Telling that a way to count makes a recording a loop belongs here; how ways to count are judged else is in `downbeats`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ONSET_RATE_HZ, AudioView

# Sound that begins within this of the file, no more than this below what is loud in it, begins at once; a decoder may
# put 50 ms of nothing before it.
_AT_ONCE_S = 0.06
_NOT_FADED = 0.01
_LOUD_PERCENTILE = 95
# How far from a beat the start may be, and the end, to which the last beats lead: seconds, and shares of a beat.
_START_NEAR, _END_NEAR = (0.07, 0.15), (0.1, 0.2)
# How much likelier a way to count is that makes the recording a loop. Of recordings that begin at once one of three is
# taken for a loop; any other starts and ends near a beat that begins a bar of four by chance: .3 and .4 of all places
# are near a beat, one beat of four begins a bar.
ODDS = 1.0 / 3.0 / (0.3 * 0.25 * 0.4 * 0.25)


def loop_span(mix: AudioView) -> tuple[float, float] | None:
    """Return where a recording that begins at once begins and ends, seconds; None where one fades in or waits."""
    start_s = mix.music_start_s
    if start_s > _AT_ONCE_S:
        return None
    power = mix.activity_power
    first = power[int(np.argmax(mix.active)) :][:2].max()
    if first < _NOT_FADED * np.percentile(power, _LOUD_PERCENTILE):
        return None
    return start_s, mix.duration_s


def is_loop(beats: NDArray[np.float64], first: int, beats_per_bar: int, span: tuple[float, float]) -> bool:
    """Return whether beats make whole bars of a recording, the first of which begins where it does.

    Args:
        beats: frames of the curves since the start of the file, ascending, (n_beats,).
        first: index of the first downbeat.
        beats_per_bar: beats of a bar.
        span: start and end of the recording in seconds.
    """
    start, end = (moment * ONSET_RATE_HZ for moment in span)
    periods = np.diff(beats)
    before = (start - beats[0]) / float(np.median(periods[:8]))
    after = (end - beats[-1]) / float(np.median(periods[-8:]))
    beat_s = float(np.median(periods)) / ONSET_RATE_HZ
    first_index, end_index = round(before), beats.size - 1 + round(after)
    return (
        abs(before - round(before)) <= _near(_START_NEAR, beat_s)
        and abs(after - round(after)) <= _near(_END_NEAR, beat_s)
        and (first_index - first) % beats_per_bar == 0
        and (end_index - first) % beats_per_bar == 0
    )


def _near(limits: tuple[float, float], beat_s: float) -> float:
    """Return the lesser of a limit in seconds and one in beats, in beats."""
    seconds, beats = limits
    return min(seconds / beat_s, beats)
