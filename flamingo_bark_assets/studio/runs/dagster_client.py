"""Dagster as the studio sees it: events, runs and heartbeats from its instance, changes through the running platform.

Questions to Dagster belong here; what the pages make of the answers does not. Runs are started and cancelled by the
GraphQL of the platform that runs, so that both UIs show the same. Dagster is imported once there is a home to look at:
a studio that only shows songs starts in a third of the time.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.defs.addresses import running_platform
from flamingo_bark_assets.defs.names import LOCATION, ONLY_DUE_TAG, SONGS
from flamingo_bark_assets.errors import FlamingoBarkError, ServingError
from flamingo_bark_assets.steps import STEP_NAMED, STEPS

if TYPE_CHECKING:
    import dagster as dg

STUDIO_TAG = "flamingo_bark/studio"
_SONGS_TAG = "flamingo_bark/songs"
_REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": LOCATION}
_TIMEOUT_S = 30.0
_MOST_RUNS = 200
_MOST_BACKFILLS = 50

_LAUNCH = """
mutation($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on InvalidSubsetError { message } ... on PipelineNotFoundError { message } ... on RunConflict { message }
    ... on UnauthorizedError { message }
  }
}"""
_BACKFILL = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
    ... on PartitionKeysNotFoundError { message } ... on UnauthorizedError { message }
  }
}"""
_PARTITION = """
mutation($key: String!, $name: String!, $repository: RepositorySelector!) {
  addDynamicPartition(partitionKey: $key, partitionsDefName: $name, repositorySelector: $repository) {
    __typename ... on PythonError { message } ... on UnauthorizedError { message }
  }
}"""
_TERMINATE = """
mutation($id: String!) {
  terminateRun(runId: $id) {
    __typename ... on TerminateRunFailure { message } ... on RunNotFoundError { message } ... on PythonError { message }
    ... on UnauthorizedError { message }
  }
}"""
_CANCEL_BACKFILL = """
mutation($id: String!) {
  cancelPartitionBackfill(backfillId: $id) {
    __typename ... on PythonError { message } ... on UnauthorizedError { message }
  }
}"""


class NoPlatform(ServingError):
    """No platform runs, which alone could start or cancel anything."""

    code = "FB503"
    remedy = "Start it with `make ui`, or `flamingo-bark ui`."


class PlatformRefused(ServingError):
    """The running platform did not do what it was asked."""

    code = "FB504"
    remedy = "Look at the run in Dagster."


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
class Heartbeat:
    """The daemon's.

    Attributes:
        age_s: of the oldest of its parts; None where it never beat.
        queued: runs that wait.
        under_way: runs that have begun and not ended.
    """

    age_s: float | None
    queued: int
    under_way: int


