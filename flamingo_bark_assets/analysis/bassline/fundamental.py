"""How much of a bass is its fundamental.

The share of the first partial belongs here; finding its frequency does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import RATE_HZ, AudioView
from flamingo_bark_assets.analysis.pitch.tracking import PitchTrack
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

_WINDOW_S = 0.1
_MAX_FRAMES = 2000


def fundamental_share(view: AudioView, rate_hz: int, track: PitchTrack) -> float:
    """Return power of each voiced frame's projection on a sinusoid at f0 over its whole power; the median.

    The main lobe of the 0.1 s Hann window reaches 20 Hz to either side. At most some 2000 frames, evenly spread over
    the voiced ones, are looked at. `rate_hz` is one of the rates of `AudioView.mono`; half of it bounds the whole
    power.
    """
    exact_hz = RATE_HZ / round(RATE_HZ / rate_hz)
    voiced = np.flatnonzero(track.voiced)
    chosen = voiced[:: max(1, voiced.size // _MAX_FRAMES)]
    centres = np.round(chosen * (track.hop_s * exact_hz)).astype(np.int64)
    turns = track.f0_hz[chosen].astype(np.float64) / exact_hz
    length = round(_WINDOW_S * exact_hz)
    window = (0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
    shares = []
    for piece in view.mono_pieces(rate_hz):
        at = centres - piece.offset
        own = (at >= piece.start) & (at < piece.end)
        shares.append(_shares(piece.samples, at[own], turns[own], window))
    return float(np.median(np.concatenate(shares)))


@compiled("float64[::1](float32[::1], int64[::1], float64[::1], float32[::1])")
def _shares(
    x: FloatArray, centres: NDArray[np.int64], turns: NDArray[np.float64], window: FloatArray
) -> NDArray[np.float64]:
    shares = np.zeros(centres.size)
    gain, squares = 0.0, 0.0
    for n in range(window.size):
        gain += window[n]
        squares += window[n] * window[n]
    for i in range(centres.size):
        start = centres[i] - window.size // 2
        step_cos, step_sin = np.cos(2.0 * np.pi * turns[i]), np.sin(2.0 * np.pi * turns[i])
        cos, sin, real, imag, whole = 1.0, 0.0, 0.0, 0.0, 0.0
        for n in range(max(0, -start), min(window.size, x.size - start)):
            value = x[start + n] * window[n]
            real += value * cos
            imag += value * sin
            whole += value * value
            cos, sin = cos * step_cos - sin * step_sin, sin * step_cos + cos * step_sin
        tone = 2.0 * (real * real + imag * imag) / (gain * gain)
        shares[i] = min(1.0, tone * squares / whole) if whole > 0.0 else 0.0
    return shares
