"""What comes of holding one claim against one measurement.

The judgement and the measured value that stands beside it belong here; which claim needs which value does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flamingo_bark_assets.claims.limits import WordLimits
from flamingo_bark_assets.claims.model import FoundClaim, Verdict
from flamingo_bark_assets.descriptions.phrases import Speaker
from flamingo_bark_assets.descriptions.wording import Scale
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import Part
from flamingo_bark_assets.record import Measurement

NOT_OF_STEMS = "measured of the whole song, not of a stem"


@dataclass(frozen=True, slots=True)
class Case:
    """What a claim is checked with."""

    part: Part
    claim: FoundClaim
    evidence: Evidence
    min_confidence: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured value as it stands beside a claim.

    Attributes:
        text: the value, or the word for it; None where there is none.
        number: the same as a number, where it is one.
        unit: its unit.
        method: of the measurement.
        confidence: of the measurement.
    """

    text: str | None
    number: float | None = None
    unit: str | None = None
    method: str | None = None
    confidence: float | None = None

    @classmethod
    def of(
        cls, measurement: Measurement[Any], *, unit: str | None = None, scale: Scale | None = None,
        text: str | None = None,
    ) -> Measured:  # fmt: skip
        """Take over a measurement; an unknown one keeps its method only."""
        value = measurement.value
        if value is None:
            return cls(None, method=measurement.method)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if text is None:
            text = scale.word(value) if scale else f"{round(value, 1):g}" if is_number else str(value)
        number = float(value) if is_number else None
        return cls(text, number, (unit or None) if is_number else None, measurement.method, measurement.confidence)

    @classmethod
    def nothing(cls) -> Measured:
        """Return that nothing was measured that could answer the claim."""
        return cls(None)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What comes of a check: the verdict, why or how, and what was measured."""

    verdict: Verdict
    note: str | None
    measured: Measured


def unverifiable(reason: str, measured: Measured) -> Judgement:
    """Leave a claim open for a reason."""
    return Judgement("unverifiable", reason, measured)


def judged_unsure(measurement: Measurement[Any], min_confidence: float, measured: Measured) -> Judgement | None:
    """Leave a claim open where the measurement is unknown or too unsure; None where it can be trusted."""
    if measurement.value is None:
        return unverifiable(measurement.reason or "not measured", measured)
    if not Speaker(min_confidence).trusts(measurement):
        return unverifiable("the measurement is too unsure", measured)
    return None


def judge_scaled(
    case: Case, measurement: Measurement[float], limits: Mapping[str, WordLimits], *, unit: str = "",
    scale: Scale | None = None,
) -> Judgement:  # fmt: skip
    """Judge a word that is true within limits; between it and its opposite nothing is decided."""
    measured = Measured.of(measurement, unit=unit, scale=scale)
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    holds = limits[case.claim.value].holds(measured.number or 0.0)
    if holds is None:
        return unverifiable("between the word and its opposite", measured)
    return Judgement("agree" if holds else "conflict", None, measured)
