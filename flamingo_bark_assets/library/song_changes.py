"""Changes of song.toml as a person makes them: of many songs as one step, journalled, and undone and done again.

The order of plan, journal and writing belongs here; how one file changes stands in `song_toml_edits`, how the journal
is kept in `journal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from flamingo_bark_assets.errors import LibraryError, WriteError
from flamingo_bark_assets.library.journal import ChangedPlace, Entry, append, journal_turn, read_journal
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.library.song_toml import describe_problem
from flamingo_bark_assets.library.song_toml_edits import Edit, Place, Value, check_values, plain, plan_edit, write_edit

Changes = Mapping[str, Mapping[Place, Value]]
"""What is to stand at places of songs, by song; None takes out what stands there."""


@dataclass(frozen=True, slots=True)
class Stale:
    """A place that is not as whoever changes it has seen it."""

    song_id: str
    place: Place
    expected: Any
    now: Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change.

    Attributes:
        entry: the step in the journal; None where nothing was changed.
        stale: places that somebody else has changed meanwhile; their songs were left alone.
        faults: why songs were left alone, one sentence each, naming the song.
    """

    entry: Entry | None
    stale: tuple[Stale, ...] = ()
    faults: tuple[str, ...] = ()


def change_songs(
    paths: DataPaths, changes: Changes, *, expected: Changes | None = None, by: str, label: str
) -> Outcome:
    """Change song.toml of songs as one step that can be undone.

    Args:
        paths: the data folder.
        changes: what is to stand where.
        expected: what stood there when the person saw it; a song where anything else stands now is left alone. Places
            that are not named are not looked at.
        by: who changes it.
        label: the step in a few words, such as ``genre of 50 songs``.

    Raises:
        LibraryError: a value may not stand in song.toml, or the journal cannot be read; nothing is changed.
        WriteError: the journal cannot be written; nothing is changed.
    """
    _check(changes)
    with journal_turn(paths):
        return _apply(paths, changes, expected or {}, by=by, label=label)


def undo(paths: DataPaths, by: str) -> Outcome:
    """Undo the last step of a person that is not undone; places that were changed since are left alone, and told.

    Raises:
        LibraryError: there is nothing to undo, or the journal cannot be read.
        WriteError: the journal cannot be written; nothing is changed.
    """
    with journal_turn(paths):
        done, _ = _stacks(paths, by)
        if not done:
            raise LibraryError("there is nothing to undo")
        return _reverse(paths, done[-1], by, kind="undo")


def redo(paths: DataPaths, by: str) -> Outcome:
    """Do again what a person has undone last.

    Raises:
        LibraryError: there is nothing to do again, or the journal cannot be read.
        WriteError: the journal cannot be written; nothing is changed.
    """
    with journal_turn(paths):
        _, undone = _stacks(paths, by)
        if not undone:
            raise LibraryError("there is nothing to do again")
        return _reverse(paths, undone[-1], by, kind="redo")


def _check(changes: Changes) -> None:
    for song_id, values in changes.items():
        try:
            check_values(values)
        except ValidationError as error:
            raise LibraryError(f"song {song_id!r}: {describe_problem(error)}") from error


def _apply(
    paths: DataPaths,
    changes: Changes,
    expected: Changes,
    *,
    by: str,
    label: str,
    kind: str = "edit",
    of: str | None = None,
) -> Outcome:
    edits: list[Edit] = []
    stale: list[Stale] = []
    faults: list[str] = []
    for song_id, values in changes.items():
        try:
            seen = {place: plain(value) or None for place, value in expected.get(song_id, {}).items()}
            edit, others = _planned(paths, song_id, values, seen)
        except LibraryError as error:
            faults.append(str(error))
            continue
        stale += others
        if not others and edit.changes:
            edits.append(edit)
    if not edits and of is None:
        return Outcome(None, tuple(stale), tuple(faults))
    places = tuple(
        ChangedPlace(edit.song_id, change.place, change.before, change.after)
        for edit in edits
        for change in edit.changes
    )
    entry = Entry.now(by=by, label=label, kind=kind, of=of, changes=places)
    # The journal goes first: a kill in between leaves a step of which undoing finds nothing to undo.
    append(paths, entry)
    for edit in edits:
        try:
            write_edit(edit)
        except (LibraryError, WriteError) as error:
            faults.append(str(error))
    return Outcome(entry, tuple(stale), tuple(faults))


def _planned(
    paths: DataPaths, song_id: str, values: Mapping[Place, Value], expected: Mapping[Place, Any]
) -> tuple[Edit, list[Stale]]:
    files = find_song(paths, song_id)
    # Places that are only looked at are planned to stay, which tells what stands there.
    edit = plan_edit(files, values)
    now = {change.place: change.before for change in edit.changes}
    now |= {place: plain(values[place]) for place in expected.keys() & values.keys() - now.keys()}
    return edit, [
        Stale(song_id, place, seen, now[place] or None)
        for place, seen in expected.items()
        if place in now and (now[place] or None) != seen
    ]


def _stacks(paths: DataPaths, by: str) -> tuple[list[Entry], list[Entry]]:
    """Return the steps of a person that can be undone and those that can be done again, the next one last."""
    done: list[Entry] = []
    undone: list[Entry] = []
    for entry in read_journal(paths):
        if entry.by != by:
            continue
        if entry.kind == "undo":
            undone += [each for each in done if each.id == entry.of]
            done = [each for each in done if each.id != entry.of]
        elif entry.kind == "redo":
            done += [each for each in undone if each.id == entry.of]
            undone = [each for each in undone if each.id != entry.of]
        else:
            done.append(entry)
            undone = []
    return done, undone


def _reverse(paths: DataPaths, entry: Entry, by: str, *, kind: str) -> Outcome:
    """Put back what stood before a step, or what it put there; of a song where something else stands now, nothing."""
    changes: dict[str, dict[Place, Value]] = {}
    expected: dict[str, dict[Place, Value]] = {}
    for each in entry.changes:
        there, then = (each.after, each.before) if kind == "undo" else (each.before, each.after)
        changes.setdefault(each.song_id, {})[each.place] = then
        expected.setdefault(each.song_id, {})[each.place] = there
    return _apply(paths, changes, expected, by=by, label=entry.label, kind=kind, of=entry.id)
