"""A real Dagster run inside this process, with a progress display, for the command line.

Running and watching belong here; the daemon and the webserver do the same from the UI.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterEventType
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from sqlalchemy.exc import IntegrityError

from flamingo_bark_assets.definitions import defs
from flamingo_bark_assets.defs.jobs import all_songs, one_song, publish
from flamingo_bark_assets.defs.lost_runs import holding
from flamingo_bark_assets.defs.names import ONLY_DUE_TAG, SECOND_OPINION_TAG, SONGS
from flamingo_bark_assets.defs.plan import REQUESTED_TAG
from flamingo_bark_assets.defs.sensors import contiguous
from flamingo_bark_assets.defs.songs import SONGS_A_RUN
from flamingo_bark_assets.defs.specs import SONG_ASSETS
from flamingo_bark_assets.defs.under_way import PUBLISHED_ASSETS

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Progress = Callable[[str, str | None], None]


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """One evaluated asset check."""

    asset: str
    check: str
    song_id: str | None
    passed: bool
    description: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did.

    Attributes:
        run_id: the Dagster run.
        success: whether no asset of any song crashed.
        materialised: assets (and songs) that were materialised.
        checks: outcomes of the asset checks.
        errors: what failed, in words.
    """

    run_id: str
    success: bool
    materialised: tuple[tuple[str, str | None], ...]
    checks: tuple[CheckOutcome, ...]
    errors: tuple[str, ...]


def run_songs(
    instance: dg.DagsterInstance,
    song_ids: Sequence[str],
    progress: Progress,
    *,
    only_due: bool = False,
    second_opinion: bool = False,
) -> list[RunReport]:
    """Run songs through every asset: one run for one song, or a run over many and one for publication.

    With none of them only publication runs. `second_opinion` has all songs measured by librosa too. `progress` is told
    of each asset (and song) that was made; what it raises, such as that nobody reads its output, stops no run and is
    raised after all of them.

    Raises:
        KeyboardInterrupt: a run was interrupted; the next one goes on where it stopped.
    """
    told = _Told(progress)
    reports = _run_all(instance, song_ids, told, only_due=only_due, second_opinion=second_opinion)
    if told.fault is not None:
        raise told.fault
    return reports


class _Told:
    """Tells of what is made as it is made, until whoever is told is at fault."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.fault: Exception | None = None

    def __call__(self, entry: dg.EventLogEntry) -> None:
        """Take an event from what has just written it."""
        event = entry.dagster_event
        if self.fault is None and event is not None and event.asset_key is not None and event.is_step_materialization:
            try:
                self._progress(event.asset_key.to_user_string(), event.partition)
            except Exception as fault:
                self.fault = fault


def _run_all(
    instance: dg.DagsterInstance, song_ids: Sequence[str], told: _Told, *, only_due: bool, second_opinion: bool
) -> list[RunReport]:
    tags = {REQUESTED_TAG: f"{time.time():.6f}", ONLY_DUE_TAG: str(only_due).lower()}
    if second_opinion:
        tags[SECOND_OPINION_TAG] = "true"
    _register(instance, song_ids)
    if len(song_ids) == 1 and not only_due:
        return [_run(instance, one_song.name, {**tags, PARTITION_NAME_TAG: song_ids[0]}, told)]
    order = instance.get_dynamic_partitions(SONGS)
    reports = [
        _run(
            instance,
            all_songs.name,
            {**tags, ASSET_PARTITION_RANGE_START_TAG: group[0], ASSET_PARTITION_RANGE_END_TAG: group[-1]},
            told,
        )
        for group in contiguous(order, set(song_ids), at_most=SONGS_A_RUN)
    ]
    return [*reports, _run(instance, publish.name, {}, told)]


def _register(instance: dg.DagsterInstance, song_ids: Sequence[str]) -> None:
    """Make every song a partition, also where the sensor or another command adds some of the same at this moment."""
    while missing := sorted(set(song_ids) - set(instance.get_dynamic_partitions(SONGS))):
        # Dagster looks which are new and then inserts them all or none; who comes second looks again.
        with contextlib.suppress(IntegrityError):
            instance.add_dynamic_partitions(SONGS, missing)


def planned(song_ids: Sequence[str]) -> frozenset[tuple[str, str | None]]:
    """Return each asset (and song) that `run_songs` makes or reports, when nothing fails and no other run is first."""
    of_songs = {(asset, song_id) for asset in SONG_ASSETS for song_id in song_ids}
    return frozenset({*of_songs, *((key.to_user_string(), None) for key in PUBLISHED_ASSETS)})


def _run(instance: dg.DagsterInstance, job: str, tags: Mapping[str, str], told: _Told) -> RunReport:
    run_id = str(uuid.uuid4())
    instance.add_event_listener(run_id, told)  # what writes an event calls it, and that is this process
    with holding(instance, run_id):
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance, run_id=run_id, run_config=_QUIET, tags=dict(tags), raise_on_error=False
        )
    return _report(run_id, result)


def _report(run_id: str, result: dg.ExecuteInProcessResult) -> RunReport:
    materialised: list[tuple[str, str | None]] = []
    checks: list[CheckOutcome] = []
    errors: list[str] = []
    for event in result.all_events:
        if event.event_type == DagsterEventType.ASSET_MATERIALIZATION and event.asset_key:
            materialised.append((event.asset_key.to_user_string(), event.partition))
        elif event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
            found = event.asset_check_evaluation_data
            checks.append(
                CheckOutcome(
                    found.asset_key.to_user_string(),
                    found.check_name,
                    found.partition,
                    found.passed,
                    found.description or "",
                )
            )
        elif event.event_type == DagsterEventType.STEP_FAILURE:
            failure = event.step_failure_data
            if failure.error and failure.error.cls_name == DagsterExecutionInterruptedError.__name__:
                raise KeyboardInterrupt
            described = failure.user_failure_data and failure.user_failure_data.description
            errors.append(described or (failure.error.message if failure.error else event.step_key) or "failed")
    return RunReport(run_id, result.success, tuple(materialised), tuple(checks), tuple(errors))
