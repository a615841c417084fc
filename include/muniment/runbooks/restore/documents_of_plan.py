"""Which documents belong to a restore: those of the database's instant, or of the nearest one before that is known."""

from dataclasses import dataclass
from datetime import datetime

from muniment.adapters.documents.cover import nearest_cover
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.documents.recovery import documents_at, unread_at
from muniment.domain.documents.selection import Selection
from muniment.domain.restore.plan import DocumentsToRestore
from muniment.domain.vault.incomplete import Incomplete
from muniment.domain.vault.registers import Point


@dataclass(frozen=True, slots=True)
class FoundDocuments:
    """``uncertain`` may have been deleted at the instant: nothing recorded tells."""

    documents: DocumentsToRestore | None
    uncertain: int = 0
    unread: Incomplete | None = None
    """Those that were there, and could not be read."""


def documents_of_point(vault: Vault, point: Point) -> FoundDocuments:
    """The night's own: its register has counted them, and says what it lacks."""
    taken_at = catalog.snapshot_head(vault, point.documents).taken_at
    unread = None
    if point.incomplete:
        unread = Incomplete.of_documents(catalog.find_snapshot(vault, point.documents).unread)
    documents = DocumentsToRestore(
        at=taken_at, snapshot=point.documents, count=point.document_count, size_bytes=point.document_bytes
    )
    return FoundDocuments(documents, unread=unread)


def documents_by(vault: Vault, at: datetime) -> FoundDocuments:
    """Exact between two nights that follow each other; else those of the last snapshot before ``at``, each uncertain:
    what became of it since then no list tells."""
    cover = nearest_cover(vault, at)
    if cover is None:
        return FoundDocuments(None)
    recalled = list(documents_at(cover, Selection(), None))
    return FoundDocuments(
        DocumentsToRestore(
            at=cover.at,
            snapshot=cover.base.id,
            following=cover.following.id if cover.following else None,
            count=len(recalled),
            size_bytes=sum(each.version.size_bytes for each in recalled),
        ),
        uncertain=sum(cover.at != at or not each.certain for each in recalled),
        unread=Incomplete.of_documents(unread_at(cover, Selection())),
    )
