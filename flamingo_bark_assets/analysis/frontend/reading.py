"""One pass over a sound in blocks, in which everybody who wants its samples at their own rate reads along.

Who reads, the down-mix and its repair belong here; what is read out of the samples does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from flamingo_bark_assets.analysis.frontend.mono import RATES_HZ, Decimator, Mono, MonoPiece, MonoReader
from flamingo_bark_assets.analysis.frontend.spectra import RATE_HZ, ShapePower
from flamingo_bark_assets.audio.k_weighting import EnergyReader, SegmentEnergies
from flamingo_bark_assets.audio.levels import LevelReader, Levels
from flamingo_bark_assets.audio.signal import FloatArray

T_co = TypeVar("T_co", covariant=True)

_HIGHEST_SHAPE_RATE_HZ = 64_000
_AUDIBLE_MEAN = 1e-4  # -80 dBFS


class SoundSource(Protocol):
    """A sound that can be read in blocks as often as wanted: a `Signal` or `SoundBlocks`."""

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second of each channel."""

    def blocks(self) -> Iterator[FloatArray]:
        """Yield blocks of float32, shape (n_channels, n), n >= 1, each channel contiguous."""


class Reader(Protocol[T_co]):
    """Somebody who reads along, block by block or frame by frame."""

    def add(self, piece: FloatArray, /) -> None:
        """Take what follows; it may neither be kept nor written to.

        Of a native reader, samples as the file has them, shape (n_channels, n); of a shape reader power,
        shape (n_frames, 1025).
        """

    def finish(self) -> T_co:
        """Give the result, once, after the last."""


# Makes a reader for a sample rate and a number of channels.
NativeReader = Callable[[int, int], Reader[T_co]]
# Makes a reader of spectra whose bin k lies at k / `SHAPE_FRAME` times the rate that it is given.
ShapeReader = Callable[[float], Reader[T_co]]


@dataclass(frozen=True, slots=True, eq=False)
class SoundRead:
    """What one pass gives.

    Attributes:
        levels: sums over frames of 50 ms.
        energies: energies of segments of 100 ms.
        mono: the down-mix.
        results: what the readers gave, by their makers.
    """

    levels: Levels
    energies: SegmentEnergies
    mono: Mono
    results: dict[Any, Any]


@dataclass(slots=True)
class _ShapePass:
    """Hands the power spectra of the down-mix to the shape readers."""

    sample_rate_hz: int
    makers: Sequence[ShapeReader[Any]]
    readers: list[Reader[Any]] = field(init=False)
    _power: ShapePower = field(init=False)
    _decimator: Decimator = field(init=False)

    def __post_init__(self) -> None:
        rate_hz = shape_rate_hz(self.sample_rate_hz)
        self.readers = [make(rate_hz) for make in self.makers]
        self._power = ShapePower()
        self._decimator = Decimator(float(self.sample_rate_hz), rate_hz)

    def add(self, mono: FloatArray, *, last: bool = False) -> None:
        for power in self._power.add(self._decimator.add(mono, last=last)):
            for reader in self.readers:
                reader.add(power)

    def finish(self) -> dict[Any, Any]:
        self.add(np.zeros(0, np.float32), last=True)
        for power in self._power.finish():
            for reader in self.readers:
                reader.add(power)
        return {make: reader.finish() for make, reader in zip(self.makers, self.readers, strict=True)}


