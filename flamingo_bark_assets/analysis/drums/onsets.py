"""Where something is struck in a drums stem, and what each stroke sounds like in numbers.

Candidate onsets, their refinement in time and their description belong here; which drum it was does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import (
    ONSET_BANDS,
    ONSET_RATE_HZ,
    RATE_HZ,
    AudioView,
)
from flamingo_bark_assets.audio.signal import FloatArray

Frames = NDArray[np.int64]
Times = NDArray[np.float64]

# First band of each group in which rises are looked for (below 200 Hz, to 1.2 kHz, to 4 kHz, above), and the end.
GROUPS = (0, 4, 12, 18, ONSET_BANDS)
# A band that lies this far under its own loud frames counts as silent: bleed and hiss below do not rise.
BAND_RANGE_DB = 45.0
FLOOR_DB = -80.0
MIN_RISE_DB = 2.5
NEIGHBOURS = 2
MERGE_FRAMES = 2
# The log level of a 23 ms Hann frame rises fastest soon after its front edge meets the onset: 10 ms before its centre
# reaches a click, 4 ms before it reaches the start of a sampled drum, which takes some milliseconds to speak.
RISE_LEAD_S = 0.007

# Frames before and after the onset whose levels are averaged, first and past the last.
SLOTS = (
    (-14, -9),
    (-9, -5),
    (-5, -3),
    (-3, -2),
    (-2, -1),
    (-1, 0),
    (0, 1),
    (1, 2),
    (2, 3),
    (3, 4),
    (4, 6),
    (6, 9),
    (9, 14),
    (14, 21),
    (21, 30),
)
FINE_FRAME = 2048
FINE_LEAD = 198
FINE_RISE = 110
# First bin (10.8 Hz each) of each band of the fine spectrum: one by one to 300 Hz, then a fifth of an octave.
_LOW_BINS = tuple(range(3, 28))
_HIGH_BINS = tuple(round(28 * 2.0 ** (k / 5.0)) for k in range(26))
FINE_EDGES = (*_LOW_BINS, *_HIGH_BINS, 1024)
# Octaves above 300 Hz whose crest (peak over mean) tells a tone from noise.
CREST_EDGES = (28, 56, 112, 224, 448, 1024)

FEATURES = len(SLOTS) * ONSET_BANDS + len(FINE_EDGES) - 1 + len(CREST_EDGES) - 1 + len(GROUPS) - 1 + 2
# Where the rises of the groups stand among the features.
RISES = slice(FEATURES - 2 - (len(GROUPS) - 1), FEATURES - 2)


@dataclass(frozen=True, slots=True)
class Onsets:
    """Candidate onsets of a stem.

    Attributes:
        frames: frame of `AudioView.onset_power` at which each rises fastest, ascending, shape (n,).
        times_s: the same, refined between frames, shape (n,).
        rises_db: how far each group of bands rises there, shape (n, groups).
        levels_db: level of each band in each frame, 0 where the stem is loud, shape (n_frames, ONSET_BANDS).
        loud_power: power of a loud frame, all bands together, to which levels are relative.
    """

    frames: Frames
    times_s: Times
    rises_db: FloatArray
    levels_db: FloatArray
    loud_power: float = 1.0

    def part(self, first: int, end: int) -> Onsets:
        """Return some of them, with the levels of all."""
        chosen = slice(first, end)
        return Onsets(self.frames[chosen], self.times_s[chosen], self.rises_db[chosen], self.levels_db, self.loud_power)


def find_onsets(view: AudioView) -> Onsets:
    """Find every moment at which some group of bands rises: more than there are strokes, but few are missed.

    The rise of the log level over two frames, averaged over the bands of a group, has a local maximum at each
    (spectral flux in bands, Bello et al., IEEE Trans. Speech and Audio Processing 13, 2005).
    """
    loud = max(float(np.percentile(view.onset_power.sum(axis=1), 99.5)), 1e-12)
    levels, rises = _levels_and_rises(view.onset_power, loud)
    padded = np.pad(rises, ((NEIGHBOURS, NEIGHBOURS), (0, 0)))
    around = [padded[k : k + rises.shape[0]] for k in range(2 * NEIGHBOURS + 1) if k != NEIGHBOURS]
    peaks = rises >= MIN_RISE_DB
    for k, other in enumerate(around):
        peaks &= rises >= other if k >= NEIGHBOURS else rises > other
    height = np.where(peaks, rises, 0.0).max(axis=1)
    frames = _merged(np.flatnonzero(height > 0.0), height)
    local = rises[frames]
    times = (frames + _offsets(rises, frames)) / ONSET_RATE_HZ + RISE_LEAD_S
    return Onsets(frames, np.maximum(times, 0.0), local, levels, loud)


def _levels_and_rises(power: FloatArray, loud: float, chunk: int = 1 << 15) -> tuple[FloatArray, FloatArray]:
    """Compute levels in dB relative to the stem's loud frames and their rises by group.

    Shapes (n_frames, bands) and (n_frames, groups).
    """
    levels = np.maximum(power * np.float32(1.0 / loud), np.float32(10.0 ** (FLOOR_DB / 10.0)))
    np.log10(levels, out=levels)
    levels *= np.float32(10.0)
    floors = np.percentile(levels[:: max(1, levels.shape[0] // 4000)], 99, axis=0).astype(np.float32) - BAND_RANGE_DB
    widths = np.diff(GROUPS).astype(np.float32)
    rises = np.zeros((levels.shape[0], widths.size), np.float32)
    for first in range(1, levels.shape[0] - 1, chunk):
        end = min(first + chunk, levels.shape[0] - 1)
        floored = np.maximum(levels[first - 1 : end + 1], floors)
        rises[first:end] = np.add.reduceat(np.maximum(floored[2:] - floored[:-2], 0.0), GROUPS[:-1], axis=1) / widths
    return levels, rises


def _merged(frames: Frames, height: FloatArray) -> Frames:
    """Keep the higher of candidates that follow each other within `MERGE_FRAMES`."""
    kept: list[int] = []
    for frame in frames.tolist():
        if kept and frame - kept[-1] <= MERGE_FRAMES:
            if height[frame] > height[kept[-1]]:
                kept[-1] = frame
        else:
            kept.append(frame)
    return np.asarray(kept, np.int64)


def _offsets(rises: FloatArray, frames: Frames) -> Times:
    """Return where the parabola through the strongest group's rise has its top, in frames from the candidate."""
    group = rises[frames].argmax(axis=1)
    last = rises.shape[0] - 1
    before, after = rises[np.maximum(frames - 1, 0), group], rises[np.minimum(frames + 1, last), group]
    bend = np.maximum(2.0 * rises[frames, group] - before - after, 1e-6)
    return np.asarray(np.clip(0.5 * (after - before) / bend, -0.5, 0.5), np.float64)


