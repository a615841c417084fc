"""Where things lie in a vault."""

from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.vault import keys

SEGMENT = "000000010000000000000005"


def test_the_layout_is_the_one_that_the_format_page_promises() -> None:
    assert keys.chunk("B", "base", 7) == "base/B/base/00000007"
    assert keys.backup_register("B") == "base/B/backup.json"
    assert keys.backup_manifest("B") == "base/B/backup_manifest"
    assert keys.wal(42, SEGMENT) == f"wal/42/00000001/{SEGMENT}"
    assert keys.wal(42, "00000002.history") == "wal/42/00000002/00000002.history"
    assert keys.point("P") == "points/P.json"
    assert keys.document_snapshot("P") == "documents/snapshots/P"
    assert keys.config("P") == "config/P"


@given(st.text(min_size=1, max_size=1024), st.text(max_size=64))
def test_a_documents_key_never_grows_or_escapes(key: str, version: str) -> None:
    there = keys.document_object("bucket", key, version)
    assert there.startswith("documents/objects/")
    assert len(there.encode()) < 100
    assert ".." not in there


def test_bucket_key_and_version_cannot_be_shifted_into_each_other() -> None:
    assert keys.document_object("a", "b", "c") != keys.document_object("ab", "", "c")
