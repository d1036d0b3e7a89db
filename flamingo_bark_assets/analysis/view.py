"""The transforms that all analyses of one signal share, each computed when first read and at most once.

Down-mix, resampling, spectrograms and what is read straight off them belong here; musical conclusions do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.librosa_loading import load_librosa
from flamingo_bark_assets.audio.signal import FloatArray, Signal, frame_edges

BoolArray = NDArray[np.bool_]

SAMPLE_RATE_HZ = 22050
FRAME = 2048
HOP = 512

TONAL_RATE_HZ = 11025
TONAL_FRAME = 4096
TONAL_HOP = 1024

MIN_DURATION_S = 0.5
SOUNDING_DBFS = -60.0
ACTIVITY_FRAME_S = 0.05

_SOUNDING_POWER = 10.0 ** (SOUNDING_DBFS / 10.0)
_CHUNK_FRAMES = 256
_MIN_ONSET_RISE_DB = 1.0
_RELATIVE_ONSET_RISE = 0.07
_NEIGHBOURHOOD_BINS = 41


@dataclass(frozen=True, slots=True)
class Tuning:
    """Deviation of the partials from the equal-tempered grid on A4 = 440 Hz.

    Attributes:
        cents: -50 to 50.
        concentration: length of the mean direction of the deviations, 0 (spread evenly) to 1 (all alike).
        peaks: number of spectral peaks it rests on.

    """

    cents: float
    concentration: float
    peaks: int


class AudioView:
    """Shared, lazily computed views of one signal.

    Frame indices of `power`, `onset_envelope` and `sounding` count hops of `HOP` samples at
    `SAMPLE_RATE_HZ`, and frame 0 is centred on the first sample. Any finite signal is accepted, an empty
    one included.
    """

    def __init__(self, signal: Signal) -> None:
        self.signal = signal

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.signal.duration_s

    @property
    def frame_rate_hz(self) -> float:
        """Frames of `power` and `onset_envelope` a second."""
        return SAMPLE_RATE_HZ / HOP

    @cached_property
    def unusable(self) -> str | None:
        """Why nothing can be measured in this signal; None where something can."""
        if self.duration_s < MIN_DURATION_S:
            return f"too short: {self.duration_s:.2f} s of sound, at least {MIN_DURATION_S} s are needed"
        if self.is_silent:
            return f"silent: no 50 ms of it reach {SOUNDING_DBFS:.0f} dBFS"
        return None

    @cached_property
    def activity_power(self) -> FloatArray:
        """Mean square of each 50 ms frame at the file's own rate, mean over channels, shape (n_frames,).

        Each channel's mean is taken off first, so that a DC offset is no sound.
        """
        samples = self.signal.samples
        edges = frame_edges(samples.shape[1], self.signal.sample_rate_hz, ACTIVITY_FRAME_S)
        total = np.zeros(edges.size - 1, np.float32)
        if total.size == 0:
            return total
        for channel in samples:
            centred = channel - np.float32(channel.mean(dtype=np.float64))
            total += np.add.reduceat(np.square(centred), edges[:-1])
        return np.asarray(total / (np.diff(edges) * samples.shape[0]), np.float32)

    @cached_property
    def active(self) -> BoolArray:
        """Which 50 ms frames reach `SOUNDING_DBFS`, shape (n_frames,)."""
        return np.asarray(self.activity_power >= _SOUNDING_POWER)

    @property
    def is_silent(self) -> bool:
        """Whether no 50 ms frame reaches `SOUNDING_DBFS`."""
        return not bool(self.active.any())

    @cached_property
    def mono(self) -> FloatArray:
        """Down-mix without DC at `SAMPLE_RATE_HZ`, shape (n_samples,)."""
        native = self.signal.mono()
        if native.size:
            native = native - native.mean(dtype=np.float64).astype(np.float32)
        return resampled(native, self.signal.sample_rate_hz, SAMPLE_RATE_HZ)

    @cached_property
    def tonal_mono(self) -> FloatArray:
        """Down-mix at `TONAL_RATE_HZ`, for pitch, formants and chroma, shape (n_samples,)."""
        return resampled(self.mono, SAMPLE_RATE_HZ, TONAL_RATE_HZ)

    @cached_property
    def power(self) -> FloatArray:
        """Power spectrogram of `mono`, Hann window, shape (FRAME // 2 + 1, n_frames)."""
        return _power_spectrogram(self.mono, FRAME, HOP)

    @cached_property
    def tonal_power(self) -> FloatArray:
        """Power spectrogram of `tonal_mono` with 2.7 Hz bins, shape (TONAL_FRAME // 2 + 1, n_frames)."""
        return _power_spectrogram(self.tonal_mono, TONAL_FRAME, TONAL_HOP)

    @cached_property
    def frequencies_hz(self) -> FloatArray:
        """Centre frequencies of the rows of `power`."""
        return np.fft.rfftfreq(FRAME, 1.0 / SAMPLE_RATE_HZ).astype(np.float32)

    @cached_property
    def sounding(self) -> BoolArray:
        """Which columns of `power` reach `SOUNDING_DBFS` below 11 kHz, shape (n_frames,)."""
        return np.asarray(_mean_square(self.power) >= _SOUNDING_POWER)

    @cached_property
    def tonal_sounding(self) -> BoolArray:
        """Which columns of `tonal_power` reach `SOUNDING_DBFS` below 5.5 kHz, shape (n_frames,)."""
        return np.asarray(_mean_square(self.tonal_power) >= _SOUNDING_POWER)

    @cached_property
    def onset_envelope(self) -> FloatArray:
        """Mean rise of 128 mel bands a frame, dB, shape (n_frames,); 80 dB under the loudest is silence."""
        librosa = load_librosa()
        peak = float(self.power.max(initial=0.0))
        if peak <= 0.0:
            return np.zeros(self.power.shape[1], np.float32)
        basis = librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=FRAME)
        bands = basis @ self.power
        bands_db = librosa.power_to_db(bands / bands.max(), amin=1e-10, top_db=80.0)
        envelope = librosa.onset.onset_strength(S=bands_db, center=False)
        return np.asarray(envelope, np.float32)

    @cached_property
    def onset_times_s(self) -> NDArray[np.float64]:
        """Times of note onsets, shape (n_onsets,).

        A peak of the onset envelope counts where it tops its surroundings by `_MIN_ONSET_RISE_DB` and
        by 7 % of the strongest rises; the fixed part keeps a drone or steady noise from having
        onsets.
        """
        librosa = load_librosa()
        envelope = self.onset_envelope
        if envelope.size < 3:
            return np.zeros(0)
        frames = librosa.onset.onset_detect(
            onset_envelope=envelope, sr=SAMPLE_RATE_HZ, hop_length=HOP, normalize=False,
            delta=max(_MIN_ONSET_RISE_DB, _RELATIVE_ONSET_RISE * float(np.percentile(envelope, 99.5))),
        )  # fmt: skip
        return self.peak_times(frames)

    def peak_times(self, frames: NDArray[np.int_]) -> NDArray[np.float64]:
        """Time the envelope peaks near `frames`, seconds, to a fraction of a frame by a parabola.

        A level in dB rises most while a sound enters the later half of the window, half a hop before
        its centre.
        """
        envelope = self.onset_envelope
        times = [_refined_peak(envelope, int(frame)) for frame in frames]
        return (np.asarray(times, np.float64) + 0.5) / self.frame_rate_hz

    @cached_property
    def tuning(self) -> Tuning:
        """Circular mean deviation of the spectral peaks between 100 and 2000 Hz from the semitone grid."""
        return _tuning_of(self.tonal_power[:, self.tonal_sounding])

    @cached_property
    def chroma(self) -> FloatArray:
        """Pitch class profile of each column of `tonal_power`, C first, sum 1 or 0, shape (12, n_frames)."""
        basis = (
            load_librosa()
            .filters.chroma(
                sr=TONAL_RATE_HZ, n_fft=TONAL_FRAME, tuning=self.tuning.cents / 100.0, ctroct=4.5, octwidth=1.2
            )
            .astype(np.float32)
        )
        chroma = np.zeros((12, self.tonal_power.shape[1]), np.float32)
        for columns in _chunks(chroma.shape[1]):
            chroma[:, columns] = basis @ np.sqrt(_partials_only(self.tonal_power[:, columns]))
        chroma[:, ~self.tonal_sounding] = 0.0
        total = chroma.sum(axis=0)
        return np.asarray(np.divide(chroma, total, out=np.zeros_like(chroma), where=total > 0))


