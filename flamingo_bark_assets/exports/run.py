"""One export from beginning to end: which units are made, which are taken over, and the report.

The course of an export belongs here; layouts stand in `targets`, files in `folder`, songs in `songs`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, overload

from flamingo_bark_assets.errors import ExportError, FlamingoBarkError
from flamingo_bark_assets.exports.folder import (
    CHECKSUMS,
    CLIPS,
    EXPORT_JSON,
    FAST_CHECKSUMS,
    NOTES,
    FileWriter,
    Unit,
    clip_to_json,
    json_line,
    read_unit,
    refuse_foreign,
    replacing_folder,
    take_over,
    unit_path,
    write_unit,
)
from flamingo_bark_assets.exports.interface import (
    SPLITS,
    ExportedClip,
    ExportOptions,
    ExportSong,
    Note,
    Renderer,
    Split,
    Summary,
    Target,
)
from flamingo_bark_assets.exports.papers import ATTRIBUTION, README, attribution_lines, can_be_used, readme, use_of

FORMAT = "flamingo-bark-export-1"
PASSING = frozenset({"gone", "changed"})
"""Rules of notes on sound that could not be had just then: what has such a note is made again."""


@dataclass(frozen=True, slots=True)
class SongHead:
    """What is known of a song before it is loaded.

    Attributes:
        song_id: the song's identifier.
        split: its split.
        digest: of all that its files in an export depend on.
        repeats: how often its clips for training are met in an epoch, beside what their weights say.
    """

    song_id: str
    split: Split
    digest: str
    repeats: int = 1


class SongSource(Protocol):
    """Gives the songs of an export one at a time, so that memory does not grow with their number."""

    def heads(self) -> Sequence[SongHead]:
        """Return all songs that go into the export, sorted by identifier."""
        ...

    def refused(self) -> Sequence[Note]:
        """Return a note for each song that stays out."""
        ...

    def load(self, song_id: str) -> tuple[ExportSong, Renderer]:
        """Load one song with its clips and what renders them."""
        ...


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export did.

    Attributes:
        folder: where it stands; where it would stand, for a dry run.
        target: name of the target.
        clips: number of clips by split.
        songs: number of songs by split.
        hours: hours of sound by split.
        units_written: number of units that were made.
        units_kept: number of units that were taken over from the export before.
        notes: how often each rule was noted.
        missing: what is missing for some of the files, with the command that gets it.
        use: what the command does and when, or why it can do nothing.
        command: the command that uses it; "" where it can do nothing.
        dry_run: whether nothing was written.
    """

    folder: Path
    target: str
    clips: Mapping[Split, int]
    songs: Mapping[Split, int]
    hours: Mapping[Split, float]
    units_written: int
    units_kept: int
    notes: Mapping[str, int]
    missing: tuple[str, ...]
    use: str
    command: str
    dry_run: bool = False


@dataclass(slots=True)
class _Tally:
    """Counts over the units, which are not held."""

    clips: Counter[Split] = field(default_factory=Counter)
    songs: dict[Split, set[str]] = field(default_factory=dict)
    hours: dict[Split, float] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0.0))
    notes: Counter[str] = field(default_factory=Counter)
    weights: set[float] = field(default_factory=set)

    def add(self, unit: Unit) -> None:
        for clip in unit.clips:
            self.clips[clip.split] += 1
            self.songs.setdefault(clip.split, set()).add(clip.song_id)
            if clip.split == "train":
                self.weights.add(clip.clip.training_weight)
            audio = clip.files.get("audio")
            seconds = audio.duration_s if audio is not None else None
            self.hours[clip.split] += (seconds if seconds is not None else clip.clip.duration_s) / 3600
        self.add_notes(unit.notes)

    def add_notes(self, notes: Sequence[Note]) -> None:
        self.notes.update(note.rule for note in notes)

    def summary(self, options: ExportOptions) -> Summary:
        return Summary(
            {split: self.clips[split] for split in SPLITS},
            {split: len(self.songs.get(split, ())) for split in SPLITS},
            {split: round(self.hours[split], 6) for split in SPLITS},
            options,
            dict(sorted(self.notes.items())),
        )


