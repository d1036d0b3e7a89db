"""Take one claim out of a sentence: ways of cutting it, from the smallest to the largest, that leave English.

Where to cut belongs here; which claim has to go and whether the rest still reads well does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flamingo_bark_assets.claims.lexicon import (
    COPULAS,
    DETERMINERS,
    FINITE_VERBS,
    PREPOSITIONS,
    TEMPO_HEADS,
    words,
)
from flamingo_bark_assets.claims.model import ClaimKind, FoundClaim
from flamingo_bark_assets.claims.tokens import Token

_JOINERS = words("and or")
_CLAUSE_JOINERS = words("and but while although though whereas yet so because")
_ELLIPTIC = words("neither nor so either also too then instead")
_RELATIVES = words("which who where that whose")
_BARE_WITHOUT = TEMPO_HEADS | words("volume level range loudness dynamics quality time")
_ADJECTIVE_KINDS: frozenset[ClaimKind] = frozenset(
    {"pace", "steadiness", "loudness", "dynamics", "brightness", "fidelity", "stereo", "noise"}
)
_NOUNS = words("hiss hissing noise stereo panned image field mix width recording spread")
_PRONOUNS = words("it he she they we you i there one")
_BEFORE_PREDICATE = COPULAS | words("neither nor not call it as")
_NO_LIST_AFTER = words("between both neither either")
_PARTICIPLES = words("built set sung made driven led backed")
_REACH = 12
_LONGEST_PHRASE = 6


@dataclass(frozen=True, slots=True)
class _Place:
    """A claim in its sentence: words `first` to `last` make it, `value` to `value_last` are its value."""

    text: str
    tokens: Sequence[Token]
    first: int
    last: int
    value: int
    value_last: int
    kind: ClaimKind

    def lower(self, i: int) -> str:
        """Give the word at a place, '' outside the sentence."""
        return self.tokens[i].lower if 0 <= i < len(self.tokens) else ""

    def without(self, start: int, end: int) -> str:
        """Give the text without some characters."""
        return self.text[:start] + self.text[end:]

    def opens(self, i: int) -> bool:
        """Return whether a word outside the sentence, or behind punctuation, stands at a place."""
        return not 0 <= i < len(self.tokens) or self.tokens[i].opens_clause


def cuttings(text: str, tokens: Sequence[Token], claim: FoundClaim, others: Sequence[int]) -> Iterator[str]:
    """Give the sentence without a claim, in several ways that need not all be good English.

    `others` is where the sentence's other claims begin.
    """
    inside = [i for i, t in enumerate(tokens) if t.start < claim.end and t.end > claim.start]
    value = [i for i in inside if tokens[i].start < claim.value_end and tokens[i].end > claim.value_start]
    if not inside or not value:
        return
    place = _Place(text, tokens, inside[0], inside[-1] + 1, value[0], value[-1] + 1, claim.kind)
    if claim.kind in _ADJECTIVE_KINDS or (claim.kind == "vocals" and place.lower(place.value) == "instrumental"):
        yield from _without_adjective(place)
    yield from _without_list_item(place, others)
    yield from _without_phrase(place)
    yield from _without_verb_phrase(place)
    yield from _without_clause(place)


def _without_adjective(place: _Place) -> Iterator[str]:
    tokens, first, behind = place.tokens, place.first, place.value_last
    if place.lower(behind - 1) not in _NOUNS and first < len(tokens):
        is_predicate = place.lower(first - 1) in _BEFORE_PREDICATE
        if behind == len(tokens) or tokens[behind].opens_clause:
            yield from _without_last_adjective(place)
        elif place.lower(behind) in _JOINERS:
            yield from _without_joined_adjective(place)
        elif not is_predicate and place.lower(first - 1) not in PREPOSITIONS | {"nothing"}:
            yield from _without_attribute(place)


def _without_attribute(place: _Place) -> Iterator[str]:
    """Cut an adjective straight before another or a noun: 'a [slow] song', 'a sad[, slow] song'."""
    tokens, first, behind = place.tokens, place.first, place.value_last
    word = place.lower(behind)
    if word in PREPOSITIONS | FINITE_VERBS | DETERMINERS | _CLAUSE_JOINERS | _BARE_WITHOUT:
        return
    if place.lower(first - 1) in _JOINERS and first > 1:
        yield place.without(tokens[first - 2].end, tokens[behind - 1].end)
    elif first and "," in tokens[first].gap:
        yield place.without(tokens[first - 1].end, tokens[behind - 1].end)
    yield place.without(tokens[first].start, tokens[behind].start)


def _without_joined_adjective(place: _Place) -> Iterator[str]:
    """Cut an adjective before 'and': '[slow and] sad', 'The song [is slow and] features'."""
    tokens, first, behind = place.tokens, place.first, place.value_last
    following = place.lower(behind + 1)
    if not following or "," in tokens[behind].gap:
        return
    if following in FINITE_VERBS:
        if place.lower(first - 1) in COPULAS and place.lower(first - 1) != "'s":
            yield place.without(tokens[first - 1].start, tokens[behind + 1].start)
    elif first and "," in tokens[first].gap:
        yield place.without(tokens[first - 1].end, tokens[behind - 1].end)
    elif following not in DETERMINERS | PREPOSITIONS | _PRONOUNS and place.lower(first - 1) not in PREPOSITIONS:
        yield place.without(tokens[first].start, tokens[behind + 1].start)


def _without_last_adjective(place: _Place) -> Iterator[str]:
    """Cut an adjective before punctuation: 'is sad [and slow]', '[slow,] sad and long'."""
    tokens, first, behind = place.tokens, place.first, place.value_last
    if place.lower(first - 1) in _JOINERS and first > 1 and place.lower(first - 2) not in FINITE_VERBS:
        yield place.without(tokens[first - 2].end, tokens[behind - 1].end)
    elif behind < len(tokens) and "," in tokens[behind].gap:
        apart = DETERMINERS | _CLAUSE_JOINERS | PREPOSITIONS | FINITE_VERBS | _PRONOUNS | _RELATIVES
        if place.lower(behind) not in apart:
            yield place.without(tokens[first].start, tokens[behind].start)


@dataclass(frozen=True, slots=True)
class _Item:
    """An item of a list: its words, and whether 'and' or 'or' stands before it."""

    first: int
    last: int
    joiner: str


def _without_list_item(place: _Place, others: Sequence[int]) -> Iterator[str]:
    opener = _opener(place)
    if place.lower(opener) in _NO_LIST_AFTER or place.lower(place.last - 1) == "mono":
        return
    items, ends_in_verb = _items(place, opener + 1)
    if ends_in_verb and opener >= 0:
        items = items[:-1]  # 'with drums and the bass is deep': what stands before the verb is its subject
    hit = [k for k, item in enumerate(items) if item.first <= place.first and place.last <= item.last]
    needed = 3 if ends_in_verb and opener < 0 else 2
    if len(hit) != 1 or len(items) < needed:
        return
    k, tokens = hit[0], place.tokens
    item = items[k]
    tail = next((i for i in range(place.last, item.last) if place.lower(i) in PREPOSITIONS - {"of"}), item.last)
    if k == 0:
        if tail == item.last:
            yield place.without(tokens[item.first].start, tokens[items[1].first].start)
    elif k < len(items) - 1:
        if tail == item.last:
            yield _with_plain_and(place, items[k - 1].last, item.last, is_pair=len(items) == 3)
    else:
        # 'piano and drums | at 121 BPM': what else is claimed behind the last item stays.
        has_claims = any(tokens[i].start in others for i in range(tail, item.last))
        yield _without_last_item(place, items, tail if has_claims else item.last)


def _with_plain_and(place: _Place, start: int, end: int, *, is_pair: bool) -> str:
    """Cut an item from the middle; 'a, b, and c' without b is 'a and c'."""
    head, tail = place.text[: place.tokens[start - 1].end], place.text[place.tokens[end - 1].end :]
    return head + (tail.removeprefix(",") if is_pair and tail.lstrip(", ").startswith(("and ", "or ")) else tail)


def _without_last_item(place: _Place, items: Sequence[_Item], end: int) -> str:
    """Cut the last item; the one before it takes over its 'and'."""
    tokens = place.tokens
    last, kept = items[-1], place.text[: tokens[items[-2].last - 1].end]
    if last.joiner and len(items) > 2 and not items[-2].joiner:
        before, begin = tokens[items[-3].last - 1].end, tokens[items[-2].first].start
        comma = "," if "," in tokens[last.first - 1].gap and len(items) > 3 else ""
        kept = f"{place.text[:before]}{comma} {last.joiner} {place.text[begin : tokens[items[-2].last - 1].end]}"
    return kept + place.text[tokens[end - 1].end :]


def _opener(place: _Place) -> int:
    """Return index of the word before the list that a claim stands in: 'with', 'has'; -1 at the start of a sentence."""
    for i in range(place.first - 1, -1, -1):
        opens = place.lower(i) in (PREPOSITIONS - {"of"}) | FINITE_VERBS | _NO_LIST_AFTER
        if opens and "-" not in place.tokens[i].gap:
            return i
        if any(mark in place.tokens[i + 1].gap for mark in ";:()—"):
            return i
    return -1


def _items(place: _Place, start: int) -> tuple[list[_Item], bool]:
    """Split the words from `start` into the items of a list; also whether a verb ends it."""
    items: list[_Item] = []
    first, joiner, i = start, "", start
    tokens = place.tokens
    while i < len(tokens):
        word = tokens[i].lower
        is_border = i > first and ("," in tokens[i].gap or word in _JOINERS or " & " in tokens[i].gap)
        if any(mark in tokens[i].gap for mark in ";:()—") and i > start:
            break
        if word in FINITE_VERBS | _RELATIVES and i >= place.last:
            end = _end_of_clause(place, i) if word in _RELATIVES else i
            if i > first:
                items.append(_Item(first, end, joiner))
            return items, word in FINITE_VERBS
        if is_border:
            items.append(_Item(first, i, joiner))
            joiner = word if word in _JOINERS else "and" if "&" in tokens[i].gap else ""
            first = i + 1 if word in _JOINERS else i
            i = first
            if place.lower(i) in _JOINERS:
                joiner, first = place.lower(i), i + 1
                i = first
            if _is_no_item(place, i):
                return items, False
            continue
        i += 1
    if i > first:
        items.append(_Item(first, i, joiner))
    return items, False


def _end_of_clause(place: _Place, i: int) -> int:
    while i < len(place.tokens) and not place.tokens[i].opens_clause:
        i += 1
    return i


def _is_no_item(place: _Place, i: int) -> bool:
    """Return whether what begins with a word is not a noun: 'running at', 'accompanied by', 'which'.

    'distorted guitar' is one.
    """
    word = place.lower(i)
    if word in PREPOSITIONS | FINITE_VERBS | _RELATIVES | _CLAUSE_JOINERS:
        return True
    return (word.endswith(("ing", "ed")) or word in _PARTICIPLES) and place.lower(i + 1) in PREPOSITIONS | DETERMINERS


def _without_phrase(place: _Place) -> Iterator[str]:
    """Cut from the preposition before a claim ('with a fast tempo') to the end of the phrase."""
    end = _end_of_phrase(place)
    opener = _preposition(place, place.first)
    if opener is None:
        return
    if place.lower(opener) != "of":
        yield from _cut_phrase(place, opener, end)
    outer = _preposition(place, opener)
    if outer is not None and (place.lower(opener) == "of" or outer == opener - 1):
        yield from _cut_phrase(place, outer, end)


def _preposition(place: _Place, before: int) -> int | None:
    """Return index of the nearest preposition before a word of the same phrase."""
    for i in range(before - 1, max(-1, before - 1 - _LONGEST_PHRASE), -1):
        if place.tokens[i + 1].opens_clause or place.lower(i) in FINITE_VERBS | _JOINERS | _PRONOUNS:
            return None
        if place.lower(i) in PREPOSITIONS and "-" not in place.tokens[i].gap:
            return i
    return None


def _end_of_phrase(place: _Place) -> int:
    i = place.last
    while i < len(place.tokens):
        stops = PREPOSITIONS - {"of"} | FINITE_VERBS | _JOINERS | _CLAUSE_JOINERS | _RELATIVES
        if place.tokens[i].opens_clause or place.lower(i) in stops:
            break
        i += 1
    return i


def _cut_phrase(place: _Place, opener: int, end: int) -> Iterator[str]:
    tokens = place.tokens
    before = place.lower(opener - 1)
    is_participle = before.endswith("ed") or before in _PARTICIPLES
    if is_participle and tokens[opener - 1].opens_clause and not tokens[opener].opens_clause:
        opener -= 1  # 'built on a heavy kick' goes as a whole
    if place.lower(end) in _JOINERS:
        if place.lower(end + 1) not in PREPOSITIONS:
            return
        yield place.without(tokens[opener].start, tokens[end + 1].start)
    elif opener == 0:
        end = _end_of_clause(place, end)
        if end < len(tokens):
            yield place.without(0, tokens[end].start)
    elif place.lower(opener - 1) in _JOINERS and opener > 1:
        yield place.without(tokens[opener - 2].end, tokens[end - 1].end)
    else:
        yield place.without(tokens[opener - 1].end, tokens[end - 1].end)


def _without_verb_phrase(place: _Place) -> Iterator[str]:
    """Cut 'has a fast tempo' where another verb of the same subject stays: 'has a fast tempo and features piano'."""
    tokens = place.tokens
    verb = next((i for i in range(place.first - 1, -1, -1) if place.lower(i) in FINITE_VERBS), -1)
    if verb < 1 or any(tokens[i].opens_clause for i in range(verb, place.first + 1)):
        return
    end = place.last
    while end < len(tokens) and not tokens[end].opens_clause and place.lower(end) not in _JOINERS:
        end += 1
    if place.lower(end) in _JOINERS and place.lower(end + 1) in FINITE_VERBS:
        yield place.without(tokens[verb].start, tokens[end + 1].start)
    elif place.lower(verb - 1) in _JOINERS and verb > 1 and place.opens(end):
        yield place.without(tokens[verb - 2].end, tokens[end - 1].end)


def _without_clause(place: _Place) -> Iterator[str]:
    """Cut the clause that a claim stands in, between punctuation or 'and', 'but', 'while'."""
    tokens = place.tokens
    start = place.first
    while start > 0 and not _begins_clause(place, start):
        start -= 1
    end = place.last
    while end < len(tokens) and not _begins_clause(place, end):
        end += 1
    if start:
        # The subject between a semicolon and a comma is no clause: 'the drums, however, are excellent'.
        is_whole = end == len(tokens) or any(place.lower(i) in FINITE_VERBS | PREPOSITIONS for i in range(start, end))
        if is_whole and place.lower(end) not in FINITE_VERBS:
            yield place.without(tokens[start - 1].end, tokens[end - 1].end)
    elif end < len(tokens):
        while place.lower(end) in _CLAUSE_JOINERS:
            end += 1
        has_verb = any(token.lower in FINITE_VERBS for token in tokens[end:])
        if end < len(tokens) and has_verb and place.lower(end) not in _RELATIVES | PREPOSITIONS | _ELLIPTIC:
            yield place.without(0, tokens[end].start)


def _begins_clause(place: _Place, i: int) -> bool:
    if place.tokens[i].opens_clause:
        return True
    if place.lower(i) not in _CLAUSE_JOINERS | {"which", "who"}:
        return False
    verbs = (place.lower(k) in FINITE_VERBS for k in range(i + 1, min(len(place.tokens), i + _REACH)))
    return any(verbs)
