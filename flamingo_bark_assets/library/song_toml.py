"""song.toml: what the user says about a song.

The model of that file, its reading and its writing belong here; tags inside a sound file do not.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.safe_files import file_problem, open_regular, shown
from flamingo_bark_assets.storage.atomic import write_text

SONG_TOML = "song.toml"
MAX_SONG_TOML_BYTES = 1024 * 1024
# C0 and C1 controls, DEL, and the line and paragraph separators.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_LYRICS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# Strings and comments; one that is not closed ends with its line or the text, which keeps the search linear.
_STRING_OR_COMMENT = re.compile(
    r"""\"{3}(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5})?|'{3}(?:[^']|'(?!''))*+(?:'{3,5})?"""
    r"""|"(?:[^"\\\n]|\\[^\n])*+"?|'[^'\n]*+'?|\#[^\n]*+""",
    re.DOTALL,
)
_LONG_DOTTED_KEY = re.compile(r"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){16}")


def _refuse(forbidden: re.Pattern[str], value: str) -> None:
    if match := forbidden.search(value):
        raise ValueError(f"holds the control character U+{ord(match[0]):04X}")


def _single_line(value: str) -> str:
    _refuse(_CONTROL, value)
    return value


Genre = Annotated[str, Field(min_length=1, max_length=100)]
PromptName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_single_line)]
PromptText = Annotated[str, Field(max_length=2000), AfterValidator(_single_line)]


class _Table(BaseModel):
    """A table of song.toml: nothing unknown stands in it, and white space around a text does not count."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class PartEdits(_Table):
    """What the user writes in place of the captioner's answers about one part of a song."""

    caption: str | None = Field(None, max_length=500, description="About 30 words.")
    description: str | None = Field(None, max_length=2000, description="A longer text.")
    genre: str | None = Field(None, max_length=200, description="Genres, parted by commas.")
    mood: str | None = Field(None, max_length=200, description="Moods, parted by commas.")
    instruments: str | None = Field(None, max_length=500, description="Instruments, parted by commas.")

    @field_validator("*")
    @classmethod
    def _one_line_or_left_out(cls, value: str | None) -> str | None:
        return _single_line(value) if value else None


class Edits(_Table):
    """What the user writes in place of words that were made: answers by part, and prompts by name."""

    mix: PartEdits = Field(PartEdits(), description="Answers about the mix.")
    drums: PartEdits = Field(PartEdits(), description="Answers about the drums.")
    bass: PartEdits = Field(PartEdits(), description="Answers about the bass.")
    vocals: PartEdits = Field(PartEdits(), description="Answers about the vocals.")
    harmonic: PartEdits = Field(PartEdits(), description="Answers about the harmonic stems.")
    prompts: dict[PromptName, PromptText] = Field(
        {}, max_length=50, description="Combined prompts, each by its name, such as full_track or stem:drums."
    )

    @field_validator("prompts")
    @classmethod
    def _empty_prompts_are_left_out(cls, value: dict[str, str]) -> dict[str, str]:
        return {name: text for name, text in value.items() if text}


