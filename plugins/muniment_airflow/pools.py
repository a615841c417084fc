"""The pools that our tasks name. Airflow runs no task whose pool is missing, and says so in the scheduler's log alone.

A listener of Airflow's: the scheduler, and every other part that may write Airflow's metadata, makes what is missing as
it starts. A pool that is there keeps the slots that somebody gave it.
"""

import logging
from typing import Any, NamedTuple

from airflow.listeners import hookimpl

from muniment_airflow.dag_settings import HEAVY_POOL, LIGHT_POOL, RESTORE_POOL


class PoolSize(NamedTuple):
    slots: int
    description: str


# As airflow_settings.yaml has them.
POOLS = {
    HEAVY_POOL: PoolSize(2, "Base backups, documents and copies: as many at once as the workers can bear"),
    LIGHT_POOL: PoolSize(16, "A night's short steps: seconds of work that must not wait behind a backup"),
    RESTORE_POOL: PoolSize(2, "Restores and drills: never behind the nightly backups"),
}

_log = logging.getLogger(__name__)


@hookimpl  # type: ignore[untyped-decorator]
def on_starting(component: Any) -> None:
    if type(component).__name__ == "Job":  # and not a task's process, which may not touch the metadata
        make_missing_pools()


def make_missing_pools() -> None:
    from airflow.models.pool import Pool

    there = {pool.pool for pool in Pool.get_pools()}
    for name, (slots, description) in POOLS.items():
        if name not in there:
            Pool.create_or_update_pool(name, slots, description, include_deferred=False)
            _log.info("made pool %s with %s slots", name, slots)
