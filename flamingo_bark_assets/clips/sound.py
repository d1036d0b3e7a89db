"""The sound of one clip as it is handed to those who write it.

The value belongs here; how it is made stands in `rendering`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flamingo_bark_assets.audio.signal import FloatArray


@dataclass(frozen=True, slots=True)
class ClipSound:
    """The rendered sound of one clip.

    Attributes:
        samples: float32, shape (n_channels, n_samples), full scale 1.0, all finite, peak at most 1.
        sample_rate_hz: samples a second of each channel.
        gain_db: what it was turned up or down by.
    """

    samples: FloatArray
    sample_rate_hz: int
    gain_db: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.sample_rate_hz)
