"""What a verification finds: findings with rule, severity, file and row, and the table of rules.

The values belong here, and how findings are gathered; what is looked for stands with each check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.terminal import visible
from flamingo_bark_assets.verification.rules import RULES

Severity = Literal["fails", "silent"]

_MAX_MESSAGE_CHARACTERS = 500
_MAX_FILE_CHARACTERS = 1000
MAX_FINDINGS_OF_A_RULE = 1000
"""Of each rule so many findings are kept, so that memory stays flat; the others are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that would fail, or train badly in silence.

    Attributes:
        rule: its name, one of `RULES`.
        severity: "fails" where the trainer stops, "silent" where it goes on and trains on something else.
        file: the file, relative to the export's folder; "." where it is the whole folder.
        row: line of a text file, row of a table, entry of a list or member of an archive, from 1; None for the file
            as a whole.
        message: what is wrong and what the trainer would do, one line.
    """

    rule: str
    severity: Severity
    file: str
    row: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of the verification of one export.

    Attributes:
        folder: the folder.
        target: name of the layout that it was read as.
        clips: number of rows that the trainer would read, over all splits.
        findings: sorted by file, row and rule.
        left_out: number of findings that are counted and not listed, by rule.
        seconds: time that it took.
    """

    folder: Path
    target: str
    clips: int
    findings: tuple[Finding, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def exit_status(self) -> int:
        """0 where nothing was found, else 1."""
        return 0 if self.is_clean else 1


class Findings:
    """Gathers findings; the same one is kept once."""

    def __init__(self) -> None:
        self._kept: dict[Finding, None] = {}
        self._count: dict[str, int] = {}
        self.left_out: dict[str, int] = {}

    @property
    def count(self) -> int:
        """How many were found, those included that are not kept."""
        return sum(self._count.values())

    def add(self, rule: str, file: str, row: int | None, message: str, *, severity: Severity | None = None) -> None:
        """Keep a finding.

        Args:
            rule: its name, one of `RULES`.
            file: the file, relative to the folder.
            row: line, row or entry, from 1; None for the file as a whole.
            message: what is wrong and what the trainer does; what cannot be printed is shown as codes.
            severity: where it differs from the rule's own.
        """
        finding = Finding(
            rule, severity or RULES[rule].severity, visible(file)[:_MAX_FILE_CHARACTERS] or ".", row,
            visible(" ".join(message.split()))[:_MAX_MESSAGE_CHARACTERS],
        )  # fmt: skip
        if finding in self._kept:
            return
        self._count[rule] = self._count.get(rule, 0) + 1
        if self._count[rule] > MAX_FINDINGS_OF_A_RULE:
            self.left_out[rule] = self.left_out.get(rule, 0) + 1
        else:
            self._kept[finding] = None

    @contextmanager
    def guarded(self, file: str, row: int | None = None) -> Iterator[None]:
        """Turn any exception of a check into a finding of its file: no content of a folder may end a verification."""
        try:
            yield
        except FlamingoBarkError as error:
            self.add("unreadable", file, row, f"{error}; the trainer cannot read it either")
        except Exception as error:
            self.add("unreadable", file, row, f"cannot be checked: {type(error).__name__}: {error}")

    def sorted(self) -> tuple[Finding, ...]:
        """Return what is kept, by file, row and rule."""
        return tuple(sorted(self._kept, key=lambda f: (f.file, f.row or 0, f.rule, f.message)))
