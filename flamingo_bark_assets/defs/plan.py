"""What a run of songs is to make: everything that was asked for, what is due of it, or what an earlier run left.

Reading a run's tags and history belongs here; making and reporting stand in `songs` and `reporting`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.storage.tags import BACKFILL_ID_TAG, PARENT_RUN_ID_TAG, RESUME_RETRY_TAG

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.defs.names import ONLY_DUE_TAG
from flamingo_bark_assets.steps import Step

if TYPE_CHECKING:
    from flamingo_bark_assets.provenance.ledger import Ledger

REPORT_TAG = "flamingo_bark/report"
REQUESTED_TAG = "flamingo_bark/requested_at"
_MOST_PARENTS = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run treats the steps that it was asked for.

    Attributes:
        only_due: make only what is due; a run that was asked for by hand makes all.
        reports: report what is stored also where nothing is due, as this Dagster home knows nothing of it.
        requested_s: when the run was asked for, s since the epoch: what another run has made since is not made again.
        parents: the runs whose failures this one makes good: what they made is left alone.
    """

    only_due: bool
    reports: bool
    requested_s: float
    parents: frozenset[str]

    def left_alone(self, ledger: Ledger, steps: Sequence[str]) -> frozenset[str]:
        """Return the steps that are neither made nor reported again."""
        if self.reports:
            return frozenset()
        due = ledger.due()
        if self.only_due and not due.keys() & set(steps):
            return frozenset(steps)
        made = ledger.made_before
        return frozenset(s for s in steps if s in made and s not in due and made[s].run_id in self.parents)

    def stored_already(self, ledger: Ledger, steps: Sequence[str]) -> frozenset[str]:
        """Return the steps that are only reported, as another run has made them since this one was asked for."""
        due, made = ledger.due(), ledger.made_before
        if self.only_due:
            return frozenset(step for step in steps if step not in due and step in made)
        # What a clock that was ahead noted tells nothing.
        since = (self.requested_s, time.time())
        return frozenset(s for s in steps if s in made and s not in due and since[0] <= made[s].at_s <= since[1])


def parted(steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """Part steps into those that a song is measured by and those from the captions on, which may need a model."""
    place = next((i for i, step in enumerate(steps) if step.record is Captions), len(steps))
    return list(steps[:place]), list(steps[place:])


def plan_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Plan:
    """Read from a run's tags and history how it treats its steps."""
    resumes = run.tags.get(RESUME_RETRY_TAG) == "true"
    # Executed again by hand, a run carries the tags of the one before, which say nothing about it.
    again = PARENT_RUN_ID_TAG in run.tags and not resumes
    return Plan(
        only_due=run.tags.get(ONLY_DUE_TAG) == "true" and not again,
        reports=run.tags.get(REPORT_TAG) == "true" and not again,
        requested_s=_requested_s(instance, run, again=again),
        parents=frozenset(_parents(instance, run)) if resumes else frozenset(),
    )


def _requested_s(instance: dg.DagsterInstance, run: dg.DagsterRun, *, again: bool) -> float:
    given = run.tags.get(REQUESTED_TAG)
    if given and not again:
        return float(given)
    backfill_id = run.tags.get(BACKFILL_ID_TAG)
    backfill = instance.get_backfill(backfill_id) if backfill_id else None
    if backfill is not None:
        return backfill.backfill_timestamp
    record = instance.get_run_record_by_id(run.run_id)
    return record.create_timestamp.timestamp() if record is not None else 0.0


def _parents(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    found: list[str] = []
    parent = run.tags.get(PARENT_RUN_ID_TAG)
    while parent is not None and parent not in found and len(found) < _MOST_PARENTS:
        found.append(parent)
        above = instance.get_run_by_id(parent)
        parent = above.tags.get(PARENT_RUN_ID_TAG) if above is not None else None
    return found
