"""Named chords and the pitch of the voice, held against the chord table and the measured register.

Comparing chords and notes belongs here; keys stand in `tonality`.
"""

from __future__ import annotations

import math
import re

from flamingo_bark_assets.claims.verdicts import Case, Judgement, Measured, judged_unsure, unverifiable
from flamingo_bark_assets.descriptions.wording import chord_names

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SIGNS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_NOTE = re.compile(r"([A-G])([#b♯♭]?)(-?\d)?")
_SHOWN = 6
# Own choice: chords shorter than this share of the song may be errors of the table, and absent ones may be these.
_LEAST_COVERED = 0.5
_REGISTERS = ("low", "middle", "high", "very high")
# Own choice: an octave and a half is a wide range for a song, a sixth a narrow one.
_WIDE_SEMITONES, _NARROW_SEMITONES = 17.0, 9.0
_NEAR_SEMITONES, _FAR_SEMITONES = 3.0, 7.0


def judge_chord(case: Case) -> Judgement:
    """Judge a named chord by the roots and thirds of the song's chords.

    A chord whose root no chord of the table has is contradicted; one of another kind on the same root stays open.
    """
    chords = [chord for chord in case.evidence.song.chords if chord.label != "N"]
    length_s = case.evidence.raw_song.duration_s.value
    if not chords:
        return unverifiable("no chords were measured", Measured.nothing())
    confidence = sum(chord.confidence for chord in chords) / len(chords)
    names = list(dict.fromkeys(name for chord in chords for name in chord_names(chord.label)))
    measured = Measured(", ".join(names[:_SHOWN]), None, None, "chords", confidence)
    covered_s = sum(chord.end_s - chord.start_s for chord in chords)
    if confidence < case.min_confidence or (length_s and covered_s < _LEAST_COVERED * length_s):
        return unverifiable("the measurement is too unsure", measured)
    root, quality = _pitch_class(case.claim.value), case.claim.value.split()[-1]
    same_root = [name for name in names if _pitch_class(name) == root]
    if not same_root:
        return Judgement("conflict", None, measured)
    if any(_third(name) == quality for name in same_root):
        return Judgement("agree", None, measured)
    return unverifiable("another chord on the same root", measured)


def _third(name: str) -> str:
    kind = name.split(" ", 1)[1]
    return "minor" if kind.startswith("minor") else kind if kind in {"diminished", "augmented"} else "major"


def _pitch_class(name: str) -> int | None:
    match = _NOTE.match(name)
    return None if match is None else (_STEPS[match[1]] + _SIGNS[match[2]]) % 12


def judge_register(case: Case) -> Judgement:
    """Judge how high the voice lies; neighbouring registers stay open. It says nothing of who sings."""
    measurement = case.evidence.vocals.register
    measured = Measured.of(measurement)
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    if measured.text not in _REGISTERS:
        return unverifiable("a register that is not told apart", measured)
    distance = abs(_REGISTERS.index(measured.text) - _REGISTERS.index(case.claim.value))
    if distance == 0 or (case.claim.value == "high" and measured.text == "very high"):
        return Judgement("agree", None, measured)
    return Judgement("conflict", None, measured) if distance > 1 else unverifiable("the next register", measured)


def judge_range(case: Case) -> Judgement:
    """Judge a wide or narrow range, or one from note to note, of the voice."""
    vocals = case.evidence.vocals
    if case.claim.value in {"wide", "narrow"}:
        measured = Measured.of(vocals.f0_range_semitones, unit="semitone")
        if unsure := judged_unsure(vocals.f0_range_semitones, case.min_confidence, measured):
            return unsure
        span = measured.number or 0.0
        if _NARROW_SEMITONES < span < _WIDE_SEMITONES:
            return unverifiable("between wide and narrow", measured)
        is_wide = span >= _WIDE_SEMITONES
        return Judgement("agree" if is_wide == (case.claim.value == "wide") else "conflict", None, measured)
    measured = Measured.of(vocals.f0_low_hz, unit="Hz")
    for measurement in (vocals.f0_low_hz, vocals.f0_high_hz):
        if unsure := judged_unsure(measurement, case.min_confidence, measured):
            return unsure
    said = [_midi(note) for note in case.claim.value.split(" to ")]
    heard = [69 + 12 * math.log2((m.value or 1.0) / 440.0) for m in (vocals.f0_low_hz, vocals.f0_high_hz)]
    off = max(abs(a - b) for a, b in zip(said, heard, strict=True))
    if off <= _NEAR_SEMITONES:
        return Judgement("agree", None, measured)
    return Judgement("conflict", None, measured) if off > _FAR_SEMITONES else unverifiable("not far from it", measured)


def _midi(note: str) -> float:
    match = _NOTE.fullmatch(note)
    if match is None or match[3] is None:
        return math.nan
    return _STEPS[match[1]] + _SIGNS[match[2]] + 12 * (int(match[3]) + 1)
