"""Levels of a source in frames of 10 ms, read in one pass, from which those of any piece of it follow.

Peak, power, mean and clipped samples belong here; which of them leave a clip out is decided in `planning`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.levels import SILENCE_DBFS
from flamingo_bark_assets.audio.rows import GrowingRows
from flamingo_bark_assets.audio.signal import FloatArray, FrameClock, Sound
from flamingo_bark_assets.kernels import compiled
from flamingo_bark_assets.lyrics.phrases import Span

FRAME_S = 0.01
NOTHING_DBFS = -200.0
"""Level that stands for digital silence: below the rounding of any sample."""

Floats = npt.NDArray[np.float64]

# A flat top: at least three samples within a step of 16 bits of the loudest one, left by a jump of more than eight
# steps on one side, which tells it from the top of a smooth wave (see `audio.clipping`).
_STEP = 2.0**-15
_MIN_RUN = 3
_STEEP = 8.0
_SILENCE_FRAMES = 5
_MIN_QUIET_S = 0.1
# How far before a phrase its first consonant is looked for, and how it stands out: own choice, on lines of known start.
_ONSET_S = 0.12
_ONSET_BELOW_DB = 42.0
_ONSET_ABOVE_DB = 3.0
_MASKED_DB = 28.0
_LATEST_S = 0.07


@dataclass(frozen=True, slots=True)
class PieceLevels:
    """Levels of one piece of a source.

    Attributes:
        rms_dbfs: mean of the channels' power.
        peak_dbfs: largest absolute sample; of a sum an upper bound.
        dc: largest absolute mean of a channel, full scale 1; of a sum an upper bound.
        clipped_fraction: share of samples in flat tops at the peak of the source; of a sum the largest of its parts.
        silent_fraction: share of 50 ms below -60 dBFS RMS.
    """

    rms_dbfs: float
    peak_dbfs: float
    dc: float
    clipped_fraction: float
    silent_fraction: float


@dataclass(frozen=True, eq=False)
class SourceLevels:
    """Levels of a whole source; frame i begins at sample round(i * FRAME_S * sample_rate_hz).

    Attributes:
        sample_rate_hz: samples a second of each channel.
        n_samples: samples of each channel.
        peak: largest absolute sample of each frame, shape (n_frames,).
        square: sum of squares, mean over channels, shape (n_frames,).
        sums: sum of samples, shape (n_channels, n_frames).
        clipped: samples in flat tops, mean over channels, shape (n_frames,).
    """

    sample_rate_hz: int
    n_samples: int
    peak: Floats
    square: Floats
    sums: Floats
    clipped: Floats

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate_hz

    @cached_property
    def level_db(self) -> Floats:
        """RMS level of each frame, dBFS, shape (n_frames,)."""
        power = self.square / (FRAME_S * self.sample_rate_hz)
        return np.asarray(10.0 * np.log10(np.maximum(power, 10.0 ** (NOTHING_DBFS / 10.0))), np.float64)

    @cached_property
    def _silent(self) -> npt.NDArray[np.bool_]:
        """Which frames belong to 50 ms of silence."""
        kernel = np.full(_SILENCE_FRAMES, 1.0 / _SILENCE_FRAMES)
        power = np.convolve(self.square / (FRAME_S * self.sample_rate_hz), kernel, mode="same")[: self.square.size]
        return np.asarray(power < 10.0 ** (SILENCE_DBFS / 10.0))

    def quiet(self) -> tuple[Span, ...]:
        """Return the stretches of at least 0.1 s below -60 dBFS."""
        change = np.flatnonzero(np.diff(np.concatenate(([0], self._silent.view(np.int8), [0]))))
        spans = (Span(float(a), float(b)) for a, b in (change.reshape(-1, 2) * FRAME_S).tolist())
        return tuple(
            Span(span.start_s, min(span.end_s, self.duration_s))
            for span in spans
            if span.end_s - span.start_s >= _MIN_QUIET_S
        )

    def onset_s(self, before_s: float) -> float:
        """Return where the sound that is audible at some time rises: at most 120 ms before it.

        Args:
            before_s: by when it has risen, as a phrase that is known by its pitch begins after its first consonant.
        """
        frame = min(round(before_s / FRAME_S), self.level_db.size - 1)
        first = max(0, frame - round(_ONSET_S / FRAME_S))
        window = self.level_db[first : frame + 1]
        loud_db = float(np.median(self.level_db[frame : frame + round(0.2 / FRAME_S)]))
        if loud_db - float(window.min()) < _MASKED_DB:  # what rings on hides it
            return max(0.0, before_s - _LATEST_S)
        least_db = max(loud_db - _ONSET_BELOW_DB, float(window.min()) + _ONSET_ABOVE_DB)
        below = np.flatnonzero(window[:-1] <= least_db)
        return min(before_s, (first + (int(below[-1]) + 1 if below.size else 0)) * FRAME_S)

    def piece(self, start_s: float, end_s: float) -> PieceLevels:
        """Return the levels of a piece, to the nearest frame."""
        frames = slice(round(start_s / FRAME_S), max(round(end_s / FRAME_S), round(start_s / FRAME_S) + 1))
        peak, square = self.peak[frames], self.square[frames]
        if not peak.size:
            return PieceLevels(NOTHING_DBFS, NOTHING_DBFS, 0.0, 0.0, 1.0)
        samples = peak.size * FRAME_S * self.sample_rate_hz
        return PieceLevels(
            rms_dbfs=_db(math.sqrt(float(square.sum()) / samples)),
            peak_dbfs=_db(float(peak.max())),
            dc=float(np.abs(self.sums[:, frames].sum(axis=1)).max()) / samples,
            clipped_fraction=float(self.clipped[frames].sum()) / samples,
            silent_fraction=float(self._silent[frames].mean()),
        )


def sum_piece(
    sources: Sequence[SourceLevels], pieces: Sequence[PieceLevels], start_s: float, end_s: float
) -> PieceLevels:
    """Return the levels of a piece of several sources that sound together.

    The peak is an upper bound, the sum of the sources' peaks in the loudest frame; the power is that of sources that
    have nothing in common.

    Args:
        sources: at least one.
        pieces: what `piece` gives of each of them.
        start_s: start of the piece.
        end_s: its end.
    """
    if len(pieces) == 1:
        return pieces[0]
    frames = slice(round(start_s / FRAME_S), round(end_s / FRAME_S))
    longest = max(source.peak[frames].size for source in sources)
    peak, silent = np.zeros(longest), np.ones(longest, np.bool_)
    for source in sources:
        own = source.peak[frames]
        peak[: own.size] += own
        silent[: own.size] &= source._silent[frames]
    return PieceLevels(
        rms_dbfs=_db(math.sqrt(sum(10.0 ** (piece.rms_dbfs / 10.0) for piece in pieces))),
        peak_dbfs=_db(float(peak.max(initial=0.0))),
        dc=sum(piece.dc for piece in pieces),
        clipped_fraction=max(piece.clipped_fraction for piece in pieces),
        silent_fraction=float(silent.mean()) if longest else 1.0,
    )


class SourceLevelReader:
    """Reads the levels of a source that comes block by block, at any rate and of any number of channels."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._clock = FrameClock(sample_rate_hz, FRAME_S)
        self._rows = GrowingRows(np.float64, (channels, 4))
        self._highest = np.zeros(channels, np.float32)

    def add(self, block: FloatArray) -> None:
        """Take the next samples, shape (n_channels, n)."""
        first, edges = self._clock.advance(block.shape[1])
        target = self._rows.reach(first + edges.size - 1)[first:]
        for c, samples in enumerate(block):
            own = np.zeros((edges.size - 1, 4))
            self._highest[c] = _read_frames(np.ascontiguousarray(samples), edges, own, self._highest[c])
            target[:, c, 0] = np.maximum(target[:, c, 0], own[:, 0])
            target[:, c, 1:] += own[:, 1:]

    def finish(self) -> SourceLevels:
        """Give the levels."""
        table = self._rows.take()
        peak = table[:, :, 0]
        # Only what reaches the peak of the whole channel is cut off there.
        clipped = np.where(peak >= self._highest.astype(np.float64) - 2.0 * _STEP, table[:, :, 3], 0.0)
        return SourceLevels(
            sample_rate_hz=self._sample_rate_hz,
            n_samples=self._clock.seen,
            peak=np.ascontiguousarray(peak.max(axis=1)),
            square=np.ascontiguousarray(table[:, :, 2].mean(axis=1)),
            sums=np.ascontiguousarray(table[:, :, 1].T),
            clipped=np.ascontiguousarray(clipped.mean(axis=1)),
        )


