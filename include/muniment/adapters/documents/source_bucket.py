"""A firm's own document bucket: read, never written. One history a document, as S3 lists its versions."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from muniment.adapters.aws.errors import store_errors
from muniment.domain.documents.sync import SourceVersion, newest_first
from muniment.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import DeleteMarkerEntryTypeDef, ListObjectVersionsOutputTypeDef, ObjectVersionTypeDef

PAGE_SIZE = 1000  # the most that S3 gives
CLOCK_POLL_S = 0.1
# Two regions of S3 agree within a second; this is for a server that does not keep time at all.
CLOCK_DEADLINE_S = 30

_ask_again = retry(
    retry=retry_if_exception_type(StoreUnavailable),
    stop=stop_after_attempt(4),
    wait=wait_exponential_jitter(multiplier=0.5, max=20),
    reraise=True,
)


@dataclass(frozen=True, slots=True)
class SourceBucket:
    """One document bucket and a client of its region. ``prefix``: only the documents whose keys begin so."""

    name: str
    s3: "S3Client"
    page_size: int = PAGE_SIZE
    prefix: str = ""

    @_ask_again
    def clock(self) -> datetime:
        """What S3 says the time is, in whole seconds: the clock that also dates the versions."""
        with store_errors("HeadBucket", self.name):
            answer = self.s3.head_bucket(Bucket=self.name)
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])

    def wait_until(self, instant: datetime) -> None:
        """Raises ``StoreUnavailable`` where S3's clock does not get there."""
        deadline = time.monotonic() + CLOCK_DEADLINE_S
        while (now := self.clock()) < instant:
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    service="S3", operation="HeadBucket", place=self.name, reason=f"its clock is behind: {now}"
                )
            time.sleep(CLOCK_POLL_S)

    def histories(self) -> Iterator[list[SourceVersion]]:
        """One list a document, newest first, in key order."""
        for _, entries in groupby(self._entries(), key=attrgetter("key")):
            history = list(entries)
            yield newest_first(
                (entry for entry in history if not entry.is_delete_marker),
                (entry for entry in history if entry.is_delete_marker),
            )

    def _entries(self) -> Iterator[SourceVersion]:
        """All of a key together. boto3 hands out a page's versions and its markers apart, each in order of the keys."""
        for page in self._pages():
            entries = [*self._versions(page.get("Versions", ())), *self._marks(page.get("DeleteMarkers", ()))]
            yield from sorted(entries, key=attrgetter("key"))

    def _pages(self) -> Iterator["ListObjectVersionsOutputTypeDef"]:
        """Not boto3's paginator: that one cannot go on after a page that failed."""
        marker: dict[str, Any] = {}
        while True:
            page = self._page(marker)
            yield page
            if not page["IsTruncated"]:
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    @_ask_again
    def _page(self, marker: dict[str, Any]) -> "ListObjectVersionsOutputTypeDef":
        with store_errors("ListObjectVersions", self.name):
            return self.s3.list_object_versions(Bucket=self.name, Prefix=self.prefix, MaxKeys=self.page_size, **marker)

    def _versions(self, listed: Iterable["ObjectVersionTypeDef"]) -> Iterator[SourceVersion]:
        for item in listed:
            yield SourceVersion(
                bucket=self.name,
                key=item["Key"],
                version_id=item["VersionId"],
                size_bytes=item["Size"],
                etag=item["ETag"].strip('"'),
                modified_at=item["LastModified"],
                is_latest=item["IsLatest"],
                has_sha256="SHA256" in item.get("ChecksumAlgorithm", ()),
            )

    def _marks(self, listed: Iterable["DeleteMarkerEntryTypeDef"]) -> Iterator[SourceVersion]:
        for item in listed:
            yield SourceVersion(
                bucket=self.name,
                key=item["Key"],
                version_id=item["VersionId"],
                size_bytes=0,
                etag="",
                modified_at=item["LastModified"],
                is_latest=item["IsLatest"],
                is_delete_marker=True,
            )
