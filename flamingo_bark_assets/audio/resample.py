"""Change of sample rate.

Nothing but resampling belongs here.
"""

from __future__ import annotations

import numpy as np

from flamingo_bark_assets.audio.signal import FloatArray


def resample(samples: FloatArray, from_hz: int, to_hz: int) -> FloatArray:
    """Resample with soxr at high quality (linear phase, no delay); the input itself if the rates agree.

    From float32, shape (n_channels, n_samples), to float32, shape (n_channels, about n_samples * to_hz / from_hz).
    """
    if from_hz == to_hz or not samples.shape[1]:
        return samples
    import soxr

    resampled = soxr.resample(np.ascontiguousarray(samples.T), from_hz, to_hz, quality="HQ")
    return np.ascontiguousarray(resampled.T, dtype=np.float32)
