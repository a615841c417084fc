"""Verify what is stored: does everything that a register names exist, whole, in both vaults, and can it be read?

Shallow compares names and sizes with the registers (LIST only). Deep fetches every byte: its sha256, its
authentication tags, and each WAL segment's header. Every damaged object is named, not only the first. It needs neither
the cluster nor Airflow.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from include.muniment.adapters import catalog
from include.muniment.adapters.site import Site
from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.register import Backup, Chunk, DocumentSnapshot, DocumentVersion, FirmMark
from include.muniment.domain.wal import SegmentHeader, is_segment
from include.muniment.errors import Damaged, ObjectDamaged
from include.muniment.ports import Progress, Silent, Step
from include.muniment.runbooks.identity import prove_vault

READS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Expected:
    """One object that something relies on. ``read`` raises ``Damaged`` where its bytes are wrong."""

    key: str
    size_bytes: int | None
    read: Callable[[Vault], None]


@dataclass(frozen=True, slots=True)
class Fault:
    bucket: str
    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """``bytes_read`` is 0 for a shallow one."""

    objects: int
    bytes_read: int
    faults: tuple[Fault, ...]


def verify_firm(site: Site, *, deep: bool = False, progress: Progress | None = None) -> Verification:
    """Both vaults. Raises ``WrongVault``; damage is reported, not raised, so that all of it is seen."""
    parts = [verify_vault(vault, deep=deep, progress=progress) for vault in site.vaults]
    return Verification(
        objects=sum(part.objects for part in parts),
        bytes_read=sum(part.bytes_read for part in parts),
        faults=tuple(fault for part in parts for fault in part.faults),
    )


def verify_vault(vault: Vault, *, deep: bool, progress: Progress | None = None) -> Verification:
    progress = progress or Silent()
    mark = prove_vault(vault)
    there = {item.key: item.size_bytes for item in vault.list("")}
    faults = [*_unreadable_snapshots(vault)]
    expected = list(_expected(vault, mark, there))
    faults += [fault for item in expected if (fault := _absent(vault, item, there))]
    read = 0
    if deep:
        named = {fault.key for fault in faults}
        whole = [item for item in expected if item.key not in named]
        read = sum(there[item.key] for item in whole)
        with progress.step(f"verify {vault.bucket}", read, "bytes") as step:
            faults += _read_all(vault, whole, there, step)
    return Verification(len(expected), read, tuple(faults))


def _absent(vault: Vault, item: Expected, there: dict[str, int]) -> Fault | None:
    size = there.get(item.key)
    if size is None:
        return Fault(vault.bucket, item.key, "it is missing")
    if item.size_bytes is not None and size != item.size_bytes:
        return Fault(vault.bucket, item.key, f"it has {size} bytes, its register says {item.size_bytes}")
    return None


def _read_all(vault: Vault, expected: list[Expected], there: dict[str, int], step: Step) -> Iterator[Fault]:
    def read(item: Expected) -> Fault | None:
        try:
            item.read(vault)
        except Damaged as damage:
            return Fault(vault.bucket, item.key, damage.what)
        finally:
            step.advance(there[item.key])
        return None

    with ThreadPoolExecutor(READS_AT_ONCE, "verify") as pool:
        yield from (fault for fault in pool.map(read, expected) if fault)


def _expected(vault: Vault, mark: FirmMark, there: dict[str, int]) -> Iterator[Expected]:
    for backup in catalog.registered_backups(vault):
        yield from _of_backup(backup)
    for point in catalog.points(vault):
        for backup_id in point.chain:
            key = keys.backup_register(backup_id)
            yield Expected(key, None, partial(_read_register, key=key))
        key = keys.config(point.config)
        yield Expected(key, None, partial(_read_sealed, key=key))
    yield from _of_documents(vault)
    for key in there:
        if key.startswith(keys.wal_prefix(mark.system_identifier)):
            yield Expected(key, None, partial(_read_wal, key=key, system_identifier=mark.system_identifier))


def _of_backup(backup: Backup) -> Iterator[Expected]:
    for archive in backup.archives:
        for chunk in archive.chunks:
            yield Expected(chunk.key, chunk.stored_bytes, partial(_read_chunk, chunk=chunk))
    manifest = backup.manifest
    read = partial(_read_sealed, key=manifest.key, sha256=manifest.sha256)
    yield Expected(manifest.key, manifest.stored_bytes, read)


def _of_documents(vault: Vault) -> Iterator[Expected]:
    """Each document version once, however many snapshots name it."""
    seen: dict[str, DocumentVersion] = {}
    for snapshot in _snapshots(vault):
        if isinstance(snapshot, DocumentSnapshot):
            seen.update({version.object: version for version in snapshot.versions})
    for version in seen.values():
        yield Expected(version.object, version.size_bytes, partial(_read_copied, version=version))


def _snapshots(vault: Vault) -> Iterator[DocumentSnapshot | Fault]:
    for item in vault.list(keys.DOCUMENT_SNAPSHOTS):
        try:
            yield DocumentSnapshot.from_json(vault.get_sealed(item.key))
        except Damaged as damage:
            yield Fault(vault.bucket, item.key, damage.what)


def _unreadable_snapshots(vault: Vault) -> Iterator[Fault]:
    return (found for found in _snapshots(vault) if isinstance(found, Fault))


def _read_register(vault: Vault, *, key: str) -> None:
    Backup.from_json(vault.get(key))


def _read_sealed(vault: Vault, *, key: str, sha256: str | None = None) -> None:
    vault.get_sealed(key, sha256=sha256)


def _read_chunk(vault: Vault, *, chunk: Chunk) -> None:
    plain = vault.get_sealed(chunk.key, sha256=chunk.sha256)
    if len(plain) != chunk.size_bytes:
        _damaged(vault, chunk.key, f"it holds {len(plain)} bytes, its register says {chunk.size_bytes}")


def _read_wal(vault: Vault, *, key: str, system_identifier: int) -> None:
    plain, name = vault.get_sealed(key), key.rsplit("/", 1)[1]
    head = vault.head(key)
    recorded = (head.metadata or {}).get("sha256") if head else None
    if recorded != hashlib.sha256(plain).hexdigest():
        _damaged(vault, key, "its sha256 is not the one that was recorded when it was pushed")
    if not is_segment(name):
        return
    try:
        fault = SegmentHeader.parse(plain).fault(name, system_identifier, len(plain))
    except ValueError as error:
        fault = str(error)
    if fault:
        _damaged(vault, key, fault)


def _read_copied(vault: Vault, *, version: DocumentVersion) -> None:
    """A copy made in parts has no sha256 of the whole; boto3 checks the parts' while it reads."""
    vault.get(version.object, sha256=version.sha256)


def _damaged(vault: Vault, key: str, reason: str) -> None:
    raise ObjectDamaged(key=key, bucket=vault.bucket, firm=vault.firm, reason=reason)
