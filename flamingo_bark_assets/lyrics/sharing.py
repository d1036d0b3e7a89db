"""Lines without times shared out over the measured phrases of the voice: an estimate, in order and never crossing.

The alignment and whether it is plausible belong here; what the estimate is used for does not.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.lyrics.phrases import LONGEST_BREATH_S, LONGEST_LINE_S, Span

# Fast rap has ten syllables a second; a syllable that is held for longer than this on average is no line of words.
MIN_SYLLABLE_S, MAX_SYLLABLE_S = 0.1, 1.5
MAX_LINES_A_PHRASE = 4
"""Measured phrases that would each hold more lines than this are not those of these words."""
_MOST_PHRASES = 4
_SPREAD = 0.35
"""Standard deviation of the logarithm of a line's seconds a syllable, as sung lines of one song differ."""
_CLEAR_FACTOR = 1.8
"""In a clear alignment each line is one phrase, and its pace within this factor of the song's."""
_CLEAR_CONFIDENCE, _VAGUE_CONFIDENCE = 0.6, 0.3
_MIN_CLEAR_LINES = 2
_ROUNDING = 1e-6
_LEFT_OVER, _UNSUNG = -1, -2

# The vowels of Latin, Greek and Cyrillic letters without their marks; a run of them is one syllable.
_VOWELS = re.compile(r"[aeiouyæœøıαεηιουωаеёиоуыэюяєі]+")
_SINGLE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # a character is about a syllable
_WORDS = re.compile(r"[^\W\d_]+")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SharedOut:
    """Lines with estimated times, or why there is no estimate.

    Attributes:
        spans: one a line, in order, none beginning before the one before ends; empty where there is no estimate.
        confidence: at most 0.6: nobody said when these lines are sung.
        is_clear: whether every line is exactly one phrase and as long as its syllables let expect.
        reason: why there is no estimate; None where there is one.
    """

    spans: tuple[Span, ...] = ()
    confidence: float = 0.0
    is_clear: bool = False
    reason: str | None = None


def share_out(lines: Sequence[str], phrases: Sequence[Span]) -> SharedOut:
    """Estimate when plain lines are sung.

    Each line is given one phrase or up to four in a row, or up to four lines share one; phrases may be left over
    (what is hummed, or not written down), lines may not. Of all such alignments that keep the order the one is taken in
    which the time for a syllable differs least from line to line.

    Args:
        lines: all lines of the song in the order in which they are sung.
        phrases: the measured phrases in order.
    """
    if not lines or not phrases:
        return SharedOut(reason="nobody was measured to sing" if lines else "there are no lines")
    syllables = [syllables_in(line) for line in lines]
    sung_s = sum(phrase.duration_s for phrase in phrases)
    pace_s = sung_s / sum(syllables)
    if len(lines) > MAX_LINES_A_PHRASE * len(phrases):
        return SharedOut(
            reason=f"{len(lines)} lines cannot be sung in {len(phrases)} phrases of {sung_s:.0f} s together"
        )
    if not MIN_SYLLABLE_S <= pace_s <= MAX_SYLLABLE_S:
        shown = f"{sum(syllables)} syllables in {sung_s:.0f} s of singing"
        return SharedOut(
            reason=f"{shown}: {pace_s:.2f} s each; {MIN_SYLLABLE_S:g} to {MAX_SYLLABLE_S:g} s is plausible"
        )
    blocks = _align(syllables, phrases, pace_s, _LIKELY)
    if blocks is None:
        return SharedOut(reason=f"{len(lines)} lines do not fit {len(phrases)} phrases in order")
    spans = [span for block in blocks for span in block.spans(syllables, phrases)]
    deviations = [abs(math.log(block.pace_s(syllables, phrases) / pace_s)) for block in blocks]
    likeness = math.exp(-math.sqrt(sum(value * value for value in deviations) / len(deviations)))
    is_clear = (
        len(lines) == len(phrases) == len(blocks)
        and len(lines) >= _MIN_CLEAR_LINES
        and max(deviations) <= math.log(_CLEAR_FACTOR)
        and _align(syllables, phrases, pace_s, _DOUBT) == blocks
    )
    return SharedOut(tuple(spans), (_CLEAR_CONFIDENCE if is_clear else _VAGUE_CONFIDENCE) * likeness, is_clear)


