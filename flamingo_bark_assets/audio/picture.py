"""The waveform of a song as a small picture.

Drawing a signal belongs here; pages that show it do not.
"""

from __future__ import annotations

import io

import numpy as np

from flamingo_bark_assets.audio.signal import Signal

_COLOURS = (255, 255, 255, 47, 93, 140)  # background (transparent), waveform


def waveform_png(signal: Signal, *, width: int = 640, height: int = 120) -> bytes:
    """Draw the waveform: the range from lowest to highest sample of each column.

    Full scale takes the full height, so a quiet song looks quiet.

    Args:
        signal: any rate and length; all channels are drawn over one another.
        width: columns.
        height: rows.

    Returns:
        A PNG of two colours, the background transparent; the same bytes for the same signal.
    """
    from PIL import Image

    low, high = _envelope(signal, width)
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


def _envelope(signal: Signal, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest sample of each column, shape (width,); zeros where there are no samples."""
    count = signal.samples.shape[1]
    if not count:
        return np.zeros(width), np.zeros(width)
    starts = np.minimum(np.arange(width) * count // width, count - 1)
    low = np.minimum.reduceat(signal.samples, starts, axis=1).min(axis=0)
    high = np.maximum.reduceat(signal.samples, starts, axis=1).max(axis=0)
    return low, high
