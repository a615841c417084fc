"""The documents' half of a drill: everything that a snapshot names is there, nothing else is, and a sample opens."""

import io
from collections.abc import Callable, Iterator, Mapping

import docx
import pypdf

from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.drill import sampled
from include.muniment.domain.drill_evidence import Check
from include.muniment.domain.register import DocumentSnapshot, DocumentVersion, Point
from include.muniment.errors import Damaged

_NAMED_AT_MOST = 5


def document_checks(
    vault: Vault, point: Point, snapshot: DocumentSnapshot, *, sample: int, seed: int
) -> Iterator[Check]:
    """``point`` is the recovery point whose snapshot it is: its register tells how many documents there must be."""
    yield _whole(point, snapshot)
    yield _all_there(vault, snapshot)
    for suffix, parser in PARSERS.items():
        chosen = sampled(
            snapshot.documents,
            size=sample,
            seed=seed,
            wanted=lambda version: version.key.lower().endswith(suffix),  # noqa: B023
        )
        yield _opened(vault, suffix, chosen, parser)


def _whole(point: Point, snapshot: DocumentSnapshot) -> Check:
    expected = f"{point.document_count} documents, {point.document_bytes} bytes"
    found = f"{len(snapshot.documents)} documents, {snapshot.size_bytes} bytes"
    return Check(name="documents of the snapshot", expected=expected, found=found, passed=found == expected)


def _all_there(vault: Vault, snapshot: DocumentSnapshot) -> Check:
    """Every version's object, by name and size."""
    there = {item.key: item.size_bytes for item in vault.list(keys.DOCUMENT_OBJECTS)}
    wrong = [version for version in snapshot.versions if there.get(version.object) != version.size_bytes]
    total = sum(1 for _ in snapshot.versions)
    found = f"{total - len(wrong)} of {total}" + "".join(f"; not {version.key}" for version in wrong[:_NAMED_AT_MOST])
    return Check(name="objects of the documents", expected=f"{total} of {total}", found=found, passed=not wrong)


def _opened(vault: Vault, suffix: str, chosen: tuple[DocumentVersion, ...], parse: Callable[[bytes], str]) -> Check:
    faults = [fault for version in chosen if (fault := _fault(vault, version, parse))]
    count = f"{len(chosen) - len(faults)} of {len(chosen)}"
    return Check(
        name=f"{suffix[1:].upper()} files opened",
        expected=f"{len(chosen)} of {len(chosen)}",
        found="; ".join((count, *faults[:_NAMED_AT_MOST])),
        passed=not faults,
    )


def _fault(vault: Vault, version: DocumentVersion, parse: Callable[[bytes], str]) -> str | None:
    try:
        fault = parse(vault.get(version.object, sha256=version.sha256))
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
