"""Which base backup and which WAL: a model archive is searched by brute force and must agree."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.muniment.domain.archive import Archive, TimelineHistory
from include.muniment.domain.register import ControlTotals, Point, WalRange
from include.muniment.domain.restore_choice import Base, Choice, Instant, Restorable, Stop, Unreachable
from include.muniment.domain.wal import Lsn, WalSegment
from tests.domain.test_archive import MIB, NOON, archive, backup, lsn, run, segment


def base(name: str, start: float, stop: float, *, timeline: int = 1, at: datetime = NOON) -> Base:
    taken = backup(name, start, stop, timeline=timeline, at=at)
    range_ = WalRange(timeline=timeline, first_segment="-", last_segment="-", through_lsn=taken.stop_lsn)
    point = Point(
        id=name,
        firm="harlan-pike",
        run="-",
        taken_at=at,
        registered_at=at,
        system_identifier=1,
        chain=(name,),
        kind="full",
        size_bytes=0,
        stored_bytes=0,
        wal=range_,
        windows=(),
        effective_rpo_s=0,
        documents=name,
        document_count=0,
        document_bytes=0,
        config=name,
        control_totals=ControlTotals(lsn=taken.stop_lsn, read_at=at, counts={}, sums={}),
        verified_primary_at=at,
        verified_replica_at=at,
    )
    return Base(point, (taken,))


def at(position: float, timeline: int | None = None) -> Stop:
    return Stop(lsn(position), lsn(position), Lsn(lsn(position).offset_bytes + 32), timeline=timeline)


def names(choice: Choice | Unreachable) -> list[str]:
    assert isinstance(choice, Choice), choice
    return [each.name for each in choice.segments]


def test_the_newest_base_backup_that_had_ended_is_chosen() -> None:
    found = Restorable((base("b", 6.1, 6.5), base("a", 3.1, 3.5)), archive(*run(3, 9)))
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
    found = Restorable((second, first), archive(*run(3, 4), *run(6, 9)))
    assert found.choose(at(3.2)) == Unreachable("it lies before the end of the first base backup", after=first)
    hole = found.choose(at(5.2))
    assert hole == Unreachable("the archive has a hole between 0/500000 and it", segment(4), second)
    beyond = found.choose(at(11))
    assert beyond == Unreachable("it lies behind the end of the archive", segment(9), None)
    assert found.why_not(lsn(9.9), 1) == beyond  # in the last segment, behind its last record


def test_an_older_backup_bridges_what_a_newer_one_lacks() -> None:
    """The newer one's own WAL is not complete: recovery could not even become consistent."""
    found = Restorable((base("b", 6.1, 7.5), base("a", 3.1, 3.5)), archive(*run(3, 6)))
    choice = found.choose(at(6.8))
    assert isinstance(choice, Choice)
    assert choice.base.point.id == "a"
    assert isinstance(found.consistent(), Choice)
    assert isinstance(Restorable((base("b", 6.1, 7.5),), archive(*run(3, 6))).consistent(), Unreachable)


def test_timelines_are_followed_and_what_was_left_behind_is_not_the_past() -> None:
    history = TimelineHistory(2, ((1, lsn(5.5)),))
    held = archive(*run(3, 7), *run(5, 6, timeline=2), histories=(history,))
    found = Restorable((base("a", 3.1, 3.5),), held)
    assert found.present == 2
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
    choice = Restorable((base("a", 3.1, 3.5),), held).choose(at(5.2))
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
    found = Restorable(tuple(reversed(bases)), archive(*(segment(number) for number in held)))
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


def test_an_empty_archive_has_the_newest_backups_timeline() -> None:
    nothing = Archive.of((), (), MIB)
    assert Restorable((base("a", 3.1, 3.5, timeline=4),), nothing).present == 4
    assert Restorable((), nothing).present == 1
