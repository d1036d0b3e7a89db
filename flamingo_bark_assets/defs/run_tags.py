"""Which songs a run is of, by the tags that Dagster gives it, and what tags ask of a cluster.

What tags say belongs here, without Dagster, for those too who read its databases; reading them does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

PARTITION = "dagster/partition"
BACKFILL = "dagster/backfill"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


def gpu_tags(count: int) -> dict[str, str]:
    """Return the tags by which a run asks Ray or Kubernetes for GPUs; other launchers do not read them."""
    if count == 0:
        return {}
    limits = {"nvidia.com/gpu": str(count)}
    return {
        "dagster-ray/config": json.dumps({"num_gpus": count}),
        "dagster-k8s/config": json.dumps({"container_config": {"resources": {"limits": limits}}}),
    }


def songs_of_tags(tags: Mapping[str, str], order: Sequence[str]) -> tuple[str, ...]:
    """Return the song of a run's partition, or those of its range as they stand in `order`; none where that is gone."""
    if (single := tags.get(PARTITION)) is not None:
        return (single,)
    start, end = tags.get(_RANGE_START), tags.get(_RANGE_END)
    if start not in order or end not in order:
        return ()
    return tuple(order[order.index(start) : order.index(end) + 1])
