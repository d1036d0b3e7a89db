"""The waveform of a song as a small picture.

Drawing a sound belongs here; pages that show it do not.
"""

from __future__ import annotations

import io

import numpy as np

from flamingo_bark_assets.audio.signal import FloatArray, Sound

_COLOURS = (255, 255, 255, 47, 93, 140)  # background (transparent), waveform


def waveform_png(sound: Sound, *, width: int = 640, height: int = 120) -> bytes:
    """Draw the waveform: the range from lowest to highest sample of each column.

    Full scale takes the full height, so a quiet song looks quiet.

    Args:
        sound: any rate and length; all channels are drawn over one another.
        width: columns.
        height: rows.

    Returns:
        A PNG of two colours, the background transparent; the same bytes for the same sound.
    """
    from PIL import Image

    low, high = _envelope(sound, width)
    middle = (height - 1) / 2
    top = np.round(middle - np.clip(high, -1.0, 1.0) * middle)
    bottom = np.round(middle - np.clip(low, -1.0, 1.0) * middle)
    rows = np.arange(height)[:, np.newaxis]
    drawn = (rows >= top) & (rows <= bottom)
    image = Image.fromarray(drawn.astype(np.uint8), mode="P")
    image.putpalette(_COLOURS)
    out = io.BytesIO()
    image.save(out, format="PNG", bits=1, transparency=0, optimize=False, compress_level=9)
    return out.getvalue()


def _envelope(sound: Sound, width: int) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest sample of each column, shape (width,); zeros where there are no samples."""
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
