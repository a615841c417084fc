"""Each pass writes its firms' lines of the fleet's page."""

from collections.abc import Mapping, Sequence

from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.firm import Firm
from muniment.domain.fleet.nights_kept import NIGHTS_OVER
from muniment.domain.fleet.row_of import row_of
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.ports import Clock


def write_rows(store: WatchStore, firms: Mapping[str, Firm], seen: Sequence[FirmSeen], *, clock: Clock) -> None:
    """Histories are large: only those are read that may be new. Raises ``WatchStoreUnavailable``."""
    now = clock()
    before = {row.firm: row for row in store.fleet_rows()}
    read = [one.firm for one in seen if one.whole_at == one.seen_at or one.firm not in before]
    histories, suspensions = store.histories(read), store.suspensions(now - NIGHTS_OVER)
    store.put_rows(
        row_of(one, histories.get(one.firm), before.get(one.firm), firms.get(one.firm), now, suspensions=suspensions)
        for one in seen
    )
