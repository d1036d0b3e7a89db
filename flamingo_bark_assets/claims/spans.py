"""A claim as a span of words in its sentence, before negation and offsets are known.

The span and the joining of words into phrases belong here; vocabulary and grammar do not.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    part = tokens[i : i + length]
    if len(part) < length or not all(t.joined or t.gap == gap for t in part[1:]):
        return ""
    return " ".join(t.lower for t in part)
