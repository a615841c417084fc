"""The store port over Amazon S3: a versioned bucket with Object Lock, encrypted at rest under a named KMS key."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from muniment.adapters.aws.errors import http_status, store_errors
from muniment.adapters.store import s3_bucket, s3_copy
from muniment.adapters.store.port import CopySource, LockMode, Protection, Written
from muniment.adapters.store.retry import retry_store
from muniment.domain.stored_object import ObjectVersion, StoredObject
from muniment.errors import AccessDenied, ObjectMissing, StoreRefused

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef

PAGE_SIZE = 1000  # the most that S3 gives
_HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class S3Store:
    """``s3`` is a client of the bucket's region. Without ``kms_key`` the bucket's own default encrypts."""

    bucket: str
    region: str
    s3: "S3Client"
    kms_key: str = ""
    lock_mode: LockMode = "none"
    page_size: int = PAGE_SIZE
    one_copy_limit: int = s3_copy.ONE_COPY_LIMIT
    part_bytes: int = s3_copy.PART_BYTES

    def put_if_absent(
        self, key: str, body: bytes | bytearray, *, metadata: Mapping[str, str], locked_until: datetime | None
    ) -> Written:
        return self._put(key, body, metadata, IfNoneMatch="*", **self.lock_arguments(locked_until))

    def put_over(
        self, key: str, body: bytes, *, etag: str, metadata: Mapping[str, str], locked_until: datetime | None
    ) -> Written:
        return self._put(key, body, metadata, IfMatch=f'"{etag}"', **self.lock_arguments(locked_until))

    def put(self, key: str, body: bytes, *, metadata: Mapping[str, str]) -> Written:
        return self._put(key, body, metadata)

    def _put(self, key: str, body: bytes | bytearray, metadata: Mapping[str, str], **conditions: Any) -> Written:
        digest = hashlib.sha256(body)
        with store_errors("PutObject", self.bucket, key):
            answer = self.s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,  # type: ignore[arg-type]  # botocore takes a bytearray as well
                ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
                Metadata=dict(metadata),
                **conditions,
                **self.at_rest(),
            )
        return Written(answer.get("VersionId", "null"), digest.hexdigest(), _date(answer))

    def at_rest(self) -> dict[str, Any]:
        """SSE-KMS arguments of every write."""
        if not self.kms_key:
            return {}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key, "BucketKeyEnabled": True}

    def lock_arguments(self, until: datetime | None) -> dict[str, Any]:
        if until is None or self.lock_mode == "none":
            return {}
        return {"ObjectLockMode": self.lock_mode.upper(), "ObjectLockRetainUntilDate": until}

    def get(self, key: str, *, version_id: str = "", part: range | None = None) -> tuple[bytes, Mapping[str, str]]:
        asked: dict[str, Any] = {"Range": f"bytes={part.start}-{part.stop - 1}"} if part else {}
        with store_errors("GetObject", self.bucket, key):
            found = self.s3.get_object(Bucket=self.bucket, Key=key, **asked, **_version(version_id))
            return found["Body"].read(), found["Metadata"]

    def pieces(self, key: str, size_bytes: int) -> Iterator[bytes]:
        with store_errors("GetObject", self.bucket, key):
            yield from self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].iter_chunks(size_bytes)

    def head(self, key: str, *, version_id: str = "") -> StoredObject | None:
        try:
            with store_errors("HeadObject", self.bucket, key):
                found = self.s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED", **_version(version_id))
        except ObjectMissing:
            return None
        sha256 = full_sha256(found.get("ChecksumSHA256"))
        return StoredObject(
            key=key,
            size_bytes=found["ContentLength"],
            modified_at=found["LastModified"],
            version_id=found.get("VersionId", ""),
            etag=found.get("ETag", "").strip('"'),
            is_latest=not version_id,
            has_sha256=sha256 is not None,
            sha256=sha256,
            metadata=found.get("Metadata", {}),
            headers={name: found[name] for name in _HEADERS if name in found},  # type: ignore[literal-required]
            locked_until=found.get("ObjectLockRetainUntilDate"),
            is_held=found.get("ObjectLockLegalHoldStatus") == "ON",
        )

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, StartAfter=after)
        with store_errors("ListObjectsV2", self.bucket, prefix):
            for page in pages:
                for item in page.get("Contents", ()):
                    yield ObjectVersion(item["Key"], item["Size"], item["LastModified"])

    def list_folders(self, prefix: str) -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        with store_errors("ListObjectsV2", self.bucket, prefix):
            for page in pages:
                for item in page.get("CommonPrefixes", ()):
                    yield item["Prefix"].removeprefix(prefix).rstrip("/")

    def list_versions(self, prefix: str) -> Iterator[ObjectVersion]:
        """boto3 hands out a page's versions and its markers apart, each in order of the keys."""
        for page in self._version_pages(prefix):
            yield from sorted(_entries(page), key=attrgetter("key"))

    def _version_pages(self, prefix: str) -> Iterator["ListObjectVersionsOutputTypeDef"]:
        """Not boto3's paginator: that one cannot go on after a page that failed."""
        marker: dict[str, Any] = {}
        while True:
            page = self._version_page(prefix, marker)
            yield page
            if not page["IsTruncated"]:
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    @retry_store
    def _version_page(self, prefix: str, marker: dict[str, Any]) -> "ListObjectVersionsOutputTypeDef":
        with store_errors("ListObjectVersions", self.bucket, prefix):
            return self.s3.list_object_versions(Bucket=self.bucket, Prefix=prefix, MaxKeys=self.page_size, **marker)

    def copy(
        self, source: CopySource, key: str, *, locked_until: datetime | None = None, over: str | None = None
    ) -> str:
        writing: dict[str, Any] = {**self.at_rest(), **self.lock_arguments(locked_until)}
        copying = s3_copy.Copying(source, self.bucket, key, self.s3, writing, _condition(over))
        return copying.at_once() if source.size_bytes <= self.one_copy_limit else copying.in_parts(self.part_bytes)

    def lock(self, key: str, until: datetime) -> None:
        if self.lock_mode == "none":
            return
        mode: Any = self.lock_mode.upper()
        with store_errors("PutObjectRetention", self.bucket, key):
            self.s3.put_object_retention(
                Bucket=self.bucket, Key=key, Retention={"Mode": mode, "RetainUntilDate": until}
            )

    def hold(self, key: str, *, is_held: bool) -> None:
        with store_errors("PutObjectLegalHold", self.bucket, key):
            self.s3.put_object_legal_hold(Bucket=self.bucket, Key=key, LegalHold={"Status": "ON" if is_held else "OFF"})

    def delete_version(self, key: str, version_id: str) -> bool:
        """S3 refuses what is locked in the words of a right that is missing: only HEAD tells them apart."""
        try:
            with store_errors("DeleteObjectVersion", self.bucket, key):
                self.s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version_id)
        except ObjectMissing:
            return True
        except AccessDenied:
            if not self._is_kept(key, version_id):
                raise
            return False
        return True

    def _is_kept(self, key: str, version_id: str) -> bool:
        try:
            found = self.head(key, version_id=version_id)
        except StoreRefused:  # 405 for a delete marker, which nothing keeps, among others
            return False
        return found is not None and (found.locked_until is not None or found.is_held)

    def link(self, key: str, *, file_name: str, lasting: timedelta) -> str:
        """What is under SSE-KMS needs a client with Signature Version 4, which botocore does not take by itself in
        every region (``documents/files.py`` makes one)."""
        return self.s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": key,
                "ResponseContentDisposition": f"attachment; filename*=UTF-8''{quote(file_name, safe='')}",
            },
            ExpiresIn=int(lasting.total_seconds()),
        )

    @retry_store
    def clock(self) -> datetime:
        with store_errors("HeadBucket", self.bucket):
            try:
                return _date(self.s3.head_bucket(Bucket=self.bucket))
            except ClientError as error:
                if http_status(error) >= _SERVER_ERROR or "date" not in _headers(error.response):
                    raise
                return _date(error.response)

    def is_versioned(self) -> bool:
        with store_errors("GetBucketVersioning", self.bucket):
            return self.s3.get_bucket_versioning(Bucket=self.bucket).get("Status") == "Enabled"

    def holds_anything(self) -> bool:
        with store_errors("ListObjectVersions", self.bucket):
            found = self.s3.list_object_versions(Bucket=self.bucket, MaxKeys=1)
        return bool(found.get("Versions") or found.get("DeleteMarkers"))

    def bucket_region(self) -> str | None:
        return s3_bucket.bucket_region(self.s3, self.bucket)

    def create_bucket(self) -> None:
        s3_bucket.create_bucket(self.s3, self.bucket, self.region)

    def missing_protections(self) -> tuple[tuple[Protection, str], ...]:
        return s3_bucket.missing_protections(
            s3_bucket.VaultBucket(self.bucket, self.region, self.s3, self.kms_key, is_locked=self.lock_mode != "none")
        )


