"""What is counted of a segment's records, and where records begin and end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.wal.facts import (
    NamedPoint,
    SegmentFacts,
    VerifiedWal,
    WalRecord,
    facts_of,
    next_record,
    record_end,
    runs,
    same_place,
)
from muniment.domain.wal.names import Lsn, WalSegment

MIB = 2**20
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ended(start: int, end: int, xid: int, seconds: float) -> WalRecord:
    return WalRecord(Lsn(start), Lsn(end), xid, NOON + timedelta(seconds=seconds))


def test_a_record_belongs_to_the_segment_in_which_it_ends() -> None:
    segments = tuple(WalSegment(1, number, MIB) for number in (3, 4))
    records = [
        ended(3 * MIB + 40, 3 * MIB + 80, 700, 2),
        ended(3 * MIB + 80, 3 * MIB + 120, 699, 1),
        ended(4 * MIB - 8, 4 * MIB + 64, 701, 3),
        WalRecord(Lsn(4 * MIB + 64), Lsn(4 * MIB + 160), name="before import"),
        ended(5 * MIB - 8, 5 * MIB + 64, 702, 4),
    ]
    third, fourth = facts_of(records, segments)
    assert third == SegmentFacts(
        name="000000010000000000000003",
        ended=2,
        newest_at=NOON + timedelta(seconds=2),
        last_at=NOON + timedelta(seconds=1),
        lowest_xid=699,
        highest_xid=700,
        tablespaces=(),
    )
    assert fourth.restore_points == (NamedPoint(name="before import", lsn=Lsn(4 * MIB + 64)),)
    assert (fourth.ended, fourth.may_end(701), fourth.may_end(702)) == (1, True, False)
    assert facts_of([], segments[:1]) == (SegmentFacts(name=segments[0].name, tablespaces=()),)
    assert not SegmentFacts(name="-").may_end(701)


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        (0x1000028, 30, 0x1000048),  # aligned to 8 bytes
        (0x1001FE0, 32, 0x1002000),  # to the page's last byte
        (0x1001FE0, 33, 0x1002020),  # over a page's header
        (0x10FFFE0, 33, 0x1100030),  # over a segment's header
        (0x1000028, 8241, 0x1002078),
    ],
)
def test_a_record_ends_behind_the_headers_that_it_crosses(start: int, length: int, end: int) -> None:
    assert record_end(Lsn(start), length, MIB) == Lsn(end)


def test_a_switch_ends_with_its_segment() -> None:
    assert record_end(Lsn(0x1000028), 24, MIB, is_switch=True) == Lsn(0x1100000)


def test_the_next_record_begins_behind_a_header() -> None:
    assert [next_record(Lsn(each), MIB).offset_bytes for each in (0x1100000, 0x1102000, 0x1102040)] == [
        0x1100028,
        0x1102018,
        0x1102040,
    ]
    assert same_place(Lsn(0x1100000), Lsn(0x1100028), MIB)
    assert not same_place(Lsn(0x1100000), Lsn(0x1100030), MIB)


@given(st.sets(st.tuples(st.integers(1, 2), st.integers(0, 30))), st.integers(1, 5))
def test_runs_hold_each_segment_once_and_follow_each_other(present: set[tuple[int, int]], longest: int) -> None:
    segments = {WalSegment(timeline, number, MIB) for timeline, number in present}
    found = list(runs(segments, longest))
    assert [segment for run in found for segment in run] == sorted(segments)
    for run in found:
        assert len(run) <= longest
        assert list(run) == list(run[0].through(run[-1]))


def test_a_ledger_of_an_earlier_release_has_no_facts() -> None:
    text = b'{"format": 1, "firm": "hudson", "system_identifier": 1, "verified_at": "2026-11-20T12:00Z", "files": []}'
    assert VerifiedWal.from_json(text).facts == ()
