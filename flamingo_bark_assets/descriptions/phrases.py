"""Phrases that know how sure they are: text made from measurements, with the least of their confidences.

The phrase and its combination into sentences belong here; what is said of which part does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flamingo_bark_assets.descriptions.wording import capitalised, listed
from flamingo_bark_assets.record import Measurement

LARGEST_SPOKEN = 1e6


@dataclass(frozen=True, slots=True)
class Phrase:
    """A piece of text.

    Attributes:
        text: not empty.
        confidence: least confidence of the measurements in it, 0 to 1; None where none has one.
    """

    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Speaker:
    """Turns measurements into phrases, and says nothing of what is unknown or too unsure.

    Attributes:
        min_confidence: a measurement with a confidence below it is left out.
        min_tempo_confidence: the same of the tempo, where that is more.
        min_key_confidence: the same of the key.
    """

    min_confidence: float
    min_tempo_confidence: float = 0.0
    min_key_confidence: float = 0.0

    @property
    def of_tempo(self) -> Speaker:
        """Who says nothing of a tempo that is too unsure."""
        return Speaker(max(self.min_confidence, self.min_tempo_confidence))

    @property
    def of_key(self) -> Speaker:
        """The same of a key."""
        return Speaker(max(self.min_confidence, self.min_key_confidence))

    def say(self, words: Callable[..., str | None], *measurements: Measurement[Any]) -> Phrase | None:
        """Make a phrase of one or more values by `words`, which may give None where they do not make any.

        None as well where a value is unknown, too unsure or absurd.
        """
        if not all(self.trusts(measurement) for measurement in measurements):
            return None
        text = words(*(measurement.value for measurement in measurements))
        return Phrase(text, least(m.confidence for m in measurements)) if text else None

    def trusts(self, measurement: Measurement[Any]) -> bool:
        """Tell whether a measurement may be put into words: known, and with a confidence that is high enough."""
        value, confidence = measurement.value, measurement.confidence
        if value is None or confidence is None or not confidence >= self.min_confidence:
            return False
        return not isinstance(value, int | float) or (math.isfinite(value) and abs(value) < LARGEST_SPOKEN)


def least(confidences: Iterable[float | None]) -> float | None:
    """Give the smallest of some confidences, leaving out None; None where nothing is left."""
    return min((c for c in confidences if c is not None), default=None)


def known(phrases: Sequence[Phrase | None]) -> list[Phrase]:
    """Leave out what could not be said."""
    return [phrase for phrase in phrases if phrase is not None]


def join(separator: str, *phrases: Phrase | None) -> Phrase | None:
    """Put phrases behind each other; None where there are none."""
    said = known(phrases)
    return Phrase(separator.join(p.text for p in said), least(p.confidence for p in said)) if said else None


def enumerate_phrases(*phrases: Phrase | None, before: str = "", after: str = "") -> Phrase | None:
    """List phrases as 'a, b and c' between two texts; None where there are none."""
    said = known(phrases)
    if not said:
        return None
    return Phrase(f"{before}{listed([p.text for p in said])}{after}", least(p.confidence for p in said))


def sentence(*clauses: Phrase | None) -> Phrase | None:
    """Make one sentence of whole clauses; None where there are none."""
    said = enumerate_phrases(*clauses, after=".")
    return Phrase(capitalised(said.text), said.confidence) if said else None
