"""The sound of clips: each source of a song is decoded and resampled once, and clips are cut out of it without a click.

Cutting sound and its level belong here; where a clip lies was decided when it was planned.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from flamingo_bark_assets.audio.correction import corrected
from flamingo_bark_assets.audio.decode import SampleMemory, decode
from flamingo_bark_assets.audio.levels import mono_pieces
from flamingo_bark_assets.audio.recording import Stem, StemSet
from flamingo_bark_assets.audio.signal import BLOCK, FloatArray, Sound
from flamingo_bark_assets.audio.sums import SumSound, equal_blocks
from flamingo_bark_assets.clips.cutting import SHIFT_S
from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.errors import AudioFault, ClipRefused, LibraryError
from flamingo_bark_assets.library.fingerprint import sha256_of
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.parts import Part
from flamingo_bark_assets.settings import ClipSettings

CEILING_DBFS = -1.0
"""A clip whose peak is above is turned down until it lies there; every other clip keeps its level."""
HELD_BYTES = 256 << 20
"""Resampled sound of one song that is held in memory; what finds no room stands in a file that goes with it."""

_FADE_S = 0.005
_SHORT_FADE_S = 0.002
# A step of 1 % of full scale at a cut is not audible as a click, and is less than music moves between two samples.
_MAX_STEP = 0.01
_LONGEST_S = 24 * 3600.0


class SongRenderer:
    """Renders the clips of one song.

    A stem is read as it is in the mix, with the delay, gain, polarity and offset taken off that were found of it; where
    it ends before the clip does, silence follows. The level is untouched unless the peak is above `CEILING_DBFS`. The
    start is moved to the front by at most `SHIFT_S`, to where the sum of the channels crosses zero, and the end so that
    the clip becomes at most so much shorter; where nothing crosses zero, or a single channel would jump, there is a
    fade of 2 or 5 ms. A clip that is cut to length has exactly the samples of its length.

    Args:
        files: the song's files.
        stems: which of its stems are usable, and of which kind.
        settings: what is refused.
        longest_s: longest file that is decoded, seconds.
    """

    def __init__(
        self, files: SongFiles, stems: StemSet, settings: ClipSettings | None = None, *, longest_s: float = _LONGEST_S
    ) -> None:
        self._files = files
        self._stems = stems
        self._settings = settings or ClipSettings()
        self._longest_s = longest_s
        self._sources: dict[tuple[Part, int, int], FloatArray] = {}
        self._sha256: dict[Path, str] = {}
        self._room = HELD_BYTES

    def render(self, clip: Clip, *, sample_rate_hz: int, channels: int) -> ClipSound:
        """Render one clip with a band-limited resampler, cut at zero crossings or with fades of at most 10 ms.

        Args:
            clip: one of the song's clips.
            sample_rate_hz: the rate wanted.
            channels: 1, the mean of the channels (a pair in opposite polarity is turned first), or more.

        Raises:
            ClipRefused: its sound cannot be trained on (silent, not finite, with DC), or its files are gone or changed.
        """
        parts: tuple[Part, ...] = clip.stem_kinds or ("mix",)
        self._refuse_changed(clip, parts)
        sources = [self._source(part, sample_rate_hz, channels) for part in parts]
        samples = _cut_out(sources, clip, sample_rate_hz)
        self._refuse_unfit(samples)
        gain_db = min(0.0, CEILING_DBFS - 20.0 * math.log10(float(np.abs(samples).max())))
        if gain_db < 0.0:
            samples *= np.float32(10.0 ** (gain_db / 20.0))
        return ClipSound(samples, sample_rate_hz, gain_db)

    def _refuse_unfit(self, samples: FloatArray) -> None:
        if not samples.shape[1]:
            raise ClipRefused("gone", "the sound ends before the clip begins")
        if not np.isfinite(samples).all():
            raise ClipRefused("not_finite", "its samples are not all finite")
        peak = float(np.abs(samples).max())
        if peak < 10.0 ** (self._settings.min_peak_dbfs / 20.0):
            level = f"peaks at {20.0 * math.log10(peak):.1f} dBFS" if peak > 0.0 else "is digital silence"
            raise ClipRefused("silent", f"it {level}; at least {self._settings.min_peak_dbfs:g} dBFS is needed")
        dc = float(np.abs(samples.mean(axis=1, dtype=np.float64)).max())
        if dc > self._settings.max_dc_offset:
            raise ClipRefused("dc", f"its mean is {dc:.4f}; at most {self._settings.max_dc_offset:g} is allowed")

    def _refuse_changed(self, clip: Clip, parts: Sequence[Part]) -> None:
        """Refuse to render other sound than the clip was made from."""
        try:
            found = "+".join(self._hash(path) for part in parts for path, _ in self._paths(part))
        except LibraryError as error:
            raise ClipRefused("gone", str(error)) from error
        if found != clip.source_sha256:
            raise ClipRefused("changed", "its sound files are not those that it was made from; run the song again")

    def _hash(self, path: Path) -> str:
        if path not in self._sha256:
            self._sha256[path] = sha256_of(path)
        return self._sha256[path]

    def _paths(self, part: Part) -> list[tuple[Path, Stem | None]]:
        """Return the files of the mix or of a kind of stem that belong to the song, stems with what was found."""
        if part == "mix":
            return [(self._files.mix, None)] if self._files.mix is not None else []
        usable = {
            (stem.name, stem.file_name): stem for stem in self._stems.stems if stem.kind == part and stem.usable
        }  # the row of a file bears its name, unless two of them look alike
        return [
            (stem.path, usable[stem.name, stem.path.name])
            for stem in self._files.stems
            if stem.kind == part and stem.path is not None and (stem.name, stem.path.name) in usable
        ]

    def _source(self, part: Part, rate_hz: int, channels: int) -> FloatArray:
        """Return all samples of a part, shape (n_channels, n_samples); they are made once a rate and channels."""
        key = (part, rate_hz, channels)
        if key not in self._sources:
            paths = self._paths(part)
            if not paths:
                raise ClipRefused("gone", f"there is no usable file of the {part}")
            try:
                sounds = [self._read(path, stem) for path, stem in paths]
                sound = sounds[0] if len(sounds) == 1 else SumSound(sounds)
                self._sources[key] = self._kept(sound, rate_hz, channels)
            except AudioFault as fault:
                raise ClipRefused("gone", str(fault)) from fault
        return self._sources[key]

    def _read(self, path: Path, stem: Stem | None) -> Sound:
        sound = decode(path, max_duration_s=self._longest_s, memory=SampleMemory()).signal
        return sound if stem is None else corrected(sound, stem)

    def _kept(self, sound: Sound, rate_hz: int, channels: int) -> FloatArray:
        most = math.ceil(sound.n_samples * rate_hz / sound.sample_rate_hz) + BLOCK
        kept = self._space(channels, most)
        end = 0
        for block in equal_blocks(_Mono(sound) if channels == 1 and sound.channels > 1 else sound, rate_hz, channels):
            kept[:, end : end + block.shape[1]] = block
            end += block.shape[1]
        return kept[:, :end]

    def _space(self, channels: int, n_samples: int) -> FloatArray:
        n_bytes = 4 * channels * n_samples
        if n_bytes <= self._room:
            self._room -= n_bytes
            return np.empty((channels, n_samples), np.float32)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the array that is mapped onto it
        return np.memmap(file, np.float32, "w+", shape=(channels, n_samples))


class _Mono(Sound):
    """The down-mix of a sound; a pair in opposite polarity is turned first, as its mean would cancel the music."""

    def __init__(self, sound: Sound) -> None:
        self._sound = sound

    @property
    def sample_rate_hz(self) -> int:
        return self._sound.sample_rate_hz

    @property
    def channels(self) -> int:
        return 1

    @property
    def n_samples(self) -> int:
        return self._sound.n_samples

    def blocks(self) -> Iterator[FloatArray]:
        for piece in mono_pieces(self._sound, BLOCK):
            yield piece[np.newaxis]


def _cut_out(sources: Sequence[FloatArray], clip: Clip, rate_hz: int) -> FloatArray:
    """Return the sum of the sources in the clip, shape (n_channels, n_samples), with quiet edges."""
    reach = math.floor(SHIFT_S * rate_hz)
    total = max(source.shape[1] for source in sources)
    length = round(clip.duration_s * rate_hz)
    wanted = min(round(clip.start_s * rate_hz), total)
    is_exact = clip.end_cut == "length"
    if is_exact:  # a resampler may give a sample less than the length promises
        wanted = max(0, min(wanted, total - length))
    first = max(0, wanted - reach)
    around = _summed(sources, first, wanted + length + 1)
    start = _crossing(around, wanted - first, reach)
    end = start + length
    if not is_exact and clip.end_cut != "song":
        end = _crossing(around, min(end, around.shape[1] - 1), reach)
    cut = around[:, start:end].copy()
    if is_exact and cut.shape[1] < length:
        cut = np.pad(cut, ((0, 0), (0, length - cut.shape[1])))
    _soften(cut, rate_hz)
    return cut


def _summed(sources: Sequence[FloatArray], start: int, end: int) -> FloatArray:
    """Add up the same stretch of all sources; one that ends early is silent after its end."""
    length = max(0, min(end, max(source.shape[1] for source in sources)) - start)
    summed = np.zeros((sources[0].shape[0], length), np.float32)
    for source in sources:
        piece = source[:, start : start + length]
        summed[:, : piece.shape[1]] += piece
    return summed


def _crossing(samples: FloatArray, wanted: int, reach: int) -> int:
    """Return the index nearest to the wanted one, at most `reach` before it, at which the sum of channels is near 0.

    That is the sample beside a change of sign that is nearer to zero; the wanted index where the sign does not change.
    """
    if wanted <= 0:
        return 0
    first = max(1, wanted - reach)
    whole = samples[:, first - 1 : wanted + 1].sum(axis=0)
    changes = np.flatnonzero(np.signbit(whole[1:]) != np.signbit(whole[:-1]))
    if not changes.size:
        return wanted
    i = int(changes[-1])
    return first + i - (1 if abs(whole[i]) < abs(whole[i + 1]) else 0)


def _soften(samples: FloatArray, rate_hz: int) -> None:
    """Fade an edge in or out in place where a channel would jump there; longer where nothing is near zero."""
    for edge in (samples, samples[:, ::-1]):
        step = float(np.abs(edge[:, 0]).max()) if edge.shape[1] else 0.0
        if step <= _MAX_STEP:
            continue
        crosses = abs(float(edge[:, 0].sum())) <= _MAX_STEP * edge.shape[0]
        n = min(round((_SHORT_FADE_S if crosses else _FADE_S) * rate_hz), edge.shape[1])
        ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
        edge[:, :n] *= ramp.astype(np.float32)
