"""What a recovery point needs: every object without which it could not be restored."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Self

from muniment.domain.vault import keys
from muniment.domain.vault.inventory import BackupFacts, Inventory
from muniment.domain.vault.registers import Point, WalRange
from muniment.domain.wal.names import SystemIdentifier, WalSegment


@dataclass(frozen=True, slots=True)
class WalNeed:
    """Segments ``first`` to ``last`` by number, both included; ``None``: and all that come after.

    Numbers, not names: after a promotion the same positions exist on two timelines, and recovery chooses. Whatever
    lies in the range is needed, whichever timeline it is on.
    """

    system_identifier: SystemIdentifier
    first: int
    last: int | None

    @classmethod
    def of_backup(cls, backup: BackupFacts) -> Self:
        """From start to stop: without these the backup never becomes consistent."""
        size = backup.segment_bytes
        return cls(
            backup.system_identifier,
            WalSegment.holding(backup.start, 0, size).number,
            WalSegment.ending(backup.stop, 0, size).number,
        )

    @classmethod
    def of_range(cls, wal: WalRange, backup: BackupFacts) -> Self:
        first, last = (segment_number(name, backup.segment_bytes) for name in (wal.first_segment, wal.last_segment))
        return cls(backup.system_identifier, first, last)

    def and_after(self) -> Self:
        return type(self)(self.system_identifier, self.first, None)

    def through(self, last: int) -> Self:
        return type(self)(self.system_identifier, self.first, last)

    def covers(self, system_identifier: SystemIdentifier, number: int) -> bool:
        after_first = system_identifier == self.system_identifier and number >= self.first
        return after_first and (self.last is None or number <= self.last)


def segment_number(name: str, segment_bytes: int) -> int:
    return WalSegment.parse(name, segment_bytes).number


def wal_of_point(point: Point, backups: Mapping[str, BackupFacts]) -> WalNeed:
    """Its base backup's own WAL and all that its proof covers, the control totals' position included."""
    backup = backups[point.backup]
    own, proven = WalNeed.of_backup(backup), WalNeed.of_range(point.wal, backup)
    return WalNeed(own.system_identifier, min(own.first, proven.first), max(own.last or 0, proven.last or 0))


def missing_here(point: Point, inventory: Inventory) -> tuple[str, ...]:
    """What of the point is missing from this vault."""
    return tuple(_missing(point, inventory))


def _missing(point: Point, inventory: Inventory) -> Iterator[str]:
    backups, present = inventory.backups, inventory.present
    yield from (keys.backup_register(backup_id) for backup_id in point.chain if backup_id not in backups)
    for backup_id in point.chain:
        if backup_id in backups:
            yield from (key for key in backups[backup_id].keys if key not in present)
    yield from (key for key in (keys.config(point.config),) if key not in present)
    if point.documents not in inventory.documents:
        yield keys.document_snapshot(point.documents)
    elif point.documents in inventory.incomplete_snapshots:
        yield from sorted(key for key in inventory.documents.objects_of(point.documents) if key not in present)
    if point.backup in backups:
        yield from _missing_wal(wal_of_point(point, backups), inventory.segments)


def _missing_wal(need: WalNeed, segments: Mapping[SystemIdentifier, Set[int]]) -> Iterator[str]:
    there = segments.get(need.system_identifier, frozenset())
    for number in range(need.first, (need.last or 0) + 1):
        if number not in there:
            yield f"{keys.wal_prefix(need.system_identifier)}…/segment number {number}"
