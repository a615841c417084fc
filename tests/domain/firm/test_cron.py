"""Our own cron lines: one run a local day, through every clock change, whoever asks and when."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.domain.firm.cron import last_run, next_run, runs_after
from muniment.domain.firm.schedule import drill_cron
from tests.support.firms import paper_firm

ZONES = ("America/Chicago", "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata")
since = st.integers(0, 3 * 365 * 24 * 60)
instants = since.map(lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
minutes = st.integers(0, 24 * 60 - 1)


@settings(max_examples=20)  # of more than a year each
@given(zone=st.sampled_from(ZONES), minute=minutes, instant=instants)
def test_exactly_one_run_a_local_day(zone: str, minute: int, instant: datetime) -> None:
    cron = f"{minute % 60} {minute // 60} * * *"
    runs = list(islice(runs_after(cron, zone, instant), 400))
    days = [run.astimezone(ZoneInfo(zone)).date() for run in runs]
    assert days == [days[0] + timedelta(days=n) for n in range(400)]


@given(zone=st.sampled_from(ZONES), minute=minutes, instant=instants)
def test_the_last_run_and_the_next_one_have_the_instant_between_them(zone: str, minute: int, instant: datetime) -> None:
    cron = f"{minute % 60} {minute // 60} * * *"
    last, following = last_run(cron, zone, instant), next_run(cron, zone, instant)
    assert last <= instant < following
    assert next_run(cron, zone, last) == following
    assert last_run(cron, zone, last) == last


@pytest.mark.parametrize(
    ("zone", "cron", "day", "expected"),
    [
        ("America/Chicago", "30 2 * * *", "2026-03-08", "08:30"),  # skipped: 03:30 by the new clock
        ("America/Chicago", "30 1 * * *", "2026-11-01", "07:30"),  # twice: the second one
        ("Europe/London", "30 1 * * *", "2026-03-29", "01:30"),
        ("Europe/London", "30 1 * * *", "2026-10-25", "01:30"),
        ("Australia/Lord_Howe", "10 2 * * *", "2026-10-04", "15:40"),  # half an hour is skipped
        ("Australia/Lord_Howe", "40 1 * * *", "2026-04-05", "15:10"),
        ("Asia/Kolkata", "10 2 * * *", "2026-03-29", "20:40"),
    ],
)
def test_the_changes_of_2026(zone: str, cron: str, day: str, expected: str) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone))
    assert f"{last_run(cron, zone, noon):%H:%M}" == expected


def test_a_drill_is_once_a_month_and_a_quarters_only_in_its_months() -> None:
    cron = drill_cron(paper_firm())
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    assert [run.month for run in islice(runs_after(cron, "America/Chicago", begin), 12)] == list(range(1, 13))
    quarterly = "30 10 29 3,6,9,12 *"
    assert [f"{run:%m-%d}" for run in islice(runs_after(quarterly, "UTC", begin), 4)] == [
        "03-29",
        "06-29",
        "09-29",
        "12-29",
    ]
