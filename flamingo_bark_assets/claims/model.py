"""Claims as values: what was found in a text and what came of checking it.

Types and table rows belong here; finding, checking and rewriting have modules of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from flamingo_bark_assets.analysis.features.correction import HUMAN, HUMAN_GRID
from flamingo_bark_assets.parts import ANY_PART
from flamingo_bark_assets.record import Row, column, optional_column

ClaimKind = Literal[
    "tempo", "pace", "steadiness", "key", "metre", "kick_pattern", "instrument", "vocals", "singer", "loudness",
    "dynamics", "brightness", "fidelity", "stereo", "noise", "timbre", "duration", "chord", "swing", "syncopation",
    "modulation", "tempo_change", "course", "register", "range", "language",
]  # fmt: skip
Verdict = Literal["agree", "conflict", "unverifiable"]
KEPT = "kept by hand"
"""Verdict of a claim that a person keeps, whatever was measured."""
DROPPED = "dropped by hand"
"""Note of a claim that a person drops, which is a conflict that nobody need look at any more."""
OPEN_CONFLICT = (
    f"verdict = 'conflict' AND coalesce(note, '') <> '{DROPPED}' "
    f"AND coalesce(method, '') NOT IN ('{HUMAN}', '{HUMAN_GRID}')"
)
"""What a person is to decide, in SQL over `claims` and `given_claims`: not what they dropped or measured themselves."""

_EVERYWHERE: frozenset[ClaimKind] = frozenset(
    {"instrument", "vocals", "kick_pattern", "stereo", "fidelity", "modulation", "tempo_change", "course", "duration"}
)


@dataclass(frozen=True, slots=True)
class FoundClaim:
    """A claim as a text makes it.

    Attributes:
        kind: what it is about.
        value: what is claimed, in canonical form: '120', '110 to 120', 'over 160', 'D major', 'minor', 'drums'.
        negated: whether the text denies it ('no drums', 'not fast'; 'instrumental' denies vocals).
        start: offset of the first character of the phrase that makes the claim.
        end: offset behind its last character.
        value_start: offset of the number, key or word in it that would change if the claim did.
        value_end: offset behind it.
        is_local: whether the text says it of a part of the song only ('in the intro').
        numbers: lower and upper bound of a tempo, BPM; infinite bounds where the text gives one only.
    """

    kind: ClaimKind
    value: str
    negated: bool
    start: int
    end: int
    value_start: int
    value_end: int
    is_local: bool = False
    numbers: tuple[float, float] | None = None

    @property
    def statement(self) -> tuple[ClaimKind, str, bool, bool]:
        """What is said, wherever it stands: kind, value, whether denied, whether true of a part of the song only."""
        return (self.kind, self.value, self.negated, self.is_local and not self.holds_everywhere)

    @property
    def holds_everywhere(self) -> bool:
        """Whether what contradicts it contradicts it in each part of the song: a silent stem is silent throughout."""
        return self.kind in _EVERYWHERE and not self.negated


@dataclass(frozen=True, kw_only=True)
class Claim(Row):
    """One claim of one answer, checked against the measurements."""

    TABLE: ClassVar[str] = "claims"
    KEY: ClassVar[tuple[str, ...]] = ("part", "question", "claim")

    part: str = column(f"{ANY_PART}.")
    question: str = column("caption, description, genre, mood or instruments.")
    claim: int = column("Number of the claim in the answer, from 0.")
    kind: str = column(
        "What it is about: tempo, pace, key, metre, instrument, vocals, singer, loudness and others; language for a "
        "text that is not read."
    )
    said: str = column("The phrase that makes the claim, as said.")
    start_char: int = column("Offset of the phrase in the text, characters.")
    end_char: int = column("Offset behind the phrase, characters.")
    claimed: str = column("The claimed value in canonical form; 'not ...' where the text denies it.")
    measured: str | None = optional_column("The measured value; null where nothing was measured or it is unsure.")
    measured_number: float | None = optional_column("The same as a number, in `unit`.")
    unit: str | None = optional_column("Unit of the measured number.")
    verdict: str = column("agree, conflict, unverifiable or, where a person decided so, kept by hand.")
    note: str | None = optional_column(
        "How it agrees ('half tempo', 'relative key'), why it cannot be checked, or that it was dropped by hand."
    )
    method: str | None = optional_column("Method of the measurement that it was checked against.")
    confidence: float | None = optional_column("Confidence of that measurement, 0 to 1.")