def full_sha256(checksum: str | None) -> str | None:
    """In hex; ``None`` for a multipart upload's, which covers its parts' checksums and ends in their number."""
    return base64.b64decode(checksum).hex() if checksum and "-" not in checksum else None


def _entries(page: "ListObjectVersionsOutputTypeDef") -> Iterator[ObjectVersion]:
    for item in page.get("Versions", ()):
        yield ObjectVersion(
            key=item["Key"],
            size_bytes=item["Size"],
            modified_at=item["LastModified"],
            version_id=item["VersionId"],
            etag=item["ETag"].strip('"'),
            is_latest=item["IsLatest"],
            has_sha256="SHA256" in item.get("ChecksumAlgorithm", ()),
        )
    for mark in page.get("DeleteMarkers", ()):
        yield ObjectVersion(
            key=mark["Key"],
            size_bytes=0,
            modified_at=mark["LastModified"],
            version_id=mark["VersionId"],
            is_delete_marker=True,
            is_latest=mark["IsLatest"],
        )


def _version(version_id: str) -> dict[str, Any]:
    return {"VersionId": version_id} if version_id else {}


def _condition(over: str | None) -> dict[str, Any]:
    return {"IfMatch": f'"{over}"'} if over is not None else {"IfNoneMatch": "*"}


def _date(answer: Any) -> datetime:
    return parsedate_to_datetime(_headers(answer)["date"])


def _headers(answer: Any) -> Mapping[str, str]:
    found: Mapping[str, str] = answer["ResponseMetadata"].get("HTTPHeaders", {})
    return found
