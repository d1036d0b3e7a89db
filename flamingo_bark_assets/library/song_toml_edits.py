"""Single keys of song.toml set or taken out, while comments, order and every other key stay as they are.

Which keys and how the text changes belong here; what song.toml may say stands in `song_toml`.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from flamingo_bark_assets.errors import FileFault, LibraryError
from flamingo_bark_assets.files.opening import is_missing, read_text
from flamingo_bark_assets.files.toml import MAX_TOML_BYTES, parse_toml
from flamingo_bark_assets.library.judgements import Place, place_text
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.library.song_toml import SONG_TOML, SongInfo, change_problem, replace_song_toml

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

EditKey = Literal["title", "artist", "genres", "mood", "licence", "attribution", "custom_tag"]
EDIT_KEYS: tuple[EditKey, ...] = get_args(EditKey)

Value = str | int | float | bool | Sequence[Any] | Mapping[str, Any] | None
"""What may stand at a place; None and what is empty take it out."""

_MOOD: Place = ("edits", "mix", "mood")
_LOCKED: Place = ("locked",)


@dataclass(frozen=True, slots=True)
class Change:
    """One place of one song.toml that changes; None where nothing stands or will stand."""

    place: Place
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be written into one song.toml.

    Attributes:
        song_id: the song.
        changes: places that change, in the order in which they were given; empty where all is so already.
        path: the file.
        found: its text as it was read; None where there is no such file.
        text: its text as it shall be; None where there shall be no such file.
        locked: places that the file locks, and that are left alone therefore.
    """

    song_id: str
    changes: tuple[Change, ...]
    path: Path
    found: str | None
    text: str | None
    locked: tuple[Place, ...] = ()


def place_of(key: EditKey) -> Place:
    """Return the place of what a bulk edit calls by one word."""
    return _MOOD if key == "mood" else (key,)


def check_values(values: Mapping[Place, Value]) -> None:
    """Check values against what song.toml may say.

    Raises:
        pydantic.ValidationError: one may not stand there.
    """
    said: dict[str, Any] = {}
    for place, value in values.items():
        if not _is_empty(value):
            _set(said, place, value, SONG_TOML)
    SongInfo.model_validate(said)


def read_places(files: SongFiles, places: Iterable[Place]) -> dict[Place, Any]:
    """Return what stands at places of a song's song.toml; None where nothing does.

    Raises:
        LibraryError: the file cannot be read; names song and file.
    """
    _, _, said, _ = _read(files)
    return {place: plain(_value(said, place)) for place in places}


def plan_edit(files: SongFiles, values: Mapping[Place, Value], *, obeys_locks: bool = False) -> Edit:
    """Work out what song.toml becomes when these places are set, or taken out where the value is None or empty.

    With `obeys_locks` the places that are locked, before or by this edit, stay as they are.

    Raises:
        LibraryError: the file cannot be read or may not be changed, or the places cannot be set in it; names song and
            file.
    """
    path, found, said, where = _read(files)
    locks = values.get(_LOCKED, said.get(_LOCKED[0])) if obeys_locks else None
    locked = tuple(place for place in values if place != _LOCKED and lock_holds(locks, place))
    values = {place: value for place, value in values.items() if place not in locked}
    changes: list[Change] = []
    wanted = json.loads(json.dumps(said, default=str))
    for place, value in values.items():
        before, after = plain(_value(said, place)), None if _is_empty(value) else plain(value)
        if json.dumps(before, default=str) != json.dumps(after, default=str):
            changes.append(Change(place, before, after))
            _set(wanted, place, after, where)
    if not changes:
        return Edit(files.song_id, (), path, found, found, locked)
    if problem := change_problem(path):
        raise LibraryError(f"{where}: {problem}")
    text = _edited(found or "", changes, where)
    try:
        written = json.loads(json.dumps(tomllib.loads(text), default=str))
    except tomllib.TOMLDecodeError:
        written = None
    # NaN is not equal to itself, but its text is.
    if json.dumps(_without_empty(written), sort_keys=True) != json.dumps(_without_empty(wanted), sort_keys=True):
        names = ", ".join(".".join(change.place) for change in changes)
        raise LibraryError(f"{where}: {names} cannot be set; set it by hand")
    return Edit(files.song_id, tuple(changes), path, found, text, locked)


