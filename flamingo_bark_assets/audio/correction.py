"""A stem as it is in the mix: its delay, gain, polarity and offset taken off while it is read.

What is taken off belongs here, and that every use of a stem's sound takes it off; how it is found stands in
`explanation`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flamingo_bark_assets.audio.recording import Stem
from flamingo_bark_assets.audio.signal import FloatArray, Sound

CUT_BEYOND_S = 0.05
"""What a stem goes on after the end of the mix is cut off where it is longer than this."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What is taken off a stem.

    Attributes:
        delay_samples: samples at its own rate by which it is late; negative where it is early.
        gain: factor by which it is in the mix; negative where it is in inverted polarity.
        offsets: mean of each channel; empty where it is left.
        kept_samples: its length afterwards at most; None where nothing is cut off.
    """

    delay_samples: int = 0
    gain: float = 1.0
    offsets: tuple[float, ...] = ()
    kept_samples: int | None = None


_NOTHING = Correction()


class CorrectedSound(Sound):
    """A sound of which a correction is taken off."""

    def __init__(self, sound: Sound, correction: Correction) -> None:
        self._sound = sound
        self._correction = correction
        whole = max(0, sound.n_samples - correction.delay_samples)
        self._n_samples = whole if correction.kept_samples is None else min(whole, correction.kept_samples)

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second of each channel."""
        return self._sound.sample_rate_hz

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self._sound.channels

    @property
    def n_samples(self) -> int:
        """Samples of each channel."""
        return self._n_samples

    def blocks(self) -> Iterator[FloatArray]:
        """Read the sound; one that is early begins with silence."""
        left, skipped = self._n_samples, max(0, self._correction.delay_samples)
        if silent := min(left, max(0, -self._correction.delay_samples)):
            yield np.zeros((self.channels, silent), np.float32)
            left -= silent
        for block in self._sound.blocks():
            first, skipped = min(skipped, block.shape[1]), max(0, skipped - block.shape[1])
            kept = block[:, first : first + left]
            left -= kept.shape[1]
            if kept.shape[1]:
                yield self._levelled(kept)

    def _levelled(self, block: FloatArray) -> FloatArray:
        levelled = block.copy(order="C")  # the block of a sound in memory is its own
        if self._correction.offsets:
            levelled -= np.array(self._correction.offsets, np.float32)[:, np.newaxis]
        if self._correction.gain != 1.0:
            levelled *= np.float32(self._correction.gain)
        return levelled


class Found(Protocol):
    """What was found of a stem: its row, or what the row is made from; the names are the columns' of `Stem`."""

    @property
    def delay_samples(self) -> int | None: ...  # noqa: D102
    @property
    def gain_db(self) -> float | None: ...  # noqa: D102
    @property
    def inverted(self) -> bool | None: ...  # noqa: D102
    @property
    def offsets(self) -> str | None: ...  # noqa: D102


def gain_of(found: Found) -> float:
    """Return the factor by which a stem is in the mix, as far as it is applied."""
    level: float = 10.0 ** ((found.gain_db or 0.0) / 20.0)
    return -level if found.inverted else level


def corrected(sound: Sound, stem: Stem) -> Sound:
    """Return the sound of a stem as it is in the mix; itself where nothing is to be taken off."""
    return corrected_by(sound, stem, sound.duration_s - (stem.length_difference_s or 0.0))


def corrected_by(sound: Sound, found: Found, mix_s: float) -> Sound:
    """Return the sound of a stem as it is in a mix of some length, seconds."""
    delay, rate_hz = found.delay_samples or 0, sound.sample_rate_hz
    is_longer = sound.duration_s - delay / rate_hz - mix_s > CUT_BEYOND_S
    correction = Correction(
        delay_samples=delay,
        gain=gain_of(found),
        offsets=tuple(float(offset) for offset in (found.offsets or "").split()),
        kept_samples=round(mix_s * rate_hz) if is_longer else None,
    )
    return sound if correction == _NOTHING else CorrectedSound(sound, correction)
