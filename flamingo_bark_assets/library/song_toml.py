"""song.toml: what the user says about a song.

The model of that file, its reading and its writing belong here; tags inside a sound file do not.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import stat
import typing
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationError, create_model, field_validator
from pydantic_core import ErrorDetails

from flamingo_bark_assets.custom_tag import TagPosition
from flamingo_bark_assets.errors import FileFault, LibraryError
from flamingo_bark_assets.files.atomic import remove_leftovers, replacing, write_text, writes_named
from flamingo_bark_assets.files.opening import is_missing, read_text, shown
from flamingo_bark_assets.files.toml import MAX_TOML_BYTES, describe_error, quoted, read_toml, toml_key
from flamingo_bark_assets.library.judgements import Corrections, Place, Review, parse_place, place_text
from flamingo_bark_assets.library.song_toml_tables import SongTable, refuse, single_line
from flamingo_bark_assets.merging import Merge
from flamingo_bark_assets.parts import PARTS

SONG_TOML = "song.toml"
_MAX_WARNINGS = 20
_CONTROL_IN_LYRICS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Genre = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(single_line)]
PromptName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(single_line)]
PromptText = Annotated[str, Field(max_length=2000), AfterValidator(single_line)]


def _known_place(value: str) -> str:
    place = parse_place(value)
    if not is_place(place):
        raise ValueError(f"{shown(value)} is no place of song.toml")
    return place_text(place)


LockedPlace = Annotated[str, Field(max_length=200), AfterValidator(single_line), AfterValidator(_known_place)]


class PartEdits(SongTable):
    """What the user writes in place of the captioner's answers about one part of a song."""

    caption: str | None = Field(None, max_length=500, description="About 30 words.")
    description: str | None = Field(None, max_length=2000, description="A longer text.")
    genre: str | None = Field(None, max_length=200, description="Genres, parted by commas.")
    mood: str | None = Field(None, max_length=200, description="Moods, parted by commas.")
    instruments: str | None = Field(None, max_length=500, description="Instruments, parted by commas.")

    @field_validator("*")
    @classmethod
    def _one_line_or_left_out(cls, value: str | None) -> str | None:
        return single_line(value) if value else None


if TYPE_CHECKING:

    class _EditsOfParts(SongTable):
        def __getattr__(self, part: str) -> PartEdits: ...
else:
    _EditsOfParts = create_model(
        "_EditsOfParts",
        __base__=SongTable,
        **{part: (PartEdits, Field(PartEdits(), description=f"Answers about the {part}.")) for part in PARTS},
    )


class Edits(_EditsOfParts):
    """What the user writes in place of words that were made: answers by part, and prompts by name."""

    prompts: dict[PromptName, PromptText] = Field(
        {}, max_length=50, description="Combined prompts, each by its name, such as full_track or stem:drums."
    )

    @field_validator("prompts")
    @classmethod
    def _empty_prompts_are_left_out(cls, value: dict[str, str]) -> dict[str, str]:
        return {name: text for name, text in value.items() if text}


