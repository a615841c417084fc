"""One firm's vault in one region: a versioned bucket with Object Lock and SSE-KMS.

Every object is written once (the restore kit's excepted): a key is never reused for other bytes, so each write is
conditional, a copy has the same key in the other vault, and a register needs no version ids.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol, cast

import zstandard
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from muniment.adapters.aws.errors import store_errors
from muniment.adapters.vault.authenticity import KeptKey, code_of
from muniment.adapters.vault.envelope import FRAME_BYTES, Envelope, MessageDamaged
from muniment.domain.record import Record
from muniment.domain.vault.registers import StoredFile
from muniment.errors import AlreadyRegistered, ObjectDamaged, ObjectMissing, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

type LockMode = Literal["governance", "compliance", "none"]

ZSTD_LEVEL = 3
DELETE_AT_ONCE = 1000  # DeleteObjects' limit
START_BYTES = 2 * FRAME_BYTES  # a message's header, with its wrapped keys, and its first frame

read_again = retry(
    retry=retry_if_exception_type(StoreUnavailable),
    stop=stop_after_attempt(4),
    wait=wait_exponential_jitter(multiplier=0.2, max=5),
    reraise=True,
)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What HEAD and LIST tell of an object; ``sha256`` (hex, stored bytes) and ``metadata`` only after HEAD."""

    key: str
    size_bytes: int
    modified_at: datetime
    version_id: str = ""
    sha256: str | None = None
    metadata: Mapping[str, str] | None = None
    locked_until: datetime | None = None
    is_delete_marker: bool = False
    is_latest: bool = True
    etag: str = ""


