"""Technical quality of a recording: what the medium did to the music.

Levels, silence and polarity belong here; clipping, bandwidth and noise have modules of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.bandwidth import measure_bandwidth
from flamingo_bark_assets.audio.clipping import ClippedSamples
from flamingo_bark_assets.audio.levels import FRAME_S, SILENCE_DBFS, Levels, power_db
from flamingo_bark_assets.audio.long_term_spectrum import LongTermSpectrum
from flamingo_bark_assets.audio.noise import measure_noise_floor
from flamingo_bark_assets.audio.signal import OPPOSED_CORRELATION
from flamingo_bark_assets.record import Measurement

_DIGITAL_SILENCE = 1e-15  # mean square below the last bit of 24-bit sound
_MONO_DIFFERENCE_DB = -60.0  # difference against the channels; joint-stereo codecs leave about that much
_SOUND_ABOVE_NOISE_DB = 6.0
_ROUNDING = 1e-5  # of float32 sums, relative
_OUTER_SILENCE = "frames-above-60dbfs-and-noise"


@dataclass(frozen=True, slots=True)
class FrameLevels:
    """Levels of consecutive frames of `FRAME_S`, the last one possibly shorter.

    Attributes:
        rms_dbfs: float64, shape (n_frames,): RMS over all channels about their means in the frame; -200 if empty.
        total_dbfs: RMS over the whole sound, about the mean of each channel.
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
    clipped: Measurement[bool]
    silent_fraction: Measurement[float]
    leading_silence_s: Measurement[float]
    trailing_silence_s: Measurement[float]
    noise_floor_dbfs: Measurement[float]
    noise_ceiling_dbfs: Measurement[float]
    bandwidth_hz: Measurement[float]
    lowpass_detected: Measurement[bool]
    dc_offset: Measurement[float]
    stereo_correlation: Measurement[float]
    is_mono: Measurement[bool]
    polarity_inverted: Measurement[bool]


def judge_quality(levels: Levels, clipping: ClippedSamples, spectrum: LongTermSpectrum) -> TechnicalQuality:
    """Draw the technical quality from what was gathered in passing; what silence does not have is unknown."""
    frames = frame_levels_of(levels)
    bandwidth = measure_bandwidth(spectrum)
    cut_off_hz = bandwidth.bandwidth_hz.value if bandwidth.lowpass_detected.value else None
    noise = measure_noise_floor(spectrum, lowpass_hz=cut_off_hz)
    leading_s, trailing_s = _outer_silence(levels, frames, noise.noise_floor_dbfs)
    correlation, inverted = measure_polarity(levels)
    return TechnicalQuality(
        peak_dbfs=_peak(levels),
        clipped_fraction=clipping.fraction,
        clipped=clipping.clipped,
        silent_fraction=Measurement.exact(frames.silent_fraction, method="rms-50ms-below-60dbfs"),
        leading_silence_s=leading_s,
        trailing_silence_s=trailing_s,
        noise_floor_dbfs=noise.noise_floor_dbfs,
        noise_ceiling_dbfs=noise.noise_ceiling_dbfs,
        bandwidth_hz=bandwidth.bandwidth_hz,
        lowpass_detected=bandwidth.lowpass_detected,
        dc_offset=Measurement.exact(float(np.abs(levels.dc).max(initial=0.0)), method="channel-mean"),
        stereo_correlation=correlation,
        is_mono=_is_mono(levels),
        polarity_inverted=inverted,
    )


def measure_polarity(levels: Levels) -> tuple[Measurement[float], Measurement[bool]]:
    """Correlate left and right about their means; no way of placing sound in stereo brings that below -0.3.

    Returns:
        Pearson's correlation, -1 to 1, and whether one channel is in inverted polarity; unknown unless there are two
        channels and both sound.
    """
    reason = None
    energies = channel_energies(levels)
    if levels.channels != 2:
        reason = f"the file has {levels.channels} channel(s), not two"
    elif float(energies.max()) <= digital_silence(levels):
        reason = "the sound is digital silence"
    elif float(energies.min()) <= digital_silence(levels):
        reason = "one of the two channels is digital silence"
    if reason is not None:
        return Measurement.unknown(reason, method="pearson"), Measurement.unknown(reason, method="pearson-below-0.3")
    correlation = max(-1.0, min(1.0, _covariance(levels) / math.sqrt(float(energies[0]) * float(energies[1]))))
    return (
        Measurement.exact(correlation, method="pearson"),
        Measurement.of(correlation < OPPOSED_CORRELATION, method="pearson-below-0.3"),
    )


