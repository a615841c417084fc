"""Do documents open? A sample of those that somebody restored, by one parser for each kind of file."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from muniment.adapters.documents.parsers import PARSERS
from muniment.domain.drill.rules import sampled
from muniment.domain.evidence import Check
from muniment.domain.vault.registers import DocumentVersion
from muniment.errors import Damaged

NAMED_AT_MOST = 5


class Openable(Protocol):
    def read(self, version: DocumentVersion) -> bytes:
        """Raises ``Damaged`` where they are not the registered bytes."""
        ...


def opened_checks(documents: Openable, there: Sequence[DocumentVersion], *, sample: int, seed: int) -> Iterator[Check]:
    """One for each kind of file that we have a parser for: a sample of ``there``, drawn by the seed."""
    for suffix, parser in PARSERS.items():
        chosen = sampled(
            there,
            size=sample,
            seed=seed,
            wanted=lambda version: version.key.lower().endswith(suffix),  # noqa: B023
        )
        yield _opened(documents, suffix, chosen, parser)


def _opened(
    documents: Openable, suffix: str, chosen: tuple[DocumentVersion, ...], parse: Callable[[bytes], str]
) -> Check:
    name = f"{suffix[1:].upper()} files opened"
    if not chosen:
        return Check(name=name, expected="a sample opens", found="none is among the documents", passed=None)
    faults = [fault for version in chosen if (fault := _fault(documents, version, parse))]
    count = f"{len(chosen) - len(faults)} of {len(chosen)}"
    return Check(
        name=name,
        expected=f"{len(chosen)} of {len(chosen)}",
        found="; ".join((count, *faults[:NAMED_AT_MOST])),
        passed=not faults,
    )


def _fault(documents: Openable, version: DocumentVersion, parse: Callable[[bytes], str]) -> str | None:
    try:
        fault = parse(documents.read(version))
    except Damaged as damage:
        fault = damage.what
    return f"{version.key}: {fault}" if fault else None
