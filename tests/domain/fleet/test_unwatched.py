from datetime import UTC, datetime, timedelta

from muniment.domain.fleet.span import Span
from muniment.domain.fleet.unwatched import LOOKED, unwatched

BEGIN = datetime(2026, 11, 28, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = Span(BEGIN, BEGIN + 60 * MINUTE)


def looks(*minutes: float) -> list[datetime]:
    return [BEGIN + each * MINUTE for each in minutes]


def test_looks_that_follow_each_other_leave_nothing_out() -> None:
    assert list(unwatched(looks(*range(0, 61, 5)), HOUR)) == []


def test_between_two_looks_too_far_apart_nobody_looked() -> None:
    assert list(unwatched(looks(0, 5, 40, 45, 50, 55, 60), HOUR)) == [(BEGIN + 5 * MINUTE, BEGIN + 40 * MINUTE)]


def test_a_watch_that_has_stopped_looks_no_more() -> None:
    assert list(unwatched(looks(0, 5, 10), HOUR)) == [(BEGIN + 10 * MINUTE, HOUR.end)]


def test_a_look_before_the_span_is_cut_at_its_begin() -> None:
    assert list(unwatched(looks(-30, 20, 30, 45, 58), HOUR)) == [(BEGIN, BEGIN + 20 * MINUTE)]


def test_without_a_look_nothing_is_said() -> None:
    assert list(unwatched([], HOUR)) == []


def test_exactly_as_long_as_a_look_stands_is_no_gap() -> None:
    first = BEGIN + 60 * MINUTE - LOOKED
    assert list(unwatched([first], HOUR)) == []
    assert list(unwatched([first - timedelta(seconds=1)], HOUR)) == [(first - timedelta(seconds=1), HOUR.end)]
