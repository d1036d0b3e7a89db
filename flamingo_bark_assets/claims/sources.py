"""Instruments and voices held against the stems: what sounds, what is silent, and what nobody measured.

What a stem can prove belongs here; the names of instruments stand in `lexicon`.
"""

from __future__ import annotations

from typing import Literal

from flamingo_bark_assets.claims.lexicon import DRUMS, GENERIC, INSTRUMENT_KIND
from flamingo_bark_assets.claims.limits import FAINT_ACTIVE_FRACTION, FAINT_ENERGY_SHARE
from flamingo_bark_assets.claims.verdicts import Judgement, Measured, judged_unsure, unverifiable
from flamingo_bark_assets.descriptions.phrases import Speaker
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import KINDS, Part, StemKind, kinds_within, sums_of
from flamingo_bark_assets.record import Measurement

_State = Literal["sounds", "faint", "silent", "unknown"]
_METHOD = "stem-rms-60dbfs"
_STEM_KIND_METHOD = "stem-name"


def judge_vocals(part: Part, evidence: Evidence, min_confidence: float) -> Judgement:
    """Judge 'there are vocals' by the vocals stem; of another stem it is wrong by what that stem is."""
    return _judge_kind("vocals", "vocals", part, evidence, min_confidence)


def judge_instrument(name: str, part: Part, evidence: Evidence, min_confidence: float) -> Judgement:
    """Judge that an instrument is played.

    Kick, snare and hi-hat have measurements of their own. Of others a silent stem of their kind disproves them;
    a sounding one proves only the kind, and a single instrument where the stem is named after it.
    """
    kind = _carrier(INSTRUMENT_KIND[name], part, evidence)
    general = _judge_kind(kind, name, part, evidence, min_confidence)
    if general.verdict != "agree" or name in KINDS[kind].proves:
        return general
    if name in DRUMS:
        return _judge_drum(name, evidence, min_confidence)
    if _has_stem_of(name, evidence):
        return Judgement("agree", None, Measured(f"a {name} stem sounds", method=_STEM_KIND_METHOD))
    return unverifiable(f"a {kind} stem sounds; which instrument it is was not measured", general.measured)


def judge_kick_pattern(part: Part, evidence: Evidence, min_confidence: float) -> Judgement:
    """Judge 'four on the floor': wrong without a kick, and open with one.

    The most common bar of a kick is measured to the hit: one that is missed makes it another.
    """
    kick = judge_instrument("kick", part, evidence, min_confidence)
    if kick.verdict == "agree":
        return unverifiable("a kick sounds; its pattern is not compared", kick.measured)
    return kick


def _carrier(kind: StemKind, part: Part, evidence: Evidence) -> StemKind:
    """Find the kind of stem to seek an instrument in: the one that its own is part of, where its own sounds not."""
    whole = KINDS[kind].part_of
    return whole if whole and (part == whole or kind not in evidence.audible_kinds) else kind


def _judge_kind(kind: StemKind, name: str, part: Part, evidence: Evidence, min_confidence: float) -> Judgement:
    if part != "mix" and part not in (*kinds_within(kind), *sums_of(kind)):
        return _judge_in_other_stem(name, part)
    state = _state(kind, evidence, min_confidence)
    if state == "unknown":
        return unverifiable(f"no usable {kind} stem", Measured.nothing())
    measured = Measured(
        f"the {kind} stem is {state}" if state != "sounds" else f"the {kind} stem sounds", method=_METHOD
    )
    if state == "faint":
        return unverifiable("so faint that it may be left over from the separation", measured)
    return Judgement("agree" if state == "sounds" else "conflict", None, measured)


def _judge_in_other_stem(name: str, part: Part) -> Judgement:
    """Judge an instrument in a stem of another kind; a single percussion instrument may hide among the others."""
    measured = Measured(f"this is the {part} stem", method=_STEM_KIND_METHOD)
    is_single_percussion = name not in GENERIC and name not in DRUMS and INSTRUMENT_KIND.get(name) == "drums"
    if part != "mix" and KINDS[part].holds_rest and is_single_percussion:
        return unverifiable("the stem of all other instruments may hold it", measured)
    return Judgement("conflict", None, measured)


def _judge_drum(name: str, evidence: Evidence, min_confidence: float) -> Judgement:
    drums = evidence.drums
    present = {"kick": drums.kick_present, "snare": drums.snare_present, "hi-hat": drums.hihat_present}[name]
    measured = Measured.of(present, text="heard" if present.value else "not heard")
    if unsure := judged_unsure(present, min_confidence, measured):
        return unsure
    return Judgement("agree" if present.value else "conflict", None, measured)


def _state(kind: StemKind, evidence: Evidence, min_confidence: float) -> _State:
    """Return what the stems of a kind do, those of kinds that are part of it included."""
    kinds = kinds_within(kind)
    sounding = [one for one in kinds if one in evidence.audible_kinds]
    if sounding:
        return "faint" if all(_is_faint(one, evidence, min_confidence) for one in sounding) else "sounds"
    stems = [stem for stem in evidence.stems.stems if stem.kind in kinds]
    if any(one in evidence.sounding_kinds for one in kinds):
        return "unknown"  # something else sounds in them
    return "silent" if stems and all(stem.usable for stem in stems) else "unknown"


def _is_faint(kind: StemKind, evidence: Evidence, min_confidence: float) -> bool:
    features = evidence.of_stem(kind)
    shares = ((features.active_fraction, FAINT_ACTIVE_FRACTION), (features.energy_share, FAINT_ENERGY_SHARE))
    return any(_is_below(m, limit, min_confidence) for m, limit in shares)


def _is_below(measurement: Measurement[float], limit: float, min_confidence: float) -> bool:
    return Speaker(min_confidence).trusts(measurement) and (measurement.value or 0.0) < limit


def _has_stem_of(name: str, evidence: Evidence) -> bool:
    """Return whether an audible stem bears the instrument's own name: 'piano', 'guitar'."""
    wanted = name.rsplit(maxsplit=1)[-1]
    return wanted not in GENERIC and any(
        stem.audible and stem.usable and stem.kind == INSTRUMENT_KIND[name] and stem.name.lower() == wanted
        for stem in evidence.stems.stems
    )
