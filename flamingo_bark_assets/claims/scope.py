"""Which words of a sentence are denied, only compared with or imagined, quoted, or said of a part of the song.

Scope belongs here: how far a 'no', 'like', 'would' or quotation mark reaches; what is claimed does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flamingo_bark_assets.claims.lexicon import (
    COPULAS,
    DETERMINERS,
    FINITE_VERBS,
    INSTRUMENT_NAMES,
    INSTRUMENT_WORDS,
    NOT_THE_THING,
    PHRASE_BORDERS,
    PREPOSITIONS,
    VOICE_NOUNS,
    VOICE_VERBS,
    words,
)
from flamingo_bark_assets.claims.tokens import Sentence, Token

_DETERMINING_NEGATIONS = words(
    "no without lacks lacking lack neither devoid minus sans avoids avoiding omits omitting eschews eschewing forgoes "
    "excludes excluding"
)
_NEGATIONS = _DETERMINING_NEGATIONS | words("not never cannot nor nothing hardly barely none nobody")
_NEGATING_PAIRS = frozenset(
    {
        ("anything", "but"), ("far", "from"), ("free", "of"), ("free", "from"), ("instead", "of"), ("rather", "than"),
        ("absence", "of"), ("nowhere", "near"), ("absent", "of"), ("empty", "of"), ("missing", "a"), ("missing", "any"),
        ("dispenses", "with"), ("dispensing", "with"), ("away", "with"),
        ("the", "missing"),
    }
)  # fmt: skip
# 'no doubt', 'not only', 'nothing but': words after which a negation is none.
_NO_NEGATION = {
    "no": words("doubt less fewer shortage matter wonder question other"),
    "not": words("only just merely simply to without unlike"),
    "nothing": words("but short less"),
    "never": words("without loses lose leaves strays departs wavers drifts falters budges drags rushes"),
    "without": words("doubt"),
    "none": words("other"),
    "barely": words("audible there noticeable perceptible"),
    "hardly": words("audible there noticeable perceptible"),
}
_BREAKING = words(
    "but however yet although though while whereas because so which who where instead only just still except "
    "besides then"
)
_CARRYING = words("with featuring over under beneath behind alongside on")
_VERBAL_NEGATIONS = words("not never hardly barely cannot nobody")
_HAVING = words(
    "feature features include includes contain contains have has use uses used employ incorporate there be play plays "
    "hear really actually"
)
_UNRESTRICTING = words(
    "here a an any the of or nor and no one single audible discernible detectable noticeable perceptible human actual "
    "apparent obvious evident identifiable other additional real sung trace hint sign sounds sound whatsoever than "
    "from but let alone missing conventional standard"
)
_NAMES = frozenset({*INSTRUMENT_NAMES, *VOICE_NOUNS, *VOICE_VERBS, *INSTRUMENT_WORDS})
_WHOLE_OF = words(
    "part parts line lines track tracks performance content presence element elements section kit sounds present "
    "piece song instrument instruments"
)
_ENDS_NOUN = (
    PHRASE_BORDERS | _BREAKING | _WHOLE_OF
    | words("and or nor at all here anywhere whatsoever audible used heard be whatever either throughout playing set")
)  # fmt: skip
_SOUNDING = words("heard present audible used featured there appear appears play plays sound sounds")
_UNTIL_REACH = 8
_LIST_WORDS = 3
_LONGEST_LIST = 24

_COMPARISONS = words(
    "like unlike than imitating imitates imitate mimicking mimics mimic emulating emulates resembles resembling "
    "evokes evoking reminiscent reminds inspired homage similar compared recalls recalling"
)
_ENDS_COMPARISON = _BREAKING | {"with", "over", "featuring"}
_ENUMERATED_BEFORE_LIKE = words("instruments percussion elements percussions instrumentation")
_IMAGINED = words("would could should wish imagine if may might")
_NOT_IMAGINED = words("call say describe not hear heard")
_VERSIONS = words("version versions mixes edit edits cutdown cutdowns alternates")
_LOCAL = words(
    "intro outro bridge verse verses chorus choruses interlude ending beginning break breakdown drop halfway middle "
    "end starts start begins begin opens later until before speeds slows accelerates accelerating changes shifts "
    "modulates half briefly occasionally sometimes towards initially eventually finally final opening closing "
    "moments enters drops ends"
)
_MUSICAL = words(
    "lead backing male female electric acoustic vocals vocal voice major minor bpm tempo fast slow loud quiet and of "
    "the in hop key time"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What holds for each word of a sentence, in their order.

    Attributes:
        negated: the word is denied.
        cues: where the word that denies it stands; -1 where nothing does.
        unreal: the word is compared with, imagined, quoted or part of a name: nothing is claimed by it.
        local: the word is in a clause about a part of the song.
    """

    negated: tuple[bool, ...]
    cues: tuple[int, ...]
    unreal: tuple[bool, ...]
    local: tuple[bool, ...]


