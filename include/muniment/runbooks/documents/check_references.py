"""Do a restored cluster's rows and the documents of the same instant name each other? Both ways; reads only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from muniment.adapters.documents.source_bucket import SourceBucket
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.documents.references import Reconciliation, check_name
from muniment.domain.documents.sync import DocumentName
from muniment.domain.evidence import Check
from muniment.domain.firm.firm import DocumentReference

ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class References:
    """``checks``: one a reference, then what no row names. ``named``: documents that rows name, and that are there."""

    checks: tuple[Check, ...]
    named: frozenset[DocumentName]


def check_references(
    server: PostgresServer, references: Sequence[DocumentReference], documents: Iterable[DocumentName]
) -> References:
    """``documents``: (bucket, key) of all that were there at the instant to which the cluster was recovered.

    Without ``references`` there is nothing to compare, and no check. Raises ``ServerUnavailable``; a column that does
    not exist fails its check.
    """
    both = Reconciliation(documents)
    checks = [_compared(server, reference, both) for reference in references]
    return References((*checks, both.unnamed()) if checks else (), frozenset(both.named))


def younger_documents(buckets: Iterable[SourceBucket], than: datetime) -> Iterator[DocumentName]:
    """Documents of the live buckets that no snapshot before ``than`` can know."""
    for bucket in buckets:
        for history in bucket.histories():
            if any(version.modified_at >= than and not version.is_delete_marker for version in history):
                yield history[0].name


def _compared(server: PostgresServer, reference: DocumentReference, both: Reconciliation) -> Check:
    try:
        return both.compare(reference, _values(server, reference))
    except psycopg.Error as error:
        found = str(error).strip().split("\n", 1)[0]
        return Check(name=check_name(reference), expected="a column that can be read", found=found, passed=False)


def _values(server: PostgresServer, reference: DocumentReference) -> Iterator[str]:
    """As they come: a firm may have a million."""
    column = sql.Identifier(reference.column)
    table = sql.Identifier(*reference.table.split("."))
    query = sql.SQL("SELECT {0}::text AS value FROM {1} WHERE {0} IS NOT NULL").format(column, table)
    with server.connect() as connection, connection.transaction(), connection.cursor(name="references") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(query)
        for row in cursor:
            yield row["value"]
