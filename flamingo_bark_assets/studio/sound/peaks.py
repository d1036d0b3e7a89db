"""The outline of a preview as pairs of lowest and highest sample, from which the page draws without reading the sound.

Their file and how it is written and read belong here; the sound itself stands in `previews`.

A file of peaks is little-endian. Its head of 16 bytes: ``FBPK``, pairs a second, number of pairs and samples a second
of the preview, each an unsigned 32 bit integer. Pair i stands at byte 16 + 4 i: lowest and highest sample as signed
16 bit integers, full scale 32767. The last pair may be of fewer samples.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.opening import read_bytes

Samples = npt.NDArray[np.int16]

OVERVIEW_HZ = 20
"""Pairs a second that show a whole song."""
ZOOM_HZ = 200
"""Pairs a second that show a bar."""
MINI_PAIRS = 200
"""Pairs of a whole song in a row of the library."""

HEAD = struct.Struct("<4s3I")
MARK = b"FBPK"
_PAIR_BYTES = 4
_MAX_BYTES = 64 << 20


class PeakWriter:
    """Writes the peaks of a sound that comes block by block into a file.

    Args:
        file: opened for writing, at its start.
        sample_rate_hz: samples a second, a multiple of `pairs_hz`.
        pairs_hz: pairs a second.
    """

    def __init__(self, file: BinaryIO, sample_rate_hz: int, pairs_hz: int) -> None:
        self._file = file
        self._rate_hz = sample_rate_hz
        self._pairs_hz = pairs_hz
        self._step = sample_rate_hz // pairs_hz
        self._rest = np.empty(0, np.int16)
        self._pairs = 0
        file.write(HEAD.pack(MARK, pairs_hz, 0, sample_rate_hz))

    def add(self, samples: Samples) -> None:
        """Take the next samples, shape (n,)."""
        joined = np.concatenate((self._rest, samples)) if self._rest.size else samples
        whole = joined.size - joined.size % self._step
        self._write(joined[:whole].reshape(-1, self._step))
        self._rest = joined[whole:].copy()

    def finish(self) -> None:
        """Write the last pair, and the head now that the number of pairs is known."""
        if self._rest.size:
            self._write(self._rest[np.newaxis])
        self._file.seek(0)
        self._file.write(HEAD.pack(MARK, self._pairs_hz, self._pairs, self._rate_hz))

    def _write(self, spans: Samples) -> None:
        pairs = np.stack((spans.min(axis=1), spans.max(axis=1)), axis=1) if spans.size else np.empty((0, 2), np.int16)
        self._file.write(pairs.astype("<i2").tobytes())
        self._pairs += pairs.shape[0]


def read_peaks(path: Path) -> Samples:
    """Return all pairs of a file, shape (n, 2), lowest and highest.

    Raises:
        FileFault: the file is missing, cannot be read, or is no file of peaks.
    """
    data = read_bytes(path, max_bytes=_MAX_BYTES)
    if len(data) < HEAD.size or not data.startswith(MARK) or (len(data) - HEAD.size) % _PAIR_BYTES:
        raise FileFault("is no file of peaks")
    return np.frombuffer(data, "<i2", offset=HEAD.size).reshape(-1, 2)


def fewer_pairs(pairs: Samples, count: int = MINI_PAIRS) -> list[list[float]]:
    """Return at most `count` pairs that span the same, full scale 1, rounded to thousandths."""
    if not pairs.shape[0]:
        return []
    edges = np.unique(np.linspace(0, pairs.shape[0], min(count, pairs.shape[0]), endpoint=False).astype(np.intp))
    lowest, highest = np.minimum.reduceat(pairs[:, 0], edges), np.maximum.reduceat(pairs[:, 1], edges)
    scaled: list[list[float]] = np.round(np.stack((lowest, highest), axis=1) / 32767, 3).tolist()
    return scaled
