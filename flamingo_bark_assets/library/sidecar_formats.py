"""What the text of a sidecar says, field by field, in each of the forms that tools write.

Taking text apart belongs here; opening files and choosing among them does not.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Literal

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.library.ids import make_song_id
from flamingo_bark_assets.library.sidecar_facts import FACT_FIELDS, claim_of
from flamingo_bark_assets.library.sidecar_tables import TABLE_ENDING, read_row
from flamingo_bark_assets.text import printable

SidecarField = Literal[
    "caption", "lyrics", "genre", "bpm", "key", "signature", "is_instrumental", "custom_tag", "title", "artist",
    "language",
]  # fmt: skip
MAX_FIELDS = 200
"""Most fields that are read of one file."""
MAX_VALUE_CHARACTERS = 50_000
_MAX_KEY_CHARACTERS = 60

_FIELDS: dict[str, SidecarField] = {
    "caption": "caption", "description": "caption", "prompt": "caption", "text": "caption", "lyrics": "lyrics",
    "raw_lyrics": "lyrics", "genre": "genre", "genres": "genre", "bpm": "bpm", "tempo": "bpm", "key": "key",
    "keyscale": "key", "key_scale": "key", "signature": "signature", "timesignature": "signature",
    "time_signature": "signature", "is_instrumental": "is_instrumental", "instrumental": "is_instrumental",
    "custom_tag": "custom_tag", "title": "title", "artist": "artist", "language": "language",
}  # fmt: skip
# What may stand behind lyrics in a file of fields; a line 'title: ...' between sung lines is sung.
_BEHIND_LYRICS = frozenset({"caption", "genre", "custom_tag", *FACT_FIELDS})
_CONTINUED = frozenset({"caption", "lyrics", None})

_KEY_LINE = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9_-]{0,39}(?: [A-Za-z0-9_-]{1,39}){0,2})[ \t]*:(?!//)[ \t]*(.*)")
_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9_]{0,39})>")
# str.lower() would give some letters of other scripts another length.
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
_CLOSING_TAG = re.compile(r"</([a-z][a-z0-9_]{0,39})>")
_LRC_TIME = re.compile(r"^[ \t]*\[\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?\]", re.MULTILINE)
_LRC_NAME = re.compile(r"^[ \t]*\[(ti|ar):([^\]\n]{1,500})\]", re.IGNORECASE | re.MULTILINE)
_SECTION = re.compile(
    r"^[ \t]*\[(?:intro|verse|pre-?chorus|chorus|refrain|bridge|hook|outro|instrumental)\b[^\]\n]{0,60}\]",
    re.IGNORECASE | re.MULTILINE,
)
_OUTSIDE = "text outside the tags"


@dataclass(frozen=True, slots=True)
class Said:
    """One field of a sidecar.

    Attributes:
        key: its name as the file has it; of a file without names the field's.
        field: what it is; None where nothing is known about such a key.
        text: what it says: printable lines in Unicode form NFC, one for all fields but lyrics; never empty.
    """

    key: str
    field: SidecarField | None
    text: str


def read_fields(text: str, ending: str, *, song_id: str = "") -> tuple[Said, ...]:
    """Take the text of a sidecar apart.

    Args:
        text: anything.
        ending: of its name, one of `sidecar_names.ENDINGS`.
        song_id: the song's identifier, by which its row among the samples of a ``dataset.json`` or in a table
            is known.

    Returns:
        The first `MAX_FIELDS` fields and one more, where there is one; those that say nothing are left out.

    Raises:
        FileFault: a .json file is no JSON object, a table no CSV, or one of them says nothing about the song.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    fields = _of_ending(lines, ending, song_id)
    said = (Said(_clean_key(key), field, _clean(value, field)) for key, field, value in fields)
    return tuple(islice((one for one in said if one.text), MAX_FIELDS + 1))


_Raw = tuple[str, SidecarField | None, str]


def _of_ending(text: str, ending: str, song_id: str) -> Iterator[_Raw]:
    if ending in {".caption.txt", "_prompt.txt"}:
        yield "caption", "caption", text
    elif ending in {".lyrics.txt", "_lyrics.txt", ".lrc"}:
        yield from _lyrics(text)
    elif ending == ".json":
        yield from _json(text, song_id)
    elif ending == TABLE_ENDING:
        yield from ((key, _field(key), cell) for key, cell in read_row(text, song_id))
    elif {"caption", "lyrics"} & set(_CLOSING_TAG.findall(text.translate(_SMALL))):
        yield from _tagged(text)
    elif _is_keyed(text):
        yield from _keyed(text)
    elif _LRC_TIME.search(text) or _SECTION.search(text):
        yield from _lyrics(text)
    else:
        yield "caption", "caption", text


def _lyrics(text: str) -> Iterator[_Raw]:
    yield "lyrics", "lyrics", text
    if _LRC_TIME.search(text):
        for match in _LRC_NAME.finditer(text):
            yield match[1], "title" if match[1].lower() == "ti" else "artist", match[2]


