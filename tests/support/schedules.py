"""The instants at which a firm's nights begin, counted without Airflow."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from muniment.domain.firm.schedule import NightlySchedule


def runs_after(schedule: NightlySchedule, instant: datetime) -> Iterator[datetime]:
    """In UTC, without end. A time that the spring change skips comes an hour later by the new clock; one that the
    autumn change repeats is taken once, the second time round: every local day has exactly one run."""
    zone = ZoneInfo(schedule.time_zone)
    first = instant.astimezone(zone).date() - timedelta(days=1)
    for day in count():
        run = _in_utc(datetime.combine(first + timedelta(days=day), schedule.at), zone)
        if run > instant:
            yield run


def _in_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    # PEP 495: in a gap fold=0 reads the clock from before the change, in a fold fold=1 means the second time round.
    earlier, later = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(earlier, later)
