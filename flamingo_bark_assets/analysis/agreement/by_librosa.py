"""The same mix measured by librosa's own functions, on the definitions of our measurements as far as these allow.

Calling librosa belongs here; what its values are compared with, and how near they must be, stands in `comparing`. Of
our own code only the decoded samples and their down-mix are used, so that none of our kernels can agree with itself.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.levels import mono_pieces
from flamingo_bark_assets.audio.signal import FloatArray, Signal, Sound
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.kernels import compiling_alone, librosa_module
from flamingo_bark_assets.text import short_line

Values = NDArray[np.float64]

# Of the shape of the spectrum: `frontend.spectra` and `timbre.frames` say the same.
_FRAME = 2048
_HIGHEST_HZ = 20_000.0
_FLATNESS_TOP_HZ = 10_000.0
_HIGHEST_RATE_HZ = 64_000
_SOUNDING_RANGE_DB = 40.0
_FLOOR = 1e-10
# Of the cepstrum: `timbre.cepstrum`.
COEFFICIENTS = 13
_MEL_BANDS = 40
_MEL_RANGE_HZ = (20.0, 16_000.0)
_MEL_FLOOR = 1e-8
# Of the notes: `frontend.spectra`.
_TONAL_RATE_HZ = 11_025
_TONAL_FRAME = 4096
_TONAL_HOP = 1024
_TUNING_RANGE_HZ = (100.0, 2000.0)
# Of the onsets: `frontend.spectra`, `rhythm.onsets` and `audio.levels`.
_ONSET_RATE_HZ = 22_050
_ONSET_FRAME = 512
_ONSET_HOP = 220
_ONSET_FRAME_RATE_HZ = _ONSET_RATE_HZ / _ONSET_HOP
_ONSET_BANDS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 29, 35, 42, 51, 62, 75, 91, 112, 138, 176, 257)
_REGISTERS = (0, 3, 10, 20, 24)
_ONSET_FLOOR = 0.01
_EMPTY_BAND = 1e-8
_LOCAL_S = 0.4
_GAIN_S = 5.0
_LEAST_GAIN = 0.33
_NO_RISE = 1e-4
_HIGHEST_RISE = 6.0
_PEAK_S = 0.03
_LEAST_PEAK = 0.9
_ONSET_GAP_S = 0.05
_SILENCE = 1e-6  # -60 dBFS, as a power
# Filled up with this, a sign stays: librosa takes what is smaller than 1e-10 for 0.
_FAINTEST = 1e-9
# Of the tempo, librosa's own defaults: 23 ms from one frame to the next, 8 s at a time.
_TEMPO_HOP = 512
_TEMPOGRAM_FRAMES = 344

_PIECE_S = 40.0  # all that librosa makes of a piece stays below 100 MB
_OVERLAP_S = 1.0  # more than the lag and the filter of the onset strength reach back
# A chroma frame this far below the loudest is a pause: `timbre.chroma`.
_CHROMA_RANGE_DB = 40.0
_LONGEST_REASON = 120


@dataclass(frozen=True, slots=True)
class LibrosaValues:
    """What librosa measures of a mix.

    Attributes:
        values: by name of the quantity, in the unit of ours.
        unknown: why there is no value, by name.
        chroma: mean share of each pitch class, C first, shape (12,); empty where unknown.
        sounding_s: from where the sound begins to where it ends.
    """

    values: Mapping[str, float]
    unknown: Mapping[str, str]
    chroma: Values = field(default_factory=lambda: np.zeros(0))
    sounding_s: float = 0.0


class _Part:
    """Some of the quantities, from the samples of the down-mix piece by piece."""

    names: tuple[str, ...]

    def add(self, piece: FloatArray) -> None:
        """Take the next samples at the sound's own rate, shape (n,)."""
        raise NotImplementedError

    def finish(self) -> dict[str, float]:
        """Give the values; those that librosa does not find are left out."""
        raise NotImplementedError


def measure_by_librosa(sound: Sound) -> LibrosaValues:
    """Measure a mix by librosa, in pieces, so that no length of it takes more memory.

    What librosa cannot do with a sound is unknown, with its own words as the reason.

    Raises:
        AudioFault: the sound cannot be decoded.
    """
    compile_librosa()
    return _measure(sound)


