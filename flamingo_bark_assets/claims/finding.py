"""Find the claims that a text makes about music: pure text, no measurements.

Putting words, figures and scope together belongs here; whether a claim is true does not.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache

from flamingo_bark_assets.claims.chords import find_chords
from flamingo_bark_assets.claims.language import unread_language
from flamingo_bark_assets.claims.lexicon import INSTRUMENT_WORDS, PREPOSITIONS, VOICE_NOUNS, VOICE_VERBS, words
from flamingo_bark_assets.claims.manner import find_manners
from flamingo_bark_assets.claims.mentions import find_mentions
from flamingo_bark_assets.claims.model import FoundClaim
from flamingo_bark_assets.claims.numbers import Figure, find_figures
from flamingo_bark_assets.claims.scope import Scope, comes_later, denies_source, scope_of
from flamingo_bark_assets.claims.spans import Span, phrase_at
from flamingo_bark_assets.claims.tokens import Sentence, Token, plain, split_sentences
from flamingo_bark_assets.claims.worded import entries, find_worded

_SINGING = VOICE_VERBS | {"singing"}
_MANNERS_OF_VOICE = words(
    "lyrics lyric falsetto spoken choir choirs rapper rappers duet duets narrator narration humming hook hooks chorus "
    "choruses refrain refrains rap"
)
_ABSENT = words("absent missing nowhere nonexistent omitted none inaudible lacking")
_NOT_HEARD = words(
    "present audible heard used featured included there appear appears play plays feature come enter sing exist"
)
_BETWEEN_SUBJECT_AND_ABSENCE = (
    words("is are was were remain remains all do does never be section line track and or")
    | INSTRUMENT_WORDS
    | VOICE_NOUNS
)
_ABSENT_PAIRS = frozenset({"n a", "left out", "dropped entirely", "done without"})
_PARTS = words(
    "half intro outro verse verses chorus choruses bridge break breakdown beginning start end ending introduction "
    "first second last final bars minute minutes moment section part"
)
_WITH_OBJECTS = words("play plays used feature sing")
_NO_OBJECTS = words("here anywhere and or at all but there much once anymore either any")
_REACH = 6
_KEPT_TEXTS = 2048
_MAX_KEPT_CHARACTERS = 4096
_HEADING = re.compile(r"(?:#+ [^:]{1,40}|\*\*[^*]{1,40}\*\*)")


def find_claims(text: str) -> tuple[FoundClaim, ...]:
    """Find what a text claims about the music.

    Claims in quotation marks, names, comparisons ('like a saxophone') and wishes ('would be') are left out, as they
    claim nothing of this music; denied ones are marked. A sentence is read by itself: what is found in it does not
    depend on the others. Texts in other languages claim nothing that is read here. The claims come in order of their
    place; time grows in proportion to the length of the text. What is found in texts of usual length is kept: one text
    is asked about from many sides, and stands in many files of an export.
    """
    return _kept(text) if len(text) <= _MAX_KEPT_CHARACTERS else _find(text)


def _find(text: str) -> tuple[FoundClaim, ...]:
    text = plain(text)
    if unread_language(text):
        return ()
    found = [claim for sentence in split_sentences(text) for claim in _claims_of(text, sentence)]
    return tuple(sorted(found, key=lambda claim: (claim.start, claim.end, claim.kind, claim.value)))


_kept = lru_cache(_KEPT_TEXTS)(_find)


def _claims_of(text: str, sentence: Sentence) -> Iterator[FoundClaim]:
    if text[sentence.start : sentence.end].endswith("?"):
        return  # a question claims nothing
    if _HEADING.fullmatch(text, sentence.start, sentence.end):
        return  # 'Vocals' may head a denial
    scope = scope_of(sentence)
    tokens = sentence.tokens
    ends = [token.end for token in tokens]
    covered: set[int] = set()
    chords = find_chords(text, sentence.start, sentence.end)
    listed = [(chord.start, chord.end) for chord in chords]
    for figure in (*chords, *find_figures(text, sentence.start, sentence.end)):
        if figure.kind != "chord" and any(start < figure.end and figure.start < end for start, end in listed):
            continue
        first = bisect_right(ends, figure.value_start)
        covered.update(range(bisect_right(ends, figure.start), bisect_left(ends, figure.end) + 1))
        if first < len(ends) and not scope.unreal[first]:
            yield _from_figure(figure, scope, first, negated=scope.negated[first])
    spans = (*find_mentions(tokens), *find_manners(tokens))
    real = [span for span in spans if span.first not in covered and not _is_unreal(span, scope)]
    claims = tuple(_from_spans(real, tokens, scope))
    yield from claims
    has_voice = any(claim.kind == "vocals" and not claim.negated for claim in claims)
    sounding = [(c.value, c.start, c.end) for c in claims if c.kind == "instrument" and not c.negated]
    phrases = find_worded(text, sentence.start, sentence.end, has_voice=has_voice)
    for figure in (*phrases, *entries(sounding, text, sentence.end)):
        first, last = bisect_right(ends, figure.start), bisect_left(ends, figure.end)
        if first < len(ends) and not scope.unreal[first]:
            # 'The tempo never changes': the denial stands within; 'no drums enter until' is none.
            negated = any(scope.negated[first : last + 1]) and not comes_later(tokens, first)
            yield _from_figure(figure, scope, first, negated=negated)


def _from_spans(spans: Sequence[Span], tokens: Sequence[Token], scope: Scope) -> Iterator[FoundClaim]:
    made = {claim: span for span in spans if (claim := _from_span(span, tokens, scope)) is not None}
    voices = [claim.negated for claim in made if claim.kind == "vocals"]
    is_voiceless = bool(voices) and all(voices)
    # 'Rapped rather than sung' denies a manner, and no voice.
    claims = [c for c, s in made.items() if is_voiceless or not (c.negated and tokens[s.last - 1].lower in _SINGING)]
    # Who does not sing is not described.
    yield from (claim for claim in claims if not (is_voiceless and claim.kind == "singer"))


def _is_unreal(span: Span, scope: Scope) -> bool:
    return scope.unreal[span.first if span.value_first is None else span.value_first]


def _from_figure(figure: Figure, scope: Scope, first: int, *, negated: bool) -> FoundClaim:
    return FoundClaim(
        figure.kind, figure.value, negated, figure.start, figure.end, figure.value_start,
        figure.value_end, scope.local[first], figure.numbers,
    )  # fmt: skip


def _from_span(span: Span, tokens: Sequence[Token], scope: Scope) -> FoundClaim | None:
    value_first = span.first if span.value_first is None else span.value_first
    value_last = span.last if span.value_last is None else span.value_last
    negated: bool | None = scope.negated[value_first]
    if span.kind in {"instrument", "vocals", "singer"} and not span.denies:
        negated = denies_source(tokens, span.first, span.last, scope.cues[value_first]) if negated else False
        if negated is None:
            return None
        negated = negated or _is_absent(tokens, span.last)
    # Music without lyrics, falsetto or a choir may still be sung.
    if negated and (span.kind == "singer" or tokens[span.last - 1].lower in _MANNERS_OF_VOICE):
        return None
    return FoundClaim(
        span.kind, span.value, negated != span.denies, tokens[span.first].start, tokens[span.last - 1].end,
        tokens[value_first].start, tokens[value_last - 1].end, scope.local[value_first],
    )  # fmt: skip


def _is_absent(tokens: Sequence[Token], last: int) -> bool:
    """Return whether the words behind a noun say that it is absent.

    For instance 'drums are missing', 'vocals never come in', 'drums: none'.
    """
    for i in range(last, min(len(tokens), last + _REACH)):
        word = tokens[i].lower
        if word in _ABSENT or phrase_at(tokens, i, 2) in _ABSENT_PAIRS:
            return not _in_part(tokens, i + 1)
        if i > last and tokens[i].opens_clause:
            return False
        denied = word in {"not", "never"} or word.endswith("n't")
        if denied:
            heard = next((j for j in range(i + 1, min(len(tokens), i + 3)) if tokens[j].lower in _NOT_HEARD), None)
            return heard is not None and not _has_object(tokens, heard) and not comes_later(tokens, i)
        if word not in _BETWEEN_SUBJECT_AND_ABSENCE and not word.endswith("ly"):
            return False
    return False


def _in_part(tokens: Sequence[Token], i: int) -> bool:
    """Return whether the absence is of a part of the song: 'absent for the second half', 'missing from the intro'."""
    behind = [token.lower for token in tokens[i : i + _REACH]]
    if not behind:
        return False
    return behind[0] == "until" or (behind[0] in {"for", "in", "from", "during"} and not _PARTS.isdisjoint(behind))


def _has_object(tokens: Sequence[Token], verb: int) -> bool:
    """Return whether 'not play' is said of something that is played: 'the guitar doesn't play chords'."""
    following = tokens[verb + 1] if verb + 1 < len(tokens) else None
    if tokens[verb].lower not in _WITH_OBJECTS or following is None or not following.joined:
        return False
    return following.lower not in PREPOSITIONS | _NO_OBJECTS and not following.lower.endswith("ly")
