"""Changes of song.toml as a person makes them: of many songs as one step, journalled, and undone and done again.

The order of plan, journal and writing belongs here; how one file changes stands in `song_toml_edits`, how the journal
is kept in `journal`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from flamingo_bark_assets.errors import LibraryError, WriteError
from flamingo_bark_assets.library.journal import (
    ChangedPlace,
    Entry,
    Patch,
    StepKind,
    append,
    journal_turn,
    read_journal,
)
from flamingo_bark_assets.library.judgements import Place
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, find_song_folder
from flamingo_bark_assets.library.song_toml import describe_problem
from flamingo_bark_assets.library.song_toml_edits import (
    Change,
    Edit,
    Value,
    check_values,
    plain,
    plan_edit,
    read_places,
    read_song_text,
    write_edit,
)

# A file is on the disk after some milliseconds of waiting, and a disk takes many at once.
_WRITERS = 16

Stage = Literal["reading", "writing"]
Tell = Callable[[Stage, int, int], None]
"""Told how many songs of how many are read, then written."""
_TELL_EACH = 20

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
        locked: places that their song.toml locks, by song; they were left alone, and other places of the song not.
    """

    entry: Entry | None
    stale: tuple[Stale, ...] = ()
    faults: tuple[str, ...] = ()
    locked: tuple[tuple[str, Place], ...] = ()


def tell_nobody(stage: Stage, done: int, of: int) -> None:
    """Take no notice of how far a change is."""


def change_songs(
    paths: DataPaths,
    changes: Changes,
    *,
    expected: Changes | None = None,
    by: str,
    label: str,
    tell: Tell = tell_nobody,
) -> Outcome:
    """Change song.toml of songs as one step that can be undone.

    Args:
        paths: the data folder.
        changes: what is to stand where.
        expected: what stood there when the person saw it; a song where anything else stands now is left alone, unless
            what is to stand there does already. Places that are not named are not looked at.
        by: who changes it.
        label: the step in a few words, such as ``genre of 50 songs``.
        tell: told how far it is.

    Raises:
        LibraryError: a value may not stand in song.toml, or the journal cannot be read; nothing is changed.
        WriteError: the journal cannot be written; nothing is changed.
    """
    _check(changes)
    with journal_turn(paths):
        return _apply(paths, changes, expected or {}, by=by, label=label, tell=tell)


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
    right: set[str] = set()  # of many songs that get the same values one is checked
    for song_id, values in changes.items():
        said = json.dumps([[place, plain(value)] for place, value in values.items()], default=str)
        if said in right:
            continue
        try:
            check_values(values)
        except ValidationError as error:
            raise LibraryError(f"song {song_id!r}: {describe_problem(error)}") from error
        right.add(said)


def _apply(
    paths: DataPaths,
    changes: Changes,
    expected: Changes,
    *,
    by: str,
    label: str,
    kind: StepKind = "edit",
    reversed_step: Entry | None = None,
    tell: Tell = tell_nobody,
) -> Outcome:
    edits: list[Edit] = []
    stale: list[Stale] = []
    faults: list[str] = []
    locked: list[tuple[str, Place]] = []
    patches = {patch.song_id: patch for patch in reversed_step.patches} if reversed_step else {}
    for number, (song_id, values) in enumerate(changes.items()):
        if number % _TELL_EACH == 0:
            tell("reading", number, len(changes))
        try:
            files = find_song_folder(paths, song_id)
            edit = _patched(files, patches.get(song_id), values, kind)
            others: list[Stale] = []
            if edit is None:
                edit, others = _planned(files, values, expected.get(song_id, {}))
        except LibraryError as error:
            faults.append(str(error))
            continue
        stale += others
        locked += [(song_id, place) for place in edit.locked]
        if not others and edit.changes:
            edits.append(edit)
    if not edits and reversed_step is None:
        return Outcome(None, tuple(stale), tuple(faults), tuple(locked))
    entry = Entry.now(
        by=by, label=label, kind=kind, of=reversed_step.id if reversed_step else None,
        changes=tuple(
            ChangedPlace(edit.song_id, change.place, change.before, change.after)
            for edit in edits
            for change in edit.changes
        ),
        patches=tuple(Patch.between(edit.song_id, edit.found, edit.text) for edit in edits),
    )  # fmt: skip
    # The journal goes first: a kill in between leaves a step of which undoing finds songs that are as they were.
    append(paths, entry)
    faults += _write(edits, tell)
    return Outcome(entry, tuple(stale), tuple(faults), tuple(locked))


def _write(edits: list[Edit], tell: Tell) -> list[str]:
    """Write many files, side by side, as each waits for the disk; return what went wrong."""

    def written(edit: Edit) -> str | None:
        try:
            write_edit(edit)
        except (LibraryError, WriteError) as error:
            return str(error)
        return None

    with ThreadPoolExecutor(min(_WRITERS, max(1, len(edits)))) as pool:
        faults: list[str] = []
        for number, fault in enumerate(pool.map(written, edits)):
            if number % _TELL_EACH == 0:
                tell("writing", number, len(edits))
            faults += [fault] if fault else []
        return faults


def _patched(files: SongFiles, patch: Patch | None, values: Mapping[Place, Value], kind: StepKind) -> Edit | None:
    """Reverse a step to the byte, where the file is as the step has left it; None where it is not."""
    if patch is None:
        return None
    path, found = read_song_text(files)
    fits, text = patch.undone(found) if kind == "undo" else patch.done(found)
    if not fits:
        return None
    there = read_places(files, values)
    changes = tuple(Change(place, there[place], value) for place, value in values.items())
    return Edit(files.song_id, changes, path, found, text)


def _planned(
    files: SongFiles, values: Mapping[Place, Value], expected: Mapping[Place, Value]
) -> tuple[Edit, list[Stale]]:
    edit = plan_edit(files, values, obeys_locks=True)
    now = {change.place: change.before for change in edit.changes}
    if others := [place for place in expected if place not in values]:
        now |= read_places(files, others)
    return edit, [
        Stale(files.song_id, place, seen, now[place] or None)
        for place, value in expected.items()
        if place in now and (now[place] or None) != (seen := plain(value) or None)
    ]


def _stacks(paths: DataPaths, by: str) -> tuple[list[Entry], list[Entry]]:
    """Return the steps of a person that can be undone and those that can be done again, the next one last."""
    done: dict[str, Entry] = {}
    undone: dict[str, Entry] = {}
    for entry in read_journal(paths):
        if entry.by != by:
            continue
        if entry.kind == "undo":
            if entry.of in done:
                undone[entry.of] = done.pop(entry.of)
        elif entry.kind == "redo":
            if entry.of in undone:
                done[entry.of] = undone.pop(entry.of)
        else:
            done[entry.id] = entry
            undone.clear()
    return list(done.values()), list(undone.values())


def _reverse(paths: DataPaths, entry: Entry, by: str, *, kind: StepKind) -> Outcome:
    """Put back what stood before a step, or what it put there; of a song where something else stands now, nothing."""
    changes: dict[str, dict[Place, Value]] = {}
    expected: dict[str, dict[Place, Value]] = {}
    for each in entry.changes:
        there, then = (each.after, each.before) if kind == "undo" else (each.before, each.after)
        changes.setdefault(each.song_id, {})[each.place] = then
        expected.setdefault(each.song_id, {})[each.place] = there
    return _apply(paths, changes, expected, by=by, label=entry.label, kind=kind, reversed_step=entry)
