"""The files of a song read once, block by block: views of the mix and of those stems that belong to it.

Reading loose files belongs here; finding them stands in `sources`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
from flamingo_bark_assets.analysis.sources import Source
from flamingo_bark_assets.analysis.views import mix_view, quality_of, stem_view
from flamingo_bark_assets.audio.alignment import Match, WaveformReader, waveform_of
from flamingo_bark_assets.audio.belonging import StemJudge
from flamingo_bark_assets.audio.decode import FileSound, SampleMemory, decode, open_blocks
from flamingo_bark_assets.audio.quality import TechnicalQuality
from flamingo_bark_assets.audio.signal import FloatArray, Sound
from flamingo_bark_assets.audio.stems import sum_sounds
from flamingo_bark_assets.parts import StemKind
from flamingo_bark_assets.threads import one_blas_thread

LONGEST_S = 3 * 3600.0
"""Longest song that is measured without the library, mix and kinds of stem together: they take 900 MB."""


@dataclass(frozen=True, slots=True)
class SongReading:
    """What was read of a song.

    Attributes:
        views: the mix and the stems that belong to it.
        quality: technical quality of the mix.
        rejected: one sentence for each stem file that does not belong to the mix and so helps with nothing.
        oddities: one sentence for all that is odd about a file though it could be read.
    """

    views: SongViews
    quality: TechnicalQuality
    rejected: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()


@dataclass(slots=True)
class _Stem:
    """One stem file while it is judged; its view is there where no other file is of its kind."""

    path: Path
    sound: Sound
    match: Match | None
    view: AudioView | None
    oddities: tuple[str, ...]


def read_song(source: Source) -> SongReading:
    """Read every file of a song, and judge the stems before they help to measure.

    Raises:
        AudioFault: a file cannot be decoded, or all are longer together than `LONGEST_S`.
    """
    longest_s = LONGEST_S / (1 + len(source.stems))
    blocks = open_blocks(source.mix, max_duration_s=longest_s)
    mix = mix_view(blocks, also=(WaveformReader,) if source.stems else ())
    told = _told(source.mix, blocks.oddities(mix.levels.n_samples))
    if not source.stems:
        return SongReading(SongViews(mix), quality_of(mix), oddities=told)
    sound = FileSound(blocks, mix.levels.n_samples)
    with one_blas_thread():
        judge = StemJudge(sound, _waveform(mix, sound))
        read = {kind: _read_kind(files, judge, longest_s) for kind, files in source.stems.items()}
        views, rejected = _judged(read, judge)
    told += tuple(sentence for stems in read.values() for stem in stems for sentence in _told(stem.path, stem.oddities))
    return SongReading(SongViews(mix, views), quality_of(mix), tuple(rejected), told)


def _told(path: Path, oddities: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{path.name}: {oddity}" for oddity in oddities)


def _read_kind(files: Sequence[Path], judge: StemJudge, longest_s: float) -> list[_Stem]:
    """Read the files of one kind and look for each in the mix."""
    if len(files) == 1:
        blocks = open_blocks(files[0], max_duration_s=longest_s)
        view = stem_view(blocks, also=(WaveformReader,))
        sound: Sound = FileSound(blocks, view.levels.n_samples)
        waveform = _waveform(view, sound)
        match = judge.look_for(waveform) if view.active.any() else None
        return [_Stem(files[0], sound, match, view, blocks.oddities(sound.n_samples))]
    stems = []
    for path in files:
        decoded = decode(path, max_duration_s=longest_s, memory=SampleMemory(0))
        match = judge.look_for(waveform_of(decoded.signal))
        stems.append(_Stem(path, decoded.signal, match, None, decoded.oddities))
    return stems


def _judged(read: Mapping[StemKind, Sequence[_Stem]], judge: StemJudge) -> tuple[dict[StemKind, AudioView], list[str]]:
    """Return the view of each kind, of the files that belong to the mix, and what is said of the others."""
    views: dict[StemKind, AudioView] = {}
    rejected: list[str] = []
    for kind, stems in read.items():
        kept = []
        for stem in stems:
            belonging = judge.judge(stem.sound, stem.match)
            if belonging.rejected is None:
                kept.append(stem)
            else:
                rejected.append(f"{stem.path.name}: {belonging.rejected}")
        if kept:
            only = kept[0].view if len(kept) == 1 else None
            views[kind] = only if only is not None else stem_view(sum_sounds([stem.sound for stem in kept]))
    return views, rejected


def _waveform(view: AudioView, sound: Sound) -> FloatArray:
    waveform = view.take_native(WaveformReader)
    return waveform_of(sound, difference=True) if view.levels.opposed else waveform
