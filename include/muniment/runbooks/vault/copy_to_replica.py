"""Second copy: everything that tonight's recovery point needs, and all new WAL, in the other region.

Nothing passes through the worker: S3 copies from vault to vault and encrypts again under the replica's key. Each
register arrives after what it names, so a killed copy leaves nothing that shows, and the next one goes on where it
ended.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from muniment.adapters.acts import records
from muniment.adapters.concurrency import at_once
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.replication import VaultCopy, Wanted, sizes_under
from muniment.adapters.vault.vault import Vault
from muniment.domain.backup.proofs import CopyProof
from muniment.domain.retention.rules import chain_locked_until, lock_ahead
from muniment.domain.vault import keys
from muniment.domain.vault.dependencies import WalNeed, segment_number
from muniment.domain.vault.inventory import BackupFacts, WalFile
from muniment.domain.vault.registers import Backup, Chunk, StoredFile
from muniment.domain.wal.names import SystemIdentifier, is_history
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.identity import prove_identity


def copy_to_replica(
    site: Site, *, backup_id: str, snapshot_id: str, config_id: str, clock: Clock, progress: Progress | None = None
) -> CopyProof:
    """Run again, it copies what is still missing and returns a new proof.

    Raises ``ObjectMissing`` or ``ObjectDamaged``, naming the first object that is not there or did not arrive whole.
    """
    prove_identity(site)
    progress = progress or Silent()
    for key in records.complete(site.vaults, locked_until=clock() + site.policy.audit_log):
        progress.note(f"{key} was in one vault alone: now it is in both")
    with site.exclusively() as held:
        locked_until = chain_locked_until(site.policy, clock())
        copy = VaultCopy(held.primary, held.replica, site.policy.documents.copies_at_once)
        backup = catalog.find_backup(site.primary, backup_id)
        for each in catalog.chain_of(site.primary, backup):
            bring_backup(copy, each, locked_until, progress)
        bring_wal(copy, backup, locked_until, progress)
        bring_documents(copy, snapshot_id, locked_until, clock(), progress)
        bring_one(copy, keys.config(config_id), locked_until)
    return CopyProof(
        objects_copied=copy.tally.copied,
        objects_already_there=copy.tally.already_there,
        bytes_copied=copy.tally.copied_bytes,
        verified_at=clock(),
    )


def bring_backup(copy: VaultCopy, backup: Backup, locked_until: datetime, progress: Progress) -> None:
    """A backup that the replica registers was read back there before its register came: its sizes are looked at."""
    there = sizes_under(copy.target, keys.backup(backup.id))
    register = keys.backup_register(backup.id)
    sealed: list[Chunk | StoredFile] = [
        *(chunk for archive in backup.archives for chunk in archive.chunks),
        backup.manifest,
    ]
    wanted = [
        Wanted(item.key, item.stored_bytes, locked_until, item.sha256, proven=register in there) for item in sealed
    ]
    with progress.step(f"base backup {backup.id}", len(wanted), "objects") as step:
        copy.bring(wanted, there, step)
    bring_one(copy, register, locked_until)


def bring_wal(copy: VaultCopy, backup: Backup, locked_until: datetime, progress: Progress) -> None:
    """All WAL since the replica's newest point ended, or since this backup began where that is earlier.

    Counted in positions and not in hours: a night that failed leaves no hole behind, whatever the clock says.
    """
    prefix = keys.wal_prefix(backup.system_identifier)
    own = WalNeed.of_backup(BackupFacts.of(backup))
    proven_through = _proven_through(copy.target, backup)
    first = own.first if proven_through is None else min(own.first, proven_through)
    need = WalNeed(own.system_identifier, first, None)
    there = sizes_under(copy.target, prefix)
    wanted = list(_wal_wanted(copy.source, need, backup, locked_until, proven_through))
    with progress.step("wal", len(wanted), "segments") as step:
        copy.bring(wanted, there, step)
    _bring_ledgers(copy, backup, locked_until)


def bring_wal_of(copy: VaultCopy, system_identifier: SystemIdentifier, locked_until: datetime) -> None:
    """All that the target lacks of one cluster's archive, for one that writes no more and has no next night."""
    prefix = keys.wal_prefix(system_identifier)
    there = sizes_under(copy.target, prefix)
    lacking = [found for found in copy.source.list(prefix) if found.key not in there]
    lacking.sort(key=lambda found: not is_history(found.key.rsplit("/", 1)[1]))
    copy.bring([Wanted(found.key, found.size_bytes, locked_until) for found in lacking], there, Silent())


