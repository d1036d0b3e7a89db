"""How the music is played and recorded: pace, loudness, dynamics, brightness, fidelity, stereo, noise.

Adjectives and the nouns that they must stand with belong here: a fast tempo is a claim, a fast car is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flamingo_bark_assets.claims.lexicon import (
    COPULAS,
    DEGREES,
    DETERMINERS,
    FINITE_VERBS,
    GENRE_HEADS,
    INSTRUMENT_NAMES,
    INTENSIFIERS,
    MIX_HEADS,
    NOT_PACE,
    PACE_COMPOUNDS,
    PACE_WORDS,
    PHRASE_BORDERS,
    PREPOSITIONS,
    RHYTHM_HEADS,
    SOUND_HEADS,
    TEMPO_HEADS,
    TEMPO_NAMES,
    TEMPO_ONLY,
    VOICE_NOUNS,
    VOICE_TYPES,
    WHOLE_HEADS,
    words,
)
from flamingo_bark_assets.claims.model import ClaimKind
from flamingo_bark_assets.claims.scope import is_likeness
from flamingo_bark_assets.claims.spans import Span, first_words, phrase_at
from flamingo_bark_assets.claims.tokens import Token

_REACH = 5
_PRONOUNS = words("it this that")
_AMOUNTS = words("bit little lot touch mono stereo")
_STOPPING = PHRASE_BORDERS - {"no"}
_STOPPING_BUT_COPULAS = (_STOPPING - COPULAS) | {"and"}


@dataclass(frozen=True, slots=True)
class _Manner:
    """A quality: its adjectives, the nouns they may stand before, and what they may be said of.

    Attributes:
        kind: the kind of claim.
        adjectives: word or words: value.
        heads: nouns behind the adjective.
        subjects: nouns (and 'it') before 'is'.
        over_instruments: whether the name of an instrument may stand between ('slow piano ballad').
    """

    kind: ClaimKind
    adjectives: Mapping[str, str]
    heads: frozenset[str]
    subjects: frozenset[str]
    over_instruments: bool = False


_BEATS = words("beat tempo pulse rhythm groove")
_WHOLE = WHOLE_HEADS | MIX_HEADS | SOUND_HEADS
_QUALITY = frozenset({"audio quality", "sound quality", "recording quality"})
_LEVEL = words("volume level loudness")
_OF_SOUND: frozenset[ClaimKind] = frozenset({"brightness", "noise", "timbre", "fidelity", "loudness", "dynamics"})
_TONES = words("tone timbre sound")
_OVERALL = words("overall whole recording song track music audio")
_MOODS = words("cheerful happy upbeat uplifting sunny playful brooding moody ominous mysterious sinister gloomy eerie")
_OWNERS = words("his her their lead soloist")
# 'lightly compressed' is hardly compressed.
_HARDLY = words("lightly slightly gently subtly minimally mildly barely softly moderately nearly almost")
_DEGREES = DEGREES | _HARDLY
_MANNERS = (
    _Manner("pace", PACE_WORDS, TEMPO_HEADS | RHYTHM_HEADS | WHOLE_HEADS | GENRE_HEADS,
            TEMPO_HEADS | RHYTHM_HEADS | WHOLE_HEADS | GENRE_HEADS | _PRONOUNS, over_instruments=True),
    _Manner("steadiness",
            {**dict.fromkeys(words("steady constant consistent unwavering unvarying unchanging stable regular even "
                                   "fixed strict uniform firm rigid locked") | {"rock solid"}, "steady"),
             **dict.fromkeys(words("irregular fluctuating free unsteady flexible"), "free")},
            _BEATS | words("beats rhythms pulses timing drumming backbeat drums kick 4 four"),
            _BEATS | words("timing drumming drums"), over_instruments=True),
    _Manner("timbre", {"warm": "warm", "thin": "thin", "crisp": "crisp", "boomy": "boomy"},
            MIX_HEADS | words("sound audio recording") | {"low end"},
            MIX_HEADS | words("sound audio recording end tone highs treble") | {"low end"}),
    _Manner("loudness", {"loud": "loud", "quiet": "quiet"}, _WHOLE | _LEVEL,
            _WHOLE | _LEVEL | _PRONOUNS | {"everything"}),
    _Manner("loudness", {"high": "loud", "low": "quiet"}, words("volume loudness"), words("volume loudness")),
    _Manner("dynamics", {"compressed": "compressed", "squashed": "compressed",
                         "squeezed": "compressed", "brickwalled": "compressed",
                         "overcompressed": "compressed", "over compressed": "compressed"},
            MIX_HEADS | words("sound song track recording dynamics"), _WHOLE | _PRONOUNS | {"dynamics"}),
    _Manner("dynamics", {"wide": "dynamic", "large": "dynamic", "high": "dynamic", "great": "dynamic",
                         "huge": "dynamic", "broad": "dynamic", "narrow": "compressed", "small": "compressed",
                         "low": "compressed", "limited": "compressed", "little": "compressed",
                         "reduced": "compressed"},
            frozenset({"dynamic range"}), frozenset({"dynamic range", "dynamics"})),
    _Manner("brightness", {"bright": "bright", "dark": "dark"},
            MIX_HEADS | SOUND_HEADS | words("tone timbre highs") | {"muffled character", "top end", "high end"},
            MIX_HEADS | SOUND_HEADS | words("tone timbre highs") | {"top end", "high end"}),
    _Manner("fidelity", {"lo fi": "lo-fi", "lofi": "lo-fi", "low fi": "lo-fi", "low fidelity": "lo-fi",
                         "low quality": "lo-fi", "poor quality": "lo-fi", "bad quality": "lo-fi", "hi fi": "hi-fi",
                         "hifi": "hi-fi", "high fidelity": "hi-fi", "high quality": "hi-fi",
                         "studio quality": "hi-fi"},
            MIX_HEADS | SOUND_HEADS | words("quality aesthetic aesthetics feel vibe character texture charm"),
            MIX_HEADS | SOUND_HEADS | _PRONOUNS | words("quality aesthetic")),
    _Manner("fidelity", dict.fromkeys(words("awful terrible horrible"), "lo-fi"), SOUND_HEADS, SOUND_HEADS),
    _Manner("fidelity", {**dict.fromkeys(words("poor bad low inferior awful terrible horrible"), "lo-fi"),
                         **dict.fromkeys(words("high good excellent great"), "hi-fi")},
            _QUALITY, _QUALITY),
    _Manner("noise", {"noisy": "noisy", "hissy": "noisy"},
            MIX_HEADS | SOUND_HEADS | words("track"), MIX_HEADS | SOUND_HEADS | words("track song")),
    # A clean mix is one that is not muddled; a clean recording is one without noise.
    _Manner("noise", {"clean": "clean", "noise free": "clean"}, words("recording audio signal"),
            words("recording audio signal")),
    _Manner("stereo", {"mono": "mono", "monaural": "mono", "monophonic": "mono"},
            MIX_HEADS | SOUND_HEADS | words("signal file track image"),
            MIX_HEADS | SOUND_HEADS | _PRONOUNS | words("signal file track song")),
)  # fmt: skip
_NOT_STEREO = words("system systems player players speakers set lab total")
_STEREO_OWNERS = words("car home portable my his her")
_WIDE = words("wide broad spacious huge expansive immersive widely wider vast generous ample enormous panoramic")
_NARROW = words("narrow tight small limited")
_WIDTHS = _WIDE | _NARROW
_PANNED = words("panned panning")
_LOWS = words("low lows bass sub bottom kick")
_IMAGES = words("soundstage soundfield panorama") | {"sound field", "sound stage", "sonic image"}
_STEREO_NOUNS = words("image imaging field mix width recording spread spectrum panorama placement picture separation")
_JOINERS = words("and but yet or")
_LONGEST_ADJECTIVE = 2
_CALLED = words("described characterised characterized classified")
_NO_SUBJECT = INTENSIFIERS | _CALLED | words("is are can could may might be best")


_FIRST_WORDS = frozenset().union(
    *(first_words(manner.adjectives) for manner in _MANNERS),
    *map(first_words, (PACE_COMPOUNDS, TEMPO_NAMES, PACE_WORDS)),
)


def find_manners(tokens: Sequence[Token]) -> Iterator[Span]:
    """Find every claim about how the music is played or recorded."""
    taken: set[int] = set()
    is_list = not any(token.lower in FINITE_VERBS for token in tokens)
    for i in range(len(tokens)):
        if i in taken or tokens[i].lower not in _FIRST_WORDS:
            continue
        for span in (_pace_compound(tokens, i), *(_manner(tokens, i, manner, is_list) for manner in _MANNERS)):
            if span is not None:
                taken.update(range(span.value_first or i, (span.value_last or i)))
                yield span
                break
    yield from _stereo(tokens)


def _pace_compound(tokens: Sequence[Token], i: int) -> Span | None:
    if tokens[i].lower in TEMPO_NAMES:
        return Span("pace", TEMPO_NAMES[tokens[i].lower], i, i + 1)
    if tokens[i].lower in PACE_WORDS and i + 2 < len(tokens) and tokens[i + 2].gap == "/" and tokens[i + 1].joined:
        return Span("pace", PACE_WORDS[tokens[i].lower], i, i + 1)  # 'a slow 6/8'
    for length in (2, 1):
        phrase = phrase_at(tokens, i, length)
        if phrase in PACE_COMPOUNDS:
            first = _with_intensifiers(tokens, i)
            return Span("pace", PACE_COMPOUNDS[phrase], first, i + length, value_first=i, value_last=i + length)
    return None


def _manner(tokens: Sequence[Token], i: int, manner: _Manner, is_list: bool) -> Span | None:
    for length in range(_LONGEST_ADJECTIVE, 0, -1):
        value = manner.adjectives.get(phrase_at(tokens, i, length))
        if value is None or is_likeness(tokens, i + length) or phrase_at(tokens, i, 2) == "free of":
            continue
        if value == "driving" and i and tokens[i - 1].lower in INSTRUMENT_NAMES:
            continue  # 'a kick driving the strings'
        last = _head_behind(tokens, i, i + length, manner)
        may_be_tag = is_list or _is_behind_label(tokens, i) or (i == 0 and manner.kind == "fidelity")
        if last is None and (
            _is_predicate(tokens, i, manner) or (may_be_tag and _is_tag(tokens, i, i + length, manner))
        ):
            last = i + length
        if last is not None:
            first = _with_intensifiers(tokens, i)
            is_faint = manner.kind in {"dynamics", "loudness", "stereo"} and tokens[first].lower in _HARDLY
            if is_faint or _is_of_part(tokens, i, last, manner):
                return None
            return Span(manner.kind, value, first, last, value_first=i, value_last=i + length)
    return None


def _is_of_part(tokens: Sequence[Token], i: int, last: int, manner: _Manner) -> bool:
    """Return whether a quality of the sound is a part's: 'a tenor with a bright timbre', 'the tone of the guitar'."""
    if manner.kind not in _OF_SOUND or not _TONES & {token.lower for token in tokens[max(0, i - 4) : last]}:
        return False
    if any(token.lower in MIX_HEADS | _OVERALL for token in tokens[max(0, i - _REACH) : last]):
        return False
    if manner.kind == "brightness" and _MOODS & {token.lower for token in tokens[max(0, i - 3) : last]}:
        return True
    near = [token.lower for token in (*tokens[:i], *tokens[last : last + 4])]
    return any(w in INSTRUMENT_NAMES or w in VOICE_NOUNS or w in VOICE_TYPES or w in _OWNERS for w in near)