@functools.cache
def compile_librosa() -> None:
    """Call everything once while no other process compiles: see `kernels.librosa_module`."""
    with compiling_alone():
        noise = np.random.default_rng(0).standard_normal((2, 4 * _ONSET_RATE_HZ)).astype(np.float32)
        _measure(Signal(noise * np.float32(0.1), _ONSET_RATE_HZ))


def _measure(sound: Sound) -> LibrosaValues:
    rate_hz = sound.sample_rate_hz
    parts: list[_Part] = [
        _Shape(rate_hz),
        _Onsets(rate_hz, channels := _Channels(sound)),
        _Tempo(rate_hz),
        tonal := _Tuning(rate_hz),
    ]
    unknown: dict[str, str] = {}
    length = _FRAME * _divisor(rate_hz) * max(1, int(_PIECE_S * rate_hz / _FRAME / _divisor(rate_hz)))
    values: dict[str, float] = {}
    with warnings.catch_warnings():
        # Of short pieces and empty mel bands; what comes of them is judged as any value.
        warnings.simplefilter("ignore")
        with _noting(unknown, _Channels.names):
            values |= channels.values()
        for piece in mono_pieces(sound, length):
            for part in parts:
                with _noting(unknown, part.names):
                    part.add(piece)
        for part in parts:
            with _noting(unknown, part.names):
                values |= part.finish()
        chroma = np.zeros(0)
        with _noting(unknown, ("chroma",)):
            chroma = _chroma(sound, length, tonal.semitones)
    known = {name: float(value) for name, value in values.items() if math.isfinite(value) and name not in unknown}
    lost = dict.fromkeys(values.keys() - known.keys(), "librosa gave no finite number")
    return LibrosaValues(known, {**lost, **unknown}, chroma, channels.sounding_s)


@contextmanager
def _noting(unknown: dict[str, str], names: tuple[str, ...]) -> Iterator[None]:
    """Let no fault of librosa reach the song: these quantities are unknown for its first one, and stay so."""
    try:
        yield
    except AudioFault:
        raise
    except Exception as error:  # librosa raises what numpy, scipy and numba raise, and errors of its own
        told = f"librosa: {type(error).__name__}: {short_line(str(error), _LONGEST_REASON)}"
        for name in names:
            unknown.setdefault(name, told)


class _Channels:
    """Level and zero crossings, of each channel by itself."""

    names = ("crest_factor_db", "zero_crossing_rate_hz")

    def __init__(self, sound: Sound) -> None:
        self._sound = sound
        self.sounding_s = 0.0
        """From the first frame that sounds to the last."""

    def values(self) -> dict[str, float]:
        """Return crest factor of the channel with the highest power, and the mean over channels of the crossings."""
        librosa, sound = librosa_module("librosa"), self._sound
        squares, peaks = np.zeros(sound.channels), np.zeros(sound.channels)
        crossings, before = 0, np.zeros((sound.channels, 0), np.float32)
        squares_of: list[Values] = []
        means_of: list[Values] = []
        for block in self._whole_frames():
            rms = librosa.feature.rms(y=block, frame_length=_FRAME, hop_length=_FRAME, center=False)[:, 0]
            power = np.square(rms, dtype=np.float64)
            squares += power.sum(axis=1) * _FRAME
            peaks = np.maximum(peaks, np.abs(block).max(axis=1))
            means = block.reshape(sound.channels, -1, _FRAME).mean(axis=2, dtype=np.float64)
            squares_of.append(power)
            means_of.append(means)
            samples = np.concatenate((before, block), axis=1)
            crossings += int(librosa.zero_crossings(samples, pad=False, axis=1).sum())
            before = block[:, -1:]
        self.sounding_s = _sounding_frames(squares_of, means_of) * _FRAME / sound.sample_rate_hz
        seconds = sound.channels * max(sound.n_samples - 1, 1) / sound.sample_rate_hz
        loudest = int(np.argmax(squares))
        power = squares[loudest] / max(sound.n_samples, 1)
        crest = {"crest_factor_db": 20.0 * math.log10(peaks[loudest]) - 10.0 * math.log10(power)} if power > 0 else {}
        return {**crest, "zero_crossing_rate_hz": crossings / seconds}

    def _whole_frames(self) -> Iterator[FloatArray]:
        """Yield the samples in blocks of whole frames; the last is filled up with its last sample's sign, at 0."""
        waiting = np.zeros((self._sound.channels, 0), np.float32)
        for block in self._sound.blocks():
            waiting = np.concatenate((waiting, block), axis=1)
            whole = waiting.shape[1] - waiting.shape[1] % _FRAME
            if whole:
                yield waiting[:, :whole]
                waiting = waiting[:, whole:]
        if waiting.shape[1]:
            # A zero would be a crossing after a negative sample: zero counts as positive.
            tail = np.where(waiting[:, -1:] < 0.0, np.float32(-_FAINTEST), np.float32(0.0))
            yield np.concatenate((waiting, np.repeat(tail, _FRAME - waiting.shape[1], axis=1)), axis=1)


