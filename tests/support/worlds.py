"""A firm's vault without a vault: nights that only happen in memory, for the rules of retention."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from muniment.domain.firm.firm import BaseBackups, Policy, RecoveryClass
from muniment.domain.holds.hold import Hold
from muniment.domain.leases.lease import Standing
from muniment.domain.record import new_id
from muniment.domain.retention.plan import VaultPlan
from muniment.domain.retention.rules import plan_expiry
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.vault.inventory import BackupFacts, Inventory
from muniment.domain.vault.named_documents import NamedDocuments, SnapshotIndex
from muniment.domain.vault.registers import ControlTotals, Point, WalRange
from muniment.domain.wal.names import Lsn, WalSegment
from tests.support.points import make_point

SEGMENT_BYTES = 16 * 2**20
SYSTEM = 7555555555555555555
DAY = timedelta(days=1)
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def make_policy(**fields: Any) -> Policy:
    return Policy(
        **{
            "tier": "test",
            "retention": 30 * DAY,
            "point_in_time_window": 7 * DAY,
            "minimum_verified_points": 3,
            "base_backups": BaseBackups(chain_limit=7),
            "recovery_class": RecoveryClass(name="demo", rpo=timedelta(hours=24), rto=timedelta(hours=4)),
            "audit_log": timedelta(days=365),
            **fields,
        }
    )


@dataclass
class World:
    """One vault, night after night. ``now`` moves only forward."""

    now: datetime = START
    policy: Policy = field(default_factory=make_policy)
    objects: dict[str, ObjectVersion] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    backups: dict[str, BackupFacts] = field(default_factory=dict)
    documents: dict[str, frozenset[str]] = field(default_factory=dict)
    taken_at: dict[str, datetime] = field(default_factory=dict)
    leases: list[Standing] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    current: set[str] = field(default_factory=set)
    next_segment: int = 1
    serving: int = SYSTEM
    """The firm's cluster, as firm.json says."""

    def put(self, key: str, size_bytes: int = 1000) -> str:
        self.objects[key] = ObjectVersion(key, size_bytes, self.now, f"v-{key}")
        return key

    def push_wal(self, count: int = 1) -> None:
        for number in range(self.next_segment, self.next_segment + count):
            self.put(keys.wal(SYSTEM, WalSegment(1, number, SEGMENT_BYTES).name), 4_000_000)
        self.next_segment += count

    def change_document(self, name: str) -> None:
        """A new version of one document; the one before is current no more."""
        self.current = {key for key in self.current if not key.startswith(f"{name} ")}
        self.current.add(f"{name} {self.now.isoformat()}")

    def night(self, *, name: str = "", full: bool = True, fails: bool = False, wal: int = 3) -> Point | None:
        """``fails``: after the base backup; nothing of it is registered as a point."""
        parent = max(self.backups.values(), key=lambda each: each.finished_at, default=None) if not full else None
        point_id, began = name or new_id(self.now), self.next_segment
        backup = self._backup(point_id, parent, began)
        self.push_wal(wal)
        self.now += timedelta(minutes=20)
        if fails:
            return None
        objects = frozenset(keys.document_object("matters", each, "1") for each in self.current)
        for key in objects - self.objects.keys():
            self.put(key, 50_000)
        self.put(keys.document_snapshot(point_id))
        self.documents[point_id] = objects
        self.taken_at[point_id] = self.now
        self.put(keys.config(point_id))
        point = self._point(point_id, backup, began)
        self.put(keys.point(point_id))
        self.points.append(point)
        return point

    def _backup(self, point_id: str, parent: BackupFacts | None, first: int) -> BackupFacts:
        backup_id = new_id(self.now + timedelta(seconds=1))
        chunks = [self.put(keys.chunk(backup_id, "base", number), 9_000_000) for number in range(2)]
        facts = BackupFacts(
            id=backup_id,
            point=point_id,
            parent=parent.id if parent else None,
            system_identifier=SYSTEM,
            segment_bytes=SEGMENT_BYTES,
            start=Lsn(first * SEGMENT_BYTES + 40),
            stop=Lsn((first + 1) * SEGMENT_BYTES + 80),
            finished_at=self.now,
            keys=(*chunks, self.put(keys.backup_manifest(backup_id)), self.put(keys.backup_register(backup_id))),
        )
        self.backups[backup_id] = facts
        return facts

    def _point(self, point_id: str, backup: BackupFacts, began: int) -> Point:
        chain = [backup]
        while chain[-1].parent:
            chain.append(self.backups[chain[-1].parent])
        first, last = (WalSegment(1, number, SEGMENT_BYTES) for number in (began, self.next_segment - 1))
        return make_point(
            point_id,
            WalRange(timeline=1, first_segment=first.name, last_segment=last.name, through_lsn=last.end),
            at=self.now,
            taken_at=backup.finished_at,
            system_identifier=SYSTEM,
            chain=tuple(each.id for each in reversed(chain)),
            kind="incremental" if backup.parent else "full",
            document_count=len(self.current),
            control_totals=ControlTotals(lsn=backup.stop, read_at=self.now, counts={}, sums={}),
        )

    def hold(self, name: str, start: datetime, end: datetime | None) -> Hold:
        hold = Hold(
            id=name,
            reason="preservation order",
            placed_by="a.counsel",
            placed_at=self.now,
            covers_from=start,
            covers_until=end,
        )
        self.holds.append(hold)
        return hold

    def inventory(self) -> Inventory:
        return Inventory(
            bucket="alder-vault",
            versions=tuple(self.objects[key] for key in sorted(self.objects)),
            points=tuple(self.points),
            backups=dict(self.backups),
            documents=self._named_documents(),
            holds=tuple(self.holds),
            leases=tuple(self.leases),
            serving=self.serving,
        )

    def _named_documents(self) -> NamedDocuments:
        index = SnapshotIndex()
        for name, objects in self.documents.items():
            index.add(name, self.taken_at[name], objects)
        return NamedDocuments(index, frozenset(self.documents))

    def plan(self, **how: Any) -> VaultPlan:
        return plan_expiry(self.inventory(), policy=self.policy, now=self.now, **how)

    def expire(self, *, stop_after: int | None = None) -> VaultPlan:
        """Deletes in expire's order; ``stop_after``: killed when that many objects are gone."""
        plan = self.plan()
        order = (*plan.points_going(), *plan.registers_going(), *plan.contents_going())
        for version in order[:stop_after]:
            self._delete(version.key)
        return plan

    def _delete(self, key: str) -> None:
        del self.objects[key]
        self.points = [point for point in self.points if keys.point(point.id) != key]
        self.backups = {name: each for name, each in self.backups.items() if keys.backup_register(name) != key}
        self.documents = {n: each for n, each in self.documents.items() if keys.document_snapshot(n) != key}

    def later(self, days: float) -> "World":
        return replace(self, now=self.now + days * DAY)
