"""Clipping: flat tops that a converter or a gain stage cut into the waveform.

Finding flat tops belongs here; intersample peaks are a matter of loudness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled
from flamingo_bark_assets.record import Measurement

MIN_RUN = 3

_METHOD = "flat-runs-at-peak"
_DECISION = "flat-runs-at-peak-count"
_STEEP = 8.0  # steps; a parabola that stays within 2.02 steps for 3 samples falls by less than 6.6 in the next
_PULSE_WAVE_SHARE = 0.98
_FINEST_STEP = 2.0**-15
_MIN_CLIPPED_RUNS = 4
_MIN_CLIPPED_SHARE = 1e-5
_STEP_BLOCKS = 32  # blocks with sound that are searched for a finer step
_CHUNK = 256
_SIGN = np.int32(-(1 << 31))
_NOTHING = 1e30  # finite, as the loops are compiled for finite numbers


@dataclass(frozen=True, slots=True)
class ClippedSamples:
    """Flat tops of a whole sound.

    Attributes:
        samples: in flat runs at the clip level, all channels.
        runs: number of such runs.
        total: samples of all channels.
    """

    samples: int
    runs: int
    total: int

    @property
    def fraction(self) -> Measurement[float]:
        """Share of samples in flat runs, 0 to 1; 0 for silence."""
        return Measurement.exact(self.samples / max(1, self.total), method=_METHOD)

    @property
    def clipped(self) -> Measurement[bool]:
        """Whether there are at least four flat runs and one sample in 100 000 in them.

        Fewer may be edits, or lie within one sampled sound.
        """
        found = self.runs >= _MIN_CLIPPED_RUNS and self.samples >= _MIN_CLIPPED_SHARE * self.total
        return Measurement.of(found, method=_DECISION)


class ClippingReader:
    """Counts flat runs at the clip level, block by block.

    Per channel and polarity the clip level is the peak so far, wherever it lies, so a song that was turned down
    after clipping is found; a higher peak starts the count anew. A run counts if it has at least three samples
    within one quantisation step of that level AND is left by a jump of more than eight steps on one side. The
    second condition keeps out what is flat by nature: near its top a smooth wave (a low sine, a saturated peak, a
    quiet file of few steps) is a parabola, and one that stays within w for n >= 3 samples falls by less than
    (1 + 2/n)^2 w in the next. The step is that of 16 bits or, in coarser files, the smallest distance of the
    values that occur.

    A channel that sits at its two extremes for more than 98 % of its non-zero samples is a pulse wave of a
    synthesizer, flat by design: it counts as not clipped. Clipping that was filtered, resampled or coded with
    loss afterwards is not found, nor is clipping below a louder peak.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        # Per channel: step, previous sample, then level, level before the run and length of the run of each polarity.
        self._state = np.zeros((channels, 8), np.float32)
        self._state[:, 0] = _NOTHING
        self._state[:, [2, 5]] = -_NOTHING
        # Per channel: samples and runs of each polarity, samples that are not zero, samples seen.
        self._counts = np.zeros((channels, 6), np.int64)
        self._looks = np.full(channels, _STEP_BLOCKS)

    def add(self, block: FloatArray) -> None:
        """Take the next samples, shape (n_channels, n), each row contiguous."""
        for c, (state, counts) in enumerate(zip(self._state, self._counts, strict=True)):
            row = np.ascontiguousarray(block[c])
            if state[0] > _FINEST_STEP and self._looks[c] > 0 and row.min() < row.max():
                _refine_step(row, state, counts)
                self._looks[c] -= 1
            _count(row, row.view(np.int32), state, counts)

    def finish(self) -> ClippedSamples:
        """Sum up. A run that the end cuts off counts by how it began."""
        samples = runs = 0
        for state, counts in zip(self._state, self._counts, strict=True):
            clipped = clipped_runs = 0
            for polarity in range(2):
                level, before, length = (float(v) for v in state[2 + 3 * polarity : 5 + 3 * polarity])
                if level <= state[0] * _STEEP:  # a level of few steps is flat by quantisation
                    continue
                cut_off = length >= MIN_RUN and level - before > _STEEP * float(state[0])
                clipped += int(counts[2 * polarity]) + (int(length) if cut_off else 0)
                clipped_runs += int(counts[2 * polarity + 1]) + int(cut_off)
            if clipped < _PULSE_WAVE_SHARE * counts[4]:
                samples += clipped
                runs += clipped_runs
        return ClippedSamples(samples, runs, int(self._counts[:, 5].sum()))


def _refine_step(x: FloatArray, state: FloatArray, counts: npt.NDArray[np.int64]) -> None:
    """Take the smallest distance of the values in `x` for the quantisation step, where it is smaller."""
    distances = np.diff(np.unique(x))
    if distances.size and distances.min() < state[0]:
        state[0] = max(_FINEST_STEP, float(distances.min()))
        # What was counted with a coarser step does not count.
        state[[2, 5]] = -_NOTHING
        state[[4, 7]] = 0.0
        counts[:4] = 0


@compiled("void(float32[::1], int32[::1], float32[::1], int64[::1])", fastmath=True)
def _count(x: FloatArray, bits: npt.NDArray[np.int32], state: FloatArray, counts: npt.NDArray[np.int64]) -> None:
    """Count the flat runs of a block of one channel; `state` and `counts` are laid out as the reader says.

    `bits` are those of `x`: among positive numbers they are in the same order, and many are compared at a time.
    """
    if counts[5] == 0:
        state[1] = x[0]
    step = state[0]
    counts[5] += x.size
    within, steep = np.float32(1.01) * step, np.float32(_STEEP) * step
    for first in range(0, x.size, _CHUNK):
        end = min(first + _CHUNK, x.size)
        highest, lowest, sounding = np.int32(0), np.int32(0), np.int32(0)
        part = bits[first:end]
        for i in range(part.size):
            above = part[i]
            below = np.int32(above ^ _SIGN)
            highest = above if above > highest else highest
            lowest = below if below > lowest else lowest
            sounding = np.int32(sounding + np.int32(np.int32(above & ~_SIGN) != 0))
        counts[4] += sounding
        high, low = np.int32(highest).view(np.float32), np.int32(lowest).view(np.float32)
        open_run = state[4] > 0.0 or state[7] > 0.0
        if step < _NOTHING and (open_run or high >= state[2] - within or low >= state[5] - within):
            for polarity in range(2):
                sign = np.float32(1 - 2 * polarity)
                level, before, length = state[2 + 3 * polarity], state[3 + 3 * polarity], state[4 + 3 * polarity]
                previous = sign * state[1]
                for i in range(first, end):
                    y = sign * x[i]
                    if y > level + within:
                        level, before, length = y, previous, np.float32(1.0)
                        counts[2 * polarity] = counts[2 * polarity + 1] = 0
                    elif y >= level - within:
                        before = previous if length == 0.0 else before
                        length += np.float32(1.0)
                    elif length > 0.0:
                        if length >= MIN_RUN and level - min(before, y) > steep:
                            counts[2 * polarity] += np.int64(length)
                            counts[2 * polarity + 1] += 1
                        length = np.float32(0.0)
                    previous = y
                state[2 + 3 * polarity], state[3 + 3 * polarity], state[4 + 3 * polarity] = level, before, length
        state[1] = x[end - 1]
