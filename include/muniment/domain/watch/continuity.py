"""Whether it is still the same database that goes on: the gravest that can be wrong with one is that it is not."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from muniment.domain.wal.facts import PAGE_BYTES
from muniment.domain.wal.names import Lsn, WalSegment
from muniment.domain.watch.firm_seen import Mark
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.vault import WalHeld

CLOCKS_DIFFER = timedelta(seconds=5)
# Server and vault are seen side by side; what a vault held this long before the server was seen is older than that.
_EARLIER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Break:
    cause: Literal["another-database", "lsn-went-back", "clock-skew"]
    what: str
    """What was seen, without a full stop."""


def breaks(
    firm: str,
    before: ServerSeen | None,
    now: ServerSeen,
    *,
    allowed: Set[int],
    marks: Iterable[Mark] = (),
    helds: Iterable[WalHeld | None] = (),
    abandoned: Set[int] = frozenset(),
) -> tuple[Break, ...]:
    """``before``: as it answered last. ``allowed``: the system identifier that the vaults' ``firm.json`` names; empty
    where none could be read, and then the one seen before counts. ``marks`` and ``helds``: of the passes before; by
    them a log that went back is seen again in each pass until it is farther than it was. ``abandoned``: timelines that
    a recorded roll-back has left (``RolledBack.abandoned``); to go back from those was meant."""
    expected = allowed or ({before.system_identifier} if before else set())
    if expected and now.system_identifier not in expected:
        return (Break("another-database", _other(firm, now, expected)), *_clock(firm, now))
    same = before if before and before.system_identifier == now.system_identifier else None
    same = None if same and same.timeline in abandoned else same
    known = [held for held in helds if held is not None and held.timeline not in abandoned]
    found = (*_since_before(firm, same, now), *_since_marks(firm, marks, now), *_behind_vaults(firm, known, now))
    return (*(Break("lsn-went-back", what) for what in found[:1]), *_clock(firm, now))


def _other(firm: str, now: ServerSeen, expected: Set[int]) -> str:
    named = ", ".join(str(each) for each in sorted(expected))
    return f"the cluster that answers for firm {firm} has system identifier {now.system_identifier}, not {named}"


def _since_before(firm: str, before: ServerSeen | None, now: ServerSeen) -> Iterator[str]:
    """A restore into live goes on on a timeline of its own, below where the one before had ended."""
    if before is None or before.is_standby or now.is_standby:
        return
    if now.timeline < before.timeline:
        yield f"the cluster of firm {firm} went back from timeline {before.timeline} to {now.timeline}"
    elif now.timeline == before.timeline and _is_behind(before.flush_lsn, now):
        yield _went_back(firm, before.flush_lsn, before.seen_at, now)


def _since_marks(firm: str, marks: Iterable[Mark], now: ServerSeen) -> Iterator[str]:
    for mark in marks:
        is_ours = mark.system_identifier == now.system_identifier and mark.timeline == now.timeline
        if is_ours and not now.is_standby and _is_behind(mark.flush_lsn, now):
            yield _went_back(firm, mark.flush_lsn, mark.at, now)


def _is_behind(end: Lsn, now: ServerSeen) -> bool:
    """Not by the beginning of a record that was not whole, whose first pages were on the disk when the server
    crashed."""
    is_between_pages = end.offset_bytes % PAGE_BYTES == 0 and end.offset_bytes % now.segment_bytes != 0
    return end.bytes_since(now.flush_lsn) > (now.segment_bytes if is_between_pages else 0)


def _went_back(firm: str, end: Lsn, at: datetime, now: ServerSeen) -> str:
    return (
        f"the log of firm {firm} went back from {end}, seen at {at:%Y-%m-%d %H:%M:%S} UTC, to {now.flush_lsn} on the"
        f" same timeline {now.timeline}"
    )


def _behind_vaults(firm: str, helds: Iterable[WalHeld], now: ServerSeen) -> Iterator[str]:
    """What is in a vault the server had on its disk before."""
    for held in helds:
        if now.is_standby or held.system_identifier != now.system_identifier:
            continue
        last = WalSegment(held.timeline, held.number, held.segment_bytes)
        is_earlier = now.seen_at - held.seen_at > _EARLIER
        if held.timeline > now.timeline:
            yield f"the cluster of firm {firm} is on timeline {now.timeline}, and the vault holds {last.name}"
        elif held.timeline == now.timeline and is_earlier and now.flush_lsn < last.end:
            yield f"the log of firm {firm} ends at {now.flush_lsn}, and the vault holds {last.name}, which ends later"


def _clock(firm: str, now: ServerSeen) -> Iterator[Break]:
    """By as much as the answer's way cannot explain."""
    slow, fast = now.seen_at - now.server_at, now.server_at - now.seen_at - timedelta(seconds=now.took_s)
    if max(slow, fast) > CLOCKS_DIFFER:
        by, how = max(slow, fast).total_seconds(), "slow" if slow > fast else "fast"
        yield Break("clock-skew", f"the clock of firm {firm}'s server is {by:,.0f} s {how} by the clock of the watch")
