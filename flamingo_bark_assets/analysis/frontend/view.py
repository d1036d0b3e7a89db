"""What all measurements of one signal share: it is decoded once, transformed once and read by everybody.

Down-mix, lower rates, spectra in frames and levels belong here; musical conclusions do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend import reading
from flamingo_bark_assets.analysis.frontend.mono import LONGEST_WHOLE_S, MonoPiece, TooLongError
from flamingo_bark_assets.analysis.frontend.reading import NativeReader, ShapeReader, SoundRead, SoundSource
from flamingo_bark_assets.analysis.frontend.spectra import (
    BINS_PER_SEMITONE,
    LOWEST_NOTE,
    NOTE_BINS,
    NOTE_RATE_HZ,
    ONSET_BAND_EDGES,
    ONSET_BANDS,
    ONSET_FRAME,
    ONSET_HOP,
    ONSET_RATE_HZ,
    RATE_HZ,
    SHAPE_FRAME,
    SHAPE_HOP,
    TONAL_FRAME,
    TONAL_HOP,
    TONAL_RATE_HZ,
    NoteSpectrum,
    OnsetSpectrum,
    Tuning,
)
from flamingo_bark_assets.audio.k_weighting import SegmentEnergies
from flamingo_bark_assets.audio.levels import FRAME_S, SILENCE_DBFS, Levels
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.parts import KINDS, STEM_KINDS, SUM_KINDS, StemKind

__all__ = [
    "ACTIVITY_FRAME_S",
    "BINS_PER_SEMITONE",
    "LOWEST_NOTE",
    "MIN_DURATION_S",
    "NOTE_BINS",
    "NOTE_RATE_HZ",
    "ONSET_BANDS",
    "ONSET_BAND_EDGES",
    "ONSET_FRAME",
    "ONSET_HOP",
    "ONSET_RATE_HZ",
    "RATE_HZ",
    "SHAPE_FRAME",
    "SHAPE_HOP",
    "TONAL_FRAME",
    "TONAL_HOP",
    "TONAL_RATE_HZ",
    "AudioView",
    "SongViews",
    "TooLongError",
    "Tuning",
    "read_view",
]

BoolArray = NDArray[np.bool_]
T = TypeVar("T")

MIN_DURATION_S = 0.5
ACTIVITY_FRAME_S = FRAME_S

_PIECE = 1 << 16


class AudioView:
    """Shared views of one sound, which is read on the first use of any of them and not kept.

    Frame i of `onset_power` is centred on i / `ONSET_RATE_HZ` seconds, frame i of `note_spectrum` on
    i / `NOTE_RATE_HZ`; samples before the start and after the end count as 0. Any finite sound is accepted, an
    empty one included. One of more than 10 minutes is long: its down-mix is only given in pieces.

    Args:
        source: the sound: a `Signal`, or `SoundBlocks` of a file.
        native: readers of its own samples that will be asked for, so that they read in the same pass.
        shape: readers of its power spectra, likewise.
        longest_whole_s: what is longer counts as long.
    """

    def __init__(
        self,
        source: SoundSource,
        *,
        native: Sequence[NativeReader[Any]] = (),
        shape: Sequence[ShapeReader[Any]] = (),
        longest_whole_s: float = LONGEST_WHOLE_S,
    ) -> None:
        self._source = source
        self._native = tuple(native)
        self._shape = tuple(shape)
        self._longest_whole_s = longest_whole_s

    @cached_property
    def _read(self) -> SoundRead:
        return reading.read_sound(
            self._source, native=self._native, shape=self._shape, longest_whole_s=self._longest_whole_s
        )

    def read_native(self, make: NativeReader[T]) -> T:
        """Return what a reader of the samples at their own rate gives; the same object for the same `make`.

        Args:
            make: makes the reader of a sample rate and a number of channels; a class, as a rule. Where it was not
                announced, the source is read again.
        """
        results = self._read.results
        if make not in results:
            results[make] = reading.read_native(self._source, make)
        return cast(T, results[make])

    def read_shape(self, make: ShapeReader[T]) -> T:
        """Return what a reader of the power spectra at the sound's own rate gives; the same object for the same `make`.

        The reader gets all frames of `SHAPE_FRAME` samples of the down-mix, which follow one another without overlap,
        the last filled up with 0, in pieces of at most 256: |X|^2 over the squared window sum, so that a sine of
        amplitude 1 gives 0.25. Bin k lies at k * `reading.shape_rate_hz` / `SHAPE_FRAME`. A faint mean of the samples
        remains in the bins 0 and 1. The source is read again where `make` was not announced.
        """
        results = self._read.results
        if make not in results:
            results[make] = reading.read_shape(self._source, make, self.levels)
        return cast(T, results[make])

    def take_native(self, make: NativeReader[T]) -> T:
        """Return the same, for a result that is needed once: it is not kept."""
        result = self.read_native(make)
        del self._read.results[make]
        return result

    @property
    def levels(self) -> Levels:
        """Sums, squares and products of the channels in frames of 50 ms."""
        return self._read.levels

    @property
    def energies(self) -> SegmentEnergies:
        """Energies of 100 ms segments, K-weighted and plain, for loudness and range."""
        return self._read.energies

    @property
    def sample_rate_hz(self) -> int:
        """The sound's own sample rate."""
        return self._source.sample_rate_hz

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.levels.channels

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.levels.n_samples / self.sample_rate_hz

    @property
    def is_long(self) -> bool:
        """Whether `mono` gives nothing and `mono_pieces` must be used."""
        return self._read.mono.long is not None

    @cached_property
    def unusable(self) -> str | None:
        """Why nothing can be measured in this signal; None where something can."""
        if self.duration_s < MIN_DURATION_S:
            return f"too short: {self.duration_s:.2f} s of sound, at least {MIN_DURATION_S} s are needed"
        if not bool(self.active.any()):
            return f"silent: no 50 ms of it reach {SILENCE_DBFS:.0f} dBFS"
        return None

    @cached_property
    def activity_power(self) -> FloatArray:
        """Mean square of each 50 ms frame, each channel's mean taken off, mean over channels, shape (n_frames,)."""
        return self.levels.frame_power.astype(np.float32)

    @cached_property
    def active(self) -> BoolArray:
        """Which 50 ms frames reach `SILENCE_DBFS`, shape (n_frames,)."""
        return np.asarray(self.activity_power >= 10.0 ** (SILENCE_DBFS / 10.0))

    @property
    def music_start_s(self) -> float:
        """Where the first 50 ms frame begins that reaches `SILENCE_DBFS`; 0 where none does."""
        return float(np.argmax(self.active)) * ACTIVITY_FRAME_S if self.active.any() else 0.0

    @property
    def music_end_s(self) -> float:
        """Where the last such frame ends; the duration where none is."""
        if not self.active.any():
            return self.duration_s
        last = self.active.size - int(np.argmax(self.active[::-1]))
        return min(self.duration_s, last * ACTIVITY_FRAME_S)

    def mono(self, rate_hz: int = RATE_HZ) -> FloatArray:
        """Return the down-mix without DC, shape (n_samples,), linear phase, no delay.

        Where one channel of a pair is the other one's inverse (`Levels.opposed`), it is turned over first. `rate_hz` is
        `RATE_HZ`, or that over 2, 4, 8, rounded down (11025, 5512, 2756: exactly 5512.5 and 2756.25).

        Raises:
            TooLongError: the sound is long.
        """
        return self._read.mono.whole(rate_hz)

    def mono_pieces(self, rate_hz: int, *, piece_s: float = 60.0, margin_s: float = 1.0) -> Iterator[MonoPiece]:
        """Return the same down-mix in consecutive pieces, for a sound of any length.

        A long sound is read once more for each call, as its down-mix is not kept. Each comes with `margin_s` of its
        neighbours on either side.
        """
        if self.is_long:
            return reading.read_pieces(self._source, self.levels, rate_hz, piece_s=piece_s, margin_s=margin_s)
        return self._read.mono.pieces(rate_hz, piece_s=piece_s, margin_s=margin_s)

    @cached_property
    def onset_power(self) -> FloatArray:
        """Power in `ONSET_BANDS` bands of a Hann frame of 23 ms, shape (n_frames, ONSET_BANDS).

        Scaled so that a full-scale sine within one band gives 0.25 at most (|X|^2 over the squared window sum).
        """
        if self._read.mono.long is not None:
            return self._read.mono.long.onset_power
        spectrum = OnsetSpectrum()
        for samples in _cut(self.mono()):
            spectrum.add(samples)
        return spectrum.finish()

    @property
    def note_spectrum(self) -> FloatArray:
        """Magnitude on a grid of thirds of a semitone from MIDI 24, not corrected for tuning, (n_frames, NOTE_BINS).

        Bin k lies at MIDI note `LOWEST_NOTE` + k / `BINS_PER_SEMITONE`; a sine of amplitude 1 gives 0.5. A bin takes
        the largest magnitude within half a bin of it, or the interpolated one where the FFT is coarser.
        """
        return self._tonal[0]

    @property
    def tuning(self) -> Tuning:
        """Circular mean deviation of the spectral peaks between 100 and 2000 Hz from the semitone grid."""
        return self._tonal[1]

    @cached_property
    def _tonal(self) -> tuple[FloatArray, Tuning]:
        long = self._read.mono.long
        if long is not None:
            return long.note_spectrum, long.tuning
        spectrum = NoteSpectrum()
        for samples in _cut(self.mono(TONAL_RATE_HZ)):
            spectrum.add(samples)
        return spectrum.finish()


