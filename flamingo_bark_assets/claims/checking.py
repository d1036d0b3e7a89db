"""Check the claims of an answer against the measurements: agree, conflict or unverifiable, each with its reason.

Which measurement answers which claim belongs here; limits stand in `limits`, sounding stems in `sources`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flamingo_bark_assets.claims.course import judge_course
from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.claims.language import unread_language
from flamingo_bark_assets.claims.limits import (
    BOOMY,
    BRIGHT,
    CRISP,
    DYNAMIC,
    LOUD,
    MODULATION,
    OFF_BEAT,
    PACE,
    STEADINESS,
    STEADY,
    SYNCOPATED,
    TEMPO_CHANGE,
    TEMPO_FACTORS,
    TEMPO_TOLERANCE,
    THIN,
    VOICE_RANGE,
    WARM,
    WordLimits,
)
from flamingo_bark_assets.claims.metre import judge_metre
from flamingo_bark_assets.claims.model import DROPPED, KEPT, Claim, ClaimKind, FoundClaim, Verdict
from flamingo_bark_assets.claims.pitches import judge_chord, judge_notes, judge_register
from flamingo_bark_assets.claims.production import judge_duration, judge_fidelity, judge_noise, judge_stereo
from flamingo_bark_assets.claims.sources import judge_instrument, judge_kick_pattern, judge_vocals
from flamingo_bark_assets.claims.tonality import compare_keys
from flamingo_bark_assets.claims.verdicts import (
    NOT_OF_STEMS,
    Case,
    Judgement,
    Measured,
    judge_scaled,
    judged_unsure,
    unverifiable,
)
from flamingo_bark_assets.descriptions.wording import BEAT, BRIGHTNESS, DYNAMIC_RANGE, LOUDNESS, TEMPO, Scale
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.judgements import claim_name
from flamingo_bark_assets.parts import KINDS, Part, Question
from flamingo_bark_assets.record import Measurement

_KEY_NOTES = {"relative": "relative key", "mode": "mode of the measured key", "parallel": "parallel key"}


def check_claims(
    part: Part, question: Question, text: str | None, evidence: Evidence, min_confidence: float
) -> tuple[Claim, ...]:
    """Check every claim of an answer.

    A tempo agrees within 4 %, also at half, twice, a third and three times the measured one (with a note); a key agrees
    with its relative (with a note) and not with its parallel. A word such as 'fast' is held against the limits of the
    scale in `wording`, with a border in which nothing is decided. What was not measured, or with a confidence below the
    limit, is unverifiable; so is what a text says of a part of the song only, unless it agrees. Who sings is never
    measured. Below `min_confidence`, 0 to 1, a measurement proves nothing. The claims come in order of place.
    """
    said = text or ""
    if language := unread_language(said):
        return (_unread(part, question, said, language),)
    found = find_claims(said)
    return tuple(
        decided(_checked(judged, question, number, said), evidence)
        for number, judged in enumerate(_judged(found, part, evidence, min_confidence))
    )


def decided(claim: Claim, evidence: Evidence) -> Claim:
    """Return a claim as a person has decided on it, where they have: kept whatever was measured, or dropped."""
    name = claim_name(claim.part, claim.question, claim.kind, claim.claimed)
    match evidence.claim_decisions.get(name):
        case "keep":
            return replace(claim, verdict=KEPT, note=KEPT)
        case "drop":
            return replace(claim, verdict="conflict", note=DROPPED)
    return claim


def _unread(part: Part, question: Question, text: str, language: str) -> Claim:
    """Return the row of a text in another language, which is left alone."""
    return Claim(
        part=part, question=question, claim=0, kind="language", said=text, start_char=0, end_char=len(text),
        claimed=language, verdict="unverifiable", note=f"written in {language}, which is not read",
    )  # fmt: skip


def _judged(
    found: Sequence[FoundClaim], part: Part, evidence: Evidence, min_confidence: float
) -> Iterator[tuple[Case, Judgement]]:
    """Judge the claims of a text; a word for pace may go with the half or double tempo that the text states.

    'A slow ballad at 75 BPM' of a song that measures 150 keeps both: the listener counted half as many beats.
    """
    cases = [Case(part, claim, evidence, min_confidence) for claim in found]
    judged = [_JUDGES[case.claim.kind](case) for case in cases]
    octaves = [
        (sum(case.claim.numbers) / 2, judgement)
        for case, judgement in zip(cases, judged, strict=True)
        if case.claim.kind == "tempo" and case.claim.numbers and judgement.verdict == "agree" and judgement.note
    ]
    for case, judgement in zip(cases, judged, strict=True):
        if case.claim.kind == "pace" and judgement.verdict == "conflict" and octaves:
            said, of_number = octaves[0]
            if PACE[case.claim.value].holds(said) is not False:
                yield case, replace(judgement, verdict="agree", note=of_number.note)
                continue
        yield case, judgement


def _checked(judged: tuple[Case, Judgement], question: Question, number: int, text: str) -> Claim:
    case, judgement = judged
    claim = case.claim
    judgement = _denied(judgement) if claim.negated else judgement
    if claim.is_local and judgement.verdict == "conflict" and not _holds_everywhere(case):
        judgement = replace(judgement, verdict="unverifiable", note="said of a part of the song")
    measured = judgement.measured
    return Claim(
        part=case.part,
        question=question,
        claim=number,
        kind=claim.kind,
        said=text[claim.start : claim.end],
        start_char=claim.start,
        end_char=claim.end,
        claimed=f"not {claim.value}" if claim.negated else claim.value,
        measured=measured.text,
        measured_number=measured.number,
        unit=measured.unit,
        verdict=judgement.verdict,
        note=judgement.note,
        method=measured.method,
        confidence=measured.confidence,
    )


def _denied(judgement: Judgement) -> Judgement:
    """Turn the judgement of a statement into that of its denial; what agrees by a note only is left open."""
    if judgement.verdict == "unverifiable":
        return judgement
    if judgement.verdict == "agree" and judgement.note:
        return replace(judgement, verdict="unverifiable")
    turned: Mapping[Verdict, Verdict] = {"agree": "conflict", "conflict": "agree"}
    return replace(judgement, verdict=turned[judgement.verdict], note=None)


def _holds_everywhere(case: Case) -> bool:
    """Return whether what contradicts a claim about a part of the song holds in every part of it."""
    claim, song = case.claim, case.evidence.song
    if claim.kind in {"tempo", "pace"}:
        stability = song.tempo_stability.value
        return stability is not None and stability >= STEADY
    return claim.holds_everywhere


def _tempo(case: Case) -> Judgement:
    measurement = case.evidence.song.one_tempo_bpm
    measured = Measured.of(measurement, unit="BPM")
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    tempo, (low, high) = measured.number, case.claim.numbers or (math.nan, math.nan)
    if tempo is None or tempo <= 0:
        return unverifiable("there is no tempo to compare with", measured)
    # 'over 160' names no tempo whose octave could be meant.
    factors = TEMPO_FACTORS if math.isfinite(low) and math.isfinite(high) else TEMPO_FACTORS[:1]
    for factor, note in factors:
        if low * (1 - TEMPO_TOLERANCE) <= tempo * factor <= high * (1 + TEMPO_TOLERANCE):
            return Judgement("agree", note, measured)
    return Judgement("conflict", None, measured)


def _key(case: Case) -> Judgement:
    measurement = case.evidence.song.key
    measured = Measured.of(measurement)
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    relation = compare_keys(case.claim.value, measured.text or "")
    if relation is None:
        return unverifiable("a mode that is not measured", measured)
    agrees = relation in {"same", "relative", "mode"}
    if case.part != "mix" and KINDS[case.part].harmony == "none":
        # A key that is said of them can only be the song's, and stands in their prompt as such.
        none = f"{KINDS[case.part].noun} have no key of their own"
        return unverifiable(none, measured) if agrees else Judgement("conflict", f"{none}; the song's", measured)
    return Judgement("agree" if agrees else "conflict", _KEY_NOTES.get(relation), measured)


def _scaled(
    limits: Mapping[str, WordLimits], of: Callable[[Evidence], Measurement[Any]], *, unit: str = "",
    scale: Scale | None = None, of_mix_only: bool = False,
) -> Callable[[Case], Judgement]:  # fmt: skip
    """Make the judge of words that have limits."""

    def judge(case: Case) -> Judgement:
        if of_mix_only and case.part != "mix":
            return unverifiable(NOT_OF_STEMS, Measured.nothing())
        return judge_scaled(case, of(case.evidence), limits, unit=unit, scale=scale)

    return judge


_TIMBRES: Mapping[str, Callable[[Case], Judgement]] = {
    "warm": _scaled(WARM, lambda e: e.song.warmth_db, unit="dB", of_mix_only=True),
    "thin": _scaled(THIN, lambda e: e.song.bass_level_db, unit="dB", of_mix_only=True),
    "crisp": _scaled(CRISP, lambda e: e.song.sharpness_acum, unit="acum", of_mix_only=True),
    "boomy": _scaled(BOOMY, lambda e: e.song.boominess, of_mix_only=True),
}
_RANGE = _scaled(VOICE_RANGE, lambda e: e.vocals.f0_range_semitones, unit="semitone")
_JUDGES: Mapping[ClaimKind, Callable[[Case], Judgement]] = {
    "tempo": _tempo,
    "key": _key,
    "pace": _scaled(PACE, lambda e: e.song.one_tempo_bpm, unit="BPM", scale=TEMPO),
    "steadiness": _scaled(STEADINESS, lambda e: e.song.tempo_stability, scale=BEAT),
    "loudness": _scaled(LOUD, lambda e: e.song.loudness_integrated_lufs, unit="LUFS", scale=LOUDNESS, of_mix_only=True),
    "dynamics": _scaled(DYNAMIC, lambda e: e.song.dynamic_range_db, unit="dB", scale=DYNAMIC_RANGE, of_mix_only=True),
    "brightness": _scaled(BRIGHT, lambda e: e.song.spectral_centroid_hz, unit="Hz", scale=BRIGHTNESS, of_mix_only=True),
    "timbre": lambda case: _TIMBRES[case.claim.value](case),
    "fidelity": judge_fidelity,
    "noise": judge_noise,
    "stereo": judge_stereo,
    "duration": judge_duration,
    "metre": lambda case: judge_metre(case.claim.value, case.evidence, case.min_confidence),
    "chord": judge_chord,
    "modulation": _scaled(MODULATION, lambda e: e.song.key_change_count),
    "swing": _scaled(OFF_BEAT, lambda e: e.song.swing_ratio),
    "syncopation": _scaled(SYNCOPATED, lambda e: e.drums.kick_snare_syncopation),
    "tempo_change": _scaled(TEMPO_CHANGE, lambda e: e.song.tempo_stability),
    "course": judge_course,
    "singer": lambda case: unverifiable("who sings is not measured", Measured.nothing()),
    "register": judge_register,
    "range": lambda case: (_RANGE if case.claim.value in VOICE_RANGE else judge_notes)(case),
    "vocals": lambda case: judge_vocals(case.part, case.evidence, case.min_confidence),
    "instrument": lambda case: judge_instrument(case.claim.value, case.part, case.evidence, case.min_confidence),
    "kick_pattern": lambda case: judge_kick_pattern(case.part, case.evidence, case.min_confidence),
}
