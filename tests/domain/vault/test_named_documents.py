"""Which snapshots name which objects: as sets would tell, in a fraction of their memory."""

import tracemalloc
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.vault import keys
from muniment.domain.vault.named_documents import NamedDocuments, SnapshotIndex

AT = datetime(2026, 11, 20, tzinfo=UTC)
KEYS = [keys.document_object("matters", f"{number}.pdf", "1") for number in range(12)]
STRANGE = [keys.DOCUMENT_OBJECTS + "by hand", keys.DOCUMENT_OBJECTS + "zz/" + "z" * 64, "x" * 32]
lists = st.lists(st.sets(st.sampled_from(KEYS + STRANGE)), max_size=8)


@given(lists, st.sets(st.integers(0, 7)), st.sets(st.sampled_from(KEYS + STRANGE)))
def test_it_tells_what_sets_would(named: list[set[str]], some: set[int], present: set[str]) -> None:
    index = SnapshotIndex()
    for number, objects in enumerate(named):
        index.add(str(number), AT, objects)
    documents = NamedDocuments(index, frozenset(str(number) for number in range(len(named))))
    chosen = {str(number) for number in some}
    by_some = documents.named_by(chosen)
    wanted = {key for number, objects in enumerate(named) if number in some for key in objects}
    assert {key for key in KEYS + STRANGE if by_some(key)} == wanted
    for number, objects in enumerate(named):
        assert set(documents.objects_of(str(number))) == objects
    incomplete = {str(number) for number, objects in enumerate(named) if objects - present}
    assert documents.incomplete(present) == incomplete


def test_thirty_lists_of_the_same_documents_cost_little_more_than_one() -> None:
    def cost(lists: int) -> int:
        tracemalloc.start()
        index = SnapshotIndex()
        for number in range(lists):
            index.add(str(number), AT, (keys.document_object("m", str(each), "1") for each in range(3000)))
        spent, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(list(index.every())) == 3000
        return spent

    assert cost(30) < 1.5 * cost(1)
    assert cost(30) < 3000 * 300