class DagsterClient:
    """Dagster behind one DAGSTER_HOME."""

    def __init__(self, home: Path) -> None:
        """Look at nothing yet: a home that is not there is not made by looking."""
        self._home = home
        self._lock = threading.Lock()
        self._opened: dg.DagsterInstance | None = None

    @property
    def platform(self) -> str | None:
        """Address of the platform that runs now; None where none does."""
        return running_platform(self._home)

    def newest_event(self) -> int:
        """Return the id of the newest event; 0 where there is none, or no home."""
        instance = self._instance()
        return 0 if instance is None else instance.event_log_storage.get_maximum_record_id() or 0

    def events_after(self, cursor: int, limit: int) -> tuple[list[Event], int]:
        """Return what happened after an event, oldest first, and the id up to which was looked."""
        instance = self._instance()
        if instance is None:
            return [], cursor
        storage = instance.event_log_storage
        newest = storage.get_maximum_record_id() or 0
        if newest < cursor:  # the home was made anew
            return [], newest
        if newest == cursor:
            return [], cursor
        found = storage.get_logs_for_all_runs_by_log_id(after_cursor=cursor, limit=limit)
        events = [event for log_id, entry in found.items() if (event := _event(log_id, entry))]
        # One that cannot be read is passed over, or nothing after it ever would be.
        return events, max(found, default=cursor + 1)

    def runs(self) -> list[Run]:
        """Return the runs that have not ended, newest first."""
        instance = self._instance()
        if instance is None:
            return []
        import dagster as dg
        from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

        from flamingo_bark_assets.defs.under_way import songs_of_run

        records = instance.get_run_records(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES)), limit=_MOST_RUNS)
        order = list(instance.get_dynamic_partitions(SONGS)) if records else []
        return [
            Run(
                record.dagster_run.run_id, record.dagster_run.job_name, _state(record.dagster_run.status),
                tuple(songs_of_run(record.dagster_run, order)), record.create_timestamp.timestamp(),
            )
            for record in records
        ]  # fmt: skip

    def heartbeat(self) -> Heartbeat:
        """Return how the daemon does, and how many runs wait for it."""
        instance = self._instance()
        if instance is None:
            return Heartbeat(None, 0, 0)
        import dagster as dg
        from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

        statuses = instance.get_daemon_statuses().values()
        beats = [status.last_heartbeat.timestamp for status in statuses if status.required and status.last_heartbeat]
        queued = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
        begun = instance.get_runs_count(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES)))
        return Heartbeat(time.time() - min(beats) if beats else None, queued, begun - queued)

    def run_song(self, song_id: str, *, only_due: bool) -> str:
        """Start a run of one song; return its id.

        Raises:
            NoPlatform: no platform runs.
            PlatformRefused: it does not start it.
        """
        self._add_partitions([song_id])
        tags = {"dagster/partition": song_id, STUDIO_TAG: "true", **({ONLY_DUE_TAG: "true"} if only_due else {})}
        params = {"selector": {"jobName": "all_songs", **_REPOSITORY}, "executionMetadata": {"tags": _tags(tags)}}
        return str(self._change(_LAUNCH, "LaunchRunSuccess", params=params)["run"]["runId"])

    def repair(self, song_ids: Sequence[str]) -> str:
        """Start runs of what is due of these songs, as a backfill; return its id.

        Raises:
            NoPlatform: no platform runs.
            PlatformRefused: it does not start it, or has one of these that has not begun.
        """
        if any(each.is_new for each in self.backfills()):
            raise PlatformRefused("a repair was asked for already; the daemon begins it within half a minute")
        self._add_partitions(song_ids)
        params = {
            "assetSelection": [{"path": [step.name]} for step in STEPS],
            "partitionNames": list(song_ids),
            "fromFailure": False,
            "tags": _tags({ONLY_DUE_TAG: "true", STUDIO_TAG: "true", _SONGS_TAG: str(len(song_ids))}),
            "title": "Repair from the studio",
        }
        return str(self._change(_BACKFILL, "LaunchBackfillSuccess", params=params)["backfillId"])

    def backfills(self) -> list[Backfill]:
        """Return the backfills that have not ended."""
        instance = self._instance()
        if instance is None:
            return []
        from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

        statuses = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING]
        found = instance.get_backfills(filters=BulkActionsFilter(statuses=statuses), limit=_MOST_BACKFILLS)
        begun = self._begun_backfills(instance) if found else frozenset()
        return [
            Backfill(
                each.backfill_id, "cancelling" if each.status is BulkActionStatus.CANCELING else "asked for",
                int(each.tags.get(_SONGS_TAG, 0)) or None, each.backfill_timestamp,
                is_new=STUDIO_TAG in each.tags and each.backfill_id not in begun,
            )
            for each in found
        ]  # fmt: skip

    def cancel(self, run_id: str) -> None:
        """Cancel a run, or a backfill with its runs.

        Raises:
            NoPlatform: no platform runs.
            PlatformRefused: there is no such run, it is starting, or it has ended.
        """
        if len(run_id) == _BACKFILL_ID_LENGTH:
            self._change(_CANCEL_BACKFILL, "CancelBackfillSuccess", id=run_id)
        else:
            self._change(_TERMINATE, "TerminateRunSuccess", id=run_id)

    def is_starting(self, run_id: str) -> bool:
        """Return whether a run's process starts: Dagster cancels only what waits or has begun."""
        import dagster as dg

        instance = self._instance()
        run = instance.get_run_by_id(run_id) if instance is not None else None
        return run is not None and run.status in {dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED}

    def _begun_backfills(self, instance: dg.DagsterInstance) -> frozenset[str]:
        import dagster as dg
        from dagster._core.storage.tags import BACKFILL_ID_TAG

        runs = instance.get_runs(dg.RunsFilter(tags={STUDIO_TAG: "true"}), limit=_MOST_RUNS)
        return frozenset(run.tags[BACKFILL_ID_TAG] for run in runs if BACKFILL_ID_TAG in run.tags)

    def _add_partitions(self, song_ids: Sequence[str]) -> None:
        """Make songs known to Dagster that its sensor has not seen yet."""
        instance = self._instance()
        known = set(instance.get_dynamic_partitions(SONGS)) if instance is not None else set()
        for song_id in sorted(set(song_ids) - known):
            self._change(
                _PARTITION, ("AddDynamicPartitionSuccess", "DuplicateDynamicPartitionError"),
                key=song_id, name=SONGS, repository=_REPOSITORY,
            )  # fmt: skip

    def _change(self, mutation: str, done: str | tuple[str, ...], **variables: Any) -> dict[str, Any]:
        (answer,) = self._ask(mutation, **variables).values()
        if answer["__typename"] not in (done if isinstance(done, tuple) else (done,)):
            raise PlatformRefused(f"the platform refused: {answer.get('message') or answer['__typename']}")
        found: dict[str, Any] = answer
        return found

    def _ask(self, query: str, **variables: Any) -> dict[str, Any]:
        url = self.platform
        if url is None:
            raise NoPlatform("no platform runs, so nothing can be started or cancelled")
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Origin": url}
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(urllib.request.Request(f"{url}/graphql", body, headers), timeout=_TIMEOUT_S) as response:
                answer = json.load(response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise PlatformRefused(f"the platform does not answer: {error}") from error
        if answer.get("errors") or not answer.get("data"):
            said = "; ".join(str(each.get("message")) for each in answer.get("errors") or ())
            raise PlatformRefused(f"the platform did not understand: {said or 'no answer'}")
        data: dict[str, Any] = answer["data"]
        return data

    def _instance(self) -> dg.DagsterInstance | None:
        with self._lock:
            if self._opened is None and (self._home / "dagster.yaml").exists():
                from flamingo_bark_assets.defs.home import open_instance

                self._opened = open_instance(self._home)
            return self._opened


_BACKFILL_ID_LENGTH = 8


@cache
def dagster_of(home: Path) -> DagsterClient:
    """Return the one client of a home that all pages of this process share."""
    return DagsterClient(home)


@cache
def _run_states() -> dict[dg.DagsterEventType, str]:
    """Return what a run is after an event of it."""
    import dagster as dg

    return {
        dg.DagsterEventType.RUN_ENQUEUED: "queued",
        dg.DagsterEventType.RUN_STARTING: "starting",
        dg.DagsterEventType.RUN_START: "running",
        dg.DagsterEventType.RUN_SUCCESS: "done",
        dg.DagsterEventType.RUN_FAILURE: "failed",
        dg.DagsterEventType.RUN_CANCELING: "cancelling",
        dg.DagsterEventType.RUN_CANCELED: "cancelled",
    }


def _event(log_id: int, entry: dg.EventLogEntry) -> Event | None:
    import dagster as dg

    event = entry.dagster_event
    if event is None:
        return None
    if state := _run_states().get(event.event_type):
        return Event(log_id, entry.run_id, state)
    if event.event_type is not dg.DagsterEventType.ASSET_MATERIALIZATION or event.asset_key is None:
        return None
    step = event.asset_key.to_user_string()
    if step not in STEP_NAMED or event.partition is None:
        return None
    return Event(log_id, entry.run_id, "made", event.partition, step)


def _state(status: dg.DagsterRunStatus) -> str:
    names = {"STARTED": "running", "STARTING": "starting", "CANCELING": "cancelling"}
    return names.get(status.value, "queued")


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def faults() -> tuple[type[Exception], ...]:
    """Return what a look at Dagster may raise where its databases are locked, damaged or gone."""
    import sqlalchemy.exc
    from dagster import DagsterError

    return (FlamingoBarkError, OSError, DagsterError, sqlalchemy.exc.SQLAlchemyError, sqlite3.Error)
