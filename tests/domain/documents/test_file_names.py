"""No key leaves the folder, and no two documents share a file."""

import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.documents.file_names import safe_paths

PARTS = st.sampled_from(
    ["", ".", "..", "a", "A", "é", "e\u0301", "ß", "ss", "b.pdf", "_renamed", "nul", "a ", "x" * 300]
)
KEYS = st.one_of(st.lists(PARTS, min_size=1, max_size=4).map("/".join), st.text(min_size=1, max_size=30))


def folded(path: str) -> str:
    """As the least of file systems compares names."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", path).casefold())


@given(st.sets(st.tuples(st.sampled_from(["b1", "b2"]), KEYS), max_size=30))
def test_every_document_has_a_file_of_its_own_inside(names: set[tuple[str, str]]) -> None:
    paths = safe_paths(names)
    assert paths.keys() == names
    files = {folded(path) for path in paths.values()}
    assert len(files) == len(names)
    for (bucket, _), path in paths.items():
        parts = path.split("/")
        assert parts[:2] == ["documents", bucket]
        assert not {"", ".", ".."} & set(parts)
        assert all(len(part.encode()) <= 200 and part.isprintable() for part in parts)
    folders = {folded(str(parent)) for path in paths.values() for parent in PurePosixPath(path).parents}
    assert files.isdisjoint(folders)


@given(st.lists(st.tuples(st.just("b"), KEYS), unique=True, max_size=10))
def test_the_order_of_the_documents_changes_no_name(names: list[tuple[str, str]]) -> None:
    assert safe_paths(names) == safe_paths(reversed(names))


@pytest.mark.parametrize("key", ["matters/4711/brief.pdf", "Wills & Trusts/Müller (2).pdf", "北京/🏛.pdf"])
def test_what_every_file_system_takes_keeps_its_name(key: str) -> None:
    assert safe_paths([("b", key)]) == {("b", key): f"documents/b/{key}"}


def test_a_new_name_still_tells_what_it_is() -> None:
    (path,) = safe_paths([("b", "../../etc/Engagement letter.docx")]).values()
    assert path.startswith("documents/b/_renamed/")
    assert path.endswith("-Engagement-letter.docx")
