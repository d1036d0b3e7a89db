"""Reading a genre field: numbers become names, what names no genre is left out and says why.

What such fields hold in files of the world belongs here; how a file stores them does not.
"""

from __future__ import annotations

import functools
import html
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

MAX_FIELD_CHARACTERS = 20_000

_ITEMS = re.compile(r"[;,|\n\r\x00]")
_VALUES = re.compile(r"[\x00\n\r]")
_REFERENCES = re.compile(r"(?:\((?:\d{1,3}|RX|CR)\))+")
_REFERENCE = re.compile(r"\d{1,3}|RX|CR")
_NUMBER = re.compile(r"\d{1,3}")
_LETTERED = {"RX": "Remix", "CR": "Cover"}
# Those that are words too, as in "Nu.me tal", count only where nothing else is said.
_TOP_LEVEL = "com|net|org|info|biz|ru|ua|kz|su|invalid"
_SHORT_TOP_LEVEL = "by|to|cc|tv|me|io|co|de|fr|es|it|pl|nl|br|cn|jp|kr|uk|eu|us|in|ir|tk|ws|fm"
_REST = r"[^\s;,|\x00]"
# Each begins where a word does and has a bounded length, so that a hostile text costs no more than its length.
_ADDRESS = re.compile(
    rf"(?:https?|ftp)://{_REST}*|(?<![\w.])www\.{_REST}+|(?<![^\s;,|])[^\s;,|@]{{1,64}}@[\w-]+\.[\w.-]+"
    rf"|(?<![\w.-])(?:t\.me|vk\.cc|bit\.ly|youtu\.be|goo\.gl)/{_REST}*|(?<![^\s;,|])@[\w.]{{2,64}}"
    rf"|(?<![\w.-])[\w-]{{2,63}}(?:\.[\w-]{{1,63}}){{0,4}}\.(?:{_TOP_LEVEL})\b(?:/{_REST}*)?",
    re.IGNORECASE,
)
_BARE_ADDRESS = re.compile(rf"[\w-]{{2,63}}(?:\.[\w-]{{1,63}}){{0,4}}\.(?:{_SHORT_TOP_LEVEL})(?:/\S*)?", re.IGNORECASE)
_ADDRESS_MARK = "\ufffc"
_BRACKETED_ADDRESS = re.compile(rf"\s*[(\[{{]\s*{_ADDRESS_MARK}\s*[)\]}}]?")
# What programs that write for the web leave: "R&amp;B", "<b>Rock</b>"; "<No Genre>" is none of it.
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,6}|#[xX][0-9a-fA-F]{1,5});")
_MARKUP = re.compile(
    r"<script\b.*?</script\s*>|</?(?:a|b|br|div|em|font|h[1-6]|i|img|li|p|script|span|strong|style|u|ul)\b[^<>]{0,500}>",
    re.IGNORECASE | re.DOTALL,
)
_RATE = re.compile(r"[~<>]?\s*\d+(?:[.,]\d+)?\s*(?:k(?:bps|bit|b/s|hz)?(?:/s)?|hz|bit|mb|min)\b.*", re.IGNORECASE)
_MAKER = re.compile(
    r"(?:ripped|encoded|uploaded|downloaded|converted|tagged|created|shared)\s+(?:by|from|with|at)\b", re.I
)
_WORDED = {
    "placeholders": "a placeholder that says nothing of the music",
    "formats": "how the sound is stored, not what it is",
    "programs": "who made or gave the file, not what it is",
}


@dataclass(frozen=True, slots=True)
class GenreField:
    """What a genre field says.

    Attributes:
        names: the genres, each once, in the field's order.
        left_out: why something of it is no genre, one clause each; numbers that became names too.
    """

    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def read_genre_field(text: str) -> GenreField:
    """Read a genre field as ID3 and others write it; any text is allowed, of which 20,000 characters count."""
    text = without_markup(text[:MAX_FIELD_CHARACTERS])
    if kind := _not_genres().get(_key(text)):  # Before it is parted: "n/a".
        return GenreField((), (f"{_short(text)} is {_WORDED[kind]}",))
    names: dict[str, None] = {}
    notes: dict[str, None] = {}
    for value in _VALUES.split(text):
        for name, note in _read_value(value.strip()):
            if name:
                names.setdefault(name)
            if note:
                notes.setdefault(note)
    return GenreField(tuple(names), tuple(notes))


