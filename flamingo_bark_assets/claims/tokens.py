"""A text as sentences of words with offsets: the smallest grammar that claims need.

Where sentences and words begin and end belongs here; what words mean does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# A word; a closing 's stands for itself, other apostrophes stay inside ("isn't", "rock'n'roll").
_WORD = re.compile(r"['’]s\b|[^\W_]+(?:['’](?!s\b)[^\W_]+)*", re.IGNORECASE)
_BORDER = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’)\]]*(?=\s|$)|\n+")
_ABBREVIATIONS = frozenset(
    {"approx", "ca", "e.g", "i.e", "vs", "feat", "ft", "no", "nr", "mr", "mrs", "ms", "dr", "st", "b.p.m", "resp"}
)
_MAX_ABBREVIATION = 8


@dataclass(frozen=True, slots=True)
class Token:
    """One word.

    Attributes:
        text: as written.
        lower: in small letters, with a straight apostrophe.
        start: offset of its first character in the whole text.
        end: offset behind its last character.
        gap: what stands between the word before and this one; for the first, what opens the sentence.
    """

    text: str
    lower: str
    start: int
    end: int
    gap: str

    @property
    def is_capitalised(self) -> bool:
        """Whether it begins with a capital and goes on in small letters."""
        return len(self.text) > 1 and self.text[0].isupper() and self.text[1:].islower()

    @property
    def joined(self) -> bool:
        """Whether only a space or a hyphen parts it from the word before."""
        return self.gap in _JOINING

    @property
    def opens_clause(self) -> bool:
        """Whether punctuation parts it from the word before."""
        return not _PARTING.isdisjoint(self.gap) or any(mark in self.gap for mark in (" – ", " - ", " #"))


_PARTING = frozenset(",;:()—")
_JOINING = frozenset({"", " ", "-", "‐", "‑", "–", "/", " / "})


# Captioners write no-break spaces and hyphens; each becomes one plain character, so that offsets stay.
_PLAIN = (
    dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2007\u2008\u2009\u200a\u202f"), " ")
    | dict.fromkeys(map(ord, "\u2010\u2011\u2012"), "-")
    | dict.fromkeys(map(ord, "\u2019\u02bc"), "'")
)  # fmt: skip


_FOLD = str.maketrans(
    {accented: plain for plain, some in (("a", "áàâãäå"), ("e", "éèêë"), ("i", "íìîï"), ("o", "óòôõöøō"), ("u", "úùûü"),
                                         ("c", "ç"), ("g", "ğ"), ("n", "ñ"), ("'", "’")) for accented in some}
)  # fmt: skip


def folded(word: str) -> str:
    """Write a word in small letters without accents: 'cajón' and 'cajon' are one instrument."""
    lower = word.lower()
    return lower if lower.isascii() else lower.translate(_FOLD)


def plain(text: str) -> str:
    """Write typographic spaces, hyphens and apostrophes plainly, character for character."""
    return text.translate(_PLAIN)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence.

    Attributes:
        start: offset of its first character.
        end: offset behind its last character, closing punctuation included.
        tokens: its words.
    """

    start: int
    end: int
    tokens: tuple[Token, ...]


def split_sentences(text: str) -> tuple[Sentence, ...]:
    """Take a text apart; sentences without a word are left out.

    Time grows in proportion to the length of the text.
    """
    borders = [match.end() for match in _BORDER.finditer(text) if not _is_abbreviation(text, match)]
    if not borders or borders[-1] != len(text):
        borders.append(len(text))
    sentences, start = [], 0
    for end in borders:
        tokens = _tokens(text, start, end)
        if tokens:
            first = start + len(text[start:end]) - len(text[start:end].lstrip())
            sentences.append(Sentence(first, start + len(text[start:end].rstrip()), tokens))
        start = end
    return tuple(sentences)


def _is_abbreviation(text: str, border: re.Match[str]) -> bool:
    if border.group() != ".":
        return False
    before = text[max(0, border.start() - _MAX_ABBREVIATION) : border.start()].split()
    word = before[-1].lstrip("(\"'").lower() if before else ""
    after = text[border.end() : border.end() + 3].lstrip()
    # "no" may also end a sentence: only a number behind it makes it "number".
    return word in _ABBREVIATIONS and (word not in {"no", "nr"} or after[:1].isdigit())


def _tokens(text: str, start: int, end: int) -> tuple[Token, ...]:
    tokens, behind = [], start
    for match in _WORD.finditer(text, start, end):
        tokens.append(
            Token(
                match.group(),
                folded(match.group()),
                match.start(),
                match.end(),
                text[behind : match.start()],
            )
        )
        behind = match.end()
    return tuple(tokens)
