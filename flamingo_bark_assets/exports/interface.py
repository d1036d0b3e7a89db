"""What a target is given and what it gives back: songs with their clips and sound, and the clips that it wrote.

The values and the interface of targets belong here; running a target stands in `run`, each target in `targets`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.custom_tag import CustomTag, TagPosition, custom_tag_of

if TYPE_CHECKING:
    from pathlib import Path

    from flamingo_bark_assets.tokens.catalogue import TokenModels

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the user chose for one export.

    Attributes:
        commercial: refuse songs whose licence does not allow commercial use, clips of stems that were separated by a
            model whose licence does not, and texts of captioning models whose licence does not; measured text takes
            their place.
        view: the view to export where the target can use several; None for the target's own.
        by_artist: keep all songs of an artist in one split.
        custom_tag: custom tag of each text; "" for none. A song may have one of its own.
        folder: where the files will stand, absolute; some layouts need it in their paths.
        tokens: the models that make tokens; None where none is configured, so that no tokens are written.
        tag_position: where the custom tag goes.
        accepted_only: leave out songs that nobody has accepted.
    """

    commercial: bool = False
    view: str | None = None
    by_artist: bool = False
    custom_tag: str = ""
    folder: str = ""
    tokens: TokenModels | None = None
    tag_position: TagPosition = "prepend"
    accepted_only: bool = False


class Renderer(Protocol):
    """Renders the sound of the clips of one song; each source is decoded and resampled once."""

    def render(self, clip: Clip, *, sample_rate_hz: int, channels: int) -> ClipSound:
        """Render one clip with a band-limited resampler, cut at zero crossings or with fades of at most 10 ms.

        Raises:
            ClipRefused: its sound cannot be trained on (silent, clipped, not finite, gone).
        """
        ...


