"""Which segment of a song is typical of it: one that sounds, not its first seconds.

The levels of a song and where a segment begins by them belong here; cutting and joining stands in `excerpts`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.analysis.features.structure import Section
from flamingo_bark_assets.audio.levels import SILENCE_DBFS, mono_pieces
from flamingo_bark_assets.audio.signal import FloatArray, Sound

BLOCK_S = 1.0
_SILENT_RMS = 10.0 ** (SILENCE_DBFS / 20.0)
MIN_SOUNDING_SHARE = 0.5
_BANDS = 24
_NOVELTY_BLOCKS = 8
_MIN_NOVELTY_DB = 4.0
_LOWEST_BAND_HZ = 50.0
_FFT = 2048

Floats = npt.NDArray[np.float64]


def block_levels(sound: Sound, block: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Compute each block's band levels, dB, shape (n_blocks, 24), and which blocks sound.

    A last one that is not full is left out.
    """
    edges = _band_edges(sound.sample_rate_hz)
    levels: list[Floats] = []
    sounding: list[bool] = []
    for samples in mono_pieces(sound, block):
        if samples.size == block or not levels:
            sounding.append(float(np.sqrt(np.mean(np.square(samples)))) > _SILENT_RMS)
            levels.append(_band_levels(samples, edges))
    if not levels:
        return _band_levels(np.zeros(0, np.float32), edges)[np.newaxis], np.zeros(1, np.bool_)
    return np.stack(levels), np.array(sounding)


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


def measured_sections(levels_db: Floats, sounding: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Split a song where its sound changes: the two-sided novelty of Foote (ICME 2000) over the band levels.

    Levels have shape (n_blocks, n_bands). First block and block behind the last of each section are returned; together
    they are the whole song.
    """
    count = len(levels_db)
    # Silence is one level, however deep it is: a fade is no change of section.
    levels = np.maximum(levels_db, levels_db[sounding].max(initial=-60.0) - 60.0)
    novelty = np.zeros(count)
    for block in range(_NOVELTY_BLOCKS, count - _NOVELTY_BLOCKS + 1):
        before, after = levels[block - _NOVELTY_BLOCKS : block], levels[block : block + _NOVELTY_BLOCKS]
        novelty[block] = np.sqrt(np.mean(np.square(after.mean(axis=0) - before.mean(axis=0))))
    borders = [
        block
        for block in range(count)
        if novelty[block] >= _MIN_NOVELTY_DB
        and novelty[block] == novelty[max(0, block - _NOVELTY_BLOCKS + 1) : block + _NOVELTY_BLOCKS].max()
    ]
    return list(itertools.pairwise([0, *borders, count]))


def in_blocks(sections: Sequence[Section], count: int) -> list[tuple[int, int]]:
    """Return first block and block behind the last of each section that holds a whole block."""
    spans = [(round(section.start_s / BLOCK_S), min(count, round(section.end_s / BLOCK_S))) for section in sections]
    return [(first, end) for first, end in spans if first < end]


def _typical_section(
    levels_db: Floats, sounding: npt.NDArray[np.bool_], size: int, sections: list[tuple[int, int]]
) -> tuple[int, int]:
    """Find the section nearest to the median of all that sounds, among those that sound and are not much too short."""
    shares = [float(sounding[first:end].mean()) for first, end in sections]
    long = [section for section, share in zip(sections, shares, strict=True)
            if share >= MIN_SOUNDING_SHARE and section[1] - section[0] >= size / 2]  # fmt: skip
    if not long:
        return 0, len(sounding)
    typical = np.median(levels_db[sounding], axis=0)
    return min(long, key=lambda section: float(np.mean(np.square(levels_db[slice(*section)].mean(axis=0) - typical))))


def best_start(levels_db: Floats, sounding: npt.NDArray[np.bool_], size: int, sections: list[tuple[int, int]]) -> int:
    """Return where in the most typical section the segment begins that is most like the whole."""
    first, end = _typical_section(levels_db, sounding, size, sections)
    last = len(sounding) - size
    return nearest_start(levels_db, sounding, size, min(first, last), min(max(first, end - size), last))[0]


def nearest_start(
    levels_db: Floats, sounding: npt.NDArray[np.bool_], size: int, first: int, last: int
) -> tuple[int, float]:
    """Return which segment of `size` blocks that begins at `first` to `last` is most like all that sounds.

    Of those within half a dB of the nearest the fullest is taken. Where none sounds for half its time, the one that
    sounds most, at an infinite distance.

    Returns:
        Its first block, and the RMS difference of its mean band levels from the median of all that sounds, dB.
    """
    starts = np.arange(first, last + 1)
    typical = np.median(levels_db[sounding], axis=0)
    shares = np.array([sounding[start : start + size].mean() for start in starts])
    if shares.max() < MIN_SOUNDING_SHARE:
        return int(starts[shares.argmax()]), np.inf
    distances = np.array(
        [np.sqrt(np.mean(np.square(levels_db[start : start + size].mean(axis=0) - typical))) for start in starts]
    )
    distances[shares < MIN_SOUNDING_SHARE] = np.inf
    near = distances <= distances.min() + 0.5  # dB: within it the fuller segment is better
    best = int(shares[near].argmax())
    return int(starts[near][best]), float(distances[near][best])
