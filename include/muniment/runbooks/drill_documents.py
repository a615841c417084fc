"""The documents' half of a drill: everything that a snapshot names is there, a sample opens, and rows name them."""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import docx
import pypdf

from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.documents import DocumentName
from include.muniment.domain.drill import sampled
from include.muniment.domain.drill_evidence import Check
from include.muniment.domain.register import DocumentSnapshot, DocumentVersion, Point
from include.muniment.errors import Damaged

_NAMED_AT_MOST = 5


class Openable(Protocol):
    def read(self, version: DocumentVersion) -> bytes:
        """Raises ``Damaged`` where they are not the registered bytes."""
        ...


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


def opened_checks(
    documents: "Openable", there: Sequence[DocumentVersion], *, sample: int, seed: int
) -> Iterator[Check]:
    """One for each kind of file that we have a parser for: a sample of ``there``, drawn by the seed."""
    for suffix, parser in PARSERS.items():
        chosen = sampled(
            there,
            size=sample,
            seed=seed,
            wanted=lambda version: version.key.lower().endswith(suffix),  # noqa: B023
        )
        yield _opened(documents, suffix, chosen, parser)


def _whole(point: Point, snapshot: DocumentSnapshot) -> Check:
    expected = f"{point.document_count} documents, {point.document_bytes} bytes"
    found = f"{len(snapshot.documents)} documents, {snapshot.size_bytes} bytes"
    return Check(name="documents of the snapshot", expected=expected, found=found, passed=found == expected)


def _all_there(documents: Documents, snapshot: DocumentSnapshot) -> Check:
    owed = list(documents.owed(snapshot))
    wrong = [version for version in owed if not documents.has(version)]
    count = f"{len(owed) - len(wrong)} of {len(owed)}"
    found = count + "".join(f"; not {version.key}" for version in wrong[:_NAMED_AT_MOST])
    return Check(name=documents.name, expected=f"{len(owed)} of {len(owed)}", found=found, passed=not wrong)


def _opened(
    documents: Openable, suffix: str, chosen: tuple[DocumentVersion, ...], parse: Callable[[bytes], str]
) -> Check:
    faults = [fault for version in chosen if (fault := _fault(documents, version, parse))]
    count = f"{len(chosen) - len(faults)} of {len(chosen)}"
    return Check(
        name=f"{suffix[1:].upper()} files opened",
        expected=f"{len(chosen)} of {len(chosen)}",
        found="; ".join((count, *faults[:_NAMED_AT_MOST])),
        passed=not faults,
    )


def _fault(documents: Openable, version: DocumentVersion, parse: Callable[[bytes], str]) -> str | None:
    try:
        fault = parse(documents.read(version))
    except Damaged as damage:
        fault = damage.what
    return f"{version.key}: {fault}" if fault else None


def pdf_fault(content: bytes) -> str:
    """What pypdf says against this file; empty where it reads every page's text."""
    try:
        pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]
    except Exception as error:  # a parser of damaged files raises what the damage happens to lead to
        return f"{type(error).__name__}: {error}"
    return "" if pages else "it has no page"


def docx_fault(content: bytes) -> str:
    try:
        docx.Document(io.BytesIO(content))
    except Exception as error:  # zipfile, zlib and lxml raise through python-docx as they like
        return f"{type(error).__name__}: {error}"
    return ""


PARSERS: Mapping[str, Callable[[bytes], str]] = {".pdf": pdf_fault, ".docx": docx_fault}
