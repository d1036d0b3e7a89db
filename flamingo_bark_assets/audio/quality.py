"""Technical quality of a recording: what the medium did to the music.

Levels, silence and polarity belong here; clipping, bandwidth and noise have modules of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.bandwidth import measure_bandwidth
from flamingo_bark_assets.audio.clipping import measure_clipping
from flamingo_bark_assets.audio.noise import measure_noise_floor
from flamingo_bark_assets.audio.signal import OPPOSED_CORRELATION, Signal, frame_edges, stereo_correlation
from flamingo_bark_assets.record import Measurement

FRAME_S = 0.05
SILENCE_DBFS = -60.0

_DIGITAL_SILENCE_DBFS = -150.0  # below the last bit of 24-bit sound
_MONO_DIFFERENCE_DB = -60.0  # side against mid; joint-stereo codecs leave about that much
_CHUNK_FRAMES = 128


@dataclass(frozen=True, slots=True)
class FrameLevels:
    """Levels of consecutive frames of `FRAME_S`, the last one possibly shorter.

    Attributes:
        rms_dbfs: float64, shape (n_frames,): RMS over all channels about their means; -200 if empty.
        total_dbfs: the same over the whole sound.
    """

    rms_dbfs: npt.NDArray[np.float64]
    total_dbfs: float

    @property
    def silent(self) -> npt.NDArray[np.bool_]:
        """Which frames are silent, shape (n_frames,)."""
        return self.rms_dbfs < SILENCE_DBFS

    @property
    def silent_fraction(self) -> float:
        """Share of silent frames; 1 where there are none."""
        return float(self.silent.mean()) if self.rms_dbfs.size else 1.0

    @property
    def sounding_s(self) -> float:
        """Summed length of the frames that are not silent."""
        return float(np.count_nonzero(~self.silent) * FRAME_S)


@dataclass(frozen=True, slots=True)
class TechnicalQuality:
    """What the medium did to the music; the fields are those of `RawSong`."""

    peak_dbfs: Measurement[float]
    clipped_fraction: Measurement[float]
    silent_fraction: Measurement[float]
    leading_silence_s: Measurement[float]
    trailing_silence_s: Measurement[float]
    noise_floor_dbfs: Measurement[float]
    bandwidth_hz: Measurement[float]
    dc_offset: Measurement[float]
    stereo_correlation: Measurement[float]
    is_mono: Measurement[bool]
    polarity_inverted: Measurement[bool]


def measure_quality(signal: Signal) -> TechnicalQuality:
    """Measure the technical quality of a decoded file.

    Args:
        signal: any rate and number of channels, at least one sample.

    Returns:
        All measurements; what a silent or very short sound does not have is unknown with the reason.
    """
    levels = frame_levels(signal)
    leading_s, trailing_s = _outer_silence(signal, levels)
    correlation, inverted = _stereo(signal, levels)
    return TechnicalQuality(
        peak_dbfs=_peak(signal),
        clipped_fraction=measure_clipping(signal),
        silent_fraction=Measurement.of(levels.silent_fraction, method="rms-50ms-below-60dbfs"),
        leading_silence_s=leading_s,
        trailing_silence_s=trailing_s,
        noise_floor_dbfs=measure_noise_floor(signal),
        bandwidth_hz=measure_bandwidth(signal),
        dc_offset=Measurement.of(_dc_offset(signal), method="channel-mean"),
        stereo_correlation=correlation,
        is_mono=_is_mono(signal),
        polarity_inverted=inverted,
    )


def frame_levels(signal: Signal) -> FrameLevels:
    """Level of every 50 ms frame.

    The mean of each channel is taken off first, as an offset is no sound. Works in chunks: no float64 copy of
    the song is made.

    Args:
        signal: any rate and number of channels.

    Returns:
        One level a frame and the total.
    """
    samples = signal.samples
    edges = frame_edges(samples.shape[1], signal.sample_rate_hz, FRAME_S)
    if edges.size < 2:
        return FrameLevels(np.zeros(0), -200.0)
    means = samples.mean(axis=1, dtype=np.float64, keepdims=True)
    energies = np.empty(edges.size - 1)
    for first in range(0, energies.size, _CHUNK_FRAMES):
        local = edges[first : first + _CHUNK_FRAMES + 1]
        chunk = samples[:, local[0] : local[-1]] - means
        squares = np.einsum("cn,cn->n", chunk, chunk)
        energies[first : first + local.size - 1] = np.add.reduceat(squares, local[:-1] - local[0])
    counts = np.diff(edges) * samples.shape[0]
    return FrameLevels(_power_db(energies / counts), float(_power_db(energies.sum() / counts.sum())))


def _power_db(power: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    return np.asarray(10.0 * np.log10(np.maximum(power, 1e-20)), dtype=np.float64)


def _peak(signal: Signal) -> Measurement[float]:
    peak = max(float(signal.samples.max(initial=0.0)), -float(signal.samples.min(initial=0.0)))
    if peak == 0.0:
        return Measurement.unknown("the sound is digital silence", method="sample-peak")
    return Measurement.of(20.0 * math.log10(peak), method="sample-peak")


def _dc_offset(signal: Signal) -> float:
    if not signal.samples.shape[1]:
        return 0.0
    return float(np.abs(signal.samples.mean(axis=1, dtype=np.float64)).max())


def _outer_silence(signal: Signal, levels: FrameLevels) -> tuple[Measurement[float], Measurement[float]]:
    """Give the silence before the first and after the last sounding frame, to the frame."""
    method = "rms-50ms-below-60dbfs"
    sounding = np.flatnonzero(~levels.silent)
    if not sounding.size:
        unknown: Measurement[float] = Measurement.unknown("the whole file is silent", method=method)
        return unknown, unknown
    trailing_s = max(0.0, signal.duration_s - float(sounding[-1] + 1) * FRAME_S)
    return (
        Measurement.of(float(sounding[0]) * FRAME_S, method=method),
        Measurement.of(trailing_s, method=method),
    )


def _stereo(signal: Signal, levels: FrameLevels) -> tuple[Measurement[float], Measurement[bool]]:
    reason = None
    if signal.channels != 2:
        reason = f"the file has {signal.channels} channel(s), not two"
    elif levels.total_dbfs <= _DIGITAL_SILENCE_DBFS:
        reason = "the sound is digital silence"
    elif not all(np.ptp(channel) > 0 for channel in signal.samples):
        reason = "one of the two channels is digital silence"
    if reason is not None:
        return (
            Measurement.unknown(reason, method="pearson"),
            Measurement.unknown(reason, method="pearson-below-0.3"),
        )
    correlation = stereo_correlation(signal)
    # Sure at -1 and from 0.4 upwards, unsure at the limit itself.
    certainty = abs(correlation - OPPOSED_CORRELATION) / (1.0 + OPPOSED_CORRELATION)
    return (
        Measurement.of(correlation, method="pearson"),
        Measurement.of(correlation < OPPOSED_CORRELATION, method="pearson-below-0.3", confidence=certainty),
    )


def _is_mono(signal: Signal) -> Measurement[bool]:
    """Compare each channel with the first: the same where the difference is 60 dB below it."""
    method = "difference-below-60db"
    first = signal.samples[0]
    energy = _energy(first)
    for other in signal.samples[1:]:
        difference = _difference_energy(first, other)
        if difference > 10 ** (_MONO_DIFFERENCE_DB / 10) * max(energy, _energy(other)):
            return Measurement.of(False, method=method)
    return Measurement.of(True, method=method)


def _energy(channel: npt.NDArray[np.float32]) -> float:
    return float(np.einsum("n,n->", channel, channel, dtype=np.float64))


def _difference_energy(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    chunk = 1 << 18
    return sum(
        _energy(one[start : start + chunk] - other[start : start + chunk]) for start in range(0, one.size, chunk)
    )