class SongInfo(SongTable):
    """The contents of song.toml; every field may be left out."""

    title: str | None = Field(None, max_length=500, description="The song's title.")
    artist: str | None = Field(None, max_length=500, description="Who performs it.")
    licence: str | None = Field(None, max_length=200, description="Licence of the recording (SPDX id or name).")
    attribution: str | None = Field(None, max_length=2000, description="The credit line the licence asks for.")
    lyrics: str | None = Field(None, max_length=50_000, description="The words that are sung.")
    language: str | None = Field(
        None, pattern=r"^[a-z]{2}$", description="Language of the lyrics: ISO 639-1 code, such as en."
    )
    genres: tuple[Genre, ...] = Field((), max_length=20, description="Genre tags given by the user.")
    sidecars: Merge | None = Field(
        None,
        description="How words of sidecars are merged: fill, captions, lyrics or all; default: as the settings say.",
    )
    custom_tag: str | None = Field(None, max_length=100, description="Custom tag put into every text of the song.")
    custom_tag_position: TagPosition | None = Field(None, description="prepend, append, or replace (the tag alone).")
    edits: Edits = Field(Edits(), description="Captions and prompts that the user wrote in place of made ones.")
    repeats: int = Field(1, ge=1, le=100, description="How often the song goes into an export.")
    locked: tuple[LockedPlace, ...] = Field(
        (), max_length=200, description="Places that bulk edits leave alone, such as edits.mix.caption."
    )
    review: Review = Field(Review(), description="Whether a person has looked at the song, and what they decided.")
    corrections: Corrections = Field(Corrections(), description="What a person says in place of measurements.")

    @field_validator("title", "artist", "licence", "attribution", "lyrics", "custom_tag")
    @classmethod
    def _empty_is_left_out(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("title", "artist", "licence", "attribution", "custom_tag")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        return None if value is None else single_line(value)

    @field_validator("lyrics")
    @classmethod
    def _lines(cls, value: str | None) -> str | None:
        if value is not None:
            refuse(_CONTROL_IN_LYRICS, value)
        return value


def is_place(place: Place) -> bool:
    """Tell whether something may stand at a place of song.toml: a key that is known, or one of a table of names."""
    model: type[BaseModel] = SongInfo
    for number, name in enumerate(place, start=1):
        field = model.model_fields.get(name)
        if field is None:
            return False
        if number == len(place):
            return True
        if typing.get_origin(field.annotation) is dict:
            return number == len(place) - 1
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return False
        model = field.annotation
    return False


def is_locked(info: SongInfo, place: Place) -> bool:
    """Tell whether a place, or one above or below it, is locked."""
    locked = map(parse_place, info.locked)
    return any(place[: len(other)] == other or other[: len(place)] == place for other in locked)


@dataclass(frozen=True, slots=True)
class ReadInfo:
    """What was read from a song.toml.

    Attributes:
        info: every key that is known and right.
        warnings: one sentence for each that is not, naming song, file and key.
    """

    info: SongInfo
    warnings: tuple[str, ...] = ()


def read_song_info(path: Path) -> ReadInfo:
    """Read a song.toml, or give the defaults where there is none.

    A key that is unknown or whose value is not allowed costs only itself: it is left out with a warning.

    Raises:
        LibraryError: the file cannot be read or is not TOML; the message names song, file and place.
    """
    if is_missing(path):
        return ReadInfo(SongInfo())
    where = f"song {shown(path.parent.name)}: {path.name}"
    try:
        info, errors = _usable(read_toml(path, within=path.parent))
    except FileFault as fault:
        raise LibraryError(f"{where}: {fault}") from fault
    warnings = [f"{where}: {_warning(error)}" for error in errors[:_MAX_WARNINGS]]
    if more := len(errors) - len(warnings):
        warnings.append(f"{where}: {more} more keys are left out")
    return ReadInfo(info, tuple(warnings))


def write_song_info(path: Path, info: SongInfo) -> None:
    """Write a song.toml that holds the fields which are set; comments of an earlier file are lost.

    Raises:
        WriteError: the file cannot be written.
    """
    write_text(path, "".join(_lines_of(info.model_dump(exclude_defaults=True), ())))


def _lines_of(values: dict[str, Any], table: Place) -> Iterator[str]:
    """Write the keys of a table, and then the tables in it, each under a line of its own."""
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    plain = {key: value for key, value in values.items() if key not in tables}
    if table and plain:
        yield f"\n[{place_text(table)}]\n"
    yield from (f"{toml_key(key)} = {_toml_value(value)}\n" for key, value in plain.items())
    for key, inner in tables.items():
        yield from _lines_of(inner, (*table, key))


def change_problem(path: Path) -> str | None:
    """Say in a clause why this user cannot, or is not meant to, change a song.toml; None where nothing is known."""
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = None
    # Whoever may write into the folder could replace it all the same, and root may do anything.
    if mode is not None and (not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(path, os.W_OK)):
        return "is read-only; let this user write it"
    return None if os.access(path.parent, os.W_OK | os.X_OK) else "lies in a folder that this user cannot write"


def replace_song_toml(path: Path, found: str | None, text: str | None) -> bool:
    """Put another text into a song.toml, whole or not at all, unless somebody has changed it since it was read.

    Its permissions and a byte order mark stay. Of several who do this at the same time each takes its turn.

    Args:
        path: the file.
        found: its text as it was read, of which `text` was made; None where there was none.
        text: what shall stand in it; None to delete it.

    Returns:
        Whether it was done; False where it no longer holds `found`.

    Raises:
        FileFault: it can no longer be read.
        WriteError: it cannot be written.
    """
    with _turn(path.parent):
        now = None if is_missing(path) else read_text(path, max_bytes=MAX_TOML_BYTES)
        if now != found:
            return False
        if text is None:
            with writes_named(path):
                path.unlink(missing_ok=True)
            return True
        remove_leftovers(path.parent, recursive=False)  # of one whom a kill has ended here
        with replacing(path) as temporary:
            temporary.write_bytes((_mark(path) if now is not None else b"") + text.encode("utf-8"))
            if now is not None:
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
    return True


def _mark(path: Path) -> bytes:
    """Return the byte order mark that a file begins with, if any."""
    with path.open("rb") as file:
        return codecs.BOM_UTF8 if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else b""


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait until nobody else changes the song.toml of a folder; no file is left in it, as one of a lock would be."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Writing says why.
        yield
        return
    try:
        with suppress(OSError):  # A file system without locks: what was read is still compared.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def describe_problem(error: ValidationError) -> str:
    """Say in one line which field of a `SongInfo` is wrong and why."""
    return describe_error(error.errors(include_url=False, include_input=False)[0], SongInfo)


def _usable(values: dict[str, Any]) -> tuple[SongInfo, list[ErrorDetails]]:
    """Take what can be taken; what cannot is removed from `values` and told."""
    found: list[ErrorDetails] = []
    while True:  # Ends, as each round removes something.
        try:
            return SongInfo.model_validate(values), found
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
            found += errors
            for wrong in reversed(errors):  # The last entry of a list first, so that the others keep their numbers.
                _remove(values, wrong)


def _remove(values: dict[str, Any], wrong: ErrorDetails) -> None:
    """Remove what an error is about; of a list or table that is too long, what is too much.

    A list of tables goes as a whole: without one of its sections a song would be cut otherwise than anybody said.
    """
    *tables, key = (part for part in wrong["loc"] if part != "[key]")
    entry = next((number for number, part in enumerate(tables) if isinstance(part, int)), None)
    if entry is not None:
        *tables, key = tables[:entry]
    elif wrong["type"] == "model_type" and isinstance(key, int):
        *tables, key = tables
    # A key may be wrong twice, by its name and its value, and an entry be cut off with its list's end.
    with suppress(KeyError, IndexError):
        table: Any = values
        for name in tables:
            table = table[name]
        if wrong["type"] == "too_long" and entry is None:
            entries, kept = table[key], wrong["ctx"]["max_length"]
            table[key] = entries[:kept] if isinstance(entries, list) else dict(list(entries.items())[:kept])
        else:
            del table[key]


def _warning(error: ErrorDetails) -> str:
    said = describe_error(error, SongInfo)
    if error["type"] == "too_long":
        return f"{said}; the first {error['ctx']['max_length']} are used"
    if any(isinstance(part, int) and part != error["loc"][-1] for part in error["loc"]):
        return f"{said}; the whole list is left out"
    return f"{said}; it is left out" if not said.endswith("?") else f"{said} It is left out"


def _toml_value(value: Any) -> str:
    match value:
        case str():
            return _quoted_lines(value) if "\n" in value else quoted(value)
        case dict():
            return "{ " + ", ".join(f"{toml_key(key)} = {_toml_value(inner)}" for key, inner in value.items()) + " }"
        case tuple():
            return f"[{', '.join(map(_toml_value, value))}]"
        case _:
            return repr(value)  # A whole number, or one with a point: repr writes both as TOML does.


def _quoted_lines(text: str) -> str:
    return '"""\n' + "\n".join(quoted(line)[1:-1] for line in text.split("\n")) + '"""'
