"""Which documents belong to a restore: those of the database's instant, or of the nearest one before that is known."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from include.muniment.adapters import catalog
from include.muniment.adapters.document_cover import find_cover
from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.document_recovery import Cover, Selection, documents_at
from include.muniment.domain.register import Point, new_id
from include.muniment.domain.restore_plan import DocumentsToRestore
from include.muniment.errors import NoSnapshotCovers, NothingToRestore


@dataclass(frozen=True, slots=True)
class FoundDocuments:
    """``uncertain`` may have been deleted at the instant: nothing recorded tells."""

    documents: DocumentsToRestore | None
    uncertain: int = 0


def documents_of_point(vault: Vault, point: Point) -> FoundDocuments:
    """The night's own: its register has counted them."""
    taken_at = catalog.find_snapshot(vault, point.documents).taken_at
    return FoundDocuments(
        DocumentsToRestore(
            at=taken_at, snapshot=point.documents, count=point.document_count, size_bytes=point.document_bytes
        )
    )


def documents_by(vault: Vault, at: datetime) -> FoundDocuments:
    """Exact between two nights that follow each other; else those of the last snapshot before ``at``."""
    try:
        cover = find_cover(vault, at)
    except NothingToRestore:
        return FoundDocuments(None)
    except NoSnapshotCovers:
        before = next(_snapshots_before(vault, at), None)
        if before is None:
            return FoundDocuments(None)
        cover = before
    recalled = list(documents_at(cover, Selection(), None))
    return FoundDocuments(
        DocumentsToRestore(
            at=cover.at,
            snapshot=cover.base.id,
            count=len(recalled),
            size_bytes=sum(each.version.size_bytes for each in recalled),
        ),
        uncertain=sum(not each.certain for each in recalled),
    )


def _snapshots_before(vault: Vault, at: datetime) -> Iterator[Cover]:
    """Newest first, by the names that tell when they were made: each is read only when it is asked for."""
    names = sorted(item.key.removeprefix(keys.DOCUMENT_SNAPSHOTS) for item in vault.list(keys.DOCUMENT_SNAPSHOTS))
    for name in reversed([name for name in names if name <= new_id(at)]):
        snapshot = catalog.find_snapshot(vault, name)
        if snapshot.taken_at <= at:
            yield Cover(snapshot.taken_at, snapshot)
