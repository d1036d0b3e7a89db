"""Names of notes and keys as numbers, and how musicians spell keys, and in a key its notes and chords.

Places on the line of fifths belong here, of which all else follows; which key a song is in does not.
"""

from __future__ import annotations

import functools
import re
from typing import Literal

Mode = Literal["major", "minor"]

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
"""The twelve pitch classes by their number, named with sharps as where no key says otherwise."""

# The naturals as they lie on the line of fifths, F first: each step to the right is a fifth up, seven are a sharp.
_LETTERS = "FCGDAEB"
_SIGNS = {"#": 1, "♯": 1, "b": -1, "♭": -1}
_WITH_OCTAVE = re.compile(r"(?P<name>[A-G][#b♯♭]*)(?P<octave>-?\d+)")
_KEY = re.compile(r"(?P<tonic>[A-G][#b♯♭]*) (?P<mode>major|minor)")
_ROOT = re.compile(r"(?P<root>[A-G][#b♯♭]*)(?P<colon>:)(?P<quality>\w+)")
# A minor key has the signature of the major key three fifths to the left: A minor that of C major.
_MINOR_FIFTHS = 3
# Outside the key the harmonic chromatic scale is written: from the lowered second, five fifths below the tonic, to the
# raised fourth, six above it (Prout, Harmony: its Theory and Practice, 1889).
_LOWERED_SECOND = -5
_LEADING_TONE = 5
_TRITONE = 6
# A note outside the key is a natural rather than Cb or Fb, E# or B#, or one with two signs: from Gb to A#.
_FLATTEST, _SHARPEST = -6, 10
# The leading tone of F# and C# minor is E# and B# all the same; that of G# minor, F##, is not written.
_SHARPEST_LEADING_TONE = 12
# Chords whose fifth is diminished lead on, a semitone up: C#:dim7 to D:min.
_LEADING = re.compile(r"h?dim")


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
    return _signature(_fifths(tonic), mode)


@functools.cache
def key_name(key: str) -> str | None:
    """Spell a key, of any spelling, with the fewest accidentals: 'Bb major' for 'A# major'; None for what is no key.

    Of two spellings with six each, the usual ones are taken, as printed circles of fifths and lead sheets have them: F#
    major and Eb minor, not Gb major and D# minor.
    """
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    mode = _mode(match["mode"])
    sharper = _fifths(match["tonic"]) % 12  # From C to E#; twelve fifths to the left is the same pitch, with flats.
    usual_first = (sharper, sharper - 12) if mode == "major" else (sharper - 12, sharper)
    return f"{_named(min(usual_first, key=lambda tonic: abs(_signature(tonic, mode))))} {mode}"


@functools.cache
def spelled_notes(tonic: str, mode: Mode) -> tuple[str, ...]:
    """Return the names of the twelve pitch classes from C on, as a key spells them.

    Its own notes are those of its signature, each letter once; the others follow the harmonic chromatic scale: Bb and
    F# in C major, C# in D minor.
    """
    return tuple(_named(place) for place in _spelled(tonic, mode))


def chord_in_key(label: str, key: str | None) -> str:
    """Spell the root of a chord in Harte syntax as in `key`, for instance 'Eb:maj7' for 'D#:maj7' in Bb major.

    A chord with a diminished fifth outside the key is named as the leading tone that it is: C#:dim7 in C major, where
    major chords on that note are Db. Other chords on the tritone of a minor key stand on its lowered fifth: Bb:5 in E
    minor. Without a key a chord is spelled as a key of its own would be: Bb:maj, but G#:min.
    What has no root, as N, stays.
    """
    match = _ROOT.match(label)
    if match is None:
        return label
    return f"{chord_root(match['root'], match['quality'], key)}{label[match.end('root') :]}"


@functools.cache
def chord_root(root: str, quality: str, key: str | None) -> str:
    """Spell the root of a chord as `chord_in_key` does; `quality` is that of Harte syntax."""
    spelled = key_name(key) if key else None
    if spelled is None:
        own = key_name(f"{root} {'minor' if quality.startswith(('min', 'dim', 'hdim')) else 'major'}")
        return own.split()[0] if own else root
    tonic, mode = spelled.split()
    places = _spelled(tonic, _mode(mode))
    number = pitch_class(root)
    place = places[number]
    if place in _own(tonic, _mode(mode)):
        return _named(place)
    if _LEADING.match(quality):
        return _named(_plain(places[(number - 1) % 12] + 7, _SHARPEST_LEADING_TONE))
    if mode == "minor" and place == _fifths(tonic) + _TRITONE:
        place -= 12
    return _named(_plain(place, _SHARPEST))


def _mode(word: str) -> Mode:
    return "major" if word == "major" else "minor"


def _signature(tonic: int, mode: Mode) -> int:
    return tonic - (_MINOR_FIFTHS if mode == "minor" else 0)


def _own(tonic: str, mode: Mode) -> range:
    """Return the places of a key's own seven notes: the first is a fifth below the tonic of its major key."""
    sharps = signature(tonic, mode)
    return range(sharps - 1, sharps + 6)


def _spelled(tonic: str, mode: Mode) -> list[int]:
    """Return the places of the twelve pitch classes from C on, as a key spells them."""
    own, first = _own(tonic, mode), _fifths(tonic) + _LOWERED_SECOND
    leading = _fifths(tonic) + _LEADING_TONE if mode == "minor" else None
    places = {7 * place % 12: place for place in own}
    for place in range(first, first + 12):
        highest = _SHARPEST_LEADING_TONE if place == leading else _SHARPEST
        places.setdefault(7 * place % 12, _plain(place, highest))
    return [places[number] for number in range(12)]


def _plain(place: int, sharpest: int) -> int:
    """Return the place of the same pitch that is written with fewer signs, where it is beyond what is usual."""
    while place < _FLATTEST:
        place += 12
    while place > sharpest:
        place -= 12
    return place


def _fifths(note: str) -> int:
    """Return the place of a note on the line of fifths, C at 0."""
    return _LETTERS.index(note[0]) - 1 + 7 * sum(_SIGNS[sign] for sign in note[1:])


def _named(fifths: int) -> str:
    signs, letter = divmod(fifths + 1, 7)
    return _LETTERS[letter] + ("#" * signs if signs > 0 else "b" * -signs)


KEYS: tuple[str, ...] = tuple(
    key_name(f"{tonic} {mode}") or "" for mode in ("major", "minor") for tonic in PITCH_CLASSES
)
"""The 24 keys as they are spelled: the major ones from C on, then the minor ones."""
