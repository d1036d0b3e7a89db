"""What the uploaded files of a batch are: songs with their stems as `flamingo-bark add` knows them, and what is not.

Cards for a person to correct belong here; how they become songs of the library stands in `batch_adding`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from flamingo_bark_assets.audio.decode import open_blocks
from flamingo_bark_assets.audio.stem_container import read_stem_names
from flamingo_bark_assets.audio.tags import Tags, read_tags
from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.files.opening import shown
from flamingo_bark_assets.library.batch import one_song
from flamingo_bark_assets.library.importing import sidecars_to_add
from flamingo_bark_assets.library.known_mixes import KnownMixes
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.licence_files import read_licence
from flamingo_bark_assets.library.recognising import FoundSong, is_layout_notes, recognise
from flamingo_bark_assets.library.sidecar_sources import SidecarFinder
from flamingo_bark_assets.library.sound_names import has_audio_suffix
from flamingo_bark_assets.library.stem_kinds import only_kind
from flamingo_bark_assets.library.trees import LeftOut, Tree, read_tree
from flamingo_bark_assets.parts import StemKind

_WORKERS = 4
_MOST_UNUSED = 200
_FILES_KEPT_IN_MIND = 8192
STREAM = "#"
"""Before the number of a stem that is a stream of its mix's file."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A text of a song before a person has looked at it.

    Attributes:
        value: None where nothing says it.
        said_by: what says it.
    """

    value: str | None = None
    said_by: str | None = None


@dataclass(frozen=True, slots=True)
class StemCard:
    """One stem of a card.

    Attributes:
        file: its path in the batch, or the number of its stream.
        name: what its name says it is.
        kind: the kind that is guessed; None where no one kind is said.
        problem: why none is guessed.
    """

    file: str
    name: str
    kind: StemKind | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """One song that was recognised.

    Attributes:
        mix: the file of the whole song, its path in the batch.
        name: what it is called by its file or folder.
        layout: by which layout it was known.
        duration_s: length that the header declares, seconds; None where it declares none or cannot be read.
        title: the title.
        artist: who performs it.
        licence: the licence.
        stems: its stems.
        sidecars: texts that go with it.
        notes: what is worth knowing, a sentence each.
        duplicate: the song of the library with the same mix.
        same_as: the mix of an earlier card that is the same file.
        fault: why the mix cannot be used, with what to do.
    """

    mix: str
    name: str
    layout: str
    duration_s: float | None
    title: Guess
    artist: Guess
    licence: Guess
    stems: tuple[StemCard, ...]
    sidecars: tuple[str, ...]
    notes: tuple[str, ...]
    duplicate: str | None
    same_as: str | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class NotUsed:
    """Files that are no part of a song.

    Attributes:
        files: their paths in the batch.
        reason: why, in a clause.
        sounds: those that may be added as songs of their own.
    """

    files: tuple[str, ...]
    reason: str
    sounds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cards:
    """All that was recognised in a batch.

    Attributes:
        songs: the cards, sorted by path.
        left_out: what was not recognised, and why.
        unused: files that nothing asks for, the first of them.
        n_unused: how many there are.
    """

    songs: tuple[Card, ...]
    left_out: tuple[NotUsed, ...]
    unused: tuple[str, ...]
    n_unused: int


NO_CARDS = Cards((), (), (), 0)


@dataclass(frozen=True, slots=True)
class Found:
    """The songs of a folder of whole files, as the library knows them."""

    songs: tuple[FoundSong, ...]
    left_out: tuple[LeftOut, ...]
    tree: Tree


def find_songs(files: Path, alone: Sequence[str] = ()) -> Found:
    """Recognise the songs among files.

    Args:
        files: the folder of the batch's files.
        alone: files that a person has said are songs of their own, whatever they are called.
    """
    tree = read_tree([files])
    said = {
        folder.path / name
        for folder in tree.folders.values()
        for name in folder.files
        if has_audio_suffix(name) and str((folder.path / name).relative_to(files)) in set(alone)
    }
    folders = {
        path: replace(folder, files=tuple(name for name in folder.files if path / name not in said))
        for path, folder in tree.folders.items()
    }
    known = recognise(Tree(folders, tree.left_out))
    songs = sorted((*known.songs, *map(one_song, said)), key=lambda song: song.mix)
    return Found(tuple(songs), known.left_out, tree)


def make_cards(paths: DataPaths, files: Path, max_duration_s: float, alone: Sequence[str] = ()) -> Cards:
    """Make the cards of a batch; the begin of each mix is decoded, so that what is no sound is told at once.

    Raises:
        LibraryError: the library cannot be read.
    """
    found = find_songs(files, alone)
    finder = SidecarFinder()
    with ThreadPoolExecutor(_WORKERS, "cards") as pool:
        cards = list(pool.map(lambda song: _card(song, files, finder, max_duration_s), found.songs))
    library, earlier = KnownMixes(paths), KnownMixes(paths, ())
    cards = [_compared(card, files, library, earlier) for card in cards]
    used = _used(found, cards, files)
    unused = [name for name in _all_files(found.tree, files) if name not in used]
    left_out = tuple(_not_used(one, files) for one in found.left_out)
    return Cards(tuple(cards), left_out, tuple(unused[:_MOST_UNUSED]), len(unused))


def stem_cards(song: FoundSong, files: Path) -> tuple[StemCard, ...]:
    """Return the stems of a song with the kinds that their names say.

    Raises:
        FlamingoBarkError: it is a container that cannot be read.
    """
    if song.is_container and not song.stems:
        named = [
            (f"{STREAM}{number}", f"{number + 1} {name or 'stem'}")
            for number, name in enumerate(read_stem_names(song.mix))
        ]
    else:
        named = [(str(stem.path.relative_to(files)), stem.name) for stem in song.stems]
    beside = [name for _, name in named]
    return tuple(StemCard(file, name, *only_kind(name, titles=(song.name,), beside=beside)) for file, name in named)


def _card(song: FoundSong, files: Path, finder: SidecarFinder, max_duration_s: float) -> Card:
    stems: tuple[StemCard, ...] = ()
    notes = list(song.notes)
    sidecars: tuple[str, ...] = ()
    begin = _begin(song.mix, max_duration_s, with_tags=True)
    tags, fault = begin.tags or Tags(), begin.fault
    try:
        stems = () if fault else stem_cards(song, files)
    except FlamingoBarkError as error:
        fault = _one_line(error)
    try:
        sidecars = tuple(str(sidecar.path.relative_to(files)) for sidecar in sidecars_to_add(song.mix, finder))
    except FlamingoBarkError as error:
        fault = fault or _one_line(error)
    for stem in song.stems:
        if problem := _begin(stem.path, max_duration_s).fault:
            notes.append(f"{problem}; or leave this stem out")
    licence = Guess()
    if song.licence is not None:
        stated = read_licence(song.licence)
        licence = Guess(stated, song.licence.name) if stated else licence
        if stated is None:
            notes.append(f"{shown(song.licence.name)} is not read: it says more than a licence; write it here")
    says = song.says
    return Card(
        mix=str(song.mix.relative_to(files)),
        name=song.name,
        layout=song.layout,
        duration_s=begin.duration_s,
        title=_first((says.title, "the data set"), (tags.title, "the file's tag"), (song.name, "the name")),
        artist=_first((says.artist, "the data set"), (tags.artist, "the file's tag")),
        licence=licence,
        stems=stems,
        sidecars=sidecars,
        notes=tuple(_within(note, files) for note in notes),
        duplicate=None,
        same_as=None,
        fault=None if fault is None else _within(fault, files),
    )


def _compared(card: Card, files: Path, library: KnownMixes, earlier: KnownMixes) -> Card:
    """Say which song of the library, and which card before, has the same mix."""
    mix = files / card.mix
    try:
        card = replace(card, duplicate=library.holder(mix), same_as=earlier.holder(mix))
        earlier.note(card.mix, mix)
    except (FlamingoBarkError, OSError):  # The card tells that it cannot be read.
        pass
    return card


@dataclass(frozen=True, slots=True)
class _Begin:
    """What the begin of a sound file tells."""

    duration_s: float | None = None
    tags: Tags | None = None
    fault: str | None = None


def _begin(path: Path, max_duration_s: float, *, with_tags: bool = False) -> _Begin:
    try:
        held = path.stat()
    except OSError as error:
        return _Begin(fault=f"{shown(path.name)}: cannot be read: {error.strerror}")
    return _read_begin(path, (held.st_ino, held.st_size, held.st_mtime_ns), max_duration_s, with_tags)


@lru_cache(_FILES_KEPT_IN_MIND)
def _read_begin(path: Path, stamp: tuple[int, int, int], max_duration_s: float, with_tags: bool) -> _Begin:
    """Decode the begin of a file; of one that stayed as it was, by its `stamp`, once: a batch is looked at often."""
    try:
        source = open_blocks(path, max_duration_s=max_duration_s)
        next(source.blocks(), None)
        return _Begin(source.declared_duration_s, read_tags(path) if with_tags else None)
    except FlamingoBarkError as error:
        return _Begin(fault=_one_line(error))


def _first(*guesses: tuple[str | None, str]) -> Guess:
    return next((Guess(value, said_by) for value, said_by in guesses if value), Guess())


def _used(found: Found, cards: Iterable[Card], files: Path) -> set[str]:
    used = {str(song.licence.relative_to(files)) for song in found.songs if song.licence is not None}
    for card in cards:
        used |= {card.mix, *card.sidecars, *(stem.file for stem in card.stems)}
    for song in found.songs:
        used |= {str(stem.path.relative_to(files)) for stem in song.stems}
    for one in found.left_out:
        used |= set(_files_of(one, files))
    return used


def _all_files(tree: Tree, files: Path) -> Iterator[str]:
    for folder in tree.folders.values():
        for name in folder.files:
            if not is_layout_notes(name):
                yield str((folder.path / name).relative_to(files))


def _files_of(one: LeftOut, files: Path) -> tuple[str, ...]:
    paths = [one.path / name for name in one.files] or [one.path]
    return tuple(str(path.relative_to(files)) for path in paths)


def _not_used(one: LeftOut, files: Path) -> NotUsed:
    names = _files_of(one, files)
    sounds = tuple(name for name in names if has_audio_suffix(Path(name).name))
    return NotUsed(names, _within(one.reason, files), sounds)


def _within(text: str, files: Path) -> str:
    """Name the files of a batch as they came, without the folder that they lie in here."""
    return text.replace(f"{files}/", "").replace(str(files), "this batch")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
