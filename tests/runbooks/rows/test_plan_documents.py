"""One document that no night could read keeps no row away, and nobody is told that it comes back."""

from datetime import UTC, datetime

from muniment.domain.documents.recovery import DocumentRestorePlan, Selection
from muniment.domain.vault.incomplete import UnreadDocument
from muniment.errors import DocumentNotRead
from muniment.runbooks.rows.plan_documents import documents_named

AT = datetime(2026, 11, 20, tzinfo=UTC)
UNREAD = UnreadDocument(
    bucket="matters",
    key="will.pdf",
    version_id="1",
    size_bytes=1,
    modified_at=AT,
    is_current=True,
    reason="InvalidRequest",
)
NOTE = "not in the vault, because it could not be read then: document matters/will.pdf: InvalidRequest"


def test_a_matter_comes_back_without_the_document_that_could_not_be_read() -> None:
    def plan(_: object) -> DocumentRestorePlan:
        raise DocumentNotRead(firm="acme", selection="", at="", documents=str(UNREAD.as_not_read()))

    assert documents_named(plan, ["will.pdf"]) == (None, (NOTE,))


def test_beside_others_it_is_named() -> None:
    found = DocumentRestorePlan(
        firm="acme",
        vault="v",
        at=AT,
        selection=Selection(),
        snapshot="s",
        compared=True,
        documents=(),
        unread=(UNREAD,),
    )
    assert documents_named(lambda _: found, ["will.pdf", "a.pdf"]) == (found, (NOTE,))
