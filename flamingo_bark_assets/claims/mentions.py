"""Mentions of sound sources: instruments, voices, singers and the kick pattern, as words of one sentence.

Nouns that name a source of sound belong here; how the music is played or recorded stands in `manner`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flamingo_bark_assets.claims.lexicon import (
    COMPOUND_GENRES,
    FINITE_VERBS,
    GENRE_HEADS,
    GIVING_VOICE,
    INSTRUMENT_NAMES,
    INSTRUMENTAL_HEADS,
    LONGEST_PHRASE,
    NOT_AFTER,
    NOT_BEFORE,
    NOT_VOICE_AFTER,
    NOT_VOICES,
    PREPOSITIONS,
    SINGER_WORDS,
    VOICE_ACTS,
    VOICE_NOUNS,
    VOICE_PHRASES,
    VOICE_POSSESSIONS,
    VOICE_TYPES,
    VOICE_VERBS,
    words,
)
from flamingo_bark_assets.claims.scope import is_likeness
from flamingo_bark_assets.claims.spans import Span, first_words, phrase_at
from flamingo_bark_assets.claims.tokens import Token

_KICK_PATTERNS = frozenset({"four on the floor", "4 on the floor", "four to the floor", "4 to the floor"})
_GENRES = frozenset(
    {"drum and bass", "drum bass", "drum n bass", "drum'n'bass", "brass band", "string theory", "bells and whistles"}
)
_FIRST_OF_KICK_PATTERNS, _FIRST_OF_GENRES = first_words(_KICK_PATTERNS), first_words(_GENRES)
_FIRST_OF_INSTRUMENTS, _FIRST_OF_VOICE_PHRASES = first_words(INSTRUMENT_NAMES), first_words(VOICE_PHRASES)
_SINGER_REACH = 5
_PERSONS = (SINGER_WORDS.keys() - {"his", "her"}) | {"somebody", "someone", "people"}
_SECTIONS = frozenset(
    {"break", "section", "sections", "interlude", "interludes", "intro", "outro", "bridge", "passage", "passages",
     "part", "parts", "solo", "solos", "verse", "chorus", "coda", "breakdown", "hook", "drop"}
)  # fmt: skip
_WHOLLY = frozenset({"purely", "entirely", "fully", "completely", "wholly", "solely", "strictly"})
_ARRANGED = frozenset({"arrangement", "backing", "accompaniment", "palette", "texture", "textures"})
_BEHIND_INSTRUMENTAL = frozenset({"and", "with", "that", "featuring", "at", "but", "throughout"})
_ADJECTIVES = 5
_SUNG_PARTS = words("hook hooks chorus choruses lead leads harmonies topline delivery refrain refrains verses rap")
_OF_SUNG_PARTS = words("male female shouted screamed sung rapped chanted whispered")
_FRONTED = frozenset({"fronted", "sung"})


def find_mentions(tokens: Sequence[Token]) -> Iterator[Span]:
    """Find every mention; a word belongs to one instrument or voice at most, the longest name first."""
    voices = [i for i in range(len(tokens)) if _is_voice(tokens, i)]
    yield from _instruments_and_patterns(tokens)
    yield from _voices(tokens, voices)
    yield from _singers(tokens, voices)
    yield from _instrumentals(tokens)


def _instruments_and_patterns(tokens: Sequence[Token]) -> Iterator[Span]:
    i = 0
    while i < len(tokens):
        if length := _genre_length(tokens, i):
            i += length
        elif tokens[i].lower in _FIRST_OF_KICK_PATTERNS and phrase_at(tokens, i, 4) in _KICK_PATTERNS:
            yield Span("kick_pattern", "four on the floor", i, i + 4)
            i += 4
        elif tokens[i].lower == "drumless":
            yield Span("instrument", "drums", i, i + 1)
            i += 1
        elif span := _instrument(tokens, i):
            yield span
            i = span.last
        else:
            i += 1


def _genre_length(tokens: Sequence[Token], i: int) -> int:
    if tokens[i].lower not in _FIRST_OF_GENRES:
        return 0
    for length in (3, 2):
        if phrase_at(tokens, i, length) in _GENRES or (length == 2 and phrase_at(tokens, i, 2, " & ") in _GENRES):
            return length
    return 0


def _instrument(tokens: Sequence[Token], i: int) -> Span | None:
    if tokens[i].lower not in _FIRST_OF_INSTRUMENTS:
        return None
    for length in range(LONGEST_PHRASE, 0, -1):
        name = phrase_at(tokens, i, length)
        if name in INSTRUMENT_NAMES:
            return _judged(tokens, i, i + length, INSTRUMENT_NAMES[name])
    return None


def _judged(tokens: Sequence[Token], first: int, last: int, name: str) -> Span | None:
    """Give the mention unless the words around it make it something else: 'synth-pop', 'bass singer'."""
    said = tokens[last - 1].lower
    following = tokens[last] if last < len(tokens) else None
    before = tokens[first - 1].lower if first else ""
    if following is not None and following.joined:
        if following.lower in NOT_BEFORE.get(said, ()) or is_likeness(tokens, last):
            return None
        if "-" in following.gap and following.lower in COMPOUND_GENRES:
            return None
    if before in NOT_AFTER.get(tokens[first].lower, ()):
        return None
    return Span("instrument", name, first, last)


def _is_voice(tokens: Sequence[Token], i: int) -> bool:
    word = tokens[i].lower
    if _phrase_length(tokens, i):
        return True
    if word in VOICE_NOUNS:
        return not _is_figure_of_speech(tokens, i)
    if word in VOICE_VERBS:
        before = tokens[i - 1].lower if i else ""
        return before not in INSTRUMENT_NAMES
    if word in VOICE_ACTS:
        is_passive = i + 1 < len(tokens) and tokens[i + 1].lower == "by"
        return any(t.lower in _PERSONS for t in (tokens[i + 2 : i + 5] if is_passive else tokens[max(0, i - 2) : i]))
    if word in VOICE_POSSESSIONS:
        return _is_owned_by_singer(tokens, i)
    if word in _SUNG_PARTS and i and tokens[i].joined and tokens[i - 1].lower in _OF_SUNG_PARTS:
        return True
    if word in _FRONTED:
        return i > 0 and tokens[i - 1].lower in SINGER_WORDS and tokens[i].joined
    if word in VOICE_TYPES:
        # 'Alto flute' and 'a baritone electric guitar' are sizes of instruments.
        return not any(phrase_at(tokens, i, n).partition(" ")[2] in INSTRUMENT_NAMES for n in (2, 3))
    if word == "bass":
        return i + 1 < len(tokens) and tokens[i + 1].lower in {"singer", "singers", "voice", "vocalist"}
    return False


def _phrase_length(tokens: Sequence[Token], i: int) -> int:
    """Return how many words from word `i` on are a phrase that tells of a voice; 0 where none begins there."""
    if tokens[i].lower not in _FIRST_OF_VOICE_PHRASES:
        return 0
    return next((length for length in (1, 2, 3) if phrase_at(tokens, i, length) in VOICE_PHRASES), 0)


def _is_owned_by_singer(tokens: Sequence[Token], i: int) -> bool:
    """Return whether 'his' or 'her' stands before a noun, an adjective between them at most."""
    before = [token.lower for token in tokens[max(0, i - 2) : i]]
    return bool({"his", "her"} & set(before)) and tokens[i].joined


def _is_figure_of_speech(tokens: Sequence[Token], i: int) -> bool:
    word, before = tokens[i].lower, tokens[i - 1].lower if i else ""
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    names = (phrase_at(tokens, i, 2), phrase_at(tokens, i + 1, 1))
    if is_likeness(tokens, i + 1) or (word == "singing" and not INSTRUMENT_NAMES.keys().isdisjoint(names)):
        return True
    near = {token.lower for token in tokens[max(0, i - 4) : i]}
    # 'The saxophone takes the role of the singer', 'a choir pad'.
    if "role" in near or (following is not None and following.joined and following.lower in NOT_VOICES):
        return True
    if word in {"voice", "voices"}:
        if before in GIVING_VOICE or before in {"inner", "outer"} or "its" in near:  # an instrument's
            return True
        return following is not None and following.joined and following.lower in NOT_VOICE_AFTER
    return False


def _voices(tokens: Sequence[Token], voices: Sequence[int]) -> Iterator[Span]:
    for i in voices:
        first = i
        while first and tokens[first].joined and tokens[first - 1].lower in {"lead", "backing", "background"}:
            first -= 1
        yield Span("vocals", "vocals", first, i + (_phrase_length(tokens, i) or 1))


def _singers(tokens: Sequence[Token], voices: Sequence[int]) -> Iterator[Span]:
    sounding = set(voices)
    for i, token in enumerate(tokens):
        if phrase_at(tokens, i, 2) == "mezzo soprano":
            sounding -= {i, i + 1}
            yield Span("singer", "mezzo-soprano", i, i + 2)
        if token.lower in VOICE_TYPES or token.lower == "bass":
            if i in sounding:
                yield Span("singer", token.lower, i, i + 1)
        elif token.lower in SINGER_WORDS and _has_voice_near(tokens, i, sounding):
            yield Span("singer", SINGER_WORDS[token.lower], i, i + 1)


def _has_voice_near(tokens: Sequence[Token], i: int, voices: set[int]) -> bool:
    reach = range(max(0, i - _SINGER_REACH), min(len(tokens), i + _SINGER_REACH + 1))
    if tokens[i].lower in {"his", "her"}:
        return i + 1 in voices or (i + 2 in voices and tokens[i + 2].joined)
    if tokens[i].lower in {"he", "she"}:
        return any(j in voices and tokens[j].lower in VOICE_VERBS | VOICE_ACTS for j in reach if i < j <= i + 3)
    return any(j in voices for j in reach)


def _instrumentals(tokens: Sequence[Token]) -> Iterator[Span]:
    """Find 'instrumental' as a denial of vocals; an 'instrumental break' and 'Intro: instrumental' are none."""
    for i, token in enumerate(tokens):
        if token.lower not in {"instrumental", "vocalless"} or _labels_section(tokens, i) or _is_excepted(tokens, i):
            continue
        first = i
        while first and tokens[first].joined and tokens[first - 1].lower in _WHOLLY:
            first -= 1
        if _describes_whole(tokens, i + 1, is_emphatic=any(t.lower in _WHOLLY for t in tokens[first:i])):
            yield Span("vocals", "vocals", first, i + 1, value_first=i, denies=True)


def _labels_section(tokens: Sequence[Token], i: int) -> bool:
    """Return whether the label of a part of the song stands before a word: 'Intro: instrumental groove'."""
    labels = (k for k in range(1, i + 1) if ":" in tokens[k].gap)
    return any(tokens[k - 1].lower in _SECTIONS or tokens[k - 1].lower.isdigit() for k in labels)


def _is_excepted(tokens: Sequence[Token], i: int) -> bool:
    """Return whether something is excepted before a word: 'apart from a few shouts, the piece is instrumental'."""
    before = {token.lower for token in tokens[:i]}
    return bool(before & {"apart", "except", "aside", "besides"}) or "other than" in phrase_at(tokens, 0, i)


def _describes_whole(tokens: Sequence[Token], i: int, *, is_emphatic: bool) -> bool:
    """Return whether 'instrumental' before word `i` is said of the piece, over adjectives: 'sad piano piece'."""
    for j in range(i, min(len(tokens), i + _ADJECTIVES)):
        word, token = tokens[j].lower, tokens[j]
        if word in _SECTIONS or (word == "hop" and tokens[j - 1].lower != "hip"):
            return False
        if word in INSTRUMENTAL_HEADS or word in GENRE_HEADS or (is_emphatic and word in _ARRANGED):
            following = tokens[j + 1] if j + 1 < len(tokens) else None
            return following is None or not following.joined or following.lower not in _SECTIONS
        if j == i and ((token.opens_clause and "," not in token.gap) or word in _BEHIND_INSTRUMENTAL):
            return True
        if word in _ARRANGED or word in FINITE_VERBS | PREPOSITIONS | _BEHIND_INSTRUMENTAL or token.gap == "-":
            break
    return i >= len(tokens) or tokens[i].opens_clause
