"""Which base backup and which WAL: a model archive is searched by brute force and must agree."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.recovery.backup_choice import Base, Choice, Instant, Restorable, Stop, Unreachable
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.recovery.wal_coverage import TimelineHistory
from muniment.domain.wal.names import Lsn, WalSegment
from tests.support.paper_archives import MIB, archive, base, lsn, run, segment, written


def at(position: float, timeline: int | None = None) -> Stop:
    return Stop(lsn(position), lsn(position), Lsn(lsn(position).offset_bytes + 32), timeline=timeline)


def names(choice: Choice | Unreachable) -> list[str]:
    assert isinstance(choice, Choice), choice
    return [each.name for each in choice.segments]


def test_the_newest_base_backup_that_had_ended_is_chosen() -> None:
    found = Restorable((base("b", 6.1, 6.5), base("a", 3.1, 3.5)), archive(*run(3, 9)), written(1))
    choice = found.choose(at(7.2))
    assert isinstance(choice, Choice)
    assert (choice.base.point.id, choice.timeline) == ("b", 1)
    assert names(choice) == [each.name for each in run(6, 7)]
    earlier = found.choose(at(6.4))
    assert isinstance(earlier, Choice)
    assert earlier.base.point.id == "a"
    assert names(earlier) == [each.name for each in run(3, 6)]


def test_before_the_first_backup_behind_the_end_and_in_a_hole() -> None:
    first, second = base("a", 3.1, 3.5), base("b", 6.1, 6.5)
    found = Restorable((second, first), archive(*run(3, 4), *run(6, 9)), written(1))
    assert found.choose(at(3.2)) == Unreachable("it lies before the end of the first base backup", after=first)
    hole = found.choose(at(5.2))
    assert hole == Unreachable("the archive has a hole between 0/500000 and it", segment(4), second)
    beyond = found.choose(at(11))
    assert beyond == Unreachable("it lies behind the end of the archive", segment(9), None)
    assert found.why_not(lsn(9.9), 1) == beyond  # in the last segment, behind its last record


def test_an_older_backup_bridges_what_a_newer_one_lacks() -> None:
    """The newer one's own WAL is not complete: recovery could not even become consistent."""
    found = Restorable((base("b", 6.1, 7.5), base("a", 3.1, 3.5)), archive(*run(3, 6)), written(1))
    choice = found.choose(at(6.8))
    assert isinstance(choice, Choice)
    assert choice.base.point.id == "a"
    assert isinstance(found.consistent(), Choice)
    assert isinstance(Restorable((base("b", 6.1, 7.5),), archive(*run(3, 6)), written(1)).consistent(), Unreachable)


def damaged(found: Base) -> Base:
    backup = found.backup.model_copy(update={"damaged": ("base/5/16384",)})
    return replace(found, chain=(*found.chain[:-1], backup))


def test_one_that_names_damaged_files_is_chosen_where_no_sound_one_leads() -> None:
    newest, older = damaged(base("b", 6.1, 6.5)), base("a", 3.1, 3.5)
    whole = Restorable((newest, older), archive(*run(3, 9)), written(1))
    for choice in (whole.choose(at(7.2)), whole.consistent()):
        assert isinstance(choice, Choice)
        assert choice.base.point.id == "a"
    alone = Restorable((newest, older), archive(*run(3, 4), *run(6, 9)), written(1)).choose(at(7.2))
    assert isinstance(alone, Choice)
    assert alone.base.point.id == "b"


def test_what_may_be_of_a_cluster_before_this_one() -> None:
    """Never the end of what is here, nor what lies behind its first base backup: that would be another past."""
    found = Restorable((base("b", 6.1, 6.5), base("a", 3.1, 3.5)), archive(*run(3, 9)), written(1))
    ended = found.bases[-1].backup.finished_at
    before, behind = (f"{ended + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}" for minutes in (-1, 1))
    may = ["xid:731", "name:before-import", str(lsn(3.2)), before]
    may_not = ["latest", "immediate", str(lsn(3.6)), str(lsn(99)), behind]
    assert [found.may_lie_before(RecoveryTarget.parse(text)) for text in (*may, *may_not)] == [True] * 4 + [False] * 5


def test_timelines_are_followed_and_what_was_left_behind_is_not_the_past() -> None:
    history = TimelineHistory(2, ((1, lsn(5.5)),))
    held = archive(*run(3, 7), *run(5, 6, timeline=2), histories=(history,))
    found = Restorable((base("a", 3.1, 3.5),), held, written(1, 2))
    assert found.timeline == 2
    assert [each.name for each in found.path(2).values()] == [
        each.name for each in (*run(3, 4), *run(5, 6, timeline=2))
    ]
    before = found.choose(at(5.2))
    assert isinstance(before, Choice)
    assert before.timeline == 1  # where the child only has a copy, its parent's name is the true one
    after = found.choose(at(5.6))
    assert names(after) == [each.name for each in (*run(3, 4), *run(5, 5, timeline=2))]
    assert found.choose(at(7.2)) == Unreachable(
        "only timeline 1 got that far, and timeline 2 left it before", segment(6, 2), None
    )
    assert names(found.choose(at(7.2, timeline=1))) == [each.name for each in run(3, 7)]


def test_a_childs_copy_is_read_where_its_parents_segment_was_never_archived() -> None:
    history = TimelineHistory(2, ((1, lsn(5.5)),))
    held = archive(*run(3, 4), *run(5, 6, timeline=2), histories=(history,))
    choice = Restorable((base("a", 3.1, 3.5),), held, written(1, 2)).choose(at(5.2))
    assert isinstance(choice, Choice)
    assert (choice.timeline, choice.segments[-1]) == (2, segment(5, 2))


