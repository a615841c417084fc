"""When an incident is over, each firm that it touched has the record of it in its own vault, as long as its audit."""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from muniment.adapters.site.site import Site
from muniment.adapters.watch.store import WatchStore
from muniment.domain.incidents.incident import Incident
from muniment.domain.incidents.kept import kept_of, waits_for
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.errors import AlreadyRegistered, MunimentError
from muniment.ports import Clock
from muniment.runbooks.identity import prove_vault

AT_MOST = 50
"""In one pass: a lost region has a thousand firms, and the next pass comes in five minutes."""
LASTS_S = 60.0
"""After that no other one is begun: a vault that is away costs its patience, and a thousand of them the next passes."""
_TRIED_FOR = timedelta(days=30)

log = logging.getLogger(__name__)


def keep_closed(
    store: WatchStore, site_of: Callable[[str], Site], firms: Iterable[str], *, clock: Clock, at_most: int = AT_MOST
) -> int:
    """How many records were written. ``firms``: those whose own rights this worker has; ``site_of`` opens one.

    What a vault does not take now is tried again by the next pass, for thirty days. Raises ``WatchStoreUnavailable``.
    """
    since, mine, written = clock() - _TRIED_FOR, set(firms), 0
    tried: set[str] = set()
    ends_at = time.monotonic() + LASTS_S
    for incident in store.incidents(open_only=False, since=since):
        waiting = [firm for firm in waits_for(incident) if firm in mine and firm not in tried][: at_most - written]
        kept = {firm for firm in waiting if time.monotonic() < ends_at and _is_kept(site_of, firm, incident, clock)}
        tried |= set(waiting) - kept
        written += len(kept)
        if kept:
            _note(store, incident.id, kept)
    return written


def keep_in_vault(site: Site, incident: Incident, *, clock: Clock) -> None:
    """Into the primary vault, locked as its audit is. Raises ``WrongVault``, and as the vault does."""
    record = kept_of(incident, site.firm.id)
    prove_vault(site.primary)
    key = keys.incident(incident.id, new_id(record.resolved_at))
    try:
        site.primary.put_register(key, record, locked_until=clock() + site.policy.audit_log)
    except AlreadyRegistered:
        return  # written by a pass that was killed before it could say so


def _is_kept(site_of: Callable[[str], Site], firm: str, incident: Incident, clock: Clock) -> bool:
    try:
        keep_in_vault(site_of(firm), incident, clock=clock)
    except MunimentError as error:
        log.warning("incident %s is not in the vault of firm %s yet: %s", incident.id, firm, error.what)
        return False
    return True


def _note(store: WatchStore, incident_id: str, firms: set[str]) -> None:
    """It may have been reopened meanwhile: then its next end is another record."""
    with store.book() as book:
        now = book.find(incident_id)
        if now is None or now.state != "resolved":
            return
        members = tuple(
            each.model_copy(update={"in_vault": True}) if each.firm in firms else each for each in now.members
        )
        book.put(now.model_copy(update={"members": members}))
