"""Templates with alternatives, and the choices among them that a hash makes.

Filling and choosing belong here; the words themselves stand in the phrasebooks, what is told of a song in `facts`.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_ALTERNATIVES = re.compile(r"\{([^{}]*)\}")
_SLOT = re.compile(r"<(\w+)>")
# Letters whose names begin with a vowel: 'an R&B track', 'an MC'.
_SPELLED = re.compile(r"[AEFHILMNORSX](?![a-z])")
_ARTICLE = re.compile(r"\ba (?=(?!eu|uk|uni|use|one\b)[aeiou])")
_LONG_WORD = re.compile(r"[a-z]{4,}")
_JOINTS = frozenset({"with", "that", "from"})
_VOWEL = re.compile(r"(?!eu|uk|uni|use|one\b)[aeiou8]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wording:
    """All that may be said for one value of one topic: templates with ``{one|another}`` and ``<slot>``.

    Attributes:
        clauses: main clauses, in small letters and without a full stop.
        nouns: noun phrases that may stand behind 'with'.
        adjectives: words that may stand before 'track'.
        tags: items of a list of tags.
    """

    clauses: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    adjectives: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Choices:
    """Choices that depend on nothing but a seed and the name of what is chosen: the same on every machine.

    Args:
        seed: what the choices are made for, such as song, part and form; neighbours share none of them.
    """

    def __init__(self, *seed: str) -> None:
        begun = hashlib.sha256("\x1f".join(seed).encode(errors="surrogatepass"))
        self.digest = begun.hexdigest()[:16]
        begun.update(b"\x1e")
        self._begun = begun

    def fraction(self, what: str) -> float:
        """Return a number of 0 to below 1."""
        return self._number(what) / 2.0**64

    def one(self, options: Sequence[T], what: str) -> T:
        """Choose one of at least one option."""
        return options[self._number(what) % len(options)]

    def shuffled(self, options: Sequence[T], what: str) -> list[T]:
        """Return all options in an order of their own."""
        order = sorted(range(len(options)), key=lambda index: self._number(f"{what}\x1f{index}"))
        return [options[index] for index in order]

    def weighted(self, weights: Mapping[T, float], what: str) -> T:
        """Choose one key with a chance in proportion to its weight; weights are not negative, and one is not 0."""
        left = self.fraction(what) * sum(weights.values())
        likely = [key for key, weight in weights.items() if weight > 0.0]
        for key in likely:
            left -= weights[key]
            if left < 0.0:
                return key
        return likely[-1]

    def _number(self, what: str) -> int:
        hashed = self._begun.copy()
        hashed.update(what.encode())
        return int.from_bytes(hashed.digest()[:8])


@functools.cache
def expand(template: str) -> tuple[str, ...]:
    """Return all texts of a template; slots stay."""
    parts = _ALTERNATIVES.split(template)
    options = [part.split("|") if number % 2 else [part] for number, part in enumerate(parts)]
    return tuple(" ".join("".join(chosen).split()) for chosen in itertools.product(*options))


def expand_all(templates: Sequence[str]) -> list[str]:
    """Return all texts of several templates."""
    return [text for template in templates for text in expand(template)]


def chosen_text(choices: Choices, templates: Sequence[str], slots: Mapping[str, str], what: str) -> str:
    """Choose a template, as likely as any other, then one of its texts, and fill it."""
    return filled(choices.one(expand(choices.one(templates, what)), f"{what}\x1falternative"), slots)


def unlike(templates: Sequence[str], said: str) -> list[str]:
    """Return the templates, alternatives spelled out, that repeat no word of what was said; all where each does.

    'Paced' repeats 'slow-paced', and 'taken' 'a take': words are the same whose first four letters are.
    """
    before = _stems(said)
    options = expand_all(templates)
    return [option for option in options if before.isdisjoint(_own_stems(option))] or options


@functools.cache
def _own_stems(template: str) -> frozenset[str]:
    return _stems(_SLOT.sub("", template))


def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:4] for word in _LONG_WORD.findall(text.lower())) - _JOINTS


def filled(text: str, slots: Mapping[str, str]) -> str:
    """Put values into slots; 'a' becomes 'an' where the word behind it asks for that."""
    return _ARTICLE.sub("an ", _SLOT.sub(lambda slot: slots[slot[1]], text))


def with_article(text: str) -> str:
    """Put 'a' or 'an' before a text."""
    return f"{'an' if _SPELLED.match(text) or _VOWEL.match(text) else 'a'} {text}"
