"""The down-mix at 22.05 kHz and below, kept whole where it is short; of a long sound only its spectra are kept.

Changing the rate of the down-mix and keeping it belongs here; making it from the channels does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from flamingo_bark_assets.analysis.frontend.spectra import (
    RATE_HZ,
    TONAL_RATE_HZ,
    NoteSpectrum,
    OnsetSpectrum,
    Tuning,
)
from flamingo_bark_assets.audio.rows import GrowingRows
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.errors import FlamingoBarkError

# A mix and four stems of this length take half a gigabyte with all their spectra, and longer ones no more.
LONGEST_WHOLE_S = 600.0
# Each rate is half the one before, rounded down.
RATES_HZ = (RATE_HZ, TONAL_RATE_HZ, 5512, 2756)

_SONG_S = 300
_PIECE = 1 << 16
_RINGING = 1 << 13  # samples, far more than the filter's length


class TooLongError(FlamingoBarkError):
    """A long sound is not kept whole; its pieces are."""

    code = "FB403"
    remedy = "Read the sound in pieces; only who calls `analysis` without the platform meets this."


@dataclass(frozen=True, slots=True, eq=False)
class MonoPiece:
    """A piece of the down-mix, with a margin on either side.

    Attributes:
        samples: float32, shape (n,).
        offset: where in the whole `samples[0]` lies.
        start: where in `samples` the part begins that no other piece has as its own.
        end: where that part ends; the parts of all pieces make up the whole.
    """

    samples: FloatArray
    offset: int
    start: int
    end: int


class Decimator:
    """Changes the rate of one channel that comes piece by piece: linear phase, no delay, 0 outside the sound."""

    def __init__(self, from_rate: float, to_rate: float) -> None:
        import soxr

        # Any split gives the same samples, bit by bit.
        self._stream: Any = None
        if from_rate != to_rate:
            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")

    def add(self, samples: FloatArray, *, last: bool = False) -> FloatArray:
        """Take the next samples and give those that are done, all of them with the `last`."""
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(np.ascontiguousarray(samples), last=last), np.float32)


class MonoReader:
    """Gathers the down-mix of a sound that comes block by block.

    Past `LONGEST_WHOLE_S` the spectra are computed at once and the down-mix is not kept.

    Args:
        sample_rate_hz: of the sound.
        longest_whole_s: what is longer counts as long.
        mean: what is taken off every sample; 0 where it is not known yet.
    """

    def __init__(self, sample_rate_hz: int, *, longest_whole_s: float = LONGEST_WHOLE_S, mean: float = 0.0) -> None:
        self._mean = np.float32(mean)
        self._decimator = Decimator(sample_rate_hz, RATE_HZ)
        self._longest = int(longest_whole_s * RATE_HZ)
        self._rows = GrowingRows(np.float32, first_rows=min(self._longest, _SONG_S * RATE_HZ))
        self._long: _LongReader | None = None

    def add(self, samples: FloatArray) -> None:
        """Take the next samples of the down-mix, shape (n,)."""
        self._keep(self._decimator.add(samples - self._mean if self._mean else samples))

    def finish(self) -> Mono:
        """Give what has been kept."""
        self._keep(self._decimator.add(np.zeros(0, np.float32), last=True))
        return self._long.finish() if self._long is not None else Mono(self._rows.take(), None)

    def _keep(self, samples: FloatArray) -> None:
        if self._long is not None:
            self._long.add(samples)
            return
        self._rows.append(samples)
        if len(self._rows) > self._longest:
            self._long = _LongReader()
            whole = self._rows.take()
            for start in range(0, whole.size, _PIECE):
                self._long.add(whole[start : start + _PIECE])


class _LongReader:
    """Makes of a long sound at `RATE_HZ` all that needs more than is kept."""

    def __init__(self) -> None:
        self._onsets = OnsetSpectrum()
        self._notes = NoteSpectrum()
        self._decimator = Decimator(2.0, 1.0)

    def add(self, samples: FloatArray, *, last: bool = False) -> None:
        self._onsets.add(samples)
        self._notes.add(self._decimator.add(samples, last=last))

    def finish(self) -> Mono:
        self.add(np.zeros(0, np.float32), last=True)
        notes, tuning = self._notes.finish()
        return Mono(None, LongSpectra(self._onsets.finish(), notes, tuning))


@dataclass(frozen=True, slots=True, eq=False)
class LongSpectra:
    """What was computed while a long sound was read; the fields are those of `AudioView`."""

    onset_power: FloatArray
    note_spectrum: FloatArray
    tuning: Tuning


class Mono:
    """The down-mix at each of `RATES_HZ`, computed when asked for.

    Attributes:
        long: the spectra of a long sound; None where the sound is kept whole.
    """

    def __init__(self, highest: FloatArray | None, long: LongSpectra | None) -> None:
        self.long = long
        self._kept: dict[int, FloatArray] = {} if highest is None else {RATE_HZ: highest}

    def subtract(self, mean: float, n_samples: int, sample_rate_hz: int) -> None:
        """Take the mean of the native samples off, as if before the rate was changed.

        The filter's ringing at both ends, where the mean sets in and stops, goes with it.
        """
        for rate_hz, samples in self._kept.items():
            step = _step_response(n_samples, sample_rate_hz, rate_hz) * np.float32(mean)
            head, tail = step[: step.size // 2], step[step.size // 2 :]
            rest = samples.size - tail.size
            samples[: head.size] -= head
            samples[rest:] -= tail
            if rest > head.size:
                samples[head.size : rest] -= np.float32(mean)

    def whole(self, rate_hz: int) -> FloatArray:
        """Return all samples at one of `RATES_HZ`.

        Raises:
            TooLongError: the sound is long.
        """
        if self.long is not None:
            raise TooLongError(f"more than {LONGEST_WHOLE_S / 60:.0f} minutes of sound are only given in pieces")
        return self._at(rate_hz)

    def pieces(self, rate_hz: int, *, piece_s: float, margin_s: float) -> Iterator[MonoPiece]:
        """Yield the samples at one of `RATES_HZ` in consecutive pieces; not those of a long sound."""
        whole = self._at(rate_hz)
        size, margin = max(1, round(piece_s * rate_hz)), round(margin_s * rate_hz)
        for first in range(0, whole.size, size):
            offset, end = max(0, first - margin), min(whole.size, first + size)
            samples = whole[offset : min(whole.size, end + margin)].copy()
            yield MonoPiece(samples, offset, first - offset, end - offset)

    def _at(self, rate_hz: int) -> FloatArray:
        if rate_hz not in self._kept:
            higher = self._at(RATES_HZ[RATES_HZ.index(rate_hz) - 1])
            self._kept[rate_hz] = Decimator(2.0, 1.0).add(higher, last=True)
        return self._kept[rate_hz]


def _step_response(n_samples: int, from_hz: int, to_hz: int) -> FloatArray:
    """Resample `n_samples` ones, or fewer that begin and end alike where it would be ones in between."""
    period = from_hz // math.gcd(from_hz, to_hz)
    shorter = n_samples % period + period * -(-2 * _RINGING // period)
    return Decimator(from_hz, to_hz).add(np.ones(min(n_samples, shorter), np.float32), last=True)