def _head_behind(tokens: Sequence[Token], i: int, behind: int, manner: _Manner) -> int | None:
    """Return the index behind the noun that an adjective belongs to, over further adjectives; None without one."""
    if behind < len(tokens) and (tokens[behind].lower in NOT_PACE or _is_lone_hyphen(tokens, behind)):
        return None
    # 'Dark and very loud, the master ...': adjectives before the noun phrase that they belong to.
    is_fronted = i <= _REACH and not any(t.lower in PHRASE_BORDERS for t in tokens[:i])
    # In 'a slow, moody piece' and 'slow and heavy, moody rock' more adjectives follow; 'low energy, wide range' and
    # 'even dynamics and swung beats' hold a noun of the adjective's own.
    ends_early = behind < len(tokens) and tokens[behind].joined and tokens[behind].lower not in _JOINERS
    for j in range(behind, min(len(tokens), behind + _REACH)):
        token = tokens[j]
        if any(mark in token.gap for mark in ";:()—") or _begins_anew(tokens, j):
            return None
        if ends_early and ("," in token.gap or tokens[j - 1].lower == "and"):
            return None
        if token.lower == "harmonic":
            return None  # 'a slow harmonic rhythm'
        if phrase_at(tokens, j, 2) in manner.heads:
            return j + 2
        if token.lower in manner.heads:
            return j + 1
        if tokens[i].lower in TEMPO_ONLY and manner.kind == "pace":
            return None
        if token.lower in DETERMINERS and "," in token.gap and is_fronted:
            continue
        if token.lower in PHRASE_BORDERS:
            return None
        if token.lower in INSTRUMENT_NAMES or token.lower in VOICE_NOUNS:
            reach = 3 if phrase_at(tokens, j, 2) in INSTRUMENT_NAMES else 2  # 'drum beat', 'drum machine pulse'
            following = {token.lower for token in tokens[j + 1 : j + reach]}
            if not (manner.over_instruments and following & manner.heads):
                return None
    return None


