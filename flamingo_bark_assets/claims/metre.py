"""Check a claimed metre against the measured one.

Which metres exclude each other belongs here; finding the claim and the limits of other claims do not.
"""

from __future__ import annotations

from flamingo_bark_assets.claims.verdicts import Judgement, Measured, judged_unsure, unverifiable
from flamingo_bark_assets.evidence import Evidence

_FAMILIES = {
    "duple": frozenset(("2/4", "4/4", "2/2", "duple", "quadruple")),
    "triple": frozenset(("3/4", "3/8", "3/2", "triple")),
    "compound": frozenset(("6/8", "9/8", "12/8", "compound")),
    "odd": frozenset(("5/4", "7/4", "5/8", "7/8", "odd")),
}
_TRIPLET_SWING = 0.6  # off-beats this late make a 4/4 that others write as 12/8


def judge_metre(claimed: str, evidence: Evidence, min_confidence: float) -> Judgement:
    """Judge a claimed metre.

    Duple and triple exclude each other. What only differs in how it is written (2/4 and 4/4, 3/4 and 6/8, a 4/4 with
    triplet swing and 12/8) stays open, and so does an odd metre against any other: too few were held against the truth.
    `claimed` is a time signature, or duple, triple, compound, odd.
    """
    measurement = evidence.song.metre
    measured = Measured.of(measurement)
    if unsure := judged_unsure(measurement, min_confidence, measured):
        return unsure
    said, detected = _family(claimed), _family(str(measurement.value))
    if claimed in {measurement.value, detected}:
        return Judgement("agree", None, measured)
    if said is None or detected is None or "odd" in {said, detected}:
        return unverifiable("a metre that is not told apart", measured)
    swing = evidence.song.swing_ratio.value
    is_shuffle = detected == "duple" and said == "compound" and swing is not None and swing >= _TRIPLET_SWING
    if said == detected or {said, detected} == {"triple", "compound"} or is_shuffle:
        return unverifiable("another way to write the measured metre", measured)
    return Judgement("conflict", None, measured)


def _family(metre: str) -> str | None:
    return next((name for name, metres in _FAMILIES.items() if metre in metres), None)
