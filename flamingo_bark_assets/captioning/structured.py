"""A reply that should be one JSON object: genre, mood, instruments, tempo, key and a summary, however broken it is.

Reading the values belongs here, in one pass that never asks whether brackets match; what they say is read as any other
reply is (`answers`), and whether it is true stands in `claims`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from flamingo_bark_assets.captioning.plain_replies import MAX_REPLY_CHARACTERS, without_thinking
from flamingo_bark_assets.library.sidecar_facts import claim_of

FactKey = Literal["genre", "mood", "instruments", "tempo_bpm", "key", "summary"]

# As models spell them, in small letters and without what is no letter: 'Tempo (BPM)' is tempobpm.
_KEYS: dict[str, FactKey] = {
    "genre": "genre", "genres": "genre", "subgenre": "genre", "subgenres": "genre", "style": "genre",
    "mood": "mood", "moods": "mood", "moodtheme": "mood", "theme": "mood", "themes": "mood",
    "instruments": "instruments", "instrument": "instruments", "instrumentation": "instruments",
    "tempobpm": "tempo_bpm", "tempo": "tempo_bpm", "bpm": "tempo_bpm",
    "key": "key", "keyscale": "key", "musicalkey": "key",
    "summary": "summary", "caption": "summary", "description": "summary",
}  # fmt: skip
_NO_VALUES = frozenset({"null", "none", "true", "false", "undefined", "nan", "unknown", "n/a", "not available"})
_MAX_KEY_CHARACTERS = 40
_MAX_VALUES = 64
_TOKEN = re.compile(r"""\s+|[{}\[\]:,]|["'“”‘’]|[^\s{}\[\]:,"“”]+(?:[ \t]+[^\s{}\[\]:,"“”]+)*""")
_DOUBLE = '"“”'
_CLOSING = f"{_DOUBLE}'‘’"
_ENDS_DOUBLE, _ENDS_SINGLE = re.compile(r'\\.|["”]', re.DOTALL), re.compile(r"\\.|['’]", re.DOTALL)
# A mark, the end of a line, or quotes again where a comma is missing.
_ENDS_VALUE = re.compile(r"[^\S\n]{0,20}(?:[,:}\]\n]|\Z)|[^\S\n]{1,20}(?=[\"“'])")
_MAX_INNER_QUOTES = 8
_ESCAPED = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_MAX_STRING_CHARACTERS = 4000
_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,3})?")
_KEY_NAME = re.compile(r"\b[A-G](?:[#♯b♭]|[- ](?:sharp|flat)\b)?[ -]?(?:major|minor|maj|min)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a reply holds of the keys that were asked for.

    Attributes:
        values: the texts of each key that has any, in their order; the first of two equal keys counts.
        cut_off: the key whose last text the end of the reply cut off; None where none was.
    """

    values: dict[FactKey, tuple[str, ...]]
    cut_off: FactKey | None = None

    def text(self, key: FactKey) -> str:
        """Return the texts of a key as one, parted by ', '; without the one that was cut off, but of the summary."""
        texts = self.values.get(key, ())
        if key == self.cut_off and key != "summary":
            texts = texts[:-1]
        return " ".join(texts) if key == "summary" else ", ".join(texts)

    @property
    def claim(self) -> str | None:
        """Tempo and key as a sentence that the checker of claims reads; None where neither can be read."""
        tempo, key = _NUMBER.search(self.text("tempo_bpm")), self.text("key")
        named = _KEY_NAME.search(key)
        said = [
            claim_of("bpm", tempo.group()) if tempo else None,
            claim_of("key", key) or (claim_of("key", named.group().replace("-", " ")) if named else None),
        ]
        told = ", ".join(one for one in said if one)
        return f"{told}." if told else None


@dataclass(slots=True)
class _Reading:
    """The state of reading: which key the values belong to, how deep it stood, and what was asked."""

    prompt: str
    values: dict[FactKey, list[str]] = field(default_factory=dict)
    key: FactKey | None = None
    key_depth: int = 0
    depth: int = 0
    is_cut: bool = False

    def begin(self, name: str) -> None:
        """Take a name before a colon; one that is not known within a value belongs to that value."""
        letters = "".join(filter(str.isalpha, name[:_MAX_KEY_CHARACTERS].lower()))
        known = _KEYS.get(letters) if len(name) <= _MAX_KEY_CHARACTERS else None
        if known is not None:
            is_new = not self.values.get(known)
            self.key, self.key_depth = (known if is_new else None), self.depth
            self.values.setdefault(known, [])
        elif self.depth <= self.key_depth:
            self.key = None

    def add(self, text: str) -> None:
        """Take a value; one that says that there is none, or that was copied from the question, is none."""
        said = text.casefold().strip(" .")
        if not said or said in _NO_VALUES or (" " in said and said in self.prompt):
            return
        if self.key is not None and len(self.values[self.key]) < _MAX_VALUES:
            self.values[self.key].append(text)

    def close(self) -> None:
        """Leave a bracket, and with it the key that stood in it."""
        self.depth -= 1
        if self.depth <= self.key_depth:
            self.key = None


def read_facts(reply: str, *, prompt: str | None = None, truncated: bool = False) -> Facts:
    """Read what can be read of a reply, whatever brackets, commas and quotes it lacks and whatever stands around it.

    Names that are not known belong, within a value, to it: {"genre": {"main": "rock"}} is rock. Of a name that stands
    there twice the first counts. Time grows in proportion to the reply, of which `MAX_REPLY_CHARACTERS` are read.
    Words of `prompt`, which was asked, are no answer; `truncated` says whether its token limit cut the reply off.
    """
    reading = _Reading((prompt or "").casefold())
    waiting: str | None = None  # a text that is a name if a colon follows
    for kind, text in _tokens(without_thinking(reply[:MAX_REPLY_CHARACTERS])):
        if kind == "text":
            if waiting is not None:
                reading.add(waiting)
            waiting = text
            continue
        if kind == "cut":
            reading.is_cut = True
            waiting = text
            continue
        if text == ":" and waiting is not None:
            reading.begin(waiting)
        elif waiting is not None:
            reading.add(waiting)
        waiting = None
        if text in "{[":
            reading.depth += 1
        elif text in "}]":
            reading.close()
    if waiting is not None:
        reading.add(waiting)
        reading.is_cut = reading.is_cut or truncated
    values = {key: tuple(texts) for key, texts in reading.values.items() if texts}
    return Facts(values, reading.key if reading.is_cut and reading.key in values else None)


def _tokens(text: str) -> Iterator[tuple[Literal["text", "cut", "mark"], str]]:
    """Give marks, and texts with or without quotes; the last text is cut where its quotes do not end."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            at += 1
            continue
        said = match.group()
        at = match.end()
        if said in _CLOSING:
            end, is_mark = _closing(text, at, said)
            if end is not None:
                yield "text", _plain(text[at:end])
                at = end + is_mark
            elif said in _DOUBLE:
                yield "cut", _plain(text[at : at + _MAX_STRING_CHARACTERS].rstrip("\\"))
                return
        elif said in "{}[]:,":
            yield "mark", said
        elif not said.isspace():
            yield "text", _plain(said)


def _closing(text: str, start: int, opening: str) -> tuple[int | None, bool]:
    """Return where quotes end: at those before a mark or a line's end, as some within them may not be escaped.

    Returns:
        Where, None where they do not end, and whether quotes stand there that belong to them: where quotes were
        forgotten, those of the next name end a text as well.
    """
    marks = _ENDS_DOUBLE if opening in _DOUBLE else _ENDS_SINGLE
    limit = start + _MAX_STRING_CHARACTERS
    if opening not in _DOUBLE and (line_end := text.find("\n", start, limit)) >= 0:
        limit = line_end  # an apostrophe is no quote that goes on in the next line
    inner: list[int] = []
    for match in marks.finditer(text, start, limit):
        if match.group().startswith("\\"):
            continue
        if ends := _ENDS_VALUE.match(text, match.end()):
            return (inner[-1], False) if inner and ends.group().endswith(":") else (match.start(), True)
        inner.append(match.start())
        if len(inner) > _MAX_INNER_QUOTES:
            break
    return (inner[0], True) if inner else (None, True)


def _plain(text: str) -> str:
    return " ".join(_ESCAPED.sub(_unescaped, text).split())


def _unescaped(match: re.Match[str]) -> str:
    escaped = match.group(1)
    if len(escaped) == 5:
        character = chr(int(escaped[1:], 16))
        return "" if "\ud800" <= character <= "\udfff" else character
    return " " if escaped in "nrtbf" else escaped
