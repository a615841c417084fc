"""Brings document versions into the vault, one at a time, and makes sure of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from muniment.adapters.documents.source_bucket import SourceBucket
from muniment.adapters.store.port import CopySource
from muniment.adapters.vault.replication import copy_object
from muniment.adapters.vault.vault import Vault
from muniment.domain.documents.sync import UNVERSIONED, SourceVersion, ends_too_soon
from muniment.domain.firm.firm import Policy
from muniment.domain.retention.rules import documents_locked_until
from muniment.domain.stored_object import StoredObject
from muniment.domain.vault.registers import DocumentVersion
from muniment.errors import ObjectDamaged, ObjectMissing, SourceChanged


@dataclass(frozen=True, slots=True)
class DocumentCopies:
    """From a firm's document buckets into ``vault``. Thread-safe. ``now`` is S3's time: a worker's wrong clock must not
    make a lock too short."""

    sources: Mapping[str, SourceBucket]
    vault: Vault
    policy: Policy
    now: datetime
    read_back: list[int] = field(default_factory=list)
    """The sizes of the copies that had to be read, because S3 keeps no SHA-256 of the whole."""

    @property
    def locked_until(self) -> datetime | None:
        return None if self.vault.lock_mode == "none" else documents_locked_until(self.policy, self.now)

    def copy(self, version: SourceVersion) -> DocumentVersion:
        """Raises ``SourceChanged`` where the version is gone, ``ObjectArchived`` where S3 cannot read it."""
        source = self._source_of(version)
        try:
            copied = copy_object(source, target=self.vault, key=version.object, locked_until=self.locked_until)
            sha256 = self._compared(version, source, copied)
        except ObjectMissing as error:
            raise SourceChanged(key=version.key, bucket=version.bucket) from error
        return version.copied(sha256, self.locked_until)

    def recognise(self, version: SourceVersion) -> DocumentVersion:
        """The copy that a killed run left behind: as good as a new one, or damaged."""
        found = self.vault.find(version.object)
        entry = version.copied(self._compared(version, self._source_of(version), found), found.locked_until)
        return self.lock(entry) if ends_too_soon(entry.locked_until, self.policy, self.now) else entry

    def lock(self, entry: DocumentVersion) -> DocumentVersion:
        """The same entry, its object locked for longer."""
        until = documents_locked_until(self.policy, self.now)
        self.vault.extend_lock(entry.object, until)
        return replace(entry, locked_until=until)

    def _source_of(self, version: SourceVersion) -> CopySource:
        store = self.sources[version.bucket].store
        if version.version_id == UNVERSIONED and version.is_latest:
            # Whoever overwrites it leaves no version behind: only the ETag tells that these are the bytes we listed.
            return CopySource(store, version.key, version.size_bytes, etag=version.etag)
        return CopySource(store, version.key, version.size_bytes, version.version_id)

    def _compared(self, version: SourceVersion, source: CopySource, copied: StoredObject) -> str:
        """The copy's sha256, compared with the source's where S3 keeps that. An ETag proves nothing here: under
        SSE-KMS, as every object of a vault is, it is no digest of the contents."""
        if copied.size_bytes != version.size_bytes:
            raise self._damaged(version, f"it has {copied.size_bytes} bytes and not {version.size_bytes} as")
        sha256 = copied.sha256 or self._read(version)
        expected = source.head().sha256 if version.has_sha256 else None
        if expected and expected != sha256:
            raise self._damaged(version, "its sha256 is not that of")
        return sha256

    def _read(self, version: SourceVersion) -> str:
        """Once, when it is new: without a digest nobody could tell later whether a byte of it has changed."""
        self.read_back.append(version.size_bytes)
        return self.vault.read_sha256(version.object)

    def _damaged(self, version: SourceVersion, what: str) -> ObjectDamaged:
        reason = f"{what} its document {version.bucket}/{version.key}, version {version.version_id}"
        return self.vault.damaged(version.object, reason)
