"""RPO as it is at this moment: how old the first commit is that a vault does not hold (docs/adr/0035).

A commit is one whose record is on the server's disk, which is when its client hears of it. A look does not tell when
commits were made, only how far the log was; so each look leaves a mark, and what lies beyond a vault's WAL was
committed after the newest mark that the vault covers. That nobody committed since, transaction ids tell.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from muniment.domain.wal.facts import next_record
from muniment.domain.wal.names import Lsn, WalSegment
from muniment.domain.watch.firm_seen import Mark
from muniment.domain.watch.server import ServerSeen
from muniment.domain.watch.vault import WalHeld

# Server and vault are seen side by side: the vault may hold a segment that was not full when the server was seen.
_ONE_PASS = timedelta(minutes=1)
# How much earlier than it must a commit may be said to be, of its age, for the sake of fewer marks.
_THINNED_BY = 0.01


@dataclass(frozen=True, slots=True)
class AtRisk:
    """At the instant of the look. Nothing at risk: ``since`` is ``None`` and ``rpo_s`` 0. Unknown: all are ``None``,
    or ``behind_bytes`` alone is known."""

    since: datetime | None
    rpo_s: float | None
    behind_bytes: int | None
    """From the end of what the vault holds to the end of the log."""


_UNKNOWN = AtRisk(None, None, None)


def at_risk(marks: Sequence[Mark], server: ServerSeen, held: WalHeld | None) -> AtRisk:
    """Never younger than the first commit beyond ``held``; earlier than it by at most the time between two looks.

    ``marks`` with or without that of this look. 0 only where no commit can lie beyond ``held``. The doubtful case: a
    segment that ended between two looks, and transactions in the same time. Those may lie behind the segment, and count
    as if they did until the next one is archived, which ``archive_timeout`` sees to on an idle cluster.
    """
    if held is None or held.more or not _is_comparable(marks, server, held):
        return _UNKNOWN
    end = _end(held)
    behind = 0 if server.flush_lsn <= _reach(held) else server.flush_lsn.bytes_since(end)
    if server.timeline == held.timeline and _mark_of(marks, server).flush_lsn <= _reach(held):
        return AtRisk(None, 0.0, behind)
    known = [mark.at for mark in (*_usable(marks, server), *_of_checkpoint(server)) if _is_covered(mark, held)]
    since = max((*known, *_written_at(server, held)), default=None)
    return AtRisk(since, None if since is None else (server.seen_at - since).total_seconds(), behind)


def with_mark(marks: Sequence[Mark], server: ServerSeen, helds: Iterable[WalHeld | None]) -> tuple[Mark, ...]:
    """Oldest first, with that of this look; without those that no vault of ``helds`` needs any more. ``None`` among
    them may need all."""
    # A standby knows of no commit that has not reached it; and of a log that went back the marks are the witnesses.
    if server.is_standby or _went_back(marks, server):
        return tuple(marks)
    here, known = _mark_of(marks, server), list(helds)
    told = {mark.at: mark for mark in (*_usable(marks, server), *_of_segment(server, known))}
    before = [told[at] for at in sorted(told) if at < here.at and not _is_same_moment(told[at], here)]
    return _thinned(_since_covered([*before, here], known), here.at)


def _is_comparable(marks: Sequence[Mark], server: ServerSeen, held: WalHeld) -> bool:
    """Not where the server's log is another one than the one that was archived, or was seen before."""
    if server.is_standby or held.system_identifier != server.system_identifier or held.timeline > server.timeline:
        return False
    if _went_back(marks, server):
        return False
    was_before = server.seen_at - held.seen_at > _ONE_PASS
    return not (was_before and held.timeline == server.timeline and _end(held) > server.flush_lsn)


def _went_back(marks: Sequence[Mark], server: ServerSeen) -> bool:
    ours = [mark for mark in _usable(marks, server) if mark.timeline == server.timeline]
    return any(mark.flush_lsn > server.flush_lsn for mark in ours)


def _usable(marks: Iterable[Mark], server: ServerSeen) -> Iterator[Mark]:
    """Of this cluster, and not from a time that is still to come: then our clock has gone back, and nobody knows how
    old they are."""
    for mark in marks:
        is_ours = mark.system_identifier == server.system_identifier and mark.timeline <= server.timeline
        if is_ours and mark.at <= server.seen_at:
            yield mark


