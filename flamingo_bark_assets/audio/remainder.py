"""What the sum of the stems leaves of their mix, at the rate of the mix: all are read side by side, once.

The sums that one reading gives belong here; which stems are added, and how they are corrected, stands in `stems`.
"""

from __future__ import annotations

import collections
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.signal import BLOCK, FloatArray, Sound
from flamingo_bark_assets.audio.sums import BlockReader, equal_blocks
from flamingo_bark_assets.kernels import compiled

Floats = npt.NDArray[np.float64]

MAX_CUT_S = 1.0
"""Most that may be cut off the end of a stem for what is left to be judged up to there."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """Sums over the span that a mix and its stems have in common, about the mean of each channel.

    Attributes:
        n_samples: of each channel.
        left: energy of the mix minus the sum of the stems.
        product: of that and the sum of the stems.
        stems: energy of the sum of the stems.
    """

    n_samples: int
    left: float
    product: float
    stems: float

    @property
    def mix(self) -> float:
        """Energy of the mix."""
        return self.left + 2.0 * self.product + self.stems

    @property
    def unexplained(self) -> float:
        """Share of the energy of the mix that is left with the best gain for the sum of the stems."""
        return max(0.0, (self.left - self.product**2 / self.stems) / self.mix)


def common_channels(mix: Sound, stems: Sequence[Sound]) -> int:
    """Return in how many channels stems are compared with their mix: in mono where their numbers differ."""
    return mix.channels if all(stem.channels == mix.channels for stem in stems) else 1


def read_remainder(
    mix: Sound, stems: Sequence[Sound], *, begin_s: float = 0.0, along: Sequence[Sequence[BlockReader]] = ()
) -> Remainder:
    """Read a mix and its stems side by side to their ends.

    What is summed begins at `begin_s`, and ends with the mix or the longest stem, or with the shortest stem where that
    ends at most `MAX_CUT_S` before the mix; other stems that end early are silent after their end. Where numbers of
    channels differ, it is summed in mono. `along` are readers of each sound as it is in its file, the mix first.
    """
    rate_hz, channels = mix.sample_rate_hz, common_channels(mix, stems)
    left = round(_common_s(mix, stems) * rate_hz)
    skipped = min(left, round(begin_s * rate_hz))
    n_samples = left - skipped
    mix_blocks, *streams = (
        equal_blocks(sound, rate_hz, channels, along=readers)
        for sound, readers in zip((mix, *stems), along or [()] * (1 + len(stems)), strict=True)
    )
    added = np.zeros((channels, BLOCK), np.float32)
    sums = np.zeros((channels, 5))
    for block in mix_blocks:
        added[:] = 0.0
        for stream in streams:
            piece = next(stream, None)
            if piece is not None:
                added[:, : piece.shape[1]] += piece
        size = min(block.shape[1], left)
        left -= size
        first = min(skipped, size)
        skipped -= first
        for mixed, of_stems, of_channel in zip(block, added, sums, strict=True):
            _add_sums(np.ascontiguousarray(mixed[first:size]), of_stems[first:], of_channel)
    for stream in streams:
        collections.deque(stream, maxlen=0)
    means = sums[:, :2].T @ sums[:, :2] / max(1, n_samples)
    squares = sums[:, 2:].sum(axis=0)
    return Remainder(
        n_samples, float(squares[0] - means[0, 0]), float(squares[1] - means[0, 1]), float(squares[2] - means[1, 1])
    )


def _common_s(mix: Sound, stems: Sequence[Sound]) -> float:
    cut = [stem.duration_s for stem in stems if mix.duration_s - MAX_CUT_S <= stem.duration_s < mix.duration_s]
    return min([mix.duration_s, max(stem.duration_s for stem in stems), *cut])


@compiled("void(float32[::1], float32[::1], float64[::1])", fastmath=True)
def _add_sums(mix: FloatArray, stems: FloatArray, sums: Floats) -> None:
    """Add the sums of l, s, l * l, l * s and s * s, where l is what the stems s leave of the mix."""
    of_left = of_stems = left_square = product = stems_square = 0.0
    for i in range(mix.size):
        s = np.float64(stems[i])
        left = np.float64(mix[i]) - s
        of_left += left
        of_stems += s
        left_square += left * left
        product += left * s
        stems_square += s * s
    sums[0] += of_left
    sums[1] += of_stems
    sums[2] += left_square
    sums[3] += product
    sums[4] += stems_square
