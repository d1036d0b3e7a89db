"""Statistics of the spectrum of a whole recording at its own rate, gathered in one pass over blocks of samples.

Which levels each band takes over the song belongs here; what they say of bandwidth and noise does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled

FRAME = 2048
GROUP = 3
GROUPS = (FRAME // 2 - 1) // GROUP
CODES_PER_OCTAVE = 4

_KAISER_BETA = 12.0  # side lobes under -90 dB, main lobe of 8 bins
_DENSE_FRAMES = 512  # after each so many frames the next are taken half as densely
_BATCH = 16
_CODE_SHIFT = 21  # leaves two bits of a float32's mantissa: four codes an octave
_FIRST_CODE = (127 - 64) * CODES_PER_OCTAVE
_CODES = 76 * CODES_PER_OCTAVE
_LOWEST_POWER = 2.0**-60
_DIGITAL_SILENCE = 1e-13
_SILENCE_RATIO = 1e-6

Floats = npt.NDArray[np.float64]


def _noise_band_edges() -> npt.NDArray[np.int64]:
    """Return first bin of each band, and the end of the last: at least 16 bins or a sixth of an octave wide."""
    edges = [24]
    while edges[-1] + max(16, edges[-1] // 8) <= FRAME // 2 - 16:
        edges.append(edges[-1] + max(16, edges[-1] // 8))
    return np.array(edges, np.int64)


NOISE_BAND_EDGES = _noise_band_edges()


@dataclass(frozen=True, slots=True)
class LongTermSpectrum:
    """What a `SpectrumReader` has seen.

    Powers are mean squares of one channel, full scale 1, the mean over channels.

    Attributes:
        sample_rate_hz: of the sound.
        channels: of the sound.
        histogram: how often each group of `GROUP` bins had each level, frames weighted by the time they stand
            for, shape (GROUPS, n_codes); frames 60 dB below the loudest so far are left out.
        band_power: mean power a bin in each noise band, frame by frame, shape (n_frames, n_bands), float32.
        band_log2: mean base-2 logarithm of the power of its bins (piecewise linear between powers of 2), alike.
        weight: number of frames that each of these stands for, shape (n_frames,).
        position: index of the frame each was taken from, shape (n_frames,).
    """

    sample_rate_hz: int
    channels: int
    histogram: npt.NDArray[np.int64]
    band_power: FloatArray
    band_log2: FloatArray
    weight: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]

    @property
    def group_hz(self) -> Floats:
        """Centre frequency of each group of bins, shape (GROUPS,)."""
        return (np.arange(GROUPS) * GROUP + 1 + (GROUP - 1) / 2) * self.sample_rate_hz / FRAME

    def quantile_db(self, share: float) -> Floats | None:
        """Return level that each group stays below for `share` of the sounding time, shape (GROUPS,).

        10 log10 of the power a bin, to 0.75 dB; None where no frame sounded.
        """
        total = int(self.histogram[0].sum())
        if not total:
            return None
        codes = np.argmax(np.cumsum(self.histogram, axis=1) >= share * total, axis=1)
        # Within an octave the codes are spaced evenly in power, not in its logarithm.
        octave, step = np.divmod(codes + _FIRST_CODE, CODES_PER_OCTAVE)
        return np.asarray(
            (octave - 127 + np.log2(1.0 + (step + 0.5) / CODES_PER_OCTAVE)) * 10.0 * math.log10(2.0), np.float64
        )


class SpectrumReader:
    """Takes blocks of a sound, and from them non-overlapping frames of `FRAME` samples in both channels at once.

    Frames are taken densely at the start and more and more sparsely in long sounds, each weighted by the time
    that it stands for: the cost grows with the logarithm of the length.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._channels = channels
        self._pairs = (channels + 1) // 2
        self._window = np.kaiser(FRAME, _KAISER_BETA).astype(np.float32)
        self._window /= np.float32(math.sqrt(float(np.square(self._window, dtype=np.float64).sum())))
        self._batch = np.zeros((_BATCH, self._pairs, FRAME), np.complex64)
        self._filled = 0
        self._partial = 0
        self._next_frame = 0
        self._taken = 0
        self._seen = 0
        self._loudest = np.zeros(1, np.float32)
        self._histogram = np.zeros((GROUPS, _CODES), np.int64)
        self._bands: list[tuple[FloatArray, FloatArray]] = []
        self._weight: list[int] = []
        self._position: list[int] = []

    def add(self, block: FloatArray) -> None:
        """Take the next samples, shape (n_channels, n)."""
        start, end = self._seen, self._seen + block.shape[1]
        while self._next_frame * FRAME < end:
            first = self._next_frame * FRAME
            a, b = max(first, start), min(first + FRAME, end)
            into = self._batch[self._filled, :, a - first : b - first]
            into.real[:] = block[0::2, a - start : b - start]
            into.imag[: self._channels // 2] = block[1::2, a - start : b - start]
            if b < first + FRAME:
                break
            self._complete_frame()
        self._seen = end

    def finish(self) -> LongTermSpectrum:
        """Process what is left. A last frame that is not full is left out."""
        self._work()
        n_bands = NOISE_BAND_EDGES.size - 1
        power, log2 = zip(*self._bands, strict=True) if self._bands else ((), ())
        empty = np.zeros((0, n_bands), np.float32)
        return LongTermSpectrum(
            self._sample_rate_hz,
            self._channels,
            self._histogram,
            np.concatenate([empty, *power]),
            np.concatenate([empty, *log2]),
            np.array(self._weight, np.int64),
            np.array(self._position, np.int64),
        )

    def _complete_frame(self) -> None:
        stride = 1 << (self._taken // _DENSE_FRAMES)
        self._weight.append(stride)
        self._position.append(self._next_frame)
        self._taken += 1
        self._next_frame += stride
        self._filled += 1
        if self._filled == _BATCH:
            self._work()

    def _work(self) -> None:
        import scipy.fft

        count, self._filled = self._filled, 0
        if not count:
            return
        frames = self._batch[:count]
        frames = (frames - frames.mean(axis=-1, keepdims=True)) * self._window
        spectra = scipy.fft.fft(frames, axis=-1, overwrite_x=True)
        n_bands = NOISE_BAND_EDGES.size - 1
        power, log2 = np.empty((count, n_bands), np.float32), np.empty((count, n_bands), np.float32)
        weights = np.array(self._weight[-count:], np.int64)
        scale = np.float32(1.0 / (FRAME * self._channels))
        _gather(
            spectra.view(np.float32).reshape(count, self._pairs, FRAME, 2),
            scale, weights, NOISE_BAND_EDGES, self._loudest, self._histogram, power, log2,
        )  # fmt: skip
        self._bands.append((power, log2))


@compiled(
    "void(float32[:, :, :, ::1], float32, int64[::1], int64[::1], float32[::1], int64[:, ::1], float32[:, ::1],"
    " float32[:, ::1])",
    fastmath=True,
)
def _gather(
    spectra: FloatArray,
    scale: np.float32,
    weights: npt.NDArray[np.int64],
    band_edges: npt.NDArray[np.int64],
    loudest: FloatArray,
    histogram: npt.NDArray[np.int64],
    band_power: FloatArray,
    band_log2: FloatArray,
) -> None:
    """Add frames of L + iR to the statistics; the two halves of such a spectrum hold the power of L and R together."""
    n_frames, n_pairs, size, _ = spectra.shape
    half = size // 2
    forward = np.empty(half, np.float32)
    backward = np.empty(half, np.float32)
    for i in range(n_frames):
        forward[:] = np.float32(0.0)
        backward[:] = np.float32(0.0)
        for p in range(n_pairs):
            for k in range(1, half):
                forward[k] += spectra[i, p, k, 0] ** 2 + spectra[i, p, k, 1] ** 2
                backward[k] += spectra[i, p, size - k, 0] ** 2 + spectra[i, p, size - k, 1] ** 2
        total = np.float32(0.0)
        for k in range(1, half):
            forward[k] = forward[k] * scale + np.float32(_LOWEST_POWER)
            backward[k] = backward[k] * scale + np.float32(_LOWEST_POWER)
            total += forward[k] + backward[k]
        forward_bits = forward.view(np.int32)
        backward_bits = backward.view(np.int32)
        for b in range(band_edges.size - 1):
            power = np.float32(0.0)
            bits = np.int64(0)
            for k in range(band_edges[b], band_edges[b + 1]):
                power += forward[k] + backward[k]
                bits += np.int64(forward_bits[k]) + np.int64(backward_bits[k])
            cells = 2 * (band_edges[b + 1] - band_edges[b])
            band_power[i, b] = power / cells
            band_log2[i, b] = bits / (cells * 8388608.0) - 127.0
        loudest[0] = max(loudest[0], total)
        if total < max(np.float32(_SILENCE_RATIO) * loudest[0], np.float32(_DIGITAL_SILENCE)):
            continue
        for g in range(histogram.shape[0]):
            k = 1 + 3 * g
            forward[g] = np.float32(0.3333333) * (
                forward[k] + forward[k + 1] + forward[k + 2] + backward[k] + backward[k + 1] + backward[k + 2]
            )
        for g in range(histogram.shape[0]):
            code = (forward_bits[g] >> _CODE_SHIFT) - _FIRST_CODE
            histogram[g, min(max(code, 0), _CODES - 1)] += weights[i]
