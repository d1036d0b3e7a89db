"""A claim as a span of words in its sentence, before negation and offsets are known.

The span and the joining of words into phrases belong here; vocabulary and grammar do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flamingo_bark_assets.claims.model import ClaimKind
from flamingo_bark_assets.claims.tokens import Token


@dataclass(frozen=True, slots=True)
class Span:
    """A claim as words of a sentence.

    Attributes:
        kind: what it is about.
        value: canonical value.
        first: index of the first word of the phrase.
        last: index behind its last word.
        value_first: index of the first word of the value; None where the phrase is the value.
        value_last: index behind its last word.
        denies: whether the word itself denies the value ('instrumental' denies vocals).
    """

    kind: ClaimKind
    value: str
    first: int
    last: int
    value_first: int | None = None
    value_last: int | None = None
    denies: bool = False


def phrase_at(tokens: Sequence[Token], i: int, length: int, gap: str | None = None) -> str:
    """Join words that only a space or hyphen (or `gap`) parts, in small letters; '' where there are too few."""
    if i + length > len(tokens):
        return ""
    if length == 1:
        return tokens[i].lower
    words = [tokens[i].lower]
    for token in tokens[i + 1 : i + length]:
        if not token.joined and token.gap != gap:
            return ""
        words.append(token.lower)
    return " ".join(words)


def first_words(phrases: Iterable[str]) -> frozenset[str]:
    """Return the words that phrases begin with: where none of them stands, no phrase need be put together."""
    return frozenset(phrase.split()[0] for phrase in phrases)