def source_levels(sound: Sound) -> SourceLevels:
    """Read a sound through once for its levels alone."""
    reader = SourceLevelReader(sound.sample_rate_hz, sound.channels)
    for block in sound.blocks():
        reader.add(block)
    return reader.finish()


def _db(amplitude: float) -> float:
    return max(NOTHING_DBFS, 20.0 * math.log10(amplitude)) if amplitude > 0.0 else NOTHING_DBFS


@compiled("float32(float32[::1], int64[::1], float64[:, ::1], float32)", fastmath=True)
def _read_frames(x: FloatArray, edges: npt.NDArray[np.int64], rows: Floats, highest: float) -> float:
    """Write peak, sum, sum of squares and samples in flat tops of each frame; give the highest peak so far."""
    step, steep = np.float32(1.01 * _STEP), np.float32(_STEEP * _STEP)
    for f in range(edges.size - 1):
        frame = x[edges[f] : edges[f + 1]]
        peak = total = squares = np.float32(0.0)
        for i in range(frame.size):
            size = abs(frame[i])
            peak = size if size > peak else peak
            total += frame[i]
            squares += frame[i] * frame[i]
        rows[f, 0], rows[f, 1], rows[f, 2] = peak, total, squares
        if peak < highest - np.float32(2.0) * step or peak <= steep:
            continue
        if peak > highest:
            highest = float(peak)
        for polarity in range(2):
            sign = np.float32(1 - 2 * polarity)
            length, before = np.int64(0), np.float32(0.0)
            for i in range(frame.size + 1):
                y = sign * frame[i] if i < frame.size else np.float32(0.0)
                if i < frame.size and y >= peak - step:
                    if length == 0:
                        before = sign * frame[i - 1] if i > 0 else y
                    length += 1
                elif length > 0:
                    after = y if i < frame.size else peak
                    if length >= _MIN_RUN and peak - min(before, after) > steep:
                        rows[f, 3] += length
                    length = np.int64(0)
    return highest
