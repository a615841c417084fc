"""The second copy of a point that is registered already: for a replica vault that was lost, made anew or damaged."""

from include.muniment.adapters import catalog
from include.muniment.adapters.site import Site
from include.muniment.domain.proofs import CopyProof
from include.muniment.domain.register import Point
from include.muniment.ports import Clock, Progress
from include.muniment.runbooks.copy_to_replica import copy_to_replica
from include.muniment.runbooks.identity import prove_identity, require_replica
from include.muniment.runbooks.second_copy import bring_point


def copy_point(
    site: Site, *, point_id: str | None = None, clock: Clock, progress: Progress | None = None
) -> tuple[Point, CopyProof]:
    """Brings all that the point needs (the newest one by default), then the point's own register.

    Raises ``NothingToRestore`` where the primary has no point, and what ``copy_to_replica`` raises.
    """
    require_replica(site)
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
    bring_point(site, point, clock())
    return point, proof
