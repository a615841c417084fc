from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.fleet.moment import Moment, ago, moment_of, rounded_up

NOW = datetime(2026, 11, 28, 9, 2, 30, tzinfo=UTC)
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def _seconds(said: str) -> int:
    words = said.split()
    return sum(int(count) * _UNITS[unit] for count, unit in zip(words[::2], words[1::2], strict=True))


@given(st.floats(0, 10**8))
def test_a_duration_is_never_shown_shorter_than_it_is(seconds: float) -> None:
    said = _seconds(rounded_up(seconds))
    least = 1 if seconds < 3540 else 60 if seconds < 86340 else 3600
    assert seconds <= said < seconds + max(least, 60) + 3600 * (seconds > 86340)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.2, "1 s"),
        (59.5, "1 min"),
        (900, "15 min"),
        (900.1, "15 min 01 s"),
        (3599.9, "1 h"),
        (14_401, "4 h 01 min"),
        (86_399, "1 d"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert rounded_up(seconds) == said


@pytest.mark.parametrize(
    ("lasts", "said"),
    [
        (timedelta(seconds=40), "40 s ago"),
        (timedelta(minutes=2, seconds=1), "3 min ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(hours=47, seconds=1), "2 d ago"),
        (timedelta(0), "0 s ago"),
        (timedelta(hours=-16), "in 16 h"),
    ],
)
def test_ages(lasts: timedelta, said: str) -> None:
    assert ago(NOW - lasts, NOW) == said


@pytest.mark.parametrize(
    ("at", "local"),
    [
        (NOW - timedelta(hours=3), "07:02 CET"),
        (NOW - timedelta(hours=11), "27 Nov 23:02 CET"),
        (NOW - timedelta(days=400), "24 Oct 2025 11:02 CEST"),
    ],
)
def test_an_instant_is_in_the_firms_zone_as_short_as_it_may_be(at: datetime, local: str) -> None:
    moment = moment_of(at, ZoneInfo("Europe/Berlin"), NOW)
    assert moment == Moment(f"{at:%Y-%m-%dT%H:%MZ}", f"{at:%Y-%m-%d %H:%M} UTC", local)


def test_no_instant_is_none() -> None:
    assert moment_of(None, ZoneInfo("UTC"), NOW) is None
