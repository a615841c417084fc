"""What a vault has to restore from: base backups, the WAL that leads on from them, the timelines of the cluster."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from muniment.adapters.vault import catalog
from muniment.adapters.vault.fallback import FallbackVault
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.fallback import FallbackArchive
from muniment.domain.recovery.backup_choice import Base, Restorable
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault.firm_mark import FirmMark
from muniment.domain.wal.names import SystemIdentifier
from muniment.errors import LiveNotReplaceable, NothingToRestore, ObjectDamaged
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.wal.windows import timelines_of, ways_back_of


@dataclass(frozen=True, slots=True)
class Stock:
    """What one vault holds of one firm."""

    vault: Vault
    store: FallbackArchive
    own: frozenset[str]
    """Names of files that no other vault has to lend."""
    files: Mapping[str, ObjectVersion]
    restorable: Restorable
    damaged: tuple[ObjectDamaged, ...]
    """Registers that cannot be read here: what they name is not chosen, and the plan says so."""
    replaced_at: datetime | None = None
    """Of a cluster that another one was adopted in the place of."""

    def require_present(self, place: str) -> None:
        """Raises ``LiveNotReplaceable``: what was replaced does not go live by a restore."""
        if self.replaced_at:
            what = f"{self.store.system_identifier}, which was replaced on {self.replaced_at:%Y-%m-%d}"
            reason = f"the target is of cluster {what}: stage it, and bring back from there what is needed"
            raise LiveNotReplaceable(place=place, reason=reason)


def stocks(vault: Vault, other: Vault | None, target: RecoveryTarget) -> Iterator[Stock]:
    """Of the cluster that serves, and then of those before it, the newest first; a point's id names its own cluster.

    With the WAL that ``other`` has to lend. Raises ``WrongVault``, ``ObjectMissing`` for an unknown point,
    ``ObjectDamaged``, and ``NothingToRestore`` where there is none at all.
    """
    mark = prove_vault(vault)
    clusters = mark.clusters
    if target.kind == "point":
        own = catalog.find_point(vault, target.value).system_identifier
        clusters = (own,) if own in clusters else clusters
    empty: NothingToRestore | None = None
    is_empty = True
    for system_identifier in clusters:
        try:
            yield _take_stock(vault, other, target, system_identifier, mark)
            is_empty = False
        except NothingToRestore as nothing:
            empty = empty or nothing
    if is_empty and empty:
        raise empty


def _take_stock(
    vault: Vault,
    other: Vault | None,
    target: RecoveryTarget,
    system_identifier: SystemIdentifier,
    mark: FirmMark,
) -> Stock:
    store = FallbackArchive(FallbackVault(vault, other), system_identifier)
    own = store.preferred.files()
    files = store.with_lent(own)
    damaged: list[ObjectDamaged] = []
    bases = _bases(vault, system_identifier, damaged)
    if not bases:
        raise damaged[0] if damaged else NothingToRestore(bucket=vault.bucket, firm=vault.firm)
    archive = store.archive(files, bases[0].backup.wal_segment_bytes)
    ways_back = ways_back_of(vault, mark, system_identifier)
    timelines = timelines_of(store, archive, (base.backup for base in bases), ways_back)
    restorable = Restorable(bases, archive, timelines, target.timeline)
    return Stock(vault, store, frozenset(own), files, restorable, tuple(damaged), mark.replaced_at(system_identifier))


def _bases(vault: Vault, system_identifier: int, damaged: list[ObjectDamaged]) -> tuple[Base, ...]:
    """Newest first. A point whose backups are not all registered here any more is none, and one that cannot be read
    keeps nobody from the others."""
    backups = {backup.id: backup for backup in catalog.registered_backups(vault, damaged=damaged.append)}
    return tuple(
        Base(point, tuple(backups[each] for each in point.chain))
        for point in reversed(catalog.points(vault, damaged=damaged.append))
        if point.system_identifier == system_identifier and all(each in backups for each in point.chain)
    )
