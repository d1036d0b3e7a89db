"""A verification told: to a person, grouped by rule, and to a script, as JSON.

Wording and order belong here; printing does not.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

from flamingo_bark_assets.terminal import visible
from flamingo_bark_assets.text import number_of
from flamingo_bark_assets.verification.findings import Finding, Verification
from flamingo_bark_assets.verification.rules import RULES

_HEADINGS = {"fails": "the trainer stops", "silent": "it trains badly, in silence"}
SHOWN = 20
"""So many findings of a rule are shown to a person; `--json` has all that are kept."""


def report_lines(verification: Verification, *, shown: int = SHOWN) -> Iterator[str]:
    """Tell a person what was found, a line at a time: rules that stop a trainer first, then silent ones.

    Args:
        verification: what was found.
        shown: largest number of findings of one rule; the others are counted.
    """
    place = f"{visible(str(verification.folder))} ({verification.target}, {number_of(verification.clips, 'row')})"
    if verification.is_clean:
        yield f"{place}: nothing found; the trainer reads all of it"
        return
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in verification.findings:
        groups.setdefault((finding.severity, finding.rule), []).append(finding)
    total = len(verification.findings) + sum(verification.left_out.values())
    yield f"{place}: {number_of(total, 'finding')}"
    for severity, rule in sorted(groups):
        found = groups[severity, rule]
        more = len(found) - shown + (verification.left_out.get(rule, 0) if len(found) >= shown else 0)
        yield ""
        yield f"{RULES[rule].meaning} [{rule}; {_HEADINGS[severity]}]"
        for finding in found[:shown]:
            yield f"  {place_of(finding)}: {finding.message}"
        if more > 0:
            yield f"  and {more} more"


def place_of(finding: Finding) -> str:
    """Return file and row of a finding."""
    return finding.file if finding.row is None else f"{finding.file}, row {finding.row}"


def report_json(verification: Verification) -> str:
    """Return all that is kept as one JSON object, for scripts."""
    values = {
        "folder": visible(str(verification.folder)),
        "target": verification.target,
        "clean": verification.is_clean,
        "rows": verification.clips,
        "seconds": verification.seconds,
        "left_out": dict(verification.left_out),
        "findings": [dataclasses.asdict(finding) for finding in verification.findings],
    }
    return json.dumps(values, ensure_ascii=False, indent=2)
