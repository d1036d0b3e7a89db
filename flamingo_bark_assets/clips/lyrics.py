"""Which sung lines lie in a clip, at the clip's own time, and where a song must not be cut because of them.

Choosing among the lines of a song belongs here; where they come from stands in `lyrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.lyrics.reading import BREATH_S, EARLY_S
from flamingo_bark_assets.lyrics.records import LyricsLine

_INSIDE_S = 0.1
LONGEST_LINE_S = 15.0
"""What is longer is more than a line: the words between, or the end of the line, are not given."""


@dataclass(frozen=True, slots=True)
class TimedLine:
    """One sung line and when it is sung, seconds of the song or of the clip."""

    text: str
    start_s: float
    end_s: float


def timed_lines(lines: Sequence[LyricsLine]) -> tuple[TimedLine, ...]:
    """Return the lines of a song whose times are sure enough for clips to carry their words."""
    return tuple(
        TimedLine(line.text, line.start_s, line.end_s)
        for line in lines
        if line.for_clips and line.start_s is not None and line.end_s is not None
    )


def lines_within(lines: Sequence[TimedLine], start_s: float, end_s: float) -> tuple[TimedLine, ...]:
    """Return the lines that are sung wholly inside a part of a song, at the part's own time."""
    return tuple(
        TimedLine(line.text, max(0.0, line.start_s - start_s), min(line.end_s, end_s) - start_s)
        for line in lines
        if line.start_s >= start_s - _INSIDE_S and line.end_s <= end_s + _INSIDE_S
    )


def joined_phrases(sung: Sequence[Span], lines: Sequence[TimedLine]) -> tuple[Span, ...]:
    """Return the measured phrases with those of one line as one: a breath inside a line is no place to cut it.

    Args:
        sung: the measured phrases in order.
        lines: the lines of the song with times, if any.
    """
    spans = list(sung)
    for line in lines:
        own = [i for i, span in enumerate(spans) if line.start_s - EARLY_S <= span.start_s < line.end_s]
        if len(own) > 1 and spans[own[-1]].end_s - spans[own[0]].start_s <= LONGEST_LINE_S:
            spans[own[0] : own[-1] + 1] = [Span(spans[own[0]].start_s, spans[own[-1]].end_s)]
    return tuple(spans)


def given_lines(lines: Sequence[TimedLine]) -> tuple[Span, ...] | None:
    """Return when the lines are sung by their given times alone; None where they have none.

    Where a line ends is not given: it is taken to last until shortly before the next, but never `LONGEST_LINE_S`.
    """
    if not lines:
        return None
    return tuple(
        Span(line.start_s, max(line.start_s, min(line.end_s - BREATH_S, line.start_s + LONGEST_LINE_S)))
        for line in lines
    )


def write_lrc(lines: Sequence[TimedLine]) -> str:
    """Write lines with times as LRC."""
    written = []
    for line in lines:
        minutes, hundredths = divmod(round(100 * line.start_s), 6000)
        written.append(f"[{minutes:02d}:{hundredths // 100:02d}.{hundredths % 100:02d}] {line.text}")
    return "\n".join(written)
