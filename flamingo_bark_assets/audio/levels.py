"""Levels of a recording, frame by frame and channel by channel, gathered in one pass over blocks of samples.

Sums, squares and products belong here, and the down-mix that needs them; what they say of silence or the stereo
image does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.rows import GrowingRows
from flamingo_bark_assets.audio.signal import OPPOSED_CORRELATION, FloatArray, FrameClock, Sound, frame_edges
from flamingo_bark_assets.kernels import compiled

FRAME_S = 0.05
SILENCE_DBFS = -60.0
"""RMS below which sound counts as silence anywhere in this project; the default of FFmpeg's silencedetect as well."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Sums over each frame of `FRAME_S`; frame i begins at sample round(i * FRAME_S * sample_rate_hz).

    Attributes:
        sample_rate_hz: samples a second of each channel.
        n_samples: samples of each channel.
        channels: number of channels.
        peak: largest absolute sample of each channel, shape (n_channels,).
        frame_length: samples of each frame, the last one possibly shorter, shape (n_frames,).
        frame_sums: sum of the samples, shape (n_channels, n_frames).
        frame_squares: sum of their squares, shape (n_channels, n_frames).
        frame_products: sum of left times right, shape (n_frames,); zeros unless there are two channels.
    """

    sample_rate_hz: int
    n_samples: int
    channels: int
    peak: Floats
    frame_length: npt.NDArray[np.int64]
    frame_sums: Floats
    frame_squares: Floats
    frame_products: Floats

    @property
    def dc(self) -> Floats:
        """Mean of each channel, shape (n_channels,)."""
        return np.asarray(self.frame_sums.sum(axis=1) / max(1, self.n_samples), np.float64)

    @property
    def power(self) -> Floats:
        """Mean square of each channel, its mean not taken off, shape (n_channels,)."""
        return np.asarray(self.frame_squares.sum(axis=1) / max(1, self.n_samples), np.float64)

    @property
    def frame_power(self) -> Floats:
        """Mean square of each frame about each channel's mean over the whole, mean over channels, (n_frames,)."""
        dc = self.dc[:, np.newaxis]
        squares = self.frame_squares - 2.0 * dc * self.frame_sums + dc**2 * self.frame_length
        return np.asarray(np.maximum(squares.mean(axis=0), 0.0) / np.maximum(self.frame_length, 1), np.float64)

    @property
    def correlation(self) -> float:
        """Correlation of left and right, -1 to 1, about the means; 1.0 for mono, one silent channel or silence."""
        if self.channels != 2:
            return 1.0
        left, right = self.frame_squares.sum(axis=1) - self.n_samples * self.dc**2
        norm = float(np.sqrt(max(left, 0.0) * max(right, 0.0)))
        if norm <= 1e-12:
            return 1.0
        product = float(self.frame_products.sum()) - self.n_samples * float(np.prod(self.dc))
        return max(-1.0, min(1.0, product / norm))

    @property
    def opposed(self) -> bool:
        """Whether one channel of a pair must be turned over before a down-mix."""
        return self.correlation < OPPOSED_CORRELATION