class Plain(Protocol):
    def readinto(self, buffer: memoryview) -> int:
        """Fills as much of ``buffer`` as it can; 0 at the end."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Thread-safe. Methods raise ``StoreUnavailable``, ``AccessDenied`` or ``KeyUnusable`` as the store answers."""

    firm: str
    bucket: str
    region: str
    kms_key: str
    lock_mode: LockMode
    s3: "S3Client"
    envelope: Envelope
    kept: KeptKey = field(init=False, repr=False, compare=False, default_factory=KeptKey)

    def put(
        self,
        key: str,
        body: bytes,
        *,
        locked_until: datetime | None,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Stores ``body`` in plain, and beside it its authentication code, as ``put_message`` does."""
        return self.put_message(
            key, body, locked_until=locked_until, metadata={**(metadata or {}), **code_of(self, key, body)}
        )

    def put_message(
        self,
        key: str,
        body: bytes | bytearray,
        *,
        locked_until: datetime | None,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Stores what proves itself, under a key that holds nothing yet; returns its sha256 (hex), as S3 checked it.

        Raises ``AlreadyRegistered`` where the key holds other bytes; the same bytes are accepted, because a retried
        request may find its own first try.
        """
        digest = hashlib.sha256(body)
        try:
            with store_errors("PutObject", self.bucket, key):
                self.s3.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=body,  # type: ignore[arg-type]  # botocore takes a bytearray as well
                    ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
                    IfNoneMatch="*",
                    Metadata=dict(metadata or {}),
                    **self.at_rest(),
                    **self.lock(locked_until),
                )
        except AlreadyRegistered:
            there = self.head(key)
            if there is None or there.sha256 != digest.hexdigest():
                raise
        return digest.hexdigest()

    def at_rest(self) -> dict[str, Any]:
        """SSE-KMS arguments of every write; the key id is always named, never left to the bucket's default."""
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key, "BucketKeyEnabled": True}

    def lock(self, until: datetime | None) -> dict[str, Any]:
        """Object Lock arguments of a write."""
        if until is None or self.lock_mode == "none":
            return {}
        return {"ObjectLockMode": self.lock_mode.upper(), "ObjectLockRetainUntilDate": until}

    def put_register(self, key: str, document: Record, *, locked_until: datetime | None) -> None:
        """Makes ``document`` exist. Raises ``AlreadyRegistered`` when something else was first."""
        self.put(key, document.to_json(), locked_until=locked_until)

    def put_sealed(
        self,
        key: str,
        content: bytes,
        *,
        locked_until: datetime | None,
        level: int = ZSTD_LEVEL,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredFile:
        """Stores ``encrypt(zstd(content))``; the encryption context binds it to this firm and key."""
        message = self.seal(key, content, level)
        sha256 = self.put_message(key, message, locked_until=locked_until, metadata=metadata)
        return StoredFile(key=key, size_bytes=len(content), stored_bytes=len(message), sha256=sha256)

    def seal(self, key: str, content: bytes | bytearray | memoryview, level: int = ZSTD_LEVEL) -> bytes:
        return self.envelope.encrypt(zstandard.ZstdCompressor(level=level).compress(content), self.context(key))

    def context(self, key: str) -> dict[str, str]:
        return {"muniment:firm": self.firm, "muniment:key": key}

    def get(self, key: str, *, sha256: str | None = None) -> bytes:
        """The object's bytes. Raises ``ObjectMissing``, or ``ObjectDamaged`` where ``sha256`` (hex) differs."""
        body, _ = self.read(key)
        if sha256 is not None and hashlib.sha256(body).hexdigest() != sha256:
            raise self.damaged(key, "its sha256 is not the registered one")
        return body

    def damaged(self, key: str, reason: object) -> ObjectDamaged:
        return ObjectDamaged(key=key, bucket=self.bucket, firm=self.firm, reason=reason)

    @read_again
    def read(self, key: str, **part: Any) -> tuple[bytes, Mapping[str, str]]:
        """Bytes and metadata."""
        with store_errors("GetObject", self.bucket, key):
            found = self.s3.get_object(Bucket=self.bucket, Key=key, **part)
            return found["Body"].read(), found["Metadata"]

    def get_sealed(self, key: str, *, sha256: str | None = None) -> bytes:
        return self.unseal(key, self.get(key, sha256=sha256))

    def unseal(self, key: str, message: bytes) -> bytes:
        try:
            return _decompressed(self.envelope.decrypt(message, self.context(key)))
        except (MessageDamaged, zstandard.ZstdError) as error:
            raise self.damaged(key, error) from error

    def get_sealed_start(self, key: str) -> bytes:
        """The first thousands of bytes of what was sealed, proven by their frame's tag, in one short request."""
        start, _ = self.read(key, Range=f"bytes=0-{START_BYTES - 1}")
        try:
            frame = self.envelope.decrypting(start, self.context(key)).read(FRAME_BYTES)
            return zstandard.ZstdDecompressor().decompressobj().decompress(frame)
        except (MessageDamaged, zstandard.ZstdError) as error:
            raise self.damaged(key, error) from error

    @contextmanager
    def unsealing(self, key: str, message: bytes) -> Iterator["Plain"]:
        """``message`` as a stream of its content: a chunk's slice is never in memory as a whole.

        Whoever reads must know how long the content is: a message that ends early ends this stream and no more.
        """
        try:
            source = self.envelope.decrypting(message, self.context(key))
            frames = cast("IO[bytes]", source)  # all that zstandard asks of it is read
            yield zstandard.ZstdDecompressor().stream_reader(frames, read_size=FRAME_BYTES, read_across_frames=True)
        except (MessageDamaged, zstandard.ZstdError) as error:
            raise self.damaged(key, error) from error

    def head(self, key: str) -> StoredObject | None:
        """``None`` where there is no such object."""
        try:
            with store_errors("HeadObject", self.bucket, key):
                found = self.s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
        except ObjectMissing:
            return None
        return StoredObject(
            key=key,
            size_bytes=found["ContentLength"],
            modified_at=found["LastModified"],
            version_id=found.get("VersionId", ""),
            etag=found.get("ETag", ""),
            sha256=full_sha256(found.get("ChecksumSHA256")),
            metadata=found.get("Metadata", {}),
            locked_until=found.get("ObjectLockRetainUntilDate"),
        )

    def list(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Current objects in key order; ``after`` starts behind that key."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, StartAfter=after)
        with store_errors("ListObjectsV2", self.bucket, prefix):
            for page in pages:
                for item in page.get("Contents", ()):
                    yield StoredObject(item["Key"], item["Size"], item["LastModified"])

    def list_folders(self, prefix: str) -> Iterator[str]:
        """The names between ``prefix`` and the next ``/``, in order: ``base/`` → each backup's id."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        with store_errors("ListObjectsV2", self.bucket, prefix):
            for page in pages:
                for item in page.get("CommonPrefixes", ()):
                    yield item["Prefix"].removeprefix(prefix).rstrip("/")

    def list_versions(self, prefix: str) -> Iterator[StoredObject]:
        """Every version and delete marker in key order."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
        with store_errors("ListObjectVersions", self.bucket, prefix):
            for page in pages:
                for item in page.get("Versions", ()):
                    yield StoredObject(
                        item["Key"],
                        item["Size"],
                        item["LastModified"],
                        item["VersionId"],
                        is_latest=item["IsLatest"],
                    )
                for mark in page.get("DeleteMarkers", ()):
                    yield StoredObject(
                        mark["Key"],
                        0,
                        mark["LastModified"],
                        mark["VersionId"],
                        is_delete_marker=True,
                        is_latest=mark["IsLatest"],
                    )

    def extend_lock(self, key: str, until: datetime) -> None:
        """Moves the lock of the current version to a later instant; S3 refuses an earlier one."""
        if self.lock_mode == "none":
            return
        mode: Literal["GOVERNANCE", "COMPLIANCE"] = "COMPLIANCE" if self.lock_mode == "compliance" else "GOVERNANCE"
        with store_errors("PutObjectRetention", self.bucket, key):
            self.s3.put_object_retention(
                Bucket=self.bucket, Key=key, Retention={"Mode": mode, "RetainUntilDate": until}
            )


def full_sha256(checksum: str | None) -> str | None:
    """In hex; ``None`` for a multipart upload's, which covers its parts' checksums and ends in their number."""
    return base64.b64decode(checksum).hex() if checksum and "-" not in checksum else None


def _decompressed(frames: bytes) -> bytes:
    """A chunk is several zstd frames, one after the other."""
    content: list[bytes] = []
    while frames:
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        content.append(decompressor.decompress(frames))
        if not decompressor.eof:
            reason = "the last zstd frame has no end"
            raise zstandard.ZstdError(reason)
        frames = decompressor.unused_data
    return b"".join(content)
