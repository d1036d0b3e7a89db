"""Which kind of stem a file's name says: how names are taken apart.

The words of each kind stand in `parts`; files do not belong here.
"""

from __future__ import annotations

import functools
import re
from itertools import pairwise

from flamingo_bark_assets.library.ids import latin
from flamingo_bark_assets.parts import KINDS, STEM_KINDS, StemKind

# Words that go with a stem's name and say no kind.
_NEUTRAL_WORDS = (
    "stem stems track audio main lead back backing rhythm electric acoustic clean dist distorted dry wet fx left right "
    "l r mono stereo room top bottom in out close mic di amp take dub double high low hi lo male female solo bus group "
    "mix the and of a"
)
_NEUTRAL = frozenset(_NEUTRAL_WORDS.split())
_KIND_OF_WORD: dict[str, StemKind] = {
    latin(word): kind for kind, facts in KINDS.items() for word in facts.words.split()
}
_KIND_OF_WEAK: dict[str, StemKind] = {word: kind for kind, facts in KINDS.items() for word in facts.weak_words.split()}
_KIND_OF_PAIR: dict[tuple[str, ...], StemKind] = {
    tuple(pair.split()): kind for kind, facts in KINDS.items() for pair in facts.pairs
}
_NEGATIONS = frozenset({"no", "non", "not", "without", "minus", "sans"})
_SHORTEST_JOINED = 3
_LONGEST_JOINED = 40
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+")
_BRACKETED = re.compile(r"[(\[{]([^()\[\]{}]+)[)\]}]")
_LAST_PART = re.compile(r"^(.+)(?:\s-\s*|_)([^_]+?)\s*$", re.DOTALL)


def kinds_in(name: str) -> tuple[StemKind, ...]:
    """Find the kinds that a stem's file name says.

    Where a title goes before the stem's name, only the latter counts: what stands in brackets ("All About That
    Bass_(Drums)"), or behind the last dash or underscore ("Beat It - Bass"), if it is made of stems' words alone. Each
    kind is given once, sorted. A word that is negated ("no drums") says none. Kinds that are part of the same one are
    that one together ("Piano+Strings"). The name, without its ending, keeps its letters' case ("01 - LeadVocals").
    """
    kinds = _kinds_of_name(_decisive_part(name))
    wholes = {KINDS[kind].part_of or kind for kind in kinds}
    return tuple(sorted(wholes if len(wholes) == 1 < len(kinds) else kinds))


def only_kind(name: str) -> tuple[StemKind | None, str | None]:
    """Find the one kind that a stem's file name says, or else what is wrong with the name, in one clause."""
    kinds = kinds_in(name)
    if len(kinds) == 1:
        return kinds[0], None
    if kinds:
        return None, f"its name says more than one kind: {', '.join(kinds)}"
    return None, f"its name says no kind of stem; put one of {', '.join(STEM_KINDS)} into it"


def _decisive_part(name: str) -> str:
    bracketed = [text for text in _BRACKETED.findall(name) if _is_stem_name(text)]
    if bracketed:
        return str(bracketed[-1])
    parts = _LAST_PART.match(name)
    if parts is not None and _is_stem_name(parts[2]) and not _known(_words(parts[1])):
        return parts[2]
    return name


def _is_stem_name(text: str) -> bool:
    """Return whether a text says a kind and holds no word that is not of stems' names."""
    return _known(_words(text)) and bool(_kinds_of_name(text))


def _kinds_of_name(name: str) -> set[StemKind]:
    return _kinds_of(_WORD.findall(latin(name))) | _kinds_of(_words(name))


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case, also where only capitals part them or they are written as one."""
    words = _WORD.findall(latin(_HUMP.sub(" ", name)))
    return [part for word in words for part in _taken_apart(word) or (word,)]


@functools.lru_cache(maxsize=1024)
def _taken_apart(word: str) -> tuple[str, ...]:
    """Find the known words that a word is joined of, as "electricguitar"; empty where it is known itself or is not."""
    if _is_known(word) or not 2 * _SHORTEST_JOINED <= len(word) <= _LONGEST_JOINED:
        return ()
    for end in range(len(word) - _SHORTEST_JOINED, _SHORTEST_JOINED - 1, -1):
        first, rest = word[:end], word[end:]
        if _is_known(first) and (parts := (rest,) if _is_known(rest) else _taken_apart(rest)):
            return (first, *parts)
    return ()


def _is_known(word: str) -> bool:
    return word in _KIND_OF_WORD or word in _NEUTRAL or word in _KIND_OF_WEAK or word in _NEGATIONS


def _known(words: list[str]) -> bool:
    return bool(words) and all(_is_known(word) for word in words)


def _kinds_of(words: list[str]) -> set[StemKind]:
    kinds: set[StemKind] = set()
    used = False
    weak_count = _known(words)
    for word, following in pairwise([*words, ""]):
        if used:
            used = False
        elif kind := _KIND_OF_PAIR.get((word, following)):
            kinds.add(kind)
            used = True
        elif word in _NEGATIONS and following in _KIND_OF_WORD:
            used = True
        elif (kind := _KIND_OF_WORD.get(word)) or (weak_count and (kind := _KIND_OF_WEAK.get(word))):
            kinds.add(kind)
    return kinds
