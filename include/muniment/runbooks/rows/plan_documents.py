"""The documents that a matter's rows name: which come back with them, and what of them nobody could read that night."""

from collections.abc import Callable, Sequence

from muniment.domain.documents.recovery import DocumentRestorePlan
from muniment.domain.vault.incomplete import Incomplete
from muniment.errors import DocumentNotRead, NoSuchDocument

type PlanDocuments = Callable[[Sequence[str]], DocumentRestorePlan]
"""Names as the firm's rows have them (keys, or ``s3://bucket/key``) → what bringing them back would do."""


def documents_named(
    plan: PlanDocuments | None, names: Sequence[str]
) -> tuple[DocumentRestorePlan | None, tuple[str, ...]]:
    """And a sentence for what does not come back: rows come back without a document that is in no vault."""
    if not names:
        return None, ()
    if plan is None:
        return None, (f"its {len(names)} documents are left as they are: nothing was asked about them",)
    try:
        found = plan(names)
    except NoSuchDocument:
        return None, (f"none of the {len(names)} documents that its rows name was there at that instant",)
    except DocumentNotRead as unread:
        lines = str(unread.facts["documents"]).splitlines()
        return None, tuple(f"not in the vault, because it could not be read then: {line}" for line in lines)
    lacking = Incomplete.of_documents(found.unread)
    lines = lacking.lines() if lacking else []
    return found, tuple(f"not in the vault, because it could not be read then: {line}" for line in lines)
