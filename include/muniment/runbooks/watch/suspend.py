"""A person lets a firm's duties rest until an end: kept in the watch's store, shown as suspended and not as kept."""

from collections.abc import Collection
from datetime import datetime, timedelta

from muniment.adapters.watch.store import WatchStore
from muniment.domain.units import format_duration
from muniment.domain.watch.duty import Duty, Suspension
from muniment.errors import InvalidRequest
from muniment.ports import Clock

LONGEST = timedelta(days=31)
"""Whoever means for ever takes the firm out of the registry, and the watch says so every day."""


def suspend(
    store: WatchStore,
    firms: Collection[str],
    firm_id: str,
    duty: Duty | None,
    *,
    until: datetime,
    by: str,
    why: str,
    clock: Clock,
) -> Suspension:
    """In the place of the one that the same firm and duty has. ``firms``: those of the registry.

    Raises ``InvalidRequest`` with every fault, and ``WatchStoreUnavailable``.
    """
    now = clock()
    faults = [*_faults_of_firm(store, firms, firm_id), *_faults_of_end(until, now)]
    if not why.strip():
        faults.append("why: say why, for whoever reads it at night")
    if faults:
        raise InvalidRequest(count=len(faults), faults="\n".join(faults))
    made = Suspension(firm=firm_id, duty=duty, until=until, by=by, why=why.strip(), made_at=now)
    store.put_suspension(made)
    return made


def resume(store: WatchStore, firm_id: str, duty: Duty | None, *, clock: Clock) -> tuple[Suspension, ...]:
    """What was suspended: of ``duty``, or all of the firm's. Raises ``InvalidRequest`` where nothing was."""
    now = clock()
    found = [each for each in store.suspensions(now) if each.firm == firm_id and duty in (None, each.duty)]
    if not found:
        what = f"the {duty} of firm {firm_id}" if duty else f"nothing of firm {firm_id}"
        raise InvalidRequest(count=1, faults=f"{what} is {'not ' if duty else ''}suspended")
    for each in found:
        store.end_suspension(firm_id, each.duty, now)
    return tuple(found)


def _faults_of_firm(store: WatchStore, firms: Collection[str], firm_id: str) -> list[str]:
    """One that left the registry is watched, and may be suspended."""
    if firm_id in firms or firm_id in store.firms():
        return []
    return [f"firm: {firm_id} is neither in the registry nor watched"]


def _faults_of_end(until: datetime, now: datetime) -> list[str]:
    if until <= now:
        return [f"until: {until:%Y-%m-%d %H:%M} UTC is over"]
    if until > now + LONGEST:
        return [f"until: {until:%Y-%m-%d %H:%M} UTC is more than {format_duration(LONGEST)} away"]
    return []
