"""Builds, fades and entries, held against the levels of the sections and the activity of the stems.

What happens when in a song belongs here; what holds for the whole of it does not.
"""

from __future__ import annotations

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.claims.lexicon import INSTRUMENT_KIND
from flamingo_bark_assets.claims.verdicts import Case, Judgement, Measured, unverifiable

# Own choice: what rises or falls by less between sections is level; a fade may also hide in a loud last section.
_BUILD_DB, _FADE_DB, _FLAT_DB = 3.0, 6.0, 1.0
_AT_ONCE_S, _LATER_S = 2.0, 8.0


def judge_course(case: Case) -> Judgement:
    """Judge a build or a fade by the sections' levels, an entry by when the drums or the bass begin to sound."""
    value, sections = case.claim.value, case.evidence.song.sections
    if value.endswith(" enter"):
        return _judge_entry(case, value.removesuffix(" enter"))
    levels = [section.level_db for section in sections]
    if len(levels) < 2 or case.part != "mix":
        return unverifiable("no sections whose levels could tell", Measured.nothing())
    step = max(levels) - levels[-1] if value == "fades out" else max(levels[1:]) - levels[0]
    measured = Measured(f"{step:.0f} dB between the sections", step, "dB", "section-levels")
    if step >= (_BUILD_DB if value == "builds" else _FADE_DB):
        return Judgement("agree", None, measured)
    if value == "builds" and step < _FLAT_DB:
        return Judgement("conflict", None, measured)
    return unverifiable("the levels of the sections do not tell", measured)


def _judge_entry(case: Case, instrument: str) -> Judgement:
    match case.evidence.of_stem(INSTRUMENT_KIND[instrument]):
        case DrumFeatures(drum_activity=activity) | BassFeatures(bass_activity=activity) if activity:
            sections = case.evidence.song.sections
            start_s = activity[0].start_s - (sections[0].start_s if sections else 0.0)
        case _:
            return unverifiable("when it begins to sound was not measured", Measured.nothing())
    measured = Measured(f"begins {start_s:.0f} s into the music", start_s, "s", "stem-activity")
    if _AT_ONCE_S <= start_s <= _LATER_S:
        return unverifiable("soon after the start", measured)
    return Judgement("agree" if start_s > _LATER_S else "conflict", None, measured)
