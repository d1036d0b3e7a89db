"""The events by which a run tells Dagster about one song: materialisations with their provenance, and checks.

Tags, pointers and the forms of events belong here; what is made stands in `songs`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)

from flamingo_bark_assets.defs.checks import SongCheck
from flamingo_bark_assets.steps import Step

if TYPE_CHECKING:
    from flamingo_bark_assets.defs.metadata import Metadata
    from flamingo_bark_assets.provenance.inputs import SettingsVersions

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.MaterializeResult[Any]
Outcomes = Sequence[tuple[SongCheck, dg.AssetCheckResult]]


class EventPointer:
    """A place in the event log behind the inputs of the steps of one song, looked up as seldom as that allows."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._place: int | None = None
        self._later: set[str] = set()

    def behind(self, steps: Collection[str]) -> int:
        """Return an event's id that is not smaller than that of the last report of each of these steps."""
        if self._place is None or self._later & set(steps):
            self.move(self._instance.event_log_storage.get_maximum_record_id() or 1)
        assert self._place is not None
        return self._place

    def reported(self, step: str) -> None:
        """Note that a step has been reported, at a place that is not known."""
        self._later.add(step)

    def move(self, place: int) -> None:
        """Note that all that was reported so far stands at or before a place."""
        self._place = place
        self._later.clear()


def provenance_tags(
    pointer: EventPointer, step: Step, versions: Mapping[str, str], settings: SettingsVersions
) -> dict[str, str]:
    """Return the tags from which Dagster tells whether an asset is stale.

    An input is named by its data version and by a pointer into the event log. Dagster compares the last event of the
    input up to the pointer with the last one after it, so one place behind all inputs serves for each. `versions` are
    those of the step's own result and of those that it needs.
    """
    place = str(pointer.behind(step.needs))
    inputs = {dg.AssetKey(need): versions[need] for need in step.needs}
    inputs |= {settings_key(group): settings.of(group) for group in step.settings}
    return {
        CODE_VERSION_TAG: step.version,
        DATA_VERSION_TAG: versions[step.name],
        DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
        **{get_input_data_version_tag(key): version for key, version in inputs.items()},
        **{get_input_event_pointer_tag(key): place for key in inputs},
    }


def settings_key(group: str) -> dg.AssetKey:
    """Return the key under which a group of settings is shown as a source."""
    return dg.AssetKey(["settings", group])


def as_output(step: Step, metadata: Metadata, tags: Mapping[str, str], checks: Outcomes) -> dg.MaterializeResult[Any]:
    """Report by an output, for which assets after this step in the same run wait."""
    return dg.MaterializeResult(
        asset_key=step.name,
        metadata=metadata,
        data_version=dg.DataVersion(tags[DATA_VERSION_TAG]),
        check_results=[outcome for _, outcome in checks],
        tags=tags,
    )


def as_events(
    instance: dg.DagsterInstance,
    pointer: EventPointer,
    step: Step,
    song_id: str,
    metadata: Metadata,
    tags: Mapping[str, str],
    checks: Outcomes,
) -> Iterator[Event]:
    """Report by events of one song."""
    yield dg.AssetMaterialization(step.name, partition=song_id, metadata=metadata, tags=tags)
    pointer.reported(step.name)
    target = _latest(instance, step.name, song_id) if checks else None
    if target is not None:
        pointer.move(target.storage_id)
    for check, outcome in checks:
        yield _evaluation(check, song_id, outcome, target)


def check_evaluation(
    instance: dg.DagsterInstance, check: SongCheck, song_id: str, outcome: dg.AssetCheckResult
) -> dg.AssetCheckEvaluation:
    """Return the evaluation of a check for one song, which points at the song's last materialisation."""
    return _evaluation(check, song_id, outcome, _latest(instance, check.asset, song_id))


def _evaluation(check: SongCheck, song_id: str, outcome: dg.AssetCheckResult, target: Any) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(check.asset),
        check_name=check.name,
        partition=song_id,
        passed=outcome.passed,
        metadata=outcome.metadata,
        description=outcome.description,
        severity=outcome.severity,
        target_materialization_data=target,
    )


def _latest(instance: dg.DagsterInstance, asset: str, song_id: str) -> Any:
    """Return what a check evaluation points at; without it the UI shows the check as missing."""
    from dagster._core.definitions.asset_checks.asset_check_evaluation import (
        AssetCheckEvaluationTargetMaterializationData,
    )

    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[song_id]), limit=1
    ).records
    if not records:
        return None
    record = records[0]
    return AssetCheckEvaluationTargetMaterializationData(
        storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
    )