def shape_rate_hz(sample_rate_hz: int) -> float:
    """Return the rate at which power spectra are taken.

    The sound's own, or a whole fraction of it where that is 64 kHz or more.
    """
    divisor = 1 if sample_rate_hz < _HIGHEST_SHAPE_RATE_HZ else -(-sample_rate_hz // 48_000)
    return sample_rate_hz / divisor


def read_sound(
    source: SoundSource,
    *,
    native: Sequence[NativeReader[Any]] = (),
    shape: Sequence[ShapeReader[Any]] = (),
    longest_whole_s: float,
) -> SoundRead:
    """Read a sound through once; twice where only its end shows how its channels must be added.

    The readers of `native` take its samples, those of `shape` its power spectra.

    Raises:
        AudioFault: the source is at fault.
    """
    mono = MonoReader(source.sample_rate_hz, longest_whole_s=longest_whole_s)
    shapes = _ShapePass(source.sample_rate_hz, shape) if shape else None
    results = _pass(source, (LevelReader, EnergyReader, *native), False, mono, shapes)
    levels: Levels = results.pop(LevelReader)
    kept = mono.finish()
    mean = _mean_of_mix(levels)
    # The spectra of a long sound are done already, with the mean in them.
    if levels.opposed or (kept.long is not None and abs(mean) > _AUDIBLE_MEAN):
        del kept  # before as much again is made
        mono = MonoReader(source.sample_rate_hz, longest_whole_s=longest_whole_s, mean=mean)
        shapes = _ShapePass(source.sample_rate_hz, shape) if shape and levels.opposed else shapes
        _pass(source, (), levels.opposed, mono, shapes if levels.opposed else None)
        kept = mono.finish()
    else:
        kept.subtract(mean, levels.n_samples, source.sample_rate_hz)
    if shapes is not None:
        results |= shapes.finish()
    return SoundRead(levels, results.pop(EnergyReader), kept, results)


def read_native(source: SoundSource, make: NativeReader[T_co]) -> T_co:
    """Read a sound through for one native reader alone."""
    result: T_co = _pass(source, (make,), False, None, None)[make]
    return result


def read_shape(source: SoundSource, make: ShapeReader[T_co], levels: Levels) -> T_co:
    """Read a sound, whose levels are known, through for one shape reader alone."""
    shapes = _ShapePass(source.sample_rate_hz, (make,))
    _pass(source, (), levels.opposed, None, shapes)
    result: T_co = shapes.finish()[make]
    return result


def read_pieces(
    source: SoundSource, levels: Levels, rate_hz: int, *, piece_s: float, margin_s: float
) -> Iterator[MonoPiece]:
    """Read a sound, whose levels are known, through for the pieces of its down-mix at one of `RATES_HZ`."""
    decimator = Decimator(source.sample_rate_hz, RATE_HZ / 2 ** RATES_HZ.index(rate_hz))
    size, margin = round(piece_s * rate_hz), round(margin_s * rate_hz)
    waiting, offset, first = np.zeros(0, np.float32), 0, 0
    mean = np.float32(_mean_of_mix(levels))
    mixed = (_mix(block, levels.opposed) - mean for block in source.blocks())
    for samples, last in itertools.chain(((each, False) for each in mixed), ((np.zeros(0, np.float32), True),)):
        waiting = np.concatenate([waiting, decimator.add(samples, last=last)])
        end = offset + waiting.size
        while first + size + margin <= end or (last and first < end):
            stop = min(first + size, end)
            yield MonoPiece(waiting[: stop + margin - offset].copy(), offset, first - offset, stop - offset)
            waiting = waiting[max(0, stop - margin - offset) :]
            first, offset = stop, end - waiting.size


def _pass(
    source: SoundSource,
    native: Sequence[NativeReader[Any]],
    inverted: bool,
    mono: MonoReader | None,
    shapes: _ShapePass | None,
) -> dict[Any, Any]:
    """Make one pass; give what the native readers gave, by their makers."""
    readers: list[Reader[Any]] | None = None
    for block in source.blocks():
        if readers is None:
            readers = [make(source.sample_rate_hz, block.shape[0]) for make in native]
        for reader in readers:
            reader.add(block)
        if mono is not None or shapes is not None:
            mixed = _mix(block, inverted)
            if mono is not None:
                mono.add(mixed)
            if shapes is not None:
                shapes.add(mixed)
    if readers is None:  # not a single sample
        readers = [make(source.sample_rate_hz, 1) for make in native]
    return {make: reader.finish() for make, reader in zip(native, readers, strict=True)}


def _mean_of_mix(levels: Levels) -> float:
    signs = np.array([1.0, -1.0]) if levels.opposed else np.ones(levels.channels)
    return float(signs @ levels.dc) / levels.channels


def _mix(block: FloatArray, inverted: bool) -> FloatArray:
    """Return mean of the channels; of a pair with one inverted channel, half their difference."""
    if block.shape[0] == 1:
        return np.asarray(block[0])
    if block.shape[0] > 2:
        return np.asarray(block.mean(axis=0, dtype=np.float32))
    mixed = block[0] - block[1] if inverted else block[0] + block[1]
    mixed *= np.float32(0.5)
    return np.asarray(mixed)
