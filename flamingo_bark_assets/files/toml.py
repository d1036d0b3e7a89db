"""TOML that a person or a stranger wrote: reading it within bounds, and saying in one line what is wrong with a value.

What the keys mean belongs to the models that the values are checked against.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.opening import read_text, shown

MAX_TOML_BYTES = 1024 * 1024
_MAX_DOTS = 16
_MAX_SHOWN_KEY = 60
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# Strings and comments; one that is not closed ends with its line or the text, which keeps the search linear.
_STRING_OR_COMMENT = re.compile(
    r"""\"{3}(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5})?|'{3}(?:[^']|'(?!''))*+(?:'{3,5})?"""
    r"""|"(?:[^"\\\n]|\\[^\n])*+"?|'[^'\n]*+'?|\#[^\n]*+""",
    re.DOTALL,
)
_LONG_DOTTED_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{_MAX_DOTS}}}")


def read_toml(path: Path, *, within: Path | None = None) -> dict[str, Any]:
    """Read a TOML file of at most 1 MiB; a hostile one costs no more than its size.

    A link that leaves `within` is refused.

    Raises:
        FileFault: the file cannot be read, is no regular file, too large, not UTF-8 or not TOML.
    """
    return parse_toml(read_text(path, max_bytes=MAX_TOML_BYTES, within=within))


def parse_toml(text: str) -> dict[str, Any]:
    """Read what a TOML file of at most 1 MiB says.

    Raises:
        FileFault: it is not TOML.
    """
    # tomllib takes time with the square of a dotted key's parts: hours for a hostile file of 1 MiB.
    if _LONG_DOTTED_KEY.search(_STRING_OR_COMMENT.sub("_", text)):
        raise FileFault(f"has a key of more than {_MAX_DOTS} dotted parts; its keys have at most three")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise FileFault("is not valid TOML: nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        lines = text.split("\n")
        end = f"at line {len(lines)}, column {len(lines[-1]) + 1}, the end of the file"
        raise FileFault(f"is not valid TOML: {str(error).replace('at end of document', end)}") from error
    except ValueError as error:  # Python reads no decimal number of more than 4300 digits.
        raise FileFault("is not valid TOML: a number has too many digits") from error


def describe_error(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Say in one line which key is wrong and why; an unknown one with the key that was probably meant."""
    keys = [str(key) for key in error["loc"] if not isinstance(key, int)]
    is_key = keys[-1:] == ["[key]"]  # pydantic's mark for a key of a dict that is wrong itself
    name = _shortened(".".join(toml_key(key) for key in (keys[:-1] if is_key else keys)))
    entry = "".join(f", entry {index + 1}" for index in error["loc"] if isinstance(index, int))
    kind = error["type"]
    if kind == "extra_forbidden":
        return f"unknown key {shown(name)}{entry}; {_meant(keys, model)}"
    if kind == "tuple_type":
        tables = _models_in(_table(keys[:-1], model).model_fields[keys[-1]].annotation)
        how = f"tables, each of which begins with a line [[{name}]]" if tables else f'texts: {name} = ["one", "two"]'
        return f"{name}: should be a list of {how}"
    if kind in {"model_type", "dict_type"}:
        return f"{name}{entry}: should be a table, which begins with a line [{name}]"
    subject = f"{name}{entry}, the key" if is_key else f"{name}{entry}"
    problem = error["msg"].removeprefix("Value error, ")
    return f"{subject}: {problem}" if subject else problem


def toml_key(key: str) -> str:
    """Write a key as TOML has it: bare where it can be, else quoted."""
    return key if _BARE_KEY.fullmatch(key) else quoted(key)


def quoted(text: str) -> str:
    """Write a text as a TOML basic string, on one line."""
    # A JSON string is a TOML basic string, but for surrogate pairs, which ensure_ascii=False avoids, and a
    # bare DEL, which no field may hold.
    return json.dumps(text, ensure_ascii=False)


def _meant(keys: list[str], model: type[BaseModel]) -> str:
    """Guess which key was meant: one of the same table, or else the first with such a name in another."""
    *tables, wrong = keys
    known = list(_table(tables, model).model_fields)
    if close := difflib.get_close_matches(wrong.lower(), known, n=1):
        return f"did you mean {shown(close[0])}?"
    elsewhere = {path[-1]: path for path in reversed(list(_all_keys(model)))}
    if close := difflib.get_close_matches(wrong.lower(), elsewhere, n=1):
        path = elsewhere[close[0]]
        place = "" if len(path) > 1 else " before the first [table]"
        return f"did you mean {shown('.'.join(path))}{place}?"
    return f"allowed are {', '.join(known)}"


def _all_keys(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """Give each key of a file as its path from the top."""
    for name, field in model.model_fields.items():
        yield (name,)
        for inner in _models_in(field.annotation):
            yield from ((name, *path) for path in _all_keys(inner))


def _table(keys: list[str], model: type[BaseModel]) -> type[BaseModel]:
    """Find the model of a table by its keys from the top; of a list of tables, that of one entry."""
    for key in keys:
        (model,) = _models_in(model.model_fields[key].annotation)
    return model


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    candidates = (annotation, *typing.get_args(annotation))
    return [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]


def _shortened(name: str) -> str:
    return name if len(name) <= _MAX_SHOWN_KEY else f"{name[:_MAX_SHOWN_KEY]}…"
