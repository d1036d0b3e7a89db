"""Tempo in numbers, key, metre and duration: claims that have a written form of their own.

Patterns for figures and keys belong here; chords stand in `chords`, claims made by words in `mentions` and `manner`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from flamingo_bark_assets.claims.model import ClaimKind

_NUMBER = r"\d{1,4}(?:\.\d{1,3})?"
# "and" makes a range only behind "between": "the tempo is 120 and 4 guitars play".
_RANGE = (
    rf"(?P<between>(?:somewhere )?between )?(?P<low>{_NUMBER})"
    rf"(?:(?:\s?(?:-|–|—)\s?| to |(?(between) and |(?!)))(?P<high>{_NUMBER}))?"
)
_UNIT = r"(?:bpm\b|b\.p\.m\.?|beats[ -](?:per|a|/)[ -]?min(?:ute)?\b)"
_BOUND = r"(?:(?P<bound>over|above|under|below|more than|less than|at least|at most|up to|faster than|slower than) )?"
_ABOUT = (
    r"(?:(?:of|is|being|at|around|about|roughly|approximately|approx\.?|nearly|almost|circa|ca\.|from|sits|hovers|lies|stays|"
    r"somewhere|:|=)\s?)"
)
_TEMPO_BEHIND = re.compile(rf"(?<![\w.,/]){_BOUND}{_RANGE}(?:-?ish)?[\s-]?{_UNIT}", re.IGNORECASE)
_TEMPO_BEFORE = re.compile(
    rf"\b(?:tempo|bpm|speed)\b[\s:=]{{0,3}}{_ABOUT}{{0,4}}{_BOUND}{_RANGE}(?![\w%/]|\.\d|,\d)(?:[\s-]?{_UNIT})?",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_LOWER = frozenset({"over", "above", "more than", "at least", "faster than"})

_TONIC = r"(?P<tonic>[A-Ga-g])(?:\s?(?P<sign>#|♯|♭|b(?![a-z])|[ -]?(?:sharp|flat)\b))?"
_MODE = (
    r"(?P<mode>major|minor|maj\b|min\b|dorian|phrygian|lydian|mixolydian|aeolian|locrian|ionian"
    r"|(?:natural|harmonic|melodic)[ -]minor)"
)
KEY = re.compile(rf"(?<![\w#♯♭'’.-]){_TONIC}[ -]?{_MODE}(?![\w-])(?P<behind>\s+[a-z]+)?", re.IGNORECASE)
_KEY_OF = re.compile(
    r"\b(?i:key)(?: of (?:this|the) (?:song|piece|music))?(?:(?:\s+of|\s+is|:)\s+|\s+(?=[A-G]))(?P<tonic>[A-Gb-g])"
    r"(?:(?P<sign>#|♯|♭|b|[ -](?:sharp|flat)))?(?P<mode>m)?(?=\s*(?:[.,;:!?)|]|$|and\b|with\b|at\b|is\b))"
)
_IN_TONIC = re.compile(
    r"\bin (?P<tonic>[A-G])(?P<sign>#|♯|♭|b|[ -](?:sharp|flat))?(?=[.:;!?)]|, (?!the\b)|$| (?:with|at)\b)"
)
# A keyword by itself beside a tempo: 'techno, 128 bpm, F#m, dark'.
_LISTED_KEY = re.compile(r"(?:(?<=[,;|#] )|(?<=[,;|#]))(?P<tonic>[A-G])(?P<sign>#|♯|♭|b)?m(?:in)?(?=\s*(?:[,;|]|\.?$))")
_LISTS_TEMPO = re.compile(r"(?:^|[,;|])\s*\d{2,3} ?bpm\b", re.IGNORECASE)
_MODE_ONLY = re.compile(
    r"(?<![\w#♯♭])(?P<mode>major|minor)[ -](?P<noun>key|tonality|mode|scale)\b"
    r"(?!\s+(?:change|element|point|part|role))",
    re.IGNORECASE,
)
_BEFORE_KEY_A = re.compile(r"(?:\b(?:in|of|is|to|from|into|around|key)|[:;,(=]|^)\s*$", re.IGNORECASE)
_BEHIND_KEY_A = frozenset({"key", "scale", "tonality", "at", "with", "and", "but", "tempo", "on", "is", "throughout"})
_NOT_BEHIND_KEY = frozenset(
    {
        "chord", "chords", "third", "thirds", "sixth", "sixths", "seventh", "triad", "triads", "arpeggio", "arpeggios",
        "influence", "label", "details", "issue", "hits", "interval", "league", "second", "edits", "progression",
    }
)  # fmt: skip
_METRES = frozenset(
    f"{beats}/{unit}"
    for unit, counts in {2: (2, 3), 4: range(2, 8), 8: (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15), 16: (7, 15)}.items()
    for beats in counts
)
_METRE = re.compile(r"(?<![\w/.,])(?P<metre>\d{1,2}/\d{1,2})(?![\d/])(?P<behind>[ -][a-z]+)?", re.IGNORECASE)
_NOT_BEHIND_METRE = frozenset({"of", "stars", "inch", "note", "notes", "cup", "full", "empty", "length", "way", "the"})
_COUNTED = r"[ -](?:time|metre|meter|feel|signature|beat|rhythm|pulse|groove|waltz)\b"
_METRE_WORDS = re.compile(
    r"\b(?:(?P<count>two|three|four|five|six|seven|nine|twelve|"
    rf"(?:[2-79]|12)(?=-[48]{_COUNTED}))(?:-|[ -](?=\w+{_COUNTED}))(?P<unit>two|four|eight|[48])\b"
    r"|(?P<name>common|cut|waltz)[ -](?:time|metre|meter|rhythm|feel|beat)\b"
    r"|(?P<kind>triple|duple|quadruple|compound|odd)[ -](?:time|metre|meter)\b"
    r"|\b(?:time|metre|meter) is (?P<told>triple|duple|quadruple|compound)\b"
    r"|(?<=in )(?P<in>three)(?=[,.;]|$)|(?<=in )(?P<beat>two|three|four|five|six|twelve) (?P<of>four|eight)\b(?!-)"
    r"|\b(?:counts? (?:to|of|in)|beats? is(?= \d\b)) (?P<beats>[2-7]|two|three|four|five|six|seven)\b(?!/)"
    r"|(?P<bar>[2-7]|two|three|four|five|six|seven)[ -]beats? (?:per|to the|to a|in a|in each|a) (?:bar|measure)\b)",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"(?<![\w.,/])(?:(?P<clock_min>\d{1,2}):(?P<clock_s>[0-5]\d)(?!\d)(?: ?(?:minutes|min)\b)?"
    r"|(?:(?P<minutes>\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten)(?P<half> and a half)?[ -]?"
    r"(?:minutes?|min)\b(?:,? (?:and )?(?=\d))?)?(?:(?P<seconds>\d{1,4}(?:\.\d+)?)[ -]?"
    r"(?:seconds?|secs?|s)\b)?)",
    re.IGNORECASE,
)
_IS_LENGTH = re.compile(
    r"[ -](?:long|running time|run ?time|in length|in duration|in total|altogether|clip|excerpt|recording|track|song|"
    r"piece|audio|sample|snippet)\b",
    re.IGNORECASE,
)
_SURELY_DURATION = re.compile(
    r"(?<![-\w])(?:duration|length|lasts|(?<!the )(?<!its )last|lasting|runs? for|running time|runtime|"
    r"total of|(?:song|track|piece|clip|excerpt|audio|music|recording) of)\W+(?:\w+\W+){0,6}$",
    re.IGNORECASE,
)
_SHORTEST_S = 3.0
"""What is said to be shorter is a note, a delay or a fade, and no music."""
_COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
           "twelve": 12}  # fmt: skip
_NAMED_METRES = {"common": "4/4", "cut": "2/2", "waltz": "3/4"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A claim with a written form, not yet placed in its sentence; offsets are those of the text."""

    kind: ClaimKind
    value: str
    start: int
    end: int
    value_start: int
    value_end: int
    numbers: tuple[float, float] | None = None


