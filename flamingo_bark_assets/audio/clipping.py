"""Clipping: flat tops that a converter or a gain stage cut into the waveform.

Finding flat tops belongs here; intersample peaks are a matter of loudness.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.record import Measurement

MIN_RUN = 3

_METHOD = "flat-runs-at-peak"
_STEEP = 6.0
_PULSE_WAVE_SHARE = 0.98
_FINEST_STEP = 2.0**-15
_AROUND_PEAK = 1 << 17


def measure_clipping(signal: Signal) -> Measurement[float]:
    """Share of samples inside flat runs at the clip level.

    Per channel and polarity the clip level is the peak, wherever it lies, so a song that was turned down
    after clipping is found. A run counts if it has at least three samples within one quantisation step of
    that level AND is left by a jump of more than six steps on one side. The second condition keeps out what
    is flat by nature: near its top a smooth wave (a low sine, a quiet file of few steps) is a parabola, and
    one that stays within a step for n >= 3 samples falls by less than (1 + 2/n)^2 = 2.8 steps, or 3.8 with
    rounding, in the next. The step is that of 16 bits or, in coarser files, the smallest distance of values.

    A wave that sits at its two extremes for more than 98 % of its non-zero samples is a pulse wave of a
    synthesizer, flat by design: it counts as not clipped. Clipping that was filtered, resampled or coded
    with loss afterwards is not found, nor is clipping below a louder peak.

    Args:
        signal: any rate and number of channels.

    Returns:
        0 to 1 over all channels' samples; 0 for silence.
    """
    clipped = sum(_clipped_samples(channel) for channel in signal.samples)
    return Measurement.of(clipped / max(1, signal.samples.size), method=_METHOD)


def _clipped_samples(channel: FloatArray) -> int:
    if channel.size < MIN_RUN + 1:
        return 0
    step = _quantisation_step(channel)
    clipped = _flat_top_samples(channel, step, 1.0) + _flat_top_samples(channel, step, -1.0)
    return 0 if clipped and _is_pulse_wave(channel) else clipped


def _quantisation_step(channel: FloatArray) -> float:
    """Smallest distance of the values that occur around the peak, at least a 16-bit step."""
    around = max(0, int(channel.argmax()) - _AROUND_PEAK // 2)
    distances = np.diff(np.unique(channel[around : around + _AROUND_PEAK]))
    return max(_FINEST_STEP, float(distances.min())) if distances.size else _FINEST_STEP


def _flat_top_samples(channel: FloatArray, step: float, sign: float) -> int:
    level = float(np.max(channel * np.float32(sign)))
    if level <= step * _STEEP:
        return 0
    at_level = np.flatnonzero(channel * np.float32(sign) >= level - 1.01 * step)
    first, last = _runs(at_level)
    long = last - first + 1 >= MIN_RUN
    first, last = first[long], last[long]
    before = np.where(first > 0, channel[np.maximum(first - 1, 0)] * np.float32(sign), level)
    after = np.where(last < channel.size - 1, channel[np.minimum(last + 1, channel.size - 1)] * np.float32(sign), level)
    steep = level - np.minimum(before, after) > _STEEP * step
    return int((last - first + 1)[steep].sum())


def _runs(indices: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First and last index of each run of consecutive indices."""
    breaks = np.flatnonzero(np.diff(indices) > 1)
    first = indices[np.concatenate(([0], breaks + 1))] if indices.size else indices
    last = indices[np.concatenate((breaks, [indices.size - 1]))] if indices.size else indices
    return first, last


def _is_pulse_wave(channel: FloatArray) -> bool:
    """Whether nearly every non-zero sample is at one of the two extremes."""
    low, high = float(channel.min()), float(channel.max())
    margin = 0.02 * (high - low)
    extreme = int(np.count_nonzero((channel <= low + margin) | (channel >= high - margin)))
    sounding = int(np.count_nonzero(channel))
    return bool(extreme >= _PULSE_WAVE_SHARE * max(1, sounding))
