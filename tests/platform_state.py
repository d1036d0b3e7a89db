"""The platform's state as tests ask for it: Dagster's own staleness, a sensor's tick, and what a tick asks for, done.

Asking and doing belong here; what must hold stands in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from flamingo_bark_assets.definitions import defs
from flamingo_bark_assets.defs.exports import exports
from flamingo_bark_assets.defs.jobs import all_songs
from flamingo_bark_assets.defs.names import SONGS
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.sensors import publication, song_library
from flamingo_bark_assets.defs.settings_sources import observe_settings
from flamingo_bark_assets.defs.under_way import PUBLISHED_ASSETS
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import run_songs
from flamingo_bark_assets.provenance.due import DueSongs
from flamingo_bark_assets.provenance.inputs import settings_versions
from flamingo_bark_assets.settings import load_settings

Due = dict[str, list[str]]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

MADE_LATER = PUBLISHED_ASSETS | {asset.key for asset in exports}
"""What no run of a song makes: publications, and exports, which are made on demand."""


def make(instance: dg.DagsterInstance, *songs: str) -> bool:
    """Make songs, whose partitions stand side by side, in one run, and publish nothing; tell whether all went well."""
    observe_settings(instance, settings_versions(Platform().settings, Platform().paths))
    instance.add_dynamic_partitions(SONGS, sorted(set(songs) - set(instance.get_dynamic_partitions(SONGS))))
    tags = {ASSET_PARTITION_RANGE_START_TAG: min(songs), ASSET_PARTITION_RANGE_END_TAG: max(songs)}
    job = defs.resolve_job_def(all_songs.name)
    return job.execute_in_process(instance=instance, tags=tags, run_config=QUIET, raise_on_error=False).success


def make_and_publish(instance: dg.DagsterInstance, *songs: str) -> bool:
    """Run songs as the command line does; tell whether all went well."""
    return all(report.success for report in run_songs(instance, sorted(songs), lambda asset, song_id: None))


def not_fresh(instance: dg.DagsterInstance, songs: Iterable[str]) -> dict[str, str]:
    """The assets that Dagster's own resolver, that of the UI, does not call fresh; those of `MADE_LATER` may miss."""
    graph = defs.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    found = {}
    for key in graph.get_all_asset_keys():
        for song_id in songs if graph.get(key).is_partitioned else (None,):
            status = resolver.get_status(key, song_id).value
            if status != "FRESH" and not (key in MADE_LATER and status == "MISSING"):
                name = key.to_user_string() + (f" of {song_id}" if song_id else "")
                causes = ", ".join(
                    cause.reason + (f": {cause.dependency.asset_key.to_user_string()}" if cause.dependency else "")
                    for cause in resolver.get_stale_causes(key, song_id)
                )
                found[name] = f"{status} {causes}".strip()
    return found


def due(data: DataPaths) -> Due:
    """What is due of each song, by the product's own account."""
    found = DueSongs(data).find(settings_versions(load_settings(data.settings), data))
    return {song_id: list(song.steps) for song_id, song in found.items()}


def tick(instance: dg.DagsterInstance, sensor: Callable[..., object] = song_library) -> dg.SensorResult | dg.SkipReason:
    """One evaluation of a sensor, whose result is not acted upon."""
    with dg.build_sensor_context(instance=instance, repository_def=defs.get_repository_def()) as context:
        result = sensor(context, platform=Platform())
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def asked(result: dg.SensorResult | dg.SkipReason) -> list[dg.RunRequest]:
    """The runs that a tick asks for."""
    return list(result.run_requests or []) if isinstance(result, dg.SensorResult) else []


def songs_of(request: dg.RunRequest) -> tuple[str, ...]:
    """The song, or first and last song, of a run that was asked for."""
    if request.partition_key:
        return (request.partition_key,)
    return (request.tags[ASSET_PARTITION_RANGE_START_TAG], request.tags[ASSET_PARTITION_RANGE_END_TAG])


def apply_partitions(instance: dg.DagsterInstance, result: dg.SensorResult | dg.SkipReason) -> None:
    """Add and remove partitions as the daemon does."""
    requests = result.dynamic_partitions_requests or [] if isinstance(result, dg.SensorResult) else []
    for request in requests:
        if isinstance(request, dg.AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions(SONGS, list(request.partition_keys))
        else:
            for key in request.partition_keys:
                instance.delete_dynamic_partition(SONGS, key)


def do(instance: dg.DagsterInstance, requests: Sequence[dg.RunRequest]) -> list[dg.ExecuteInProcessResult]:
    """Run what a tick asked for, with the subset of the job that the daemon would launch."""
    results = []
    for request in requests:
        job = defs.resolve_job_def(str(request.job_name))
        if request.asset_selection is not None:
            job = job.get_subset(
                asset_selection=set(request.asset_selection),
                asset_check_selection=set(request.asset_check_keys) if request.asset_check_keys is not None else None,
            )
        results.append(
            job.execute_in_process(
                instance=instance,
                tags=dict(request.tags),
                partition_key=request.partition_key,
                run_config=QUIET,
                raise_on_error=False,
            )
        )
    return results


def follow_sensors(instance: dg.DagsterInstance, *, most: int = 5) -> list[dg.ExecuteInProcessResult]:
    """Do what both sensors ask for until they ask for nothing more."""
    done: list[dg.ExecuteInProcessResult] = []
    for _ in range(most):
        result = tick(instance)
        apply_partitions(instance, result)
        requests = asked(result) or asked(tick(instance, publication))
        if not requests:
            return done
        done += do(instance, requests)
    raise AssertionError(f"the sensors still ask for runs after {most} rounds")


def made(results: Iterable[dg.ExecuteInProcessResult]) -> set[tuple[str, str | None]]:
    """The assets (and songs) that runs materialised."""
    return {
        (event.asset_key.to_user_string(), event.partition)
        for result in results
        for event in result.all_events
        if event.is_step_materialization and event.asset_key
    }
