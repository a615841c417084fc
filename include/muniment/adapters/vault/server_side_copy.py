"""Copies one object into another bucket, its bytes not passing through us: CopyObject, or UploadPartCopy when large.

S3 decrypts with the source's key and encrypts again under the target's own. Limits: Amazon S3 User Guide, "Amazon S3
multipart upload limits" and CopyObject's "up to 5 GB".
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from muniment.adapters.aws.errors import store_errors
from muniment.adapters.vault.vault import StoredObject, Vault, full_sha256
from muniment.errors import AlreadyRegistered, ObjectDamaged, ObjectMissing, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef, HeadObjectOutputTypeDef

ONE_COPY_LIMIT = 5 * 2**30
PART_BYTES = 512 * 2**20
PARTS_LIMIT = 10_000
_PARTS_AT_ONCE = 8
NEW_KEY: Mapping[str, Any] = {"IfNoneMatch": "*"}
# CopyObject carries these over by itself; a multipart copy begins with nothing.
_HEADERS_TO_CARRY = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")

# On top of boto3's own attempts: a prefix that S3 is still splitting answers SlowDown for some seconds.
_copy_again = retry(
    retry=retry_if_exception_type(StoreUnavailable),
    stop=stop_after_attempt(4),
    wait=wait_exponential_jitter(multiplier=0.5, max=20),
    reraise=True,
)


@dataclass(frozen=True, slots=True)
class CopySource:
    """One version of one object; ``s3`` is a client of its bucket's region.

    ``etag`` is for an object without a version of its own: the copy is refused where it has another one by then.
    """

    bucket: str
    key: str
    size_bytes: int
    s3: "S3Client"
    version_id: str | None = None
    etag: str | None = None

    @property
    def guard(self) -> dict[str, Any]:
        return {"CopySourceIfMatch": f'"{self.etag}"'} if self.etag else {}

    def at_s3(self) -> "CopySourceTypeDef":
        there: CopySourceTypeDef = {"Bucket": self.bucket, "Key": self.key}
        if self.version_id:
            there["VersionId"] = self.version_id
        return there

    def head(self) -> "HeadObjectOutputTypeDef":
        version: dict[str, Any] = {"VersionId": self.version_id} if self.version_id else {}
        with store_errors("HeadObject", self.bucket, self.key):
            return self.s3.head_object(Bucket=self.bucket, Key=self.key, ChecksumMode="ENABLED", **version)

    def sha256(self) -> str | None:
        """In hex, as S3 keeps it; ``None`` where it keeps none of the whole object."""
        return full_sha256(self.head().get("ChecksumSHA256"))


class CopyTarget(Protocol):
    """The bucket that a copy goes into; Vault is one. ``s3`` is a client of its region."""

    @property
    def bucket(self) -> str: ...

    @property
    def s3(self) -> "S3Client": ...

    def at_rest(self) -> dict[str, Any]: ...

    def lock(self, until: datetime | None) -> dict[str, Any]: ...


@_copy_again
def copy_object(
    source: CopySource,
    *,
    target: Vault,
    key: str,
    locked_until: datetime | None,
    one_copy_limit: int = ONE_COPY_LIMIT,
    part_bytes: int = PART_BYTES,
) -> StoredObject:
    """Copies bytes, headers and metadata and returns what HEAD then tells of the copy, whose size is the source's.

    The write is conditional. Where the key already holds an object of the same size, that one is returned: it may be
    this call's own first try; the caller compares checksums. Raises ``ObjectMissing`` for the source,
    ``ObjectDamaged`` for a copy of another size.
    """
    with suppress(AlreadyRegistered):  # then the copy's size is compared below, as a fresh one's is
        write_copy(source, target, key, locked_until=locked_until, one_copy_limit=one_copy_limit, part_bytes=part_bytes)
    return _copied(source, target, key, locked_until)


def write_copy(
    source: CopySource,
    target: CopyTarget,
    key: str,
    *,
    locked_until: datetime | None = None,
    condition: Mapping[str, Any] = NEW_KEY,
    one_copy_limit: int = ONE_COPY_LIMIT,
    part_bytes: int = PART_BYTES,
) -> str:
    """The new version's id, empty in a bucket that has none. Nothing is read back.

    ``condition``: ``IfMatch`` or ``IfNoneMatch``; where it does not hold, ``AlreadyRegistered``, or ``ObjectMissing``
    for an ``IfMatch`` on nothing.
    """
    if source.size_bytes > one_copy_limit:
        return _copy_in_parts(source, target, key, locked_until, condition, part_bytes)
    return _copy_at_once(source, target, key, locked_until, condition)


def _copy_at_once(
    source: CopySource, target: CopyTarget, key: str, locked_until: datetime | None, condition: Mapping[str, Any]
) -> str:
    with store_errors(f"CopyObject to {target.bucket}", source.bucket, source.key):
        return target.s3.copy_object(
            Bucket=target.bucket,
            Key=key,
            CopySource=source.at_s3(),
            MetadataDirective="COPY",
            # Tags would need rights of their own on the source, and nothing in a vault reads them.
            TaggingDirective="REPLACE",
            ChecksumAlgorithm="SHA256",
            **condition,
            **source.guard,
            **target.at_rest(),
            **target.lock(locked_until),
        ).get("VersionId", "")


def _copy_in_parts(
    source: CopySource,
    target: CopyTarget,
    key: str,
    locked_until: datetime | None,
    condition: Mapping[str, Any],
    part_bytes: int,
) -> str:
    """An upload that fails is aborted; a killed one is ended by the vault's lifecycle rule."""
    upload = _begin(source, target, key, locked_until)
    try:
        with ThreadPoolExecutor(_PARTS_AT_ONCE) as pool:
            copy_part = partial(_copy_part, source, target, key, upload)
            parts = list(pool.map(copy_part, part_ranges(source.size_bytes, part_bytes)))
        with store_errors("CompleteMultipartUpload", target.bucket, key):
            return target.s3.complete_multipart_upload(
                Bucket=target.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **condition
            ).get("VersionId", "")
    except BaseException:
        with store_errors("AbortMultipartUpload", target.bucket, key):
            target.s3.abort_multipart_upload(Bucket=target.bucket, Key=key, UploadId=upload)
        raise


