"""What may go, when, and why: the pure half of expire, and how long Object Lock holds each kind of object."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.domain.firm.firm import Policy
from muniment.domain.holds.hold import Hold
from muniment.domain.retention.plan import VaultPlan, Verdict
from muniment.domain.retention.view import Reasons, View, name_of
from muniment.domain.units import format_duration
from muniment.domain.vault import keys
from muniment.domain.vault.dependencies import WalNeed, wal_of_point
from muniment.domain.vault.inventory import Inventory, Kind
from muniment.domain.vault.registers import Point
from muniment.domain.wal.facts import LedgerSpan
from muniment.domain.wal.names import SystemIdentifier, is_archivable

GRACE = timedelta(days=2)
"""How long what no register names may still belong to a run: longer than any chain with its retries takes."""


def chain_locked_until(policy: Policy, now: datetime) -> datetime:
    """For base backups, WAL and config: the last backup of a chain comes ``chain_limit`` nights after its full one at
    most, and its point lives for the whole retention; so no lock has to be extended when a chain grows."""
    return now + policy.retention + timedelta(days=policy.base_backups.chain_limit)


def point_locked_until(policy: Policy, registered_at: datetime) -> datetime:
    """A point has nothing that builds on it: it is locked for exactly as long as it was promised."""
    return registered_at + policy.retention


def documents_locked_until(policy: Policy, now: datetime) -> datetime:
    """Twice the retention: a document that stays current is locked anew once in a retention period, not every night."""
    return now + 2 * policy.retention


def lock_ahead(until: datetime | None, now: datetime) -> datetime | None:
    """``until`` for a copy that is made only now: S3 refuses to write an object with a lock that has ended."""
    return until if until and until > now else None


def plan_expiry(
    inventory: Inventory,
    *,
    policy: Policy,
    now: datetime,
    locks: Mapping[str, datetime] | None = None,
    kept_elsewhere: Set[str] = frozenset(),
) -> VaultPlan:
    """One vault's plan.

    ``locks``: until when Object Lock holds an object, as far as that is known; the caller reads the locks of what would
    go and asks again. ``kept_elsewhere``: points that the other vault keeps; a point goes from both or from neither.
    """
    reasons = Reasons(view := View(inventory, policy, now, locks or {}))
    if not view.usable:
        return _all_kept(view, "this vault has no complete recovery point")
    if unreadable := next((lease for lease in inventory.leases if lease.needs is None), None):
        return _all_kept(view, unreadable.why)
    _keep_points(view, reasons, kept_elsewhere)
    _keep_leased(view, reasons)
    _keep_parts(view, reasons)
    _keep_snapshots(view, reasons)
    _keep_chains(view, reasons)
    _wait_for_runs(view, reasons, "snapshot", "config", "backup")
    _keep_parents(view, reasons)
    _keep_wal(view, reasons)
    _keep_documents(view, reasons)
    _wait_for_runs(view, reasons, "document", "ledger")
    return VaultPlan(inventory.bucket, tuple(reasons.verdict(group) for group in view.groups))


def _wait_for_runs(view: View, reasons: Reasons, *kinds: Kind) -> None:
    """What has no reason to stay yet may get one from a run that is still going on, or that begins again."""
    for group in view.of_kind(*kinds):
        if not reasons.keeps(group.kind, group.id):
            if group.last_at > view.now - GRACE:
                reasons.keep(group.kind, group.id, f"younger than {format_duration(GRACE)}: a run may still need it")
            elif group.last_at > view.newest.registered_at:
                reasons.keep(group.kind, group.id, "younger than the newest recovery point")


def _all_kept(view: View, reason: str) -> VaultPlan:
    return VaultPlan(view.inventory.bucket, tuple(Verdict(group, True, (reason,)) for group in view.groups))


def _keep_points(view: View, reasons: Reasons, kept_elsewhere: Set[str]) -> None:
    policy = view.policy
    for point in view.points:
        if point.taken_at > view.now - policy.retention:
            reasons.keep("point", point.id, f"younger than {format_duration(policy.retention)}")
        if point.id in kept_elsewhere:
            reasons.keep("point", point.id, "the other vault keeps it")
        for hold in view.inventory.holds:
            if hold.covers(point.taken_at):
                reasons.keep("point", point.id, name_of(hold))
    _keep_the_least(view, reasons)
    for need in (*_window_anchors(view), *_hold_anchors(view)):
        reasons.keep("point", need.point.id, f"{need.reason} begins with it")


def _keep_the_least(view: View, reasons: Reasons) -> None:
    """Where the newest ones lack what could not be read, also the last that had it: else that goes for good."""
    least = view.policy.minimum_verified_points
    why = f"one of the newest {least} complete points" if least > 1 else "the newest complete point"
    newest = view.usable[-least:]
    for point in newest:
        reasons.keep("point", point.id, why)
    for point in view.present[-least:]:
        if point not in newest:
            reasons.keep("point", point.id, f"{why} of the cluster that serves")
    for point in view.whole[-least:]:
        if point not in newest:
            reasons.keep("point", point.id, f"{why} in which all could be read")
    for thing, point in view.last_that_had():
        reasons.keep("point", point.id, f"the last in which {thing.what} {thing.name} could be read")


def _keep_leased(view: View, reasons: Reasons) -> None:
    """What somebody reads at this moment, or is going to: whatever it belongs to stays with it. WAL: see below."""
    for lease in view.inventory.leases:
        if lease.needs:
            named: tuple[tuple[Kind, tuple[str, ...]], ...] = (
                ("point", lease.needs.points),
                ("backup", lease.needs.backups),
                ("snapshot", lease.needs.snapshots),
                ("config", lease.needs.configs),
            )
            for kind, ids in named:
                for each in ids:
                    reasons.keep(kind, each, lease.why)


def _keep_parts(view: View, reasons: Reasons) -> None:
    """Document snapshots and configurations of kept points."""
    for point in view.points:
        if reasons.keeps("point", point.id):
            reasons.keep("snapshot", point.documents, f"recovery point {point.id}")
            reasons.keep("config", point.config, f"recovery point {point.id}")


def _keep_snapshots(view: View, reasons: Reasons) -> None:
    """Of nights that ended before they had a point, too: what was current then may have been current only then."""
    documents = view.inventory.documents
    for group in view.of_kind("snapshot"):
        if group.id not in documents or reasons.keeps("snapshot", group.id):
            continue
        if documents.taken_at(group.id) > view.now - view.policy.retention:
            why = f"younger than {format_duration(view.policy.retention)}, though no recovery point names it"
            reasons.keep("snapshot", group.id, why)


def _keep_chains(view: View, reasons: Reasons) -> None:
    needing: dict[str, list[str]] = {}
    for point in view.points:
        if reasons.keeps("point", point.id):
            for backup_id in point.chain:
                needing.setdefault(backup_id, []).append(point.id)
    for backup_id, points in needing.items():
        reasons.keep("backup", backup_id, _named(points))


def _keep_parents(view: View, reasons: Reasons) -> None:
    """A registered backup that stays for another reason must stay whole: its parents with it, newest first."""
    for backup in sorted(view.inventory.backups.values(), key=lambda each: each.stop, reverse=True):
        if backup.parent and reasons.keeps("backup", backup.id) and not reasons.keeps("backup", backup.parent):
            reasons.keep("backup", backup.parent, f"parent of {backup.id}")


def _keep_wal(view: View, reasons: Reasons) -> None:
    needs = list(_wal_needs(view, reasons))
    for group, file in view.wal_files:
        if file.is_history:
            reasons.keep("wal", group.id, "timeline histories are always kept")
        elif not is_archivable(file.name):
            reasons.keep("wal", group.id, "no file of PostgreSQL's: left alone")
        elif file.number is None and group.last_at > view.now - GRACE:
            reasons.keep("wal", group.id, "of a cluster without a base backup yet")
        elif file.number is not None:
            at = file.system_identifier, file.number
            if why := next((reason for need, reason in needs if need.covers(*at)), None):
                reasons.keep("wal", group.id, why)
    _keep_ledgers(view, reasons)


def _keep_ledgers(view: View, reasons: Reasons) -> None:
    """What was verified, and what is known of it, for as long as some of that WAL is there."""
    positions: dict[SystemIdentifier, list[str]] = {}
    for group, file in view.wal_files:
        if file.position and reasons.keeps("wal", group.id):
            positions.setdefault(file.system_identifier, []).append(file.position)
    ordered = {system: sorted(kept) for system, kept in positions.items()}
    for group in view.of_kind("ledger"):
        span = LedgerSpan.parse(group.id)
        kept = ordered.get(span.system_identifier, []) if span else []
        if span and bisect_left(kept, span.first) < bisect_right(kept, span.last):
            reasons.keep("ledger", group.id, "WAL that it vouches for is kept")


def _wal_needs(view: View, reasons: Reasons) -> Iterator[tuple[WalNeed, str]]:
    """In the order in which a reader would want to be told."""
    backups = view.inventory.backups
    yield wal_of_point(view.newest, backups).and_after(), "since the newest recovery point's base backup"
    for anchor in (*_window_anchors(view), *_hold_anchors(view)):
        yield anchor.need, anchor.reason
    for lease in view.inventory.leases:
        for wal in lease.needs.wal if lease.needs else ():
            yield WalNeed(wal.system_identifier, wal.first, wal.last), lease.why
    for point in reversed(view.points):
        if reasons.keeps("point", point.id) and point.backup in backups:
            yield wal_of_point(point, backups), f"recovery point {point.id}"
    for backup in backups.values():
        if reasons.keeps("backup", backup.id):
            yield WalNeed.of_backup(backup), f"base backup {backup.id}"


def _keep_documents(view: View, reasons: Reasons) -> None:
    """What no snapshot here names was copied by a night that ended before it could: that one, too, has seen it."""
    documents = view.inventory.documents
    named = documents.named_by({each for each in documents.ids if reasons.keeps("snapshot", each)})
    named_at_all = documents.named_by(documents.ids)
    for group in view.of_kind("document"):
        key = keys.DOCUMENT_OBJECTS + group.id
        if named(key):
            reasons.keep("document", group.id, "a kept document snapshot names it")
        elif group.last_at > view.now - view.policy.retention and not named_at_all(key):
            why = f"younger than {format_duration(view.policy.retention)}, though no document snapshot names it"
            reasons.keep("document", group.id, why)


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A range of time that must stay restorable: the point it begins with and the WAL it needs from there."""

    point: Point
    need: WalNeed
    reason: str


