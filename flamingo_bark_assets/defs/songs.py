"""The one step that materialises the per-song assets, song by song, so that one bad song spoils no other.

The loop, its events and its failures belong here; what each asset computes stands in `pipeline`.
"""

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    get_input_data_version_tag,
)

from flamingo_bark_assets.defs.checks import CHECKS, SongCheck
from flamingo_bark_assets.defs.partitions import songs_partitions
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.specs import SONG_ASSETS
from flamingo_bark_assets.settings import ANALYSIS_VERSION

if TYPE_CHECKING:
    from flamingo_bark_assets.defs.metadata import Metadata
    from flamingo_bark_assets.pipeline import SongWork, Step

SONGS_A_RUN = 50  # a run costs 3 CPU-s before its first song; kill one and what it made stays made

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.MaterializeResult[Any]


@dataclass
class _Song:
    """One song while its assets are made: what is done, what failed."""

    work: "SongWork"
    versions: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dg.multi_asset(
    name="song",
    specs=[spec for _, spec in SONG_ASSETS.values()],
    check_specs=[check.spec for check in CHECKS],
    partitions_def=songs_partitions,
    backfill_policy=dg.BackfillPolicy.multi_run(SONGS_A_RUN),
    can_subset=True,
)
def song(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[Any]:
    """Materialise the selected assets for each song of the run.

    A fault of a song is data: its assets are materialised with nulls and the reason. An exception is a crash:
    that asset and what needs it stay unmaterialised for that song, every other song goes on, and the run fails
    at its end with the list.
    """
    from flamingo_bark_assets.pipeline import STEPS

    selected = {key.to_user_string() for key in context.selected_asset_keys}
    steps = [step for step in STEPS if step.name in selected]
    failed: dict[str, dict[str, str]] = {}
    song_ids = context.partition_keys  # asked once: each time costs a query a song
    # Later steps of a run wait for outputs; an output marks every song of the run, and costs twice an event.
    by_output = len(song_ids) == 1 and len(context.job_def.nodes) > 1
    for song_id in song_ids:
        try:
            song_state = _Song(platform.open_song(song_id))
        except Exception as error:  # one song's folder must not stop the others
            failed[song_id] = {"raw_song": _told(context, song_id, "raw_song", error)}
            continue
        for step in steps:
            yield from _materialise(context, song_state, step, by_output=by_output)
        if song_state.failed:
            failed[song_id] = song_state.failed
    if failed:
        raise dg.Failure(
            f"{len(failed)} of {len(song_ids)} songs failed: "
            + "; ".join(f"{song_id}: {_first(errors)}" for song_id, errors in list(failed.items())[:20]),
            metadata={"failed": dg.MetadataValue.json(failed)},
            allow_retries=False,
        )


def _materialise(context: dg.AssetExecutionContext, state: _Song, step: "Step", *, by_output: bool) -> Iterator[Event]:
    """Run one step for one song and report it, as an output or as events; note a failure in `state`."""
    from flamingo_bark_assets.defs.metadata import describe_result

    if any(need in state.failed for need in step.needs):
        state.failed[step.name] = "an asset that it needs failed"
        return
    song_id = state.work.song_id
    try:
        result = step.run(state.work)[0]
        metadata = describe_result(state.work, result)
        checks = [
            (check, check.evaluate(state.work))
            for check in CHECKS
            if check.asset == step.name and check.spec.key in context.selected_asset_check_keys
        ]
    except Exception as error:  # a crash of one song's asset is reported at the end of the run
        state.failed[step.name] = _told(context, song_id, step.name, error)
        return
    state.versions[step.name] = state.work.data_version(result)
    if by_output:
        yield _output(step, metadata, state, checks)
    else:
        yield from _events(context, step, metadata, state, checks)


def _output(
    step: "Step",
    metadata: "Metadata",
    state: _Song,
    checks: list[tuple[SongCheck, dg.AssetCheckResult]],
) -> dg.MaterializeResult[Any]:
    """Report by an output, for which assets after this step in the same run wait."""
    return dg.MaterializeResult(
        asset_key=step.name,
        metadata=metadata,
        data_version=dg.DataVersion(state.versions[step.name]),
        check_results=[outcome for _, outcome in checks],
    )


def _events(
    context: dg.AssetExecutionContext,
    step: "Step",
    metadata: "Metadata",
    state: _Song,
    checks: list[tuple[SongCheck, dg.AssetCheckResult]],
) -> Iterator[Event]:
    """Report by events of one song."""
    song_id = state.work.song_id
    yield dg.AssetMaterialization(step.name, partition=song_id, metadata=metadata, tags=_version_tags(step, state))
    for check, outcome in checks:
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(step.name),
            check_name=check.name,
            partition=song_id,
            passed=outcome.passed,
            metadata=outcome.metadata,
            description=outcome.description,
            severity=outcome.severity,
            target_materialization_data=_latest(context, step.name, song_id),
        )


def _version_tags(step: "Step", state: _Song) -> dict[str, str]:
    return {
        CODE_VERSION_TAG: ANALYSIS_VERSION,
        DATA_VERSION_TAG: state.versions[step.name],
        DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
        **{get_input_data_version_tag(dg.AssetKey(need)): _version(need, state) for need in step.needs},
    }


def _version(asset: str, state: _Song) -> str:
    """Version of an asset that was made in this run, or else of its stored result."""
    if asset not in state.versions:
        record, _ = SONG_ASSETS[asset]
        state.versions[asset] = state.work.data_version(state.work.result(record))
    return state.versions[asset]


def _latest(context: dg.AssetExecutionContext, asset: str, song_id: str) -> Any:
    """What a check evaluation points at; without it the UI shows the check as missing."""
    from dagster._core.definitions.asset_checks.asset_check_evaluation import (
        AssetCheckEvaluationTargetMaterializationData,
    )

    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[song_id]), limit=1
    ).records
    record = records[0]
    return AssetCheckEvaluationTargetMaterializationData(
        storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
    )


def _told(context: dg.AssetExecutionContext, song_id: str, asset: str, error: Exception) -> str:
    context.log.error(f"{song_id}: {asset} failed\n{traceback.format_exc()}")
    return f"{asset}: {type(error).__name__}: {error}"


def _first(errors: Mapping[str, str]) -> str:
    return next(iter(errors.values()))
