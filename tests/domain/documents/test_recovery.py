"""What snapshots say of an instant, held against a replay of what happened."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.documents.recovery import Cover, Recalled, covers, documents_at, plan_documents, unread_at
from muniment.domain.documents.selection import Selection
from muniment.domain.documents.sync import SourceVersion, deletions, plan_sync, state_at
from muniment.domain.vault.registers import DocumentSnapshot
from tests.support.histories import POLICY, as_listed, at, histories, version

type Happened = list[list[SourceVersion]]


def night(happened: Happened, taken: int, previous: DocumentSnapshot | None) -> DocumentSnapshot:
    """As sync_documents would have written it."""
    state = state_at(at(taken), map(as_listed, happened), previous.taken_at if previous else None)
    plan = plan_sync(state, previous, {}, POLICY)
    return DocumentSnapshot(
        id=f"night {taken}",
        firm="acme",
        taken_at=at(taken),
        previous=previous.id if previous else None,
        documents=tuple(each.copied(None, None) for each in state.current),
        superseded=tuple(each.copied(None, None) for each in plan.superseded),
        deleted=tuple(deletions(state, previous)),
    )


def cover(happened: Happened, instants: tuple[int, int, int]) -> Cover:
    first, asked, second = sorted(instants)
    base = night(happened, first, None)
    following = night(happened, second, base)
    return Cover(at(asked), base, following) if second > first else Cover(at(first), base)


def replayed(happened: Happened, instant: datetime) -> set[str]:
    there = set()
    for history in happened:
        past = [event for event in history if event.modified_at < instant]
        if past and not past[-1].is_delete_marker:
            there.add(past[-1].version_id)
    return there


def told(recalled: list[Recalled]) -> set[str]:
    return {each.version.version_id for each in recalled}


INSTANTS = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))


@given(histories(same_second=False), INSTANTS)
def test_with_the_live_buckets_markers_every_instant_is_a_replay(
    happened: Happened, instants: tuple[int, int, int]
) -> None:
    asked = cover(happened, instants)
    live = {history[0].name: as_listed(history) for history in happened}
    found = list(documents_at(asked, Selection(), live))
    assert told(found) == replayed(happened, asked.at)
    assert all(each.certain for each in found)


@given(histories(same_second=False), INSTANTS)
def test_without_them_what_is_certain_is_right_and_nothing_is_left_out(
    happened: Happened, instants: tuple[int, int, int]
) -> None:
    asked = cover(happened, instants)
    found = list(documents_at(asked, Selection(), None))
    assert told([each for each in found if each.certain]) <= replayed(happened, asked.at) <= told(found)


def test_a_night_between_that_is_gone_leaves_its_instants_uncovered() -> None:
    first = night([], 1, None)
    second = night([], 5, first)
    third = night([], 9, second)
    assert covers(first, second, at(3))
    assert covers(second, third, at(5))
    assert covers(first, third, at(1))
    assert not covers(first, third, at(3))
    assert not covers(third, None, at(10))
    assert not covers(None, first, at(0))


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (Selection(), {"a", "ab", "b"}),
        (Selection(prefix="a"), {"a", "ab"}),
        (Selection(key="a"), {"a"}),
        (Selection(key="a", bucket="elsewhere"), set()),
        (Selection(deleted_only=True), {"b"}),
    ],
)
def test_selections(selection: Selection, found: set[str]) -> None:
    happened = [[version(key, 0, 1, latest=True)] for key in ("a", "ab", "b")]
    live = {("b", key): [version(key, 0, 1, latest=True)] for key in ("a", "ab")}
    plan = plan_documents(Cover(at(5), night(happened, 5, None)), selection, vault="v", live=live)
    assert {each.version.key for each in plan.documents} == found


def test_what_could_not_be_read_is_recalled_by_nothing_older() -> None:
    """Read on the first night, unreadable from second 4 on: an instant behind that has neither version."""
    first = night(
        [[version("a", 0, 1), version("b", 0, 1, latest=True)][:1], [version("b", 0, 1, latest=True)]], 3, None
    )
    newer = version("a", 1, 4, latest=True).unread("a key of the customer's", is_current=True)
    later = night([[version("b", 0, 1, latest=True)]], 9, first)
    second = DocumentSnapshot(**{**dict(later), "unread": (newer,), "deleted": ()})
    assert told(list(documents_at(Cover(at(4), first, second), Selection(), None))) == {"a-0", "b-0"}
    behind = Cover(at(5), first, second)
    assert told(list(documents_at(behind, Selection(), None))) == {"b-0"}
    assert unread_at(behind, Selection()) == (newer,)
    assert unread_at(Cover(at(4), first, second), Selection()) == ()
    live = {("b", "a"): [version("a", 1, 4, latest=True)]}
    plan = plan_documents(behind, Selection(), vault="v", live=live)
    assert (plan.unread, plan.added, plan.counts()["unread"]) == ((newer,), (), 1)
