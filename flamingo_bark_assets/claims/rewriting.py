"""Rewrite a caption so that it claims nothing that the measurements contradict, in English that stands.

Which sentences change and what takes their place belongs here; the two cuts stand in `cuts`, new sentences in
`restating`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from flamingo_bark_assets.claims.cuts import corrected, cut, is_belied, reads_well
from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.claims.lexicon import FINITE_VERBS
from flamingo_bark_assets.claims.model import Claim, FoundClaim
from flamingo_bark_assets.claims.restating import Statement, restate
from flamingo_bark_assets.claims.tokens import Sentence, plain, split_sentences
from flamingo_bark_assets.descriptions.wording import capitalised

_VOICE_KINDS = frozenset({"vocals", "singer", "register", "range"})
_VOICE = re.compile(
    r"\b(?:he|she|his|hers?|him|himself|herself|vocal\w*|voice[ds]?|sing(?:s|er|ers|ing)?|sang|sung|lyric\w*|"
    r"rap(?:s|ped|pers?|ping)?|ad-?libs?|falsetto|croon\w*|spoken|whisper\w*|words|narrat\w*|choirs?|choral|duet|"
    r"diction)\b",
    re.IGNORECASE,
)
_VOICE_HEADING = re.compile(r"\b(?:vocals?|voices?|lyrics?|lyrical|singers?|singing)\b", re.IGNORECASE)
# A word that tells a quality also where it makes no claim of its own: 'a lo-fi indie-rock piece'.
_SAME_WORD = {
    ("fidelity", "lo-fi"): re.compile(r"\b(?:lo|low)[- ]?fi(?:delity)?\b", re.IGNORECASE),
    ("fidelity", "hi-fi"): re.compile(r"\b(?:hi|high)[- ]?fi(?:delity)?\b", re.IGNORECASE),
    ("noise", "noisy"): re.compile(r"\b(?:hiss\w*|noisy)\b", re.IGNORECASE),
    ("stereo", "mono"): re.compile(r"\bmono(?:phonic|aural)?\b", re.IGNORECASE),
    ("kick_pattern", "four on the floor"): re.compile(r"\b(?:four|4)[- ](?:on|to)[- ]the[- ]floor\b", re.IGNORECASE),
}
_LABEL = re.compile(
    r"(?:[-•*#\d.)\s]{0,6})(?:\*\*)?[A-Z][\w &/'-]{1,40}(?::(?:\*\*)?|\*\* [–—-])\s+(?=\S+ \S+ \S+ \S+ \S)"
)
_HEADING_WORDS = 6
_ROUNDS = 3


@dataclass(slots=True)
class _Unit:
    """A sentence, a heading or a label before a sentence.

    Attributes:
        before: what stands between the unit before and this one.
        text: what is left of it; '' where it is gone.
        start: where it begins in the whole text.
        is_heading: whether it heads what follows.
        line: number of the line that it stands in.
        found: what it claimed.
        original: what it was.
    """

    before: str
    text: str
    start: int
    is_heading: bool
    line: int
    found: list[FoundClaim] = field(default_factory=list)
    original: str = ""

    @property
    def stated(self) -> set[Statement]:
        """What it states as it stands; of what did not change a label before it may have been needed to tell."""
        return {f.statement for f in (self.found if self.text == self.original else find_claims(self.text))}


def rewrite(text: str, claims: Sequence[Claim]) -> str:
    """Take every conflicting claim out of a text, or put the measured value in its place.

    Two cuts are made inside a sentence: a value becomes the measured one (number, key, metre, word for pace), or one
    item or adjective leaves a plain list. Any other sentence with a conflict goes, and so does one that a cut would
    leave in broken English; what else it claimed and nothing contradicts is said anew. A false voice takes everything
    along that tells of a singer or of lyrics. A sentence without a conflict stays as it is, to the character. In the
    new text no conflicting claim is found.
    """
    wrong = {(c.kind, c.start_char, c.end_char): c for c in claims if c.verdict == "conflict"}
    if not wrong:
        return text
    found = list(find_claims(text))
    bad = {f.statement for f in found if (f.kind, f.start, f.end) in wrong}
    # Nobody is told to enter who does not play.
    bad |= {
        ("course", f"{value} enter", False, False)
        for kind, value, negated, _ in bad
        if kind == "instrument" and not negated
    }
    allowed = {f.statement for f in found} - bad
    agreed = {(c.kind, c.start_char, c.end_char) for c in claims if c.verdict == "agree"}
    # What is true of the whole song may be said of it, although the text says it of a part.
    found = [replace(f, is_local=False) if (f.kind, f.start, f.end) in agreed else f for f in found]
    allowed |= {f.statement for f in found} - bad
    units = _units(text, found)
    is_voiceless = any(kind == "vocals" and not negated for kind, _, negated, _ in bad)
    words = [(fact[0], pattern) for fact, pattern in _SAME_WORD.items() if (*fact, False, False) in bad]
    if is_voiceless:
        _drop_voice_passages(units)
    for unit in units:
        if unit.text and not unit.is_heading:
            unit.text = _sentence(unit, wrong, allowed, [*words, *([("vocals", _VOICE)] if is_voiceless else [])])
    _drop_empty_headings(units)
    return _checked(units, allowed, is_voiceless=is_voiceless)


def _units(text: str, found: Sequence[FoundClaim]) -> list[_Unit]:
    units: list[_Unit] = []
    behind, line, has_lines = 0, 0, "\n" in text.strip()
    for sentence in split_sentences(text):
        before, said, start = text[behind : sentence.start], text[sentence.start : sentence.end], sentence.start
        line += before.count("\n")
        label = _LABEL.match(said) if not before.strip(" ") or "\n" in before else None
        if label and ("**" in said or _VOICE_HEADING.search(label.group()) or _has_verb(sentence, start + label.end())):
            units.append(_Unit(before, label.group().rstrip(), start, True, line))
            before, said, start = label.group()[len(label.group().rstrip()) :], said[label.end() :], start + label.end()
        is_short = len(sentence.tokens) <= _HEADING_WORDS and not re.search(r":\W*\w", said)
        is_heading = has_lines and is_short and _is_line(text, sentence.start, sentence.end)
        # The number of an item: '2. Vocals: soft.'
        is_heading = is_heading or all(token.text.isdigit() for token in sentence.tokens)
        unit = _Unit(before, said, start, is_heading and start == sentence.start, line)
        unit.original = said
        unit.found = [f for f in found if start <= f.start < sentence.end]
        units.append(unit)
        behind = sentence.end
    if units and text[behind:].strip():
        units[-1].text += text[behind:].rstrip()
    return units


def _has_verb(sentence: Sentence, start: int) -> bool:
    return any(token.lower in FINITE_VERBS for token in sentence.tokens if token.start >= start)


def _is_line(text: str, start: int, end: int) -> bool:
    """Return whether a sentence without a full stop is a line by itself."""
    ends = text[end:].lstrip(" *:_")
    return (
        text[end - 1] not in ".!?" and (not ends or ends[0] == "\n") and text[:start].rstrip(" *_#")[-1:] in {"", "\n"}
    )


def _drop_voice_passages(units: Sequence[_Unit]) -> None:
    """Drop what stands under a heading about the voice, and paragraphs that mostly tell of it."""
    is_of_voice = False
    heading_line = -1
    for unit in units:
        if unit.is_heading:
            is_of_voice, heading_line = bool(_VOICE_HEADING.search(unit.text)), unit.line
        elif is_of_voice and unit.line > heading_line + 1 and "\n\n" in unit.before:
            is_of_voice = False
        if is_of_voice:
            unit.text = ""
    for line in {unit.line for unit in units}:
        sentences = [unit for unit in units if unit.line == line and not unit.is_heading]
        telling = [unit for unit in sentences if _VOICE.search(unit.text)]
        if len(sentences) > 1 and 3 * len(telling) > 2 * len(sentences) and len(units) > len(sentences):
            for unit in sentences:
                unit.text = ""


def _sentence(
    unit: _Unit, wrong: dict[tuple[str, int, int], Claim], allowed: set[Statement],
    words: Sequence[tuple[str, re.Pattern[str]]],
) -> str:  # fmt: skip
    """Return what becomes of one sentence; '' where it goes."""
    conflicts = [(f, wrong[f.kind, f.start, f.end]) for f in unit.found if (f.kind, f.start, f.end) in wrong]
    if not conflicts and not any(word.search(unit.text) for _, word in words):
        return unit.text
    draft, was_corrected = unit.text, []
    for claim, row in reversed(conflicts):
        if any(other.kind == claim.kind != "pace" and other.value != claim.value for other, _ in conflicts):
            continue  # of two different keys or numbers only one could be the song's
        shown = corrected(draft, claim, row, unit.start)
        if shown is not None:
            draft, new = shown
            allowed.add(new)
            was_corrected.append(row)
    if any(is_belied(draft, row) for row in was_corrected):
        return ""
    for _ in range(len(conflicts) + 2):
        left = [f for f in find_claims(draft) if f.statement not in allowed]
        if not left and not any(word.search(plain(draft)) for _, word in words):
            break
        if left:
            f = left[0]
            shorter = cut(draft, f.start, f.end, (f.value_start, f.value_end), f.kind, is_denial=f.negated)
        else:
            kind, match = next((kind, m) for kind, word in words if (m := word.search(plain(draft))))
            shorter = cut(draft, match.start(), match.end(), match.span(), kind, is_denial=False)
        if shorter is None:
            return ""
        draft = shorter
    else:
        return ""
    return draft if draft == unit.text or reads_well(draft, unit.text) else ""


def _drop_empty_headings(units: Sequence[_Unit]) -> None:
    """Drop a heading with nothing left under it."""
    for i, unit in enumerate(units):
        if unit.is_heading and unit.text:
            under = list(takewhile(lambda other: not other.is_heading, units[i + 1 :]))
            if under and not any(other.text for other in under):
                unit.text = ""


def _checked(units: Sequence[_Unit], allowed: set[Statement], *, is_voiceless: bool) -> str:
    """Put the text together with what is said anew, and drop what still claims something false."""
    if is_voiceless:
        allowed = {statement for statement in allowed if statement[0] not in _VOICE_KINDS}
    for _ in range(_ROUNDS):
        text = _assembled(units, allowed)
        false = {f.statement for f in find_claims(text) if f.statement not in allowed}
        if not false:
            return text
        for unit in units:
            if any(f.statement in false for f in find_claims(unit.text)):
                unit.text = ""
    return " ".join(restate(dict.fromkeys(f.statement for u in units for f in u.found if f.statement in allowed)))


def _assembled(units: Sequence[_Unit], allowed: set[Statement]) -> str:
    """Put sentences together again; facts that were lost are said where their sentence stood."""
    said = set().union(*(unit.stated for unit in units if unit.text))
    pending: list[Statement] = []
    text, gap, is_heading = "", "", False
    for i, unit in enumerate(units):
        lost = [f.statement for f in unit.found if f.statement in allowed and f.statement not in said]
        pending += [statement for statement in dict.fromkeys(lost) if statement not in pending]
        gap = unit.before if unit.before.count("\n") >= gap.count("\n") else gap
        if unit.text:
            label = units[i - 1] if i else unit
            has_lost_label = label.is_heading and not label.text and label.line == unit.line
            text += (_separator(gap) if text else gap if gap.strip() else "") + (
                capitalised(unit.text) if has_lost_label else unit.text
            )
            gap, is_heading = "", unit.is_heading
        is_last = i + 1 == len(units)
        if pending and (is_last or (units[i + 1].line != unit.line and text and not is_heading)):
            anew = " ".join(restate(pending))
            said.update(pending)
            pending = []
            text += f" {anew}" if text and anew else anew
    return text.strip()


def _separator(gap: str) -> str:
    """Keep one of the separators that stood between two sentences: the largest break, with its bullet."""
    if "\n" in gap:
        bullet = gap.rpartition("\n")[2]
        return ("\n\n" if "\n\n" in gap else "\n") + (bullet if bullet.strip() else "")
    return gap if gap.strip() else gap[:1] or " "