def _begin(source: CopySource, target: CopyTarget, key: str, locked_until: datetime | None) -> str:
    described = source.head()
    carried: dict[str, Any] = {name: described[name] for name in _HEADERS_TO_CARRY if name in described}  # type: ignore[literal-required]
    with store_errors("CreateMultipartUpload", target.bucket, key):
        return target.s3.create_multipart_upload(
            Bucket=target.bucket,
            Key=key,
            Metadata=described["Metadata"],
            ChecksumAlgorithm="SHA256",
            **carried,
            **target.at_rest(),
            **target.lock(locked_until),
        )["UploadId"]


def part_ranges(size_bytes: int, part_bytes: int) -> Iterator[tuple[int, int, int]]:
    """(part number from 1, first byte, last byte), never more parts than S3 takes."""
    part_bytes = max(part_bytes, -(-size_bytes // PARTS_LIMIT))
    for number, first in enumerate(range(0, size_bytes, part_bytes), start=1):
        yield number, first, min(first + part_bytes, size_bytes) - 1


def _copy_part(
    source: CopySource, target: CopyTarget, key: str, upload: str, part: tuple[int, int, int]
) -> "CompletedPartTypeDef":
    number, first, last = part
    with store_errors(f"UploadPartCopy to {target.bucket}", source.bucket, source.key):
        result = target.s3.upload_part_copy(
            Bucket=target.bucket,
            Key=key,
            UploadId=upload,
            PartNumber=number,
            CopySource=source.at_s3(),
            CopySourceRange=f"bytes={first}-{last}",
            **source.guard,
        )["CopyPartResult"]
    done: CompletedPartTypeDef = {"PartNumber": number, "ETag": result["ETag"]}
    if "ChecksumSHA256" in result:
        done["ChecksumSHA256"] = result["ChecksumSHA256"]
    return done


def _copied(source: CopySource, target: Vault, key: str, locked_until: datetime | None) -> StoredObject:
    """Reads the copy back. A lock that the server did not take from the upload's headers is set now."""
    found = target.head(key)
    if found is None:
        raise ObjectMissing(key=key, bucket=target.bucket)
    if found.size_bytes != source.size_bytes:
        reason = f"it has {found.size_bytes} bytes, its source {source.bucket}/{source.key} has {source.size_bytes}"
        raise ObjectDamaged(key=key, bucket=target.bucket, firm=target.firm, reason=reason)
    if locked_until and target.lock_mode != "none" and found.locked_until is None:
        target.extend_lock(key, locked_until)
    return found
