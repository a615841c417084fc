"""Durations, sizes, shares and times of day: to text and back without loss."""

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from muniment.domain.units import (
    UNITS_REQUIRED,
    Bytes,
    Duration,
    Percent,
    WallClock,
    format_clock,
    format_duration,
    format_percent,
    format_size,
    human_duration,
    human_size,
)

durations: TypeAdapter[timedelta] = TypeAdapter(Duration)
sizes: TypeAdapter[int] = TypeAdapter(Bytes)
shares: TypeAdapter[float] = TypeAdapter(Percent)
clocks: TypeAdapter[time] = TypeAdapter(WallClock)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10_000)))
def test_a_duration_reads_back_as_itself(duration: timedelta) -> None:
    assert durations.validate_python(format_duration(duration), context=UNITS_REQUIRED) == duration


@given(st.integers(min_value=0, max_value=2**49))
def test_a_size_reads_back_as_itself(size_bytes: int) -> None:
    assert sizes.validate_python(format_size(size_bytes), context=UNITS_REQUIRED) == size_bytes


@given(st.decimals(min_value=0, max_value=100, places=6))
def test_a_share_reads_back_as_itself(share: object) -> None:
    value = float(str(share))
    assert shares.validate_python(format_percent(value), context=UNITS_REQUIRED) == value


@given(st.times())
def test_a_time_of_day_reads_back_to_the_minute(clock: time) -> None:
    assert clocks.validate_python(format_clock(clock)) == clock.replace(second=0, microsecond=0)


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.dates())
def test_anything_is_read_or_refused(value: object) -> None:
    for kind in (durations, sizes, shares, clocks):
        try:
            kind.validate_python(value, context=UNITS_REQUIRED)
        except ValidationError as error:
            assert error.errors()[0]["type"] == "value_error"


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("none", timedelta(0)),
        ("1 day", timedelta(days=1)),
        ("2 weeks", timedelta(days=14)),
        ("12 months", timedelta(days=360)),
        ("1.5 hours", timedelta(minutes=90)),
        ("15 minutes", timedelta(minutes=15)),
        ("999999999 days", timedelta(days=999_999_999)),
    ],
)
def test_durations_as_people_write_them(text: str, duration: timedelta) -> None:
    assert durations.validate_python(text, context=UNITS_REQUIRED) == duration


@pytest.mark.parametrize(
    "text", ["7", 7, "seven days", "7d", "-1 days", "999999999 months", "1e3 days", "٣ days", "", "7 days ago"]
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValidationError, match=r"is not a duration with a unit, such as '7 days' or '15 minutes'"):
        durations.validate_python(text, context=UNITS_REQUIRED)


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        (sizes, 16, "16 has no unit; write it as '16 MiB'"),
        (sizes, "16 MB", "'16 MB' is not a size with a unit"),
        (shares, "120 %", "is not a share between 0 % and 100 %"),
        (clocks, 120, "120 is not a time of day, such as '02:00'"),
        (clocks, "25:00", "is not a time of day"),
    ],
)
def test_other_values_say_what_they_should_be(kind: TypeAdapter[object], value: object, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        kind.validate_python(value, context=UNITS_REQUIRED)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "none"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=30), "30 days"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=1.5), "1.5 seconds"),
    ],
)
def test_a_duration_is_written_in_its_largest_whole_unit(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (16 * 2**20, "16 MiB"), (1536, "1536 B"), (2**40, "1 TiB"), (3 * 2**9, "1536 B")],
)
def test_a_size_is_written_in_its_largest_whole_unit(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1.1 * 2**30, "1.1 GiB"),
        (3 * 2**40, "3.0 TiB"),
    ],
)
def test_sizes_for_people(size_bytes: float, text: str) -> None:
    assert human_size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (3.2, "3.2 s"),
        (245, "4 min 05 s"),
        (7800, "2 h 10 min"),
        (273_600, "3 d 4 h"),
        (59.97, "60.0 s"),
    ],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text