def find_figures(text: str, start: int, end: int) -> list[Figure]:
    """Find tempo numbers, keys, metres and durations in one sentence, in their order, without overlap."""
    found = [*_keys(text, start, end), *_metre_words(text, start, end), *_durations(text, start, end)]
    if _DIGIT.search(text, start, end):
        found += [*_tempos(text, start, end), *_metres(text, start, end)]
    kept: list[Figure] = []
    for figure in sorted(found, key=lambda f: (f.start, -f.end)):
        if not kept or figure.start >= kept[-1].end:
            kept.append(figure)
    return kept


def _tempos(text: str, start: int, end: int) -> Iterator[Figure]:
    for pattern in (_TEMPO_BEHIND, _TEMPO_BEFORE):
        for match in pattern.finditer(text, start, end):
            yield _tempo(match)


def _tempo(match: re.Match[str]) -> Figure:
    low = float(match["low"])
    high = float(match["high"]) if match["high"] else low
    bound = (match["bound"] or "").lower()
    value_start = match.start("between") if match["between"] else match.start("low")
    value_end = match.end("high") if match["high"] else match.end("low")
    if bound and not match["high"]:
        value_start = match.start("bound")
        numbers = (low, math.inf) if bound in _LOWER else (-math.inf, low)
        value = f"{'over' if bound in _LOWER else 'under'} {low:g}"
    else:
        numbers = (min(low, high), max(low, high))
        value = f"{low:g} to {high:g}" if match["high"] else f"{low:g}"
    return Figure("tempo", value, match.start(), match.end(), value_start, value_end, numbers)


