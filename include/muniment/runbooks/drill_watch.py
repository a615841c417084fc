"""Nobody notices a drill that never ran, or one that nobody looked at: this does."""

from include.muniment.adapters import catalog
from include.muniment.adapters.drill_records import drills
from include.muniment.adapters.vault import Vault
from include.muniment.domain.drill import OVERDUE_AFTER, overdue_since
from include.muniment.domain.firm import Firm
from include.muniment.errors import DrillOverdue
from include.muniment.ports import Clock
from include.muniment.runbooks.identity import prove_vault
from include.muniment.runbooks.sign_off import require_signed_off


def watch_drills(vault: Vault, firm: Firm, *, clock: Clock) -> None:
    """Raises ``DrillOverdue`` or ``SignOffOverdue``."""
    require_recent_drill(vault, clock=clock)
    require_signed_off(vault, firm, clock=clock)


def require_recent_drill(vault: Vault, *, clock: Clock) -> None:
    """Raises ``DrillOverdue`` where no drill has passed in 35 days; a firm without a recovery point owes none."""
    prove_vault(vault)
    history = [drill.as_past() for drill in drills(vault)]
    first = min((point.registered_at for point in catalog.points(vault)), default=None)
    due = overdue_since(history, first_point_at=first, now=clock())
    if due is not None:
        raise DrillOverdue(firm=vault.firm, since=f"{due - OVERDUE_AFTER:%Y-%m-%d}", due=f"{due:%Y-%m-%d}")
