"""A live document bucket as a restore writes it: a new version each time, and only over the version that it knows."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from muniment.adapters.vault.server_side_copy import ONE_COPY_LIMIT, PART_BYTES, CopySource, write_copy
from muniment.adapters.vault.vault import Vault, full_sha256
from muniment.domain.documents.recovery import PlannedDocument
from muniment.domain.vault.registers import DocumentVersion
from muniment.errors import AlreadyRegistered, ObjectDamaged, ObjectMissing, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_again = retry(
    retry=retry_if_exception_type(StoreUnavailable),
    stop=stop_after_attempt(4),
    wait=wait_exponential_jitter(multiplier=0.5, max=20),
    reraise=True,
)


class DocumentChangedMeanwhile(Exception):
    """Within the restore: it names all of them when it has done the others."""


@dataclass(frozen=True, slots=True)
class LiveBucket:
    """One document bucket, a client of its region, and the vault that its documents come from. Thread-safe."""

    bucket: str
    s3: "S3Client"
    vault: Vault
    one_copy_limit: int = ONE_COPY_LIMIT
    part_bytes: int = PART_BYTES

    def at_rest(self) -> dict[str, Any]:
        """As the bucket itself encrypts by default: it is the firm's, not ours."""
        return {}

    def lock(self, until: datetime | None) -> dict[str, Any]:
        return {}

    @_again
    def put_back(self, planned: PlannedDocument) -> str:
        """The new version's id, its size and checksum read back from S3.

        Raises ``DocumentChangedMeanwhile`` where the live version is not the plan's, ``ObjectMissing`` for the vault's
        object, ``ObjectDamaged`` where what is in the vault or what was written is not the version that the plan names.
        """
        version = planned.version
        source = CopySource(self.vault.bucket, version.object, version.size_bytes, self.vault.s3)
        sha256 = self._stored(version)
        there = self._live(version.key)
        if there is not None and sha256 and full_sha256(there.get("ChecksumSHA256")) == sha256:
            return there.get("VersionId", "")  # a write whose answer was lost has succeeded all the same
        # Some servers take CopyObject's condition and do not look at it; S3 does, and closes the gap after this look.
        if (there["ETag"].strip('"') if there else None) != (planned.live.etag if planned.live else None):
            raise DocumentChangedMeanwhile
        return self._checked(version, self._write(planned, source), sha256)

    def _write(self, planned: PlannedDocument, source: CopySource) -> str:
        condition = {"IfMatch": f'"{planned.live.etag}"'} if planned.live else {"IfNoneMatch": "*"}
        try:
            return write_copy(
                source,
                self,
                planned.version.key,
                condition=condition,
                one_copy_limit=self.one_copy_limit,
                part_bytes=self.part_bytes,
            )
        except (AlreadyRegistered, ObjectMissing) as refused:
            raise DocumentChangedMeanwhile from refused

    def _stored(self, version: DocumentVersion) -> str | None:
        """The vault's object, before anything live is touched: its sha256 as far as S3 keeps one."""
        found = self.vault.head(version.object)
        if found is None:
            raise ObjectMissing(key=version.object, bucket=self.vault.bucket)
        if found.size_bytes != version.size_bytes:
            raise self._damaged(version, f"it has {found.size_bytes} bytes")
        if version.sha256 and found.sha256 and found.sha256 != version.sha256:
            raise self._damaged(version, "its sha256 is not the registered one")
        return version.sha256 or found.sha256

    def _live(self, key: str) -> "HeadObjectOutputTypeDef | None":
        try:
            return self._at(key).head()
        except ObjectMissing:
            return None

    def _checked(self, version: DocumentVersion, version_id: str, sha256: str | None) -> str:
        found = self._at(version.key, version_id).head()
        there = full_sha256(found.get("ChecksumSHA256"))
        if found["ContentLength"] != version.size_bytes:
            raise self._damaged(version, f"what was written has {found['ContentLength']} bytes")
        if sha256 and there and there != sha256:
            raise self._damaged(version, "what was written has another sha256")
        return version_id

    def _at(self, key: str, version_id: str = "") -> CopySource:
        return CopySource(self.bucket, key, 0, self.s3, version_id or None)

    def _damaged(self, version: DocumentVersion, reason: str) -> ObjectDamaged:
        reason = f"{reason} and is not version {version.version_id} of {version.bucket}/{version.key}"
        return ObjectDamaged(key=version.object, bucket=self.vault.bucket, firm=self.vault.firm, reason=reason)
