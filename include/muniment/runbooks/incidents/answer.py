"""What a person says to an incident, and what somebody else knows of its end: each in one transaction."""

from dataclasses import dataclass
from datetime import datetime

from muniment.adapters.watch.book import Book
from muniment.adapters.watch.store import WatchStore
from muniment.domain.incidents.incident import Incident, Silence
from muniment.domain.incidents.lifecycle import OPEN, acknowledged, resolved
from muniment.domain.incidents.trouble import Cause, Scope
from muniment.domain.incidents.wording import notice_of
from muniment.domain.record import new_id
from muniment.errors import InvalidRequest
from muniment.ports import Clock


@dataclass(frozen=True, slots=True)
class Silenced:
    """What an incident has to match to be kept quiet: in all of these that are named."""

    firm: str | None = None
    cause: Cause | None = None
    key: str | None = None


def acknowledge(store: WatchStore, id_or_key: str, *, until: datetime, by: str, clock: Clock) -> Incident:
    """``by`` has it in hand: nothing of it is repeated before ``until``. On-call is told who.

    Raises ``InvalidRequest`` where there is no such incident, where it is not open, and of an end that is past.
    """
    with store.book() as book:
        now = clock()
        incident = _open_one(book, id_or_key)
        _later(until, now, f"incident {incident.id} cannot be acknowledged")
        mine = acknowledged(incident, by, until, now)
        if mine.last_told_at is not None:
            book.enqueue(notice_of(mine, "acknowledged", now))
        book.put(mine)
    return mine


def resolve_by_hand(store: WatchStore, id_or_key: str, *, by: str, why: str, clock: Clock) -> Incident:
    """What no pass can judge is over when a person says so; what a pass sees again within a day reopens.

    Raises ``InvalidRequest`` where there is no such incident, and where it is not open.
    """
    with store.book() as book:
        return _end(book, _open_one(book, id_or_key), f"resolved by hand: {why}", by, clock())


def resolve(store: WatchStore, cause: Cause, scope: Scope, *, why: str, by: str, clock: Clock) -> tuple[Incident, ...]:
    """For causes that no pass judges: ``task-failed`` of this DAG, once it has succeeded; ``channel-failed`` of this
    channel. Of an incident that several share, only whoever has this scope is out of it. Returns what has ended."""
    with store.book() as book:
        now, ended = clock(), []
        for incident in book.open_incidents():
            left = _without(incident, scope, now) if incident.cause == cause else incident
            if left is incident:
                continue
            if any(each.is_troubled for each in left.members):
                book.put(left)
            else:
                ended.append(_end(book, left, f"resolved: {why}", by, now))
    return tuple(ended)


def silence(store: WatchStore, what: Silenced, *, until: datetime, by: str, why: str, clock: Clock) -> Silence:
    """Raises ``InvalidRequest`` of an end that is past, and where nothing is named that is to be silent."""
    now = clock()
    _later(until, now, "there is no silence")
    if what == Silenced():
        raise InvalidRequest(count=1, faults="nothing is silenced as a whole: name a firm, a cause or an incident")
    made = Silence(
        id=new_id(now), firm=what.firm, cause=what.cause, key=what.key, until=until, by=by, why=why, made_at=now
    )
    store.put_silence(made)
    return made


def unsilence(store: WatchStore, silence_id: str, *, clock: Clock) -> None:
    """What it kept back and is still bad is told by the next pass. Raises ``InvalidRequest`` where there is none."""
    if not store.end_silence(silence_id, clock()):
        raise InvalidRequest(count=1, faults=f"silence {silence_id}: there is none, or it has ended")


def find(store: WatchStore, id_or_key: str) -> Incident:
    """By its id, or the last one with this key. Raises ``InvalidRequest``."""
    return _there(store.find_incident(id_or_key), id_or_key)


def _open_one(book: Book, id_or_key: str) -> Incident:
    incident = _there(book.find(id_or_key), id_or_key)
    if incident.state not in OPEN:
        over = "is resolved" if incident.state == "resolved" else "was seen once and is not open yet"
        raise InvalidRequest(count=1, faults=f"incident {incident.id} {over}")
    return incident


def _there(incident: Incident | None, id_or_key: str) -> Incident:
    if incident is None:
        raise InvalidRequest(
            count=1, faults=f"incident {id_or_key}: there is none; `muniment incidents list --all` has them"
        )
    return incident


def _later(until: datetime, now: datetime, what: str) -> None:
    if until <= now:
        raise InvalidRequest(count=1, faults=f"{what} until {until:%Y-%m-%d %H:%M} UTC: that is past")


def _without(incident: Incident, scope: Scope, now: datetime) -> Incident:
    """The same object where it has nothing of this scope."""
    whole = incident.scope == scope
    members = tuple(
        each.model_copy(update={"well_since": now}) if each.is_troubled and (whole or scope in each.places) else each
        for each in incident.members
    )
    if whole or any(new is not old for new, old in zip(members, incident.members, strict=True)):
        return incident.model_copy(update={"members": members})
    return incident


def _end(book: Book, incident: Incident, what: str, by: str, now: datetime) -> Incident:
    well = tuple(each.model_copy(update={"well_since": each.well_since or now}) for each in incident.members)
    over = resolved(incident.model_copy(update={"members": well}), what, by, now)
    if incident.state in OPEN and incident.last_told_at is not None:
        book.enqueue(notice_of(over, "resolved", now))
    book.put(over)
    return over
