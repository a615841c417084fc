"""What two vaults can give each other back: decided from what each holds and what its registers say."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from muniment.domain.holds.hold import Hold
from muniment.domain.units import human_size
from muniment.domain.vault import keys
from muniment.domain.vault.dependencies import WalNeed
from muniment.domain.vault.inventory import BackupFacts, WalFile
from muniment.domain.vault.registers import Backup, Chunk, DocumentSnapshot, Point, StoredFile

type Kind = Literal["content", "list", "backup", "point"]
"""In the order in which they are brought: nothing registers what is not there."""

_ORDER: tuple[Kind, ...] = ("content", "list", "backup", "point")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object that both vaults should have. ``sha256`` and ``size_bytes`` are a register's; ``needs``: the keys that
    have to be there before it."""

    key: str
    kind: Kind
    sha256: str | None = None
    size_bytes: int | None = None
    needs: frozenset[str] = frozenset()
    is_plain: bool = False
    """A register in clear, with an authentication code."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one vault holds. ``faults``: keys whose bytes were found to be wrong, and how."""

    bucket: str
    sizes: Mapping[str, int]
    faults: Mapping[str, str] = field(default_factory=dict)

    def fault(self, wanted: Wanted) -> str | None:
        size = self.sizes.get(wanted.key)
        if size is None:
            return "it is missing"
        if wanted.size_bytes not in (None, size):
            return f"it has {size} bytes, its register says {wanted.size_bytes}"
        return self.faults.get(wanted.key)


@dataclass(frozen=True, slots=True)
class Mending:
    """``source`` and ``target`` are buckets; ``why`` is what is wrong in the target."""

    wanted: Wanted
    source: str
    target: str
    size_bytes: int
    why: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Whole in neither vault."""

    key: str
    why: str


@dataclass(frozen=True, slots=True)
class MarkMending:
    """One vault's ``firm.json``, which goes before everything else and alone: what it says opens all the rest.

    ``source``: the bucket that it comes from, ``how`` in words. ``over``: the ETag of what is wrong, ``None`` where
    nothing is current.
    """

    bucket: str
    source: str
    how: str
    why: str
    body: bytes
    metadata: Mapping[str, str]
    over: str | None


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """With a ``mark`` it has nothing else: nothing else was looked at."""

    firm: str
    mendings: tuple[Mending, ...] = ()
    lost: tuple[Lost, ...] = ()
    mark: MarkMending | None = None

    @property
    def brings(self) -> int:
        return 1 if self.mark else len(self.mendings)

    def lines(self) -> Iterator[str]:
        if self.mark:
            yield f"bring  {keys.FIRM} into {self.mark.bucket}: {self.mark.why}; {self.mark.how}"
            yield f"firm {self.firm}: {keys.FIRM} goes first and alone, nothing else was compared yet"
            return
        for each in self.mendings:
            size = human_size(each.size_bytes)
            yield f"bring  {each.wanted.key} ({size}) from {each.source} into {each.target}: {each.why}"
        for lost in self.lost:
            yield f"LOST   {lost.key}: {lost.why}"
        total = human_size(sum(each.size_bytes for each in self.mendings))
        yield f"firm {self.firm}: {len(self.mendings)} objects to bring ({total}), {len(self.lost)} lost in both vaults"

    def summary(self) -> dict[str, Any]:
        return {
            "firm": self.firm,
            "bring": [
                {"key": key, "from": source, "into": target, "bytes": size, "why": why}
                for key, source, target, size, why in self._brought()
            ],
            "lost": [{"key": lost.key, "why": lost.why} for lost in self.lost],
        }

    def _brought(self) -> Iterator[tuple[str, str, str, int, str]]:
        if self.mark:
            why = f"{self.mark.why}; {self.mark.how}"
            yield keys.FIRM, self.mark.source, self.mark.bucket, len(self.mark.body), why
        for each in self.mendings:
            yield each.wanted.key, each.source, each.target, each.size_bytes, each.why


def plan_repair(firm: str, wanted: Sequence[Wanted], one: Held, other: Held) -> RepairPlan:
    """In the order in which it is carried out."""
    mendings, lost = [], []
    for each in sorted(wanted, key=lambda item: (_ORDER.index(item.kind), item.key)):
        faults = one.fault(each), other.fault(each)
        match faults:
            case (None, None):
                continue
            case (str(why), None):
                mendings.append(Mending(each, other.bucket, one.bucket, other.sizes[each.key], why))
            case (None, str(why)):
                mendings.append(Mending(each, one.bucket, other.bucket, one.sizes[each.key], why))
            case (first, second):
                lost.append(Lost(each.key, f"{one.bucket}: {first}; {other.bucket}: {second}"))
    return RepairPlan(firm, tuple(mendings), tuple(lost))


@dataclass(frozen=True, slots=True)
class Registers:
    """By id, as either vault tells them."""

    points: Mapping[str, Point]
    backups: Mapping[str, Backup]
    snapshots: Mapping[str, DocumentSnapshot]
    holds: Mapping[str, Hold]


def wanted_objects(registers: Registers, present: Set[str]) -> tuple[Wanted, ...]:
    """What both vaults should have. ``present``: every key of either."""
    return tuple({each.key: each for each in _wanted(registers, present)}.values())


def _wanted(registers: Registers, present: Set[str]) -> Iterator[Wanted]:
    chains = {backup_id for point in registers.points.values() for backup_id in point.chain}
    for backup_id in chains:
        yield from _of_backup(backup_id, registers.backups.get(backup_id))
    yield from _of_wal([registers.backups[each] for each in chains if each in registers.backups], present)
    for point in registers.points.values():
        yield from _of_point(point)
    for snapshot in _lists(registers):  # after the points: the one entry of a key that counts knows what it needs
        yield from _of_snapshot(snapshot)
    for hold_id in registers.holds:
        yield Wanted(keys.hold(hold_id), "point", is_plain=True)


def _of_backup(backup_id: str, backup: Backup | None) -> Iterator[Wanted]:
    register = keys.backup_register(backup_id)
    if backup is None:
        yield Wanted(register, "backup", is_plain=True)
        return
    sealed: list[Chunk | StoredFile] = [c for archive in backup.archives for c in archive.chunks]
    for stored in (*sealed, backup.manifest):
        yield Wanted(stored.key, "content", stored.sha256, stored.stored_bytes)
    yield Wanted(register, "backup", needs=frozenset(backup.keys()), is_plain=True)


def _lists(registers: Registers) -> Iterator[DocumentSnapshot]:
    """Of every point, and of each night behind the oldest one: between two lists an instant's documents are known."""
    oldest = min((point.taken_at for point in registers.points.values()), default=None)
    own = {point.documents for point in registers.points.values()}
    for name, snapshot in registers.snapshots.items():
        if name in own or (oldest is not None and snapshot.taken_at >= oldest):
            yield snapshot