def read_view(
    source: SoundSource,
    *,
    native: Sequence[NativeReader[Any]] = (),
    shape: Sequence[ShapeReader[Any]] = (),
) -> AudioView:
    """Read a sound at once, so that its faults come to light here.

    The arguments are those of `AudioView`.

    Raises:
        AudioFault: the file turns out to be at fault.
    """
    view = AudioView(source, native=native, shape=shape)
    view.levels  # noqa: B018
    return view


@dataclass(frozen=True, slots=True)
class SongViews:
    """The mix and what stems there are, each transformed once.

    Attributes:
        mix: the full mix.
        stems: the sum of the stems of each kind; a kind that is missing or unusable is left out.
    """

    mix: AudioView
    stems: Mapping[StemKind, AudioView] = field(default_factory=dict)

    @property
    def chordal(self) -> tuple[AudioView, ...]:
        """The stems of which chords and key are read, together, in the order of their kinds.

        An instrumental is none: it holds the drums as the mix does, and its chords are no surer than the mix's.
        """
        kinds = (kind for kind in STEM_KINDS if KINDS[kind].harmony == "chords" and kind not in SUM_KINDS)
        return tuple(self.stems[kind] for kind in kinds if kind in self.stems)


def _cut(samples: FloatArray) -> Iterator[FloatArray]:
    return (samples[start : start + _PIECE] for start in range(0, samples.size, _PIECE))
