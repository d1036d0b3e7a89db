"""Dagster as the studio sees it: its record of runs, the daemon's heartbeat, and changes through the running platform.

Questions to Dagster belong here; what the pages make of the answers does not. Runs are started and cancelled by the
GraphQL of the platform that runs, so that both UIs show the same. Dagster itself is not imported.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flamingo_bark_assets.defs.addresses import running_platform
from flamingo_bark_assets.defs.names import LOCATION, ONLY_DUE_TAG, SONGS
from flamingo_bark_assets.errors import ServingError
from flamingo_bark_assets.steps import STEPS
from flamingo_bark_assets.studio.runs.databases import Databases, keeps_databases
from flamingo_bark_assets.studio.runs.instance import InstanceReader
from flamingo_bark_assets.studio.runs.records import SONGS_TAG, STUDIO_TAG, Backfill, Event, Queue, Run, RunReader

_REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": LOCATION}
_TIMEOUT_S = 30.0
# `/health` waits for this answer: who watches it wants one soon.
_HEARTBEAT_TIMEOUT_S = 2.0

_HEARTBEATS = "query { instance { daemonHealth { allDaemonStatuses { required lastHeartbeatTime } } } }"
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
class Heartbeat:
    """The daemon's, as the platform tells it.

    Attributes:
        age_s: of the oldest of its parts; None where one never beat, or nobody told.
        unknown: why nobody told; None where somebody did.
        is_fault: whether that is a fault of the platform, and not only that it is busy.
    """

    age_s: float | None
    unknown: str | None = None
    is_fault: bool = False


class DagsterClient:
    """Dagster behind one DAGSTER_HOME."""

    def __init__(self, home: Path) -> None:
        """Look at nothing yet: a home that is not there is not made by looking."""
        self._home = home
        self._lock = threading.Lock()
        self._opened: RunReader | None = None

    @property
    def platform(self) -> str | None:
        """Address of the platform that runs now; None where none does."""
        return running_platform(self._home)

    def newest_event(self) -> int:
        """Return the id of the newest event; 0 where there is none, or no home."""
        return self._reader().newest_event()

    def events_after(self, cursor: int, limit: int) -> tuple[list[Event], int]:
        """Return what happened after an event, oldest first, and the id up to which was looked."""
        return self._reader().events_after(cursor, limit)

    def runs(self) -> list[Run]:
        """Return the runs that have not ended, newest first."""
        return self._reader().runs()

    def queue(self) -> Queue:
        """Return how many runs have not ended."""
        return self._reader().queue()

    def backfills(self) -> list[Backfill]:
        """Return the backfills that have not ended."""
        return self._reader().backfills()

    def is_starting(self, run_id: str) -> bool:
        """Return whether a run's process starts: Dagster cancels only what waits or has begun."""
        return self._reader().is_starting(run_id)

    def heartbeat(self) -> Heartbeat:
        """Ask the platform how its daemon does; where it does not answer soon, that is not known."""
        try:
            health = self._ask(_HEARTBEATS, timeout_s=_HEARTBEAT_TIMEOUT_S)["instance"]["daemonHealth"]
        except NoPlatform:
            return Heartbeat(None, "no platform runs")
        except PlatformRefused as error:
            said, is_fault = _why_unheard(error.__cause__)
            return Heartbeat(None, f"the platform's webserver {said}", is_fault)
        beats = [each["lastHeartbeatTime"] for each in health["allDaemonStatuses"] if each["required"]]
        return Heartbeat(time.time() - min(beats) if beats and None not in beats else None)

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
            "tags": _tags({ONLY_DUE_TAG: "true", STUDIO_TAG: "true", SONGS_TAG: str(len(song_ids))}),
            "title": "Repair from the studio",
        }
        return str(self._change(_BACKFILL, "LaunchBackfillSuccess", params=params)["backfillId"])

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

    def _add_partitions(self, song_ids: Sequence[str]) -> None:
        """Make songs known to Dagster that its sensor has not seen yet."""
        for song_id in sorted(set(song_ids) - self._reader().partitions()):
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

    def _ask(self, query: str, *, timeout_s: float = _TIMEOUT_S, **variables: Any) -> dict[str, Any]:
        url = self.platform
        if url is None:
            raise NoPlatform("no platform runs, so nothing can be started or cancelled")
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Origin": url}
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(urllib.request.Request(f"{url}/graphql", body, headers), timeout=timeout_s) as response:
                answer = json.load(response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise PlatformRefused(f"the platform does not answer: {error}") from error
        if not isinstance(answer, dict):
            raise PlatformRefused("the platform does not answer: what it says is no answer of GraphQL")
        if answer.get("errors") or not answer.get("data"):
            said = "; ".join(str(each.get("message")) for each in answer.get("errors") or ())
            raise PlatformRefused(f"the platform did not understand: {said or 'no answer'}")
        data: dict[str, Any] = answer["data"]
        return data

    def _reader(self) -> RunReader:
        with self._lock:
            if self._opened is None:
                databases = Databases(self._home)
                if not (self._home / "dagster.yaml").exists():
                    return databases  # a home that is not there yet may be set up in any way
                self._opened = databases if keeps_databases(self._home) else InstanceReader(self._home)
            return self._opened


_BACKFILL_ID_LENGTH = 8


@cache
def dagster_of(home: Path) -> DagsterClient:
    """Return the one client of a home that all pages of this process share."""
    return DagsterClient(home)


def _why_unheard(cause: BaseException | None) -> tuple[str, bool]:
    """Return why the webserver told nothing, without a word of its own, and whether that is a fault."""
    reason = cause.reason if isinstance(cause, urllib.error.URLError) else cause
    match cause, reason:
        case _, TimeoutError():
            return "did not answer soon", False
        case _, ConnectionRefusedError():
            return "does not listen: it starts, or has ended", True
        case urllib.error.HTTPError(code=code), _:
            return f"answered with status {code}", True
        case ((None | ValueError()), _):
            return "did not answer what was asked", True
    return "broke the connection off", True


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
