"""Text of others made fit for a line: without what is not printed, and without what Bark's list files must not see.

Cleaning, counting and cutting of any text belongs here; what is said does not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from flamingo_bark_assets.genre_names.reading import hide_addresses, why_no_genre

MAX_TEXT_CHARACTERS = 2000
MAX_TAG_CHARACTERS = 1000
MAX_GENRES = 2
MAX_GENRE_CHARACTERS = 40
MAX_GENRE_WORDS = 4
MIN_CUT_WORDS = 4
REPEATED_SHARE = 0.6

# '|' parts the fields of a list line; Bark reads [..] as a sound to make and ♪ as the border of lyrics.
_RESERVED = re.compile(r"[|\[\]♪]")
_NOT_GENRE = re.compile(r"[^\w\s&'’+\-#.()]")
_ID3_NUMBER = re.compile(r"^(\(\d+\)\s*)+")
_GENRE_BORDER = re.compile(r"[;,/|\0\n]")
_SENTENCE_BORDER = re.compile(r"(?<=[.!?])\s+")
_ATTRIBUTE_BORDER = re.compile(r"(?<=[,;])\s+")
# Not every comma: cutting an enumeration ('mainly C major, G major and D major') would change what is said.
_CLAUSE_BORDER = re.compile(
    r"(?<=;)\s+|(?<=,)\s+(?=(?:with|without|at|in|on|over|from|while|but|which|where|\w+ing)\b)"
)
_WORD = re.compile(r"[^\s,;:()!?\"]+")
_ALPHANUMERIC = re.compile(r"[^\W_]+")
_COMPARED_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_FUNCTION_WORDS = frozenset(
    {"a", "an", "the", "and", "or", "of", "in", "at", "to", "with", "is", "are", "it", "its", "has", "by"}
)


def clean_text(text: str) -> str:
    """Make one printable line of any text, in Unicode form NFC, possibly empty.

    White space and control characters become single spaces; format characters, lone surrogates, private and unassigned
    code points vanish; '|', '[', ']' and '♪' become spaces. It is cut between words at `MAX_TEXT_CHARACTERS`.
    """
    composed = unicodedata.normalize("NFC", text[: 2 * MAX_TEXT_CHARACTERS])
    line = " ".join(_RESERVED.sub(" ", printable(composed)).split())
    return line if len(line) <= MAX_TEXT_CHARACTERS else line[:MAX_TEXT_CHARACTERS].rpartition(" ")[0]


def printable(text: str, *, control: str = " ") -> str:
    """Replace what is not printed: white space becomes spaces, other control characters become `control`.

    Spaces are not joined; format characters, lone surrogates, private and unassigned code points vanish.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if c.isspace() else _printed(c, control) for c in text)


def short_line(text: str, limit: int) -> str:
    """Put a message of a library on one line of at most `limit` characters."""
    return " ".join(text.split())[:limit]


def clean_genres(text: str | None, *, limit: int = MAX_GENRES) -> list[str]:
    """Read genre names out of a tag or an answer.

    They are parted by ';', ',' or '/'. Names that are too long are none and are left out, as are placeholders such as
    'Unknown'; hostile text is allowed.
    """
    names: dict[str, str] = {}
    parts = _GENRE_BORDER.split(hide_addresses((text or "")[: MAX_TAG_CHARACTERS + 1]))
    if text and len(text) > MAX_TAG_CHARACTERS:
        parts.pop()
    for part in parts:
        if why_no_genre(part.strip()):
            continue
        name = _ID3_NUMBER.sub("", clean_text(part))
        name = " ".join(_NOT_GENRE.sub(" ", name).split()).strip(" .-'’&+")
        if _is_genre(name):
            names.setdefault(name.casefold(), name)
    return list(names.values())[:limit]


def plain_words(text: str) -> list[str]:
    """Return the words of a text as texts are compared by them: letters and digits alone, without case."""
    return ["".join(filter(str.isalnum, word)) for word in _COMPARED_WORD.findall(text.casefold())]


def non_space_length(text: str) -> int:
    """Count the characters that are not white space: no WordPiece tokenizer gives more tokens."""
    return len("".join(text.split()))


def first_fitting(candidates: Sequence[str], budget: int) -> str:
    """Give the first text within a budget of non-space characters; '' where none is."""
    return next((text for text in candidates if non_space_length(text) <= budget), "")


def fit(opening: str, sentences: Sequence[str], budget: int) -> str:
    """Put sentences behind an opening as long as the budget lasts.

    A sentence most of whose words, and all of whose numbers, were said before is left out. One that does not fit is cut
    at the border of a clause, never inside one or inside an enumeration, and then ends the text; where it has no such
    border, it is left out. The budget counts non-space characters; the opening is within it and has no final full stop.
    Each part is closed by one.
    """
    said = [opening] if opening else []
    for candidate in sentences:
        if _repeats(candidate, said):
            continue
        if non_space_length(_paragraph([*said, candidate])) <= budget:
            said.append(candidate)
        elif start := _cut(candidate, said, budget):
            said.append(start)
            break
    return _paragraph(said) if said != [opening] else opening


def cut_attributes(text: str, budget: int) -> str:
    """Drop attributes, parted by ',' or ';', from the end until a text fits a budget; '' if none fits."""
    clauses = _ATTRIBUTE_BORDER.split(text)
    starts = (" ".join(clauses[:end]).rstrip(",;:") for end in range(len(clauses), 0, -1))
    return first_fitting(list(starts), budget)


def split_sentences(text: str | None) -> list[str]:
    """Clean a text and split it into sentences; None has none."""
    return [sentence for sentence in _SENTENCE_BORDER.split(clean_text(text or "")) if sentence]


def _printed(character: str, control: str) -> str:
    category = unicodedata.category(character)
    if category == "Cc":
        return control
    return "" if category.startswith("C") else character


def _is_genre(name: str) -> bool:
    words = name.split()
    if not 1 <= len(words) <= MAX_GENRE_WORDS or len(name) > MAX_GENRE_CHARACTERS:
        return False
    if sum(character.isalpha() for character in name) < 2 or why_no_genre(name):
        return False
    return not {"none", "nan", "null"} & {word.casefold() for word in _ALPHANUMERIC.findall(name)}


def _cut(sentence: str, said: Sequence[str], budget: int) -> str:
    clauses = _CLAUSE_BORDER.split(sentence)
    for end in range(len(clauses) - 1, 0, -1):
        start = " ".join(clauses[:end]).rstrip(",;:")
        balanced = start.count("(") == start.count(")")
        fits = non_space_length(_paragraph([*said, start])) <= budget
        if fits and balanced and len(start.split()) >= MIN_CUT_WORDS:
            return start
    return ""


def _paragraph(sentences: Sequence[str]) -> str:
    return " ".join(text if text.endswith((".", "!", "?")) else f"{text}." for text in sentences)


def _repeats(sentence: str, said: Sequence[str]) -> bool:
    words, before = _content_words(sentence), _content_words(" ".join(said))
    if any(any(character.isdigit() for character in word) for word in words - before):
        return False
    return len(words & before) >= REPEATED_SHARE * len(words)


def _content_words(text: str) -> set[str]:
    return {word.strip(".'") for word in _WORD.findall(text.casefold())} - _FUNCTION_WORDS


def number_of(count: int, noun: str) -> str:
    """Say how many there are of what a regular noun names: '1 song', '2 songs'."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