def _begins_anew(tokens: Sequence[Token], j: int) -> bool:
    """Return whether what goes before ends there: 'moderate dynamics and 128 BPM', 'a moderate range, paced at 120'."""
    word, before = tokens[j].lower, tokens[j - 1].lower
    is_next = before == "and" and (word.isdigit() or word in {"every", "each"})
    return is_next or (word == "paced" and "," in tokens[j].gap)


def _is_lone_hyphen(tokens: Sequence[Token], behind: int) -> bool:
    """Return whether a hyphen ties the adjective to a word that is not an adjective: 'slow-burning', 'fast-food'."""
    return "-" in tokens[behind].gap and tokens[behind].lower not in TEMPO_HEADS | {"moving", "sounding"}


def _is_predicate(tokens: Sequence[Token], i: int, manner: _Manner) -> bool:
    """Return whether the adjective is said of a fitting subject: walk back to 'is' and look at the word before it."""
    if i and tokens[i - 1].lower == "it":  # 'call it fast', 'makes it slow'
        return bool(manner.subjects & _PRONOUNS)
    copula = _copula_before(tokens, i)
    if copula is None:
        return _is_denied_without_verb(tokens, i)
    is_compared = tokens[i - 1].lower == "as" and i - 1 != copula
    if is_compared or (i + 1 < len(tokens) and tokens[i + 1].lower in NOT_PACE):
        return False
    subject = copula - 1
    if tokens[i].lower in TEMPO_ONLY and manner.kind == "pace":  # 'the tempo is high', but 'the song is high fidelity'
        manner = replace(manner, subjects=TEMPO_HEADS)
    while subject > 0 and tokens[subject].lower in _NO_SUBJECT:
        subject -= 1
    if phrase_at(tokens, subject - 2, 3) == "as a whole":
        subject -= 3
    if tokens[subject].lower == "and" and (earlier := _copula_before(tokens, subject)):  # 'is loud and is compressed'
        subject = earlier - 1
    is_being = tokens[copula].lower == "being" and bool(manner.subjects & _PRONOUNS)
    return is_being or (subject >= 0 and _is_subject(tokens, subject, manner))


