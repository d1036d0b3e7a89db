"""Where the voice sings, as it was measured.

Phrases as segments of time belong here; which words are sung in them does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.audio.recording import StemSet

MIN_PHRASE_CONFIDENCE = 0.5
"""Below it a phrase is more likely what is left of other instruments than a sung line."""
LONGEST_LINE_S = 15.0
"""What is longer is more than a line: the words between, or the end of the line, are not given."""
LONGEST_BREATH_S = 2.5
"""Longest pause within one line: own choice."""


@dataclass(frozen=True, slots=True)
class Span:
    """A segment of the song, seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Its length."""
        return self.end_s - self.start_s

    def overlap_s(self, start_s: float, end_s: float) -> float:
        """Return how much of it lies in another segment."""
        return max(0.0, min(self.end_s, end_s) - max(self.start_s, start_s))


def sung_phrases(stems: StemSet, vocals: VocalFeatures) -> tuple[Span, ...] | None:
    """Return where the voice sings; none for a silent vocals stem, None where no usable one holds a voice."""
    found = [stem for stem in stems.stems if stem.kind == "vocals" and stem.usable]
    if not found:
        return None
    if not any(stem.audible for stem in found):
        return ()
    if vocals.unusable is not None or vocals.something_else is not None:
        return None
    phrases = [phrase for phrase in vocals.vocal_phrases if phrase.confidence >= MIN_PHRASE_CONFIDENCE]
    return tuple(Span(phrase.start_s, phrase.end_s) for phrase in phrases)


def sung_share(phrases: Sequence[Span], start_s: float, end_s: float) -> float:
    """Return the share of a segment in which the voice sings; of a segment without length, 0 or 1."""
    if end_s <= start_s:
        return float(any(phrase.start_s <= start_s <= phrase.end_s for phrase in phrases))
    return min(1.0, sum(phrase.overlap_s(start_s, end_s) for phrase in phrases) / (end_s - start_s))
