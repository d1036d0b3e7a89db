"""Section tags such as Verse and Chorus proposed from measured sections, repeated lines and where somebody sings.

Proposing belongs here; tags that are given with the words are read in `reading` and go before.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flamingo_bark_assets.analysis.features.structure import UNSUNG_SHARE, Section
from flamingo_bark_assets.lyrics.phrases import Span, sung_share
from flamingo_bark_assets.lyrics.reading import SectionTag
from flamingo_bark_assets.lyrics.records import LyricsSection
from flamingo_bark_assets.text import plain_words

GIVEN, PROPOSED = "given", "proposed"
REPEATED_SHARE, NEW_SHARE = 0.5, 0.2
_SHORT_SECTION_S = 8.0
"""Sections that are mostly shorter are pieces of verses and choruses: real songs are often cut too finely."""
_SHORT_SECTIONS_FACTOR = 0.6
_BY_FORM: dict[str | None, SectionTag] = {"verse": "Verse", "chorus": "Chorus", "bridge": "Bridge"}
# Own choice: names by form alone are proposals, never sure enough for a text (`records.SURE_TAG`).
_LEAST_BY_FORM, _MOST_BY_FORM = 0.5, 0.55


@dataclass(frozen=True, slots=True)
class SungLine:
    """A line with times, as far as sections need it.

    Attributes:
        text: the line.
        start_s: when it begins.
        tag: the tag that is given with it; None where there is none.
        confidence: of its time; 1 where that is given.
    """

    text: str
    start_s: float
    tag: SectionTag | None = None
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of one section."""

    section: Section
    sung_share: float | None
    lines: tuple[SungLine, ...]
    repeated: float | None
    """Share of its lines that stand in another section too; None without lines."""

    @property
    def is_sung(self) -> bool:
        return bool(self.lines) or (self.sung_share or 0.0) >= UNSUNG_SHARE


@dataclass(frozen=True, slots=True)
class _Proposal:
    tag: SectionTag
    confidence: float
    reason: str


def tag_sections(
    sections: Sequence[Section], phrases: Sequence[Span] | None, lines: Sequence[SungLine]
) -> tuple[LyricsSection, ...]:
    """Return one row a measured section, with its given or proposed tag, or why it has none.

    Args:
        sections: the measured sections in order.
        phrases: the measured phrases; None where nobody knows where the voice sings.
        lines: the lines whose times are known or estimated.
    """
    facts = _facts(sections, phrases, lines)
    lengths = [section.end_s - section.start_s for section in sections]
    factor = _SHORT_SECTIONS_FACTOR if lengths and statistics.median(lengths) < _SHORT_SECTION_S else 1.0
    return tuple(_row(fact, _given(fact), _proposed(i, facts), factor) for i, fact in enumerate(facts))


def _facts(sections: Sequence[Section], phrases: Sequence[Span] | None, lines: Sequence[SungLine]) -> list[_Facts]:
    own = [tuple(ln for ln in lines if s.start_s - 0.5 <= ln.start_s < s.end_s - 0.5) for s in sections]
    texts = [[" ".join(plain_words(line.text)) for line in inside] for inside in own]
    facts = []
    for i, section in enumerate(sections):
        elsewhere = {text for j, found in enumerate(texts) if j != i for text in found}
        repeated = sum(text in elsewhere for text in texts[i]) / len(texts[i]) if texts[i] else None
        share = None if phrases is None else sung_share(phrases, section.start_s, section.end_s)
        facts.append(_Facts(section, share, own[i], repeated))
    return facts


def _given(fact: _Facts) -> SectionTag | None:
    tags = Counter(line.tag for line in fact.lines if line.tag is not None)
    return tags.most_common(1)[0][0] if tags else None


def _row(fact: _Facts, given: SectionTag | None, proposal: _Proposal | str, factor: float) -> LyricsSection:
    section = fact.section
    row = LyricsSection(
        section=section.section, start_s=section.start_s, end_s=section.end_s, tag=None, source=None, confidence=None,
        sung_share=fact.sung_share, reason=proposal if isinstance(proposal, str) else proposal.reason,
    )  # fmt: skip
    if given is not None:
        sure = min(line.confidence for line in fact.lines if line.tag == given)
        return replace(row, tag=given, source=GIVEN, confidence=sure, reason="its lines stand under this tag")
    if isinstance(proposal, str):
        return row
    return replace(row, tag=proposal.tag, source=PROPOSED, confidence=round(factor * proposal.confidence, 3))


def _proposed(i: int, facts: Sequence[_Facts]) -> _Proposal | str:
    """Propose a tag for one section, or say why none can be."""
    fact = facts[i]
    if fact.sung_share is None and not fact.lines:
        return "nobody knows where the voice sings"
    if not fact.is_sung:
        return _unsung(i, facts)
    if fact.repeated is None:
        return _without_words(fact, facts)
    same = [other for other in facts if other.section.label == fact.section.label and other.is_sung]
    if fact.repeated >= REPEATED_SHARE:
        if len(same) > 1:
            return _Proposal("Chorus", 0.8, "its lines return in another section, and it sounds like another one")
        return _Proposal("Chorus", 0.65, "its lines return in another section")
    if fact.repeated > NEW_SHARE:
        return "some of its lines return and some do not"
    if len(same) > 1:
        return _Proposal("Verse", 0.75, "it sounds like another section and has words of its own")
    before = {other.section.label for other in facts[:i] if other.is_sung}
    after = [other for other in facts[i + 1 :] if other.is_sung and other.section.label in before]
    if len(before) > 1 and after and i >= len(facts) / 2:
        return _Proposal("Bridge", 0.5, "it sounds like no other section, late in the song, and an earlier one returns")
    return _Proposal("Verse", 0.5, "its words stand nowhere else")


def _unsung(i: int, facts: Sequence[_Facts]) -> _Proposal:
    if not any(fact.is_sung for fact in facts):
        return _Proposal("Instrumental", 0.8, "nobody sings in the song")
    if not any(fact.is_sung for fact in facts[:i]):
        return _Proposal("Intro", 0.8, "nobody sings before its end")
    if not any(fact.is_sung for fact in facts[i:]):
        return _Proposal("Outro", 0.8, "nobody sings after its start")
    return _Proposal("Instrumental", 0.8, "nobody sings in it")


def _without_words(fact: _Facts, facts: Sequence[_Facts]) -> _Proposal | str:
    """Tell verse from chorus by the form, or by level alone: a chorus is mostly the louder of what returns."""
    name, confidence = fact.section.name, fact.section.name_confidence
    if name in _BY_FORM and fact.section.name_confidence >= _LEAST_BY_FORM:
        why = "its place, its level and what returns suggest it; its words are not known"
        return _Proposal(_BY_FORM[name], min(confidence, _MOST_BY_FORM), why)
    counts = Counter(other.section.label for other in facts if other.is_sung)
    returning = [label for label, count in counts.items() if count > 1]
    if fact.section.label not in returning or len(returning) < 2:
        return "its words are not known"
    levels = {
        label: statistics.mean(f.section.level_db for f in facts if f.is_sung and f.section.label == label)
        for label in returning
    }
    if fact.section.label == max(levels, key=lambda label: levels[label]):
        return _Proposal("Chorus", 0.35, "it returns and is the loudest of what does; its words are not known")
    return _Proposal("Verse", 0.35, "it returns and is not the loudest of what does; its words are not known")
