"""Nights made by hand: a firm's vault as the chain leaves it, with small objects, in the sequence that a test wants."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.adapters.site.site import Site
from muniment.adapters.vault.vault import Vault
from muniment.domain.backup.proofs import CopyProof, WalProof
from muniment.domain.config.snapshot import ConfigSnapshot
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.incomplete import NotRead, UnreadDocument
from muniment.domain.vault.registers import (
    Archive,
    Backup,
    Chunk,
    ControlTotals,
    DocumentChanges,
    DocumentSnapshot,
    DocumentVersion,
    WalRange,
)
from muniment.domain.wal.names import Lsn, WalSegment

type Names = tuple[str, ...]

SEGMENT_BYTES = 16 * 2**20


@dataclass
class Nights:
    """Writes to the primary vault. ``taken`` holds each night's backup, newest last."""

    site: Site
    system_identifier: int
    locked_until: datetime | None = None
    next_segment: int = 3

    def take(
        self,
        at: datetime,
        *,
        parent: Backup | None = None,
        previous: str | None = None,
        documents: tuple[str, ...] = (),
        unread: tuple[str, ...] = (),
    ) -> Backup:
        """One night up to the copy: base backup, WAL, documents, configuration. Its id is ``new_id(at)``."""
        vault, point_id = self.site.primary, new_id(at)
        first = self.next_segment
        self.push_wal(3)
        backup = self._backup(vault, at, parent, first)
        self._documents(vault, point_id, at, previous, documents, unread)
        lacking = tuple(NotRead(what="secret", name=name, reason="not there") for name in unread)
        config = ConfigSnapshot(
            id=point_id, firm=vault.firm, taken_at=at, env_files=(), secrets=(), tables=(), unread=lacking
        )
        vault.put_sealed(keys.config(point_id), config.to_json(), locked_until=self.locked_until)
        return backup

    def push_wal(self, count: int) -> None:
        for number in range(self.next_segment, self.next_segment + count):
            name = WalSegment(1, number, SEGMENT_BYTES).name
            self.site.primary.put_sealed(
                keys.wal(self.system_identifier, name),
                f"segment {name}".encode(),
                locked_until=self.locked_until,
                metadata={"sha256": f"{number:064x}"},
            )
        self.next_segment += count

    def _backup(self, vault: Vault, at: datetime, parent: Backup | None, first_segment: int) -> Backup:
        backup_id = new_id(at + timedelta(seconds=1))
        chunks = tuple(self._chunk(vault, backup_id, number) for number in range(3))
        start = first_segment * SEGMENT_BYTES + 40
        backup = Backup(
            id=backup_id,
            firm=vault.firm,
            point=new_id(at),
            kind="incremental" if parent else "full",
            parent=parent.id if parent else None,
            system_identifier=self.system_identifier,
            server_version=170009,
            wal_segment_bytes=SEGMENT_BYTES,
            timeline=1,
            start_lsn=Lsn(start),
            stop_lsn=Lsn(start + SEGMENT_BYTES),
            stop_timeline=1,
            started_at=at,
            finished_at=at + timedelta(seconds=30),
            slice_bytes=16 * 2**20,
            zstd_level=3,
            archives=(Archive(name="base", size_bytes=30, chunks=chunks, members=()),),
            manifest=vault.put_sealed(keys.backup_manifest(backup_id), b"{}", locked_until=self.locked_until),
        )
        vault.put_register(keys.backup_register(backup_id), backup, locked_until=self.locked_until)
        return backup

    def _chunk(self, vault: Vault, backup_id: str, number: int) -> Chunk:
        key = keys.chunk(backup_id, "base", number)
        stored = vault.put_sealed(key, f"chunk {number}".encode(), locked_until=self.locked_until)
        return Chunk(key=key, offset=number * 10, size_bytes=10, stored_bytes=stored.stored_bytes, sha256=stored.sha256)

    def _documents(
        self, vault: Vault, point_id: str, at: datetime, previous: str | None, documents: Names, unread: Names
    ) -> None:
        versions = tuple(self._document(vault, name, at) for name in documents)
        closed = {"bucket": "matters", "version_id": "1", "size_bytes": 9, "modified_at": at, "reason": "denied"}
        snapshot = DocumentSnapshot(
            id=point_id,
            firm=vault.firm,
            taken_at=at,
            previous=previous,
            changes=DocumentChanges(before=len(documents), overwritten=1, vanished=0) if previous else None,
            documents=versions,
            unread=tuple(UnreadDocument(key=name, is_current=True, **closed) for name in unread),
        )
        vault.put_sealed(keys.document_snapshot(point_id), snapshot.to_json(), locked_until=self.locked_until)

    def _document(self, vault: Vault, name: str, at: datetime) -> DocumentVersion:
        body = f"document {name}".encode()
        key = keys.document_object("matters", name, "1")
        vault.put(key, body, locked_until=self.locked_until)
        return DocumentVersion(
            bucket="matters",
            key=name,
            version_id="1",
            size_bytes=len(body),
            etag="e",
            modified_at=at,
            object=key,
            locked_until=self.locked_until,
        )


def wal_proof(backup: Backup, at: datetime) -> WalProof:
    first = WalSegment.holding(backup.start_lsn, 1, SEGMENT_BYTES)
    last = WalSegment.ending(backup.stop_lsn, 1, SEGMENT_BYTES).next()
    wal = WalRange(timeline=1, first_segment=first.name, last_segment=last.name, through_lsn=last.end)
    return WalProof(wal=wal, windows=(), effective_rpo_s=1.0, verified_at=at)


def copy_proof(at: datetime) -> CopyProof:
    return CopyProof(objects_copied=1, objects_already_there=0, bytes_copied=1, verified_at=at)


def totals(backup: Backup, at: datetime) -> ControlTotals:
    return ControlTotals(lsn=backup.stop_lsn, read_at=at, counts={"public.matters": 2}, sums={"trust": "0.00"})
