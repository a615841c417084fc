"""A live document bucket as a restore writes it: a new version each time, and only over the version that it knows."""

from dataclasses import dataclass

from muniment.adapters.store.port import CopySource, ObjectStore
from muniment.adapters.store.retry import retry_store
from muniment.adapters.vault.vault import Vault
from muniment.domain.documents.recovery import PlannedDocument
from muniment.domain.vault.registers import DocumentVersion
from muniment.errors import AlreadyRegistered, ObjectDamaged, ObjectMissing


class DocumentChangedMeanwhile(Exception):
    """Within the restore: it names all of them when it has done the others."""


@dataclass(frozen=True, slots=True)
class LiveBucket:
    """One document bucket, and the vault that its documents come from. Thread-safe."""

    store: ObjectStore
    vault: Vault

    @retry_store
    def put_back(self, planned: PlannedDocument) -> str:
        """The new version's id, its size and checksum read back from S3.

        Raises ``DocumentChangedMeanwhile`` where the live version is not the plan's, ``ObjectMissing`` for the vault's
        object, ``ObjectDamaged`` where what is in the vault or what was written is not the version that the plan names.
        """
        version, over = planned.version, planned.live.etag if planned.live else None
        sha256 = self._stored(version)
        there = self.store.head(version.key)
        if there is not None and sha256 and there.sha256 == sha256:
            return there.version_id  # a write whose answer was lost has succeeded all the same
        # Some servers take CopyObject's condition and do not look at it; S3 does, and closes the gap after this look.
        if (there.etag if there else None) != over:
            raise DocumentChangedMeanwhile
        return self._checked(version, self._write(version, over), sha256)

    def _write(self, version: DocumentVersion, over: str | None) -> str:
        source = CopySource(self.vault.store, version.object, version.size_bytes)
        try:
            return self.store.copy(source, version.key, over=over)
        except (AlreadyRegistered, ObjectMissing) as refused:
            raise DocumentChangedMeanwhile from refused

    def _stored(self, version: DocumentVersion) -> str | None:
        """The vault's object, before anything live is touched: its sha256 as far as S3 keeps one."""
        found = self.vault.find(version.object)
        if found.size_bytes != version.size_bytes:
            raise self._damaged(version, f"it has {found.size_bytes} bytes")
        if version.sha256 and found.sha256 and found.sha256 != version.sha256:
            raise self._damaged(version, "its sha256 is not the registered one")
        return version.sha256 or found.sha256

    def _checked(self, version: DocumentVersion, version_id: str, sha256: str | None) -> str:
        found = CopySource(self.store, version.key, version.size_bytes, version_id).head()
        if found.size_bytes != version.size_bytes:
            raise self._damaged(version, f"what was written has {found.size_bytes} bytes")
        if sha256 and found.sha256 and found.sha256 != sha256:
            raise self._damaged(version, "what was written has another sha256")
        return version_id

    def _damaged(self, version: DocumentVersion, reason: str) -> ObjectDamaged:
        reason = f"{reason} and is not version {version.version_id} of {version.bucket}/{version.key}"
        return self.vault.damaged(version.object, reason)
