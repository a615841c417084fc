"""What was held, listing by listing, is what the whole archive says of its newest part."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.adapters.vault.wal_tail import PAGES_AT_ONCE, followed, names_from
from muniment.domain.recovery.wal_coverage import Archive, TimelineHistory
from muniment.domain.wal.names import WalSegment
from muniment.domain.watch.vault import WalHeld
from muniment.domain.watch.wal_held import (
    LOOK_BACK,
    NAMED,
    along,
    held_from,
    needed_from,
    next_missing,
    segment_of,
    walk_of,
    walked,
)
from tests.support.paper_archives import MIB, NOON, lsn, run, segment
from tests.support.paper_vaults import CLUSTER, PaperVault

FIRST = TimelineHistory(1)
SECOND = TimelineHistory(2, ((1, lsn(10.5)),))
THIRD = TimelineHistory(3, ((1, lsn(10.5)), (2, lsn(20))))
OTHER = TimelineHistory(4, ((1, lsn(15.25)),))
LATER = NOON + timedelta(minutes=5)


def names(*segments: WalSegment) -> set[str]:
    return {each.name for each in segments}


def begun(first: WalSegment, last: int | None = None, history: TimelineHistory = FIRST) -> WalHeld:
    return held_from(first, first.number - 1 if last is None else last, history, CLUSTER, NOON)


def looked(vault: PaperVault, held: WalHeld) -> WalHeld:
    return followed(vault, held, now=LATER, page_size=vault.page_size)


def test_a_look_costs_one_list_however_old_the_archive_is_and_begins_behind_what_was_held() -> None:
    vault = PaperVault(names=names(*run(0, 4999)))
    held = looked(vault, begun(segment(0), 4997))
    assert (held.number, held.more, held.missing, held.seen_at) == (4999, False, (), LATER)
    assert vault.lists == 1


def test_a_segment_that_goes_after_it_was_seen_is_named_and_what_lies_behind_is_ahead() -> None:
    vault = PaperVault(names=names(*run(0, 500)))
    held = looked(vault, begun(segment(0), 500))
    vault.names -= names(segment(450), segment(451))
    hole = looked(vault, held)
    assert hole.number == 449
    assert hole.missing == (segment(450).name, segment(451).name)
    assert hole.ahead == tuple(each.name for each in run(452, 452 + NAMED - 1))
    assert hole.missing_since == LATER

    vault.names |= names(segment(450))
    smaller = looked(vault, hole)
    assert (smaller.number, smaller.missing) == (450, (segment(451).name,))
    vault.names |= names(segment(451), segment(501))
    filled = looked(vault, smaller)
    assert (filled.number, filled.ahead, filled.missing, filled.missing_since) == (501, (), (), None)


def test_a_hole_keeps_the_instant_at_which_it_was_seen_first() -> None:
    vault = PaperVault(names=names(*run(0, 3), segment(5)))
    hole = looked(vault, begun(segment(0)))
    again = followed(vault, hole, now=LATER + timedelta(hours=1))
    assert (again.missing_since, again.seen_at) == (LATER, LATER + timedelta(hours=1))


def test_what_may_be_on_its_way_is_no_hole_yet_and_what_was_there_is_one_at_once() -> None:
    """Segments are sent several at a time, and arrive in any order."""
    vault = PaperVault(names=names(*run(0, 3), segment(5)))
    early = looked(vault, begun(segment(0)))
    assert (early.missing, early.is_hole) == ((segment(4).name,), False)
    late = followed(vault, early, now=LATER + timedelta(minutes=5))
    assert (late.is_hole, late.was_held) == (True, False)

    vault.names = names(*run(0, 4), segment(6))
    moved_on = followed(vault, late, now=LATER + timedelta(minutes=10))
    assert (moved_on.missing, moved_on.is_hole) == ((segment(5).name,), False)
    vault.names -= names(segment(2))
    removed = followed(vault, moved_on, now=LATER + timedelta(minutes=15))
    assert (removed.missing, removed.is_hole, removed.was_held) == ((segment(2).name,), True, True)
    assert looked(vault, removed).was_held


def test_more_than_a_few_pages_are_left_for_the_next_looks() -> None:
    vault = PaperVault(page_size=30, names=names(*run(0, 189)))
    held = looked(vault, begun(segment(0)))
    assert (held.number, held.more, vault.lists) == (30 * PAGES_AT_ONCE - 1, True, PAGES_AT_ONCE)
    held = looked(vault, held)
    assert (held.number, held.more) == (189, False)


def test_what_a_timeline_has_beyond_the_switch_is_no_part_of_its_child() -> None:
    """Nor are pages of it listed: the next page begins where the child does."""
    vault = PaperVault(page_size=20, names=names(*run(0, 900), *run(10, 12, timeline=2)))
    held = looked(vault, begun(segment(0), history=SECOND))
    assert (held.timeline, held.number, held.more) == (2, 12, False)
    assert segment_of(held, 9) == segment(9)
    assert segment_of(held, 10) == segment(10, timeline=2)
    assert vault.lists == 2


def test_a_child_is_held_only_behind_all_of_its_parent() -> None:
    vault = PaperVault(names=names(*run(0, 7), *run(10, 12, timeline=2)))
    held = looked(vault, begun(segment(0), history=SECOND))
    assert (held.number, held.missing) == (7, (segment(8).name, segment(9).name))
    assert held.ahead == tuple(each.name for each in run(10, 12, timeline=2))
    vault.names |= names(segment(8), segment(9))
    assert looked(vault, held).number == 12


@pytest.mark.parametrize(
    ("before", "history", "number"),
    [
        (begun(segment(0), 9), SECOND, 9),
        (begun(segment(0), 40), SECOND, 9),  # the parent went on, archived, after its child had begun
        (begun(segment(0), 30, THIRD), FIRST, 9),  # rolled back to the one that served before
        (begun(segment(0), 30, SECOND), THIRD, 19),
        (begun(segment(0), 30, SECOND), OTHER, 9),
    ],
)
def test_on_another_timeline_what_both_have_read_stays_held(
    before: WalHeld, history: TimelineHistory, number: int
) -> None:
    moved = along(before, history)
    assert moved is not None
    assert (moved.timeline, moved.number, moved.first) == (history.timeline, number, 0)


def test_a_timeline_that_shares_nothing_of_what_is_held_is_begun_anew() -> None:
    assert along(begun(segment(12, timeline=2), 30, SECOND), FIRST) is None
    assert along(begun(segment(15), 30), SECOND) is None


def test_a_newer_point_makes_a_hole_before_it_no_hole() -> None:
    """Its chain began anew behind it, or expire took what no point needs."""
    held = begun(segment(0), 4)
    needed = needed_from(held, segment(8), segment(9), LATER)
    assert needed is not None
    assert (needed.first, needed.number) == (8, 9)
    within = needed_from(held, segment(3), segment(9), LATER)
    assert within is not None
    assert (within.first, within.number) == (3, 4)
    assert needed_from(held, segment(3, timeline=2), segment(9, timeline=2), LATER) is None


def whole_walk(vault: PaperVault, held: WalHeld, owed: list[range]) -> WalHeld:
    """As many hours as it takes to come round."""
    for _ in range(1000):
        walk = walk_of(held, 0)
        found, is_all = names_from(vault, held, segment_of(held, walk.start), page_size=vault.page_size)
        held = walked(held, found, walk, owed=owed, is_all=is_all)
        if held.walked_to is None:
            return held
    pytest.fail("the walk does not come to its end")


def test_old_wal_is_listed_again_some_at_a_time() -> None:
    vault = PaperVault(page_size=50, names=names(*run(0, 999)))
    held = begun(segment(700), 999)
    walk = walk_of(held, 0)
    assert walk == range(1000 - LOOK_BACK)
    found, is_all = names_from(vault, held, segment(0), page_size=50)
    later = walked(held, found, walk, owed=[range(700)], is_all=is_all)
    assert (vault.lists, later.walked_to) == (1, 49)
    assert walk_of(later, 0) == range(50, 900)

    vault.names -= names(segment(30), segment(600), segment(750))
    seen = whole_walk(vault, held, [range(500), range(550, 700)])
    assert seen.missing_before == (segment(30).name, segment(600).name)
    assert seen.number == 749, "from the newest point's first segment on it is a hole in what is held"
    assert looked(vault, seen).is_hole
    vault.names |= names(segment(30))
    assert whole_walk(vault, seen, [range(500), range(550, 700)]).missing_before == (segment(600).name,)


def test_what_the_newest_point_did_not_have_is_told_by_the_point_and_not_again() -> None:
    vault = PaperVault(page_size=50, names=names(*run(0, 99), *run(120, 500)))
    held = begun(segment(300), 500)
    assert whole_walk(vault, held, [range(100), range(120, 300)]).missing_before == ()


histories = st.sampled_from([FIRST, SECOND, THIRD, OTHER])
places = st.tuples(st.integers(1, 4), st.integers(0, 40))
changes = st.tuples(histories, st.booleans(), st.sets(places, max_size=12))


@settings(max_examples=150, deadline=None)
@given(
    first=st.integers(0, 9),
    runs=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 30), st.integers(0, 30)), max_size=6),
    changes=st.lists(changes, min_size=1, max_size=5),
    page_size=st.integers(1, 60),
)
def test_after_each_change_held_is_what_the_archive_says(
    first: int,
    runs: list[tuple[int, int, int]],
    changes: list[tuple[TimelineHistory, bool, set[tuple[int, int]]]],
    page_size: int,
) -> None:
    """Segments come and go on any timeline, the server changes to any other, and a page may end anywhere."""
    vault = PaperVault(
        page_size=page_size, names={each.name for line, n, more in runs for each in run(n, n + more, line)}
    )
    held = begun(segment(first))
    for history, arrives, those in changes:
        changed = {segment(n, line).name for line, n in those}
        vault.names = vault.names | changed if arrives else vault.names - changed
        held = along(held, history) or held
        for _ in range(100):
            held = followed(vault, held, now=LATER, page_size=page_size, pages=LOOK_BACK // page_size + 1)
            if not held.more:
                break
        archive = Archive.of(vault.names, [SECOND, THIRD, OTHER], MIB)
        reach = archive.reach(segment(first).start, 1, history.timeline)
        assert (held.number, held.more) == (first - 1 if reach is None else reach.number, False)
        assert next_missing(held).name not in vault.names
        assert set(held.ahead) <= vault.names
        assert vault.names.isdisjoint(held.missing)
        assert bool(held.ahead) == bool(held.missing)