def scope_of(sentence: Sentence) -> Scope:
    """Find the scope of every word; time grows in proportion to the number of words."""
    tokens = sentence.tokens
    names = _in_names(tokens)
    quoted = _quoted(tokens)
    compared = _compared(tokens)
    imagined = _imagined(tokens)
    versions = _of_versions(tokens)
    unreal = tuple(map(any, zip(names, quoted, compared, imagined, versions, strict=True)))
    cues = _negated(tokens)
    return Scope(tuple(cue >= 0 for cue in cues), tuple(cues), unreal, tuple(_local(tokens)))


def denies_source(tokens: Sequence[Token], first: int, last: int, cue: int) -> bool | None:
    """Tell whether a denial is of an instrument or voice itself.

    'no audible vocals' is; 'without masking the vocals' says that they are there (False); 'no vocal effects' and 'no
    melodic singing' say nothing of the voice (None).
    """
    said, denier = tokens[last - 1].lower, tokens[cue].lower
    if comes_later(tokens, last) or (_is_of_the_known(tokens, first, denier) and not _is_unheard(tokens, last)):
        return False
    is_verbal = denier in _VERBAL_NEGATIONS or denier.endswith("n't")
    if denier in {"hardly", "barely"} and any(token.lower == "hear" for token in tokens[cue:first]):
        return False
    if said in VOICE_VERBS | {"singing"} and (denier in {"nobody", "nothing"} or tokens[cue + 1].lower == "one"):
        return True
    is_restricted = False
    is_pair = (denier, tokens[cue + 1].lower) in _NEGATING_PAIRS
    for i in range(cue + 1 + is_pair, first):
        word = tokens[i].lower
        if word in {"or", "nor"}:
            is_restricted = False
        if word in _UNRESTRICTING or word in _NAMES or (is_verbal and word in _HAVING):
            continue
        if is_verbal or word in FINITE_VERBS | PREPOSITIONS or word.endswith(("ing", "ed")):
            return None if word in {"much", "many"} else False
        is_restricted = denier != "neither"
    if is_restricted or tokens[first].lower in {"lead", "backing", "background"}:
        return None
    following = tokens[last] if last < len(tokens) else None
    if following is None or not following.joined:
        return True
    if said in VOICE_VERBS:
        if following.lower in PREPOSITIONS:
            return denier != "never"  # 'never sings in full voice' sings
        return None
    # A verb or an adverb stands behind 'no drums', another noun makes it 'no guitar solo'.
    return True if said.endswith("s") or following.lower in _ENDS_NOUN or following.lower.endswith("ly") else None


def comes_later(tokens: Sequence[Token], last: int) -> bool:
    """Return whether 'until' follows in the clause: 'no drums appear until the chorus', 'drums do not enter till'."""
    for token in tokens[last : last + _UNTIL_REACH]:
        if token.opens_clause:
            return False
        if token.lower in {"until", "till", "til"}:
            return True
    return False


def _is_of_the_known(tokens: Sequence[Token], first: int, denier: str) -> bool:
    """Return whether 'the' tells of something that is there: 'neither the bass nor the drums drop out'."""
    return first > 0 and tokens[first - 1].lower == "the" and denier in {"neither", "nor"}


