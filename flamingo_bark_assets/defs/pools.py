"""Pools, by which Dagster limits what works at once on all machines that share an instance.

Their names and limits belong here; what runs in them stands with the assets.
"""

from __future__ import annotations

import dagster as dg

PUBLICATION_POOL = "publication"
"""Pool of the manifest, the splits and the warehouse: locks of files hold on one machine only."""


def keep_one_publisher(instance: dg.DagsterInstance) -> None:
    """Let one step publish at a time, unless a person has set another limit; free the places of runs that have ended.

    A run that is killed keeps its place. Dagster's daemon frees it after a while, but where there is none, nobody
    would.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    if PUBLICATION_POOL not in {pool.name for pool in storage.get_pool_limits()}:
        storage.set_concurrency_slots(PUBLICATION_POOL, 1)
    for run_id in storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            storage.free_concurrency_slots_for_run(run_id)
