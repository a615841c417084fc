"""A recovery point before a cluster is replaced, and a full one of what took its place.

The nightly chain's own steps without its first and last: nothing is let go while a restore is under way, and documents
that vanished, which may be why it is, do not stop it.
"""

from include.muniment.adapters.site import Site
from include.muniment.domain.register import Point
from include.muniment.ports import Clock, Progress, Silent
from include.muniment.runbooks.back_up_cluster import back_up_cluster
from include.muniment.runbooks.back_up_config import back_up_config
from include.muniment.runbooks.prove_wal import prove_wal
from include.muniment.runbooks.register_recovery_point import register_recovery_point
from include.muniment.runbooks.second_copy import second_copy
from include.muniment.runbooks.sync_documents import sync_documents


def back_up_around(
    site: Site, *, point_id: str, run: str, full: bool, clock: Clock, progress: Progress | None = None
) -> Point:
    """The registered point. Raises what the chain's steps raise; ``ServerUnavailable`` where no server answers."""
    progress = progress or Silent()
    backup = back_up_cluster(site, point_id=point_id, full=full, clock=clock, progress=progress)
    backup, wal = prove_wal(site, backup_id=backup.id, clock=clock, progress=progress)
    sync_documents(site, snapshot_id=point_id, accept_shrink=True, clock=clock, progress=progress)
    back_up_config(site, config_id=point_id, clock=clock)
    copy = second_copy(
        site, backup_id=backup.id, snapshot_id=point_id, config_id=point_id, clock=clock, progress=progress
    )
    return register_recovery_point(
        site, point_id=point_id, run=run, backup_id=backup.id, wal=wal, copy=copy, clock=clock
    )
