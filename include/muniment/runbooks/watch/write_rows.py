"""Each pass writes its firms' lines of the fleet's page."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from muniment.adapters.watch.store import WatchStore
from muniment.domain.firm.firm import Firm
from muniment.domain.fleet.history import FirmHistory
from muniment.domain.fleet.nights_kept import NIGHTS_OVER
from muniment.domain.fleet.row import FirmRow
from muniment.domain.fleet.row_of import row_of
from muniment.domain.watch.duty import Suspension
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.ports import Clock

log = logging.getLogger(__name__)


def write_rows(store: WatchStore, firms: Mapping[str, Firm], seen: Sequence[FirmSeen], *, clock: Clock) -> None:
    """Histories are large: only those are read that may be new. Raises ``WatchStoreUnavailable``."""
    now = clock()
    before = {row.firm: row for row in store.fleet_rows() if not row.is_unread}
    read = [one.firm for one in seen if one.whole_at == one.seen_at or one.firm not in before]
    histories, suspensions = store.histories(read), store.suspensions(now - NIGHTS_OVER)
    told = [(one, histories.get(one.firm), before.get(one.firm)) for one in seen]
    store.put_rows(_rows(told, firms, suspensions, now))


def _rows(
    told: Sequence[tuple[FirmSeen, FirmHistory | None, FirmRow | None]],
    firms: Mapping[str, Firm],
    suspensions: Sequence[Suspension],
    now: datetime,
) -> Iterator[FirmRow]:
    """A firm whose line cannot be made keeps the old one, which soon says unknown: it costs no other firm's, and not
    the pass."""
    for seen, history, before in told:
        try:
            yield row_of(seen, history, before, firms.get(seen.firm), now, suspensions=suspensions)
        except Exception:
            log.exception("firm %s: its line of the fleet's page could not be made", seen.firm)