def read_song_text(files: SongFiles) -> tuple[Path, str | None]:
    """Return the path and the text of a song's song.toml; None where there is no such file.

    Raises:
        LibraryError: the file cannot be read; names song and file.
    """
    if files.folder is None:
        raise LibraryError(files.fault or f"song {files.song_id!r}: there is no folder")
    path = files.folder / SONG_TOML
    try:
        return path, None if is_missing(path) else read_text(path, max_bytes=MAX_TOML_BYTES, within=files.folder)
    except FileFault as fault:
        raise LibraryError(f"song {files.song_id!r}: {SONG_TOML}: {fault}; correct it first") from fault


def lock_holds(locks: Any, place: Place) -> bool:
    """Tell whether a place is locked, or one above or below it."""
    name = place_text(place)
    return isinstance(locks, Sequence) and any(
        name == lock or name.startswith(f"{lock}.") or lock.startswith(f"{name}.")
        for lock in locks
        if isinstance(lock, str)
    )


def write_edit(edit: Edit) -> None:
    """Write what was planned, whole or not at all.

    Raises:
        LibraryError: somebody has changed the file meanwhile.
        WriteError: the file cannot be written.
    """
    try:
        is_done = replace_song_toml(edit.path, edit.found, edit.text)
    except FileFault as fault:
        raise LibraryError(f"song {edit.song_id!r}: {SONG_TOML}: {fault}") from fault
    if not is_done:
        raise LibraryError(f"song {edit.song_id!r}: {SONG_TOML} was changed meanwhile; edit it again")


def plain(value: Any) -> Any:
    """Return a value as JSON and TOML both know it: tables, lists and scalars, without what is None.

    Of times and of numbers that are none the text.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(each) for each in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat().replace("+00:00", "Z")
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def _read(files: SongFiles) -> tuple[Path, str | None, dict[str, Any], str]:
    """Read a song.toml: its path, its text or None, what it says, and what messages call it."""
    path, found = read_song_text(files)
    where = f"song {files.song_id!r}: {SONG_TOML}"
    try:
        return path, found, parse_toml(found or ""), where
    except FileFault as fault:
        raise LibraryError(f"{where}: {fault}; correct it first") from fault


def _is_empty(value: Value) -> bool:
    return value is None or (isinstance(value, str | Sequence | Mapping) and not value)


def _value(values: Any, place: Place) -> Any:
    for name in place:
        if not isinstance(values, dict) or name not in values:
            return None
        values = values[name]
    return values


def _set(values: dict[str, Any], place: Place, value: Any, where: str) -> None:
    *tables, last = place
    table: Any = values
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise LibraryError(f"{where}: {name} is no table; correct it first")
    if value is None:
        table.pop(last, None)
    else:
        table[last] = plain(value)


def _without_empty(values: Any) -> Any:
    """Leave out tables in which nothing stands: they say nothing, and go with their last key."""
    if not isinstance(values, dict):
        return values
    kept = {key: _without_empty(value) for key, value in values.items()}
    return {key: value for key, value in kept.items() if value != {}}


def _edited(text: str, changes: list[Change], where: str) -> str:
    from tomlkit.exceptions import TOMLKitError

    try:
        edited = _rewritten(text, json.dumps([[change.place, change.after] for change in changes]))
    except (TOMLKitError, RecursionError, ValueError, TypeError, KeyError) as error:
        raise LibraryError(f"{where}: cannot be edited ({type(error).__name__}: {error}); edit it by hand") from error
    has_only_crlf = "\r\n" in text and text.count("\r\n") == text.count("\n")
    return edited.replace("\r\n", "\n").replace("\n", "\r\n") if has_only_crlf else edited


@lru_cache(maxsize=8)
def _rewritten(text: str, changes: str) -> str:
    """Return a text with places and values of JSON set in it; songs that say nothing yet all get the same one."""
    import tomlkit

    document = tomlkit.parse(text)
    for place, after in json.loads(changes):
        _change(document, place, after)
    return tomlkit.dumps(document)


def _change(document: TOMLDocument, place: Sequence[str], after: Any) -> None:
    import tomlkit

    *tables, last = place
    table: Any = document
    above: list[tuple[Any, str]] = []
    for number, name in enumerate(tables, start=1):
        if name not in table:
            table[name] = tomlkit.table(is_super_table=number < len(tables))
        above.append((table, name))
        table = table[name]
    if after is None:
        del table[last]
        for holder, name in reversed(above):
            if holder[name].as_string().strip() or holder[name].trivia.comment:  # keys, or somebody's comment
                break
            del holder[name]
    elif isinstance(after, str) and "\n" in after and "\r" not in after:
        table[last] = tomlkit.string(after, multiline=True)
    else:
        table[last] = after
