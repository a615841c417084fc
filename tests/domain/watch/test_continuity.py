"""Another database, a log that went back, a clock that is wrong: each is seen, and what is meant is none of them."""

from datetime import timedelta

import pytest

from muniment.domain.wal.names import Lsn
from muniment.domain.watch.at_risk import with_mark
from muniment.domain.watch.continuity import Break, breaks
from muniment.domain.watch.server import ServerSeen
from tests.support.watched_server import EPOCH, SEGMENT_BYTES, SYSTEM, WatchedServer

OURS = frozenset({SYSTEM})


def seen(lsn: int, timeline: int = 1, **changes: object) -> ServerSeen:
    later = {"seen_at": EPOCH + timedelta(minutes=5), "server_at": EPOCH + timedelta(minutes=5)}
    return WatchedServer(timeline=timeline, insert=lsn, flush=lsn).seen(**later, **changes)


BEFORE = WatchedServer(insert=0x700100, flush=0x700100).seen()


def test_another_database_under_this_name() -> None:
    other = seen(0x100, system_identifier=7)
    for before, allowed in ((BEFORE, OURS), (None, OURS), (BEFORE, frozenset[int]())):
        assert breaks("acme", before, other, allowed=allowed) == (
            Break(
                "another-database",
                f"the cluster that answers for firm acme has system identifier 7, not {SYSTEM}",
            ),
        )
    assert breaks("acme", None, other, allowed=frozenset()) == ()
    assert breaks("acme", BEFORE, other, allowed=frozenset({7})) == (), "it was adopted"


def test_a_log_that_went_back() -> None:
    assert breaks("acme", BEFORE, seen(0x700000), allowed=OURS) == (
        Break(
            "lsn-went-back",
            "the log of firm acme went back from 0/700100, seen at 2026-11-20 08:30:00 UTC, to 0/700000 on the same"
            " timeline 1",
        ),
    )
    marks = with_mark((), BEFORE, [])
    low = seen(0x700000)
    again = breaks("acme", low, low, allowed=OURS, marks=with_mark(marks, low, []))
    assert again == breaks("acme", BEFORE, low, allowed=OURS), "in each pass, although before is as low by now"
    assert breaks("acme", BEFORE, seen(0x700100), allowed=OURS, marks=marks) == ()
    assert breaks("acme", BEFORE, seen(0x700000, timeline=2), allowed=OURS, marks=marks) == ()
    assert breaks("acme", BEFORE, seen(0x700100, timeline=2), allowed=OURS) == ()


def test_a_timeline_that_went_back() -> None:
    before = seen(0x700100, timeline=3)
    assert breaks("acme", before, seen(0x800000, timeline=2), allowed=OURS) == (
        Break("lsn-went-back", "the cluster of firm acme went back from timeline 3 to 2"),
    )
    held = WatchedServer(archived=7, timeline=3).held()
    now = seen(0x800000, timeline=2)
    assert breaks("acme", None, now, allowed=OURS, helds=[held]) != ()
    assert breaks("acme", before, now, allowed=OURS, helds=[held], abandoned=frozenset({3})) == (), "it was rolled back"


def test_a_restore_into_live_goes_on_below_its_old_end_on_a_new_timeline() -> None:
    held = WatchedServer(archived=6).held()
    assert breaks("acme", BEFORE, seen(0x500000, timeline=2), allowed=OURS, helds=[held, None]) == ()


def test_behind_what_the_vault_had_before_it_is_seen_in_each_pass() -> None:
    """``before`` is as low as the server is by now."""
    low = seen(0x500000)
    found = breaks("acme", low, low, allowed=OURS, helds=[None, WatchedServer(archived=6).held()])
    assert found == (
        Break(
            "lsn-went-back",
            "the log of firm acme ends at 0/500000, and the vault holds 000000010000000000000006, which ends later",
        ),
    )
    filled_meanwhile = WatchedServer(archived=6).held(seen_at=low.seen_at)
    assert breaks("acme", low, low, allowed=OURS, helds=[filled_meanwhile]) == ()
    later = WatchedServer(archived=6, timeline=2).held(seen_at=low.seen_at)
    assert [found.what for found in breaks("acme", None, low, allowed=OURS, helds=[later])] == [
        "the cluster of firm acme is on timeline 1, and the vault holds 000000020000000000000006"
    ]
    others = WatchedServer(archived=6).held(system_identifier=7)
    assert breaks("acme", low, low, allowed=OURS, helds=[others]) == ()


def test_a_standby_is_behind_and_went_nowhere() -> None:
    held = WatchedServer(archived=6).held()
    assert breaks("acme", BEFORE, seen(0x500000, is_standby=True), allowed=OURS, helds=[held]) == ()
    assert breaks("acme", seen(0x900000, is_standby=True), seen(0x800000), allowed=OURS) == ()


def test_a_crash_takes_back_the_beginning_of_a_record_that_was_not_whole() -> None:
    for end, torn in ((0x702000, True), (0x700100, False), (0x700000, False)):
        before = BEFORE.model_copy(update={"flush_lsn": Lsn(end)})
        assert (breaks("acme", before, seen(end - 64), allowed=OURS) == ()) is torn
        assert breaks("acme", before, seen(end - SEGMENT_BYTES - 64), allowed=OURS) != ()


@pytest.mark.parametrize(
    ("ahead_s", "took_s", "told"),
    [
        (4, 0, None),
        (-4, 0, None),
        (9, 8, None),
        (61, 1, "the clock of firm acme's server is 60 s fast by the clock of the watch"),
        (-3600, 8, "the clock of firm acme's server is 3,600 s slow by the clock of the watch"),
    ],
)
def test_clocks_that_differ_by_more_than_the_answers_way(ahead_s: int, took_s: float, told: str | None) -> None:
    now = seen(0x700100).model_copy(
        update={"server_at": BEFORE.server_at + timedelta(minutes=5, seconds=ahead_s), "took_s": took_s}
    )
    found = breaks("acme", BEFORE, now, allowed=OURS)
    assert found == (() if told is None else (Break("clock-skew", told),))