def _bring_ledgers(copy: VaultCopy, backup: Backup, locked_until: datetime) -> None:
    """What they tell of each segment spares whoever plans a restore from the replica the reading of all of them."""
    prefix = keys.verified_wal_prefix(backup.system_identifier)
    wanted = [Wanted(found.key, found.size_bytes, locked_until, proven=True) for found in copy.source.list(prefix)]
    copy.bring(wanted, sizes_under(copy.target, prefix), Silent())


def _wal_wanted(
    primary: Vault, need: WalNeed, backup: Backup, locked_until: datetime, proven_through: int | None
) -> Iterator[Wanted]:
    """History files always: they are tiny, and without one a timeline's WAL cannot be reached."""
    sizes = {backup.system_identifier: backup.wal_segment_bytes}
    for found in primary.list(keys.wal_prefix(backup.system_identifier)):
        file = WalFile.of(found.key.removeprefix(keys.WAL), sizes)
        if file.is_history:
            yield Wanted(found.key, found.size_bytes, locked_until)
        elif file.number is not None and need.covers(file.system_identifier, file.number):
            proven = proven_through is not None and file.number < proven_through
            yield Wanted(found.key, found.size_bytes, locked_until, proven=proven)


def _proven_through(replica: Vault, backup: Backup) -> int | None:
    """Up to which segment (by number) the replica's newest point of this cluster says that its WAL was read back."""
    own = (point for point in catalog.latest_points(replica) if point.system_identifier == backup.system_identifier)
    newest = next(own, None)
    return segment_number(newest.wal.last_segment, backup.wal_segment_bytes) if newest else None


def bring_documents(
    copy: VaultCopy, snapshot_id: str, locked_until: datetime, now: datetime, progress: Progress
) -> None:
    """The objects first, then the list that names them; what the list before named was read back then.

    A list of long ago, which a hold keeps, names locks that are over.
    """
    snapshot = catalog.find_snapshot(copy.source, snapshot_id)
    before = _locks_before(copy.target, snapshot.previous)
    there = sizes_under(copy.target, keys.DOCUMENT_OBJECTS)
    versions = {version.object: version for version in snapshot.versions}
    wanted = [
        Wanted(key, version.size_bytes, lock_ahead(version.locked_until, now), version.sha256, proven=key in before)
        for key, version in versions.items()
    ]
    with progress.step("documents", len(wanted), "objects") as step:
        copy.bring(wanted, there, step)
    locks = {key: lock_ahead(version.locked_until, now) for key, version in versions.items() if key in there}
    _hold_longer(copy, {key: until for key, until in locks.items() if until and before.get(key) != until})
    bring_one(copy, keys.document_snapshot(snapshot_id), locked_until)


def _locks_before(replica: Vault, snapshot_id: str | None) -> dict[str, datetime | None]:
    """Object → its lock's end, as the replica's own previous snapshot has it."""
    if snapshot_id is None or replica.head(keys.document_snapshot(snapshot_id)) is None:
        return {}
    return {version.object: version.locked_until for version in catalog.find_snapshot(replica, snapshot_id).versions}


def _hold_longer(copy: VaultCopy, locks: Mapping[str, datetime]) -> None:
    """A document that stays current was locked anew in the primary: here too, where it was there already."""

    def extend(key: str) -> None:
        found = copy.target.head(key)
        if found and (found.locked_until is None or found.locked_until < locks[key]):
            copy.target.extend_lock(key, locks[key])

    for _ in at_once(extend, locks, copy.workers):
        pass


def bring_one(copy: VaultCopy, key: str, locked_until: datetime) -> None:
    found = copy.source.find(key)
    copy.target.prove()
    copy.bring([Wanted(key, found.size_bytes, locked_until)], sizes_under(copy.target, key), Silent())
