"""How a number becomes a word or a rounded figure: one table of thresholds with their sources.

Thresholds, rounding, note and chord names belong here; whole sentences do not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flamingo_bark_assets.note_names import PITCH_CLASSES, Mode, chord_root, spelled_notes


@dataclass(frozen=True, slots=True)
class Scale:
    """Words for the ranges of a quantity.

    Attributes:
        quantity: what is measured, with its unit.
        source: where the limits come from; "own choice" where no standard gives any.
        steps: pairs of upper limit (exclusive) and word, rising; the last limit is infinite.
    """

    quantity: str
    source: str
    steps: tuple[tuple[float, str], ...]

    def word(self, value: float) -> str:
        """Give the word for a finite value."""
        return next(word for limit, word in self.steps if value < limit)


def scale(quantity: str, source: str, *words_and_limits: str | float) -> Scale:
    """Make a scale of words and the limits between them, in turn; '' stands for a range without a word."""
    words = [str(word) for word in words_and_limits[::2]]
    limits = [float(limit) for limit in words_and_limits[1::2]] + [math.inf]
    return Scale(quantity, source, tuple(zip(limits, words, strict=True)))


TEMPO = scale(
    "tempo, BPM",
    "marks on mechanical metronomes: Largo to 60, Adagio to 76, Andante and Moderato to 120, Allegro to 168, "
    "Presto above",
    "very slow", 60, "slow", 76, "moderate", 120, "fast", 168, "very fast",
)  # fmt: skip
LOUDNESS = scale(
    "integrated loudness, LUFS",
    "EBU R 128 (target of broadcasting, -23 LUFS); about -14 LUFS is what streaming services play music at; "
    "-9 own choice",
    "quiet", -23, "moderately loud", -14, "loud", -9, "very loud",
)  # fmt: skip
DYNAMIC_RANGE = scale(
    "dynamic range as 95th minus 10th percentile of 400 ms levels, dB", "own choice",
    "narrow", 6, "moderate", 12, "wide",
)  # fmt: skip
BRIGHTNESS = scale(
    "spectral centroid, Hz",
    "the centroid goes with perceived brightness (Schubert and Wolfe 2006, Acta Acustica 92); "
    "limits own choice",
    "dark", 1800, "balanced", 4000, "bright",
)  # fmt: skip
BANDWIDTH = scale(
    "bandwidth, Hz",
    "ITU-T speech and audio bands: narrowband (G.711), wideband to 7 kHz (G.722), super-wideband to 14 kHz "
    "(G.722.1 Annex C), fullband above (G.719)",
    "telephone", 4000, "narrow", 7000, "reduced", 14_000, "full",
)  # fmt: skip
BEAT = scale("tempo stability, 0 to 1", "own choice", "free", 0.8, "slightly varying", 0.95, "steady")
PRESENCE = scale(
    "share of time with sound", "own choice",
    "in a small part of the song", 0.1, "in parts of the song", 0.5, "through most of the song", 0.9,
    "throughout the song",
)  # fmt: skip
BASS_SUSTAIN = scale("median note length, s", "own choice", "short", 0.25, "medium-length", 0.75, "long")
FUNDAMENTAL = scale("share of low energy at the fundamental", "own choice", "weak", 0.2, "clear", 0.5, "strong")
HARMONIC_SUSTAIN = scale(
    "share of energy in sustained sound", "own choice",
    "mostly short sounds", 0.4, "both short and sustained sounds", 0.7, "mostly sustained sounds",
)  # fmt: skip
WIDTH = scale("share of the side signal in the energy", "own choice", "narrow", 0.03, "medium", 0.12, "wide")
SWING = scale(
    "place of the off-beat in the beat",
    "0.5 is straight, 0.667 triplets (Friberg and Sundström 2002, Music Perception 19); limits own choice",
    "straight", 0.53, "", 0.58, "swung",
)  # fmt: skip
SYNCOPATION = scale(
    "syncopation of a bar", "a 4/4 goes to about 20 (Longuet-Higgins and Lee 1984); limits own choice",
    "none", 0.5, "", 3.0, "syncopated",
)  # fmt: skip
VOCAL_RANGE = scale(
    "range of the voice, semitones", "own choice: less than a sixth is narrow, about an octave and a half wide",
    "narrow", 9.0, "", 17.0, "wide",
)  # fmt: skip
VIBRATO = scale(
    "vibrato extent, cents (half peak to peak)",
    "trained singers: about 50 to 100 cents (Sundberg 1987, The Science of the Singing Voice)",
    "slight", 50, "pronounced", 100, "wide",
)  # fmt: skip

_CHORD = re.compile(r"(?P<root>[A-G](#|b)?):(?P<quality>\w+)(/\S+)?")
_CHORD_QUALITIES: Mapping[str, str] = {
    "maj": "major", "min": "minor", "dim": "diminished", "aug": "augmented", "7": "seventh",
    "maj7": "major seventh", "min7": "minor seventh", "sus2": "suspended second", "sus4": "suspended fourth",
}  # fmt: skip


def figure(value: float, decimals: int = 1) -> str:
    """Write a number without trailing zeros and without a negative zero."""
    text = f"{value:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def lufs(value: float) -> str:
    """Write a loudness with one decimal, for instance '-14.2 LUFS'."""
    return f"{value + 0.0:.1f} LUFS".replace("-0.0 ", "0.0 ")


def hertz(value: float) -> str:
    """Write a frequency: whole Hz below 1 kHz, else kHz with at most one decimal."""
    return f"{figure(value, 0)} Hz" if round(value) < 1000 else f"{figure(value / 1000)} kHz"


def counted(value: float, singular: str, plural: str) -> str | None:
    """Write a number with its noun, '1 hit' or '2.5 hits'; None where it rounds to zero or less."""
    text = figure(value)
    if text.startswith("-") or text == "0":
        return None
    return f"{text} {singular if text == '1' else plural}"


def seconds(value: float) -> str | None:
    """Write a length of time, finer below one second; None where it rounds to zero or less."""
    text = figure(value, 2 if value < 1 else 1)
    return None if text.startswith("-") or text == "0" else f"{text} s"


def note_name(frequency_hz: float, key: str | None = None) -> str | None:
    """Name the nearest note of equal temperament at A4 = 440 Hz, C4 being middle C; None outside C0 to B8.

    It is spelled as in `key`, for instance 'F major'; with sharps without one. The octave is that of the letter, so
    that the B below middle C is Cb4 in Eb minor.
    """
    if frequency_hz < 1:
        return None
    midi = round(69 + 12 * math.log2(frequency_hz / 440.0))
    if not 12 <= midi < 120:
        return None
    name = _notes_in(key)[midi % 12]
    letter_midi = midi - name.count("#") + name.count("b")
    return f"{name}{letter_midi // 12 - 1}"


def _notes_in(key: str | None) -> Sequence[str]:
    """Return names of the twelve pitch classes from C on, as they are spelled in a key that `key_name` gives."""
    if key is None:
        return PITCH_CLASSES
    tonic, mode = key.split()
    return spelled_notes(tonic, _mode(mode))


def _mode(word: str) -> Mode:
    return "major" if word == "major" else "minor"


def chord_names(labels: str, key: str | None = None) -> list[str]:
    """Name chords in words from Harte labels (Harte et al. 2005) joined by spaces; others are left out.

    Roots are spelled as in `key`; without one as a key of their own would be: Bb major, but G# minor.
    """
    found = (_CHORD.fullmatch(label) for label in labels.split())
    return [
        f"{chord_root(match['root'], match['quality'], key)} {_CHORD_QUALITIES[match['quality']]}"
        for match in found
        if match and match["quality"] in _CHORD_QUALITIES
    ]


def listed(words: Sequence[str]) -> str:
    """Join words as English does: 'a', 'a and b', 'a, b and c'."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def capitalised(text: str) -> str:
    """Write the first letter large and leave the others as they are."""
    return text[:1].upper() + text[1:]
