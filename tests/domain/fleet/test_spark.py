"""The line of a day says what the numbers say, and nothing where there is none."""

import re
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.fleet.row import BUCKET, BUCKETS
from muniment.domain.fleet.spark import HEIGHT, Spark, spark_of
from tests.support.fleet_rows import NOW, firm_row

DAY_UNTIL = NOW - timedelta(minutes=2, seconds=30)
_days = st.lists(st.none() | st.floats(0, 5000), max_size=BUCKETS).map(tuple)


def _drawn(path: str) -> dict[int, int]:
    """The height of each bucket that is drawn, read back from the path."""
    found: dict[int, int] = {}
    x = y = 0
    for command, first, second in re.findall(r"([Mhv])(-?\d+)(?: (\d+))?", path):
        if command == "M":
            x, y = int(first), int(second)
        elif command == "v":
            y += int(first)
        else:
            found |= dict.fromkeys(range(x, x + int(first)), y)
            x += int(first)
    return found


def _spark(day: tuple[float | None, ...], **changed: object) -> Spark:
    return spark_of(firm_row(day=day, day_until=DAY_UNTIL, **changed), NOW)


@given(_days)
def test_each_bucket_that_is_known_is_drawn_on_its_side_of_the_promise_and_no_other(
    day: tuple[float | None, ...],
) -> None:
    spark = _spark(day)
    whole = (*(None,) * (BUCKETS - len(day)), *day)
    drawn = _drawn(spark.path)
    assert set(drawn) == {x for x, rpo in enumerate(whole) if rpo is not None}
    for x, height in drawn.items():
        rpo = whole[x]
        assert rpo is not None
        assert 0 <= height < HEIGHT
        assert (height < spark.promise) == (rpo > 900)


def test_a_quiet_day_is_one_line() -> None:
    spark = _spark((0.0,) * BUCKETS)
    assert spark == Spark("M0 23h96", 5, "RPO over the last day: at most 0 s of promised 15 min")


def test_a_gap_is_a_gap_and_said_in_words() -> None:
    spark = _spark((*(60.0,) * 50, None, None, *(240.0,) * 44))
    assert spark.path == "M0 22h50M52 18h44"
    assert spark.text == "RPO over the last day: at most 4 min of promised 15 min, unknown for 30 min"


def test_what_nobody_looked_at_since_is_unknown() -> None:
    later = spark_of(firm_row(day=(60.0,) * BUCKETS, day_until=NOW - 8 * BUCKET), NOW)
    assert set(_drawn(later.path)) == set(range(BUCKETS - 8))
    assert later.text.endswith("unknown for 2 h")
    long_ago = spark_of(firm_row(day=(60.0,) * BUCKETS, day_until=NOW - timedelta(days=9)), NOW)
    assert long_ago.path == ""
    assert long_ago.text == "RPO over the last day: unknown, of promised 15 min"
    assert spark_of(firm_row(day=(), day_until=None), NOW) == long_ago


def test_an_hour_over_the_promise_is_drawn_within_the_picture() -> None:
    spark = _spark((*(0.0,) * 92, *(36_000.0,) * 4))
    assert min(_drawn(spark.path).values()) == 1
    assert spark.text == "RPO over the last day: at most 10 h of promised 15 min"
