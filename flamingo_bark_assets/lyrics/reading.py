"""Given words read from plain text or LRC: lines, times of lines and of words, and section tags.

Reading belongs here; which lines are sung in a clip, and what is estimated or transcribed, does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, get_args

from flamingo_bark_assets.lyrics.phrases import LONGEST_BREATH_S, LONGEST_LINE_S, Span
from flamingo_bark_assets.text import clean_text

MAX_LINES = 1000
"""Most lines that are read; a song has a hundred or two."""
_MAX_LINE_CHARACTERS = 500
EARLY_S = 0.5
"""Most that a phrase begins before the time that is given for its line."""
BREATH_S = 0.25

SectionTag = Literal["Verse", "Chorus", "Bridge", "Intro", "Outro", "Instrumental"]
SECTION_TAGS: tuple[SectionTag, ...] = get_args(SectionTag)
# What writers of lyrics call them besides.
_TAG_WORDS: dict[str, SectionTag] = {
    **{tag.lower(): tag for tag in SECTION_TAGS},
    "refrain": "Chorus", "hook": "Chorus", "break": "Instrumental", "interlude": "Instrumental",
    "solo": "Instrumental", "ending": "Outro", "coda": "Outro", "strophe": "Verse", "middle": "Bridge",
}  # fmt: skip
# Sections of other kinds, which end the one before.
_OTHER_TAGS = frozenset({"pre", "prechorus", "post", "tag", "vamp", "rap", "spoken"})

# LRC: [mm:ss.xx] before a line, several for one that returns; [ar:...] and [offset:...] on lines of their own; the
# enhanced form has <mm:ss.xx> before words.
_TIME = re.compile(r"\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]")
_WORD_TIME = re.compile(r"<(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?>")
_OFFSET = re.compile(r"\[offset:\s*([+-]?\d{1,7})\s*\]", re.IGNORECASE)
_BRACKETED = re.compile(r"\[([^\[\]]{0,60})\]")
# Of an LRC file, not of its song: artist, title, album, author, maker, program, length.
_ABOUT_FILE = re.compile(r"(?:ar|ti|al|au|by|re|ve|la|id|lr|tool|length)\s*:", re.IGNORECASE)
_LETTERS = re.compile(r"[a-z]+")
# "x2", "(2x)", "2 times": the line is sung more often than it stands there.
_AGAIN = re.compile(r"(?:^|[\s(\[])(?:x\s?\d{1,2}|\d{1,2}\s?x|repeat)(?:$|[\s)\]])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Word:
    """One sung word, or several that share one time.

    Attributes:
        text: without white space around it.
        start_s: when it begins; None where nobody says.
        end_s: when it ends; None where nobody says.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One sung line.

    Attributes:
        text: one clean line.
        start_s: when it begins in the song; None where nobody says.
        end_s: when it ends; None where nobody says.
        tag: the section tag that it stands under; None where there is none.
        stanza: number of the section tags before it, so that two sections of one tag are told apart.
        words: its words with times; empty where only the line has one.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None
    tag: SectionTag | None = None
    stanza: int = 0
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenLyrics:
    """The words of a song as they are given.

    Attributes:
        lines: in the order in which they are sung, as far as that is known.
        unwritten_repeats: why more is sung than is written, such as a ``[Chorus]`` without words; None where nothing
            shows it.
        left_out: how many lines were left out and why; None where none was.
    """

    lines: tuple[Line, ...] = ()
    unwritten_repeats: str | None = None
    left_out: str | None = None


def read_lyrics(text: str | None, duration_s: float, sung: Sequence[Span] | None = None) -> GivenLyrics:
    """Read the words of a song.

    Lines are clean (`text.clean_text`); section tags such as [Chorus] are kept beside them, tags of LRC are left out. A
    line with a time ends with the last measured phrase that begins before the next line, or else where the next line
    (or an empty one) begins; nothing ends the last one but a pause or its length, as more may be sung than is written.
    Where some lines have times, those without one are left out: nobody knows where they belong.

    Args:
        text: plain lines or LRC; anything.
        duration_s: length of the song.
        sung: the measured phrases; None where they are not known.
    """
    reader = _Reader()
    for raw in (text or "").splitlines()[: 4 * MAX_LINES]:
        reader.read(raw)
    if not reader.timed:
        left_out = _left_out({f"more than {MAX_LINES} are not read": len(reader.plain) - MAX_LINES})
        return GivenLyrics(tuple(reader.plain[:MAX_LINES]), reader.unwritten_repeats(), left_out)
    shifted = [_shifted(line, reader.shift_s) for line in reader.timed[:MAX_LINES]]
    left_out = _left_out(
        {
            "their time is behind the end of the song": sum(
                bool(line.text) and (line.start_s or 0.0) >= duration_s for line in shifted
            ),
            "only other lines have times": len(reader.plain),
            f"more than {MAX_LINES} are not read": len(reader.timed) - MAX_LINES,
        }
    )
    lines = _with_ends(sorted(shifted, key=lambda line: line.start_s or 0.0), duration_s, sung)
    return GivenLyrics(lines, left_out=left_out)


def _left_out(lines: Mapping[str, int]) -> str | None:
    told = [f"{count} left out, as {why}" for why, count in lines.items() if count > 0]
    return f"of the given lines {', '.join(told)}" if told else None