def _sounding_frames(squares: Sequence[Values], means: Sequence[Values]) -> int:
    """Count the frames from the first that sounds to the last, by their powers about the mean of each channel."""
    if not squares:
        return 0
    power, mean = np.concatenate(squares, axis=1), np.concatenate(means, axis=1)
    whole = mean.mean(axis=1, keepdims=True)
    sounding = np.flatnonzero((power - 2.0 * whole * mean + np.square(whole)).mean(axis=0) >= _SILENCE)
    return int(sounding[-1] - sounding[0] + 1) if sounding.size else 0


class _Shape(_Part):
    """The shape of the spectrum and its cepstrum, means over the frames that sound."""

    names = (
        "spectral_centroid_hz", "spectral_bandwidth_hz", "spectral_rolloff_hz", "spectral_flatness",
        *(f"mfcc_{number}" for number in range(COEFFICIENTS)),
    )  # fmt: skip

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._shape_rate_hz = rate_hz / _divisor(rate_hz)
        self._power: list[Values] = []
        self._frames: list[Values] = []

    def add(self, piece: FloatArray) -> None:
        librosa, rate_hz = librosa_module("librosa"), self._shape_rate_hz
        samples = _at_rate(piece, self._rate_hz, rate_hz)
        samples = np.pad(samples, (0, -samples.size % _FRAME))
        power = (
            np.square(np.abs(librosa.stft(samples, n_fft=_FRAME, hop_length=_FRAME, center=False))) / (_FRAME / 2) ** 2
        )
        hz = librosa.fft_frequencies(sr=rate_hz, n_fft=_FRAME)
        last = int(np.searchsorted(hz, _HIGHEST_HZ, side="right"))
        flat = int(np.searchsorted(hz, _FLATNESS_TOP_HZ, side="right"))
        counted, of = power[1:last].copy(), librosa.feature
        # A constant offset stands in bin 0 and, by the Hann window, with a quarter of that power in bin 1.
        counted[0] = np.maximum(counted[0] - 0.25 * power[0], 0.0)
        # Relative to the strongest bin, so that librosa's absolute floors lie where ours, which are relative, do.
        unit = np.sqrt(counted / np.maximum(counted.max(axis=0), 1e-30))
        mel = of.melspectrogram(
            S=power, sr=rate_hz, n_fft=_FRAME, n_mels=_MEL_BANDS, fmin=_MEL_RANGE_HZ[0], fmax=_MEL_RANGE_HZ[1]
        )
        strongest = np.maximum(mel.max(axis=0), 1e-30)
        levels = librosa.power_to_db(mel / strongest, amin=_MEL_FLOOR, top_db=None) + 10.0 * np.log10(strongest)
        rows = (
            of.spectral_centroid(S=unit, freq=hz[1:last]),
            of.spectral_bandwidth(S=unit, freq=hz[1:last]),
            of.spectral_rolloff(S=np.square(unit), freq=hz[1:last], roll_percent=0.85),
            of.spectral_flatness(S=unit[: flat - 1], amin=_FLOOR),
            of.mfcc(S=levels, n_mfcc=COEFFICIENTS),
        )
        self._power.append(counted.sum(axis=0, dtype=np.float64))
        self._frames.append(np.concatenate(rows).astype(np.float64))

    def finish(self) -> dict[str, float]:
        power, frames = np.concatenate(self._power), np.concatenate(self._frames, axis=1)
        if not power.any():
            return {}
        loud = float(np.square(power).sum() / power.sum())
        sounding = power >= loud * 10.0 ** (-_SOUNDING_RANGE_DB / 10.0)
        return dict(zip(self.names, frames[:, sounding].mean(axis=1).tolist(), strict=True))