def channel_energies(levels: Levels) -> npt.NDArray[np.float64]:
    """Return energy of each channel about its mean, shape (n_channels,)."""
    energies = levels.frame_squares.sum(axis=1) - levels.n_samples * np.square(levels.dc)
    return np.asarray(np.maximum(energies, 0.0), np.float64)


def digital_silence(levels: Levels) -> float:
    """Return energy of a channel up to which it counts as digital silence."""
    return _DIGITAL_SILENCE * max(1, levels.n_samples)


def _covariance(levels: Levels) -> float:
    return float(levels.frame_products.sum() - levels.n_samples * levels.dc[0] * levels.dc[1])


def frame_levels_of(levels: Levels) -> FrameLevels:
    """Return level of every 50 ms frame.

    The mean of each channel in the frame is taken off first, as an offset is no sound.
    """
    if not levels.frame_length.size:
        return FrameLevels(np.zeros(0), -200.0)
    deviations = np.maximum(levels.frame_squares - np.square(levels.frame_sums) / levels.frame_length, 0.0)
    # What float32 sums leave of a constant is no sound.
    deviations[deviations < _ROUNDING * levels.frame_squares] = 0.0
    total = np.maximum(levels.frame_squares.sum(axis=1) - levels.n_samples * np.square(levels.dc), 0.0).mean()
    return FrameLevels(
        power_db(deviations.mean(axis=0) / levels.frame_length), float(power_db(total / max(1, levels.n_samples)))
    )


def _peak(levels: Levels) -> Measurement[float]:
    peak = float(np.max(levels.peak, initial=0.0))
    if peak == 0.0:
        return Measurement.unknown("the sound is digital silence", method="sample-peak")
    return Measurement.exact(20.0 * math.log10(peak), method="sample-peak")


def _outer_silence(
    levels: Levels, frames: FrameLevels, noise: Measurement[float]
) -> tuple[Measurement[float], Measurement[float]]:
    """Give the time before the first and after the last frame that is louder than silence and than the noise."""
    limit_dbfs = SILENCE_DBFS
    if noise.value is not None:
        limit_dbfs = max(limit_dbfs, noise.value + _SOUND_ABOVE_NOISE_DB)
    sounding = np.flatnonzero(frames.rms_dbfs >= limit_dbfs)
    if not sounding.size:
        sounding = np.flatnonzero(~frames.silent)
    if not sounding.size:
        unknown: Measurement[float] = Measurement.unknown("the whole file is silent", method=_OUTER_SILENCE)
        return unknown, unknown
    trailing_s = max(0.0, levels.n_samples / levels.sample_rate_hz - float(sounding[-1] + 1) * FRAME_S)
    return (
        Measurement.exact(float(sounding[0]) * FRAME_S, method=_OUTER_SILENCE),
        Measurement.exact(trailing_s, method=_OUTER_SILENCE),
    )


def _is_mono(levels: Levels) -> Measurement[bool]:
    """Compare each channel with the first: the same where the difference, offsets aside, is 60 dB below it."""
    if levels.channels == 1:
        return Measurement.exact(True, method="one-channel")
    if levels.channels > 2:
        same = np.allclose(levels.frame_sums, levels.frame_sums[:1], rtol=1e-3, atol=1e-6) and np.allclose(
            levels.frame_squares, levels.frame_squares[:1], rtol=1e-3, atol=1e-9
        )
        return Measurement.exact(bool(same), method="equal-frame-sums")
    energies = channel_energies(levels)
    difference = max(0.0, float(energies.sum()) - 2.0 * _covariance(levels))
    loudest = float(energies.max())
    if loudest <= digital_silence(levels):
        return Measurement.exact(True, method="difference-below-60db")
    ratio_db = 10.0 * math.log10(max(1e-12, difference / loudest))
    return Measurement.exact(ratio_db <= _MONO_DIFFERENCE_DB, method="difference-below-60db")
