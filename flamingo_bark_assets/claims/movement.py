"""What happens in the course of a song, held against beats, sections and activity: swing, tempo, key, builds, entries.

What contradicts such a claim belongs here; whether the music is fast or loud as a whole does not.
"""

from __future__ import annotations

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.harmonic import ChordalFeatures
from flamingo_bark_assets.analysis.features.stem import ActiveSegment
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.claims.lexicon import INSTRUMENT_KIND
from flamingo_bark_assets.claims.limits import STEADY
from flamingo_bark_assets.claims.verdicts import Case, Judgement, Measured, judged_unsure, unverifiable
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import KINDS, StemKind

# Swing ratios between these are neither straight nor swung: 0.5 is straight, 0.667 triplets (Friberg and Sundström 2002).
_STRAIGHT, _SWUNG = 0.53, 0.57
# Own choice: mean syncopation of a bar (Longuet-Higgins and Lee 1984), of which 4/4 holds up to about 20.
_HARDLY_SYNCOPATED, _SYNCOPATED = 0.5, 3.0
_CHANGING = 0.8  # tempo stability below which `wording.BEAT` calls a beat free
# Own choice: what rises or falls by less than this between sections is level.
_STEP_DB = 3.0
_FLAT_DB = 1.0
_AT_ONCE_S, _LATER_S = 2.0, 8.0


def judge_swing(case: Case) -> Judgement:
    """Judge swung or straight eighths; between the two nothing is decided."""
    measurement = case.evidence.song.swing_ratio
    measured = Measured.of(measurement)
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    ratio = measured.number or 0.0
    if _STRAIGHT < ratio < _SWUNG:
        return unverifiable("between straight and swung", measured)
    return Judgement("agree" if (ratio >= _SWUNG) == (case.claim.value == "swung") else "conflict", None, measured)


def judge_syncopation(case: Case) -> Judgement:
    """Judge whether the drums are syncopated; others may be where they are not."""
    measurement = case.evidence.drums.kick_snare_syncopation
    measured = Measured.of(measurement)
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    if (measured.number or 0.0) >= _SYNCOPATED:
        return Judgement("agree", None, measured)
    if (measured.number or 0.0) < _HARDLY_SYNCOPATED and case.part == "drums":
        return Judgement("conflict", None, measured)
    return unverifiable("not the drums, and others are not measured together", measured)


def judge_tempo_change(case: Case) -> Judgement:
    """Judge that the tempo changes: wrong where the beat is steady, open in which way it changes."""
    measurement = case.evidence.song.tempo_stability
    measured = Measured.of(measurement)
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    if (measured.number or 0.0) >= STEADY:
        return Judgement("conflict", None, measured)
    if (measured.number or 0.0) < _CHANGING and case.claim.value == "changes":
        return Judgement("agree", None, measured)
    return unverifiable("the beat varies; where and which way is not told", measured)


def judge_modulation(case: Case) -> Judgement:
    """Judge that the key changes by the number of changes that were found."""
    measurement = case.evidence.song.key_change_count
    measured = Measured.of(measurement)
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    return Judgement("agree" if measured.number else "conflict", None, measured)


def judge_course(case: Case) -> Judgement:
    """Judge builds and fades by the levels of the sections, entries by when the stem first sounds."""
    value = case.claim.value
    if value.endswith(" enter"):
        return _judge_entry(case, INSTRUMENT_KIND[value.removesuffix(" enter")])
    levels = [section.level_db for section in case.evidence.song.sections]
    if len(levels) < 2 or case.part != "mix":
        return unverifiable("no sections whose levels could tell", Measured.nothing())
    rise, fall = max(levels[1:]) - levels[0], max(levels) - levels[-1]
    if value == "builds":
        measured = Measured(f"the level rises by {max(rise, 0.0):.0f} dB", rise, "dB", "section-levels")
        is_told, is_flat = rise >= _STEP_DB, rise < _FLAT_DB
    elif value == "fades out":
        measured = Measured(f"the last section is {fall:.0f} dB below the loudest", fall, "dB", "section-levels")
        is_told, is_flat = fall >= 2 * _STEP_DB, False  # a short fade hides in a loud section
    else:
        measured = Measured(f"the level rises by {max(rise, 0.0):.0f} dB", rise, "dB", "section-levels")
        is_told, is_flat = rise >= 2 * _STEP_DB, False
    if is_told or is_flat:
        return Judgement("agree" if is_told else "conflict", None, measured)
    return unverifiable("the levels of the sections do not tell", measured)


def _judge_entry(case: Case, kind: StemKind) -> Judgement:
    """Judge that a stem comes in later: wrong where it sounds from the start."""
    whole = KINDS[kind].part_of
    activity = _activity(case.evidence, kind) or (_activity(case.evidence, whole) if whole else ())
    if not activity or KINDS[kind].holds_rest or whole:
        return unverifiable("when it begins to sound was not measured", Measured.nothing())
    start_s = activity[0].start_s - _music_start_s(case.evidence)
    measured = Measured(f"the {kind} begin {start_s:.0f} s into the music", start_s, "s", "stem-activity")
    if start_s < _AT_ONCE_S:
        return Judgement("conflict", None, measured)
    return Judgement("agree", None, measured) if start_s > _LATER_S else unverifiable("soon after the start", measured)


def _music_start_s(evidence: Evidence) -> float:
    return evidence.song.sections[0].start_s if evidence.song.sections else 0.0


def _activity(evidence: Evidence, kind: StemKind) -> tuple[ActiveSegment, ...]:
    match evidence.of_stem(kind):
        case DrumFeatures() as drums:
            return drums.drum_activity
        case BassFeatures() as bass:
            return bass.bass_activity
        case VocalFeatures() as vocals:
            return vocals.vocal_activity
        case ChordalFeatures() as other:
            return getattr(other, "activity", ())
