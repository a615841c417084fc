"""What a vault has to restore from: base backups, the WAL that leads on from them, the timelines of the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass

from muniment.adapters.restore.records import rolled_back
from muniment.adapters.vault import catalog
from muniment.adapters.vault.fallback import FallbackVault
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.fallback import FallbackArchive
from muniment.domain.recovery.backup_choice import Base, Restorable
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.stored_object import ObjectVersion
from muniment.errors import NothingToRestore, ObjectDamaged
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.wal.windows import timelines_of


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


def take_stock(vault: Vault, other: Vault | None, target: RecoveryTarget) -> Stock:
    """With the WAL that ``other`` has to lend. Raises ``WrongVault``, ``NothingToRestore``, ``ObjectDamaged``."""
    mark = prove_vault(vault)
    store = FallbackArchive(FallbackVault(vault, other), mark.system_identifier)
    own = store.preferred.files()
    files = store.with_lent(own)
    damaged: list[ObjectDamaged] = []
    bases = _bases(vault, mark.system_identifier, damaged)
    if not bases:
        raise damaged[0] if damaged else NothingToRestore(bucket=vault.bucket, firm=vault.firm)
    archive = store.archive(files, bases[0].backup.wal_segment_bytes)
    timelines = timelines_of(store, archive, (base.backup for base in bases), rolled_back(vault))
    restorable = Restorable(bases, archive, timelines, target.timeline)
    return Stock(vault, store, frozenset(own), files, restorable, tuple(damaged))


def _bases(vault: Vault, system_identifier: int, damaged: list[ObjectDamaged]) -> tuple[Base, ...]:
    """Newest first. A point whose backups are not all registered here any more is none, and one that cannot be read
    keeps nobody from the others."""
    backups = {backup.id: backup for backup in catalog.registered_backups(vault, damaged=damaged.append)}
    return tuple(
        Base(point, tuple(backups[each] for each in point.chain))
        for point in reversed(catalog.points(vault, damaged=damaged.append))
        if point.system_identifier == system_identifier and all(each in backups for each in point.chain)
    )
