"""Named chords and the pitch of the voice, held against the chord table and the measured register.

Comparing chords and notes belongs here; keys stand in `tonality`.
"""

from __future__ import annotations

import math

from flamingo_bark_assets.analysis.features.harmonic import ChordalFeatures
from flamingo_bark_assets.claims.verdicts import Case, Judgement, Measured, judged_unsure, unverifiable
from flamingo_bark_assets.descriptions.wording import chord_names
from flamingo_bark_assets.note_names import midi_number, pitch_class

_SHOWN = 6
# Own choice: where the table covers less of the song, a chord may be missing in it.
_LEAST_COVERED = 0.5
_REGISTERS = ("low", "middle", "high", "very high")
_NEAR_SEMITONES, _FAR_SEMITONES = 3.0, 7.0


def judge_chord(case: Case) -> Judgement:
    """Judge a named chord by roots and thirds of the song's and its stems'; another kind on that root stays open."""
    chords = [chord for chord in case.evidence.song.chords if chord.label != "N"]
    if not chords:
        return unverifiable("no chords were measured", Measured.nothing())
    confidence = sum(chord.confidence for chord in chords) / len(chords)
    of_stems = [
        chord
        for stem in case.evidence.stem_features.values()
        if isinstance(stem, ChordalFeatures)
        for chord in stem.chords
        if chord.label != "N"
    ]
    names = list(dict.fromkeys(name for chord in (*chords, *of_stems) for name in chord_names(chord.label)))
    measured = Measured(", ".join(names[:_SHOWN]), None, None, "chords", confidence)
    covered_s = sum(chord.end_s - chord.start_s for chord in chords)
    length_s = case.evidence.raw_song.duration_s.value or 0.0
    if confidence < case.min_confidence or covered_s < _LEAST_COVERED * length_s:
        return unverifiable("the measurement is too unsure", measured)
    root, quality = case.claim.value.split(" ", 1)
    thirds = [name.split(" ", 1)[1] for name in names if pitch_class(name.split()[0]) == pitch_class(root)]
    if not thirds:
        return Judgement("conflict", None, measured)
    # All but minor, diminished and augmented chords have a major third, or none.
    kinds = {
        word if (word := third.split()[0]) in {"minor", "diminished", "augmented"} else "major" for third in thirds
    }
    return Judgement("agree", None, measured) if quality in kinds else unverifiable("another on this root", measured)


def judge_register(case: Case) -> Judgement:
    """Judge how high the voice lies; neighbouring registers stay open. It says nothing of who sings."""
    measurement = case.evidence.vocals.register
    measured = Measured.of(measurement)
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    if measured.text not in _REGISTERS:
        return unverifiable("a register that is not told apart", measured)
    above = _REGISTERS.index(measured.text) - _REGISTERS.index(case.claim.value)
    if above == 0 or (above == 1 and case.claim.value == "high"):
        return Judgement("agree", None, measured)
    return Judgement("conflict", None, measured) if abs(above) > 1 else unverifiable("the next register", measured)


def judge_notes(case: Case) -> Judgement:
    """Judge the lowest and the highest note of a voice."""
    lowest, highest = case.evidence.vocals.f0_low_hz, case.evidence.vocals.f0_high_hz
    measured = Measured.of(lowest, unit="Hz")
    for measurement in (lowest, highest):
        if unsure := judged_unsure(measurement, case.min_confidence, measured):
            return unsure
    said = [midi_number(note) for note in case.claim.value.split(" to ")]
    heard = [69 + 12 * math.log2((m.value or 1.0) / 440.0) for m in (lowest, highest)]
    off = max(abs(a - b) for a, b in zip(said, heard, strict=True))
    if _NEAR_SEMITONES < off <= _FAR_SEMITONES:
        return unverifiable("not far from it", measured)
    return Judgement("agree" if off <= _NEAR_SEMITONES else "conflict", None, measured)
