"""A day's line, carried on from look to look, is the worst of each quarter of an hour and says what nobody knew."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.fleet.day import Day, bucket_end, worst
from muniment.domain.fleet.row import BUCKET, BUCKETS

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PROMISE_S = 900.0


def day(*looks: tuple[float, float | None]) -> Day:
    """Minutes after noon, and the RPO then."""
    found = Day()
    for minutes, rpo_s in looks:
        found = found.with_look(NOON + minutes * MINUTE, rpo_s, PROMISE_S)
    return found


def test_each_quarter_of_an_hour_has_its_worst() -> None:
    found = day((0, 10.0), (5, 60.0), (10, 20.0), (15, 30.0))
    assert found == Day((60.0, 30.0), NOON + 30 * MINUTE)


def test_time_without_looks_is_unknown() -> None:
    assert day((0, 10.0), (50, 20.0)).values == (10.0, None, None, 20.0)


def test_what_one_look_did_not_know_the_next_one_does_not_make_good() -> None:
    assert day((0, None), (5, 0.0)).values == (None,)
    assert day((0, 0.0), (5, None)).values == (None,)
    assert day((0, None), (5, 901.0)).values == (901.0,), "over the promise, whatever the other one was"
    assert day((0, 901.0), (5, None), (10, 0.0)).values == (901.0,)


def test_a_day_is_kept_and_no_more() -> None:
    found = day(*((5.0 * number, float(number)) for number in range(3 * BUCKETS + 6)))
    assert (len(found.values), found.values[0], found.values[-1]) == (BUCKETS, 8.0, 293.0)
    assert day((0, 1.0), (60 * 24 * 40, 2.0)).values == (*[None] * (BUCKETS - 1), 2.0)


def test_a_clock_that_was_ahead_leaves_nothing_in_the_future() -> None:
    assert day((0, 1.0), (15, 2.0), (65, 3.0), (20, 4.0)) == Day((1.0, 4.0), NOON + 30 * MINUTE)
    assert day((60 * 24 * 400, 1.0), (5, 2.0)) == Day((2.0,), NOON + 15 * MINUTE)


def test_a_quarter_of_an_hour_begins_with_its_first_instant() -> None:
    assert bucket_end(NOON) == NOON + 15 * MINUTE
    assert bucket_end(NOON + 15 * MINUTE - timedelta(microseconds=1)) == NOON + 15 * MINUTE


@given(st.lists(st.tuples(st.integers(0, 1500), st.none() | st.sampled_from([0.0, 899.0, 901.0])), min_size=1))
def test_it_is_what_all_samples_together_tell(looks: list[tuple[int, float | None]]) -> None:
    looks.sort(key=lambda look: look[0])
    found = day(*((float(minutes), rpo_s) for minutes, rpo_s in looks))
    assert found.until == bucket_end(NOON + looks[-1][0] * MINUTE)
    for number, value in enumerate(reversed(found.values)):
        end = found.until - number * BUCKET
        own = [rpo_s for minutes, rpo_s in looks if end - BUCKET <= NOON + minutes * MINUTE < end]
        assert value == (worst(own, PROMISE_S) if own else None)
