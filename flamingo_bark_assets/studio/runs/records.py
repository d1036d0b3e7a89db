"""Runs, events and backfills as the studio keeps them, and what a reader of Dagster's record of them answers.

What passes between readers and pages belongs here, and how it is made of Dagster's words; the readers stand in
`databases` and `instance`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.steps import STEP_NAMED

STUDIO_TAG = "flamingo_bark/studio"
"""Of runs and backfills that were started here."""
SONGS_TAG = "flamingo_bark/songs"
"""Of how many songs a backfill of the studio is."""
MOST_RUNS = 200
MOST_BACKFILLS = 50
FAULTS = (FlamingoBarkError, OSError, sqlite3.Error)
"""What a look at Dagster may raise where its databases are locked, damaged or gone."""

RUN_STATES: Mapping[str, str] = {
    "PIPELINE_ENQUEUED": "queued",
    "PIPELINE_STARTING": "starting",
    "PIPELINE_START": "running",
    "PIPELINE_SUCCESS": "done",
    "PIPELINE_FAILURE": "failed",
    "PIPELINE_CANCELING": "cancelling",
    "PIPELINE_CANCELED": "cancelled",
}
"""What a run is after an event, by Dagster's name of its type."""
MADE_EVENT = "ASSET_MATERIALIZATION"
UNDER_WAY: Mapping[str, str] = {
    "QUEUED": "queued",
    "NOT_STARTED": "queued",
    "SUSPENDED": "queued",
    "STARTING": "starting",
    "STARTED": "running",
    "CANCELING": "cancelling",
}
"""What a run that has not ended is, by Dagster's name of its status."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        id: in Dagster's event log.
        run_id: of which run.
        state: "made" for a result; else that of the run.
        song_id: whose result; None for a run.
        step: which result; None for a run.
    """

    id: int
    run_id: str
    state: str
    song_id: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run that has not ended.

    Attributes:
        run_id: its id.
        job: name of its job.
        state: queued, starting, running or cancelling.
        songs: whose results it makes.
        started_s: when it was created, s since the epoch.
    """

    run_id: str
    job: str
    state: str
    songs: tuple[str, ...]
    started_s: float


@dataclass(frozen=True, slots=True)
class Backfill:
    """One backfill that has not ended, which begins runs of many songs.

    Attributes:
        backfill_id: its id.
        state: asked for or cancelling.
        songs: of how many songs; None where nobody said so.
        started_s: when it was asked for, s since the epoch.
        is_new: whether it is the studio's and has begun no run.
    """

    backfill_id: str
    state: str
    songs: int | None
    started_s: float
    is_new: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """Runs that have not ended.

    Attributes:
        queued: how many wait.
        under_way: how many have begun.
    """

    queued: int
    under_way: int


def event_of(log_id: int, run_id: str, kind: str | None, step: str | None, song_id: str | None) -> Event | None:
    """Return what happened by Dagster's name of its type; None for what no page shows."""
    if state := RUN_STATES.get(kind or ""):
        return Event(log_id, run_id, state)
    if kind != MADE_EVENT or song_id is None or step not in STEP_NAMED:
        return None
    return Event(log_id, run_id, "made", song_id, step)


def backfill_of(backfill_id: str, status: str, tags: Mapping[str, str], asked_s: float, *, has_begun: bool) -> Backfill:
    """Return a backfill that has not ended by Dagster's name of its status, its tags and whether it has begun a run."""
    try:
        songs = int(tags.get(SONGS_TAG, 0))
    except ValueError:  # whoever starts a backfill in Dagster may write any tag
        songs = 0
    return Backfill(
        backfill_id, "cancelling" if status == "CANCELING" else "asked for", songs if songs > 0 else None, asked_s,
        is_new=STUDIO_TAG in tags and not has_begun,
    )  # fmt: skip


class RunReader(Protocol):
    """Reads Dagster's record of runs; each method raises one of `FAULTS` where that cannot be read."""

    def newest_event(self) -> int:
        """Return the id of the newest event; 0 where there is none."""

    def events_after(self, cursor: int, limit: int) -> tuple[list[Event], int]:
        """Return what happened after an event, oldest first, and the id up to which was looked."""

    def runs(self) -> list[Run]:
        """Return the runs that have not ended, newest first."""

    def queue(self) -> Queue:
        """Return how many runs have not ended."""

    def backfills(self) -> list[Backfill]:
        """Return the backfills that have not ended, newest first."""

    def partitions(self) -> AbstractSet[str]:
        """Return the songs that Dagster knows."""

    def is_starting(self, run_id: str) -> bool:
        """Return whether a run's process starts: Dagster cancels only what waits or has begun."""