def _window_anchors(view: View) -> Iterator[_Anchor]:
    """Of each cluster that archived anything within the window: a firm's cluster may have been replaced in between, and
    its last base backup may be older than the window."""
    window = view.policy.point_in_time_window
    if not window:
        return
    begin = view.now - window
    recent = {file.system_identifier for group, file in view.wal_files if group.last_at > begin and file.number}
    recent |= {point.system_identifier for point in view.usable if point.taken_at > begin}
    for system in sorted(recent | {view.newest.system_identifier}):
        if (point := view.begins(begin, system)) is not None:
            need = wal_of_point(point, view.inventory.backups).and_after()
            yield _Anchor(point, need, f"the point-in-time window of {format_duration(window)}")


def _hold_anchors(view: View) -> Iterator[_Anchor]:
    """A hold keeps its range restorable, and so the point before it. The segment with its last instant was archived
    after that instant."""
    for hold in view.inventory.holds:
        for system, numbers in _numbers_held(view, hold).items():
            if (point := view.begins(hold.covers_from, system)) is not None:
                need = wal_of_point(point, view.inventory.backups).and_after()
                last = None if hold.covers_until is None else max(numbers)
                yield _Anchor(point, need if last is None else need.through(last), name_of(hold))


def _numbers_held(view: View, hold: Hold) -> dict[SystemIdentifier, list[int]]:
    """Of each cluster: the segments archived within the hold, and the first one after it."""
    numbers: dict[SystemIdentifier, list[int]] = {}
    over: set[SystemIdentifier] = set()
    for group, file in sorted(view.wal_files, key=lambda each: each[0].first_at):
        system = file.system_identifier
        if file.number is None or group.first_at < hold.covers_from or system in over:
            continue
        numbers.setdefault(system, []).append(file.number)
        if not hold.covers(group.first_at):
            over.add(system)
    return numbers


def _named(points: Iterable[str]) -> str:
    first, *others = points
    return f"recovery points {first} to {others[-1]}" if others else f"recovery point {first}"