def describe_onsets(view: AudioView, onsets: Onsets) -> FloatArray:
    """Describe the sound around each onset, in dB relative to the stem's loud frames.

    Returns:
        Shape (n, FEATURES): level of each band in each of `SLOTS` (slot by slot), the fine spectrum of the 93 ms
        from the onset on, its crest by octave, the rise of each group, and the log distance to the neighbours.
    """
    frames, levels = onsets.frames, onsets.levels_db
    last = levels.shape[0] - 1
    table = np.empty((frames.size, FEATURES), np.float32)
    for k, (first, end) in enumerate(SLOTS):
        mean = np.zeros((frames.size, ONSET_BANDS), np.float32)
        for offset in range(first, end):
            mean += levels[np.clip(frames + offset, 0, last)]
        table[:, k * ONSET_BANDS : (k + 1) * ONSET_BANDS] = mean / np.float32(end - first)
    column = len(SLOTS) * ONSET_BANDS
    fine = _fine_spectra(view, onsets)
    table[:, column : column + fine.shape[1]] = fine
    column += fine.shape[1]
    table[:, column : column + onsets.rises_db.shape[1]] = onsets.rises_db
    gaps = np.log2(np.clip(np.diff(onsets.times_s, prepend=-1e3, append=1e6), 0.02, 1.3)).astype(np.float32)
    table[:, -2], table[:, -1] = gaps[:-1], gaps[1:]
    return table


def _fine_spectra(view: AudioView, onsets: Onsets, chunk: int = 128) -> FloatArray:
    """Compute the fine spectrum and crests, (n, bands + octaves).

    The window rises from 9 to 4 ms before the onset and decays after.
    """
    import scipy.fft

    window = _fine_window()
    scale = np.float32(1.0 / (float(window.sum()) ** 2 * onsets.loud_power))
    starts = np.round(onsets.times_s * RATE_HZ).astype(np.int64) - FINE_LEAD
    taps = np.arange(FINE_FRAME)
    widths = np.diff(CREST_EDGES).astype(np.float32)
    rows = []
    for piece in view.mono_pieces(RATE_HZ):
        mono, offset = piece.samples, piece.offset
        low = 0 if offset == 0 and piece.start == 0 else int(np.searchsorted(starts, offset + piece.start))
        here = starts[low : int(np.searchsorted(starts, offset + piece.end))] - offset
        for first in range(0, here.size, chunk):
            index = here[first : first + chunk, None] + taps
            frames = mono[np.clip(index, 0, mono.size - 1)] * window
            frames[(index < 0) | (index >= mono.size)] = 0.0
            spectrum = scipy.fft.rfft(frames, axis=1)
            power = (spectrum.real**2 + spectrum.imag**2) * scale + np.float32(10.0 ** (FLOOR_DB / 10.0))
            bands = np.add.reduceat(power[:, : FINE_EDGES[-1]], FINE_EDGES[:-1], axis=1)
            peak = np.maximum.reduceat(power[:, : CREST_EDGES[-1]], CREST_EDGES[:-1], axis=1)
            mean = np.add.reduceat(power[:, : CREST_EDGES[-1]], CREST_EDGES[:-1], axis=1) / widths
            rows.append(10.0 * np.log10(np.concatenate([bands, peak / mean], axis=1)))
    width = len(FINE_EDGES) + len(CREST_EDGES) - 2
    return np.concatenate(rows).astype(np.float32) if rows else np.zeros((0, width), np.float32)


def _fine_window() -> FloatArray:
    """Return a short rise before the onset, then a slow fall."""
    fall = 0.5 + 0.5 * np.cos(np.pi * np.arange(FINE_FRAME - FINE_RISE) / (FINE_FRAME - FINE_RISE))
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(FINE_RISE) / FINE_RISE)
    return np.concatenate([rise, fall]).astype(np.float32)
