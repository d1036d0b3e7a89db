"""Check the claims of an answer against the measurements: agree, conflict or unverifiable, each with its reason.

Which measurement answers which claim belongs here; limits stand in `limits`, sounding stems in `sources`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.claims.limits import (
    BRIGHT,
    CLEAN_NOISE_FLOOR_DBFS,
    DYNAMIC,
    FULL_BAND,
    LOUD,
    NOISY_NOISE_FLOOR_DBFS,
    PACE,
    STEADINESS,
    STEADY,
    TEMPO_FACTORS,
    TEMPO_TOLERANCE,
    WordLimits,
)
from flamingo_bark_assets.claims.metre import judge_metre
from flamingo_bark_assets.claims.model import Claim, ClaimKind, FoundClaim, Verdict
from flamingo_bark_assets.claims.sources import judge_instrument, judge_kick_pattern, judge_vocals
from flamingo_bark_assets.claims.tonality import compare_keys
from flamingo_bark_assets.claims.verdicts import Judgement, Measured, judged_unsure, unverifiable
from flamingo_bark_assets.descriptions.wording import BANDWIDTH, BEAT, BRIGHTNESS, DYNAMIC_RANGE, LOUDNESS, TEMPO, Scale
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import KINDS, Part, Question
from flamingo_bark_assets.record import Measurement

_KEY_NOTES = {"relative": "relative key", "mode": "mode of the measured key", "parallel": "parallel key"}
_NOT_OF_STEMS = "measured of the whole song, not of a stem"


@dataclass(frozen=True, slots=True)
class _Case:
    """What a claim is checked with."""

    part: Part
    claim: FoundClaim
    evidence: Evidence
    min_confidence: float


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
    return tuple(
        _checked(_Case(part, claim, evidence, min_confidence), question, number, text or "")
        for number, claim in enumerate(find_claims(text or ""))
    )


def _checked(case: _Case, question: Question, number: int, text: str) -> Claim:
    claim = case.claim
    judgement = _denied(_JUDGES[claim.kind](case)) if claim.negated else _JUDGES[claim.kind](case)
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


def _holds_everywhere(case: _Case) -> bool:
    """Return whether what contradicts a claim about a part of the song holds in every part of it."""
    claim, song = case.claim, case.evidence.song
    if claim.kind in {"tempo", "pace"}:
        stability = song.tempo_stability.value
        return stability is not None and stability >= STEADY
    return claim.holds_everywhere


def _tempo(case: _Case) -> Judgement:
    measurement = case.evidence.song.tempo_bpm
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


def _key(case: _Case) -> Judgement:
    measurement = case.evidence.song.key
    measured = Measured.of(measurement)
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    if case.part != "mix" and KINDS[case.part].harmony == "none":
        return unverifiable(f"{KINDS[case.part].noun} have no key of their own", measured)
    relation = compare_keys(case.claim.value, measured.text or "")
    if relation is None:
        return unverifiable("a mode that is not measured", measured)
    note = _KEY_NOTES.get(relation)
    return Judgement("agree" if relation in {"same", "relative", "mode"} else "conflict", note, measured)


def _word(
    scale: Scale, unit: str, limits: Mapping[str, WordLimits], of: Callable[[Evidence], Measurement[float]],
    *, of_mix_only: bool = False,
) -> Callable[[_Case], Judgement]:  # fmt: skip
    """Make the judge of a word that has a scale."""

    def judge(case: _Case) -> Judgement:
        measurement = of(case.evidence)
        measured = Measured.of(measurement, unit=unit, scale=scale)
        if of_mix_only and case.part != "mix":
            return unverifiable(_NOT_OF_STEMS, Measured.nothing())
        if unsure := judged_unsure(measurement, case.min_confidence, measured):
            return unsure
        holds = limits[case.claim.value].holds(measured.number or 0.0)
        if holds is None:
            return unverifiable("between the word and its opposite", measured)
        return Judgement("agree" if holds else "conflict", None, measured)

    return judge


def _fidelity(case: _Case) -> Judgement:
    """Judge by the bandwidth; a recording of full bandwidth may still be lo-fi unless it is free of noise."""
    measurement = case.evidence.raw_song.bandwidth_hz
    floor = _noise_measurement(case.evidence.raw_song)
    measured = Measured.of(measurement, unit="Hz", scale=BANDWIDTH)
    if case.part != "mix":
        return unverifiable(_NOT_OF_STEMS, Measured.nothing())
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    is_full = FULL_BAND.holds(measured.number or 0.0)
    is_clean = floor.value is not None and floor.value < CLEAN_NOISE_FLOOR_DBFS
    if is_full is None:
        return unverifiable("near the limit", measured)
    if is_full and not is_clean:
        return unverifiable("full bandwidth, but not known to be free of noise", measured)
    return Judgement("agree" if is_full == (case.claim.value == "hi-fi") else "conflict", None, measured)


def _noise_measurement(raw: RawSong) -> Measurement[float]:
    """Return the noise floor; where music hides it, its upper bound, if that alone is low enough to count as clean."""
    ceiling = raw.noise_ceiling_dbfs
    is_clean = ceiling.value is not None and ceiling.value < CLEAN_NOISE_FLOOR_DBFS
    return ceiling if raw.noise_floor_dbfs.value is None and is_clean else raw.noise_floor_dbfs


def _noise(case: _Case) -> Judgement:
    measurement = _noise_measurement(case.evidence.raw_song)
    measured = Measured.of(measurement, unit="dBFS")
    if case.part != "mix":
        return unverifiable(_NOT_OF_STEMS, Measured.nothing())
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    floor = measured.number or 0.0
    if floor < CLEAN_NOISE_FLOOR_DBFS:
        return Judgement("agree" if case.claim.value == "clean" else "conflict", None, measured)
    if floor > NOISY_NOISE_FLOOR_DBFS and case.claim.value == "noisy":
        return Judgement("agree", None, measured)
    return unverifiable("dense music can look like noise", measured)


def _stereo(case: _Case) -> Judgement:
    measurement = case.evidence.raw_song.is_mono
    if case.part != "mix":
        return unverifiable(_NOT_OF_STEMS, Measured.nothing())
    measured = Measured.of(measurement, text="mono" if measurement.value else "stereo")
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    if case.claim.value == "mono":
        return Judgement("agree" if measurement.value else "conflict", None, measured)
    if measurement.value:
        return Judgement("conflict", None, measured)
    if case.claim.value == "wide":
        return unverifiable("stereo, but its width is not measured", measured)
    return Judgement("agree", None, measured)


_JUDGES: Mapping[ClaimKind, Callable[[_Case], Judgement]] = {
    "tempo": _tempo,
    "key": _key,
    "pace": _word(TEMPO, "BPM", PACE, lambda e: e.song.tempo_bpm),
    "steadiness": _word(BEAT, "", STEADINESS, lambda e: e.song.tempo_stability),
    "loudness": _word(LOUDNESS, "LUFS", LOUD, lambda e: e.song.loudness_integrated_lufs, of_mix_only=True),
    "dynamics": _word(DYNAMIC_RANGE, "dB", DYNAMIC, lambda e: e.song.dynamic_range_db, of_mix_only=True),
    "brightness": _word(BRIGHTNESS, "Hz", BRIGHT, lambda e: e.song.spectral_centroid_hz, of_mix_only=True),
    "fidelity": _fidelity,
    "noise": _noise,
    "stereo": _stereo,
    "metre": lambda case: judge_metre(case.claim.value, case.evidence, case.min_confidence),
    "singer": lambda case: unverifiable("who sings is not measured", Measured.nothing()),
    "vocals": lambda case: judge_vocals(case.part, case.evidence, case.min_confidence),
    "instrument": lambda case: judge_instrument(case.claim.value, case.part, case.evidence, case.min_confidence),
    "kick_pattern": lambda case: judge_kick_pattern(case.part, case.evidence, case.min_confidence),
}
