"""The two cuts that leave English: the measured value for a claimed one, and one item or adjective out of a plain list.

How a sentence is changed, and whether it still reads well, belongs here; which sentences change does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.claims.lexicon import (
    COPULAS,
    DETERMINERS,
    FINITE_VERBS,
    INSTRUMENT_WORDS,
    MIX_HEADS,
    PHRASE_BORDERS,
    PREPOSITIONS,
    SOUND_HEADS,
    TEMPO_HEADS,
    TEMPO_NAMES,
    VOICE_NOUNS,
    words,
)
from flamingo_bark_assets.claims.model import Claim, FoundClaim
from flamingo_bark_assets.claims.restating import Statement
from flamingo_bark_assets.claims.tokens import Token, plain, split_sentences
from flamingo_bark_assets.descriptions.wording import TEMPO, capitalised, figure
from flamingo_bark_assets.note_names import key_name

_SLOWEST_WHOLE_BPM = 30.0
_MARKS = {"very slow": "largo", "slow": "adagio", "moderate": "andante", "fast": "allegro", "very fast": "presto"}
_ARTICLE = re.compile(r"\b(?P<article>[Aa]n?) (?P<next>[\w#♯♭]+)")
_VOWEL_SOUND = re.compile(
    r"(?:[aeio]|u(?!ni|se|su)|8|1[18](?!\d)|hour|honest|[fhlmnrsx]\b)(?!ne\b|nce\b)", re.IGNORECASE
)
_KEY_VOWELS = "AEF"
_BEATS = r"(?:pace|tempo|groove|beat|pulse|rhythm|speed)"
_CALM = re.compile(
    rf"\b(?:(?:calm|relaxed|laid-back|lazy|gentle|stately) (?:{_BEATS}|\d)|"
    r"leisurely|unhurried|slowly|sluggish|plodding)\b",
    re.IGNORECASE,
)
_LIVELY = re.compile(
    rf"\b(?:(?:energetic|lively|upbeat|driving) {_BEATS}|"
    r"frantic|blistering|gallop\w*|push\w* forward|pounding|furious|racing|races|hurried|breakneck|rapidly|brisk)\b",
    re.IGNORECASE,
)
_WALTZ = re.compile(r"\b(?:waltz|lilting|triple|three|sway)", re.IGNORECASE)
_MARCH = re.compile(r"\b(?:march|backbeat|four)", re.IGNORECASE)
_TEMPO_WORD = re.compile(r"\b(?:tempo|pace|speed|pulse)\b", re.IGNORECASE)
_PACE_WORD = "(?:very )?(?:slow|fast|moderate|medium|mid|quick|brisk)"
_PACE_BEFORE = re.compile(rf"\b{_PACE_WORD}(?: to |-to-|/| or )$", re.IGNORECASE)
_PACE_BEHIND = re.compile(rf"(?: to |-to-|/| or ){_PACE_WORD}\b", re.IGNORECASE)
_BARE_WITHOUT = TEMPO_HEADS | words(
    "volume level range loudness dynamics dynamic quality time image field width end spread feel and or but rhythm "
    "beat pulse groove manner sound"
)
_ADJECTIVAL = frozenset(
    {"pace", "steadiness", "loudness", "dynamics", "brightness", "fidelity", "stereo", "noise", "timbre"}
)
_LISTED = frozenset({"instrument", "vocals", "singer", "kick_pattern", "pace", "fidelity", "noise"})
_LONGEST_ITEM = 5
_LISTED_NEAR = 40
_LIST_NOUNS = words(
    "line lines beat beats groove grooves pads section solo solos melody melodies textures elements loop loops pattern "
    "patterns riff riffs accompaniment hiss ballad song track slow fast bpm noise crackle"
)
_OPENERS = (PREPOSITIONS - {"of", "between"}) | words(
    "features feature featuring includes include including contains contain uses has have combines consists comprises "
    "blends adds offers"
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
    r",?(?: (?:and|but|yet|with|has|having))*(?: there (?:are|is))? "
    r"(?:no|without(?: any)?|free of|devoid of)(?: \w+)?$",
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
            value = _pace(
                said, sentence[:value_start], plain(sentence[value_end:end]), sentence[value_end:], claim.measured
            )
            value_start = min(start, value_start)
            if (more := _PACE_BEFORE.search(plain(sentence[:value_start]))) is not None:
                value_start = more.start()
            if (more := _PACE_BEHIND.match(plain(sentence), value_end)) is not None:
                value_end = more.end()
        case "duration":
            value = _duration(said, claim.measured_number)
        case _:
            return None
    if value is None:
        return None
    fitted = capitalised(value) if said[:1].isupper() else value
    shown = _with_articles(sentence[:value_start] + fitted + sentence[value_end:], sentence)
    old, after = {f.statement for f in find_claims(sentence)}, find_claims(shown)
    new = {f.statement for f in after if f.statement not in old}
    # An article before the value may have grown by a letter.
    here = [f for f in after if f.kind == found.kind and abs(f.value_start - value_start) <= len(fitted)]
    if len(here) != 1 or not new <= {here[0].statement} or here[0].statement == found.statement:
        return None
    return shown, here[0].statement


def is_belied(sentence: str, claim: Claim) -> bool:
    """Tell whether words of a sentence go against a value that was put into it: 'a very fast tempo, giving calm'."""
    if claim.kind == "metre":
        return bool((_MARCH if claim.measured == "3/4" else _WALTZ).search(sentence))
    if claim.kind not in {"tempo", "pace"} or not claim.measured_number:
        return False
    against = {"slow": _LIVELY, "fast": _CALM}.get(TEMPO.word(claim.measured_number).removeprefix("very "))
    return against is not None and bool(against.search(sentence))


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
        return said[: -len(said.rsplit(maxsplit=1)[-1])] + measured.split("/", maxsplit=1)[0]
    named = re.fullmatch(r"(?:common|cut|waltz)[ -](?P<noun>\w+)", said, re.IGNORECASE)
    return f"{measured} {named['noun']}" if named else None


def _pace(said: str, before: str, head: str, behind: str, measured: str) -> str | None:
    """Write a word for pace so that it fits its noun: 'a moderate tempo', 'a mid-tempo song', 'at a fast 140 BPM'."""
    word = said.lower()
    if word in TEMPO_NAMES:
        return _MARKS.get(measured)
    if re.fullmatch(r"\w+ tempo", word):
        return f"{measured} tempo"
    if "tempo" in word or "paced" in word or "moving" in word:
        return "mid-tempo" if measured == "moderate" else f"{measured.rsplit(maxsplit=1)[-1]}-paced"
    is_of_tempo = _TEMPO_WORD.search(head or before) or re.match(r"\s*\d", behind)
    return measured if is_of_tempo or measured != "moderate" else "mid-tempo"


def _duration(said: str, seconds: float | None) -> str | None:
    if not seconds:
        return None
    if ":" in said and re.fullmatch(r"\d+:\d\d", said.strip()):
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}:{rest:02d}"
    number = re.match(r"\d+(?:\.\d+)?(?=[ -]?(?:s\b|sec))", said, re.IGNORECASE)
    return figure(seconds, 0) + said[number.end() :] if number else None


def cut(sentence: str, start: int, end: int, value: tuple[int, int], kind: str, *, is_denial: bool) -> str | None:
    """Take one claim out of a sentence; None where more than an item, an adjective or a denial would have to go.

    `start` to `end` makes the claim, `value` is the part of it that is its value; offsets are those of the sentence.
    """
    tokens = _tokens(sentence)
    words_of = [i for i, t in enumerate(tokens) if t.start < value[1] and t.end > start]
    if not words_of:
        return None
    first, last = words_of[0], words_of[-1] + 1
    shorter = _without_denial(sentence, start, end) if is_denial else None
    if shorter is None and (tokens[last - 1].lower == "instrumental" if is_denial else kind in _ADJECTIVAL):
        shorter = _without_adjective(sentence, tokens, first, last)
    if shorter is None and kind in _LISTED and not is_denial:
        shorter = _without_item(sentence, tokens, first, last)
    return None if shorter is None else _tidied(shorter, sentence)


def _without_denial(sentence: str, start: int, end: int) -> str | None:
    """Cut 'with no drums' at the end of a sentence or before its first comma."""
    before, behind = plain(sentence[:start]).rstrip(), sentence[end:]
    if (match := _DENIAL_BEHIND.search(before)) and match.start() and not behind.strip(" .!?"):
        if match.group().startswith(" and") and "," in before[-_LISTED_NEAR:]:
            return None  # the list before it would lose its 'and'
        return sentence[: match.start()] + behind
    if _DENIAL_BEFORE.fullmatch(before.strip()) and behind.startswith(","):
        return behind[1:]
    return None


def _without_adjective(text: str, tokens: Sequence[Token], first: int, last: int) -> str | None:
    """Cut an adjective before its noun or another one: 'a [slow] song', 'a [slow,] sad song', 'is [slow and] sad'."""
    before = tokens[first - 1].lower if first else ""
    if last >= len(tokens) or "-" in tokens[last].gap or (first and before not in DETERMINERS | COPULAS):
        return None
    following, is_said = tokens[last].lower, first > 1 and tokens[first - 2].lower in COPULAS
    if is_said and following in MIX_HEADS | SOUND_HEADS:
        return None  # 'it's a lo-fi recording' would say nothing without its adjective
    is_joined = (
        following == "and" and last + 1 < len(tokens) and tokens[last + 1].lower not in PHRASE_BORDERS | _BARE_WITHOUT
    )
    behind = last + 1 if is_joined else last
    if tokens[last].opens_clause and (before in COPULAS or not first or "," not in tokens[last].gap):
        return None
    is_bare = following in PHRASE_BORDERS | _BARE_WITHOUT or (following.endswith("ing") and tokens[last].opens_clause)
    if not is_joined and (before in COPULAS or is_bare):
        return None
    return text[: tokens[first].start] + text[tokens[behind].start :]


def _without_item(text: str, tokens: Sequence[Token], first: int, last: int) -> str | None:
    """Cut an item of a plain list: names of instruments behind a verb, preposition or colon, to its end."""
    opener = first - 1
    while opener >= 0 and tokens[opener].lower not in _OPENERS and ":" not in tokens[opener + 1].gap:
        opener -= 1
    if opener < 0 and (text.rstrip().endswith(".") or any(token.lower in FINITE_VERBS for token in tokens)):
        return None  # only keywords are a list without a word before it
    items, joiner, comma, begin = [], "", "", opener + 1
    for i in range(opener + 1, len(tokens) + 1):
        is_joiner = i < len(tokens) and tokens[i].lower in {"and", "or"}
        if i < len(tokens) and tokens[i].lower == "at" and i > begin and i >= last:
            items.append((begin, i))
            break
        if i == len(tokens) or is_joiner or ("," in tokens[i].gap and i > begin):
            if i > begin:
                items.append((begin, i))
            if joiner and i < len(tokens):
                return None
            joiner, comma = (tokens[i].lower, "," if "," in tokens[i].gap else "") if is_joiner else (joiner, comma)
            begin = i + 1 if is_joiner else i
    hit = [item for item in items if item[0] <= first and last <= item[1]]
    if len(hit) != 1 or len(items) < 2 or not all(_is_plain(tokens[begin:end]) for begin, end in items):
        return None
    kept = [text[tokens[begin].start : tokens[end - 1].end] for begin, end in items if (begin, end) != hit[0]]
    between = f"{comma if len(kept) > 2 else ''} {joiner} " if joiner else ", "
    said = between.join(filter(None, [", ".join(kept[:-1]), kept[-1]]))
    return text[: tokens[items[0][0]].start] + said + text[tokens[items[-1][1] - 1].end :]


def _is_plain(item: Sequence[Token]) -> bool:
    """Return whether words are a short name of an instrument, voice or keyword and no clause."""
    said = [token.lower for token in item]
    is_noun = said[-1] in INSTRUMENT_WORDS | VOICE_NOUNS | _LIST_NOUNS or said[-1].isdigit()
    is_clause = set(said) & ((PREPOSITIONS - {"of"}) | FINITE_VERBS) or set(said[1:]) & DETERMINERS
    return is_noun and not is_clause and len(said) <= _LONGEST_ITEM


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
    loose, known = ({match.group().lower() for match in _LOOSE.finditer(plain(some))} for some in (text, original))
    return enough and has_verb == had_verb and loose <= known and text.count("(") == text.count(")")


def _tokens(text: str) -> tuple[Token, ...]:
    return tuple(token for sentence in split_sentences(plain(text)) for token in sentence.tokens)
