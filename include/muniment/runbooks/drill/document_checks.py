"""The documents' half of a drill: everything that a snapshot names is there, a sample opens, and rows name them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from muniment.adapters.vault.vault import Vault
from muniment.domain.documents.sync import DocumentName
from muniment.domain.evidence import Check
from muniment.domain.vault import keys
from muniment.domain.vault.registers import DocumentSnapshot, DocumentVersion, Point
from muniment.runbooks.documents.opened_checks import NAMED_AT_MOST, Openable, opened_checks


class Documents(Openable, Protocol):
    """Where a drill looks for the documents of a snapshot."""

    @property
    def name(self) -> str:
        """Of the check that asks for all of them."""
        ...

    def owed(self, snapshot: DocumentSnapshot) -> Iterable[DocumentVersion]:
        """Those that must be there."""
        ...

    def has(self, version: DocumentVersion) -> bool: ...


@dataclass(frozen=True)
class InVault:
    """By name and size; the nightly chain and ``verify`` read the bytes."""

    vault: Vault
    name: str = "objects of the documents"

    @cached_property
    def _sizes(self) -> Mapping[str, int]:
        return {item.key: item.size_bytes for item in self.vault.list(keys.DOCUMENT_OBJECTS)}

    def owed(self, snapshot: DocumentSnapshot) -> Iterable[DocumentVersion]:
        return snapshot.versions

    def has(self, version: DocumentVersion) -> bool:
        return self._sizes.get(version.object) == version.size_bytes

    def read(self, version: DocumentVersion) -> bytes:
        return self.vault.get(version.object, sha256=version.sha256)


@dataclass(frozen=True)
class Fetched:
    """By the restore kit, into a folder: every byte was read and compared, and ``documents.json`` tells each file."""

    folder: Path
    name: str = "documents fetched by the restore kit"

    @cached_property
    def _told(self) -> Mapping[DocumentName, dict[str, Any]]:
        told = json.loads((self.folder / "documents.json").read_text("utf-8"))["documents"]
        return {(each["bucket"], each["key"]): each for each in told}

    def owed(self, snapshot: DocumentSnapshot) -> Iterable[DocumentVersion]:
        return snapshot.documents

    def has(self, version: DocumentVersion) -> bool:
        told = self._told.get((version.bucket, version.key))
        if told is None or version.sha256 not in (None, told["sha256"]):
            return False
        path = self.folder / str(told["file"])
        return path.is_file() and path.stat().st_size == version.size_bytes

    def read(self, version: DocumentVersion) -> bytes:
        file: str = self._told[version.bucket, version.key]["file"]
        return (self.folder / file).read_bytes()


def document_checks(
    documents: Documents, point: Point, snapshot: DocumentSnapshot, *, sample: int, seed: int
) -> Iterator[Check]:
    """``point`` is the recovery point whose snapshot it is: its register tells how many documents there must be."""
    yield _whole(point, snapshot)
    yield _all_there(documents, snapshot)
    there = [version for version in snapshot.documents if documents.has(version)]
    yield from opened_checks(documents, there, sample=sample, seed=seed)


def _whole(point: Point, snapshot: DocumentSnapshot) -> Check:
    expected = f"{point.document_count} documents, {point.document_bytes} bytes"
    found = f"{len(snapshot.documents)} documents, {snapshot.size_bytes} bytes"
    return Check(name="documents of the snapshot", expected=expected, found=found, passed=found == expected)


def _all_there(documents: Documents, snapshot: DocumentSnapshot) -> Check:
    owed = list(documents.owed(snapshot))
    if not owed:
        return Check(name=documents.name, expected="0 of 0", found="the snapshot has no document", passed=None)
    wrong = [version for version in owed if not documents.has(version)]
    count = f"{len(owed) - len(wrong)} of {len(owed)}"
    found = count + "".join(f"; not {version.key}" for version in wrong[:NAMED_AT_MOST])
    return Check(name=documents.name, expected=f"{len(owed)} of {len(owed)}", found=found, passed=not wrong)
