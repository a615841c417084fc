"""Runbook 2: a base backup, full or incremental, from PostgreSQL's replication protocol straight into the vault."""

import os
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from muniment.adapters.backup.chunk_writer import ChunkWriter, writing
from muniment.adapters.host.allocator import give_back_large_blocks
from muniment.adapters.postgres.base_backup import (
    BackupEnd,
    BackupStart,
    BaseBackupStream,
    IncrementalRefused,
    open_base_backup,
)
from muniment.adapters.postgres.cluster_state import read_server_state
from muniment.adapters.site.site import Site
from muniment.adapters.vault.catalog import chain_of, latest_backups, read_backup, read_point
from muniment.adapters.vault.vault import Vault
from muniment.domain.backup import plan as backup_plan
from muniment.domain.backup.left_out import without_which_nothing_starts
from muniment.domain.backup.plan import BackupPlan, ServerState, plan_backup
from muniment.domain.record import new_id
from muniment.domain.retention.rules import GRACE, chain_locked_until
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Archive, Backup, StoredFile
from muniment.errors import BackupRefused, ObjectDamaged, ObjectMissing
from muniment.ports import Clock, Progress, Silent
from muniment.runbooks.identity import prove_primary


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a person or a schedule has asked for."""

    point_id: str
    accept_damage: bool


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One try. Each has an id of its own, because a key of the vault is never written twice."""

    id: str
    point_id: str
    plan: BackupPlan
    accept_damage: bool
    server: ServerState
    started_at: datetime
    locked_until: datetime


@dataclass(frozen=True, slots=True)
class _Received:
    """What came over the wire and is in the vault now."""

    start: BackupStart
    end: BackupEnd
    slice_bytes: int
    archives: tuple[Archive, ...]


def back_up_cluster(
    site: Site,
    *,
    point_id: str,
    full: bool = False,
    accept_damage: bool = False,
    instead_of: Backup | None = None,
    clock: Clock,
    progress: Progress | None = None,
) -> Backup:
    """The backup of ``point_id``: the registered one where there is one (``instead_of`` is none), else a new one.

    ``accept_damage``: where PostgreSQL finds damaged pages the backup is registered and names the files.

    Raises the store's errors, ``BackupStreamBroken``, ``PageChecksumFailed`` and ``BackupRefused``. Whatever it raises,
    nothing of the attempt is registered.
    """
    progress = progress or Silent()
    prove_primary(site)
    give_back_large_blocks()
    with site.exclusively() as held:
        done = _registered_for(held.primary, point_id, clock())
        if done is not None and (instead_of is None or done.id != instead_of.id):
            progress.note(f"{done.kind} base backup {done.id} of point {point_id} is registered already")
            return done
        server = read_server_state(site.postgres)
        plan = backup_plan.full("asked for") if full else _plan(held, server, clock())
        return _back_up(held, _Wanted(point_id, accept_damage), plan, server, clock, progress)


def _registered_for(vault: Vault, point_id: str, now: datetime) -> Backup | None:
    """As the point names it; where that is not registered yet, among the backups that runs may still be waiting for."""
    point = read_point(vault, point_id)
    if point is not None and (backup := read_backup(vault, point.backup)):
        return backup
    recent = takewhile(lambda backup: backup.finished_at > now - GRACE, latest_backups(vault))
    return next((backup for backup in recent if backup.point == point_id), None)


def _plan(site: Site, server: ServerState, now: datetime) -> BackupPlan:
    newest = next(latest_backups(site.primary), None)
    try:
        chain = chain_of(site.primary, newest) if newest else ()
    except ObjectMissing as missing:
        return backup_plan.full(f"the newest chain is not whole: {missing.what}")
    return plan_backup(site.policy.base_backups, site.firm.time_zone, now, chain, server)


def _back_up(
    site: Site, wanted: _Wanted, plan: BackupPlan, server: ServerState, clock: Clock, progress: Progress
) -> Backup:
    """An incremental that cannot be built, for whatever reason, becomes a full one: tonight's point matters more."""
    progress.note(str(plan))
    now = clock()
    until = chain_locked_until(site.policy, now)
    attempt = _Attempt(new_id(now), wanted.point_id, plan, wanted.accept_damage, server, now, until)
    if plan.parent is None:
        return _register(site, attempt, _receive(site, attempt, None, progress), clock)
    try:
        received = _receive(site, attempt, _manifest_of(site.primary, plan.parent), progress)
    except (IncrementalRefused, ObjectMissing, ObjectDamaged) as reason:
        why = reason.what if isinstance(reason, ObjectMissing | ObjectDamaged) else reason
        instead = backup_plan.full(f"nothing can be built on {plan.parent.id}: {why}")
        return _back_up(site, wanted, instead, server, clock, progress)
    return _register(site, attempt, received, clock)


