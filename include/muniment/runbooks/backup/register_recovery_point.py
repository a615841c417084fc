"""Makes tonight's recovery point exist, when everything that it names has been proven in both vaults.

The replica's register is written first and the primary's last: **a point counts when it is in the primary**, and what
counts has its second copy, or says that it has none: where the replica's region does not answer, the point is written
to the primary alone, and a later night brings the same bytes to the replica (second_copy). A run that dies between the
two leaves a point in the replica alone. It is true in every word, since its objects were verified in both vaults
before; the next run completes it by writing the same bytes to the primary. Expire deletes in the other order, the
replica's register first, so a point in the replica alone is always one that is being registered, never one that is
going.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from muniment.adapters.postgres.cluster_needs import read_cluster_needs
from muniment.adapters.postgres.databases import read_databases
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import get_authentic
from muniment.adapters.vault.replication import VaultCopy
from muniment.adapters.vault.vault import Vault
from muniment.domain.backup.proofs import CopyProof, WalProof
from muniment.domain.config.snapshot import ConfigSnapshot
from muniment.domain.retention.rules import chain_locked_until, lock_ahead, point_locked_until
from muniment.domain.vault import keys
from muniment.domain.vault.incomplete import Incomplete, NotRead
from muniment.domain.vault.registers import Backup, ControlTotals, DocumentSnapshot, Point
from muniment.errors import NotVerified, ObjectMissing
from muniment.ports import Clock, Silent
from muniment.runbooks.config.back_up_config import read_config
from muniment.runbooks.control_totals import read_control_totals
from muniment.runbooks.identity import prove_identity, prove_primary, replica_away
from muniment.runbooks.vault.copy_to_replica import bring_wal
from muniment.runbooks.wal.verify_checkpoint import verify_wal_checkpoint


def register_recovery_point(
    site: Site, *, point_id: str, run: str, backup_id: str, wal: WalProof, copy: CopyProof | None, clock: Clock
) -> Point:
    """Run again, it returns the registered point. Raises ``NotVerified`` where something that it names is missing.

    ``copy`` is ``None`` where the second region was away; it may have gone away since.
    """
    if copy is None or replica_away(site) is not None:
        copy = None
        prove_primary(site)
    else:
        prove_identity(site)
    vaults = site.vaults if copy else (site.primary,)
    with site.exclusively() as held:
        if copy:
            complete_half_registered(held, clock=clock)
        if (registered := _find(site.primary, point_id)) is not None:
            return registered
        _prove_registered(vaults, point_id, backup_id)
    totals = read_control_totals(site, clock=clock)
    wal = _proven_through(site, totals, wal, backup_id, clock)
    with site.exclusively() as held:
        backup = catalog.find_backup(held.primary, backup_id)
        if copy:
            _bring_wal(held, backup, clock)
        point = _point(held, point_id, run, backup, wal, copy, totals, clock)
        publish(held, point)
    return point


def publish(site: Site, point: Point) -> None:
    """Replica first: see above. Its lock begins when it was registered, so that both vaults' locks end together."""
    locked_until = point_locked_until(site.policy, point.registered_at)
    for vault in (site.replica, site.primary) if point.verified_replica_at else (site.primary,):
        vault.put_register(keys.point(point.id), point, locked_until=locked_until)


def complete_half_registered(site: Site, *, clock: Clock) -> tuple[str, ...]:
    """Writes what a killed run registered in the replica alone to the primary as well; returns these points' ids."""
    in_primary = {found.key for found in site.primary.list(keys.POINTS)}
    half = [found.key for found in site.replica.list(keys.POINTS) if found.key not in in_primary]
    return tuple(_complete(site, key, clock()) for key in half)


def _complete(site: Site, key: str, now: datetime) -> str:
    """The replica's own bytes: what a later release would write for the same point may differ."""
    text = get_authentic(site.replica, key)
    point = Point.from_json(text)
    locked_until = point_locked_until(site.policy, point.registered_at)
    site.primary.put(key, text, locked_until=lock_ahead(locked_until, now))
    return point.id


def _find(vault: Vault, point_id: str) -> Point | None:
    try:
        return catalog.find_point(vault, point_id)
    except ObjectMissing:
        return None


def _prove_registered(vaults: Iterable[Vault], point_id: str, backup_id: str) -> None:
    """Each part has been registered in these vaults by the step that made or copied it."""
    parts = (keys.backup_register(backup_id), keys.document_snapshot(point_id), keys.config(point_id))
    for vault in vaults:
        for key in parts:
            if vault.head(key) is None:
                raise NotVerified(point=point_id, firm=vault.firm, where=f"{vault.bucket}: {key} is not there")


def _proven_through(site: Site, totals: ControlTotals, wal: WalProof, backup_id: str, clock: Clock) -> WalProof:
    """The control totals are younger than step 3's proof: without the WAL up to them nothing could be compared."""
    if totals.lsn <= wal.wal.through_lsn:
        return wal
    return verify_wal_checkpoint(site, backup_id=backup_id, clock=clock)


def _bring_wal(site: Site, backup: Backup, clock: Clock) -> None:
    between = VaultCopy(site.primary, site.replica, site.policy.documents.copies_at_once)
    bring_wal(between, backup, chain_locked_until(site.policy, clock()), Silent())


def _point(
    site: Site,
    point_id: str,
    run: str,
    backup: Backup,
    wal: WalProof,
    copy: CopyProof | None,
    totals: ControlTotals,
    clock: Clock,
) -> Point:
    snapshot = catalog.find_snapshot(site.primary, point_id)
    chain = catalog.chain_of(site.primary, backup)
    return Point(
        id=point_id,
        firm=site.firm.id,
        run=run,
        began_at=backup.started_at,
        taken_at=backup.finished_at,
        registered_at=clock(),
        system_identifier=backup.system_identifier,
        chain=tuple(each.id for each in chain),
        kind=backup.kind,
        size_bytes=backup.size_bytes,
        stored_bytes=backup.stored_bytes,
        wal=wal.wal,
        windows=wal.windows,
        new_holes=wal.new_holes,
        effective_rpo_s=wal.effective_rpo_s,
        documents=point_id,
        document_count=len(snapshot.documents),
        document_bytes=snapshot.size_bytes,
        document_changes=snapshot.changes,
        config=point_id,
        control_totals=totals,
        extensions=read_cluster_needs(site.postgres).extensions,
        databases=read_databases(site.postgres),
        verified_primary_at=wal.verified_at,
        verified_replica_at=copy.verified_at if copy else None,
        incomplete=Incomplete.of(_lacking(chain, snapshot, read_config(site.primary, point_id))),
    )


def _lacking(chain: Iterable[Backup], snapshot: DocumentSnapshot, config: ConfigSnapshot) -> Iterator[NotRead]:
    """A chain has the damaged files of each of its backups."""
    for backup in chain:
        for name in backup.damaged:
            yield NotRead(what="relation file", name=name, reason=f"damaged when base backup {backup.id} was taken")
    yield from (each.as_not_read() for each in snapshot.unread)
    yield from config.unread