class SongInfo(_Table):
    """The contents of song.toml; every field may be left out."""

    title: str | None = Field(None, max_length=500, description="The song's title.")
    artist: str | None = Field(None, max_length=500, description="Who performs it.")
    licence: str | None = Field(None, max_length=200, description="Licence of the recording (SPDX id or name).")
    attribution: str | None = Field(None, max_length=2000, description="The credit line the licence asks for.")
    lyrics: str | None = Field(None, max_length=50_000, description="The words that are sung.")
    genres: tuple[Genre, ...] = Field((), max_length=20, description="Genre tags given by the user.")
    edits: Edits = Field(Edits(), description="Captions and prompts that the user wrote in place of made ones.")

    @field_validator("title", "artist", "licence", "attribution", "lyrics")
    @classmethod
    def _empty_is_left_out(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("title", "artist", "licence", "attribution")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        return None if value is None else _single_line(value)

    @field_validator("lyrics")
    @classmethod
    def _lines(cls, value: str | None) -> str | None:
        if value is not None:
            _refuse(_CONTROL_IN_LYRICS, value)
        return value

    @field_validator("genres")
    @classmethod
    def _one_line_genres(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_single_line(genre) for genre in value)


def read_song_info(path: Path) -> SongInfo:
    """Read a song.toml, or give the defaults where there is none.

    Args:
        path: the file; its folder is the song's.

    Raises:
        LibraryError: the file cannot be read, is not TOML, or holds an unknown key or a value that is not
            allowed; the message names song, file and place.
    """
    if not os.path.lexists(path):
        return SongInfo()
    try:
        return _parse(_text_of(path))
    except LibraryError as error:
        raise LibraryError(f"song {shown(path.parent.name)}: {path.name}: {error}") from error


def write_song_info(path: Path, info: SongInfo) -> None:
    """Write a song.toml that holds the fields which are set; comments of an earlier file are lost.

    Raises:
        WriteError: the file cannot be written.
    """
    values = info.model_dump(exclude_defaults=True)
    tables: dict[str, dict[str, str]] = values.pop("edits", {})
    lines = [f"{key} = {_toml_value(value)}\n" for key, value in values.items()]
    for table, texts in tables.items():
        lines.append(f"\n[edits.{table}]\n")
        lines += [f"{_toml_key(key)} = {_quoted(text)}\n" for key, text in texts.items()]
    write_text(path, "".join(lines))


def describe_problem(error: ValidationError) -> str:
    """Say in one line which field of a `SongInfo` is wrong and why."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    keys = [str(key) for key in first["loc"] if not isinstance(key, int)]
    is_key = keys[-1:] == ["[key]"]  # pydantic's mark for a key of a dict that is wrong itself
    name = ".".join(_toml_key(key) for key in (keys[:-1] if is_key else keys)) or SONG_TOML
    if first["type"] == "extra_forbidden":
        return f"unknown key {shown(name)}; allowed are {', '.join(_fields_of(keys[:-1]))}"
    if first["type"] == "tuple_type":
        return f'{name}: should be a list of texts, for instance {name} = ["rock", "blues"]'
    if first["type"] in {"model_type", "dict_type"}:
        return f"{name}: should be a table, which begins with a line [{name}]"
    entry = "".join(f", entry {index + 1}" for index in first["loc"] if isinstance(index, int))
    subject = f"{name}{entry}, the key" if is_key else f"{name}{entry}"
    return f"{subject}: {first['msg'].removeprefix('Value error, ')}"


def _fields_of(keys: list[str]) -> list[str]:
    """Names of the fields of a table, which is given by its own names from the top."""
    model: type[BaseModel] = SongInfo
    for key in keys:
        annotation = model.model_fields[key].annotation
        assert isinstance(annotation, type) and issubclass(annotation, BaseModel)
        model = annotation
    return list(model.model_fields)


def _text_of(path: Path) -> str:
    if problem := file_problem(path, path.parent):
        raise LibraryError(problem)
    with open_regular(path) as file:
        data = file.read(MAX_SONG_TOML_BYTES + 1)
    if len(data) > MAX_SONG_TOML_BYTES:
        raise LibraryError(f"is larger than {MAX_SONG_TOML_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")  # Windows editors put a byte order mark first; TOML has none.
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise LibraryError(f"is not UTF-8 (at line {line}); save it as UTF-8") from error


def _parse(text: str) -> SongInfo:
    # tomllib takes time with the square of a dotted key's parts: hours for a hostile file of 1 MiB.
    if _LONG_DOTTED_KEY.search(_STRING_OR_COMMENT.sub("_", text)):
        raise LibraryError("has a key of more than 16 dotted parts; its keys have at most three")
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except RecursionError:
        raise LibraryError("is not valid TOML: nested too deeply") from None
    except ValueError as error:  # Also what Python says of a number with thousands of digits.
        lines = text.split("\n")
        end = f"at line {len(lines)}, column {len(lines[-1]) + 1}, the end of the file"
        raise LibraryError(f"is not valid TOML: {str(error).replace('at end of document', end)}") from error
    try:
        return SongInfo.model_validate(values)
    except ValidationError as error:
        raise LibraryError(describe_problem(error)) from error


def _toml_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def _toml_value(value: str | tuple[str, ...]) -> str:
    if isinstance(value, str):
        return _quoted_lines(value) if "\n" in value else _quoted(value)
    return f"[{', '.join(_quoted(item) for item in value)}]"


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string, but for surrogate pairs, which ensure_ascii=False avoids, and a
    # bare DEL, which no field may hold.
    return json.dumps(text, ensure_ascii=False)


def _quoted_lines(text: str) -> str:
    return '"""\n' + "\n".join(_quoted(line)[1:-1] for line in text.split("\n")) + '"""'