def why_no_genre(name: str) -> str | None:
    """Say in a clause what a text is instead of a genre; None where it may be one.

    A number of ID3v1's table, which stands for a genre, is none of these.
    """
    if not name:
        return None
    if _ADDRESS_MARK in name or _ADDRESS.search(name) or _BARE_ADDRESS.fullmatch(name):
        return "an address"
    if name.isdecimal():
        return None if _by_number(name) is not None else "a number that stands for no genre"
    if kind := _not_genres().get(_key(name)):
        return _WORDED[kind]
    if _RATE.fullmatch(name):
        return _WORDED["formats"]
    if _MAKER.match(name):
        return _WORDED["programs"]
    return None if any(character.isalpha() for character in name) else "without any letter"


def hide_addresses(text: str) -> str:
    """Put a mark in the place of each address, so that none is parted at its slashes; a mark is no genre."""
    return _ADDRESS.sub(_ADDRESS_MARK, text)


def without_markup(text: str) -> str:
    """Read the entities of HTML in a text and leave its marks out."""
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return _MARKUP.sub(" ", text) if "<" in text else text


@functools.cache
def id3v1_genres() -> tuple[str, ...]:
    """Return the names of ID3v1's genres by number, with Winamp's extensions."""
    return tuple(_data("id3v1.txt").splitlines())


@functools.cache
def genres_in_scripts() -> frozenset[str]:
    """Return genres as they are written in other scripts than Latin, without case."""
    lines = (line.strip() for line in _data("in_scripts.txt").splitlines())
    return frozenset(line.casefold() for line in lines if line and not line.startswith("#"))


def _read_value(value: str) -> list[tuple[str | None, str | None]]:
    found: list[tuple[str | None, str | None]] = []
    if head := _REFERENCES.match(value):
        found += [_by_reference(reference) for reference in _REFERENCE.findall(head[0])]
        value = value[head.end() :].strip()
    if value.startswith("(("):
        value = value[1:]
    if value in _LETTERED:
        return [*found, (_LETTERED[value], None)]
    addresses = iter(_ADDRESS.findall(value))
    for item in _ITEMS.split(hide_addresses(value)):
        parts = [" ".join(part.split()) for part in item.split("/")]
        # "20/24" are two numbers of the table, "1/2 step" holds none.
        all_numbers = all(_NUMBER.fullmatch(part) for part in parts if part)
        for part in parts:
            found += _read_part(part, addresses, all_numbers=all_numbers)
    return found


def _read_part(part: str, addresses: Iterator[str], *, all_numbers: bool) -> Iterator[tuple[str | None, str | None]]:
    """Read one name; `addresses` gives what stands behind each mark of an address."""
    name = _BRACKETED_ADDRESS.sub("", part).strip()
    if name and name != part:
        yield None, f"{_short(next(addresses, ''))} is an address"
    else:
        name = part
    if _NUMBER.fullmatch(name):
        yield _by_reference(name) if all_numbers else (None, f"{name} is a number beside words")
    elif reason := why_no_genre(name):
        shown = name.replace(_ADDRESS_MARK, next(addresses, "")) if _ADDRESS_MARK in name else name
        yield None, f"{_short(shown)} is {reason}"
    elif name:
        yield name, None


def _by_reference(reference: str) -> tuple[str | None, str | None]:
    name = _LETTERED.get(reference) or _by_number(reference)
    if name is None:
        return None, f"{reference} is a number that stands for no genre"
    if reason := why_no_genre(name):
        return None, f"{reference} is {name!r}, {reason}"
    return name, f"{reference} is {name!r} in ID3's table" if reference.isdecimal() else None


def _by_number(digits: str) -> str | None:
    if not digits.isascii() or len(digits) > 3:
        return None
    number = int(digits)
    return id3v1_genres()[number] if number < len(id3v1_genres()) else None


@functools.cache
def _not_genres() -> Mapping[str, str]:
    """Return why each listed text is no genre: the name of its list, by the text's key."""
    lists: dict[str, list[str]] = tomllib.loads(_data("not_genres.toml"))
    return {_key(name): kind for kind, names in lists.items() for name in names}


def _key(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(character for character in folded if not unicodedata.combining(character))
    return " ".join(plain.strip("<>[](){}\"'`«»*_-=~.:!? ").split())


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _data(name: str) -> str:
    return (files("flamingo_bark_assets") / "genre_names" / name).read_text(encoding="utf-8")
