"""What a pass does once on-call knows: it brings WAL to the other region.

With the firms' own rights, for the watch's change nothing. What fails here is noted and tried again by the next pass:
whatever it means for a firm is seen by the watch itself.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from muniment.adapters.concurrency import at_once
from muniment.adapters.site.site import Site
from muniment.domain.firm.firm import Firm
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.wal_to_bring import wal_to_bring
from muniment.errors import MunimentError
from muniment.ports import Clock, Progress
from muniment.runbooks.watch.bring_wal import bring_wal

FIRMS_AT_ONCE = 8
ONE_FIRM = timedelta(seconds=30)
ALL_S = 150.0
"""So that a pass is over before the next one is due, whatever hangs."""


def bring_lacking_wal(
    firms: Mapping[str, Firm],
    seen: Sequence[FirmSeen],
    site_of: Callable[[Firm], Site],
    *,
    clock: Clock,
    progress: Progress,
) -> int:
    """To each replica vault that answered, what the primary one has and it lacks. Returns how many files came."""
    ends_at = time.monotonic() + ALL_S
    names = {one.firm: wal_to_bring(one) for one in seen if all(vault.unseen is None for vault in one.vaults)}
    lacking = [firm_id for firm_id, wanted in names.items() if wanted is None or wanted]

    def bring(firm_id: str) -> int:
        if time.monotonic() > ends_at:
            return 0
        try:
            return bring_wal(site_of(firms[firm_id]), names[firm_id], clock=clock, lasting=ONE_FIRM)
        except MunimentError as error:
            progress.note(f"{firm_id}: WAL did not reach the replica vault: {error.what}")
            return 0

    return sum(at_once(bring, lacking, FIRMS_AT_ONCE))
