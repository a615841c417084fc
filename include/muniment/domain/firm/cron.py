"""The instants at which our own cron lines run, counted as Airflow's ``CronTriggerTimetable`` counts them.

Ours name a minute and an hour, may name a day of the month and months, and never a day of the week. A time that the
spring change skips comes an hour later by the new clock; one that the autumn change repeats is taken once, the second
time round: every local day has exactly one run. Proven against the timetable itself in ``tests/dags``.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


def runs_after(cron: str, time_zone: str, instant: datetime) -> Iterator[datetime]:
    """In UTC, oldest first, without end."""
    first = instant.astimezone(ZoneInfo(time_zone)).date() - _DAY
    days = (first + n * _DAY for n in count())
    return (run for run in _runs(cron, time_zone, days) if run > instant)


def next_run(cron: str, time_zone: str, instant: datetime) -> datetime:
    """The first one after ``instant``."""
    return next(runs_after(cron, time_zone, instant))


def last_run(cron: str, time_zone: str, instant: datetime) -> datetime:
    """The newest one that is not after ``instant``."""
    last = instant.astimezone(ZoneInfo(time_zone)).date() + _DAY
    days = (last - n * _DAY for n in count())
    return next(run for run in _runs(cron, time_zone, days) if run <= instant)


def wall_instant(day: date, at: time, time_zone: str) -> datetime:
    """In UTC: when the wall clock of the zone shows ``at``, through both changes as above."""
    # PEP 495: in a gap fold=0 reads the clock from before the change, in a fold fold=1 means the second time round.
    wall, zone = datetime.combine(day, at), ZoneInfo(time_zone)
    earlier, later = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(earlier, later)


def _runs(cron: str, time_zone: str, days: Iterator[date]) -> Iterator[datetime]:
    minute, hour, day, months, _weekday = cron.split()
    at = time(int(hour), int(minute))
    in_months = set(range(1, 13)) if months == "*" else {int(month) for month in months.split(",")}
    return (
        wall_instant(each, at, time_zone) for each in days if each.month in in_months and day in ("*", str(each.day))
    )
