"""A vault on paper: the names of the WAL in it, listed as S3 lists them. Nobody stored anything."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import batched

from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from tests.support.paper_archives import NOON

CLUSTER = 7


@dataclass
class PaperVault:
    """Counts the pages that somebody has begun to read."""

    page_size: int = 1000
    names: set[str] = field(default_factory=set)
    lists: int = 0

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        found = sorted(key for name in self.names if (key := keys.wal(CLUSTER, name)) > after)
        for page in batched((key for key in found if key.startswith(prefix)), self.page_size):
            self.lists += 1
            yield from (ObjectVersion(key, 1, NOON) for key in page)
