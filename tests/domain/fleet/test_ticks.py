from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.domain.fleet.span import Span
from muniment.domain.fleet.ticks import time_ticks

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Santiago", "Australia/Lord_Howe", "UTC"]


@settings(max_examples=50)
@given(
    st.sampled_from(ZONES),
    st.timedeltas(timedelta(0), timedelta(days=365)).map(lambda later: datetime(2026, 1, 1, tzinfo=UTC) + later),
    st.timedeltas(timedelta(minutes=10), timedelta(days=90)),
)
def test_ticks_go_forward_within_the_span_and_no_label_comes_twice_a_day(
    zone: str, begin: datetime, lasts: timedelta
) -> None:
    ticks = time_ticks(Span(begin, begin + lasts), zone)
    assert 2 <= len(ticks) <= 16 or lasts < timedelta(minutes=15)
    assert [each.at for each in ticks] == sorted({each.at for each in ticks})
    assert all(begin <= each.at <= begin + lasts for each in ticks)
    if lasts < timedelta(days=1):
        assert len({each.label for each in ticks}) == len(ticks)


def test_an_hour_that_never_was_has_no_tick_and_one_that_came_twice_has_one() -> None:
    spring = Span(datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 5, tzinfo=UTC))
    labels = [each.label for each in time_ticks(spring, "Europe/Berlin")]
    assert "02:00" not in labels
    assert "03:00" in labels
    autumn = Span(datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 5, tzinfo=UTC))
    labels = [each.label for each in time_ticks(autumn, "Europe/Berlin")]
    assert labels.count("02:00") == 1
    assert labels == ["25 Oct", *(label for label in labels if label.endswith(("0", "5")) and ":" in label)]


def test_days_begin_at_the_firms_midnight_also_where_the_clock_changes() -> None:
    span = Span(datetime(2026, 10, 23, 12, tzinfo=UTC), datetime(2026, 10, 27, 12, tzinfo=UTC))
    days = [each for each in time_ticks(span, "Europe/Berlin") if each.is_day]
    assert [each.label for each in days] == ["24 Oct", "25 Oct", "26 Oct", "27 Oct"]
    lasted = [later.at - earlier.at for earlier, later in pairwise(days)]
    assert lasted == [timedelta(hours=24), timedelta(hours=25), timedelta(hours=24)]


def test_weeks_begin_on_mondays() -> None:
    span = Span(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC))
    assert [each.at.weekday() for each in time_ticks(span, "UTC")] == [0] * 12
