"""Where an axis of time has its ticks: on the firm's wall clock, none twice and none that the clock never showed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from muniment.domain.fleet.span import Span

_MOST = 14
_MINUTES = (1, 5, 15, 30, 60, 180, 360, 720)
_DAYS = (1, 2, 7, 14)
_DAY = timedelta(days=1)
_MONDAY = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Tick:
    at: datetime
    label: str
    is_day: bool
    """It begins a day."""


def time_ticks(span: Span, time_zone: str) -> tuple[Tick, ...]:
    """Fourteen at most; labelled with the day where a day begins, else with the time."""
    zone = ZoneInfo(time_zone)
    for minutes in _MINUTES:
        if span.lasts / timedelta(minutes=minutes) <= _MOST:
            return tuple(_of_clock(span, zone, minutes))
    days = next((each for each in _DAYS if span.lasts / timedelta(days=each) <= _MOST), _DAYS[-1])
    return tuple(_of_days(span, zone, days))


def _of_clock(span: Span, zone: ZoneInfo, minutes: int) -> Iterator[Tick]:
    day = span.begin.astimezone(zone).date()
    last = span.end.astimezone(zone).date()
    while day <= last:
        for minute in range(0, 24 * 60, minutes):
            wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
            if _was_shown(wall, zone) and span.has(at := wall.astimezone(UTC)):
                yield Tick(at, f"{wall:%H:%M}" if minute else _day(wall), minute == 0)
        day += _DAY


def _of_days(span: Span, zone: ZoneInfo, days: int) -> Iterator[Tick]:
    """Weeks begin on Mondays. A day that has no midnight begins when the clock goes on."""
    day = span.begin.astimezone(zone).date()
    last = span.end.astimezone(zone).date()
    while day <= last:
        wall = datetime(day.year, day.month, day.day, tzinfo=zone)
        if (day - _MONDAY).days % days == 0 and span.has(at := wall.astimezone(UTC)):
            yield Tick(at, _day(wall), is_day=True)
        day += _DAY


def _was_shown(wall: datetime, zone: ZoneInfo) -> bool:
    """Not where the clock was put forward over it. What it showed twice is the first of both."""
    return wall.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None)


def _day(wall: datetime) -> str:
    return f"{wall.day} {wall:%b}"
