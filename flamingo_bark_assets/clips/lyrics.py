"""Sung words and when they are sung: read from plain text or LRC, and shifted to the time of a clip.

Reading lines and choosing those of a clip belong here; where a song is cut does not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flamingo_bark_assets.clips.grid import Span
from flamingo_bark_assets.text import clean_text

MAX_LINES = 1000
"""Most lines that are read; a song has a hundred or two."""
_MAX_LINE_CHARACTERS = 500
_INSIDE_S = 0.1
_EARLY_S = 0.5
"""Most that a phrase begins before the time that is given for its line."""
_BREATH_S = 0.25
LONGEST_LINE_S = 15.0
"""What is longer is more than a line: the words between, or the end of the line, are not given."""

# LRC: [mm:ss.xx] before a line, several for one that returns; [ar:...] and [offset:...] on lines of their own; the
# enhanced form has <mm:ss.xx> before words.
_TIME = re.compile(r"\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]")
_WORD_TIME = re.compile(r"<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>")
_OFFSET = re.compile(r"\[offset:\s*([+-]?\d{1,7})\s*\]", re.IGNORECASE)
_BRACKETED = re.compile(r"\[[^\[\]]{0,60}\]")


@dataclass(frozen=True, slots=True)
class Line:
    """One sung line.

    Attributes:
        text: one clean line.
        start_s: when it begins in the song; None where nobody says.
        end_s: when it ends; None where nobody says.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None


def read_lyrics(text: str | None, duration_s: float, sung: Sequence[Span] | None = None) -> tuple[Line, ...]:
    """Read the words of a song.

    Lines are clean (`text.clean_text`); section tags such as [Chorus] and tags of LRC are left out. A line with a time
    ends with the last measured phrase that begins before the next line, or else where the next line (or an empty one)
    begins. Where some lines have times, those without one are left out: nobody knows where they belong.

    Args:
        text: plain lines or LRC; anything.
        duration_s: length of the song.
        sung: the measured phrases; None where they are not known.
    """
    shift_s = 0.0
    plain: list[Line] = []
    timed: list[Line] = []
    for raw in (text or "").splitlines()[: 4 * MAX_LINES]:
        if match := _OFFSET.search(raw[:100]):
            shift_s = int(match[1]) / 1000.0  # a positive offset lets lines come sooner
            continue
        times = [_seconds(match) for match in _TIME.finditer(raw[:_MAX_LINE_CHARACTERS])]
        words = _words(raw)
        if times:
            timed += [Line(words, time_s) for time_s in times]
        elif words:
            plain.append(Line(words))
    if not timed:
        return tuple(plain[:MAX_LINES])
    shifted = [replace(line, start_s=max(0.0, (line.start_s or 0.0) - shift_s)) for line in timed[:MAX_LINES]]
    return _with_ends(sorted(shifted, key=lambda line: line.start_s or 0.0), duration_s, sung)


def is_timed(lines: Sequence[Line]) -> bool:
    """Tell whether it is known when the lines are sung."""
    return any(line.start_s is not None for line in lines)


def plain_lyrics(text: str | None) -> str | None:
    """Return all words of a song, one line a line, without times and tags; None where there are none."""
    lines = [line.text for line in read_lyrics(text, math.inf)]
    return "\n".join(lines) or None


def lines_within(lines: Sequence[Line], start_s: float, end_s: float) -> tuple[Line, ...]:
    """Return the lines that are sung wholly inside a part of a song, at the part's own time."""
    return tuple(
        Line(line.text, max(0.0, line.start_s - start_s), min(line.end_s, end_s) - start_s)
        for line in lines
        if line.start_s is not None
        and line.end_s is not None
        and line.start_s >= start_s - _INSIDE_S
        and line.end_s <= end_s + _INSIDE_S
    )


def joined_phrases(sung: Sequence[Span], lines: Sequence[Line]) -> tuple[Span, ...]:
    """Return the measured phrases with those of one given line as one: a breath inside a line is no place to cut it.

    Args:
        sung: the measured phrases in order.
        lines: as `read_lyrics` gives them with these phrases; those without times join nothing.
    """
    spans = list(sung)
    for line in lines:
        if line.start_s is None or line.end_s is None:
            continue
        own = [i for i, span in enumerate(spans) if line.start_s - _EARLY_S <= span.start_s < line.end_s]
        if len(own) > 1 and spans[own[-1]].end_s - spans[own[0]].start_s <= LONGEST_LINE_S:
            spans[own[0] : own[-1] + 1] = [Span(spans[own[0]].start_s, spans[own[-1]].end_s)]
    return tuple(spans)


def given_lines(lines: Sequence[Line]) -> tuple[Span, ...] | None:
    """Return when the lines are sung by their given times alone; None where they have none.

    Where a line ends is not given: it is taken to last until shortly before the next, but never `LONGEST_LINE_S`.
    """
    if not is_timed(lines):
        return None
    return tuple(
        Span(line.start_s, max(line.start_s, min(line.end_s - _BREATH_S, line.start_s + LONGEST_LINE_S)))
        for line in lines
        if line.start_s is not None and line.end_s is not None
    )


def write_lrc(lines: Sequence[Line]) -> str:
    """Write lines with times as LRC."""
    written = []
    for line in lines:
        minutes, hundredths = divmod(round(100 * (line.start_s or 0.0)), 6000)
        written.append(f"[{minutes:02d}:{hundredths // 100:02d}.{hundredths % 100:02d}] {line.text}")
    return "\n".join(written)


def _seconds(match: re.Match[str]) -> float:
    fraction = match[3] or "0"
    return float(60 * int(match[1]) + int(match[2])) + float(f"0.{fraction}")


def _words(raw: str) -> str:
    """Return the words of a line, clean and without tags; '' where it holds none."""
    line = _WORD_TIME.sub("", _TIME.sub("", raw[:_MAX_LINE_CHARACTERS])).strip()
    return clean_text(_BRACKETED.sub(" ", line))


def _with_ends(lines: Sequence[Line], duration_s: float, sung: Sequence[Span] | None) -> tuple[Line, ...]:
    """Find where each line ends; lines without words are the ends of those before, and lines behind the song go."""
    ended = []
    for i, line in enumerate(lines):
        start_s = line.start_s or 0.0
        next_s = next((later.start_s for later in lines[i + 1 :] if (later.start_s or 0.0) > start_s), None)
        until_s = min(duration_s if next_s is None else next_s, duration_s)
        if not line.text or start_s >= duration_s:
            continue
        # A phrase that begins just before the next line is that line's own.
        phrases = [span.end_s for span in sung or () if start_s - _EARLY_S <= span.start_s < until_s - _BREATH_S]
        end_s = min(until_s, max(phrases)) if phrases and max(phrases) > start_s else until_s
        ended.append(replace(line, end_s=end_s))
    return tuple(ended)
