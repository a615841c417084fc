"""A firm's own document bucket: read, never written. One history a document, as S3 lists its versions."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from muniment.adapters.site.site import Clients
from muniment.adapters.store.port import ObjectStore
from muniment.adapters.store.s3 import S3Store
from muniment.domain.documents.sync import SourceVersion, newest_first
from muniment.domain.firm.firm import Firm
from muniment.errors import StoreUnavailable

CLOCK_POLL_S = 0.1
# Two regions of S3 agree within a second; this is for a server that does not keep time at all.
CLOCK_DEADLINE_S = 30


@dataclass(frozen=True, slots=True)
class SourceBucket:
    """``prefix``: only the documents whose keys begin so."""

    store: ObjectStore
    prefix: str = ""

    @property
    def name(self) -> str:
        return self.store.bucket

    def histories(self) -> Iterator[list[SourceVersion]]:
        """One list a document, newest first, in key order."""
        for _, entries in groupby(self.store.list_versions(self.prefix), key=attrgetter("key")):
            history = [SourceVersion.listed(self.name, entry) for entry in entries]
            yield newest_first(
                (entry for entry in history if not entry.is_delete_marker),
                (entry for entry in history if entry.is_delete_marker),
            )


def wait_until(store: ObjectStore, instant: datetime) -> None:
    """Raises ``StoreUnavailable`` where the store's clock does not get there."""
    deadline = time.monotonic() + CLOCK_DEADLINE_S
    while (now := store.clock()) < instant:
        if time.monotonic() > deadline:
            raise StoreUnavailable(
                service="S3", operation="HeadBucket", place=store.bucket, reason=f"its clock is behind: {now}"
            )
        time.sleep(CLOCK_POLL_S)


def source_buckets(firm: Firm, clients: Clients) -> dict[str, SourceBucket]:
    """The firm's document buckets by name. Nothing is asked yet."""
    return {
        place.bucket: SourceBucket(S3Store(place.bucket, place.region, clients("s3", place.region)))
        for place in firm.documents
    }