class LevelReader:
    """Sums up the frames of a sound that comes block by block."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._channels = channels
        self._clock = FrameClock(sample_rate_hz, FRAME_S)
        self._peak_bits = [0] * channels
        self._rows = GrowingRows(np.float64, (2 * channels + 1,))

    def add(self, block: FloatArray) -> None:
        """Take the next samples, shape (n_channels, n), each channel contiguous."""
        first, edges = self._clock.advance(block.shape[1])
        rows = self._rows.reach(first + edges.size - 1)[first:]
        for c, bits in enumerate(block.view(np.int32)):
            self._peak_bits[c] = max(self._peak_bits[c], _highest_bits(bits))
        if self._channels == 2:  # the rows are laid out as the sums
            _sum_frames(block[0], block[1], edges, rows)
            return
        for c in range(0, self._channels, 2):
            pair = block[c : c + 2]
            sums = np.zeros((edges.size - 1, 5))
            _sum_frames(pair[0], pair[-1], edges, sums)
            rows[:, c : c + pair.shape[0]] += sums[:, : pair.shape[0]]
            rows[:, self._channels + c : self._channels + c + pair.shape[0]] += sums[:, 2 : 2 + pair.shape[0]]

    def finish(self) -> Levels:
        """Give the sums; a last frame that is not full is shorter."""
        n_samples, channels = self._clock.seen, self._channels
        rows = self._rows.take()
        return Levels(
            sample_rate_hz=self._sample_rate_hz,
            n_samples=n_samples,
            channels=channels,
            peak=np.array(self._peak_bits, np.int32).view(np.float32).astype(np.float64),
            frame_length=np.diff(frame_edges(n_samples, self._sample_rate_hz, FRAME_S)).astype(np.int64),
            frame_sums=np.ascontiguousarray(rows[:, :channels].T),
            frame_squares=np.ascontiguousarray(rows[:, channels : 2 * channels].T),
            frame_products=np.ascontiguousarray(rows[:, -1]),
        )


def levels_of(sound: Sound) -> Levels:
    """Read a sound through to sum up its frames."""
    reader = LevelReader(sound.sample_rate_hz, sound.channels)
    for block in sound.blocks():
        reader.add(block)
    return reader.finish()


def power_db(power: Floats | np.floating | float) -> Floats:
    """Return the level of a power, dB; -200 at least."""
    return np.asarray(10.0 * np.log10(np.maximum(power, 1e-20)), dtype=np.float64)


def mono_pieces(sound: Sound, length: int) -> Iterator[FloatArray]:
    """Give the down-mix of a sound of any length, piece by piece; of an opposed pair, half the difference.

    It is read once more where only its end shows the polarity; the last piece may be shorter.
    """
    opposed = sound.channels == 2 and levels_of(sound).opposed
    waiting: list[FloatArray] = []
    count = 0
    for block in sound.blocks():
        waiting.append((block[0] - block[1]) * np.float32(0.5) if opposed else block.mean(axis=0, dtype=np.float32))
        count += block.shape[1]
        if count >= length:
            joined = np.concatenate(waiting)
            whole = count - count % length
            yield from joined[:whole].reshape(-1, length)
            waiting, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(waiting)


@compiled("void(float32[::1], float32[::1], int64[::1], float64[:, ::1])", fastmath=True)
def _sum_frames(left: FloatArray, right: FloatArray, edges: npt.NDArray[np.int64], sums: Floats) -> None:
    """Add to each row the sums of l, r, l * l, r * r and l * r between two edges.

    Within a frame the compiler keeps many partial sums, so that float32 is exact enough: 1e-6 of the sum.
    """
    for f in range(edges.size - 1):
        of_left = of_right = left_square = right_square = product = np.float32(0.0)
        # Slices have indices that cannot be negative, so that the compiler may take many at a time.
        of_l, of_r = left[edges[f] : edges[f + 1]], right[edges[f] : edges[f + 1]]
        for i in range(of_l.size):
            l, r = of_l[i], of_r[i]  # noqa: E741
            of_left += l
            of_right += r
            left_square += l * l
            right_square += r * r
            product += l * r
        sums[f, 0] += of_left
        sums[f, 1] += of_right
        sums[f, 2] += left_square
        sums[f, 3] += right_square
        sums[f, 4] += product


@compiled("int64(int32[::1])")
def _highest_bits(bits: npt.NDArray[np.int32]) -> int:
    """Return the bits of the largest absolute float32, sign taken off.

    They are in the same order as the values, and faster to compare.
    """
    highest = 0
    for i in range(bits.size):
        size = bits[i] & 0x7FFFFFFF
        highest = size if size > highest else highest
    return highest
