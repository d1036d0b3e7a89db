"""Which of the four kinds a stem's file name says: the vocabulary and how names are taken apart.

Words belong here; files do not.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from flamingo_bark_assets.library.ids import latin

if TYPE_CHECKING:
    from flamingo_bark_assets.library.layout import StemKind

_WORDS: dict[StemKind, str] = {
    "drums": "drum drums drumkit drumset drumloop percussion percussions percussive perc percs kit beat "
    "beats kick kicks snare snares hihat hihats hats cymbal cymbals toms shaker shakers tambourine conga "
    "congas bongos cajon cowbell djembe tabla",
    "bass": "bass basses bassline basslines bassguitar sub subs subbass contrabass",
    "vocals": "vocal vocals vox voxes voice voices leadvocal leadvocals leadvox backingvocal backingvocals "
    "backvocals bgv bgvs singing singer choir choirs acapella acappella cappella rap adlib adlibs",
    "harmonic": "harmonic harmonics other others guitar guitars gtr gtrs piano pianos epiano keys keyboard "
    "keyboards strings string synth synths synthesizer synthesizers synthesiser organ organs pad pads brass "
    "woodwind woodwinds chord chords melody melodies melodic accompaniment instrumental instrumentals violin "
    "violins viola violas cello cellos flute flutes sax saxophone saxophones trumpet trumpets trombone "
    "trombones clarinet oboe bassoon harp accordion ukulele banjo mandolin rhodes wurlitzer marimba "
    "vibraphone arp arps arpeggio orchestra",
}
_KIND_OF_WORD: dict[str, StemKind] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
# Two words that mean something else together than each for itself.
_KIND_OF_PAIR: dict[tuple[str, str], StemKind] = {
    ("bass", "guitar"): "bass",
    ("bass", "gtr"): "bass",
    ("bass", "synth"): "bass",
    ("bass", "keys"): "bass",
    ("synth", "bass"): "bass",
    ("string", "bass"): "bass",
    ("bass", "drum"): "drums",
    ("hi", "hat"): "drums",
    ("bass", "clarinet"): "harmonic",
    ("bass", "flute"): "harmonic",
    ("bass", "trombone"): "harmonic",
    ("steel", "drum"): "harmonic",
    ("steel", "drums"): "harmonic",
    # What separators call everything but the voice.
    ("no", "vocal"): "harmonic",
    ("no", "vocals"): "harmonic",
    ("no", "vox"): "harmonic",
    ("without", "vocals"): "harmonic",
    ("minus", "vocals"): "harmonic",
}
_NEGATIONS = frozenset({"no", "non", "not", "without", "minus", "sans"})
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+")


def kinds_in(name: str) -> tuple[StemKind, ...]:
    """Find the kinds that a stem's file name says.

    Args:
        name: the file name without its ending, in its own letters' case ("01 - LeadVocals").

    Returns:
        Each kind once, sorted; empty where no word of the name says one. A word that is negated ("no drums")
        says none.
    """
    return tuple(sorted(_kinds_of(_WORD.findall(latin(name))) | _kinds_of(_words_by_hump(name))))


def _words_by_hump(name: str) -> list[str]:
    return _WORD.findall(latin(_HUMP.sub(" ", name)))


def _kinds_of(words: list[str]) -> set[StemKind]:
    kinds: set[StemKind] = set()
    used = False
    for word, following in pairwise([*words, ""]):
        if used:
            used = False
        elif kind := _KIND_OF_PAIR.get((word, following)):
            kinds.add(kind)
            used = True
        elif word in _NEGATIONS and following in _KIND_OF_WORD:
            used = True
        elif kind := _KIND_OF_WORD.get(word):
            kinds.add(kind)
    return kinds
