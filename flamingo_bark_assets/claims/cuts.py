"""The two cuts that leave English: the measured value for a claimed one, and one item or adjective out of a plain list.

How a sentence is changed, and whether it still reads well, belongs here; which sentences change does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.claims.lexicon import (
    COPULAS,
    DETERMINERS,
    FINITE_VERBS,
    PREPOSITIONS,
    TEMPO_HEADS,
    TEMPO_NAMES,
    words,
)
from flamingo_bark_assets.claims.model import Claim, FoundClaim
from flamingo_bark_assets.claims.restating import Statement
from flamingo_bark_assets.claims.tokens import Token, plain, split_sentences
from flamingo_bark_assets.descriptions.wording import capitalised, figure, key_name

_SLOWEST_WHOLE_BPM = 30.0
_MARKS = {"very slow": "largo", "slow": "adagio", "moderate": "andante", "fast": "allegro", "very fast": "presto"}
_ARTICLE = re.compile(r"\b(?P<article>[Aa]n?) (?P<next>[\w#♯♭]+)")
_VOWEL_SOUND = re.compile(
    r"(?:[aeio]|u(?!ni|se|su)|8|1[18](?!\d)|hour|honest|[fhlmnrsx]\b)(?!ne\b|nce\b)", re.IGNORECASE
)
_KEY_VOWELS = "AEF"
_JOINERS = words("and or")
_BARE_WITHOUT = TEMPO_HEADS | words(
    "volume level range loudness dynamics quality time image field width end spread feel and or but"
)
_ADJECTIVAL = frozenset(
    {"pace", "steadiness", "loudness", "dynamics", "brightness", "fidelity", "stereo", "noise", "timbre", "vocals", ""}
)
_NEVER_LISTED = frozenset({"chord", "key", "tempo", "metre", "duration", "course", "tempo_change", "modulation"})
_LONGEST_ITEM = 5
_OPENERS = PREPOSITIONS | words(
    "features feature featuring includes include including contains contain uses has have combines consists comprises "
    "blends adds offers are is"
)
# What a sentence may not look like after a cut: loose ends, or two words that never meet.
_LOOSE = re.compile(
    r"^\W*(?:and|or|but|nor|while|which|who|of)\b"
    r"|\b(?:a|an|the|with|without|at|in|of|and|or|but|by|over|is|are|has|have|featuring|features|feature|includes|"
    r"contains|its|very|quite|no|plus|for|from|to|as|both|between|not|explores?|keeps?|gives?|giving|on|around)"
    r"\s*(?:[,.;:!?)]|$)"
    r"|\b(?:and|or|with|a|an|the|of|by)\s+(?:and|or|of|but|at|is|are|has|have)\b"
    r"|\b(?:is|are|has|have|features|includes)\s+(?:and|or|but|has|have|features|includes|of)\b"
    r"|[,;:]\s*[,;:]|\(\s*\)|\bbuilt that\b",
    re.IGNORECASE,
)
_DENIAL_BEHIND = re.compile(
    r",?(?: (?:and|but|yet|with|has|having))*(?: there (?:are|is))? (?:no|without(?: any)?|free of|devoid of)(?: \w+)?$",
    re.IGNORECASE,
)
_DENIAL_BEFORE = re.compile(r"(?:with no|without(?: any)?|free of)(?: \w+)?$", re.IGNORECASE)
_FEWEST_WORDS = 4


def corrected(sentence: str, found: FoundClaim, claim: Claim, offset: int) -> tuple[str, Statement] | None:
    """Put the measured value in place of a claimed one.

    Returns:
        The sentence and what it states now; None where the claim has to go: a denied or local one, one without a
        measured value, or one whose sentence would then say something else.
    """
    start, end = found.start - offset, found.end - offset
    value_start, value_end = found.value_start - offset, found.value_end - offset
    if found.negated or found.is_local or claim.measured is None:
        return None
    said = plain(sentence[value_start:value_end])
    match found.kind:
        case "tempo":
            value = _tempo(said, claim)
        case "key":
            value = claim.measured.split()[-1] if found.value in {"major", "minor"} else key_name(claim.measured)
        case "metre":
            value = _metre(said, found.value, claim.measured)
        case "pace":
            value_start = min(start, value_start)
            value = _pace(said, plain(sentence[value_end:end]).split(), sentence[value_end:], claim.measured)
        case "duration":
            value = _duration(said, claim.measured_number)
        case _:
            return None
    if value is None:
        return None
    fitted = capitalised(value) if said[:1].isupper() else value
    shown = _with_articles(sentence[:value_start] + fitted + sentence[value_end:], sentence)
    before, after = find_claims(sentence), find_claims(shown)
    old = {f.statement for f in before}
    new = [f for f in after if f.statement not in old and f.kind == found.kind]
    if any(f.statement not in old and f.kind != found.kind for f in after) or len(new) > 1:
        return None
    statement = new[0].statement if new else replace(found, value=value).statement
    return (shown, statement) if any(f.statement == statement for f in after) else None


def _tempo(said: str, claim: Claim) -> str | None:
    if not claim.measured_number:
        return None
    tempo = claim.measured_number
    value = figure(tempo, 0 if tempo >= _SLOWEST_WHOLE_BPM else 1)
    return f"at {value}" if said.lower().startswith(("between", "somewhere", "faster", "slower")) else value


def _metre(said: str, claimed: str, measured: str) -> str | None:
    """Write a metre as it was written: 4/4, common time, or the beats that one counts to."""
    if said.lower().endswith(claimed):
        return said[: -len(claimed)] + measured
    if re.search(r"\b(?:counts?|beats? is)\b", said, re.IGNORECASE) and measured.endswith("/4"):
        return said[: -len(said.split()[-1])] + measured.split("/")[0]
    named = re.fullmatch(r"(?:common|cut|waltz)[ -](?P<noun>\w+)", said, re.IGNORECASE)
    return f"{measured} {named['noun']}" if named else None


def _pace(said: str, head: Sequence[str], behind: str, measured: str) -> str | None:
    """Write a word for pace so that it fits its noun: 'a moderate tempo', 'a mid-tempo song', 'at a fast 140 BPM'."""
    word = said.lower()
    if word in TEMPO_NAMES:
        return _MARKS.get(measured)
    if re.fullmatch(r"\w+ tempo", word):
        return f"{measured} tempo"
    is_tempo = any(noun.lower() in TEMPO_HEADS for noun in head) or re.match(r"\s*\d", behind) is not None
    if "tempo" in word or "paced" in word or "moving" in word:
        return "mid-tempo" if measured == "moderate" else f"{measured}-paced".replace("very ", "very-")
    is_attribute = bool(head)
    return measured if is_tempo or measured != "moderate" or not is_attribute else "mid-tempo"


def _duration(said: str, seconds: float | None) -> str | None:
    if not seconds:
        return None
    if ":" in said and re.fullmatch(r"\d+:\d\d", said.strip()):
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}:{rest:02d}"
    number = re.match(r"\d+(?:\.\d+)?(?=[ -]?(?:s\b|sec))", said, re.IGNORECASE)
    return figure(seconds, 0) + said[number.end() :] if number else None


@dataclass(frozen=True, slots=True)
class _Place:
    """A claim among the words of its sentence: `first` to `last` make it, `value` to `value_last` are its value."""

    text: str
    tokens: Sequence[Token]
    first: int
    last: int
    value_last: int

    def lower(self, i: int) -> str:
        """Give the word at a place, '' outside the sentence."""
        return self.tokens[i].lower if 0 <= i < len(self.tokens) else ""

    def opens(self, i: int) -> bool:
        """Return whether a place lies outside the sentence or behind punctuation."""
        return not 0 <= i < len(self.tokens) or self.tokens[i].opens_clause


def cut(
    sentence: str, start: int, end: int, value_start: int, value_end: int, is_denial: bool, kind: str
) -> str | None:  # fmt: skip
    """Take one claim out of a sentence; None where that needs more than an item, an adjective or a denial to go."""
    tokens = tuple(token for part in split_sentences(plain(sentence)) for token in part.tokens)
    inside = [i for i, t in enumerate(tokens) if t.start < end and t.end > start]
    value = [i for i in inside if tokens[i].start < value_end and tokens[i].end > value_start]
    if not value:
        return None
    place = _Place(sentence, tokens, inside[0], inside[-1] + 1, value[-1] + 1)
    shorter = _without_denial(sentence, start, end) if is_denial else None
    if shorter is None and kind in _ADJECTIVAL:
        shorter = _without_adjective(place)
    if shorter is None and kind not in _NEVER_LISTED and not is_denial:
        shorter = _without_item(place)
    return None if shorter is None else _tidied(shorter, sentence)


def _without_denial(sentence: str, start: int, end: int) -> str | None:
    """Cut 'with no drums' at the end of a sentence or before its first comma."""
    before, behind = plain(sentence[:start]), sentence[end:]
    if (match := _DENIAL_BEHIND.search(before)) and match.start() and not behind.strip(" .!?"):
        return sentence[: match.start()] + behind
    if (match := _DENIAL_BEFORE.fullmatch(before.strip())) and behind.startswith(","):
        return behind[1:]
    return None


def _without_adjective(place: _Place) -> str | None:
    """Cut an adjective before its noun or beside another one: 'a [slow] song', 'sad[, slow] song', '[slow and] sad'."""
    text, tokens, first, behind = place.text, place.tokens, place.first, place.value_last
    before, following = place.lower(first - 1), place.lower(behind)
    ends = place.opens(behind)
    if ends and "," in (tokens[behind].gap if behind < len(tokens) else ""):
        # '[slow,] sad song': what follows is another adjective where no clause or item begins with it.
        apart = DETERMINERS | PREPOSITIONS | FINITE_VERBS | _JOINERS | words("but yet while it he she they which who")
        is_pair = before in DETERMINERS and following not in apart and not following.endswith("ing")
        return text[: tokens[first].start] + text[tokens[behind].start :] if is_pair else None
    if ends:
        is_second = before in _JOINERS and first > 2 and place.lower(first - 3) in COPULAS | words("very quite")
        return text[: tokens[first - 2].end] + text[tokens[behind - 1].end :] if is_second else None
    if following in _JOINERS:
        second = place.lower(behind + 1)
        is_first = before in DETERMINERS | COPULAS and second not in DETERMINERS | PREPOSITIONS | FINITE_VERBS
        return text[: tokens[first].start] + text[tokens[behind + 1].start :] if is_first and second else None
    if following in _BARE_WITHOUT | PREPOSITIONS | FINITE_VERBS | DETERMINERS or "-" in tokens[behind].gap:
        return None
    if before in _JOINERS and first > 1:
        return text[: tokens[first - 2].end] + text[tokens[behind - 1].end :]
    if first and "," in tokens[first].gap and before not in FINITE_VERBS:
        return text[: tokens[first - 1].end] + text[tokens[behind - 1].end :]
    if before in DETERMINERS or first == 0:
        return text[: tokens[first].start] + text[tokens[behind].start :]
    return None


def _without_item(place: _Place) -> str | None:
    """Cut an item of a plain list: short nouns behind a verb or preposition up to the end of the sentence."""
    bounds = _list(place)
    if bounds is None:
        return None
    items, joiner, comma = bounds
    hit = [k for k, (first, last) in enumerate(items) if first <= place.first and place.last <= last]
    if len(hit) != 1 or len(items) < 2:
        return None
    text, tokens = place.text, place.tokens
    kept = [text[tokens[first].start : tokens[last - 1].end] for k, (first, last) in enumerate(items) if k != hit[0]]
    said = kept[0]
    if len(kept) > 1:
        between = f"{',' if comma and len(kept) > 2 else ''} {joiner} " if joiner else ", "
        said = ", ".join(kept[:-1]) + between + kept[-1]
    return text[: tokens[items[0][0]].start] + said + text[tokens[items[-1][1] - 1].end :]


def _list(place: _Place) -> tuple[list[tuple[int, int]], str, bool] | None:
    """Find the list that a claim is in: its items, the word before the last one, and whether a comma stands there."""
    tokens = place.tokens
    is_tags = not any(token.lower in FINITE_VERBS for token in tokens)
    opener = -1
    for i in range(place.first - 1, -1, -1):
        if (place.lower(i) in _OPENERS and place.lower(i) != "of") or ":" in tokens[i + 1].gap:
            opener = i
            break
        if place.lower(i) == "of" and place.lower(i - 1) in words("consists made composed built"):
            opener = i
            break
        if place.lower(i) in FINITE_VERBS or any(mark in tokens[i + 1].gap for mark in ";()—"):
            return None
    if opener < 0 and not is_tags:
        return None
    if place.lower(opener) in {"between", "both", "is", "are"} and not is_tags:
        return None
    items: list[tuple[int, int]] = []
    first, joiner, comma = opener + 1, "", False
    for i in range(opener + 1, len(tokens) + 1):
        at_end = i == len(tokens)
        if not at_end and any(mark in tokens[i].gap for mark in ";()—") and i > first:
            return None
        if not at_end and place.lower(i) in _JOINERS and i >= first:
            if joiner:
                return None
            joiner, comma = place.lower(i), "," in tokens[i].gap
            if i > first:
                items.append((first, i))
            first = i + 1
        elif at_end or ("," in tokens[i].gap and i > first):
            items.append((first, i))
            if joiner and not at_end:
                return None
            first = i
    return (items, joiner, comma) if all(_is_plain(place, *item) for item in items) else None


def _is_plain(place: _Place, first: int, last: int) -> bool:
    """Return whether words are a short noun phrase: no verb, no preposition but 'of', no second determiner."""
    inner = [place.lower(i) for i in range(first, last)]
    if not inner or len(inner) > _LONGEST_ITEM or inner[0] in words("which who that while giving adding"):
        return False
    hinders = (PREPOSITIONS - {"of"}) | FINITE_VERBS
    return not (set(inner) & hinders or set(inner[1:]) & (DETERMINERS | words("that which who")))


def _tidied(text: str, original: str) -> str:
    """Mend spaces, punctuation, articles and the first letter after a cut."""
    text = re.sub(r" {2,}", " ", text)
    text = re.sub(r"\s+([,.;:!?)])", r"\1", text)
    text = re.sub(r"[,;:]\s*([.!?]|$)", r"\1", text)
    text = _with_articles(text.lstrip(" ,;:-—"), original)
    return capitalised(text) if original[:1].isupper() else text


def _with_articles(text: str, original: str) -> str:
    """Choose 'a' or 'an' anew where the word behind it has changed."""
    known = {match.group().lower() for match in _ARTICLE.finditer(original)}

    def chosen(match: re.Match[str]) -> str:
        if match.group().lower() in known or (match["article"] == "A" and match["next"] in {"major", "minor"}):
            return match.group()
        word = match["next"]
        is_key = len(word.rstrip("#b♯♭")) == 1 and word[0].isupper()
        sounds = word[0] in _KEY_VOWELS if is_key else bool(_VOWEL_SOUND.match(word))
        return f"{match['article'][0]}{'n' if sounds else ''} {word}"

    return _ARTICLE.sub(chosen, text)


def reads_well(text: str, original: str) -> bool:
    """Tell whether a sentence that was cut still has its verb, enough words and no loose end."""
    tokens, before = _tokens(text), _tokens(original)
    had_verb, has_verb = (any(token.lower in FINITE_VERBS for token in some) for some in (before, tokens))
    is_cut = len(tokens) < len(before)
    enough = len(tokens) >= (_FEWEST_WORDS if had_verb and is_cut else min(2, len(before)))
    looks_well = not _LOOSE.search(plain(text)) and text.count("(") == text.count(")")
    return enough and has_verb == had_verb and (looks_well or bool(_LOOSE.search(plain(original)) and not is_cut))


def _tokens(text: str) -> tuple[Token, ...]:
    return tuple(token for sentence in split_sentences(plain(text)) for token in sentence.tokens)
