"""How instants and durations stand in a table of many firms: short, in the firm's zone, never better than they are."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import NamedTuple
from zoneinfo import ZoneInfo

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Moment(NamedTuple):
    """``iso`` for ``datetime=``, ``utc`` for its title, ``local`` to be read: without its day where that is today,
    without its year where that is this one."""

    iso: str
    utc: str
    local: str


def moment_of(at: datetime | None, zone: ZoneInfo, now: datetime) -> Moment | None:
    if at is None:
        return None
    utc, there, today = at.astimezone(UTC), at.astimezone(zone), _today(zone, now)
    clock = f"{there.hour:02d}:{there.minute:02d} {there.tzname()}"
    if there.date() != today:
        year = f" {there.year}" if there.year != today.year else ""
        clock = f"{there.day} {_MONTHS[there.month - 1]}{year} {clock}"
    iso = f"{utc.year:04d}-{utc.month:02d}-{utc.day:02d}T{utc.hour:02d}:{utc.minute:02d}Z"
    return Moment(iso, f"{iso[:10]} {iso[11:16]} UTC", clock)


@lru_cache(maxsize=512)
def _today(zone: ZoneInfo, now: datetime) -> date:
    return now.astimezone(zone).date()


def rounded_up(seconds: float) -> str:
    """``40 s``, ``15 min``, ``15 min 01 s``, ``4 h 05 min``, ``3 d 4 h``: a loss and an age are never shown
    shorter than they are."""
    whole, minutes, hours = ceil(seconds), ceil(seconds / 60), ceil(seconds / 3600)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _said(whole // 60, "min", f"{whole % 60:02d} s")
    if minutes < 24 * 60:
        return _said(minutes // 60, "h", f"{minutes % 60:02d} min")
    return _said(hours // 24, "d", f"{hours % 24} h")


def _said(count: int, unit: str, rest: str) -> str:
    return f"{count} {unit}" if rest.startswith(("0 ", "00 ")) else f"{count} {unit} {rest}"


def ago(at: datetime, now: datetime) -> str:
    """``4 min ago``, ``in 16 h``: rounded up to one unit."""
    seconds = ceil(abs(now - at) / timedelta(seconds=1))
    minutes, hours, days = -(-seconds // 60), -(-seconds // 3600), -(-seconds // 86400)
    lasting = f"{days} d"
    if seconds < 60:
        lasting = f"{seconds} s"
    elif minutes < 60:
        lasting = f"{minutes} min"
    elif hours < 48:
        lasting = f"{hours} h"
    return f"{lasting} ago" if at <= now else f"in {lasting}"
