"""A firm's document buckets as the tests of sync_documents fill them, and what must be true of a snapshot."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

from muniment.adapters.documents.source_bucket import SourceBucket
from muniment.adapters.site.site import Site, build_site
from muniment.adapters.store.s3 import PAGE_SIZE, S3Store
from muniment.domain.vault import keys
from muniment.domain.vault.registers import DocumentSnapshot
from muniment.ports import utc_now
from muniment.runbooks.documents.sync_documents import sync_documents
from muniment_demo.cloud import Cloud
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import LOGINS

_numbers = count(1)


def new_snapshot_id() -> str:
    return f"20261120T{next(_numbers):09d}Z"


def sync(site: Site, *, snapshot_id: str | None = None, accept_shrink: bool = False) -> DocumentSnapshot:
    return sync_documents(
        site, snapshot_id=snapshot_id or new_snapshot_id(), accept_shrink=accept_shrink, clock=utc_now
    )


class Desk:
    """Who works in the firm's buckets, as root: ``desk.put("matters/4711/brief.pdf", b"draft")``."""

    def __init__(self, cloud: Cloud, site: Site) -> None:
        self.buckets = [place.bucket for place in site.firm.documents]
        self.region = site.firm.documents[0].region
        self.s3 = cloud.client("s3", self.region)

    def source(self, page_size: int = PAGE_SIZE) -> SourceBucket:
        """The first bucket as a sync reads it."""
        return SourceBucket(S3Store(self.buckets[0], self.region, self.s3, page_size=page_size))

    def put(self, key: str, body: bytes = b"", *, bucket: int = 0, **more: Any) -> str:
        """The version's id, empty in a bucket that has none."""
        return self.s3.put_object(Bucket=self.buckets[bucket], Key=key, Body=body, **more).get("VersionId", "")

    def put_many(self, number: int, *, bucket: int = 0, edition: str = "first", prefix: str = "d") -> None:
        for each in range(number):
            self.put(f"{prefix}/{each:03d}", f"{edition} {each}".encode(), bucket=bucket)

    def delete(self, *document_keys: str, bucket: int = 0) -> None:
        for key in document_keys:
            self.s3.delete_object(Bucket=self.buckets[bucket], Key=key)

    def remove_for_good(self, key: str, version_id: str) -> None:
        self.s3.delete_object(Bucket=self.buckets[0], Key=key, VersionId=version_id)

    def read_at(self, instant: datetime) -> dict[tuple[str, str], bytes]:
        """What S3's own versions say was there: every bucket replayed, independent of the code under test."""
        there: dict[tuple[str, str], bytes] = {}
        for bucket in self.buckets:
            listed = self.s3.list_object_versions(Bucket=bucket)
            events: list[Any] = [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]
            for event in sorted(events, key=lambda event: event["LastModified"]):
                if event["LastModified"] >= instant:
                    continue
                there.pop((bucket, event["Key"]), None)
                if "ETag" in event:
                    got = self.s3.get_object(Bucket=bucket, Key=event["Key"], VersionId=event["VersionId"])
                    there[bucket, event["Key"]] = got["Body"].read()
        return there


def contents(site: Site, snapshot: DocumentSnapshot) -> dict[str, bytes]:
    return {version.key: site.primary.get(version.object) for version in snapshot.documents}


def copies_in(site: Site) -> int:
    """Every version of every document object: a second copy of the same document would count."""
    return len(list(site.primary.list_versions(keys.DOCUMENT_OBJECTS)))


def through(site: Site, store: FaultProxy, *, attempts: int = 5, read_timeout: float = 5) -> Site:
    """The same site by way of the proxy."""
    login = LOGINS[site.firm.id]["aws"]
    patience = {
        "retries": {"mode": "standard", "total_max_attempts": attempts},
        "read_timeout": read_timeout,
        "max_pool_connections": 32,
    }
    extra = {**login.extra, "endpoint_url": store.endpoint_url, "config_kwargs": patience}
    return build_site(site.firm, site.postgres.conninfo, replace(login, extra=extra).clients())


def asked(store: FaultProxy, method: str, path: str) -> list[str]:
    return [request for request in store.seen if request.startswith(f"{method} ") and path in request]


def with_endpoint(env: Mapping[str, str], cloud: Cloud, store: FaultProxy) -> dict[str, str]:
    return {name: value.replace(cloud.endpoint_url, store.endpoint_url) for name, value in env.items()}


def with_limit(site: Site, percent: float) -> Site:
    documents = site.policy.documents.model_copy(update={"shrink_limit": percent})
    policy = site.policy.model_copy(update={"documents": documents})
    return replace(site, firm=site.firm.model_copy(update={"policy": policy}))


AWKWARD_KEYS = (
    "../../etc/passwd",
    "/leading/slash",
    "//two",
    "folder/",
    "a folder/with spaces & more.pdf",
    "line\nend",
    "tab\tstop",
    "percent%20encoded+plus",
    "Ünïcode/北京/🏛.pdf",
    "question?versionId=1#fragment",
    "<angle>&amp;",
    ".",
    "k" * 1024,
    "é" * 512,
)