def syllables_in(text: str) -> int:
    """Estimate the syllables of a line by its runs of vowels; at least 1."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    words = _WORDS.findall(_SINGLE.sub(" ", unicodedata.normalize("NFC", plain)))
    return max(1, len(_SINGLE.findall(text)) + sum(max(1, len(_VOWELS.findall(word))) for word in words))


@dataclass(frozen=True, slots=True)
class _Costs:
    """What departing from a phrase a line costs, as a negative log-likelihood.

    Attributes:
        left_over: a phrase without a line.
        joined: each line or phrase more in a block.
        unsung: a line without a phrase; only to doubt an alignment, as every line shall have its time.
    """

    left_over: float
    joined: float
    unsung: float = math.inf


_LIKELY = _Costs(left_over=6.0, joined=2.0)
# Equal counts may be chance: a breath inside one line, and another that was not measured. An alignment is doubted once
# such a story fits the lengths just a little better.
_DOUBT = _Costs(left_over=1.0, joined=0.5, unsung=1.0)


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines and phrases that belong together: one of either at least, several of one of them at most."""

    first_line: int
    lines: int
    first_phrase: int
    phrases: int

    def spans(self, syllables: Sequence[int], phrases: Sequence[Span]) -> list[Span]:
        """Return one segment a line; lines that share a phrase share it by their syllables."""
        own = phrases[self.first_phrase : self.first_phrase + self.phrases]
        if self.lines == 1:
            return [Span(own[0].start_s, own[-1].end_s)]
        counts = syllables[self.first_line : self.first_line + self.lines]
        scale = own[0].duration_s / sum(counts)
        borders = [own[0].start_s, *(own[0].start_s + scale * total for total in accumulate(counts))]
        return [Span(start, end) for start, end in pairwise(borders)]

    def pace_s(self, syllables: Sequence[int], phrases: Sequence[Span]) -> float:
        """Return the singing time for a syllable."""
        own = phrases[self.first_phrase : self.first_phrase + self.phrases]
        sung_s = max(1e-3, sum(phrase.duration_s for phrase in own))
        return sung_s / sum(syllables[self.first_line : self.first_line + self.lines])


# Lines and phrases that a block may hold, and what joining them costs.
_MOVES: tuple[tuple[int, int], ...] = (
    (1, 1), *((1, count) for count in range(2, _MOST_PHRASES + 1)),
    *((count, 1) for count in range(2, MAX_LINES_A_PHRASE + 1)),
)  # fmt: skip


def _align(syllables: Sequence[int], phrases: Sequence[Span], pace_s: float, costs: _Costs) -> list[_Block] | None:
    """Find the alignment that costs least; None where there is none.

    The cost is a negative log-likelihood: of the pace of each block, of joining lines or phrases, of phrases that are
    left over. It is found row by row, a line each, by dynamic programming.
    """
    lines, count = len(syllables), len(phrases)
    best = np.full((lines + 1, count + 1), np.inf)
    move = np.full((lines + 1, count + 1), _LEFT_OVER, np.int8)
    skipped = costs.left_over * np.arange(count + 1)
    best[0, 0] = 0.0
    joined = {used: _joined(phrases, used) for _, used in _MOVES}
    for i in range(lines + 1):
        through = np.minimum.accumulate(best[i] - skipped) + skipped
        left_over = through < best[i] - _ROUNDING
        move[i, left_over] = _LEFT_OVER
        best[i, left_over] = through[left_over]
        if i < lines and math.isfinite(costs.unsung):
            unsung = best[i] + costs.unsung < best[i + 1]
            best[i + 1, unsung] = best[i, unsung] + costs.unsung
            move[i + 1, unsung] = _UNSUNG
        for number, (own, used) in enumerate(_MOVES):
            if i + own > lines or used > count:
                continue
            log_s, extra = joined[used]
            deviation = (log_s - math.log(pace_s * sum(syllables[i : i + own]))) / _SPREAD
            cost = best[i, : count + 1 - used] + 0.5 * deviation**2 + extra + costs.joined * (own + used - 2)
            better = cost < best[i + own, used:]
            best[i + own, used:][better] = cost[better]
            move[i + own, used:][better] = number
    return _traced(move, lines, count) if np.isfinite(best[-1, -1]) else None


def _joined(phrases: Sequence[Span], used: int) -> tuple[Floats, Floats]:
    """Return, for each row of `used` phrases, the logarithm of their singing time and what their breaths cost."""
    starts = np.array([phrase.start_s for phrase in phrases])
    ends = np.array([phrase.end_s for phrase in phrases])
    rows = len(phrases) + 1 - used
    if rows <= 0:
        return np.zeros(0), np.zeros(0)
    sung_s = sum(ends[k : k + rows] - starts[k : k + rows] for k in range(used))
    breaths = [starts[k + 1 : k + 1 + rows] - ends[k : k + rows] for k in range(used - 1)]
    cost = np.zeros(rows) + sum(breaths)
    if used > 1:
        cost[np.max(breaths, axis=0) > LONGEST_BREATH_S] = np.inf
        cost[ends[used - 1 :] - starts[:rows] > LONGEST_LINE_S] = np.inf
    return np.log(np.maximum(sung_s, 1e-3)), cost


def _traced(move: NDArray[np.int8], i: int, j: int) -> list[_Block]:
    blocks: list[_Block] = []
    while i:
        number = int(move[i, j])
        if number < 0:
            i, j = (i - 1, j) if number == _UNSUNG else (i, j - 1)
            continue
        lines, used = _MOVES[number]
        i, j = i - lines, j - used
        blocks.append(_Block(i, lines, j, used))
    return blocks[::-1]
