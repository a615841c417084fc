"""What a listing means, held against a replay of every history that could have made it."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.documents.sync import (
    MASS_CHANGE,
    SourceState,
    SourceVersion,
    changes_since,
    deletions,
    newest_first,
    plan_sync,
    shrinkages,
    state_at,
    suspicious,
)
from muniment.domain.firm.firm import ObjectLock, Policy
from muniment.domain.vault.registers import DocumentChanges, DocumentSnapshot
from tests.fixtures.sites import make_policy
from tests.support.histories import EPOCH, POLICY, as_listed, at, histories, version


@given(histories(same_second=False))
def test_versions_and_markers_come_back_in_the_order_in_which_they_happened(
    happened: list[list[SourceVersion]],
) -> None:
    for history in happened:
        assert as_listed(history) == history[::-1]


@given(histories(same_second=True))
def test_within_a_second_nothing_is_lost_and_the_latest_is_the_latest(happened: list[list[SourceVersion]]) -> None:
    for history in happened:
        listed = as_listed(history)
        assert sorted(map(repr, listed)) == sorted(map(repr, history))
        assert listed[0] == history[-1]
        assert [each for each in listed if not each.is_delete_marker] == [
            each for each in history[::-1] if not each.is_delete_marker
        ]


@given(histories(same_second=False), st.integers(0, 30), st.integers(0, 30))
def test_a_state_is_what_a_replay_gives(happened: list[list[SourceVersion]], one: int, other: int) -> None:
    since, taken = sorted((one, other))
    state = state_at(at(taken), map(as_listed, happened), at(since))
    current, seen = set(), set()
    for history in happened:
        alive: SourceVersion | None = None
        for event in history:
            if event.modified_at >= at(taken):
                break
            if alive and event.modified_at >= at(since):
                seen.add(alive)
            alive = None if event.is_delete_marker else event
        if alive:
            current.add(alive)
    assert set(state.current) == current
    assert set(state.superseded) == seen
    assert len(state.current) == len(current)


@given(histories(same_second=True), st.integers(0, 30), st.sets(st.integers(0, 30), max_size=5))
def test_every_version_of_the_night_is_named_and_what_is_there_is_not_copied(
    happened: list[list[SourceVersion]], taken: int, there_already: set[int]
) -> None:
    state = state_at(at(taken), map(as_listed, happened), at(0))
    wanted = [*state.current, *state.superseded]
    there = {each.object: each.size_bytes for number, each in enumerate(wanted) if number in there_already}
    plan = plan_sync(state, None, there, POLICY)
    assert sorted(map(repr, (*plan.to_copy, *plan.to_recognise))) == sorted(map(repr, wanted))
    assert {each.object for each in plan.to_copy}.isdisjoint(there)
    assert {each.object for each in plan.to_recognise} == set(there)
    assert not (plan.kept or plan.to_lock)


def snapshot(state: SourceState, locked_until: datetime | None = None) -> DocumentSnapshot:
    return DocumentSnapshot(
        id="20261120T083000000Z",
        firm="alder",
        taken_at=state.taken_at,
        documents=tuple(each.copied("00" * 32, locked_until) for each in state.current),
    )


def state(*current: SourceVersion, second: int = 100) -> SourceState:
    return SourceState(at(second), current, (), {})


def documents(number: int, *, edition: int = 0, bucket: str = "b", first: int = 0) -> list[SourceVersion]:
    return [version(f"d{each}", edition, 1, bucket=bucket) for each in range(first, first + number)]


@given(histories(same_second=True), st.integers(0, 30), st.integers(0, 30))
def test_a_second_night_keeps_what_the_first_one_copied(
    happened: list[list[SourceVersion]], one: int, other: int
) -> None:
    early, late = sorted((one, other))
    before = state_at(at(early), map(as_listed, happened), None)
    first = snapshot(before, at(early) + 2 * POLICY.retention)
    there = {each.object: each.size_bytes for each in before.current}
    after = state_at(at(late), map(as_listed, happened), first.taken_at)
    plan = plan_sync(after, first, there, POLICY)
    assert {each.object for each in plan.to_copy}.isdisjoint(there)
    named = {each.object for each in (*plan.kept, *plan.to_lock, *plan.to_copy, *plan.to_recognise)}
    assert named == {each.object for each in (*after.current, *plan.superseded)}
    lost = {each.name for each in before.current} - {each.name for each in after.current}
    assert {(each.bucket, each.key) for each in deletions(after, first)} == lost


def test_versions_of_an_unversioned_bucket_do_not_share_an_object() -> None:
    one, two = (SourceVersion("b", "k", "null", 1, etag, EPOCH) for etag in ("0cc175b9c0f1b6a8", "92eb5ffee6ae2fec"))
    assert one.object != two.object


@pytest.mark.parametrize(
    ("days_left", "mode", "extended"),
    [
        (31, "governance", False),
        (30, "compliance", False),
        (29, "governance", True),
        (None, "governance", True),
        (29, "none", False),
        (None, "none", False),
    ],
)
def test_a_lock_is_extended_when_less_than_one_retention_is_left(
    days_left: int | None, mode: str, extended: bool
) -> None:
    policy: Policy = make_policy(object_lock=ObjectLock.model_validate({"mode": mode}))
    now = state(*documents(1))
    until = now.taken_at + timedelta(days=days_left) if days_left is not None else None
    plan = plan_sync(now, snapshot(now, until), {each.object: each.size_bytes for each in now.current}, policy)
    assert bool(plan.to_lock) is extended
    assert bool(plan.kept) is not extended


def test_an_object_of_another_size_is_looked_at_and_not_trusted() -> None:
    now = state(*documents(1))
    plan = plan_sync(now, snapshot(now, at(0) + 3 * POLICY.retention), {now.current[0].object: 9}, POLICY)
    assert plan.to_recognise == now.current


def test_the_share_counts_deletions_and_overwrites() -> None:
    before = snapshot(state(*documents(100)))
    after = state(*documents(15, edition=1), *documents(75, first=15))
    (found,) = shrinkages(after, before)
    assert (found.was, found.now, found.deleted, found.changed, found.share) == (100, 90, 10, 15, 25.0)
    assert str(found) == "25.0 % in b (10 deleted, 15 overwritten)"
    assert suspicious(after, before, POLICY) == found


def test_what_became_of_the_documents_is_told_of_all_buckets_together() -> None:
    before = snapshot(state(*documents(100), version("other", 0, 1, bucket="c")))
    written_over = state(*documents(15, edition=1), *documents(75, first=15))
    assert changes_since(before, written_over) == DocumentChanges(before=101, overwritten=15, vanished=11)
    assert changes_since(None, written_over) is None
    renamed = state(*(version(f"d{each}.locked", 0, 2, etag="noise") for each in range(100)))
    assert changes_since(snapshot(state(*documents(100))), renamed) == DocumentChanges(
        before=100, overwritten=0, vanished=100
    )


def test_a_few_edits_are_a_days_work_even_in_a_small_bucket() -> None:
    before = snapshot(state(*documents(MASS_CHANGE)))
    edits = MASS_CHANGE - 1
    busy = state(*documents(edits, edition=1), *documents(1, first=edits))
    assert suspicious(busy, before, POLICY) is None
    assert suspicious(state(*documents(MASS_CHANGE, edition=1)), before, POLICY) is not None


def test_the_limit_itself_passes() -> None:
    before = snapshot(state(*documents(10)))
    assert suspicious(state(*documents(8)), before, POLICY) is None
    assert suspicious(state(*documents(7)), before, POLICY) is not None


def test_a_document_that_moved_is_not_lost_and_covers_only_itself() -> None:
    before = snapshot(state(*(version(f"d{each}", 0, 1, etag="same contents") for each in range(10))))
    moved = [version(f"closed/d{each}", 0, 2, etag="same contents") for each in range(6)]
    (found,) = shrinkages(state(*moved), before)
    assert (found.deleted, found.changed) == (4, 0)


def test_a_rewrite_of_the_same_contents_is_no_change() -> None:
    before = snapshot(state(*(version(f"d{each}", 0, 1, etag="same") for each in range(20))))
    (found,) = shrinkages(state(*(version(f"d{each}", 1, 2, etag="same") for each in range(20))), before)
    assert found.share == 0


def test_nothing_before_is_nothing_to_lose() -> None:
    assert suspicious(state(), None, POLICY) is None
    assert suspicious(state(), snapshot(state()), POLICY) is None


def test_a_version_and_a_marker_of_one_second_leave_the_version_alive() -> None:
    stored, deleted, later = version("a", 1, 5), version("a", 2, 5, mark=True), version("a", 3, 9, latest=True)
    assert newest_first([later, stored], [deleted]) == [later, stored, deleted]
    assert state_at(at(7), [newest_first([later, stored], [deleted])], None).current == (stored,)


def test_what_the_snapshot_before_names_did_not_come_and_go() -> None:
    old, new = documents(1)[0], documents(1, edition=1)[0]
    before = snapshot(state(old), at(0) + 3 * POLICY.retention)
    after = SourceState(at(200), (new,), (old,), {})
    plan = plan_sync(after, before, {old.object: old.size_bytes}, POLICY)
    assert (plan.superseded, plan.to_copy, plan.kept) == ((), (new,), ())
