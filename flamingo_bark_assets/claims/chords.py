"""Chords that a text names, told apart from keys: lists of symbols or names, and a name before the word chord.

How chords are written belongs here; keys stand in `numbers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flamingo_bark_assets.claims.numbers import KEY, Figure, mode_of, note_of

_ABOUT_CHORDS = re.compile(
    r"\b(?:chords?|progressions?|harmon(?:y|ies|ic|ically)|loops?|cycl(?:es?|ing)|vamps?|changes)\b", re.IGNORECASE
)
_CHORD_WORD = re.compile(r"\b(?:chords?|progressions?)\b", re.IGNORECASE)
_SYMBOL = (
    r"(?P<tonic>[A-G])(?P<sign>#|♯|♭|b)?(?P<quality>maj(?:or)?|min(?:or)?|m|dim|aug|sus[24]?|°|\+)?(?:add)?"
    r"(?:maj)?(?:2|4|6|7|9|11|13)?(?:/[A-G][#b♯♭]?)?(?![\w#♯♭])"
)
_SYMBOLS = re.compile(_SYMBOL)
_BETWEEN = r"(?:\s*(?:,|-|–|—|→|>|\||&)\s*(?:and |then )?|\s+(?:and|to|then)\s+)"
_UNNAMED = re.sub("[?]P<[a-z]+>", "?:", _SYMBOL)
_LISTS = re.compile(rf"(?<![\w#♯♭'.]){_UNNAMED}(?:{_BETWEEN}{_UNNAMED})+")
# One chord for all of the song.
_ONLY = re.compile(rf"(?<=is ){_UNNAMED}(?=\.?$)")
_QUALITIES = {"m": "minor", "min": "minor", "minor": "minor", "dim": "diminished", "°": "diminished",
              "aug": "augmented", "+": "augmented"}  # fmt: skip
# A named chord may have a seventh behind it: 'F# minor seventh'.
_LISTED = re.compile(
    r"(?:\s+(?:seventh|sixth|ninth|triad)s?)?\s*(?:,|&|/|-|–|→|\band\b|\bto\b)\s*(?:and\s+|then\s+)?",
    re.IGNORECASE,
)
_PLAYED = re.compile(r"\b(?:play(?:s|ing|ed)?|mainly|mostly|between|cycl(?:es|ing) through|over)\s*$", re.IGNORECASE)
_CHORD_LIST = 3
_BEHIND = re.compile(r"\s+(?:seventh |sixth |ninth )?chords?\b", re.IGNORECASE)
_AS_KEY = re.compile(r"\s+as (?:its|the) key\b", re.IGNORECASE)
_IN_KEY = re.compile(
    r"\b(?:in|key(?: of| is|:)?|tonality(?: of)?|tonal cent(?:re|er)(?: of| is|:)?|harmony is|around|rooted in)\s*$",
    re.IGNORECASE,
)


def find_chords(text: str, start: int, end: int) -> list[Figure]:
    """Find the chords that one sentence names, as major, minor, diminished or augmented triads."""
    if not any(letter in text[start:end] for letter in "ABCDEFG"):
        return []
    found = list(_named(text, start, end))
    if _ABOUT_CHORDS.search(text, start, end):
        found += _symbols(text, start, end)
    return found


def _symbols(text: str, start: int, end: int) -> Iterator[Figure]:
    for listed in (*_LISTS.finditer(text, start, end), *_ONLY.finditer(text, start, end)):
        for match in _SYMBOLS.finditer(text, listed.start(), listed.end()):
            name = f"{note_of(match)} {_QUALITIES.get(match['quality'] or '', 'major')}"
            yield Figure("chord", name, match.start(), match.end(), match.start(), match.end())


def _named(text: str, start: int, end: int) -> Iterator[Figure]:
    """Find names of keys that are chords: three in a row, two that are played, or by the word chord."""
    matches = [m for m in KEY.finditer(text, start, end) if m["tonic"].isupper()]
    runs: list[list[re.Match[str]]] = []
    for match in matches:
        if runs and _LISTED.fullmatch(text, runs[-1][-1].end("mode"), match.start()):
            runs[-1].append(match)
        else:
            runs.append([match])
    for run in runs:
        before = text[start : run[0].start()]
        is_key = bool(_IN_KEY.search(before)) or bool(_AS_KEY.match(text, run[-1].end("mode"), end))
        is_list = len(run) >= _CHORD_LIST or (len(run) > 1 and bool(_PLAYED.search(before)))
        is_said = bool(_CHORD_WORD.search(before)) and not is_key
        is_named = bool(_BEHIND.match(text, run[-1].end("mode"), end))
        if is_named or is_said or (is_list and not is_key):
            for match in run:
                stop = match.end("mode")
                yield Figure("chord", f"{note_of(match)} {mode_of(match)}", match.start(), stop, match.start(), stop)
