"""The second copy of a point that is registered already: for a replica vault that was lost, made anew or damaged."""

from include.muniment.adapters import catalog
from include.muniment.adapters.authenticity import get_authentic
from include.muniment.adapters.site import Site
from include.muniment.domain import keys
from include.muniment.domain.register import CopyProof, Point
from include.muniment.domain.retention import point_locked_until
from include.muniment.ports import Clock, Progress
from include.muniment.runbooks.copy_to_replica import copy_to_replica
from include.muniment.runbooks.identity import prove_identity


def copy_point(
    site: Site, *, point_id: str | None = None, clock: Clock, progress: Progress | None = None
) -> tuple[Point, CopyProof]:
    """Brings all that the point needs (the newest one by default), then the point's own register.

    Raises ``NothingToRestore`` where the primary has no point, and what ``copy_to_replica`` raises.
    """
    prove_identity(site)
    point = catalog.find_point(site.primary, point_id) if point_id else catalog.latest_point(site.primary)
    proof = copy_to_replica(
        site,
        backup_id=point.backup,
        snapshot_id=point.documents,
        config_id=point.config,
        clock=clock,
        progress=progress,
    )
    key = keys.point(point.id)
    if site.replica.head(key) is None:
        locked_until = point_locked_until(site.policy, point.registered_at)
        is_over = locked_until <= clock()  # S3 refuses a lock that has ended
        site.replica.put(key, get_authentic(site.primary, key), locked_until=None if is_over else locked_until)
    return point, proof
