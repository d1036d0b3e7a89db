"""A reply as plain lines: without markup, JSON, special tokens, control characters, echoes and openings.

The form of a reply belongs here; what it says stands in `answers`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from flamingo_bark_assets.text import printable

Flag = Literal["echo", "json", "negation", "not_english", "repetition", "times", "too_long", "truncated"]

MAX_REPLY_CHARACTERS = 40_000

_MAX_JSON_CHARACTERS = 20_000
_MAX_JSON_STRINGS = 1000

_SPECIAL = re.compile(
    r"<\|[^<>|]{1,40}\|>|</?(?:s|sep|pad|eos|bos|unk|audio|sound|think|b|i|p|br)\s?/?>", re.IGNORECASE
)
# The thinking of a -think variant: nothing of it is the answer, nor is a thought that was cut off.
_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL)
_THOUGHT_END = re.compile(r"\A.*</(?:think|thinking|reasoning)>", re.IGNORECASE | re.DOTALL)
# No-break spaces and hyphens, figure and soft ones: no rule of wording knows '120\u202fBPM' or 'four\u2011on\u2011the'.
_NORMALISED = str.maketrans(
    dict.fromkeys("\u00a0\u2007\u2009\u200a\u202f\u3000", " ")
    | dict.fromkeys("\u2010\u2011\ufe63\uff0d", "-")
    | dict.fromkeys("\u00ad\u2060\ufeff", "")
)
_LINE_BORDER = re.compile(r"[\n\u2028\u2029]")
_FENCE = re.compile(r"```[a-z]{0,10}", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\[\]\n]{0,200})\]\([^()\n]{0,300}\)")
_BULLETS = re.compile(
    r"^(?:(?:[-*+•·–—>](?=\s)|#{1,6}(?=\s|\w)|\(?\d{1,3}[.)](?!\d)|\(?[a-z]\)(?=\s))\s*)++", re.IGNORECASE
)
_EMPHASIS = re.compile(r"\*+|_{2,}|`+|~~+|(?<!\w)_|_(?!\w)")
_OPENING = re.compile(
    r"^(?:(?:sure|certainly|of course|okay|absolutely)(?:[,.!:]\s*|\s+(?=here)))?"
    r"(?:here(?:'s|’s| is| are)\b[^.:!?\n]{0,80}:\s*)?"
    r"(?:(?:assistant|answer|a|response|reply|output|caption|description|summary)\s?:\s*)?",
    re.IGNORECASE,
)
_TEXT_KEYS = ("caption", "description", "text", "answer", "response", "output")


def plain_lines(reply: str, flags: set[Flag]) -> list[str]:
    """Give the lines of a reply without thinking, markup, special tokens, control characters and empty lines.

    No-break spaces and hyphens become plain ones.

    The first `MAX_REPLY_CHARACTERS` are read; `flags` gets json where the reply is JSON, too_long where it is cut.
    """
    if len(reply) > MAX_REPLY_CHARACTERS:
        reply = reply[:MAX_REPLY_CHARACTERS]
        flags.add("too_long")
    plain = _FENCE.sub("\n", _SPECIAL.sub(" ", without_thinking(reply))).strip()
    strings = _json_strings(plain)
    if strings is not None:
        flags.add("json")
        plain = "\n".join(strings)
    printed = (printable(line) for line in _LINE_BORDER.split(plain))
    lines = (_BULLETS.sub("", " ".join(_LINK.sub(r"\1", line).split())) for line in printed)
    bare = (" ".join(_EMPHASIS.sub("", line).split()) for line in lines)
    return [line for line in bare if line]


def without_thinking(reply: str) -> str:
    """Return a reply without what the model thought before it, and with plain spaces and hyphens."""
    return _THOUGHT_END.sub("", _THINKING.sub("", reply.translate(_NORMALISED)))


def _json_strings(text: str) -> list[str] | None:
    """Give the strings of a reply that is JSON, of its text alone where a key names it; None for anything else."""
    if not text.startswith(("{", "[")) or len(text) > _MAX_JSON_CHARACTERS:
        return None
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        value = next((value[key] for key in _TEXT_KEYS if isinstance(value.get(key), str)), value)
    return list(_strings_in(value))


def _strings_in(value: Any) -> Iterator[str]:
    waiting, count = [value], 0
    while waiting and count < _MAX_JSON_STRINGS:
        item = waiting.pop()
        count += 1
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict | list):
            waiting.extend(reversed(list(item.values()) if isinstance(item, dict) else item))


def joined(lines: Sequence[str], limit: int) -> str:
    """Make one line; a line without punctuation at its end gets a full stop where there is room for it.

    Full stops make it grow to `limit` characters at most.
    """
    room = limit - sum(len(line) + 1 for line in lines)
    text = ""
    for line in lines:
        gap = " "
        if text and text[-1] not in ".!?:;," and room > 0:
            gap, room = ". ", room - 1
        text += (gap if text else "") + line
    return text


def without_echo(text: str, prompt: str | None, flags: set[Flag]) -> str:
    """Take the question off where a reply begins with it, and flag that."""
    asked = " ".join((prompt or "").split())
    if asked and text[: len(asked)].lower() == asked.lower():
        flags.add("echo")
        return text[len(asked) :].lstrip(" .:?!-\n")
    return text


def without_opening(text: str) -> str:
    """Take off 'Sure, here is the caption:', 'Assistant:' and quotation marks around all of it."""
    text = _OPENING.sub("", text, count=1).strip()
    for opening, closing in ('""', "“”", "''", "‘’", "«»"):
        if len(text) > 1 and text[0] == opening and text[-1] == closing and opening not in text[1:-1]:
            return text[1:-1].strip()
    return text