def is_timed(lines: Sequence[Line]) -> bool:
    """Tell whether it is known when the lines are sung."""
    return any(line.start_s is not None for line in lines)


class _Reader:
    """The lines of a text while they are read."""

    def __init__(self) -> None:
        self.plain: list[Line] = []
        self.timed: list[Line] = []
        self.shift_s = 0.0
        self._tag: SectionTag | None = None
        self._stanza = 0
        self._words_since_tag = True
        self._again: str | None = None

    def read(self, raw: str) -> None:
        """Read one line of the text."""
        if match := _OFFSET.search(raw[:100]):
            self.shift_s = int(match[1]) / 1000.0  # a positive offset lets lines come sooner
            return
        raw = raw[:_MAX_LINE_CHARACTERS]
        times = [_seconds(match) for match in _TIME.finditer(raw)]
        untimed = _TIME.sub("", raw).strip()
        text = _clean(untimed)
        if not text and (named := _BRACKETED.search(untimed)):
            self._begin(named[1])
        if not times and not text:
            return
        if text:
            self._words_since_tag = True
            if _AGAIN.search(untimed):
                self._again = self._again or f"'{text[:40]}' is marked as sung more than once"
        for time_s in times:
            self.timed.append(Line(text, time_s, None, self._tag, self._stanza, _words(untimed)))
        if not times:
            self.plain.append(Line(text, None, None, self._tag, self._stanza))

    def _begin(self, name: str) -> None:
        """Begin a section where brackets name one; all else in brackets is no section."""
        if _ABOUT_FILE.match(name):
            return
        letters = _LETTERS.findall(name.lower())[:3]
        tag = next((_TAG_WORDS[word] for word in letters if word in _TAG_WORDS), None)
        other = next((word for word in letters if word in _OTHER_TAGS), None)
        if tag is None and other is None:
            if _AGAIN.search(f"[{name}]"):
                self._again = self._again or f"[{clean_text(name)}] says that something is sung again"
            return
        self._note_empty()
        self._tag = None if other else tag
        self._stanza += 1
        self._words_since_tag = False

    def _note_empty(self) -> None:
        if not self._words_since_tag and self._tag in {"Verse", "Chorus", "Bridge"}:
            self._again = self._again or f"[{self._tag}] stands there without its words"

    def unwritten_repeats(self) -> str | None:
        """Say why more is sung than is written."""
        self._note_empty()
        return self._again


def _seconds(match: re.Match[str]) -> float:
    fraction = match[3] or "0"
    return float(60 * int(match[1]) + int(match[2])) + float(f"0.{fraction}")


def _clean(untimed: str) -> str:
    """Return the words of a line, clean and without tags; '' where it holds none."""
    return clean_text(_BRACKETED.sub(" ", _WORD_TIME.sub("", untimed)))


def _words(untimed: str) -> tuple[Word, ...]:
    """Return the words of a line in the enhanced form; what stands before its first time has none and is left out."""
    marks = list(_WORD_TIME.finditer(untimed))
    found: list[Word] = []
    for mark, after in pairwise([*marks, None]):
        assert mark is not None
        text = _clean(untimed[mark.end() : after.start() if after else len(untimed)])
        end_s = _seconds(after) if after else None
        if text:
            found.append(Word(text, _seconds(mark), end_s))
    ascending = all(before.start_s <= after.start_s for before, after in pairwise(found)
                    if before.start_s is not None and after.start_s is not None)  # fmt: skip
    return tuple(found) if ascending else ()


def _shifted(line: Line, shift_s: float) -> Line:
    def earlier(time_s: float | None) -> float | None:
        return None if time_s is None else max(0.0, time_s - shift_s)

    words = tuple(Word(word.text, earlier(word.start_s), earlier(word.end_s)) for word in line.words)
    return replace(line, start_s=earlier(line.start_s), words=words)


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
        if next_s is None:
            until_s = min(until_s, start_s + LONGEST_LINE_S)
        phrases = [span for span in sung or () if start_s - EARLY_S <= span.start_s < until_s - BREATH_S]
        last_s = max((span.end_s for span in (phrases if next_s else _in_one_breath(phrases))), default=start_s)
        end_s = min(until_s, last_s) if last_s > start_s else until_s
        ended.append(replace(line, end_s=end_s, words=_words_within(line, start_s, end_s)))
    return tuple(ended)


def _in_one_breath(phrases: Sequence[Span]) -> list[Span]:
    """Return the phrases up to the first pause that is too long within a line."""
    phrases = sorted(phrases, key=lambda phrase: phrase.start_s)
    pause = next((i for i, (a, b) in enumerate(pairwise(phrases), 1) if b.start_s - a.end_s > LONGEST_BREATH_S), None)
    return phrases[:pause]


def _words_within(line: Line, start_s: float, end_s: float) -> tuple[Word, ...]:
    """Return the words of a line, each ended within it; none where they lie outside (a line that returns)."""
    words = line.words
    if not words or (words[0].start_s or 0.0) < start_s - EARLY_S or (words[-1].start_s or 0.0) > end_s:
        return ()
    return tuple(replace(word, end_s=min(word.end_s if word.end_s is not None else end_s, end_s)) for word in words)
