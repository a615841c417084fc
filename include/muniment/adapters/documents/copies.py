"""Brings document versions into the vault, one at a time, and makes sure of each."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from muniment.errors import (
    ClockWrong,
    CredentialsUnusable,
    Damaged,
    ObjectDamaged,
    ObjectMissing,
    Permanent,
    SourceChanged,
)


class DocumentUnreadable(Exception):
    """Within the sync: it names all of them, and copies the others."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
        """Raises ``SourceChanged`` where the version is gone, ``DocumentUnreadable`` where the firm's own bucket does
        not give its bytes, and the vault's own errors."""
        source = self._source_of(version)
        with self._reading(version):
            copied = copy_object(source, target=self.vault, key=version.object, locked_until=self.locked_until)
            sha256 = self._compared(version, source, copied)
        return version.copied(sha256, self.locked_until)

    def recognise(self, version: SourceVersion) -> DocumentVersion:
        """The copy that a killed run left behind: as good as a new one, or damaged. Raises ``DocumentUnreadable``."""
        found = self.vault.find(version.object)
        with self._reading(version):
            sha256 = self._compared(version, self._source_of(version), found)
        entry = version.copied(sha256, found.locked_until)
        return self.lock(entry) if ends_too_soon(entry.locked_until, self.policy, self.now) else entry

    @contextmanager
    def _reading(self, version: SourceVersion) -> Iterator[None]:
        """One answer of S3 is about two places. Whose it was, the source tells alone: asked for its first byte."""
        try:
            yield
        except ObjectMissing as error:
            raise SourceChanged(key=version.key, bucket=version.bucket) from error
        except (Damaged, CredentialsUnusable, ClockWrong):  # what is wrong with us is wrong with every document
            raise
        except Permanent as refused:
            if reason := self._why_unreadable(version):
                raise DocumentUnreadable(reason) from refused
            raise

    def _why_unreadable(self, version: SourceVersion) -> str | None:
        """An archived document, one under a key of the customer's, one that our role may not read. Transient answers
        are raised: they say nothing."""
        which = "" if version.version_id == UNVERSIONED else version.version_id
        part = range(1) if version.size_bytes else None
        try:
            self.sources[version.bucket].store.get(version.key, version_id=which, part=part)
        except ObjectMissing as error:
            raise SourceChanged(key=version.key, bucket=version.bucket) from error
        except (CredentialsUnusable, ClockWrong):
            raise
        except Permanent as refused:
            return str(refused.facts.get("reason", refused.what))
        return None

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
