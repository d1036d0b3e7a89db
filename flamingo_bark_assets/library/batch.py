"""Many songs into the library: copied in several threads, each as one step, in the order in which they were found.

What is done with each song belongs here; which files it is made of stands in `recognising`, storing in `importing`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.files.opening import shown
from flamingo_bark_assets.library.ids import make_song_id
from flamingo_bark_assets.library.importing import (
    FALLBACK_SONG_ID,
    Importer,
    Incoming,
    Staged,
    Stem,
    Stored,
    sidecars_to_add,
)
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.licence_files import read_licence
from flamingo_bark_assets.library.recognising import FoundSong
from flamingo_bark_assets.library.sidecar_sources import SidecarFinder, stored_name
from flamingo_bark_assets.library.song_toml import SongInfo

State = Literal["added", "would be added", "there already", "failed"]
_WORKERS = 4
# Songs that are copied before those in front of them are stored: all of them lie in the library's folder meanwhile.
_AHEAD = 2 * _WORKERS


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a look into a song's mix tells.

    Attributes:
        title: by its tags; None where they say none, or were not asked.
        artist: the same.
        stems: what of it is a stem; of a container only.
        notes: what is odd about it, a sentence each.
    """

    title: str | None = None
    artist: str | None = None
    stems: tuple[Stem, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What holds for all songs that are added together.

    Attributes:
        info: what goes into each song.toml.
        song_id: identifier of the only song.
        link: hard links in place of copies.
        with_sidecars: whether sidecars are copied.
        dry_run: only tell.
        infos: what goes into the song.toml of single songs in place of `info`, by their mixes.
    """

    info: SongInfo = field(default_factory=SongInfo)
    song_id: str | None = None
    link: bool = False
    with_sidecars: bool = True
    dry_run: bool = False
    infos: Mapping[Path, SongInfo] = field(default_factory=dict)

    def info_of(self, song: FoundSong) -> SongInfo:
        """Return what goes into the song.toml of a song."""
        return self.infos.get(song.mix, self.info)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one song.

    Attributes:
        found: the song.
        state: what became of it.
        song_id: its identifier, that which it would have if it is free, or that of the song that is there already.
        stems: names of the stem files that it has in the library.
        sidecars: names of its sidecars outside the library.
        licence: what its licence file states.
        notes: what is worth knowing, a sentence each.
        reason: why it failed.
    """

    found: FoundSong
    state: State
    song_id: str | None = None
    stems: tuple[str, ...] = ()
    sidecars: tuple[str, ...] = ()
    licence: str | None = None
    notes: tuple[str, ...] = ()
    reason: str | None = None


def add_songs(
    paths: DataPaths, songs: Sequence[FoundSong], wishes: Wishes, inspect: Callable[[FoundSong], Inspected]
) -> Iterator[Outcome]:
    """Add songs, and give what became of each as soon as it is known, in their order.

    A song that fails costs the others nothing; one whose mix is in the library is there already.

    Args:
        paths: the library.
        songs: what to add.
        wishes: what holds for all of them.
        inspect: looks into a mix, in one of several threads.

    Raises:
        LibraryError: the library cannot be read.
    """
    finder = SidecarFinder()
    with Importer(paths, link=wishes.link) as importer:
        pool = ThreadPoolExecutor(_WORKERS, "add")

        def prepare(song: FoundSong) -> _Prepared:
            return _prepare(song, wishes, importer, finder, inspect)

        waiting: deque[tuple[FoundSong, Future[_Prepared]]] = deque()
        try:
            for song in songs:
                waiting.append((song, pool.submit(prepare, song)))
                if len(waiting) >= _AHEAD:
                    yield _settled(importer, *waiting.popleft())
            while waiting:
                yield _settled(importer, *waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A song whose files are copied, one that is only planned, or what became of it before."""

    outcome: Outcome
    staged: Staged | None = None
    planned: Incoming | None = None


def _prepare(
    song: FoundSong,
    wishes: Wishes,
    importer: Importer,
    finder: SidecarFinder,
    inspect: Callable[[FoundSong], Inspected],
) -> _Prepared:
    if wishes.song_id is None and (holder := importer.holder(song.mix)):
        return _Prepared(Outcome(song, "there already", holder, notes=song.notes))
    seen = inspect(song)
    stems = seen.stems or tuple(Stem(f"{stem.name}{stem.path.suffix}", stem.path) for stem in song.stems)
    sidecars = tuple(sidecars_to_add(song.mix, finder)) if wishes.with_sidecars else ()
    stated = read_licence(song.licence) if song.licence else None
    notes = [*song.notes, *seen.notes]
    wished = wishes.info_of(song)
    if song.licence and stated is None and wished.licence is None:
        notes.append(f"{shown(song.licence.name)} is not read: it says more than a licence; name it with --licence")
    info = _info(song, wished, stated)
    incoming = Incoming(song.mix, _called(song, wished, seen), stems, sidecars, info, wishes.song_id)
    outcome = Outcome(
        song,
        "would be added",
        wishes.song_id or make_song_id(incoming.called, fallback=FALLBACK_SONG_ID),
        tuple(stem.name for stem in stems),
        tuple(stored_name(sidecar) for sidecar in sidecars),
        stated,
        tuple(notes),
    )
    return _Prepared(outcome, planned=incoming) if wishes.dry_run else _Prepared(outcome, importer.stage(incoming))


def _settled(importer: Importer, song: FoundSong, prepared: Future[_Prepared]) -> Outcome:
    try:
        done = prepared.result()
        outcome = done.outcome
        stored = importer.store(done.staged) if done.staged else importer.plan(done.planned) if done.planned else None
    except (FlamingoBarkError, OSError) as error:
        return Outcome(song, "failed", notes=song.notes, reason=" ".join(str(error).split()))
    if stored is None or not stored.is_new:
        return _there(importer, outcome, stored)
    return replace(outcome, state="added" if done.staged else "would be added", song_id=stored.song_id)


def _there(importer: Importer, outcome: Outcome, stored: Stored | None) -> Outcome:
    song_id = stored.song_id if stored else outcome.song_id
    notes = list(outcome.notes)
    has_stems = bool(outcome.found.stems) or outcome.found.is_container
    if song_id and has_stems and not importer.has_stems(song_id):
        notes.append(
            f"it is there without stems; `flamingo-bark remove {song_id}` first adds it with the stems that were found"
        )
    return Outcome(outcome.found, "there already", song_id, notes=tuple(notes))


def _info(song: FoundSong, wished: SongInfo, stated: str | None) -> SongInfo:
    """Put together what goes into song.toml: what the person says, then what a data set and a licence file say."""
    said = {
        "title": wished.title or song.says.title,
        "artist": wished.artist or song.says.artist,
        "genres": wished.genres or ((song.says.genre[:100],) if song.says.genre else ()),
        "licence": wished.licence or stated,
    }
    return wished.model_copy(update=said)


def _called(song: FoundSong, wished: SongInfo, seen: Inspected) -> str:
    """Choose what the identifier is made from: never the name of a file that is only called a mix."""
    if wished.title:
        return wished.title
    title, artist = song.says.title, song.says.artist
    if title is None and song.named_by_folder:
        title, artist = seen.title, seen.artist
    return " ".join(filter(None, (artist, title))) if title else song.name


def one_song(file: Path) -> FoundSong:
    """Make a song of one file that a person names, whatever it is called."""
    return FoundSong(file, file.stem, "the file that was named")