def _is_unheard(tokens: Sequence[Token], last: int) -> bool:
    """Return whether what follows denies that it sounds at all: 'is heard', 'are present'."""
    return any(token.lower in _SOUNDING for token in tokens[last : last + _UNTIL_REACH])


def _negated(tokens: Sequence[Token]) -> list[int]:
    """Give for each word the place of the word that denies it; -1 where nothing does."""
    flags, negation, place = [], "", -1
    for i, token in enumerate(tokens):
        if negation and _ends_negation(tokens, i, negation):
            negation = ""
        cue = _negation_at(tokens, i)
        # Two in a row ("not without drums") cancel each other; a new "no" in a list goes on.
        if cue:
            negation, place = "" if cue == "cancel" else cue, i
        flags.append(place if negation else -1)
        if not cue and not negation and token.lower in {"drumless", "vocalless"}:
            flags[-1] = i
    return flags


def _negation_at(tokens: Sequence[Token], i: int) -> str:
    word = tokens[i].lower
    following = tokens[i + 1].lower if i + 1 < len(tokens) else ""
    if word == "no" and following.isdigit():
        return ""
    if i and word == "without" and tokens[i - 1].lower in {"not", "never"}:
        return "cancel"
    if word in _NEGATIONS or word.endswith("n't"):
        if following in _NO_NEGATION.get(word, ()) or (word == "nor" and i == 0):
            return ""
        if word.endswith("n't") and following in {"only", "just", "help"}:
            return ""
        return "nobody" if (word, following) == ("no", "one") else word
    return "pair" if (word, following) in _NEGATING_PAIRS else ""


def _ends_negation(tokens: Sequence[Token], i: int, negation: str) -> bool:
    token, before = tokens[i], tokens[i - 1]
    if token.lower in _BREAKING:
        return not (token.lower == "but" and before.lower == "anything")
    if negation in _DETERMINING_NEGATIONS and (token.lower in _CARRYING or token.lower in FINITE_VERBS):
        return token.lower != "'s"
    if token.opens_clause:
        goes_on = token.lower == "let" or (before.lower not in {"all", "whatsoever"} and _list_goes_on(tokens, i))
        return not ("," in token.gap and goes_on)
    if token.lower == "and":
        following = tokens[i + 1].lower if i + 1 < len(tokens) else ""
        return following in PHRASE_BORDERS | {"instead", "only"}
    return False


def _list_goes_on(tokens: Sequence[Token], start: int) -> bool:
    """Return whether 'no a, b or c' goes on at the comma before b: short items up to one that begins with 'or'."""
    length = 0
    for i in range(start, min(len(tokens), start + _LONGEST_LIST)):
        token = tokens[i]
        if token.opens_clause and i > start:
            if "," not in token.gap:
                return False
            length = 0
        if token.lower in {"or", "nor"}:
            return True
        if token.lower == "and":
            following = tokens[i + 1].lower if i + 1 < len(tokens) else ""
            at_end = i + 2 >= len(tokens) or tokens[i + 2].opens_clause
            return at_end and following not in DETERMINERS
        length += 1
        if length > _LIST_WORDS or token.lower in PHRASE_BORDERS | _BREAKING:
            return False
    return False


def _compared(tokens: Sequence[Token]) -> list[bool]:
    flags, active = [], False
    for i, token in enumerate(tokens):
        if active and (token.opens_clause or token.lower in _ENDS_COMPARISON):
            active = False
        if (token.lower in _COMPARISONS and not _enumerates(tokens, i)) or _is_other_recording(tokens, i):
            active = True
        flags.append(active)
    return flags


def _is_other_recording(tokens: Sequence[Token], i: int) -> bool:
    """Return whether 'original' is a noun: 'the original was slow' says nothing of this recording."""
    following = tokens[i + 1].lower if i + 1 < len(tokens) else ""
    return tokens[i].lower == "original" and following in {"was", "is", "had", "has", "were"}