class _Onsets(_Part):
    """Onsets a second: peaks of the rise of the logarithmic band power in four registers, as `rhythm.onsets` has it."""

    names = ("onset_density_hz",)

    def __init__(self, rate_hz: int, channels: _Channels) -> None:
        self._rate_hz = rate_hz
        self._channels = channels
        self._waiting = np.zeros(_ONSET_FRAME // 2, np.float32)
        self._power: list[FloatArray] = []

    def add(self, piece: FloatArray) -> None:
        self._take(_at_rate(piece - piece.mean(), self._rate_hz, _ONSET_RATE_HZ))

    def finish(self) -> dict[str, float]:
        librosa, reach = librosa_module("librosa"), round(_PEAK_S * _ONSET_FRAME_RATE_HZ)
        self._take(np.zeros(_ONSET_FRAME // 2, np.float32))
        if not self._channels.sounding_s:
            return {}
        power = np.concatenate(self._power, axis=1).astype(np.float64)
        mean = power.mean(axis=1)
        floor = np.maximum(_ONSET_FLOOR * mean, _EMPTY_BAND * mean.max() + 1e-30)
        rise = librosa.onset.onset_strength_multi(
            S=np.log1p(power / floor[:, np.newaxis]), lag=2, max_size=3, center=False,
            channels=[slice(*ends) for ends in pairwise(_REGISTERS)],
        )  # fmt: skip
        above = np.maximum(rise - _running_mean(rise, _LOCAL_S), 0.0)
        overall = np.sqrt(np.square(above).mean(axis=1, keepdims=True))
        local = np.sqrt(np.maximum(_running_mean(np.square(above), _GAIN_S), 0.0))
        level = np.maximum(local, np.maximum(_LEAST_GAIN * overall, _NO_RISE))
        strength = np.minimum(above / level, _HIGHEST_RISE).mean(axis=0)
        peaks = librosa.util.peak_pick(
            strength, pre_max=reach, post_max=reach + 1, pre_avg=0, post_avg=1, delta=0.0, wait=0
        )
        peaks = peaks[strength[peaks] >= _LEAST_PEAK]
        near = np.count_nonzero(np.diff(peaks) < round(_ONSET_GAP_S * _ONSET_FRAME_RATE_HZ))
        return {self.names[0]: (peaks.size - near) / self._channels.sounding_s}

    def _take(self, samples: FloatArray) -> None:
        """Read the frames that are whole, and keep the rest."""
        self._waiting = np.concatenate((self._waiting, samples))
        count = max(0, (self._waiting.size - _ONSET_FRAME) // _ONSET_HOP + 1)
        if count:
            frames = self._waiting[: (count - 1) * _ONSET_HOP + _ONSET_FRAME]
            librosa = librosa_module("librosa")
            spectra = librosa.stft(frames, n_fft=_ONSET_FRAME, hop_length=_ONSET_HOP, center=False)
            bands = [slice(*ends) for ends in pairwise(_ONSET_BANDS)]
            self._power.append(
                librosa.util.sync(np.square(np.abs(spectra)), bands, aggregate=np.sum, axis=0, pad=False)
            )
            self._waiting = self._waiting[count * _ONSET_HOP :]


def _running_mean(curves: Values, reach_s: float) -> Values:
    """Return mean over `reach_s` on each side, of as much as there is, along the last axis."""
    reach, size = round(reach_s * _ONSET_FRAME_RATE_HZ), curves.shape[-1]
    sums = np.concatenate((np.zeros((*curves.shape[:-1], 1)), np.cumsum(curves, axis=-1)), axis=-1)
    start, stop = np.maximum(np.arange(size) - reach, 0), np.minimum(np.arange(size) + reach + 1, size)
    return np.asarray((sums[..., stop] - sums[..., start]) / (stop - start))


class _Tempo(_Part):
    """The tempo, by librosa's own onset strength and its prior."""

    names = ("tempo_bpm",)

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._before = np.zeros(0, np.float32)
        self._tempogram = np.zeros(_TEMPOGRAM_FRAMES)

    def add(self, piece: FloatArray) -> None:
        librosa = librosa_module("librosa")
        overlap = self._before.size / self._rate_hz
        samples = _at_rate(np.concatenate((self._before, piece)), self._rate_hz, _ONSET_RATE_HZ)
        strength = librosa.onset.onset_strength(y=samples, sr=_ONSET_RATE_HZ, hop_length=_TEMPO_HOP)
        self._before = piece[-round(_OVERLAP_S * self._rate_hz) :].copy()
        gram = librosa.feature.tempogram(
            onset_envelope=strength[round(overlap * _ONSET_RATE_HZ / _TEMPO_HOP) :], sr=_ONSET_RATE_HZ,
            hop_length=_TEMPO_HOP, win_length=_TEMPOGRAM_FRAMES,
        )  # fmt: skip
        self._tempogram += gram.sum(axis=1)

    def finish(self) -> dict[str, float]:
        librosa = librosa_module("librosa")
        gram = self._tempogram[:, np.newaxis]
        return {self.names[0]: float(librosa.feature.tempo(tg=gram, sr=_ONSET_RATE_HZ, hop_length=_TEMPO_HOP)[0])}


class _Tuning(_Part):
    """The tuning: the histogram's peak over the deviations of all spectral peaks."""

    names = ("tuning_cents",)

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._pitches: list[Values] = []
        self._magnitudes: list[Values] = []
        self.semitones = 0.0

    def add(self, piece: FloatArray) -> None:
        low, high = _TUNING_RANGE_HZ
        pitches, magnitudes = librosa_module("librosa").piptrack(
            S=np.sqrt(_tonal_power(piece, self._rate_hz)), sr=_TONAL_RATE_HZ, n_fft=_TONAL_FRAME, fmin=low, fmax=high
        )
        found = pitches > 0.0
        self._pitches.append(pitches[found])
        self._magnitudes.append(magnitudes[found])

    def finish(self) -> dict[str, float]:
        pitches, magnitudes = np.concatenate(self._pitches), np.concatenate(self._magnitudes)
        if not pitches.size:
            return {}
        # As `estimate_tuning` chooses them, of all pieces together.
        strong = pitches[magnitudes >= np.median(magnitudes)]
        self.semitones = float(librosa_module("librosa").pitch_tuning(strong))
        return {"tuning_cents": 100.0 * self.semitones}


def _chroma(sound: Sound, length: int, tuning: float) -> Values:
    """Return mean share of each pitch class in the energy of a frame, over the frames that sound, shape (12,)."""
    librosa = librosa_module("librosa")
    pieces = [
        librosa.feature.chroma_stft(
            S=_tonal_power(piece, sound.sample_rate_hz), sr=_TONAL_RATE_HZ, n_fft=_TONAL_FRAME, tuning=tuning,
            norm=None, octwidth=None,
        )
        for piece in mono_pieces(sound, length)
    ]  # fmt: skip
    energies = np.concatenate(pieces, axis=1).astype(np.float64)
    total = energies.sum(axis=0)
    sounding = total > total.max(initial=0.0) * 10.0 ** (-_CHROMA_RANGE_DB / 10.0)
    return np.asarray((energies[:, sounding] / total[sounding]).mean(axis=1)) if sounding.any() else np.zeros(0)


def _tonal_power(piece: FloatArray, rate_hz: int) -> FloatArray:
    samples = _at_rate(piece, rate_hz, _TONAL_RATE_HZ)
    spectra = librosa_module("librosa").stft(samples, n_fft=_TONAL_FRAME, hop_length=_TONAL_HOP)
    return np.asarray(np.square(np.abs(spectra)), np.float32)


def _at_rate(samples: FloatArray, rate_hz: float, wanted_hz: float) -> FloatArray:
    """Resample by librosa, ceil(n * ratio) samples."""
    if rate_hz == wanted_hz:
        return samples
    return np.asarray(librosa_module("librosa").resample(samples, orig_sr=rate_hz, target_sr=wanted_hz), np.float32)


def _divisor(rate_hz: int) -> int:
    """Return by what the sound's rate is divided for power spectra, as `frontend.reading.shape_rate_hz` says."""
    return 1 if rate_hz < _HIGHEST_RATE_HZ else -(-rate_hz // 48_000)