@dataclass(frozen=True, slots=True)
class ExportSong:
    """One fit song as a target sees it.

    Attributes:
        song_id: the song's identifier.
        title: None where nobody says one.
        artist: None where nobody says one.
        genres: as its owner or its tags give them; possibly none.
        licence: as its owner states it.
        attribution: credit line.
        duration_s: length of the mix.
        split: which part of the dataset it belongs to, with all its clips.
        group: identifier of its group of duplicates: songs of one group share a split.
        clips: its clips, of the views that the target asked for.
        digest: of all that its files in an export depend on.
        lyrics: all words that are sung, without times, one line a line; None where none are known.
        custom_tag: its own custom tag; None for that of the options.
    """

    song_id: str
    title: str | None
    artist: str | None
    genres: tuple[str, ...]
    licence: str | None
    attribution: str | None
    duration_s: float
    split: Split
    group: str
    clips: tuple[Clip, ...]
    digest: str
    lyrics: str | None = None
    custom_tag: CustomTag | None = None

    def tag(self, options: ExportOptions) -> CustomTag | None:
        """Return the custom tag of its texts; None for none."""
        library = custom_tag_of(None, None, options.custom_tag, options.tag_position)
        return self.custom_tag or library

    def tagged(self, text: str, options: ExportOptions) -> str:
        """Put the custom tag into a text."""
        tag = self.tag(options)
        return tag.put_into(text) if tag else text

    def clips_of(self, view: str, source: str | None = None) -> tuple[Clip, ...]:
        """Return the clips of a view, and of one source where one is named."""
        return tuple(clip for clip in self.clips if clip.view == view and source in {None, clip.source})


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of an export.

    Attributes:
        path: relative to the export's folder, POSIX.
        sha256: of its contents, hexadecimal.
        bytes: its size.
        sample_rate_hz: of a sound file; None for others.
        channels: of a sound file; None for others.
        samples: of each channel of a sound file; None for others.
        peak: largest absolute sample of a sound file, full scale 1; None for others.
        xxh128: XXH3 of its contents, 128 bits, hexadecimal; None for what is no file of its own.
    """

    path: str
    sha256: str
    bytes: int
    sample_rate_hz: int | None = None
    channels: int | None = None
    samples: int | None = None
    peak: float | None = None
    xxh128: str | None = None

    @property
    def duration_s(self) -> float | None:
        """Length of a sound file in seconds; None for others."""
        return None if self.samples is None or not self.sample_rate_hz else self.samples / self.sample_rate_hz


@dataclass(frozen=True, slots=True)
class ExportedClip:
    """One clip as it was written: one row of the export's ``provenance/clips.jsonl``.

    Attributes:
        name: base name of its files; no other clip of the export has it.
        song_id: the song.
        title: of the song.
        artist: of the song.
        genres: of the song.
        group: of the song.
        split: of the song.
        clip: where it was cut, and all that is known of it.
        files: its files by role: ``audio``, or whatever else the target wrote (``tokens``, ``text`` ...). Of a file
            in an archive the path is that of the archive, a slash, and its name inside.
        text: the words that the trainer reads for it, lyrics aside.
        lyrics: what the trainer reads as sung words; None where there are none.
        captioner: who wrote the words of `text` that were not measured.
        gain_db: what its sound was turned up or down by.
        repeats: how often the trainer meets it in one epoch.
        texts: the words that are read for its further sounds, by the role of the sound in `files`.
        gains_db: what its further sounds were turned up or down by, by role.
        outside_domain: why the trainer's model does not know such sound; None where it does.
        custom_tag: custom tag that the trainer itself puts into the text; "" where it stands there already.
        separated_by: who separated the stems among its further sounds: separator, model and licence, in words.
    """

    name: str
    song_id: str
    title: str | None
    artist: str | None
    genres: tuple[str, ...]
    group: str
    split: Split
    clip: Clip
    files: Mapping[str, FileEntry]
    text: str
    lyrics: str | None
    captioner: str
    gain_db: float
    repeats: int = 1
    texts: Mapping[str, str] = field(default_factory=dict)
    gains_db: Mapping[str, float] = field(default_factory=dict)
    outside_domain: str | None = None
    custom_tag: str = ""
    separated_by: tuple[str, ...] = ()

    @property
    def separators(self) -> tuple[str, ...]:
        """Who separated any of its sounds from a mix; empty where all were given."""
        own = self.clip.separator_credit
        return tuple(dict.fromkeys((*((own,) if own else ()), *self.separated_by)))


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a user of the export has to know of one clip: left out, cut, not supported.

    Attributes:
        song_id: the song; "" where it is of the whole export.
        clip: the clip; "" where it is of the whole song.
        rule: short name of the reason, for counting: ``text_cut``, ``lyrics_cut``, ``left_out`` ...
        message: a sentence.
    """

    song_id: str
    clip: str
    rule: str
    message: str


class UnitWriter(Protocol):
    """Writes files of one unit into the export; paths are relative, POSIX, and below its folder."""

    def audio(self, path: str, sound: ClipSound, *, bits: Literal[16, 24] = 16) -> FileEntry:
        """Write a sound file: WAV or FLAC by the ending of `path`; equal samples give equal bytes."""
        ...

    def data(self, path: str, content: bytes) -> FileEntry:
        """Write any other file."""
        ...

    def copy(self, path: str, source: str) -> FileEntry:
        """Write the file of another path of this unit again (a link where the disk allows it)."""
        ...

    def stream(self, path: str, write: Callable[[Path], None]) -> FileEntry:
        """Let a function write a file piece by piece to the path that it is given."""
        ...

    def note(self, note: Note) -> None:
        """Report something that the user has to know."""
        ...


class IndexWriter(Protocol):
    """Writes the files over all units, after them."""

    def data(self, path: str, content: bytes) -> FileEntry:
        """Write a file that fits in memory."""
        ...

    def lines(self, path: str, lines: Iterable[str]) -> FileEntry:
        """Write UTF-8 lines one after another, each ended by a line feed, without holding them."""
        ...

    def stream(self, path: str, write: Callable[[Path], None]) -> FileEntry:
        """Let a library write a file to the path that it is given."""
        ...

    def link(self, path: str, entry: FileEntry) -> FileEntry:
        """Write a file of any unit again under another path (a link where the disk allows it)."""
        ...

    def note(self, note: Note) -> None:
        """Report something that the user has to know."""
        ...


