"""Which songs are queued or under way in Dagster, in whatever run or backfill, and whether something is published.

Reading runs and backfills belongs here; what follows from it is for the sensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from flamingo_bark_assets.defs.jobs import one_song, publish
from flamingo_bark_assets.defs.run_tags import songs_of_tags
from flamingo_bark_assets.steps import STEP_NAMED

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

_NOT_ENDED = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]
PUBLISHED_ASSETS = frozenset(map(dg.AssetKey, ("training_manifest", "training_splits", "feature_warehouse")))


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What Dagster has accepted and not ended.

    Attributes:
        songs: songs of runs and backfills.
        publishing: whether a run publishes.
    """

    songs: frozenset[str]
    publishing: bool


def under_way(instance: dg.DagsterInstance, graph: BaseAssetGraph, order: Sequence[str]) -> UnderWay:  # type: ignore[type-arg]
    """Find what is queued or under way; ranges are read by `order`, all songs as their partitions follow."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES)))
    songs = {song_id for run in runs for song_id in songs_of_tags(run.tags, order)}
    songs.update(_songs_of_backfills(instance, graph))
    return UnderWay(frozenset(songs), any(_publishes(run) for run in runs))


def _publishes(run: dg.DagsterRun) -> bool:
    if run.asset_selection is not None:
        return bool(run.asset_selection & PUBLISHED_ASSETS)
    return run.job_name in {publish.name, one_song.name}


def _songs_of_backfills(instance: dg.DagsterInstance, graph: BaseAssetGraph) -> Iterator[str]:  # type: ignore[type-arg]
    for backfill in instance.get_backfills(filters=BulkActionsFilter(statuses=_NOT_ENDED)):
        if not backfill.is_asset_backfill:
            yield from backfill.partition_names or ()
            continue
        try:
            target = backfill.get_asset_backfill_data(graph).target_subset
        except dg.DagsterError:  # of assets that are no more
            continue
        for key in target.asset_keys:
            if key.to_user_string() in STEP_NAMED:
                yield from target.get_partitions_subset(key).get_partition_keys()
