"""Drills that were begun and left no evidence; and whether there is anything to drill."""

from collections.abc import Iterable

from muniment.adapters.drill.records import begun_drills
from muniment.adapters.host import processes
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.evidence import BegunDrill
from muniment.domain.drill.rules import did_not_finish
from muniment.errors import NothingToRestore
from muniment.ports import Clock
from muniment.runbooks.identity import prove_vault


def require_point(site: Site) -> None:
    """Raises ``NothingToRestore`` where both vaults can be asked and neither has a recovery point."""
    prove_vault(site.primary)
    if not any(point_ids is None or point_ids for point_ids in map(catalog.point_ids, (site.primary, site.replica))):
        raise NothingToRestore(bucket=site.primary.bucket, firm=site.firm.id)


def unfinished_drills(vault: Vault, *, clock: Clock) -> list[BegunDrill]:
    """Without those that may be under way."""
    return not_finished(begun_drills(vault), clock=clock)


def not_finished(begun: Iterable[BegunDrill], *, clock: Clock) -> list[BegunDrill]:
    return [
        each for each in begun if did_not_finish(each.started_at, runs=processes.still_runs(each.process), now=clock())
    ]
