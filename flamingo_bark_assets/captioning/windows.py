"""Which stretch of a song a model hears: one that is typical of it and sounds, not its first seconds.

Choosing a window belongs here; what is asked about it does not.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.captioning.listening import Clip

BLOCK_S = 1.0
_SILENT_RMS = 1e-3  # -60 dBFS, as for silent frames elsewhere
_MIN_SOUNDING_SHARE = 0.5
_BANDS = 24
_LOWEST_BAND_HZ = 50.0
_FFT = 2048

Floats = npt.NDArray[np.float64]


def typical_clip(signal: Signal, *, length_s: float, sample_rate_hz: int) -> Clip | None:
    """Cut the stretch whose band levels are nearest to those of all that sounds.

    The song is seen as blocks of one second, each with its level in 24 log-spaced bands. Of all stretches of
    `length_s` that sound for at least half of their time, the one is taken whose mean levels are nearest to the median
    of all sounding blocks, and among those that are near the one with least silence; a song without such a stretch
    gives the one that sounds most. This needs no sections, and hears a verse or chorus rather than an intro.

    Args:
        signal: the mix or a stem.
        length_s: longest clip; a shorter song is taken whole.
        sample_rate_hz: rate that the model wants.

    Returns:
        The clip, one channel, or None where nothing sounds above -60 dBFS.
    """
    mono = signal.mono()
    rate = signal.sample_rate_hz
    block = max(1, round(BLOCK_S * rate))
    levels_db, sounding = _blocks(mono, rate, block)
    if not sounding.any():
        return None
    size = min(len(sounding), max(1, int(length_s / BLOCK_S)))
    start = _best_start(levels_db, sounding, size)
    last = min(mono.size, start * block + min(round(length_s * rate), size * block + block))
    cut = mono[start * block : last][: round(length_s * rate)]
    samples = resample(cut[np.newaxis], rate, sample_rate_hz)[0]
    return Clip(np.ascontiguousarray(samples), sample_rate_hz, start * block / rate)


def _blocks(mono: FloatArray, rate: int, block: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Band levels of each block, dB, shape (n_blocks, 24), and which blocks sound."""
    count = max(1, mono.size // block)
    edges = _band_edges(rate)
    levels = np.empty((count, _BANDS))
    sounding = np.empty(count, dtype=np.bool_)
    for index in range(count):
        samples = mono[index * block : (index + 1) * block]
        sounding[index] = samples.size > 0 and float(np.sqrt(np.mean(np.square(samples)))) > _SILENT_RMS
        levels[index] = _band_levels(samples, edges)
    return levels, sounding


def _band_edges(rate: int) -> npt.NDArray[np.intp]:
    hz = np.geomspace(_LOWEST_BAND_HZ, rate / 2, _BANDS + 1)
    bins = np.round(hz * _FFT / rate).astype(np.intp)
    # Each band holds at least one bin, also the low ones.
    return np.asarray(np.maximum.accumulate(np.maximum(bins, np.arange(_BANDS + 1))), dtype=np.intp)


def _band_levels(samples: FloatArray, edges: npt.NDArray[np.intp]) -> Floats:
    padded = np.pad(samples, (0, -samples.size % _FFT if samples.size else _FFT))
    frames = padded.reshape(-1, _FFT) * np.hanning(_FFT).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1))).mean(axis=0)
    last = power.size - 1
    bands = [power[min(a, last) : max(min(b, last + 1), min(a, last) + 1)].sum() for a, b in itertools.pairwise(edges)]
    return np.asarray(10.0 * np.log10(np.maximum(bands, 1e-10)), dtype=np.float64)


def _best_start(levels_db: Floats, sounding: npt.NDArray[np.bool_], size: int) -> int:
    typical = np.median(levels_db[sounding], axis=0)
    starts = np.arange(len(sounding) - size + 1)
    shares = np.array([sounding[start : start + size].mean() for start in starts])
    if shares.max() < _MIN_SOUNDING_SHARE:
        return int(shares.argmax())
    distances = np.array(
        [np.sqrt(np.mean(np.square(levels_db[start : start + size].mean(axis=0) - typical))) for start in starts]
    )
    distances[shares < _MIN_SOUNDING_SHARE] = np.inf
    near = distances <= distances.min() + 0.5  # dB: within it the fuller stretch is better
    return int(starts[near][shares[near].argmax()])
