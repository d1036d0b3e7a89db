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
from flamingo_bark_assets.audio.correction import corrected_by
from flamingo_bark_assets.audio.decode import FileSound, SampleMemory, decode, open_blocks
from flamingo_bark_assets.audio.findings import Finding, Heard, find
from flamingo_bark_assets.audio.levels import levels_of
from flamingo_bark_assets.audio.quality import TechnicalQuality
from flamingo_bark_assets.audio.signal import FloatArray, Sound
from flamingo_bark_assets.audio.stems import sum_sounds
from flamingo_bark_assets.parts import SUM_KINDS, StemKind
from flamingo_bark_assets.threads import one_blas_thread

LONGEST_S = 3 * 3600.0
"""Longest song that is measured without the library, mix and kinds of stem together: they take 900 MB."""


@dataclass(frozen=True, slots=True)
class SongReading:
    """What was read of a song.

    Attributes:
        views: the mix and the stems that belong to it.
        quality: technical quality of the mix.
        rejected: one sentence for each stem file that helps with nothing: it does not belong to the mix, is not what
            its name says, is the sum of others, or holds only bleed.
        corrected: one sentence for each stem file of which something was taken off.
        oddities: one sentence for all that is odd about a file though it could be read.
    """

    views: SongViews
    quality: TechnicalQuality
    rejected: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Stem:
    """One stem file while it is judged; its view is there where no other file is of its kind."""

    path: Path
    sound: Sound
    waveform: FloatArray
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
        waveform = _waveform(mix, sound)
        judge = StemJudge(sound, waveform)
        read = {kind: _read_kind(files, judge, longest_s) for kind, files in source.stems.items()}
        belonging, rejected = _judged(read, judge)
        heard = [_heard(kind, stem) for kind, stems in belonging.items() for stem in stems]
        found = dict(
            zip((stem for kept in belonging.values() for stem in kept), find(waveform, heard).stems, strict=True)
        )
        views = {}
        for kind, stems in belonging.items():
            kept = [stem for stem in stems if _why_unused(kind, stem, found[stem]) is None]
            if kept:
                views[kind] = _view(kept, found, sound.duration_s)
    reasons = (_why_unused(kind, stem, found[stem]) for kind, stems in belonging.items() for stem in stems)
    rejected += [why for why in reasons if why is not None]
    corrected = tuple(f"{stem.path.name}: {one.corrected}" for stem, one in found.items() if one.corrected is not None)
    told += tuple(sentence for stems in read.values() for stem in stems for sentence in _told(stem.path, stem.oddities))
    return SongReading(SongViews(mix, views), quality_of(mix), tuple(rejected), corrected, told)


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
        return [_Stem(files[0], sound, waveform, match, view, blocks.oddities(sound.n_samples))]
    stems = []
    for path in files:
        decoded = decode(path, max_duration_s=longest_s, memory=SampleMemory(0))
        waveform = waveform_of(decoded.signal)
        match = judge.look_for(waveform)
        stems.append(_Stem(path, decoded.signal, waveform, match, None, decoded.oddities))
    return stems


def _judged(
    read: Mapping[StemKind, Sequence[_Stem]], judge: StemJudge
) -> tuple[dict[StemKind, list[_Stem]], list[str]]:
    """Return the files of each kind that belong to the mix, and what is said of the others."""
    kept: dict[StemKind, list[_Stem]] = {kind: [] for kind in read}
    rejected: list[str] = []
    for kind, stems in read.items():
        for stem in stems:
            belonging = judge.judge(stem.sound, stem.match)
            if belonging.rejected is None:
                kept[kind].append(stem)
            else:
                rejected.append(f"{stem.path.name}: {belonging.rejected}")
    return kept, rejected


def _heard(kind: StemKind, stem: _Stem) -> Heard:
    levels = stem.view.levels if stem.view is not None else levels_of(stem.sound)
    offsets = tuple(levels.dc.tolist())
    return Heard(stem.path.name, kind, stem.sound.sample_rate_hz, offsets, stem.waveform, stem.match)


def _view(stems: Sequence[_Stem], found: Mapping[_Stem, Finding], mix_s: float) -> AudioView:
    """Return the view of the files of one kind, as they are in the mix; one that needs no correction was read so."""
    sounds = [corrected_by(stem.sound, found[stem], mix_s) for stem in stems]
    only = stems[0].view if sounds == [stems[0].sound] else None
    return only if only is not None else stem_view(sum_sounds(sounds))


def _why_unused(kind: StemKind, stem: _Stem, found: Finding) -> str | None:
    replaced = found.held if kind in SUM_KINDS else None
    bleed = f"{stem.path.name}: {found.bleed}" if found.bleed is not None else None
    return found.misnamed or replaced or bleed


def _waveform(view: AudioView, sound: Sound) -> FloatArray:
    waveform = view.take_native(WaveformReader)
    return waveform_of(sound, difference=True) if view.levels.opposed else waveform
