"""Copies one object into another bucket, its bytes not passing through us: CopyObject, or UploadPartCopy when large.

S3 decrypts with the source's key and encrypts again under the target's own. Limits: Amazon S3 User Guide, "Amazon S3
multipart upload limits" and CopyObject's "up to 5 GB".
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from muniment.adapters.aws.errors import store_errors
from muniment.adapters.store.port import CopySource

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

ONE_COPY_LIMIT = 5 * 2**30
PART_BYTES = 512 * 2**20
PARTS_LIMIT = 10_000
_PARTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Copying:
    """One copy to ``bucket``/``key``. ``writing``: encryption and lock. ``condition``: what the key must hold.

    Both ways return the new version's id, empty in a bucket that has none.
    """

    source: CopySource
    bucket: str
    key: str
    s3: "S3Client"
    writing: Mapping[str, Any]
    condition: Mapping[str, Any]

    def at_once(self) -> str:
        source = self.source
        with store_errors(f"CopyObject to {self.bucket}", source.store.bucket, source.key):
            return self.s3.copy_object(
                Bucket=self.bucket,
                Key=self.key,
                CopySource=self._at_s3(),
                MetadataDirective="COPY",
                # Tags would need rights of their own on the source, and nothing in a vault reads them.
                TaggingDirective="REPLACE",
                ChecksumAlgorithm="SHA256",
                **self.condition,
                **self._guard(),
                **self.writing,
            ).get("VersionId", "")

    def in_parts(self, part_bytes: int) -> str:
        """An upload that fails is aborted; a killed one is ended by the vault's lifecycle rule."""
        upload = self._begin()
        try:
            with ThreadPoolExecutor(_PARTS_AT_ONCE) as pool:
                parts = list(pool.map(partial(self._part, upload), part_ranges(self.source.size_bytes, part_bytes)))
            with store_errors("CompleteMultipartUpload", self.bucket, self.key):
                return self.s3.complete_multipart_upload(
                    Bucket=self.bucket,
                    Key=self.key,
                    UploadId=upload,
                    MultipartUpload={"Parts": parts},
                    **self.condition,
                ).get("VersionId", "")
        except BaseException:
            with store_errors("AbortMultipartUpload", self.bucket, self.key):
                self.s3.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=upload)
            raise

    def _begin(self) -> str:
        """CopyObject carries headers and metadata over by itself; a multipart copy begins with nothing."""
        described = self.source.head()
        headers: dict[str, Any] = dict(described.headers)
        with store_errors("CreateMultipartUpload", self.bucket, self.key):
            return self.s3.create_multipart_upload(
                Bucket=self.bucket,
                Key=self.key,
                Metadata=dict(described.metadata),
                ChecksumAlgorithm="SHA256",
                **headers,
                **self.writing,
            )["UploadId"]

    def _part(self, upload: str, part: tuple[int, int, int]) -> "CompletedPartTypeDef":
        number, first, last = part
        with store_errors(f"UploadPartCopy to {self.bucket}", self.source.store.bucket, self.source.key):
            result = self.s3.upload_part_copy(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=upload,
                PartNumber=number,
                CopySource=self._at_s3(),
                CopySourceRange=f"bytes={first}-{last}",
                **self._guard(),
            )["CopyPartResult"]
        done: CompletedPartTypeDef = {"PartNumber": number, "ETag": result["ETag"]}
        if "ChecksumSHA256" in result:
            done["ChecksumSHA256"] = result["ChecksumSHA256"]
        return done

    def _at_s3(self) -> "CopySourceTypeDef":
        there: CopySourceTypeDef = {"Bucket": self.source.store.bucket, "Key": self.source.key}
        if self.source.version_id:
            there["VersionId"] = self.source.version_id
        return there

    def _guard(self) -> dict[str, Any]:
        return {"CopySourceIfMatch": f'"{self.source.etag}"'} if self.source.etag else {}


def part_ranges(size_bytes: int, part_bytes: int) -> Iterator[tuple[int, int, int]]:
    """(part number from 1, first byte, last byte), never more parts than S3 takes."""
    part_bytes = max(part_bytes, -(-size_bytes // PARTS_LIMIT))
    for number, first in enumerate(range(0, size_bytes, part_bytes), start=1):
        yield number, first, min(first + part_bytes, size_bytes) - 1
