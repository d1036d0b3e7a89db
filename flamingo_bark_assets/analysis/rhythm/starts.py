"""Where a recording starts: music that starts after silence, and a loop of drums, start on the first beat of a bar.

What a start says of a way to count belongs here; how ways to count are judged else is in `downbeats`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import ACTIVITY_FRAME_S, ONSET_RATE_HZ, AudioView

# Silence, and a start that is no fade, by the power of 50 ms over what is loud: -40 and -20 dB.
_SILENT, _SOUNDING = 1e-4, 0.01
_LOUD_PERCENTILE = 95
# Less silence may be a decoder's.
_LEAST_SILENT_FRAMES = 2
# A loop begins with a stroke, louder than most of what follows, which what is cut out of songs anywhere seldom does.
_LOUDER_THAN = 0.8
# Change of the harmony, see `Evidence.curves`, from which on there is one: where nothing changes it is noise, and less.
_LEAST_HARMONY = 0.8
# How far from a beat the start may be, and the end, to which the last beats lead: seconds, and shares of a beat.
_START_NEAR, _END_NEAR = (0.07, 0.15), (0.1, 0.2)
# A start that has nothing to do with the bars is near one by chance: .3 of all places are near a beat, one beat of four
# begins a bar; an end likewise, of .4.
_BY_CHANCE, _END_BY_CHANCE = 0.3 * 0.25, 0.4 * 0.25
# Own choice: nine of ten pieces for games start with a bar (`tests.benchmarks.game_music` counts them), of all songs
# fewer may.
_START_ODDS = 0.75 / _BY_CHANCE
# Own choice: of bare drums that begin with a stroke one of three is taken for a loop.
_LOOP_ODDS = 1.0 / 3.0 / (_BY_CHANCE * _END_BY_CHANCE)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a recording starts.

    Attributes:
        start_s: begin of the music.
        end_s: end of the recording if it may be a loop, None if it starts after silence.
    """

    start_s: float
    end_s: float | None


def start_of(mix: AudioView, harmony: float) -> Start | None:
    """Return where a recording starts if that tells its bars; None where it fades in or may be cut out anywhere.

    `harmony` is the standard deviation of the change of the harmony as in `Evidence.curves`.
    """
    power = mix.activity_power
    loud = float(np.percentile(power, _LOUD_PERCENTILE))
    first = int(np.argmax(power >= _SOUNDING * loud))
    if first >= _LEAST_SILENT_FRAMES:
        is_sudden = bool((power[:first] < _SILENT * loud).all())
        return Start((first + 0.5) * ACTIVITY_FRAME_S, None) if is_sudden else None
    begins_with_a_stroke = float((power < power[first : first + 2].max()).mean()) >= _LOUDER_THAN
    return Start(0.0, mix.duration_s) if harmony < _LEAST_HARMONY and begins_with_a_stroke else None


def odds(start: Start, beats: NDArray[np.float64], first: int, beats_per_bar: int) -> float:
    """Return how much likelier a way to count is for what it makes of the start: 1 where it is in no bar's place.

    Args:
        start: of the recording.
        beats: frames of the curves since the start of the file, ascending, (n_beats,).
        first: index of the first downbeat.
        beats_per_bar: beats of a bar.
    """
    periods = np.diff(beats)
    beat_s = float(np.median(periods)) / ONSET_RATE_HZ

    def begins_a_bar(index: float, limits: tuple[float, float]) -> bool:
        near = abs(index - round(index)) <= min(limits[0] / beat_s, limits[1])
        return near and (round(index) - first) % beats_per_bar == 0

    at = (start.start_s * ONSET_RATE_HZ - beats[0]) / float(np.median(periods[:8]))
    if not begins_a_bar(at, _START_NEAR):
        return 1.0
    if start.end_s is None:
        return _START_ODDS
    after = (start.end_s * ONSET_RATE_HZ - beats[-1]) / float(np.median(periods[-8:]))
    return _LOOP_ODDS if begins_a_bar(beats.size - 1 + after, _END_NEAR) else 1.0
