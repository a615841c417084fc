"""Rows that name documents, compared both ways with the documents of the same instant.

A row whose document is not there has lost it. A document that no row names may be right (a letter that nobody has filed
yet), so those are told and not judged.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from muniment.domain.documents.sync import DocumentName
from muniment.domain.evidence import Check
from muniment.domain.firm.application import DocumentReference

NAMED_AT_MOST = 5
_WHOLE = "s3://"


class Reconciliation:
    """One instant's documents, met by one reference's values after the other."""

    def __init__(self, documents: Iterable[DocumentName]) -> None:
        self._documents = set(documents)
        self._by_key: dict[str, list[DocumentName]] = defaultdict(list)
        for bucket, key in self._documents:
            self._by_key[key].append((bucket, key))
        self.named: set[DocumentName] = set()
        """Those that some row has named so far."""

    def compare(self, reference: DocumentReference, values: Iterable[str]) -> Check:
        """``values`` are the column's, without NULLs; each is one row."""
        rows, missing = 0, 0
        first: list[str] = []
        for value in values:
            rows += 1
            if not self._meet(reference, value):
                missing += 1
                first += [value] if len(first) < NAMED_AT_MOST else []
        expected = f"{rows} of {rows} rows"
        found = "; not ".join([f"{rows - missing} of {rows} rows", *map(repr, first)])
        if not rows:
            return Check(name=check_name(reference), expected=expected, found="no row names a document", passed=None)
        return Check(name=check_name(reference), expected=expected, found=found, passed=not missing)

    def unnamed(self) -> Check:
        """After every reference was compared."""
        alone = sorted(self._documents - self.named)
        first = [f"{bucket}/{key}" for bucket, key in alone[:NAMED_AT_MOST]]
        found = "; ".join([f"{len(alone)} of {len(self._documents)}", *map(repr, first)])
        return Check(name="documents that no row names", expected="any number", found=found, passed=None)

    def _meet(self, reference: DocumentReference, value: str) -> bool:
        found = self._documents.intersection(self._candidates(reference, value))
        self.named |= found
        return bool(found)

    def _candidates(self, reference: DocumentReference, value: str) -> Sequence[DocumentName]:
        if value.startswith(_WHOLE):
            bucket, _, key = value.removeprefix(_WHOLE).partition("/")
            return [(bucket, key)]
        if reference.bucket is not None:
            return [(reference.bucket, value)]
        return self._by_key.get(value, [])


def check_name(reference: DocumentReference) -> str:
    return f"documents named by {reference.table}.{reference.column}"
