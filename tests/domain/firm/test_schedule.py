"""Each firm's minute, and its nights through both clock changes."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from muniment.domain.firm.cron import runs_after
from muniment.domain.firm.schedule import NightlySchedule, nightly_schedule, shard_of
from tests.support.firms import paper_firm

CHICAGO = "America/Chicago"
# The changes of 2026: 8 March skips 02:00 to 03:00, 1 November repeats 01:00 to 02:00.
SPRING, AUTUMN = datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)


def runs(at: time, around: datetime, zone: str = CHICAGO) -> list[str]:
    """The three nights around a change, in UTC."""
    schedule = NightlySchedule(at, zone)
    return [f"{run:%d %H:%M}" for run in islice(runs_after(schedule.cron, zone, around - timedelta(hours=20)), 3)]


def window(start: str, end: str) -> dict[str, object]:
    return {"nightly_window": {"start": start, "end": end}}


def test_the_minute_is_the_firms_own_and_stays() -> None:
    acme, other = (nightly_schedule(paper_firm(name)) for name in ("acme", "birch"))
    assert acme == NightlySchedule(time(2, 14), CHICAGO)
    assert acme.cron == "14 2 * * *"
    assert other.at != acme.at


def test_a_thousand_firms_fill_their_window_evenly() -> None:
    minutes = [nightly_schedule(paper_firm(f"firm-{n:04d}")).at for n in range(1000)]
    assert min(minutes) >= time(2, 0)
    assert max(minutes) < time(4, 0)
    busiest = max(minutes.count(minute) for minute in set(minutes))
    assert len(set(minutes)) > 110
    assert busiest < 25


def test_a_window_may_span_midnight() -> None:
    hours = {nightly_schedule(paper_firm(f"firm-{n}", policy=window("22:00", "02:00"))).at.hour for n in range(100)}
    assert hours == {22, 23, 0, 1}


def test_a_window_of_no_length_is_its_first_minute() -> None:
    assert nightly_schedule(paper_firm(policy=window("03:30", "03:30"))).at == time(3, 30)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (time(1, 30), ["07 07:30", "08 07:30", "09 06:30"]),
        (time(2, 30), ["07 08:30", "08 08:30", "09 07:30"]),  # 03:30 by the new clock
        (time(3, 30), ["07 09:30", "08 08:30", "09 08:30"]),
    ],
)
def test_in_spring_the_skipped_hour_comes_an_hour_later(at: time, expected: list[str]) -> None:
    assert runs(at, SPRING) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (time(0, 30), ["31 05:30", "01 05:30", "02 06:30"]),
        (time(1, 30), ["31 06:30", "01 07:30", "02 07:30"]),  # the second 01:30
        (time(2, 30), ["31 07:30", "01 08:30", "02 08:30"]),
    ],
)
def test_in_autumn_the_repeated_hour_is_taken_once(at: time, expected: list[str]) -> None:
    assert runs(at, AUTUMN) == expected


@pytest.mark.parametrize("zone", [CHICAGO, "Europe/Berlin", "Australia/Lord_Howe", "America/Phoenix"])
@pytest.mark.parametrize("at", [time(0, 0), time(1, 59), time(2, 0), time(2, 30), time(3, 0)])
def test_each_local_day_of_a_year_has_exactly_one_run(at: time, zone: str) -> None:
    begin = datetime(2026, 1, 1, 12, tzinfo=UTC)
    nights = list(islice(runs_after(NightlySchedule(at, zone).cron, zone, begin), 365))
    days = [run.astimezone(ZoneInfo(zone)).date() for run in nights]
    assert days == [days[0] + timedelta(days=n) for n in range(365)]
    assert days[0] in (date(2026, 1, 1), date(2026, 1, 2))


def test_a_firm_stays_in_its_shard_when_others_come() -> None:
    assert [shard_of(name, 8) for name in ("acme", "birch", "cedar")] == [6, 1, 3]
    assert {shard_of(f"firm-{n}", 8) for n in range(100)} == set(range(8))
