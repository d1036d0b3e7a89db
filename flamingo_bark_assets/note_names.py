"""Names of notes and keys as numbers, and how a key spells its notes.

Places on the line of fifths belong here, of which all else follows; which key a song is in does not.
"""

from __future__ import annotations

import functools
import re
from typing import Literal

Mode = Literal["major", "minor"]

# The naturals as they lie on the line of fifths, F first: each step to the right is a fifth up, seven are a sharp.
_LETTERS = "FCGDAEB"
_SIGNS = {"#": 1, "♯": 1, "b": -1, "♭": -1}
_WITH_OCTAVE = re.compile(r"(?P<name>[A-G][#b♯♭]*)(?P<octave>-?\d+)")
# A minor key has the signature of the major key three fifths to the left: A minor that of C major.
_MINOR_FIFTHS = 3
# A key names seven notes, the first a fifth below its major tonic; the other five are named as in C major, from F to
# A#, or with flats as in F major, from Gb to B, as far as the key's own notes leave them there.
_FIRST_OF_SHARPS, _FIRST_OF_FLATS = -1, -6


def pitch_class(note: str) -> int:
    """Return the number of a note from C, 0 to 11: 10 for 'Bb' and 'A#'."""
    return 7 * _fifths(note) % 12


def midi_number(note: str) -> int:
    """Return the MIDI number of a note with its octave, which is that of the letter: 60 for 'C4', 59 for 'Cb4'.

    Raises:
        ValueError: it is no note with an octave.
    """
    match = _WITH_OCTAVE.fullmatch(note)
    if match is None:
        raise ValueError(f"{note!r} is no note with an octave, such as 'Bb3'")
    natural = pitch_class(match["name"][0])
    return 12 * (int(match["octave"]) + 1) + natural + sum(_SIGNS[sign] for sign in match["name"][1:])


def signature(tonic: str, mode: Mode) -> int:
    """Return how many sharps a key has; flats count below zero: -3 for C minor."""
    return _fifths(tonic) - (_MINOR_FIFTHS if mode == "minor" else 0)


@functools.cache
def spelled_notes(tonic: str, mode: Mode) -> tuple[str, ...]:
    """Return the names of the twelve pitch classes from C on, as a key spells them."""
    sharps = signature(tonic, mode)
    first = max(_FIRST_OF_SHARPS, sharps - 6) if sharps >= 0 else min(_FIRST_OF_FLATS, sharps - 1)
    return tuple(sorted(map(_named, range(first, first + 12)), key=pitch_class))


def _fifths(note: str) -> int:
    """Return the place of a note on the line of fifths, C at 0."""
    return _LETTERS.index(note[0]) - 1 + 7 * sum(_SIGNS[sign] for sign in note[1:])


def _named(fifths: int) -> str:
    signs, letter = divmod(fifths + 1, 7)
    return _LETTERS[letter] + ("#" * signs if signs > 0 else "b" * -signs)
