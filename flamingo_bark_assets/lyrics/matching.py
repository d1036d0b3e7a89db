"""Times of given lines from the words of a transcription, where the two say the same.

Matching given words with transcribed ones belongs here; how words are transcribed does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from flamingo_bark_assets.lyrics.transcript import TranscribedSegment, TranscribedWord
from flamingo_bark_assets.text import plain_words

MIN_MATCHED_SHARE = 0.5
"""A line of whose words fewer are found again gets no time."""
MIN_LINES_SHARE = 0.3
"""Where fewer lines get a time the transcription is taken to be of other words, or wrong."""


@dataclass(frozen=True, slots=True)
class MatchedLine:
    """When a given line is sung, by the transcribed words that are its own.

    Attributes:
        start_s: of its first word that was found.
        end_s: of its last word that was found.
        confidence: share of its words that were found, times their mean probability.
        is_clear: whether it was found word for word and stands in both texts equally often, so that no other place of
            the song can be meant.
    """

    start_s: float
    end_s: float
    confidence: float
    is_clear: bool


def match_lines(lines: Sequence[str], segments: Sequence[TranscribedSegment]) -> tuple[MatchedLine | None, ...] | None:
    """Find given lines in a transcript, in order.

    Returns:
        For each line when it is sung, or None where it was not found; None altogether where too few were, or where the
        model gives no times of words.
    """
    timed = [
        word for segment in segments for word in segment.words if word.start_s is not None and word.end_s is not None
    ]
    # A word of the model such as "well-known" is two as words are compared.
    spoken = [(plain, word) for word in timed for plain in plain_words(word.text)]
    said = [plain for plain, _ in spoken]
    given = [(number, word) for number, line in enumerate(lines) for word in plain_words(line)]
    matcher = SequenceMatcher(None, [word for _, word in given], said, autojunk=False)
    found: dict[int, list[TranscribedWord]] = {}
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            found.setdefault(given[block.a + offset][0], []).append(spoken[block.b + offset][1])
    transcript, texts = f" {' '.join(said)} ", [" ".join(plain_words(line)) for line in lines]
    matched = tuple(_line(text, found.get(number, ()), _times_in(text, transcript), texts.count(text))
                    for number, text in enumerate(texts))  # fmt: skip
    count = sum(line is not None for line in matched)
    return matched if count and count >= MIN_LINES_SHARE * len(lines) else None


def _times_in(text: str, transcript: str) -> int:
    """Count how often the words of a line stand in a row in the transcript, also where they overlap by a space."""
    return len(re.findall(f"(?= {re.escape(text)} )", transcript)) if text else 0


def _line(text: str, words: Sequence[TranscribedWord], transcribed: int, given: int) -> MatchedLine | None:
    count = len(text.split())
    if not count or not words or len(words) < MIN_MATCHED_SHARE * count:
        return None
    probability = sum(word.probability for word in words) / len(words)
    return MatchedLine(
        words[0].start_s or 0.0,
        words[-1].end_s or 0.0,
        min(1.0, len(words) / count) * probability,
        len(words) == count and transcribed == given,
    )