def _enumerates(tokens: Sequence[Token], i: int) -> bool:
    """Return whether a word means 'such as' or belongs to what stands before: 'instruments like', 'guitar-like'."""
    token, before = tokens[i], tokens[i - 1].lower if i else ""
    if token.gap == "-":
        return True
    liking = {near.lower for near in tokens[max(0, i - 2) : i]}
    if token.lower == "like" and liking & {"i", "we"} and before not in COPULAS:
        return True  # 'I really like the drums'
    if token.lower == "like" and i + 1 < len(tokens) and tokens[i + 1].lower.isdigit():
        return True  # 'like 50 bpm'
    if token.lower == "than":
        return before in {"rather", "less", "fewer", "other"}
    return token.lower == "like" and before in _ENUMERATED_BEFORE_LIKE


def _imagined(tokens: Sequence[Token]) -> list[bool]:
    flags, active = [], ""
    for i, token in enumerate(tokens):
        if (active == "if" or token.lower == "but") and token.opens_clause:
            active = ""
        if token.lower in _IMAGINED and not (i + 1 < len(tokens) and _is_report(tokens, i)):
            active = active or token.lower
        flags.append(bool(active))
    return flags


def _of_versions(tokens: Sequence[Token]) -> list[bool]:
    """Return whether words tell of other versions: 'Alternate mixes: no drums', 'instrumental version available'."""
    named = [i for i, token in enumerate(tokens) if token.lower in _VERSIONS]
    said = {token.lower for token in tokens}
    if "available" in said and (named or "also" in said):
        return [True] * len(tokens)
    label = next((i for i in named if i + 1 < len(tokens) and ":" in tokens[i + 1].gap), len(tokens))
    return [i > label for i in range(len(tokens))]


def _is_report(tokens: Sequence[Token], i: int) -> bool:
    """Return whether 'could be heard', 'would call', 'would say' reports what is there."""
    following = tokens[i + 1].lower
    if following == "be":
        return i + 2 < len(tokens) and tokens[i + 2].lower in words("heard described called considered classified")
    return following in _NOT_IMAGINED


def _quoted(tokens: Sequence[Token]) -> list[bool]:
    flags, inside = [], False
    for token in tokens:
        for mark in token.gap:
            if mark == '"':
                inside = not inside
            elif mark in "“”«»":
                inside = mark in "“«"
        flags.append(inside)
    return flags


def _in_names(tokens: Sequence[Token]) -> list[bool]:
    """Return whether words belong to a name: two or more capitalised words in a row that are not all music's own."""
    flags = [False] * len(tokens)
    i = 0
    while i < len(tokens):
        end = _run_of_capitals(tokens, i)
        if end - i >= 2 and not all(_is_musical(token) for token in tokens[i:end]):
            flags[i:end] = [True] * (end - i)
        i = max(end, i + 1)
    return flags


def _run_of_capitals(tokens: Sequence[Token], start: int) -> int:
    end = start
    while end < len(tokens) and tokens[end].is_capitalised and (end == start or tokens[end].gap == " "):
        end += 1
        linked = end + 1 < len(tokens) and tokens[end].lower in {"of", "the"}
        if linked and tokens[end + 1].is_capitalised and tokens[end].joined and tokens[end + 1].joined:
            end += 1
    return end


def _is_musical(token: Token) -> bool:
    is_key = len(token.lower) == 2 and token.lower[1] == "m"  # 'Cm'
    return is_key or token.lower in INSTRUMENT_WORDS or token.lower in _MUSICAL or token.lower in VOICE_NOUNS


def _local(tokens: Sequence[Token]) -> list[bool]:
    flags: list[bool] = []
    clause: list[Token] = []
    for token in tokens:
        if token.opens_clause:
            flags.extend([_has_local_word(clause)] * len(clause))
            clause = []
        clause.append(token)
    flags.extend([_has_local_word(clause)] * len(clause))
    return flags


def _has_local_word(clause: Sequence[Token]) -> bool:
    return not _LOCAL.isdisjoint([token.lower for token in clause])


def is_likeness(tokens: Sequence[Token], end: int) -> bool:
    """Return whether the word behind a phrase makes it a likeness: 'guitar-like', 'vocal-like', '90s-inspired'."""
    return end < len(tokens) and tokens[end].lower in NOT_THE_THING and "-" in tokens[end].gap