def export(
    target: Target,
    source: SongSource,
    out: Path,
    options: ExportOptions,
    *,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> ExportReport:
    """Write an export, or bring the one that stands there up to date.

    Units whose songs, options and layout are as they were are linked from the old export; the rest is made again. The
    new export takes the old one's place in one step, so that a kill at any moment leaves the old or the new one.

    Args:
        target: the layout.
        source: the songs.
        out: the folder; made if it does not exist.
        options: what the user chose.
        overwrite: whether files of the old export that were changed by hand since may be lost.
        progress: told the number of units done and of all.

    Raises:
        ExportError: something else stands at `out`, or files that were changed by hand, or there is nothing to export;
            an old export stays as it is.
        WriteError: the disk refuses; the old export stays.
    """
    refuse_foreign(out, target.NAME, overwrite=overwrite)
    units = _units(target, source.heads())
    if not units:
        raise ExportError(f"no song can be exported: {_why_empty(source.refused())}")
    tally, kept, versions = _Tally(), 0, target.versions(options)
    first_notes: Sequence[Note] = ()
    with replacing_folder(out) as staging:
        for done, (name, heads) in enumerate(units.items()):
            progress(done, len(units))
            digest = _unit_digest(target, heads, options, versions)
            old = read_unit(out, name)
            if old is not None and _stands(old, digest) and take_over(out, staging, old):
                unit, kept = old, kept + 1
            else:
                unit = _make_unit(target, source, heads, digest, staging, options)
            write_unit(staging, name, unit)
            tally.add(unit)
            first_notes = first_notes or unit.notes
        if not sum(tally.clips.values()):
            raise ExportError(f"no clip can be exported: {_why_empty([*first_notes, *source.refused()])}")
        tally.add_notes(source.refused())
        summary = tally.summary(options)
        repeats = _Repeats(target, tally.weights, source.heads())
        _write_index(target, list(units), source.refused(), staging, summary, repeats)
        progress(len(units), len(units))
    return _report(target, out, summary, options, written=len(units) - kept, kept=kept)


def plan(target: Target, source: SongSource, out: Path, options: ExportOptions) -> ExportReport:
    """Tell what an export would write at most: all clips of its views, as they were cut; nothing is written.

    A layout may take fewer: the mix alone, or what is fit once it is rendered.
    """
    tally, kept, versions = _Tally(), 0, target.versions(options)
    units = _units(target, source.heads())
    for name, heads in units.items():
        old = read_unit(out, name)
        if old is not None and _stands(old, _unit_digest(target, heads, options, versions)):
            kept += 1
        for head in heads:
            try:
                song, _ = source.load(head.song_id)
            except FlamingoBarkError as error:
                tally.add_notes([_left_out(head, error)])
                continue
            for clip in song.clips:
                tally.clips[song.split] += 1
                tally.songs.setdefault(song.split, set()).add(song.song_id)
                tally.hours[song.split] += clip.duration_s / 3600
    tally.add_notes(source.refused())
    return _report(target, out, tally.summary(options), options, written=len(units) - kept, kept=kept, dry_run=True)


def _why_empty(notes: Sequence[Note]) -> str:
    reasons = [note.message for note in notes if note.rule != "due"]
    return reasons[0] if reasons else "there is none that is fit"


def _units(target: Target, heads: Sequence[SongHead]) -> dict[str, list[SongHead]]:
    units: dict[str, list[SongHead]] = {}
    for head in heads:
        units.setdefault(target.unit_of(head.song_id, head.split), []).append(head)
    return dict(sorted(units.items()))


def _unit_digest(target: Target, heads: Sequence[SongHead], options: ExportOptions, versions: str) -> str:
    made_from = [
        FORMAT, target.NAME, target.VERSION, versions,
        [options.commercial, options.view, options.custom_tag, options.tag_position, options.folder],
        [[head.song_id, head.split, head.digest] for head in heads],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()


def _left_out(head: SongHead, error: FlamingoBarkError) -> Note:
    return Note(head.song_id, "", "gone", f"{head.song_id}: left out: {error}")


def _stands(old: Unit, digest: str) -> bool:
    """Tell whether a unit is what would be made now."""
    return old.digest == digest and not any(note.rule in PASSING for note in old.notes)


def _make_unit(
    target: Target, source: SongSource, heads: Sequence[SongHead], digest: str, staging: Path, options: ExportOptions
) -> Unit:
    writer = FileWriter(staging)
    clips = tuple(target.write_unit(_LoadedInTurn(source, heads, writer), writer, options))
    return Unit(digest, tuple(writer.files), clips, tuple(writer.notes))


class _LoadedInTurn(Sequence[tuple[ExportSong, Renderer]]):
    """The songs of a unit, each loaded when it is asked for, so that the sounds of one are held at a time."""

    def __init__(self, source: SongSource, heads: Sequence[SongHead], writer: FileWriter) -> None:
        self._source = source
        self._heads = heads
        self._writer = writer

    def __len__(self) -> int:
        return len(self._heads)

    @overload
    def __getitem__(self, index: int) -> tuple[ExportSong, Renderer]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[ExportSong, Renderer]]: ...

    def __getitem__(self, index: int | slice) -> tuple[ExportSong, Renderer] | Sequence[tuple[ExportSong, Renderer]]:
        if isinstance(index, slice):
            return _LoadedInTurn(self._source, self._heads[index], self._writer)
        return self._source.load(self._heads[index].song_id)

    def __iter__(self) -> Iterator[tuple[ExportSong, Renderer]]:
        for head in self._heads:
            try:
                loaded = self._source.load(head.song_id)
            except FlamingoBarkError as error:  # One song that went away or was damaged meanwhile stops no other.
                self._writer.note(_left_out(head, error))
                continue
            yield loaded


class _Repeats:
    """How often the trainer meets a clip: by the weight of the clip, times what its song asks for."""

    def __init__(self, target: Target, weights: Collection[float], heads: Sequence[SongHead]) -> None:
        self._by_weight = target.repeats(weights)
        self._by_song = {head.song_id: head.repeats for head in heads if head.repeats > 1 and target.REPEATS_SONGS}

    def of(self, clip: ExportedClip) -> int:
        if clip.split != "train":
            return 1
        by_weight = self._by_weight.get(clip.clip.training_weight, clip.repeats)
        return by_weight * self._by_song.get(clip.song_id, 1)


def _write_index(
    target: Target,
    units: Sequence[str],
    refused: Sequence[Note],
    staging: Path,
    summary: Summary,
    repeats: _Repeats,
) -> None:
    def stored() -> Iterator[Unit]:
        for name in units:
            unit = read_unit(staging, name)
            if unit is None:
                raise ExportError(f"{staging / unit_path(name)}: cannot be read back; run the export again")
            yield unit

    def clips() -> Iterator[ExportedClip]:
        for clip in (clip for unit in stored() for clip in unit.clips):
            yield dataclasses.replace(clip, repeats=repeats.of(clip))

    writer = FileWriter(staging)
    target.write_index(clips, writer, summary)
    written = {entry.path for entry in writer.files}
    if README not in written:
        writer.data(README, readme(target, summary).encode())
    writer.lines(ATTRIBUTION, attribution_lines(clips))
    writer.lines(CLIPS, (json_line(clip_to_json(clip)).decode().rstrip("\n") for clip in clips()))
    notes = [*refused, *(note for unit in stored() for note in unit.notes), *writer.notes]
    writer.lines(
        NOTES, (json_line([note.song_id, note.clip, note.rule, note.message]).decode().rstrip("\n") for note in notes)
    )
    writer.data(EXPORT_JSON, json_line(_export_json(target, summary)))
    made = ((entry.path, entry.sha256, entry.xxh128) for unit in stored() for entry in unit.files)
    files = sorted([*made, *((entry.path, entry.sha256, entry.xxh128) for entry in writer.files)])
    writer.lines(CHECKSUMS, (f"{sha256}  {path}" for path, sha256, _ in files))
    fast = [(path, xxh128) for path, _, xxh128 in [*files, (CHECKSUMS, "", writer.files[-1].xxh128)] if xxh128]
    writer.lines(FAST_CHECKSUMS, (f"{xxh128}  {path}" for path, xxh128 in fast))


def _export_json(target: Target, summary: Summary) -> dict[str, object]:
    options = summary.options
    return {
        "format": FORMAT,
        "target": target.NAME,
        "layout_version": target.VERSION,
        "clips": summary.clips,
        "songs": summary.songs,
        "hours": summary.hours,
        "commercial": options.commercial,
        "by_artist": options.by_artist,
        "accepted_only": options.accepted_only,
        "view": options.view,
        "custom_tag": options.custom_tag,
        "tag_position": options.tag_position,
        "notes": summary.notes,
        "pins": dict(target.PINS),
    }


def _report(
    target: Target,
    out: Path,
    summary: Summary,
    options: ExportOptions,
    *,
    written: int,
    kept: int,
    dry_run: bool = False,
) -> ExportReport:
    return ExportReport(
        out, target.NAME, summary.clips, summary.songs, summary.hours, written, kept, summary.notes,
        target.requirements(options), use_of(target, summary),
        target.command(out) if can_be_used(target, summary) else "", dry_run,
    )  # fmt: skip