def _is_keyed(text: str) -> bool:
    """Tell whether a text is made of fields: it begins with one, and one of its lines begins with a known key."""
    lines = [line for line in text.split("\n") if line.strip()]
    matches = [match for line in lines if (match := _KEY_LINE.fullmatch(line))]
    return bool(lines) and bool(_KEY_LINE.fullmatch(lines[0])) and any(_field(match[1]) for match in matches)


def _keyed(text: str) -> Iterator[_Raw]:
    """Read ``key: value`` lines; caption, lyrics and unknown keys may go on for lines.

    Behind lyrics a known key begins a new field only where it was not given before and states what such a key states:
    'Key: to my heart' is sung.
    """
    given: set[SidecarField] = set()
    key, field, lines = "", None, list[str]()
    for line in text.split("\n"):
        match = _KEY_LINE.fullmatch(line)
        if match is None or (field == "lyrics" and not _ends_lyrics(match, given)):
            if field in _CONTINUED:
                lines.append(line)
            elif line.strip():
                yield key, field, "\n".join(lines)
                key, field, lines = "", None, [line]
            continue
        yield key, field, "\n".join(lines)
        key, field, lines = match[1], _field(match[1]), [match[2]]
        if field is not None:
            given.add(field)
    yield key, field, "\n".join(lines)


def _ends_lyrics(match: re.Match[str], given: set[SidecarField]) -> bool:
    field = _field(match[1])
    if field not in _BEHIND_LYRICS or field in given:
        return False
    return field not in FACT_FIELDS or claim_of(field, match[2]) is not None


def _tagged(text: str) -> Iterator[_Raw]:
    """Read fields in tags, ``<CAPTION>...</CAPTION>``; a tag that is not closed is text."""
    lower = text.translate(_SMALL)
    # A tag is only looked for where it is: a hostile file costs no more than its size.
    last_close = {match[1]: match.start() for match in _CLOSING_TAG.finditer(lower)}
    outside: list[str] = []
    behind = 0
    while match := _TAG.search(text, behind):
        name = match[1].lower()
        is_closed = last_close.get(name, -1) >= match.end()
        outside.append(text[behind : match.start() if is_closed else match.end()])
        behind = match.end()
        if is_closed:
            end = lower.index(f"</{name}>", behind)
            yield match[1], _field(name), text[behind:end]
            behind = end + len(name) + 3
    outside.append(text[behind:])
    yield _OUTSIDE, None, " ".join("".join(outside).split())


def _json(text: str, song_id: str) -> Iterator[_Raw]:
    try:
        pairs = json.loads(text, object_pairs_hook=list, parse_constant=str)
        for key, value in _row(pairs, song_id):
            yield key, _field(key), _json_text(value, is_lyrics=_field(key) == "lyrics")
    except RecursionError:
        raise FileFault("is not valid JSON: nested too deeply") from None
    except ValueError as error:  # Also a number of more digits than Python reads.
        raise FileFault(f"is not valid JSON: {' '.join(str(error).split())[:200]}") from error


def _is_object(value: Any) -> bool:
    """Tell a JSON object, read as a list of pairs so that no key is lost, from an array."""
    return isinstance(value, list) and all(isinstance(one, tuple) for one in value)


def _row(value: Any, song_id: str) -> list[tuple[str, Any]]:
    """Return the pairs of the object about the song: the only one, or that of ``samples`` which names its file."""
    if not _is_object(value):
        value = value[0] if isinstance(value, list) and len(value) == 1 and _is_object(value[0]) else None
    if value is None:
        raise FileFault("holds no JSON object")
    samples = dict(value).get("samples")
    if not isinstance(samples, list) or _is_object(samples):
        return list(value)
    rows = [row for row in samples if _is_object(row)]
    named = [row for row in rows if song_id in _ids(row)]
    found = named or (rows if len(rows) == 1 else [])
    if not found:
        raise FileFault(f"holds {len(rows)} samples, none of which names a file of the song {song_id!r}")
    return list(found[0])


def _ids(row: list[tuple[str, Any]]) -> set[str]:
    """Return the identifiers that a song would have by the file that a sample names."""
    names = (PurePath(value).stem for key, value in row if key in {"filename", "audio_path"} and isinstance(value, str))
    return {make_song_id(name, fallback="song") for name in names}


def _json_text(value: Any, *, is_lyrics: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if not _is_object(value) and all(isinstance(one, str | int | float) for one in value):
        return ("\n" if is_lyrics else ", ").join(map(str, value))
    return json.dumps(_plain(value), ensure_ascii=False) if value else ""


def _plain(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return {key: _plain(inner) for key, inner in value} if _is_object(value) else [_plain(one) for one in value]


def _field(key: str) -> SidecarField | None:
    return _FIELDS.get(re.sub(r"[ -]", "_", key.strip().lower()))


def _clean_key(key: str) -> str:
    return " ".join(printable(key).split())[:_MAX_KEY_CHARACTERS]


def _clean(text: str, field: SidecarField | None) -> str:
    composed = unicodedata.normalize("NFC", text)
    if field != "lyrics":
        return " ".join(printable(composed).split())
    return "\n".join(printable(line).rstrip() for line in composed.split("\n")).strip("\n")