@given(
    st.sets(st.integers(3, 14)),
    st.lists(st.tuples(st.integers(3, 12), st.integers(0, 2)), min_size=1, max_size=4, unique_by=lambda each: each[0]),
    st.floats(3, 15, exclude_max=True),
)
def test_the_choice_is_what_trying_everything_would_find(
    held: set[int], backups: list[tuple[int, int]], position: float
) -> None:
    bases = [base(f"b{start:02}", start + 0.25, start + length + 0.5) for start, length in sorted(backups)]
    found = Restorable(tuple(reversed(bases)), archive(*(segment(number) for number in held)), written(1))
    stop = at(position)
    last = WalSegment.ending(stop.read_through, 1, MIB).number
    leading = [
        each
        for each in bases
        if each.backup.stop_lsn <= stop.position
        and set(range(each.backup.start_lsn.offset_bytes // MIB, last + 1)) <= held
    ]
    choice = found.choose(stop)
    if leading:
        assert isinstance(choice, Choice)
        assert choice.base == leading[-1]
        assert [each.number for each in choice.segments] == list(
            range(leading[-1].backup.start_lsn.offset_bytes // MIB, last + 1)
        )
    else:
        assert isinstance(choice, Unreachable)
        assert choice.after is None or choice.after.backup.stop_lsn > stop.position


def test_the_one_that_recovery_reads_before() -> None:
    history = TimelineHistory(2, ((1, lsn(5.5)),))
    held = archive(*run(3, 7), *run(5, 6, timeline=2), *run(8, 8, timeline=2), histories=(history,))
    assert held.previous(segment(4)) == segment(3)
    assert held.previous(segment(3)) is None
    assert held.previous(segment(5, 2)) == segment(4)
    assert held.previous(segment(8, 2)) is None  # timeline 1's seventh was written after it had been left


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (Instant(Lsn(0x1000028)), "0/1000028"),
        (
            Instant(Lsn(0x1000028), datetime(2026, 11, 20, 12, tzinfo=UTC) + timedelta(microseconds=5)),
            "0/1000028 (2026-11-20 12:00:00.000005 UTC)",
        ),
    ],
)
def test_an_instant_can_be_copied_into_a_command(instant: Instant, text: str) -> None:
    assert str(instant) == text


AFTER_A_ROLL_BACK = archive(*run(3, 9), *run(5, 7, timeline=2), histories=(TimelineHistory(2, ((1, lsn(5.5)),)),))
"""Timeline 2 left timeline 1 in its fifth segment and served for a while; timeline 1 goes on since."""


def rolled_back(asked: int | None = None) -> Restorable:
    """``c`` is the full backup that going live took, ``d`` the one that the roll-back asks for."""
    bases = (base("d", 8.1, 8.5), base("c", 6.1, 6.5, timeline=2), base("a", 3.1, 3.5))
    return Restorable(bases, AFTER_A_ROLL_BACK, written(2, 1), asked)


def test_after_a_roll_back_the_larger_number_is_not_the_present() -> None:
    found = rolled_back()
    assert found.timeline == 1
    assert list(found.path(1).values()) == run(3, 9)
    late, between = found.choose(at(9.2)), found.choose(at(6.8))
    assert isinstance(late, Choice)
    assert isinstance(between, Choice)
    assert (late.base.point.id, late.timeline) == ("d", 1)
    assert (between.base.point.id, between.timeline) == ("a", 1)
    newest = found.consistent()
    assert isinstance(newest, Choice)
    assert newest.base.point.id == "d"
    assert found.others(1) == (2,)


def test_what_was_written_while_the_abandoned_timeline_served_is_there_when_it_is_asked_for() -> None:
    found = rolled_back(2)
    choice, newest = found.choose(at(6.8)), found.consistent()
    assert isinstance(choice, Choice)
    assert isinstance(newest, Choice)
    assert (choice.base.point.id, choice.timeline, newest.base.point.id) == ("c", 2, "c")
    assert found.others(2) == (1,)


def test_the_nearest_are_told_of_the_timeline_in_question() -> None:
    lost = archive(*run(3, 6), *run(9, 9), *run(5, 9, timeline=2), histories=AFTER_A_ROLL_BACK.histories.values())
    bases = (base("e", 9.1, 9.5), base("c", 6.1, 6.5, timeline=2), base("a", 3.1, 3.5))
    hole = Restorable(bases, lost, written(2, 1)).choose(at(7.2))
    assert hole == Unreachable("the archive has a hole between 0/700000 and it", segment(6), bases[0])
    beyond = rolled_back(2).choose(at(8.2))
    assert beyond == Unreachable("only timeline 1 got that far, and timeline 2 left it before", segment(7, 2), None)
    early = Restorable((base("c", 6.1, 6.5, timeline=2),), AFTER_A_ROLL_BACK, written(2, 1)).choose(at(6.8))
    assert early == Unreachable("no base backup leads to timeline 1")


def test_a_base_backup_that_ended_behind_the_fork_does_not_lead_to_the_child() -> None:
    """Taken while the parent still served, across the instant that was restored to."""
    held = archive(*run(3, 7), *run(5, 8, timeline=2), histories=(TimelineHistory(2, ((1, lsn(5.5)),)),))
    across = Restorable((base("b", 5.1, 6.5), base("a", 3.1, 3.5)), held, written(1, 2))
    choice = across.choose(at(7.2))
    assert isinstance(choice, Choice)
    assert (choice.base.point.id, choice.timeline) == ("a", 2)