def _is_subject(tokens: Sequence[Token], i: int, manner: _Manner) -> bool:
    if tokens[i].lower in manner.subjects or tokens[i].lower == "nothing":
        return tokens[max(0, i - 1)].lower != "harmonic"
    return phrase_at(tokens, max(0, i - 1), 2) in manner.subjects


def _copula_before(tokens: Sequence[Token], i: int) -> int | None:
    """Return index of the 'is' that an adjective belongs to, over other adjectives and adverbs; None without one."""
    for j in range(i - 1, max(-1, i - 2 * _REACH), -1):
        word, following = tokens[j].lower, tokens[j + 1].lower
        if word == "as" and j and tokens[j - 1].lower in _CALLED:
            return j
        if word in COPULAS:  # In 'swing feel, low energy' feel is a noun.
            return None if word == "feel" and "," in tokens[j + 1].gap else j
        is_adverbial = following in _AMOUNTS or (word == "of" and tokens[j - 1].lower in {"kind", "sort"})
        stops = word in _STOPPING and not is_adverbial
        if stops or word in INSTRUMENT_NAMES or tokens[j].gap.strip() in {";", ":"}:
            return None
    return None


def _is_denied_without_verb(tokens: Sequence[Token], i: int) -> bool:
    before = tokens[i - 1].lower if i else ""
    pair = (tokens[i - 2].lower if i > 1 else "", before)
    return before == "nothing" or pair in {("anything", "but"), ("from", "being"), ("far", "from"), ("nowhere", "near")}


def _is_behind_label(tokens: Sequence[Token], i: int) -> bool:
    """Return whether an adjective opens what a label heads: 'Production: hi-fi and carefully layered; each ...'."""
    return i > 0 and ":" in tokens[i].gap


def _goes_on(tokens: Sequence[Token], first: int, last: int) -> bool:
    """Return whether a keyword is followed by more of it: 'very slow and holy', 'Sound: lo-fi in a deliberate way'."""
    following = tokens[last].lower
    if _is_behind_label(tokens, first):
        return following == "and" or following in PREPOSITIONS
    return following == "and" and (last + 2 >= len(tokens) or tokens[last + 2].opens_clause)


