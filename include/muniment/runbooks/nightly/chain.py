"""The whole night without Airflow: the eight steps of `<firm>__backup`, in their order.

Each step takes the firm's lock for itself and is safe to run again: with the same point id, what is registered is found
and not made a second time.
"""

from muniment.adapters.site.site import Site
from muniment.domain.vault.registers import Point
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.backup.back_up_cluster import back_up_cluster
from muniment.runbooks.backup.prove_wal import prove_wal
from muniment.runbooks.backup.register_recovery_point import register_recovery_point
from muniment.runbooks.config.back_up_config import back_up_config
from muniment.runbooks.documents.sync_documents import sync_documents
from muniment.runbooks.firm.check_firm import require_ready
from muniment.runbooks.restore.publish_kit import refresh_restore_kit
from muniment.runbooks.retention.expire import expire
from muniment.runbooks.vault.create_vaults import create_vaults
from muniment.runbooks.vault.ensure_stand_in import ensure_stand_in
from muniment.runbooks.vault.second_copy import awaits_second_copy, second_copy


def run_chain(
    site: Site,
    *,
    point_id: str,
    run: str,
    full: bool = False,
    accept_damage: bool = False,
    accept_shrink: bool = False,
    clock: Clock,
    progress: Progress | None = None,
) -> Point:
    """The registered point. ``run`` says in its register who made it. Raises what the steps raise, at the first one."""
    progress = progress or Silent()
    create_vaults(site, clock=clock)
    ensure_stand_in(site)
    for warning in require_ready(site, clock=clock):
        progress.note(str(warning))
    backup = back_up_cluster(
        site, point_id=point_id, full=full, accept_damage=accept_damage, clock=clock, progress=progress
    )
    backup, wal = prove_wal(site, backup_id=backup.id, clock=clock, progress=progress)
    sync_documents(site, snapshot_id=point_id, accept_shrink=accept_shrink, clock=clock, progress=progress)
    back_up_config(site, config_id=point_id, clock=clock)
    copy = second_copy(
        site, backup_id=backup.id, snapshot_id=point_id, config_id=point_id, clock=clock, progress=progress
    )
    point = register_recovery_point(
        site, point_id=point_id, run=run, backup_id=backup.id, wal=wal, copy=copy, clock=clock
    )
    refresh_restore_kit(site, clock=clock)
    if awaits_second_copy(site, point.id):
        progress.note("nothing expires: the newest recovery point is not yet in the second region")
    else:
        expire(site, point_id=point.id, clock=clock, progress=progress)
    return point