def _of_snapshot(snapshot: DocumentSnapshot) -> Iterator[Wanted]:
    versions = {version.object: version for version in snapshot.versions}
    for key, version in versions.items():
        yield Wanted(key, "content", version.sha256, version.size_bytes)
    yield Wanted(keys.document_snapshot(snapshot.id), "list", needs=frozenset(versions))


def _of_wal(backups: Sequence[Backup], present: Set[str]) -> Iterator[Wanted]:
    """Whatever either has from the oldest base backup on, and every timeline's history."""
    sizes = {backup.system_identifier: backup.wal_segment_bytes for backup in backups}
    needs = [WalNeed.of_backup(BackupFacts.of(backup)).and_after() for backup in backups]
    for key in present:
        if key.startswith(keys.VERIFIED_WAL):  # a night cannot go on without reading those that are there
            yield Wanted(key, "content", is_plain=True)
        if key.startswith(keys.WAL):
            file = WalFile.of(key.removeprefix(keys.WAL), sizes)
            at = file.system_identifier, file.number
            if file.is_history or (at[1] is not None and any(need.covers(at[0], at[1]) for need in needs)):
                yield Wanted(key, "content")


def _of_point(point: Point) -> Iterator[Wanted]:
    config, snapshot = keys.config(point.config), keys.document_snapshot(point.documents)
    registers = (keys.backup_register(each) for each in point.chain)
    yield Wanted(config, "content")
    yield Wanted(snapshot, "list")
    yield Wanted(keys.point(point.id), "point", needs=frozenset((config, snapshot, *registers)), is_plain=True)
