"""The acoustic fingerprint of a song: when and at which pitch notes begin, as a sparse constellation of points.

Finding the landmarks of one sound belongs here; comparing songs stands in `matching`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.analysis.frontend.view import BINS_PER_SEMITONE, LOWEST_NOTE, NOTE_RATE_HZ, AudioView
from flamingo_bark_assets.audio.recording import Landmark
from flamingo_bark_assets.record import rows_of

# A landmark is the steepest rise within so much time and pitch around it: five or six a second are left.
_REACH_FRAMES = 6
_REACH_BINS = 14
# Below E2 the semitones of the note spectrum run into one another.
_LOWEST_BIN = 15
# Rises below twice the mean of their surroundings are noise, also where a codec or a tape has put it.
_MIN_RISE = 2.0
_SURROUNDINGS_FRAMES = 65  # 6 s

Floats = npt.NDArray[np.float64]


def find_landmarks(view: AudioView) -> tuple[Landmark, ...]:
    """Find the landmarks of a sound.

    Of the square root of the note spectrum the local maxima of the rise over 190 ms are taken, so that gain, codecs,
    equalisation and trimming leave most of them as they are, and changes of speed and pitch only move them.

    Returns:
        The landmarks in order of time; none of a sound in which nothing can be measured.
    """
    if view.unusable is not None:
        return ()
    time_s, pitch = _peaks(view.note_spectrum)
    order = np.lexsort((pitch, time_s))
    return rows_of(Landmark, number=np.arange(order.size), time_s=time_s[order].round(3), pitch=pitch[order].round(2))


def _peaks(notes: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Find times (s) and pitches (MIDI) of the steepest rises of a note spectrum of shape (n_frames, NOTE_BINS)."""
    from scipy.ndimage import maximum_filter, uniform_filter1d

    if notes.shape[0] < 3:
        return np.zeros(0), np.zeros(0)
    level = np.sqrt(notes[:, _LOWEST_BIN:])
    rise = np.zeros_like(level)
    np.maximum(level[2:] - level[:-2], 0.0, out=rise[1:-1])
    highest = maximum_filter(rise, size=(2 * _REACH_FRAMES + 1, 2 * _REACH_BINS + 1))
    around = uniform_filter1d(rise.mean(axis=1), size=_SURROUNDINGS_FRAMES, mode="nearest")
    inner = (rise >= highest) & (rise > _MIN_RISE * around[:, None])
    inner[:, [0, -1]] = False
    frame, bin_ = np.nonzero(inner)
    frame_shift = _parabola(rise[frame - 1, bin_], rise[frame, bin_], rise[frame + 1, bin_])
    bin_shift = _parabola(rise[frame, bin_ - 1], rise[frame, bin_], rise[frame, bin_ + 1])
    time_s = (frame + frame_shift) / NOTE_RATE_HZ
    return time_s, (bin_ + _LOWEST_BIN + bin_shift) / BINS_PER_SEMITONE + LOWEST_NOTE


def _parabola(before: npt.NDArray[np.float32], at: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> Floats:
    """Place the top of the parabola through three values around a maximum, in steps from the middle one."""
    bend = np.minimum(before - 2.0 * at + after, -1e-12)
    return np.asarray(np.clip(0.5 * (before - after) / bend, -0.5, 0.5), np.float64)