def _keys(text: str, start: int, end: int) -> Iterator[Figure]:
    for match in KEY.finditer(text, start, end):
        if _is_key(text, start, end, match):
            stop = match.end("mode")
            yield Figure("key", f"{note_of(match)} {mode_of(match)}", match.start(), stop, match.start("tonic"), stop)
    for match in _KEY_OF.finditer(text, start, end):
        value = f"{note_of(match)} minor" if match["mode"] else note_of(match)
        yield Figure("key", value, match.start(), match.end(), match.start("tonic"), match.end())
    for match in _LISTED_KEY.finditer(text, start, end) if _LISTS_TEMPO.search(text, start, end) else ():
        yield Figure("key", f"{note_of(match)} minor", match.start(), match.end(), match.start(), match.end())
    for match in _IN_TONIC.finditer(text, start, end):
        yield Figure("key", note_of(match), match.start(), match.end(), match.start("tonic"), match.end())
    for match in _MODE_ONLY.finditer(text, start, end):
        yield Figure("key", match["mode"].lower(), match.start(), match.end(), match.start("mode"), match.end("mode"))


def mode_of(match: re.Match[str]) -> str:
    """Give the mode of a key in full."""
    mode = match["mode"].lower().replace("-", " ")
    return {"maj": "major", "min": "minor"}.get(mode, mode.split()[-1])


def note_of(match: re.Match[str]) -> str:
    """Give the tonic of a key as a letter with # or b."""
    sign = (match["sign"] or "").strip(" -").lower()
    return match["tonic"].upper() + {"sharp": "#", "♯": "#", "flat": "b", "♭": "b"}.get(sign, sign)


def _is_key(text: str, start: int, end: int, match: re.Match[str]) -> bool:
    """Return whether a note and mode name a key: 'a major influence', 'C major chord' and 'Studio B, minor' do not."""
    behind = (match["behind"] or "").strip().lower()
    if behind in _NOT_BEHIND_KEY:
        return False
    if match["tonic"] not in "Aa" or match["sign"]:
        return match["tonic"].isupper() or bool(
            _BEFORE_KEY_A.search(text[max(start, match.start() - 12) : match.start()])
        )
    before = text[max(start, match.start() - 12) : match.start()]
    if not _BEFORE_KEY_A.search(before):
        return False
    opens = not before.strip()
    if match["tonic"] == "A" and before.rstrip()[-1:].isalpha():
        return True  # within a sentence a capital is no article
    if match["tonic"] == "a" or opens:
        ends = not behind and not re.match(r"\s*[\w#]", text[match.end("mode") : end])
        return ends or (behind in _BEHIND_KEY_A - {"key", "scale", "tonality"} and not opens)
    return not behind or behind in _BEHIND_KEY_A


def _metres(text: str, start: int, end: int) -> Iterator[Figure]:
    for match in _METRE.finditer(text, start, end):
        behind = (match["behind"] or "").strip(" -").lower()
        if match["metre"] in _METRES and behind not in _NOT_BEHIND_METRE:
            yield _metre(match, match["metre"], match.end("metre"))


def _metre_words(text: str, start: int, end: int) -> Iterator[Figure]:
    for match in _METRE_WORDS.finditer(text, start, end):
        if count := match["count"] or match["beat"]:
            unit_word = match["unit"] or match["of"]
            beats, unit = (_COUNTS.get(word, word) for word in (count.lower(), unit_word.lower()))
            yield _metre(match, f"{beats}/{unit}", match.end())
        elif beats := match["beats"] or match["bar"]:
            yield _metre(match, f"{_COUNTS.get(beats.lower(), beats)}/4", match.end())
        elif match["name"]:
            yield _metre(match, _NAMED_METRES[match["name"].lower()], match.end())
        else:
            yield _metre(match, "triple" if match["in"] else (match["kind"] or match["told"]).lower(), match.end())


def _metre(match: re.Match[str], value: str, end: int) -> Figure:
    return Figure("metre", value, match.start(), end, match.start(), end)


def _durations(text: str, start: int, end: int) -> Iterator[Figure]:
    """Find how long the music is said to be; a time at which something happens is none."""
    for match in _DURATION.finditer(text, start, end):
        if not match.group():
            continue
        is_said = _SURELY_DURATION.search(text[max(start, match.start() - 60) : match.start()])
        if not is_said and not _IS_LENGTH.match(text, match.end(), end):
            continue
        said = (match["clock_min"] or match["minutes"] or "0").lower()
        minutes = float(_COUNTS.get(said, said)) + (0.5 if match["half"] else 0.0)
        seconds = 60 * minutes + float(match["clock_s"] or match["seconds"] or 0)
        if seconds < _SHORTEST_S:
            continue
        yield Figure("duration", f"{seconds:g}", match.start(), match.end(), match.start(), match.end(),
                     (seconds, seconds))  # fmt: skip