def _is_tag(tokens: Sequence[Token], i: int, last: int, manner: _Manner) -> bool:
    """Return whether the adjective is an item by itself in a list of keywords: 'female vocal, slow, piano'."""
    first = _with_intensifiers(tokens, i)
    closed = last == len(tokens) or tokens[last].opens_clause or _goes_on(tokens, first, last)
    if manner.kind in {"loudness", "dynamics"}:  # 'Extremely loud and compressed, with a wide top'
        if "dynamic range" in manner.heads:
            return False  # 'wide, modern mix'
        if sum("," in token.gap for token in tokens) > 2 and tokens[first].opens_clause and closed:
            return True
        opens = first == 0 or (tokens[first - 1].lower == "and" and first <= _REACH)
        return opens and len(tokens) > 1 and (closed or tokens[last].lower == "and")
    return (
        manner.kind in {"pace", "fidelity"}
        and len(tokens) > 1
        and closed
        and (first == 0 or tokens[first].opens_clause)
    )


def _with_intensifiers(tokens: Sequence[Token], i: int) -> int:
    while i and tokens[i].joined and (tokens[i - 1].lower in _DEGREES or tokens[i - 1].lower.endswith("ly")):
        i -= 1
    return i


def _is_device(tokens: Sequence[Token], i: int) -> bool:
    """Return whether 'stereo' is what music is played on: 'a car stereo', 'a loud stereo'."""
    before = tokens[i - 1].lower if i else ""
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    if before in _STEREO_OWNERS or (following is not None and following.lower in _NOT_STEREO):
        return True
    return before in {"a", "the", "loud"} and (following is None or following.opens_clause)


def _is_in_mono(tokens: Sequence[Token], i: int) -> bool:
    """Return whether 'mono' stands behind 'in' or 'all', or ends a clause: 'is noisy and mono'."""
    before = tokens[i - 1].lower if i else ""
    ends = i + 1 == len(tokens) or tokens[i + 1].opens_clause
    if not _LOWS.isdisjoint(token.lower for token in tokens[max(0, i - _REACH) : i]):
        return False  # 'the low end stays in mono', as in most stereo mixes
    return before in {"in", "all"} or (ends and (before == "and" or "," in tokens[i].gap))


def _stereo(tokens: Sequence[Token]) -> Iterator[Span]:
    for i, token in enumerate(tokens):
        before = tokens[i - 1].lower if i else ""
        following = tokens[i + 1].lower if i + 1 < len(tokens) else ""
        is_wide = token.lower == "image" and before != "mono" and not _WIDTHS.isdisjoint(_before_image(tokens, i))
        is_image = is_wide or not _IMAGES.isdisjoint((token.lower, f"{before} {token.lower}"))
        if before != "stereo" and (is_image or token.lower in _PANNED or token.lower == "mix"):
            is_spread = token.lower == "panned" and following in {"wide", "widely", "apart"}
            width = "wide" if is_spread else _width(tokens, i, i + 1) or ("stereo" if token.lower == "panned" else None)
            if width and not (token.lower == "mix" and width == "narrow"):
                yield Span("stereo", width, i, i + 1)
        elif token.lower == "stereo" and not _is_device(tokens, i):
            last = i + 2 if following in _STEREO_NOUNS else i + 1
            if not any(token.lower == "mono" for token in tokens[last : last + 3]):
                yield Span("stereo", _width(tokens, i, last) or "stereo", i, last, value_first=i)
        elif token.lower == "mono" and _is_in_mono(tokens, i) and following not in _NOT_STEREO | {"like", "compatible"}:
            yield Span("stereo", "mono", i, i + 1, value_first=i, value_last=i + 1)


def _width(tokens: Sequence[Token], first: int, last: int) -> str | None:
    """Give the width that is said of an image before it, or behind 'is'."""
    said: list[str] = []
    for j in range(last, min(len(tokens), last + 4)):
        if tokens[j].lower in _STOPPING_BUT_COPULAS:
            break
        if tokens[j].lower in COPULAS and not tokens[j].opens_clause:
            said = [token.lower for token in tokens[j + 1 : j + 4]]
            break
    # What is said behind 'is' is surely of the image; what stands before it may be of something else.
    words_near = (*said, *_before_image(tokens, first))
    return next(("wide" if word in _WIDE else "narrow" for word in words_near if word in _WIDE | _NARROW), None)


def _before_image(tokens: Sequence[Token], first: int) -> Iterator[str]:
    """Yield the words before an image, the nearest first, as far as they may be its adjectives."""
    for j in range(first - 1, max(first - 4, -1), -1):
        word = tokens[j].lower
        # A comma parts adjectives ('a wide, lush stereo image') or things ('wide dynamics, narrow stereo').
        if word in _STOPPING or not (tokens[j + 1].joined or word in _WIDE | _NARROW):
            return
        yield word
