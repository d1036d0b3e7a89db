"""Pools, by which Dagster limits what works at once on all machines that share an instance.

Their names, their limits and waiting for a place belong here; what runs in them stands with the assets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
import sqlalchemy.exc
from dagster._core.storage.event_log import EventLogStorage

from flamingo_bark_assets.defs.lost_runs import fail_lost_runs

SONGS_POOL = "songs"
"""Pool of all runs over songs; without a limit until a person sets one."""
PUBLICATION_POOL = "publication"
"""Pool of the manifest, the splits and the warehouse: locks of files hold on one machine only."""
CAPTIONING_POOL = "captioning"
"""Pool of runs that have a captioning model in memory; its limit is the number of GPUs."""
_LIMITS = {PUBLICATION_POOL: 1, CAPTIONING_POOL: 1}
_LOOK_S = 1.0


def set_limits(instance: dg.DagsterInstance) -> None:
    """Limit each pool that has no limit yet, which a person may change; free the places of runs that have ended.

    A run that is killed keeps its place. Dagster's daemon frees it after a while, but where there is none, nobody
    would.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    for pool in _LIMITS.keys() - _limited(storage):
        try:
            storage.set_concurrency_slots(pool, _LIMITS[pool])
        except sqlalchemy.exc.IntegrityError:
            # Dagster looks and then inserts: another process may have set it in between.
            if pool not in _limited(storage):
                raise
    _free_places_of_ended_runs(instance)


def _limited(storage: EventLogStorage) -> set[str]:
    return {pool.name for pool in storage.get_pool_limits()}


def _free_places_of_ended_runs(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    for run_id in storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            storage.free_concurrency_slots_for_run(run_id)


def limit_of(pool: str, instance: dg.DagsterInstance) -> int:
    """Return how many may be at work in a pool at once."""
    storage = instance.event_log_storage
    limits = storage.get_pool_limits() if storage.supports_global_concurrency_limits else ()
    return next((found.limit for found in limits if found.name == pool), _LIMITS[pool])


@contextmanager
def place_in(
    pool: str, instance: dg.DagsterInstance, run_id: str, part: str, tell: Callable[[str], None]
) -> Iterator[None]:
    """Hold a place in a pool for a part of a step; wait for it, and say so, while others have them all.

    Dagster's own claim holds for a whole step. `part` names the part, as no other of the run is named.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        yield
        return
    try:
        if not storage.claim_concurrency_slot(pool, run_id, part).is_claimed:
            tell(f"waiting for a place in the pool {pool}")
            while not storage.claim_concurrency_slot(pool, run_id, part).is_claimed:
                time.sleep(_LOOK_S)
                # Commands run without a daemon, and whoever has the place may be killed.
                fail_lost_runs(instance)
                _free_places_of_ended_runs(instance)
        yield
    finally:
        storage.free_concurrency_slot_for_step(run_id, part)
