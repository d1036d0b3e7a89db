"""Facts that a sidecar states in a field of its own (tempo, key, metre, instrumental or not), put as a plain claim.

Spellings of such fields belong here; whether a claim is true does not.
"""

from __future__ import annotations

import math
import re
from typing import Literal, get_args

FactField = Literal["bpm", "key", "signature", "is_instrumental"]
FACT_FIELDS: tuple[FactField, ...] = get_args(FactField)

_BPM = re.compile(r"(\d{1,4}(?:[.,]\d{1,12})?)\s*(?:bpm)?", re.IGNORECASE)
_SLOWEST_BPM, _FASTEST_BPM = 10.0, 1000.0
_KEY = re.compile(
    r"(?P<tonic>[A-Ga-g])\s?(?P<sign>#|♯|b|♭|sharp|flat)?[ _:-]?"
    r"(?P<mode>major|minor|maj|min|m|dorian|phrygian|lydian|mixolydian|aeolian|locrian|ionian)?",
    re.IGNORECASE,
)
_SIGNS = {"#": "#", "♯": "#", "sharp": "#", "b": "b", "♭": "b", "flat": "b"}
_MODES = {"maj": "major", "min": "minor"}
_METRE = re.compile(r"(\d{1,2})\s?[/:]\s?(\d{1,2})")
# ACE-Step and Side-Step write the upper number alone; 6 is 6/8 there.
_METRES = {"2": "2/4", "3": "3/4", "4": "4/4", "6": "6/8"}
_TRUE = frozenset({"true", "yes", "1", "on", "instrumental"})
_FALSE = frozenset({"false", "no", "0", "off", "vocal", "vocals"})
# What stands for lyrics where there are none, or where nobody knows them.
_INSTRUMENTAL_MARKS = frozenset({"instrumental", "inst", "instrumental track", "no lyrics", "no vocals"})
_UNKNOWN_MARKS = frozenset({"vocals", "vocal", "unknown", "none", "n/a"})


def claim_of(field: FactField, text: str) -> str | None:
    """Put a fact as a claim in words that the checker of claims reads; None where the text states none.

    '128' becomes '128 BPM', 'F#m' 'in F# minor', '6' 'in 6/8 time', 'true' 'instrumental'.
    """
    said = " ".join(text.split())
    match field:
        case "bpm":
            return _tempo(said)
        case "key":
            return _key(said)
        case "signature":
            return _metre(said)
        case "is_instrumental":
            return "instrumental" if said.lower() in _TRUE else "with vocals" if said.lower() in _FALSE else None


def is_no_words(lyrics: str) -> bool:
    """Tell whether lyrics are only a mark that nobody sings, or that the words are not known."""
    return says_instrumental(lyrics) or _mark(lyrics) in {"", *_UNKNOWN_MARKS}


def says_instrumental(lyrics: str) -> bool:
    """Tell whether lyrics are only a mark that nobody sings, such as ``[Instrumental]``."""
    return _mark(lyrics) in _INSTRUMENTAL_MARKS


def _mark(lyrics: str) -> str:
    return lyrics.strip().strip("[]()<>{}").strip().lower()


def _tempo(said: str) -> str | None:
    match = _BPM.fullmatch(said)
    bpm = float(match[1].replace(",", ".")) if match else math.nan
    return f"{round(bpm, 3):g} BPM" if _SLOWEST_BPM <= bpm <= _FASTEST_BPM else None


def _key(said: str) -> str | None:
    match = _KEY.fullmatch(said)
    if match is None:
        return None
    tonic = match["tonic"].upper() + _SIGNS.get((match["sign"] or "").lower(), "")
    mode = match["mode"]
    if not mode:
        return f"in the key of {tonic}"
    # Only the case of the letter tells CM from Cm.
    name = {"M": "major", "m": "minor"}.get(mode) or _MODES.get(mode.lower(), mode.lower())
    return f"in {tonic} {name}"


def _metre(said: str) -> str | None:
    match = _METRE.fullmatch(said)
    written = f"{int(match[1])}/{int(match[2])}" if match else _METRES.get(said)
    return f"in {written} time" if written else None
