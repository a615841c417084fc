"""What is wrong with a firm's cluster, as the last look at it tells."""

from collections.abc import Iterator
from datetime import UTC, timedelta

from muniment.domain.incidents.severity import severity_of
from muniment.domain.incidents.trouble import Trouble
from muniment.domain.units import human_duration, human_size
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.firm_trouble import Words, places_of, trouble_of, ways_to
from muniment.domain.watch.server import ServerSeen, Slot

# An archiver that is tried again and succeeds within this time has not failed: PostgreSQL itself tries three times.
_ARCHIVER_PATIENCE = timedelta(minutes=2)
_STUCK_FOR = timedelta(minutes=4)
"""From one pass to the next: a busy archiver has archived something in it."""
# PostgreSQL stops with a PANIC when the file system of pg_wal is full.
_LITTLE_SPACE, _NO_SPACE_BYTES = 0.2, 2 * 2**30


def server_troubles(seen: FirmSeen, before: FirmSeen | None = None) -> Iterator[Trouble]:
    """Of a cluster that was not seen, only that: what it said before is no news. ``before``: as the pass before has
    seen it."""
    if seen.server_unseen is not None or seen.server is None:
        yield _unseen(seen)
        return
    failing = [*_archiver(seen, seen.server)]
    yield from failing or _stuck(seen, seen.server, before.server if before else None)
    for slot in seen.server.slots:
        yield from _slot(seen, slot)


def _unseen(seen: FirmSeen) -> Trouble:
    since = seen.server.seen_at if seen.server else seen.watched_since
    lasting = (seen.seen_at - since).total_seconds()
    what = f"the PostgreSQL cluster of firm {seen.firm} did not answer: {seen.server_unseen or 'it was never seen'}"
    return trouble_of(
        seen,
        "server-unseen",
        severity_of(lasting / seen.rpo_promise_s, seen.severity_weight),
        Words(
            subject="the cluster does not answer",
            what=what,
            kept="everything in the vaults; new WAL still reaches them while the server runs and archives",
            hint=f"see whether the server runs and the watch's connection leads to it: `muniment check {seen.firm}`",
            at_stake=f"what was committed since {since:%Y-%m-%d %H:%M:%S} UTC is unknown to us",
            breaks_at=since + timedelta(seconds=seen.rpo_promise_s),
        ),
        scopes=ways_to(seen),
    )


def _archiver(seen: FirmSeen, server: ServerSeen) -> Iterator[Trouble]:
    failed = server.last_failed_at
    if failed is None or (server.last_archived_at is not None and server.last_archived_at >= failed):
        return
    since = server.last_archived_at or failed
    if server.server_at - since < _ARCHIVER_PATIENCE:
        return
    lasting = (server.server_at - since).total_seconds()
    waiting = "" if server.ready is None else f"; {server.ready} WAL files wait"
    yield trouble_of(
        seen,
        "archiver-failing",
        severity_of(max(lasting / seen.rpo_promise_s, 0.5), seen.severity_weight),
        Words(
            subject="the archiver fails",
            what=(
                f"archive_command of firm {seen.firm} fails: its last failure was {server.last_failed} at"
                f" {failed.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, and nothing was archived since{waiting}"
            ),
            kept="all that was archived before; what waits lies in pg_wal until it is archived",
            hint="read archive_command's words in the server's log; run `muniment wal push` as the server's user",
            at_stake=f"{human_duration(lasting)} of commits are in no vault; pg_wal grows until the server stops",
            breaks_at=since + timedelta(seconds=seen.rpo_promise_s),
        ),
        scopes=places_of(seen.vault("primary")),
    )


def _stuck(seen: FirmSeen, server: ServerSeen, before: ServerSeen | None) -> Iterator[Trouble]:
    """Files wait, and none went since the last look. PostgreSQL counts no failure of a command that cannot be run at
    all (exit status above 125, "Setting Up WAL Archiving"): its archiver ends and begins anew."""
    if before is None or before.system_identifier != server.system_identifier or server.is_standby:
        return
    waited = min(server.ready or 0, before.ready or 0)
    if not waited or server.archived_count != before.archived_count or server.seen_at - before.seen_at < _STUCK_FOR:
        return
    since = server.last_archived_at or before.seen_at
    yield trouble_of(
        seen,
        "archiver-failing",
        severity_of(max((server.server_at - since).total_seconds() / seen.rpo_promise_s, 0.5), seen.severity_weight),
        Words(
            subject="the archiver does nothing",
            what=(
                f"{server.ready} WAL files of firm {seen.firm} wait for the archiver, which has archived nothing since"
                f" {since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC and counts no failure"
            ),
            kept="all that was archived before; what waits lies in pg_wal until it is archived",
            hint="read the server's log: a command that cannot be run, or that hangs, is told there and nowhere else",
            at_stake="what is committed now is in no vault; pg_wal grows until the server stops",
            breaks_at=since + timedelta(seconds=seen.rpo_promise_s),
        ),
        scopes=places_of(seen.vault("primary")),
    )


def _slot(seen: FirmSeen, slot: Slot) -> Iterator[Trouble]:
    if slot.state not in {"unreserved", "lost", "extended"} or (slot.state == "extended" and slot.is_active):
        return
    held = "" if slot.retained_bytes is None else f" and holds {human_size(slot.retained_bytes)} of WAL"
    yield trouble_of(
        seen,
        "slot-holds-wal",
        "warning" if slot.state == "extended" else "error",
        Words(
            subject=f"replication slot {slot.name} is {slot.state}",
            what=(
                f"replication slot {slot.name} of firm {seen.firm} is {'active' if slot.is_active else 'inactive'},"
                f" its wal_status is {slot.state}{held}"
            ),
            kept="every recovery point and the WAL in the vaults: the slot is not ours",
            hint=(
                "start the standby or subscriber again; where nobody needs the slot any more:"
                f" SELECT pg_drop_replication_slot('{slot.name}');"
            ),
            at_stake="pg_wal grows until the file system is full and the server stops",
        ),
    )


def space_troubles(seen: FirmSeen) -> Iterator[Trouble]:
    """By the free space that the last pushed segment told, less what pg_wal has grown since."""
    free, used = seen.wal_free_bytes, seen.server.pg_wal_bytes if seen.server else None
    if free is None or used is None:
        return
    if free >= _NO_SPACE_BYTES and free >= _LITTLE_SPACE * (free + used):
        return
    yield trouble_of(
        seen,
        "wal-space",
        "critical" if free < _NO_SPACE_BYTES and used > free else "error",
        Words(
            subject=f"{human_size(max(free, 0))} free under pg_wal",
            what=(
                f"the file system of pg_wal of firm {seen.firm} has about {human_size(max(free, 0))} free;"
                f" pg_wal itself has {human_size(used)}"
            ),
            kept="everything; a server whose pg_wal is full stops and loses no commit",
            hint="see what keeps WAL (archiver, slots: the incidents of this firm), or give the file system more room",
            at_stake="the firm cannot work once the file system is full",
        ),
    )
