"""What sorts otherwise on the machine of a restored server than where its indexes were built."""

from collections.abc import Iterator

from muniment.adapters.postgres.collations import all_old_collations
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.collation import CHECK, told
from muniment.domain.evidence import Check


def collation_checks(server: PostgresServer, *, passed: bool | None) -> Iterator[Check]:
    """None where all of it sorts as before. Raises ``PostgresError``."""
    if old := list(all_old_collations(server)):
        yield Check(name=CHECK, expected="as the indexes were built", found=told(old), passed=passed)