def resampled(samples: FloatArray, from_hz: int, to_hz: int) -> FloatArray:
    """Resample to another rate, shape (n_samples,)."""
    import soxr

    if from_hz == to_hz or samples.size == 0:
        return samples
    return np.asarray(soxr.resample(np.ascontiguousarray(samples), from_hz, to_hz, quality="HQ"), np.float32)


def _chunks(count: int) -> Iterator[slice]:
    """Slices that keep temporaries small whatever the song's length."""
    return (slice(start, start + _CHUNK_FRAMES) for start in range(0, count, _CHUNK_FRAMES))


def _power_spectrogram(samples: FloatArray, frame: int, hop: int) -> FloatArray:
    """Power of centred, zero-padded Hann frames, float32, shape (frame // 2 + 1, 1 + n_samples // hop)."""
    import scipy.fft

    padded = np.pad(samples, frame // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop]
    window = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(frame) / frame)).astype(np.float32)
    power = np.empty((frame // 2 + 1, frames.shape[0]), np.float32)
    for rows in _chunks(frames.shape[0]):
        spectrum = scipy.fft.rfft(frames[rows] * window, axis=1)
        power[:, rows] = (spectrum.real**2 + spectrum.imag**2).T
    return power


def _mean_square(power: FloatArray) -> FloatArray:
    """Mean square of the windowed samples behind each column of a Hann power spectrogram (Parseval)."""
    frame = 2 * (power.shape[0] - 1)
    return np.asarray(2.0 * power.sum(axis=0) / (frame * frame * 0.375), np.float32)


def _refined_peak(envelope: FloatArray, frame: int) -> float:
    """Position of the highest value within 2 frames of `frame`, to a fraction of a frame."""
    start = max(0, frame - 2)
    peak = start + int(np.argmax(envelope[start : frame + 3]))
    if not 0 < peak < envelope.size - 1:
        return float(peak)
    before, at, after = (float(v) for v in envelope[peak - 1 : peak + 2])
    bend = before - 2.0 * at + after
    if bend >= 0.0 or at < max(before, after):
        return float(peak)
    return peak + 0.5 * (before - after) / bend


def _partials_only(power: FloatArray) -> FloatArray:
    """Set all but the partials of the spectrum to 0.

    A partial is a local maximum less than 30 dB below the loudest and at least 6 dB above the mean of the
    110 Hz around it, which the peaks of noise and drums seldom are.
    """
    from scipy.ndimage import uniform_filter1d

    partial = np.zeros(power.shape, np.bool_)
    partial[1:-1] = (power[1:-1] > power[:-2]) & (power[1:-1] >= power[2:])
    partial &= power > np.float32(1e-3) * power.max(axis=0)
    partial &= power > np.float32(4.0) * uniform_filter1d(power, _NEIGHBOURHOOD_BINS, axis=0)
    return np.where(partial, power, np.float32(0.0))


def _tuning_of(power: FloatArray) -> Tuning:
    """Circular mean of the peaks' deviation from the semitone grid, weighted by amplitude."""
    low, high = (round(f * TONAL_FRAME / TONAL_RATE_HZ) for f in (100.0, 2000.0))
    direction, weight, count = 0.0 + 0.0j, 0.0, 0
    for columns in _chunks(power.shape[1]):
        band = np.sqrt(power[low - 1 : high + 1, columns])
        before, at, after = band[:-2], band[1:-1], band[2:]
        floor = np.maximum(0.1 * at.max(axis=0), 1e-3 * np.sqrt(power[:, columns].max(axis=0)))
        chosen = (at > before) & (at >= after) & (at > floor)
        rows = np.nonzero(chosen)[0]
        before, at, after = np.log(before[chosen] + 1e-12), np.log(at[chosen]), np.log(after[chosen] + 1e-12)
        bend = np.minimum(before - 2.0 * at + after, -1e-6)
        hz = (rows + low + 0.5 * (before - after) / bend) * (TONAL_RATE_HZ / TONAL_FRAME)
        amplitude = np.exp(at)
        direction += complex((amplitude * np.exp(2j * np.pi * 12.0 * np.log2(hz / 440.0))).sum())
        weight += float(amplitude.sum())
        count += int(rows.size)
    if weight <= 0.0:
        return Tuning(0.0, 0.0, 0)
    return Tuning(math.degrees(math.atan2(direction.imag, direction.real)) / 3.6, abs(direction) / weight, count)
