"""Texts as a trainer reads them: one line, printable, not empty, within the budget, saying something.

Checks of any caption or lyrics belong here; whether what they claim is true stands in `claims`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from flamingo_bark_assets.verification.findings import Findings

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_LONE = re.compile(r"[\ud800-\udfff\ufffd\ufffe\uffff]")
# UTF-8 that was read as Windows-1252: two or three letters where one was.
_GARBLED = re.compile(
    "[\u00c2\u00c3][\u0080-\u00bf\u2018-\u203a\u20ac\u2122]|\u00e2\u20ac[\u2122\u0153\u009d\u2014\u201c]"
)
_PLACEHOLDER = re.compile(
    r"(?i)\s*(none|nan|null|n/?a|unknown|undefined|todo|tbd|untitled|caption|text|prompt|description|\?+|-+|\.+)\s*"
)
_TEMPLATE = re.compile(r"\{[a-z_]*\}|%\([a-z_]+\)s|<[A-Z_]{3,}>|\$\{\w+\}")
_RAW_FIGURE = re.compile(r"\b\d+\.\d{3,}\b|\b(?:confidence|probability|score|p)\s*[=:]\s*\.?\d", re.IGNORECASE)
_FILE_NAME = re.compile(r"(?i)\S+\.(wav|flac|mp3|ogg|npz|txt|json)")
_MARKUP = re.compile(r"(?i)</?(?:p|br|b|i|div|span|html|script)\b[^<>]*>|&(?:amp|lt|gt|quot|nbsp|#\d+);")
_WORD_OR_MARK = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class TextRules:
    """What a trainer takes for a text.

    Attributes:
        name: what it is called in messages: "caption", "lyrics" ...
        lines: whether it may have several lines.
        separators: what parts fields or samples around it, and what happens if it holds one.
        max_tokens: budget in tokens of a subword tokenizer; None for none.
        max_non_space: budget in characters that are not white space; None for none.
        may_be_empty: whether an empty one is meant.
        is_name: whether it is a proper name, which need say nothing of the music: a song may be called "Unknown".
    """

    name: str = "text"
    lines: bool = False
    separators: tuple[tuple[str, str], ...] = ()
    max_tokens: int | None = None
    max_non_space: int | None = None
    may_be_empty: bool = False
    is_name: bool = False


def least_tokens(text: str) -> int:
    """Return a number of tokens that no subword tokenizer comes below in practice.

    Each word and each mark is one at least. Words of Latin script have about four letters a token in texts of some
    length, so six are taken here; letters of other scripts stand for more.
    """
    words = _WORD_OR_MARK.findall(text)
    return sum(1 + (len(word) - 1) // 8 for word in words)


def check_text(
    findings: Findings, file: str, row: int | None, text: object, rules: TextRules, *, clip: str = ""
) -> str | None:
    """Check one text.

    Args:
        findings: where what is wrong goes.
        file: the file that it stands in.
        row: its row.
        text: anything that stands where the text should.
        rules: what the trainer takes.
        clip: base name of its clip, which is no text.

    Returns:
        The text; None, with a finding, where it is none.
    """

    def found(rule: str, message: str) -> None:
        findings.add(rule, file, row, f"{rules.name}{f' of {clip}' if clip else ''}: {message}")

    if not isinstance(text, str):
        found("field_type", f"is {_kind(text)} and no text; the trainer stops, or reads it as a word")
        return None
    if not text.strip():
        if not rules.may_be_empty:
            found("empty_text", "is empty; the clip trains without text, or under its file name")
        return text
    content = () if rules.is_name else _content_problems(text, clip)
    for rule, message in (*_form_problems(text, rules), *content):
        found(rule, message)
    _check_budget(findings, file, row, text, rules, clip)
    return text


def _form_problems(text: str, rules: TextRules) -> Iterator[tuple[str, str]]:
    """Tell what is wrong with the characters of a text, as rules and messages."""
    if match := _CONTROL.search(text):
        yield "control_character", f"holds U+{ord(match[0]):04X}, which is never printed and becomes tokens of its own"
    if _LONE.search(text):
        yield "encoding", "holds a replacement character or half a surrogate: it was decoded wrongly before"
    if _GARBLED.search(text):
        yield "garbled", "reads like UTF-8 that was taken for Windows-1252"
    if not rules.lines and ("\n" in text or "\r" in text):
        yield "separator", "has several lines; the trainer reads one, or takes the rest for other rows"
    for separator, consequence in rules.separators:
        if separator in text:
            yield "separator", f"holds {separator!r}; {consequence}"
    if text != text.strip():
        yield "separator", "begins or ends with white space"


def _content_problems(text: str, clip: str) -> Iterator[tuple[str, str]]:
    """Tell what in a text says nothing of music, as rules and messages."""
    bare = text.strip()
    if _PLACEHOLDER.fullmatch(text) or (clip and bare == clip) or _FILE_NAME.fullmatch(bare):
        yield "placeholder", f"{bare[:60]!r} says nothing of the music"
    elif _TEMPLATE.search(text):
        yield "placeholder", "holds a template that was not filled in"
    if _MARKUP.search(text):
        yield "placeholder", "holds markup of a page, which the model learns as words"
    if _RAW_FIGURE.search(text):
        yield "placeholder", "holds a raw figure or probability, which a model learns as words"


def _check_budget(findings: Findings, file: str, row: int | None, text: str, rules: TextRules, clip: str) -> None:
    of = f" of {clip}" if clip else ""
    if rules.max_non_space is not None and (length := non_space(text)) > rules.max_non_space:
        findings.add("budget", file, row, f"{rules.name}{of}: {length} characters that are no space, of which "
                     f"{rules.max_non_space} surely fit; the trainer cuts the rest off without a word")  # fmt: skip
    elif rules.max_tokens is not None and (tokens := least_tokens(text)) > rules.max_tokens:
        findings.add("budget", file, row, f"{rules.name}{of}: about {tokens} tokens; the trainer cuts it at "
                     f"{rules.max_tokens} without a word")  # fmt: skip


def non_space(text: str) -> int:
    """Return the number of characters that are not white space, composed (NFC)."""
    return sum(not character.isspace() for character in unicodedata.normalize("NFC", text))


def _kind(value: object) -> str:
    return "missing" if value is None else f"of type {type(value).__name__}"
