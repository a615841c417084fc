"""The second copy of a point that is registered already: for a replica vault that was lost, made anew or damaged."""

from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.domain.backup.proofs import CopyProof
from muniment.domain.vault.registers import Point
from muniment.ports import Clock, Progress
from muniment.runbooks.identity import prove_identity, require_replica
from muniment.runbooks.vault.copy_to_replica import copy_to_replica
from muniment.runbooks.vault.second_copy import bring_point
from muniment.runbooks.vault.typed_point import typed_point


def copy_point(
    site: Site, *, point_id: str | None = None, clock: Clock, progress: Progress | None = None
) -> tuple[Point, CopyProof]:
    """Brings all that the point needs (the newest one by default), then the point's own register.

    Raises ``NothingToRestore`` where the primary has no point, ``NoSuchPoint``, and what ``copy_to_replica`` raises.
    """
    require_replica(site)
    prove_identity(site)
    point = _typed(site, point_id) if point_id else catalog.latest_point(site.primary)
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


def _typed(site: Site, point_id: str) -> Point:
    with typed_point(point_id, *site.vaults):
        return catalog.find_point(site.primary, point_id)
