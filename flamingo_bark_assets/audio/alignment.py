"""The time lag of a stem against the mix.

Finding the lag belongs here; judging it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Signal

MAX_LAG_S = 2.0
RATE_HZ = 8000

_WHITENING = 0.7
_PEAK_WIDTH_S = 0.02
_REST_WEIGHT = 10.0


@dataclass(frozen=True, slots=True)
class Lag:
    """A lag and how sure it is.

    Attributes:
        lag_s: positive when the stem is late.
        confidence: 0 to 1.
    """

    lag_s: float
    confidence: float


class MixReference:
    """The mix prepared for comparison with any number of stems: its spectrum is computed once."""

    def __init__(self, mix: Signal) -> None:
        from scipy.fft import next_fast_len, rfft

        samples = _at_working_rate(mix)
        self._max_lag = round(MAX_LAG_S * RATE_HZ)
        self._longest = samples.size + self._max_lag
        # Long enough that lags up to the largest do not wrap around.
        self._size: int = next_fast_len(self._longest + self._max_lag, real=True)
        self._spectrum = rfft(samples, self._size)

    def lag_of(self, stem: Signal) -> Lag | None:
        """Find the lag of a stem at the peak of its cross-correlation with the mix, up to 2 s either way.

        Both are compared in mono at 8 kHz; the peak is refined by a parabola to well below 1 ms. The
        cross-spectrum is partly whitened (generalized cross-correlation, C. Knapp and G. Carter, 1976;
        exponent 0.7 in place of PHAT's 1), which sharpens the peak of tonal sound. The polarity of the stem
        does not matter.

        The confidence is 1 - 10 r, with r the RMS of the correlation away from the peak over the peak: noise
        alone gives r = 0.2, and a peak must stand twice as far out before it counts at all. A strictly
        periodic stem (one bar, looped) still gives a high confidence, though its lag is only known up to the
        period.

        Args:
            stem: any rate, channels and length.

        Returns:
            The lag; None where stem or mix hold no sound below 4 kHz.
        """
        from scipy.fft import irfft, rfft

        samples = _at_working_rate(stem)[: self._longest]
        cross = np.conj(self._spectrum) * rfft(samples, self._size)
        magnitude = np.abs(cross)
        largest = float(magnitude.max())
        if largest <= 0.0:
            return None
        cross /= np.maximum(magnitude, largest * 1e-9) ** np.float32(_WHITENING)
        circular = irfft(cross, self._size)
        near = np.concatenate((circular[-self._max_lag :], circular[: self._max_lag + 1]))
        return _peak(np.abs(near, dtype=np.float64), self._max_lag)


def _at_working_rate(signal: Signal) -> FloatArray:
    mono = resample(signal.mono()[np.newaxis], signal.sample_rate_hz, RATE_HZ)[0]
    if not mono.size:
        return np.zeros(1, dtype=np.float32)
    return np.asarray(mono - mono.mean(dtype=np.float64), dtype=np.float32)


def _peak(correlation: npt.NDArray[np.float64], zero: int) -> Lag | None:
    at = int(correlation.argmax())
    height = float(correlation[at])
    if not height > 0.0:
        return None
    width = round(_PEAK_WIDTH_S * RATE_HZ)
    rest = np.concatenate((correlation[: max(0, at - width)], correlation[at + width + 1 :]))
    ratio = float(np.sqrt(np.mean(np.square(rest)))) / height
    offset = 0.0
    if 0 < at < correlation.size - 1:
        before, after = float(correlation[at - 1]), float(correlation[at + 1])
        curvature = before - 2.0 * height + after
        offset = 0.5 * (before - after) / curvature if curvature < 0.0 else 0.0
    return Lag((at + offset - zero) / RATE_HZ, min(1.0, max(0.0, 1.0 - _REST_WEIGHT * ratio)))