def _mark_of(marks: Iterable[Mark], server: ServerSeen) -> Mark:
    """Where nothing was committed since an earlier one, every commit lies where it did then: what else has been
    written (checkpoints, running transactions, hint bits) is none."""
    here = Mark(
        at=server.seen_at,
        system_identifier=server.system_identifier,
        timeline=server.timeline,
        flush_lsn=server.flush_lsn,
        next_xid=server.next_xid,
        is_quiet=server.is_quiet,
        open_xids=server.open_xids,
    )
    known = (*_usable(marks, server), *_of_checkpoint(server))
    earlier = [mark.flush_lsn for mark in known if _is_same_moment(mark, here)]
    return here.model_copy(update={"flush_lsn": min([here.flush_lsn, *earlier])})


def _is_same_moment(one: Mark, other: Mark) -> bool:
    """No transaction with an id has ended between them: the same ones are open, and none is new among the ended.

    Subtransactions end with theirs. On another timeline the same ids are other transactions.
    """
    if not ((one.is_quiet and other.is_quiet) or (one.open_xids and one.open_xids == other.open_xids)):
        return False
    return one.timeline == other.timeline and one.next_xid == other.next_xid


def _of_checkpoint(server: ServerSeen) -> Iterator[Mark]:
    """A mark that the server itself has made."""
    found = server.checkpoint
    if found is None or found.server_at > server.server_at:
        return
    yield Mark(
        at=_by_our_clock(found.server_at, server),
        system_identifier=server.system_identifier,
        timeline=found.timeline,
        flush_lsn=found.redo_lsn,
        next_xid=found.next_xid,
        is_quiet=found.is_quiet,
    )


def _written_at(server: ServerSeen, held: WalHeld) -> Iterator[datetime]:
    """What lies behind a segment comes to the disk after all of it. On the server's own timeline alone: what a standby
    received it wrote later than the primary."""
    at = server.segments_written_at.get(_segment(held).name)
    if at is not None and at <= server.server_at and held.timeline == server.timeline:
        yield _by_our_clock(at, server)


def _of_segment(server: ServerSeen, helds: list[WalHeld | None]) -> Iterator[Mark]:
    """The end of what both vaults hold: a checkpoint lets that segment go, and when it was written is forgotten."""
    known = [held for held in helds if held is not None]
    if not known or len(known) < len(helds):
        return
    held = min(known, key=_end)
    for at in _written_at(server, held):
        yield Mark(
            at=at,
            system_identifier=server.system_identifier,
            timeline=server.timeline,
            flush_lsn=_end(held),
            next_xid=0,
            is_quiet=False,
        )


def _by_our_clock(at: datetime, server: ServerSeen) -> datetime:
    return at - (server.server_at - server.seen_at)


def _segment(held: WalHeld) -> WalSegment:
    return WalSegment(held.timeline, held.number, held.segment_bytes)


def _end(held: WalHeld) -> Lsn:
    return _segment(held).end


def _reach(held: WalHeld) -> Lsn:
    """Behind the next page's header: nothing of it is a commit."""
    return next_record(_end(held), held.segment_bytes)


def _is_covered(mark: Mark, held: WalHeld) -> bool:
    is_of_it = mark.system_identifier == held.system_identifier and mark.timeline <= held.timeline
    return is_of_it and mark.flush_lsn <= _reach(held)


def _since_covered(marks: list[Mark], helds: list[WalHeld | None]) -> list[Mark]:
    """From the newest one on that each vault covers."""
    needed = 0
    for index, mark in enumerate(marks):
        if helds and all(held is not None and _is_covered(mark, held) for held in helds):
            needed = index
    return marks[needed:]


def _thinned(marks: list[Mark], now: datetime) -> tuple[Mark, ...]:
    """Two days of five minutes are 576 marks; some 340 of them tell nearly the same, and each later day adds few."""
    kept = marks[:1]
    for mark, following in pairwise(marks[1:]):
        if following.at - kept[-1].at > _THINNED_BY * (now - following.at):
            kept.append(mark)
    return tuple(kept + marks[1:][-1:])
