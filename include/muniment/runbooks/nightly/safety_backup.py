"""A recovery point before a cluster is replaced, and a full one of what took its place.

The nightly chain's own steps without its first and last: nothing is let go while a restore is under way, and documents
that vanished, which may be why it is, do not stop it.
"""

from muniment.adapters.site.site import Site
from muniment.domain.vault.registers import Point
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.backup.back_up_cluster import back_up_cluster
from muniment.runbooks.backup.prove_wal import prove_wal
from muniment.runbooks.backup.register_recovery_point import register_recovery_point
from muniment.runbooks.config.back_up_config import back_up_config
from muniment.runbooks.documents.sync_documents import sync_documents
from muniment.runbooks.vault.second_copy import second_copy


def back_up_around(
    site: Site, *, point_id: str, run: str, full: bool, clock: Clock, progress: Progress | None = None
) -> Point:
    """The registered point. Raises what the chain's steps raise; a ``PostgresError`` where no server lets us in."""
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
