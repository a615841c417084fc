from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.recovery.wal_coverage import (
    TimelineHistory,
    effective_rpo_s,
    holes_between,
    reaches,
    recovery_windows,
)
from muniment.domain.vault.registers import RecoveryWindow, WalHole
from muniment.domain.wal.names import Lsn
from tests.support.paper_archives import NOON, archive, backup, lsn, run, segment


def test_a_history_file_names_the_ancestors_in_order() -> None:
    text = "1\t0/3000000\tno recovery target specified\n\n2\t0/5000158\tbefore 2026-11-20 10:00:00+00\n"
    history = TimelineHistory.parse(3, text)
    assert history.ancestors == ((1, Lsn.parse("0/3000000")), (2, Lsn.parse("0/5000158")))
    assert (history.left_at(2), history.left_at(7)) == (Lsn.parse("0/5000158"), None)


@pytest.mark.parametrize(
    "text", ["1", "one\t0/3000000\tx", "1\t0:3000000\tx", "3\t0/3000000\tx", "2\t0/1\tx\n1\t0/2\ty"]
)
def test_what_is_no_history_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an LSN|invalid literal|which are not its ancestors in order"):
        TimelineHistory.parse(3, text)


@given(st.sets(st.integers(5, 40)), st.integers(5, 40), st.integers(0, 35))
def test_missing_and_reach_agree_with_counting(present: set[int], start: int, length: int) -> None:
    held = archive(*(segment(number) for number in present))
    through = segment(start + length)
    missing = held.missing(lsn(start + 0.5), 1, through)
    assert missing is not None
    assert {each.number for each in missing} == set(range(start, start + length + 1)) - present
    reached = held.reach(lsn(start), 1, 1)
    expected = start
    while expected in present:
        expected += 1
    assert reached == (segment(expected - 1) if expected > start else None)


@given(st.integers(2, 20), st.integers(0, 10), st.booleans())
def test_recovery_crosses_a_promotion_on_the_childs_copy(switch: int, before: int, at_a_boundary: bool) -> None:
    """The parent's segment that holds the switch point is not needed: the child's file begins with a copy of it."""
    left_at = lsn(switch if at_a_boundary else switch + 0.3)
    history = TimelineHistory(2, ((1, left_at),))
    start = max(0, switch - before)
    held = archive(*run(start, switch - 1), *run(switch, switch + 3, 2), histories=(history,))
    assert held.missing(lsn(start), 1, segment(switch + 3, 2)) == ()
    assert held.reach(lsn(start), 1, 2) == segment(switch + 3, 2)
    without = archive(*run(start, switch - 1), *run(switch + 1, switch + 3, 2), histories=(history,))
    assert without.missing(lsn(start), 1, segment(switch + 3, 2)) == (segment(switch, 2),)


def test_two_promotions_are_followed_one_after_the_other() -> None:
    histories = (TimelineHistory(2, ((1, lsn(3.5)),)), TimelineHistory(3, ((1, lsn(3.5)), (2, lsn(6.2)))))
    held = archive(*run(1, 2), *run(3, 5, 2), *run(6, 9, 3), histories=histories)
    assert held.missing(lsn(1), 1, segment(9, 3)) == ()
    assert held.missing(lsn(1), 1, segment(11, 3)) == (segment(10, 3), segment(11, 3))


def test_no_route_leads_to_a_timeline_that_left_before_the_start_or_is_unknown() -> None:
    held = archive(*run(1, 9), *run(4, 9, 2), histories=(TimelineHistory(2, ((1, lsn(4.5)),)),))
    assert held.missing(lsn(5), 1, segment(9, 2)) is None
    assert held.missing(lsn(1), 1, segment(9, 3)) is None
    assert held.reach(lsn(5), 1, 2) is None


def test_the_oldest_backup_that_leads_somewhere_opens_the_window() -> None:
    held = archive(*run(2, 6), *run(8, 12))
    found = reaches([backup("c", 9, 9.5), backup("a", 2, 2.5), backup("b", 4, 4.5)], held)
    assert [(reach.backup.id, reach.last.number) for reach in found] == [("a", 6), ("c", 12)]


def test_a_backup_without_its_own_wal_leads_nowhere() -> None:
    assert reaches([backup("a", 2, 4.5)], archive(*run(2, 3))) == ()
    assert reaches([backup("a", 2, 4.0)], archive(*run(2, 3)))[0].last == segment(3)


def test_a_promotion_continues_the_window_and_an_abandoned_timeline_keeps_its_own() -> None:
    history = TimelineHistory(2, ((1, lsn(4.5)),))
    taken = [backup("a", 2, 2.5)]
    continued = archive(*run(2, 3), *run(4, 8, 2), histories=(history,))
    assert [reach.last for reach in reaches(taken, continued)] == [segment(8, 2)]
    split = archive(*run(2, 7), *run(4, 8, 2), histories=(history,))
    assert [reach.last for reach in reaches(taken, split)] == [segment(7), segment(8, 2)]
    after = [backup("late", 5, 5.5)]
    assert [reach.last for reach in reaches(after, split)] == [segment(7)]


def test_windows_and_the_holes_between_them() -> None:
    found = reaches(
        [backup("a", 2, 2.5), backup("b", 9, 9.5, at=NOON + timedelta(hours=9))], archive(*run(2, 6), *run(8, 12))
    )
    written = {segment(6): NOON + timedelta(hours=6), segment(12): NOON + timedelta(hours=12)}
    windows = recovery_windows(found, written)
    assert [(window.backup, window.start_lsn, window.end_lsn) for window in windows] == [
        ("a", lsn(2.5), lsn(7)),
        ("b", lsn(9.5), lsn(13)),
    ]
    (hole,) = holes_between(windows)
    assert hole == WalHole(start_at=NOON + timedelta(hours=6), end_at=NOON + timedelta(hours=9))
    assert str(hole) == "no instant between 2026-11-20 18:00:00 and 2026-11-20 21:00:00 can be restored"


spans = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted)


@given(st.lists(spans, max_size=8))
def test_holes_are_exactly_what_no_window_covers(found: list[list[int]]) -> None:
    windows = [
        RecoveryWindow(
            backup="b",
            timeline=1,
            start_lsn=lsn(1),
            end_lsn=lsn(2),
            start_at=NOON + timedelta(minutes=start),
            end_at=NOON + timedelta(minutes=end),
        )
        for start, end in found
    ]
    holes = holes_between(windows)
    for earlier, later in pairwise(holes):
        assert earlier.end_at <= later.start_at
    for half in range(200):
        instant = NOON + timedelta(minutes=half / 2)
        covered = any(window.start_at <= instant <= (window.end_at or instant) for window in windows)
        in_hole = any(hole.start_at < instant < hole.end_at for hole in holes)
        outside = not found or not min(a for a, _ in found) <= half / 2 <= max(b for _, b in found)
        assert in_hole == (not covered and not outside)


def test_effective_rpo_is_never_negative() -> None:
    assert effective_rpo_s(NOON, NOON - timedelta(seconds=90)) == 90
    assert effective_rpo_s(NOON, NOON + timedelta(seconds=90)) == 0
