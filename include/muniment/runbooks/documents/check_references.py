"""Do a restored cluster's rows and the documents of the same instant name each other? Both ways; reads only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from muniment.adapters.documents.source_bucket import SourceBucket
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.column_values import ColumnUnreadable, column_values
from muniment.domain.documents.references import Reconciliation, check_name
from muniment.domain.documents.sync import DocumentName
from muniment.domain.evidence import Check
from muniment.domain.firm.application import DocumentReference


@dataclass(frozen=True, slots=True)
class References:
    """``checks``: one a reference, then what no row names. ``named``: documents that rows name, and that are there."""

    checks: tuple[Check, ...]
    named: frozenset[DocumentName]


def check_references(
    server: PostgresServer, references: Sequence[DocumentReference], documents: Iterable[DocumentName]
) -> References:
    """``documents``: (bucket, key) of all that were there at the instant to which the cluster was recovered.

    Without ``references`` there is nothing to compare, and no check. Raises ``PostgresError``. A column that cannot be
    read fails its check. One that is not there is not judged: the copy may be from before it was made, and what is
    only misspelled ``muniment check`` tells every night.
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
        return both.compare(reference, column_values(server, reference.table, reference.column))
    except ColumnUnreadable as error:
        name, expected = check_name(reference), "a column that can be read"
        if error.is_absent:
            told = f"not judged: {error} at that instant"
            return Check(name=name, expected=expected, found=told, passed=None)
        return Check(name=name, expected=expected, found=str(error), passed=False)
