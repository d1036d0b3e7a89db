"""Small pictures: the waveform of a song, and shades of any table of values.

Drawing a sound belongs here; pages that show it do not.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.signal import FloatArray, Sound

_COLOURS = (255, 255, 255, 47, 93, 140)  # background (transparent), waveform
_SHADES = 16
_LARGE = (640, 120)
_SMALL = ((320, 49), (160, 41), (160, 25), (80, 25), (40, 17), (20, 9))


def waveform_png(sound: Sound, *, width: int = 640, height: int = 120) -> bytes:
    """Draw the waveform: the range from lowest to highest sample of each column.

    Full scale takes the full height, so a quiet song looks quiet. All channels are drawn over one another.

    Returns:
        A PNG of two colours, the background transparent; the same bytes for the same sound.
    """
    return _drawn(*_envelope(sound, width), height)


def waveform_pngs(sound: Sound, *, most_bytes: int) -> tuple[bytes, bytes | None]:
    """Draw the waveform twice from one look at the sound: large, and in a picture of at most so many bytes.

    The small one shows the larger of each peak up and down on both sides, as what is alike compresses better; None
    where no size of it is small enough.
    """
    low, high = _envelope(sound, _LARGE[0])
    for columns, height in _SMALL:
        peaks = np.maximum(high, -low).reshape(columns, -1).max(axis=1)
        small = _drawn(-peaks, peaks, height)
        if len(small) <= most_bytes:
            return _drawn(low, high, _LARGE[1]), small
    return _drawn(low, high, _LARGE[1]), None


def _drawn(low: FloatArray, high: FloatArray, height: int) -> bytes:
    middle = (height - 1) / 2
    top = np.round(middle - np.clip(high, -1.0, 1.0) * middle)
    bottom = np.round(middle - np.clip(low, -1.0, 1.0) * middle)
    rows = np.arange(height)[:, np.newaxis]
    drawn = (rows >= top) & (rows <= bottom)
    return _png(drawn.astype(np.uint8), _COLOURS, bits=1)


def shaded_png(values: npt.NDArray[np.floating], *, row_height: int = 1) -> bytes:
    """Draw a table of values from 0 to 1 in 16 shades of the waveform's colour, 0 being transparent, as a PNG.

    `values` has shape (n_rows, n_columns), the first row at the bottom; the same bytes for the same values.
    """
    shades = np.round(np.clip(values, 0.0, 1.0) * (_SHADES - 1)).astype(np.uint8)[::-1]
    ramp = np.linspace(_COLOURS[:3], _COLOURS[3:], _SHADES).round().astype(int)
    return _png(np.repeat(shades, row_height, axis=0), ramp.ravel().tolist(), bits=4)


def _png(indices: npt.NDArray[np.uint8], colours: Sequence[int], *, bits: int) -> bytes:
    from PIL import Image

    image = Image.fromarray(indices, mode="P")
    image.putpalette(colours)
    out = io.BytesIO()
    image.save(out, format="PNG", bits=bits, transparency=0, optimize=False, compress_level=9)
    return out.getvalue()


def _envelope(sound: Sound, width: int) -> tuple[FloatArray, FloatArray]:
    """Return lowest and highest sample of each column, shape (width,); zeros where there are no samples."""
    low, high = np.full(width, np.inf, np.float32), np.full(width, -np.inf, np.float32)
    starts = np.arange(width) * sound.n_samples // width
    at = 0
    for block in sound.blocks():
        end = at + block.shape[1]
        # The columns that a sample of the block lies in, and where each begins; a short sound has columns in between
        # that begin at the same sample.
        columns = np.flatnonzero((starts < end) & (np.append(starts[1:], max(end, sound.n_samples)) > at))
        if columns.size:
            first = np.maximum(starts[columns] - at, 0)
            low[columns] = np.minimum(low[columns], np.minimum.reduceat(block.min(axis=0), first))
            high[columns] = np.maximum(high[columns], np.maximum.reduceat(block.max(axis=0), first))
        at = end
    empty = np.isinf(low)
    # A column between two samples shows the one before it.
    before = np.maximum.accumulate(np.where(empty, 0, np.arange(width)))
    low, high = low[before], high[before]
    return np.where(np.isinf(low), 0.0, low), np.where(np.isinf(high), 0.0, high)