def _manifest_of(vault: Vault, parent: Backup) -> bytes:
    return vault.get_sealed(parent.manifest.key, sha256=parent.manifest.sha256)


def _receive(site: Site, attempt: _Attempt, parent_manifest: bytes | None, progress: Progress) -> _Received:
    with open_base_backup(site.postgres) as stream:
        start = stream.start(f"muniment {attempt.id}", parent_manifest)
        return _store_chunks(site, attempt, stream, start, progress)


def _store_chunks(
    site: Site, attempt: _Attempt, stream: BaseBackupStream, start: BackupStart, progress: Progress
) -> _Received:
    policy = site.policy.base_backups
    slice_bytes = backup_plan.slice_bytes(policy, start.estimated_bytes)
    with (
        progress.step("base backup", start.estimated_bytes, "bytes") as step,
        writing(
            ChunkWriter(
                site.primary,
                attempt.id,
                slice_bytes=slice_bytes,
                level=policy.zstd_level,
                workers=policy.workers or len(os.sched_getaffinity(0)),
                locked_until=attempt.locked_until,
                step=step,
            )
        ) as writer,
    ):
        end = stream.receive(writer, accept_damage=attempt.accept_damage)
        if needed := without_which_nothing_starts(end.left_out):
            reason = (
                f"it leaves out {', '.join(needed)}: a link, in whose place PostgreSQL wants the folder or file itself"
            )
            raise BackupRefused(firm=site.firm.id, reason=reason)
        archives = writer.finish()
        step.expect(sum(archive.size_bytes for archive in archives))
    return _Received(start, end, slice_bytes, archives)


def _register(site: Site, attempt: _Attempt, received: _Received, clock: Clock) -> Backup:
    """The register is written last, after everything that it names was found in the vault."""
    key = keys.backup_manifest(attempt.id)
    manifest = site.primary.put_sealed(key, received.end.manifest, locked_until=attempt.locked_until)
    backup = _described(site, attempt, received, manifest, clock())
    _read_back(site.primary, backup)
    site.primary.put_register(keys.backup_register(backup.id), backup, locked_until=attempt.locked_until)
    return backup


def _described(site: Site, attempt: _Attempt, received: _Received, manifest: StoredFile, now: datetime) -> Backup:
    parent = attempt.plan.parent
    return Backup(
        id=attempt.id,
        firm=site.firm.id,
        point=attempt.point_id,
        kind=attempt.plan.kind,
        parent=parent.id if parent else None,
        system_identifier=attempt.server.system_identifier,
        server_version=attempt.server.version,
        wal_segment_bytes=attempt.server.wal_segment_bytes,
        collations=attempt.server.collations,
        timeline=received.start.timeline,
        start_lsn=received.start.lsn,
        stop_lsn=received.end.lsn,
        stop_timeline=received.end.timeline,
        started_at=attempt.started_at,
        finished_at=now,
        slice_bytes=received.slice_bytes,
        zstd_level=site.policy.base_backups.zstd_level,
        archives=received.archives,
        manifest=manifest,
        left_out=received.end.left_out,
        damaged=received.end.damaged,
    )


def _read_back(vault: Vault, backup: Backup) -> None:
    """Each object is there with its size. S3 compared its sha256 with ours when it took it, and keeps it with it."""
    sizes = {item.key: item.size_bytes for item in vault.list(keys.backup(backup.id))}
    expected = {chunk.key: chunk.stored_bytes for archive in backup.archives for chunk in archive.chunks}
    expected[backup.manifest.key] = backup.manifest.stored_bytes
    for key, size in expected.items():
        if key not in sizes:
            raise ObjectMissing(key=key, bucket=vault.bucket)
        if sizes[key] != size:
            reason = f"it has {sizes[key]} bytes in the vault, {size} were sent"
            raise vault.damaged(key, reason)