ReadClips = Callable[[], Iterator[ExportedClip]]
"""Gives all clips of the export in the order of songs and clips, read anew from disk at each call."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What an export holds, for its card and instructions.

    Attributes:
        clips: number of clips by split.
        songs: number of songs by split.
        hours: hours of sound by split.
        options: what the user chose.
        notes: how often each rule was noted.
    """

    clips: Mapping[Split, int]
    songs: Mapping[Split, int]
    hours: Mapping[Split, float]
    options: ExportOptions
    notes: Mapping[str, int] = field(default_factory=dict)


class Target(ABC):
    """The layout of one trainer.

    Class attributes:
        NAME: as ``--to`` takes it.
        TITLE: one line: what it is for.
        AUDIENCE: who trains what with it today; a sentence or two, for README and instructions.
        PINS: releases of the trainer and its libraries that the layout was seen with.
        VIEWS: the views of clips that it writes; the first is the one that ``--view`` replaces.
        TAKES_VIEW: whether ``--view`` may replace it.
        REPEATS_SONGS: whether its lists say how often a clip is met, so that a song's own number of repeats goes in.
        VERSION: of the layout; raise it when equal clips give other files.
        USE: what `command` does with the export, a verb first.
        USED_SPLITS: the splits that it does so with.
    """

    NAME: ClassVar[str]
    TITLE: ClassVar[str]
    AUDIENCE: ClassVar[str]
    PINS: ClassVar[Mapping[str, str]]
    VIEWS: ClassVar[tuple[str, ...]]
    TAKES_VIEW: ClassVar[bool] = True
    REPEATS_SONGS: ClassVar[bool] = False
    VERSION: ClassVar[str] = "1"
    USE: ClassVar[str] = "train from it"
    USED_SPLITS: ClassVar[tuple[Split, ...]] = ("train",)

    def unit_of(self, song_id: str, split: Split) -> str:
        """Name the unit that a song is written in, ``[a-z0-9_-]+``: units are kept or written as a whole."""
        return song_id

    def requirements(self, options: ExportOptions) -> tuple[str, ...]:
        """Say what is missing for some of the files, with the command that gets it; empty where nothing is."""
        return ()

    def versions(self, options: ExportOptions) -> str:
        """Return what else than clips, options and `VERSION` the files depend on, such as model weights."""
        return ""

    def repeats(self, weights: Collection[float]) -> Mapping[float, int]:
        """Return how often the trainer shall meet a clip of each training weight; empty where each is met once.

        Args:
            weights: all that clips for training have. What it returns becomes `ExportedClip.repeats` of these clips,
                before `write_index` reads them; held-out clips stay at one.
        """
        return {}

    @abstractmethod
    def write_unit(
        self, songs: Sequence[tuple[ExportSong, Renderer]], writer: UnitWriter, options: ExportOptions
    ) -> Iterator[ExportedClip]:
        """Write the files of the songs of one unit and tell each clip that was written.

        Each song is loaded when its turn comes: a target that holds none but the present one stays small.
        """

    @abstractmethod
    def write_index(self, clips: ReadClips, writer: IndexWriter, summary: Summary) -> None:
        """Write the lists, metadata and card over all units."""

    @abstractmethod
    def command(self, folder: Path) -> str:
        """Return the exact command that trains from the export in a folder."""


def base_name(song_id: str, clip: Clip) -> str:
    """Name the files of a clip: ``<song>__<view>_<source>_<number>``, of ``[A-Za-z0-9_-]`` only, no dot.

    Unique over the export: names of views hold no underscore, so that two of them end the song's identifier.
    """
    return f"{song_id}__{re.sub(r'[^A-Za-z0-9-]', '_', clip.clip)}"
