"""Sums of products of a mix and its stems, read side by side once: what follows for any gains and offsets of them.

The sums belong here; which stems, gains and offsets are meant stands in `stems`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.signal import BLOCK, FloatArray, Sound
from flamingo_bark_assets.audio.sums import BlockReader, equal_blocks
from flamingo_bark_assets.kernels import compiled

Floats = npt.NDArray[np.float64]

_CHUNK = 512  # samples of all sounds in double precision, which stay in the first cache


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """Sums over spans of the mix, at whose edges stems end; the stems are in the order in which they were read.

    Attributes:
        span_ends: where each span ends, samples of the mix, shape (n_spans,).
        stem_ends: where each stem ends, samples of the mix, shape (n_stems,).
        sums: sums of the products of each two of the mix, the stems and a constant 1, in this order, in each span and
            channel, shape (n_spans, n_channels, n_stems + 2, n_stems + 2).
    """

    span_ends: npt.NDArray[np.int64]
    stem_ends: npt.NDArray[np.int64]
    sums: Floats

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.sums.shape[1])

    def beside(self, stems: Sequence[int], gains: Floats, offsets: Floats, until: int) -> Floats:
        """Return energies and product of the mix and the sum of some stems up to a sample, about their means.

        Before the stems are added, their `offsets`, shape (n, n_channels), are taken off and `gains`, shape (n,),
        applied. Shape (2, 2), the mix first; `until` is the end of a span.
        """
        total, means = np.zeros((2, 2)), np.zeros((2, self.channels))
        rows = [0, *(1 + stem for stem in stems), -1]
        for end, sums in zip(self.span_ends, self.sums, strict=True):
            if end > until:
                break
            sounding = self.stem_ends[list(stems)] >= end
            for channel in range(self.channels):
                taken_off = float((gains * offsets[:, channel])[sounding].sum())
                both = np.array([[1.0, *np.zeros(gains.size), 0.0], [0.0, *gains, -taken_off]])
                products = both @ sums[channel][np.ix_(rows, rows)]
                total += products @ both.T
                means[:, channel] += products[:, -1]
        return np.asarray(total - means @ means.T / max(until, 1), np.float64)


def read_products(
    mix: Sound,
    stems: Sequence[Sound],
    channels: int,
    *,
    along: Sequence[Sequence[BlockReader]] = (),
) -> Products:
    """Read a mix and its stems side by side to their ends; a stem that ends early is silent after its end.

    The sums are at the rate of the mix, in its number of channels or in mono. `along` are readers of each sound as it
    is in its file, the mix first.
    """
    rate_hz, sounds = mix.sample_rate_hz, (mix, *stems)
    stem_ends = [round(stem.n_samples * rate_hz / stem.sample_rate_hz) for stem in stems]
    reader = _ProductReader(mix.n_samples, stem_ends, len(sounds), channels)
    streams = [
        equal_blocks(sound, rate_hz, channels, along=readers)
        for sound, readers in zip(sounds, along or [()] * len(sounds), strict=True)
    ]
    for block, *beside in itertools.zip_longest(*streams):
        if block is not None:
            reader.add(block, beside)
    return Products(reader.span_ends, np.array(stem_ends, np.int64), reader.finish())


class _ProductReader:
    """Sums up blocks of a mix and its stems that come side by side."""

    def __init__(self, n_samples: int, edges: Sequence[int], n_sounds: int, channels: int) -> None:
        self.span_ends = np.unique([*(edge for edge in edges if 0 < edge < n_samples), n_samples]).astype(np.int64)
        self._sums = np.zeros((self.span_ends.size, channels, n_sounds + 1, n_sounds + 1))
        self._rows = np.zeros((n_sounds, BLOCK), np.float32)
        self._wide = np.zeros((n_sounds, _CHUNK))
        self._seen = 0

    def add(self, mix: FloatArray, stems: Sequence[FloatArray | None]) -> None:
        """Take the next samples of the mix, shape (n_channels, n), and those beside them; None for an ended stem."""
        length, start = mix.shape[1], self._seen
        self._seen += length
        first = int(np.searchsorted(self.span_ends, start, side="right"))
        last = int(np.searchsorted(self.span_ends[:-1], self._seen - 1, side="right"))
        for channel in range(mix.shape[0]):
            self._rows[0, :length] = mix[channel]
            for row, stem in zip(self._rows[1:], stems, strict=True):
                size = 0 if stem is None else min(length, stem.shape[1])
                if stem is not None:
                    row[:size] = stem[channel, :size]
                row[size:length] = 0.0
            begin = 0
            for span in range(min(first, last), last + 1):
                end = length if span == last else int(self.span_ends[span]) - start
                _add_products(self._rows, begin, end, self._wide, self._sums[span, channel])
                begin = end

    def finish(self) -> Floats:
        """Give the sums; those of the constant with itself are the lengths of the spans."""
        lengths = np.diff(self.span_ends, prepend=0)
        self._sums[..., -1, -1] = lengths[:, np.newaxis]
        upper = np.triu(self._sums)
        return np.asarray(upper + np.triu(self._sums, 1).swapaxes(-1, -2), np.float64)


@compiled("void(float32[:, ::1], int64, int64, float64[:, ::1], float64[:, ::1])", fastmath=True)
def _add_products(rows: FloatArray, begin: int, end: int, wide: Floats, sums: Floats) -> None:
    """Add the products of each two rows, and in the last column their sums, above the diagonal."""
    n = rows.shape[0]
    for first in range(begin, end, wide.shape[1]):
        size = min(wide.shape[1], end - first)
        for i in range(n):
            narrow, a = rows[i, first : first + size], wide[i, :size]
            total = 0.0
            for k in range(size):
                a[k] = narrow[k]
                total += a[k]
            sums[i, n] += total
        for i in range(n):
            a = wide[i, :size]
            for j in range(i, n):
                b = wide[j, :size]
                total = 0.0
                for k in range(size):
                    total += a[k] * b[k]
                sums[i, j] += total
