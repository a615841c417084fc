"""Verify what is stored: is everything there that a recovery point needs, whole, in both vaults, and can it be read?

By names: each vault is listed once, its registers and document lists are read, and what they name is looked for, a
point's WAL segment by segment. Deep fetches every byte of every object as well (verify_objects). Every damaged or
missing object is named, not only the first; what nothing covers is counted and named as not proven, never as sound. It
needs neither the cluster nor Airflow, and holds in memory the listing of one vault and one document list at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain

from muniment.adapters.concurrency import at_once
from muniment.adapters.vault.authenticity import mac_key, read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.record import Record
from muniment.domain.recovery.absence import Listing, absent_beside, absent_wal
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup, DocumentSnapshot, Point
from muniment.domain.wal.names import SystemIdentifier
from muniment.errors import Damaged, ObjectMissing
from muniment.ports import Progress, Silent, Step
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.vault.point_presence import archive_of
from muniment.runbooks.vault.verify_objects import Expected, of_backup, of_other, of_snapshot

READS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Fault:
    bucket: str
    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """Of one vault. ``bytes_read`` is 0 for one by names."""

    bucket: str
    objects: int
    bytes_read: int
    faults: tuple[Fault, ...]
    unproven: tuple[Fault, ...] = ()
    """What nothing covers: it may be sound, and nobody can tell."""
    points: Mapping[str, Point | None] = field(default_factory=dict)
    """The recovery points that are registered here, by id; ``None`` for one that cannot be read."""
    not_in_second_region: tuple[str, ...] = ()
    half_registered: tuple[str, ...] = ()
    """In the replica alone: a killed run leaves that, and the next one completes it."""
    server_versions: tuple[int, ...] = ()
    """Of the base backups, as PostgreSQL counts them: what one of them had wrong may be in what it backed up."""


def verify_vaults(vaults: Sequence[Vault], *, deep: bool, progress: Progress | None = None) -> tuple[Verification, ...]:
    """One, or the primary and the replica, which are then compared as well. Raises ``WrongVault``; damage is reported,
    so that all of it is seen."""
    found = [verify_vault(vault, deep=deep, progress=progress) for vault in vaults]
    if len(found) > 1 and not any(fault.key == keys.FIRM for one in found for fault in one.faults):
        found = [_with_lost_points(vaults[0], vaults[1], *found), _with_lost_copies(vaults[0], *found)]
    return tuple(found)


def verify_vault(vault: Vault, *, deep: bool, progress: Progress | None = None) -> Verification:
    """One vault alone, also where the other region is gone."""
    try:
        prove_vault(vault)
        mac_key(vault)
    except Damaged as damage:
        return Verification(
            vault.bucket, 1, 0, (Fault(vault.bucket, keys.FIRM, f"{damage.what}; nothing else was read"),)
        )
    listing = _listing(vault)
    total = sum(listing.sizes.values()) if deep else None
    with (progress or Silent()).step(f"verify {vault.bucket}", total, "bytes") as step:
        reading = _Reading(vault, listing, step, deep=deep)
        found = reading.verification()
    return _without_what_was_let_go(vault, found, reading.gone) if reading.gone else found


def _listing(vault: Vault) -> Listing:
    return Listing({item.key: item.size_bytes for item in vault.list("")})


def _without_what_was_let_go(vault: Vault, found: Verification, gone: Set[str]) -> Verification:
    """Expire may have come by: what has gone since it was listed is missing where something that is left names it."""
    with Silent().step("look again", None, "bytes") as step:
        again = _Reading(vault, _listing(vault), step, deep=False).verification()
    still = {fault.key for fault in again.faults}
    return replace(
        found,
        faults=tuple(fault for fault in found.faults if fault.key not in gone or fault.key in still),
        points={name: point for name, point in found.points.items() if name in again.points},
    )


def _with_lost_points(ours: Vault, other: Vault, primary: Verification, replica: Verification) -> Verification:
    """What the replica registers and the primary does not: half registered where it is newer than all that is here."""
    newest = max((point.registered_at for point in primary.points.values() if point), default=None)
    lost, half = list[Fault](), list[str]()
    for point_id in _only_in(other, replica, primary):
        point = replica.points[point_id]
        if point and (newest is None or point.registered_at > newest):
            half.append(point_id)
        else:
            lost.append(Fault(ours.bucket, keys.point(point_id), "it is missing: the replica vault registers it"))
    waiting = (each for each in _only_in(ours, primary, replica) if not _had_copy(primary.points[each]))
    faults = (*primary.faults, *lost)
    return replace(primary, faults=faults, half_registered=tuple(half), not_in_second_region=tuple(waiting))


def _with_lost_copies(ours: Vault, primary: Verification, replica: Verification) -> Verification:
    """What the primary registers as verified in both, and the replica has not."""
    lost = (each for each in _only_in(ours, primary, replica) if _had_copy(primary.points[each]))
    faults = (Fault(replica.bucket, keys.point(each), "it is missing: it was verified here once") for each in lost)
    return replace(replica, faults=(*replica.faults, *faults))


def _only_in(vault: Vault, here: Verification, there: Verification) -> Iterator[str]:
    """Of what is registered here still: the two were not listed in the same moment, and expire may be under way."""
    return (each for each in here.points if each not in there.points and vault.head(keys.point(each)))


def _had_copy(point: Point | None) -> bool:
    """One that cannot be read counts as one that had."""
    return point is None or point.verified_replica_at is not None


@dataclass(slots=True)
class _Reading:
    """One pass over a vault. Threads look and read; only the one that made it adds up what they find."""

    vault: Vault
    listing: Listing
    step: Step
    deep: bool
    seen: set[str] = field(default_factory=set)
    faults: dict[str, str] = field(default_factory=dict)
    unproven: dict[str, str] = field(default_factory=dict)
    bytes_read: int = 0
    points: list[Point] = field(default_factory=list)
    segment_bytes: dict[SystemIdentifier, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    """Listed, and not there any more when it was read."""
    server_versions: set[int] = field(default_factory=set)

    def verification(self) -> Verification:
        for item, fault in at_once(self._look, self._objects(), READS_AT_ONCE):
            self._take(item, fault)
        for key, needed_by in self._needed_in_vain().items():
            others = f" and {len(needed_by) - 1} more" if len(needed_by) > 1 else ""
            absence = "it leads nowhere" if key in self.listing else "it is missing"
            self.faults.setdefault(
                key, f"{absence}: recovery point {needed_by[0]}{others} cannot be restored without it"
            )
        return Verification(
            bucket=self.vault.bucket,
            objects=len(self.seen | self.faults.keys()),
            bytes_read=self.bytes_read if self.deep else 0,
            faults=self._named(self.faults),
            unproven=self._named(self.unproven),
            points=self._registered(),
            server_versions=tuple(sorted(self.server_versions)),
        )

    def _named(self, found: Mapping[str, str]) -> tuple[Fault, ...]:
        return tuple(Fault(self.vault.bucket, key, what) for key, what in sorted(found.items()))

    def _registered(self) -> dict[str, Point | None]:
        listed = [key.removeprefix(keys.POINTS).removesuffix(".json") for key in self.listing.under(keys.POINTS)]
        return dict.fromkeys(listed) | {point.id: point for point in self.points}

    def _look(self, item: Expected) -> tuple[Expected, str | None]:
        size = self._size(item.key)
        if size is None:
            return item, "it is missing"
        if item.size_bytes not in (None, size):
            return item, f"it has {size} bytes, its register says {item.size_bytes}"
        try:
            if self.deep and item.read:
                item.read(self.vault)
        except Damaged as damage:
            self._note_gone(item.key, damage)
            return item, damage.what
        return item, None

    def _size(self, key: str) -> int | None:
        """A night may store a document where the listing has been, and its list where that still comes."""
        if key in self.listing:
            return self.listing.sizes[key]
        found = self.vault.head(key)
        return found.size_bytes if found else None

    def _note_gone(self, key: str, damage: Damaged) -> None:
        if isinstance(damage, ObjectMissing) and key in self.listing:
            self.gone.add(key)

    def _take(self, item: Expected, fault: str | None) -> None:
        size = self.listing.sizes.get(item.key, 0)
        self.step.advance(size)
        if fault is not None:
            self.faults[item.key] = fault
        elif item.read is None:
            self.unproven[item.key] = item.unproven
        else:
            self.bytes_read += size

    def _objects(self) -> Iterator[Expected]:
        """Every one once: what is named, then whatever else is there."""
        for item in chain(self._of_stand_in(), self._of_backups(), self._of_points(), self._of_documents()):
            if item.key not in self.seen:
                self.seen.add(item.key)
                yield item
        for key in self.listing.sizes:
            if key not in self.seen:
                self.seen.add(key)
                yield of_other(self.vault, key)

    def _of_stand_in(self) -> Iterator[Expected]:
        """What was sealed while the other region was away opens with the private half of its stand-in key."""
        halves = (keys.STAND_IN_PRIVATE, keys.STAND_IN_PUBLIC)
        if any(key in self.listing for key in halves):
            yield from (of_other(self.vault, key) for key in halves)

    def _of_backups(self) -> Iterator[Expected]:
        registers = [key for key in self.listing.under(keys.BASE) if key.endswith("/backup.json")]
        for backup in self._read(registers, lambda key: read_register(self.vault, Backup, key)):
            self.segment_bytes[backup.system_identifier] = backup.wal_segment_bytes
            self.server_versions.add(backup.server_version)
            yield from of_backup(backup)

    def _of_points(self) -> Iterator[Expected]:
        """They name nothing that has a size or a digest of its own."""
        registers = self.listing.under(keys.POINTS)
        self.points += self._read(registers, lambda key: read_register(self.vault, Point, key))
        self.points.sort(key=lambda point: point.id)
        return iter(())

    def _of_documents(self) -> Iterator[Expected]:
        """One list at a time is in memory."""
        for key in self.listing.under(keys.DOCUMENT_SNAPSHOTS):
            for snapshot in self._read([key], lambda key: DocumentSnapshot.from_json(self.vault.get_sealed(key))):
                yield from of_snapshot(snapshot)

    def _read[D: Record](self, names: Iterable[str], read: Callable[[str], D]) -> Iterator[D]:
        """These tell what else there has to be, so they are read whether or not all is."""

        def one(key: str) -> tuple[str, D | Damaged]:
            try:
                return key, read(key)
            except Damaged as damage:
                self._note_gone(key, damage)
                return key, damage

        for key, found in at_once(one, names, READS_AT_ONCE):
            self.seen.add(key)
            self._take(of_other(self.vault, key), found.what if isinstance(found, Damaged) else None)
            if not isinstance(found, Damaged):
                yield found

    def _needed_in_vain(self) -> dict[str, list[str]]:
        """Key → the points that cannot do without it."""
        archives = {
            system: archive_of(self.vault, self.listing, system, size) for system, size in self.segment_bytes.items()
        }
        lacking: dict[str, list[str]] = {}
        for point in self.points:
            registers = (keys.backup_register(each) for each in point.chain)
            archive = archives.get(point.system_identifier)
            for key in (
                *(key for key in registers if key not in self.listing),
                *absent_beside(point, self.listing),
                *(absent_wal(point, archive) if archive else ()),
            ):
                lacking.setdefault(key, []).append(point.id)
        return {key: points for key, points in lacking.items() if key in self.listing or self._size(key) is None}
