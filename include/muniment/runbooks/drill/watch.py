"""Nobody notices a drill that never ran, or one that nobody looked at: this does."""

from collections.abc import Iterable

from muniment.adapters.drill.records import begun_drills, history_of
from muniment.adapters.host import processes
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.drill.evidence import BegunDrill
from muniment.domain.drill.rules import OVERDUE_AFTER, did_not_finish, overdue_since
from muniment.domain.firm.firm import Firm
from muniment.errors import DrillOverdue, DrillUnfinished, NothingToRestore
from muniment.ports import Clock
from muniment.runbooks.drill.sign_off import require_signed_off
from muniment.runbooks.identity import prove_vault


def watch_drills(vault: Vault, firm: Firm, *, clock: Clock) -> None:
    """Raises ``DrillOverdue``, ``DrillUnfinished`` or ``SignOffOverdue``."""
    require_recent_drill(vault, clock=clock)
    require_finished(vault, clock=clock)
    require_signed_off(vault, firm, clock=clock)


def require_recent_drill(vault: Vault, *, clock: Clock) -> None:
    """Raises ``DrillOverdue`` where no drill has passed in 35 days; a firm without a recovery point owes none."""
    prove_vault(vault)
    first = min((point.registered_at for point in catalog.points(vault)), default=None)
    due = overdue_since(history_of(vault), first_point_at=first, now=clock())
    if due is not None:
        raise DrillOverdue(firm=vault.firm, since=f"{due - OVERDUE_AFTER:%Y-%m-%d}", due=f"{due:%Y-%m-%d}")


def require_point(site: Site) -> None:
    """Raises ``NothingToRestore`` where both vaults can be asked and neither has a recovery point."""
    prove_vault(site.primary)
    if not any(point_ids is None or point_ids for point_ids in map(catalog.point_ids, (site.primary, site.replica))):
        raise NothingToRestore(bucket=site.primary.bucket, firm=site.firm.id)


def require_finished(vault: Vault, *, clock: Clock) -> None:
    """Raises ``DrillUnfinished`` where the last drill that began left no evidence and does not run any more."""
    last = history_of(vault)[-1:]
    for begun in unfinished_drills(vault, clock=clock):
        if [begun.id] == [past.id for past in last]:
            began = f"{begun.started_at:%Y-%m-%d %H:%M} UTC"
            raise DrillUnfinished(firm=vault.firm, drill=begun.id, began=began, bucket=vault.bucket)


def unfinished_drills(vault: Vault, *, clock: Clock) -> list[BegunDrill]:
    """Without those that may be under way."""
    return not_finished(begun_drills(vault), clock=clock)


def not_finished(begun: Iterable[BegunDrill], *, clock: Clock) -> list[BegunDrill]:
    return [
        each for each in begun if did_not_finish(each.started_at, runs=processes.still_runs(each.process), now=clock())
    ]
