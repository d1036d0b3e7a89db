"""Which sung lines lie in a clip, how they are written for it, and where a song must not be cut because of them.

Choosing among the lines of a song belongs here; where they come from stands in `lyrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flamingo_bark_assets.lyrics.phrases import LONGEST_LINE_S, Span
from flamingo_bark_assets.lyrics.reading import BREATH_S, EARLY_S
from flamingo_bark_assets.lyrics.records import SURE_TAG, LyricsLine, LyricsSection

_INSIDE_S = 0.1
_MIN_UNSUNG_S = 4.0


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


def lies_within(line: LyricsLine, start_s: float, end_s: float) -> bool:
    """Tell whether a line is known to be sung wholly inside a part of a song."""
    return (
        line.for_clips
        and line.start_s is not None
        and line.end_s is not None
        and line.start_s >= start_s - _INSIDE_S
        and line.end_s <= end_s + _INSIDE_S
    )


def unsure_beside(inner: Sequence[LyricsLine], lines: Sequence[LyricsLine]) -> LyricsLine | None:
    """Return a line that may be sung in a clip too, as it stands among or beside its lines and has no sure time.

    Args:
        inner: the lines that lie in the clip, at least one.
        lines: all lines of the song, in order.
    """
    first, last = inner[0].line, inner[-1].line
    return next((line for line in lines if first - 1 <= line.line <= last + 1 and not line.for_clips), None)


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


def write_lrc(lines: Sequence[LyricsLine], start_s: float) -> str | None:
    """Write lines as LRC at the time of a clip that begins at `start_s`; None where one has no sure time."""
    timed = timed_lines(lines)
    if len(timed) < len(lines) or not lines:
        return None
    written = []
    for line in timed:
        minutes, hundredths = divmod(round(100 * max(0.0, line.start_s - start_s)), 6000)
        written.append(f"[{minutes:02d}:{hundredths // 100:02d}.{hundredths % 100:02d}] {line.text}")
    return "\n".join(written)


def with_section_tags(
    lines: Sequence[LyricsLine], sections: Sequence[LyricsSection], start_s: float, end_s: float
) -> str | None:
    """Write lines under section tags such as ``[Verse]``, with tags of their own for sections without a voice.

    Args:
        lines: those of the clip, in order.
        sections: of the song; those without a voice that lie in the clip are named where all lines have sure tags.
        start_s: start of the clip.
        end_s: its end.

    Returns:
        None where no tag is sure, or where a line without a sure one would stand under that of another section.
    """
    written: list[str] = []
    unsung = [s for s in sections if _is_unsung(s, start_s, end_s)] if all(map(_is_sure, lines)) else []
    stanza = None
    for line in lines:
        while unsung and line.start_s is not None and unsung[0].start_s < line.start_s:
            written += _heading(unsung.pop(0).tag, written)
            stanza = None
        if not _is_sure(line):
            if written and written[0].startswith("["):
                return None
        elif (line.stanza, line.section_tag) != stanza:
            stanza = line.stanza, line.section_tag
            if written and not written[0].startswith("["):
                return None
            written += _heading(line.section_tag, written)
        written.append(line.text)
    for section in unsung:
        written += _heading(section.tag, written)
    return "\n".join(written) if written and written[0].startswith("[") else None


def _is_sure(line: LyricsLine) -> bool:
    return line.section_tag is not None and (line.section_confidence or 0.0) >= SURE_TAG


def _is_unsung(section: LyricsSection, start_s: float, end_s: float) -> bool:
    """Tell whether a section is surely without a voice and lies in a clip long enough to be heard as one."""
    if section.tag not in {"Intro", "Outro", "Instrumental"} or (section.confidence or 0.0) < SURE_TAG:
        return False
    return Span(section.start_s, section.end_s).overlap_s(start_s, end_s) >= _MIN_UNSUNG_S


def _heading(tag: str | None, written: Sequence[str]) -> list[str]:
    """Return a tag as a line of its own; none where the line before is the same."""
    heading = f"[{tag}]"
    return [] if written and written[-1] == heading else [heading]
