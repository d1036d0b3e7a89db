"""Where the sound of a stem is found in the mix, and how far it stands out there of what chance gives.

Finding sound in other sound belongs here; what follows for the stem stands in `belonging`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.levels import LevelReader
from flamingo_bark_assets.audio.rows import GrowingRows
from flamingo_bark_assets.audio.signal import FloatArray, Sound

MAX_LAG_S = 2.0
RATE_HZ = 8000
LONGEST_COMPARED_S = 1800.0

_SONG_S = 300
_WHITENING = 0.7
_PEAK_WIDTH_S = 0.02
_REST_WEIGHT = 10.0
# Segments, of the length of a power of two, as long as this many fit into the song.
_FEWEST_SEGMENTS = 8
_SHORTEST_SEGMENT_S = 1.0
_LONGEST_SEGMENT_S = 8.2
_MOST_SEGMENTS = 24
_SOUNDING_DB = -40.0
_TRIMMED_SHARE = 0.25
_FEWEST_TRIMMED = 4
_FEWEST_INNER = 3
_NORMAL_MEDIAN = 0.6745  # of the absolute value of a normal variable with deviation 1
_SAME_LAG_S = 0.005
_AS_HIGH = 0.5
_DISTANCE_COST = 0.15

_AT_ONCE = 4  # segments, which one Fourier transform takes side by side

Spectra = npt.NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Match:
    """Where a stem is found in the mix.

    Attributes:
        lag_s: positive when the stem is late.
        strength: height of the correlation there, in standard deviations of what it has at other lags.
        agreement: share of neighbouring segments of the stem that are found at one lag, to 5 ms.
        neighbours: how many such pairs of segments there are.
    """

    lag_s: float
    strength: float
    agreement: float
    neighbours: int

    @property
    def lag_confidence(self) -> float:
        """How far to trust the lag, 0 to 1: 0 up to twice what noise alone gives, a strength of 5."""
        return min(1.0, max(0.0, 1.0 - _REST_WEIGHT / self.strength)) if self.strength > 0.0 else 0.0


class MixReference:
    """A mix in which any number of stems are looked for; its spectra are computed once.

    The stem is cut into segments of 1 to 8 s, of which up to 24 that sound are looked for one by one. The
    cross-spectrum of each is partly whitened (generalized cross-correlation, C. Knapp and G. Carter, 1976; exponent 0.7
    in place of PHAT's 1), which sharpens the peak of tonal sound. The correlations, each scaled to a deviation of 1,
    are added up with the highest and the lowest quarter at each lag left out: a drum sample that two songs share
    matches strongly, but at another lag each time it is struck. The polarity of the stem does not matter. The mix is
    mono, without DC, shape (n_samples,).
    """

    def __init__(self, waveform: FloatArray, *, rate_hz: int = RATE_HZ, max_lag_s: float = MAX_LAG_S) -> None:
        from scipy.fft import next_fast_len

        self._waveform = waveform
        self._rate_hz = rate_hz
        self._max_lag = round(max_lag_s * rate_hz)
        wanted = min(max(waveform.size / _FEWEST_SEGMENTS, _SHORTEST_SEGMENT_S * rate_hz), _LONGEST_SEGMENT_S * rate_hz)
        self._segment = 1 << int(np.log2(wanted))
        # Long enough that lags up to the largest do not wrap around.
        self._size: int = next_fast_len(self._segment + 2 * self._max_lag, real=True)
        self._spectra: dict[int, Spectra] = {}

    def match(self, stem: FloatArray) -> Match | None:
        """Find a stem at the peak of its correlation with the mix, refined by a parabola to well below 1 ms.

        `stem` is mono at the mix's rate, without DC, shape (n_samples,). None where stem or mix hold no sound.
        """
        return self._match(stem, 0.0)

    def expected_strength(self, stem: FloatArray, gain: float) -> float:
        """Return how strongly a stem is found after it was added to the mix with a gain; 0 where it is silent."""
        found = self._match(stem, gain)
        return 0.0 if found is None else found.strength

    def _match(self, stem: FloatArray, added_gain: float) -> Match | None:
        sounding = self._sounding(stem)
        each = np.empty((len(sounding), 2 * self._max_lag + 1), np.float32)
        found: list[int] = []
        for first in range(0, len(sounding), _AT_ONCE):
            indices = sounding[first : first + _AT_ONCE]
            mix = self._mix_spectra(indices)
            if added_gain:
                mix = mix + np.float32(added_gain) * self._stem_spectra(stem, indices, self._max_lag)
            correlations, deviations = self._correlations(mix, self._stem_spectra(stem, indices))
            for index, correlation, deviation in zip(indices, correlations, deviations, strict=True):
                if deviation > 0.0:
                    np.divide(correlation, deviation, out=each[len(found)])
                    found.append(index)
        if not found:
            return None
        each = each[: len(found)]
        inner = np.array([self._is_inner(index) for index in found])
        peaks = np.abs(each).argmax(axis=1)
        agreeing = np.abs(np.diff(peaks)) <= _SAME_LAG_S * self._rate_hz
        trimmed = np.abs(_trimmed_sum(each[inner] if _FEWEST_INNER <= inner.sum() < inner.size else each))
        at = self._likeliest(trimmed, np.abs(each.sum(axis=0)))
        return Match(
            lag_s=(at + _vertex(trimmed, at) - self._max_lag) / self._rate_hz,
            strength=_strength(trimmed, round(_PEAK_WIDTH_S * self._rate_hz)),
            agreement=float(agreeing.mean()) if agreeing.size else 0.0,
            neighbours=int(agreeing.size),
        )

    def _is_inner(self, index: int) -> bool:
        """Return whether there is mix at all lags of a segment; without it, chance would look smaller than it is."""
        start = index * self._segment - self._max_lag
        return start >= 0 and start + self._segment + 2 * self._max_lag <= self._waveform.size

    def _likeliest(self, trimmed: FloatArray, whole: FloatArray) -> int:
        """Return where the stem lies, as the index of a lag.

        Where it repeats itself, the ends of the song, which are trimmed off, tell which repetition it is, and where
        they do not, the smallest lag is the likeliest.
        """
        distance = np.abs(np.arange(trimmed.size) - self._max_lag) / self._max_lag
        likelihood = whole * (1.0 - _DISTANCE_COST * distance)
        return int(np.where(trimmed >= _AS_HIGH * trimmed.max(), likelihood, 0.0).argmax())

    def _sounding(self, stem: FloatArray) -> list[int]:
        """Return the segments to look for: those within 40 dB of the loudest, evenly chosen where there are many."""
        starts = range(0, min(stem.size, self._waveform.size + self._max_lag), self._segment)
        power = np.array([float(np.mean(np.square(stem[start : start + self._segment]))) for start in starts])
        if not power.size or not power.max() > 0.0:
            return []
        chosen = np.flatnonzero(power >= power.max() * 10.0 ** (_SOUNDING_DB / 10.0))
        if chosen.size > _MOST_SEGMENTS:  # the first and the last among them, which tell one period from the next
            chosen = chosen[np.linspace(0, chosen.size - 1, _MOST_SEGMENTS).round().astype(np.intp)]
        return [int(index) for index in chosen]

    def _stem_spectra(self, stem: FloatArray, indices: Sequence[int], offset: int = 0) -> Spectra:
        from scipy.fft import rfft

        padded = np.zeros((len(indices), self._size), np.float32)
        for row, index in zip(padded, indices, strict=True):
            samples = stem[index * self._segment : (index + 1) * self._segment]
            row[offset : offset + samples.size] = samples
        return np.asarray(rfft(padded, axis=1), np.complex64)

    def _mix_spectra(self, indices: Sequence[int]) -> Spectra:
        """Return the spectra of the mix around segments, from the largest lag before to the largest after each."""
        from scipy.fft import rfft

        if new := [index for index in indices if index not in self._spectra]:
            padded = np.zeros((len(new), self._size), np.float32)
            for row, index in zip(padded, new, strict=True):
                first = index * self._segment - self._max_lag
                start, end = max(0, first), min(self._waveform.size, first + self._segment + 2 * self._max_lag)
                row[start - first : end - first] = self._waveform[start:end]
            self._spectra.update(zip(new, np.asarray(rfft(padded, axis=1), np.complex64), strict=True))
        return np.stack([self._spectra[index] for index in indices])

    def _correlations(self, mix: Spectra, stem: Spectra) -> tuple[FloatArray, FloatArray]:
        """Return the correlations of segments from the most negative to the most positive lag, and their deviations.

        Where a segment or the mix around it is silent, the deviation is 0.
        """
        from scipy.fft import irfft

        cross = np.conj(mix) * stem
        magnitude = np.abs(cross)
        largest = magnitude.max(axis=1, keepdims=True)
        floor = np.where(largest > 0.0, largest * np.float32(1e-6), np.float32(1.0))
        cross *= np.maximum(magnitude, floor) ** np.float32(-_WHITENING)
        circular = irfft(cross, self._size, axis=1)
        near = np.concatenate((circular[:, self._size - 2 * self._max_lag :], circular[:, :1]), axis=1)
        # The median of an odd number of values.
        medians = np.partition(np.abs(near), self._max_lag, axis=1)[:, self._max_lag]
        return np.asarray(near, np.float32), np.asarray(medians / np.float32(_NORMAL_MEDIAN), np.float32)


class WaveformReader:
    """Gathers the first half hour of a sound that comes block by block, as `MixReference` takes it.

    With `difference` it takes half the difference of two channels in place of their mean.
    """

    def __init__(self, sample_rate_hz: int, channels: int, *, difference: bool = False) -> None:
        import soxr

        self._difference = difference and channels == 2
        self._left = round(LONGEST_COMPARED_S * sample_rate_hz)
        self._rows = GrowingRows(np.float32, first_rows=_SONG_S * RATE_HZ)
        self._stream = soxr.ResampleStream(sample_rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
        self._mono = np.zeros(0, np.float32)  # kept, as the system takes long to give such memory block by block

    def add(self, block: FloatArray) -> None:
        """Take the next samples, shape (n_channels, n)."""
        block = block[:, : self._left]
        self._left -= block.shape[1]
        if block.shape[1]:
            self._rows.append(self._stream.resample_chunk(self._mixed(block)))

    def _mixed(self, block: FloatArray) -> FloatArray:
        if block.shape[0] == 1:
            return np.ascontiguousarray(block[0])
        if block.shape[0] == 2:  # several times as fast as the mean over so short an axis
            if block.shape[1] > self._mono.size:
                self._mono = np.zeros(block.shape[1], np.float32)
            mono = self._mono[: block.shape[1]]
            (np.subtract if self._difference else np.add)(block[0], block[1], out=mono)
            mono *= np.float32(0.5)
            return mono
        return np.asarray(block.mean(axis=0), np.float32)

    def finish(self) -> FloatArray:
        """Give the mono samples at `RATE_HZ` without their mean."""
        self._rows.append(self._stream.resample_chunk(np.zeros(0, np.float32), last=True))
        samples = self._rows.take()
        samples -= _mean(samples)
        return samples


def waveform_of(sound: Sound, *, difference: bool | None = None) -> FloatArray:
    """Read a sound through for its waveform alone.

    Without `difference` it is taken where one of two channels is in inverted polarity, for which it is read once more.
    """
    levels = LevelReader(sound.sample_rate_hz, sound.channels) if difference is None else None
    reader = WaveformReader(sound.sample_rate_hz, sound.channels, difference=difference is True)
    for block in sound.blocks():
        if levels is not None:
            levels.add(block)
        reader.add(block)
    opposed = levels is not None and levels.finish().opposed
    return waveform_of(sound, difference=True) if opposed else reader.finish()


def without_mean(samples: FloatArray) -> FloatArray:
    """Return the samples about their mean."""
    return samples - _mean(samples)


def _mean(samples: FloatArray) -> np.float32:
    return np.float32(samples.mean(dtype=np.float64)) if samples.size else np.float32(0.0)


def _trimmed_sum(each: FloatArray) -> FloatArray:
    """Sum over segments without the highest and lowest quarter at each lag; of all where they are few."""
    count = each.shape[0]
    if count < _FEWEST_TRIMMED:
        return np.asarray(each.sum(axis=0), np.float32)
    cut = round(count * _TRIMMED_SHARE)
    return np.asarray(np.sort(each, axis=0)[cut : count - cut].sum(axis=0), np.float32)


def _strength(correlation: FloatArray, width: int) -> float:
    """Compute the height of the highest point over the deviation of all that is not within `width` of it."""
    at = int(correlation.argmax())
    rest = np.concatenate((correlation[: max(0, at - width)], correlation[at + width + 1 :])).astype(np.float64)
    deviation = float(np.sqrt(np.mean(np.square(rest)))) if rest.size else 0.0
    return float(correlation[at]) / deviation if deviation > 0.0 else 0.0


def _vertex(correlation: FloatArray, at: int) -> float:
    """Return where the parabola through a point and its neighbours has its vertex, samples from that point."""
    if not 0 < at < correlation.size - 1:
        return 0.0
    before, here, after = (float(value) for value in correlation[at - 1 : at + 2])
    curvature = before - 2.0 * here + after
    return max(-1.0, min(1.0, 0.5 * (before - after) / curvature)) if curvature < 0.0 else 0.0
