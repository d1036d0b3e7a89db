"""The bars of a song and what each of them sounds like.

The grid of bars and features in step with it belong here; which bars begin a section does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import (
    ACTIVITY_FRAME_S,
    NOTE_RATE_HZ,
    ONSET_BANDS,
    ONSET_RATE_HZ,
    AudioView,
)
from flamingo_bark_assets.analysis.timbre.chroma import chroma
from flamingo_bark_assets.audio.levels import SILENCE_DBFS
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

Values = NDArray[np.float64]

SLOTS_A_BEAT = 4
_STEP_WITHOUT_BEATS_S = 2.0
_BEATS_WITHOUT_BEATS = 4
# Onset bands 0-4 (to 280 Hz), 5-11 (to 730 Hz), 12-17 (to 2.7 kHz) and 18-23 hold bass drum, toms, snare, cymbals.
_DRUM_BANDS = np.array([0, 5, 12, 18, ONSET_BANDS], np.int64)
_HIGH_BANDS = slice(19, ONSET_BANDS)
# Levels further below the loudest count as silence.
_BAND_RANGE_DB = 40.0
_SONG_RANGE_DB = 70.0
_STEM_RANGE_DB = 35.0


@dataclass(frozen=True, slots=True)
class Bars:
    """The grid of bars.

    Attributes:
        edges_s: start of each bar and the end of the last, increasing, shape (n_bars + 1,).
        beats: beats in a bar.
        metrical: False where the song has no beats and the grid is one of time alone.
    """

    edges_s: Values
    beats: int
    metrical: bool

    @property
    def count(self) -> int:
        """Number of bars."""
        return self.edges_s.size - 1


def bars_of(beats_s: Values, positions: NDArray[np.int64], *, start_s: float, end_s: float) -> Bars:
    """Return the bars from first to last sound: those of the beats, continued to both sides.

    `positions` is 1 for a downbeat. Where there are fewer than three of them, the grid is in steps of 2 s. Both arrays
    have shape (n,), and `end_s` is later than `start_s`.

    Returns:
        The grid; in steps of 2 s where there are fewer than three downbeats.
    """
    downbeats = beats_s[(positions == 1) & (beats_s > start_s - 1.0) & (beats_s < end_s)]
    metrical = downbeats.size >= 3
    if metrical:
        bar_s = float(np.median(np.diff(downbeats)))
        beats = max(1, round(bar_s / float(np.median(np.diff(beats_s)))))
    else:
        bar_s, beats, downbeats = _STEP_WITHOUT_BEATS_S, _BEATS_WITHOUT_BEATS, np.array([start_s])
    # Half a bar and less before the first or behind the last belongs to that bar.
    before = max(0, math.ceil((downbeats[0] - start_s) / bar_s - 0.5))
    after = max(1, math.floor((end_s - downbeats[-1]) / bar_s + 0.5))
    edges = np.concatenate(
        [
            downbeats[0] - bar_s * np.arange(before, 0, -1),
            downbeats,
            downbeats[-1] + bar_s * np.arange(1, after + 1),
        ]
    )
    return Bars(edges, beats, metrical)


@dataclass(frozen=True, slots=True)
class BarFeatures:
    """What each bar sounds like.

    Attributes:
        timbre: level of each onset band, dB, shape (n_bars, 24).
        rhythm: rise of the level in each slot of the bar and four bands, dB, shape (n_bars, slots * 4).
        harmony: chroma of each beat, unit norm over the bar, shape (n_bars, beats * 12).
        chroma: unit-norm chroma of the bar, shape (n_bars, 12).
        high: level above 5 kHz in each slot, dB, shape (n_bars, slots).
        stems: level of each stem, dB, shape (n_bars, n_stems); no column without stems.
        power: mean power, shape (n_bars,).
        bar_s: median length of a bar in seconds.
    """

    timbre: Values
    rhythm: Values
    harmony: Values
    chroma: Values
    high: Values
    stems: Values
    power: Values
    bar_s: float


def bar_features(bars: Bars, mix: AudioView, stems: Sequence[AudioView]) -> BarFeatures:
    """Measure each bar."""
    n, slots = bars.count, bars.beats * SLOTS_A_BEAT
    power, rises = _slot_means(mix.onset_power, _parted(bars.edges_s, slots) * ONSET_RATE_HZ)
    by_slot = power.reshape(n, slots, ONSET_BANDS)
    timbre = _decibel(by_slot.mean(axis=1))
    loudest = timbre.max(axis=0)
    timbre = np.maximum(timbre, np.maximum(loudest - _BAND_RANGE_DB, loudest.max() - _SONG_RANGE_DB))
    notes = _interval_means(
        chroma(mix.note_spectrum, cents=mix.tuning.cents), _parted(bars.edges_s, bars.beats) * NOTE_RATE_HZ
    )
    harmony = np.sqrt(notes)
    harmony /= np.linalg.norm(harmony, axis=1, keepdims=True) + 1e-9
    harmony = harmony.reshape(n, bars.beats, 12)
    chroma_of_bar = harmony.mean(axis=1)
    chroma_of_bar /= np.linalg.norm(chroma_of_bar, axis=1, keepdims=True) + 1e-9
    levels = [_stem_level(stem, bars) for stem in stems]
    return BarFeatures(
        timbre=timbre,
        rhythm=rises.reshape(n, -1),
        harmony=harmony.reshape(n, -1) / math.sqrt(bars.beats),
        chroma=chroma_of_bar,
        high=_decibel(by_slot[:, :, _HIGH_BANDS].sum(axis=2)),
        stems=np.stack(levels, axis=1) if levels else np.zeros((n, 0)),
        power=by_slot.sum(axis=2).mean(axis=1),
        bar_s=float(np.median(np.diff(bars.edges_s))),
    )


def _stem_level(stem: AudioView, bars: Bars) -> Values:
    power = _interval_means(stem.activity_power[:, None], bars.edges_s / ACTIVITY_FRAME_S)[:, 0]
    level = _decibel(power)
    return np.maximum(level, max(float(level.max()) - _STEM_RANGE_DB, SILENCE_DBFS))


def _decibel(power: Values) -> Values:
    return np.asarray(10.0 * np.log10(power + 1e-12))


def _parted(edges: Values, parts: int) -> Values:
    """Split each interval between edges evenly, shape ((n - 1) * parts + 1,)."""
    return np.interp(np.arange((edges.size - 1) * parts + 1) / parts, np.arange(edges.size), edges)


def _interval_means(values: FloatArray, edges: Values) -> Values:
    """Return mean over the frames of each interval, shape (n_edges - 1, n_columns); zeros outside the signal."""
    frames = np.clip(np.round(edges).astype(np.int64), 0, values.shape[0])
    running = np.zeros((values.shape[0] + 1, values.shape[1]))
    np.cumsum(values, axis=0, dtype=np.float64, out=running[1:])
    return np.asarray(np.diff(running[frames], axis=0) / np.maximum(np.diff(frames), 1)[:, None])


def _slot_means(onset_power: FloatArray, edges: Values) -> tuple[Values, Values]:
    """Return mean power and mean rise of the level of each slot, shapes (n_slots, 24) and (n_slots, 4)."""
    frames = np.clip(np.round(edges).astype(np.int64), 0, onset_power.shape[0])
    power, rises = np.zeros((frames.size - 1, ONSET_BANDS)), np.zeros((frames.size - 1, _DRUM_BANDS.size - 1))
    # Rises under a millionth of the loudest band's power are noise.
    floor = 1e-6 * float(onset_power.max(initial=0.0)) + 1e-12
    _fill_slots(np.ascontiguousarray(onset_power), frames, _DRUM_BANDS, floor, power, rises)
    return power, rises


@compiled("void(float32[:, ::1], int64[::1], int64[::1], float64, float64[:, ::1], float64[:, ::1])")
def _fill_slots(
    onset_power: FloatArray,
    frames: NDArray[np.int64],
    drum_bands: NDArray[np.int64],
    floor: float,
    power: Values,
    rises: Values,
) -> None:
    last = onset_power.shape[0] - 1
    # Levels of three frames, the one in hand in the middle.
    levels = np.zeros((3, onset_power.shape[1]))
    ready = -1
    for slot in range(frames.size - 1):
        n = frames[slot + 1] - frames[slot]
        for t in range(frames[slot], frames[slot + 1]):
            first = max(0, t - 1) if ready < t - 1 else ready + 1
            for u in range(first, min(t + 1, last) + 1):
                for band in range(onset_power.shape[1]):
                    levels[u % 3, band] = 10.0 * math.log10(max(np.float64(onset_power[u, band]), floor))
                ready = u
            for group in range(drum_bands.size - 1):
                total = 0.0
                for band in range(drum_bands[group], drum_bands[group + 1]):
                    power[slot, band] += onset_power[t, band] / n
                    if 0 < t < last:
                        total += max(levels[(t + 1) % 3, band] - levels[(t - 1) % 3, band], 0.0)
                rises[slot, group] += total / (drum_bands[group + 1] - drum_bands[group]) / n
