"""Uploaded songs into the library, as a person has corrected them: decoded first, then each as one step.

What a person may correct and how it reaches the library belongs here; recognising songs stands in `batches`, storing
them in the library's own `batch` and `importing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flamingo_bark_assets.audio.inspecting import inspector
from flamingo_bark_assets.errors import FlamingoBarkError, LibraryError
from flamingo_bark_assets.library.batch import Inspected, Outcome, Wishes, add_songs
from flamingo_bark_assets.library.importing import sidecars_to_add
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.recognising import FoundSong
from flamingo_bark_assets.library.song_toml import SongInfo, describe_problem
from flamingo_bark_assets.library.sound_names import has_audio_suffix
from flamingo_bark_assets.library.stem_kinds import only_kind
from flamingo_bark_assets.parts import StemKind
from flamingo_bark_assets.studio.adding.batches import STREAM, find_songs, stem_cards

_MOST_SONGS = 1000
_TO_DO = "correct it, or export the named file again as WAV or FLAC and drop it anew; a stem can also be left out"


class WantedSong(BaseModel):
    """A card that a person wants in the library; what is None stays as it was guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mix: str = Field(max_length=8192)
    title: str | None = None
    artist: str | None = None
    licence: str | None = None
    attribution: str | None = None
    stems: dict[str, StemKind | Literal["leave out"]] = Field({}, max_length=200)


class Wanted(BaseModel):
    """The cards of a batch that a person wants in the library."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    songs: tuple[WantedSong, ...] = Field(min_length=1, max_length=_MOST_SONGS)
    alone: tuple[str, ...] = Field((), max_length=_MOST_SONGS)


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one card.

    Attributes:
        mix: which card.
        state: what became of it.
        song_id: the song that it is now, or that has the same mix.
        notes: what is worth knowing, a sentence each.
        reason: why it failed.
        to_do: what to do then.
    """

    mix: str
    state: Literal["added", "there already", "failed"]
    song_id: str | None = None
    notes: tuple[str, ...] = ()
    reason: str | None = None
    to_do: str | None = None


def add_wanted(paths: DataPaths, files: Path, wanted: Wanted, max_duration_s: float) -> list[Added]:
    """Add songs of a batch to the library; one that fails costs the others nothing.

    The files of those that are added leave the batch.

    Raises:
        LibraryError: the library cannot be read.
    """
    found = {str(song.mix.relative_to(files)): song for song in find_songs(files, wanted.alone).songs}
    told: dict[str, Added] = {}
    songs: list[FoundSong] = []
    infos: dict[Path, SongInfo] = {}
    streams: dict[Path, Mapping[int, str | None]] = {}
    for one in wanted.songs:
        song = found.get(one.mix)
        try:
            if song is None:
                raise LibraryError("there is no such song in the batch any more; look at the batch again")
            infos[song.mix] = _info(one)
            names = _names(song, files, one.stems)
        except FlamingoBarkError as error:
            told[one.mix] = Added(one.mix, "failed", reason=_line(error, files), to_do=_TO_DO)
            continue
        if any(file.startswith(STREAM) for file in names):
            streams[song.mix] = {int(file[1:]): name for file, name in names.items()}
        kept = [(stem, names.get(str(stem.path.relative_to(files)))) for stem in song.stems]
        stems = tuple(replace(stem, name=name) for stem, name in kept if name is not None)
        licence = None if one.licence == "" else song.licence
        songs.append(replace(song, stems=stems, licence=licence))
    look = _with_streams(inspector(max_duration_s, whole=True), streams)
    for outcome in add_songs(paths, songs, Wishes(link=True, infos=infos), look):
        mix = str(outcome.found.mix.relative_to(files))
        told[mix] = _told(outcome, mix, files)
        if outcome.state == "added":
            _leave_batch(found[mix])
    return [told[one.mix] for one in wanted.songs]


def holds_sound(files: Path) -> bool:
    """Tell whether there is still a sound among the files of a batch."""
    return any(has_audio_suffix(path.name) for path in files.rglob("*"))


def _info(one: WantedSong) -> SongInfo:
    try:
        return SongInfo(title=one.title, artist=one.artist, licence=one.licence, attribution=one.attribution)
    except ValidationError as error:
        raise LibraryError(describe_problem(error)) from error


def _names(song: FoundSong, files: Path, said: Mapping[str, StemKind | Literal["leave out"]]) -> dict[str, str | None]:
    """Name the stems so that each name says the kind that is wanted; None for those that are left out.

    Raises:
        LibraryError: a stem is named that the song has not.
    """
    cards = stem_cards(song, files)
    if strange := set(said) - {card.file for card in cards}:
        raise LibraryError(f"the song has no stem {min(strange)!r}; look at the batch again")
    kinds = {card.file: said.get(card.file, card.kind) for card in cards}
    names: dict[str, str | None] = {card.file: card.name for card in cards}
    names |= {file: None for file, kind in kinds.items() if kind == "leave out"}
    changed = {card.file for card in cards if card.file in said and said[card.file] not in {card.kind, "leave out"}}
    # Other names beside it may make a name say something else: then it is named by its kind too.
    for _ in range(2):
        for file in changed:
            names[file] = None
        for file in sorted(changed):
            names[file] = _free_name(str(kinds[file]), filter(None, names.values()))
        beside = [name for name in names.values() if name is not None]
        wrong = {
            file
            for file, name in names.items()
            if name is not None
            and kinds[file] is not None
            and only_kind(name, titles=(song.name,), beside=beside)[0] != kinds[file]
        }
        if not wrong - changed:
            break
        changed |= wrong
    return names


def _free_name(kind: str, taken: Iterable[str]) -> str:
    used = {name.casefold() for name in taken}
    number = 1
    while (name := kind if number == 1 else f"{kind} {number}") in used:
        number += 1
    return name


def _with_streams(
    look: Callable[[FoundSong], Inspected], streams: Mapping[Path, Mapping[int, str | None]]
) -> Callable[[FoundSong], Inspected]:
    """Let the streams of containers be called as a person wants it."""

    def inspect(song: FoundSong) -> Inspected:
        seen = look(song)
        if song.mix not in streams:
            return seen
        named = zip(seen.stems, streams[song.mix].values(), strict=True)
        stems = [replace(stem, name=f"{name}{Path(stem.name).suffix}") for stem, name in named if name is not None]
        return replace(seen, stems=tuple(stems))

    return inspect


def _told(outcome: Outcome, mix: str, files: Path) -> Added:
    notes = tuple(note.replace(f"{files}/", "") for note in outcome.notes)
    if outcome.state == "failed":
        return Added(mix, "failed", notes=notes, reason=(outcome.reason or "").replace(f"{files}/", ""), to_do=_TO_DO)
    state: Literal["added", "there already"] = "added" if outcome.state == "added" else "there already"
    return Added(mix, state, outcome.song_id, notes)


def _leave_batch(song: FoundSong) -> None:
    """Delete the files of a song that is in the library now; a table or licence of several songs stays."""
    with suppress(FlamingoBarkError, OSError):
        for sidecar in sidecars_to_add(song.mix):
            if sidecar.own_table is None:
                sidecar.path.unlink(missing_ok=True)
    for path in (song.mix, *(stem.path for stem in song.stems)):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _line(error: Exception, files: Path) -> str:
    return " ".join(str(error).split()).replace(f"{files}/", "")
