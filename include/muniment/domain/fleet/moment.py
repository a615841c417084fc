"""How instants and durations stand in a table of many firms: short, in the firm's zone, never better than they are."""

from datetime import UTC, date, datetime
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
    utc, today = at.astimezone(UTC), _today(zone, now)
    there = utc.astimezone(zone)
    clock = f"{there.isoformat(timespec='minutes')[11:16]} {there.tzname()}"
    if there.date() != today:
        year = f" {there.year}" if there.year != today.year else ""
        clock = f"{there.day} {_MONTHS[there.month - 1]}{year} {clock}"
    title = utc_minute(utc)
    return Moment(f"{title[:10]}T{title[11:16]}Z", title, clock)


def utc_minute(at: datetime) -> str:
    """``2026-11-20 18:00 UTC``, as ``Moment.utc``."""
    return f"{at.astimezone(UTC).isoformat(' ', 'minutes')[:16]} UTC"


@lru_cache(maxsize=512)
def _today(zone: ZoneInfo, now: datetime) -> date:
    return now.astimezone(zone).date()


def rounded_up(seconds: float) -> str:
    """``40 s``, ``15 min``, ``15 min 01 s``, ``4 h 05 min``, ``3 d 4 h``: a loss and an age are never shown
    shorter than they are."""
    whole = ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _said(whole // 60, "min", f"{whole % 60:02d} s")
    minutes, hours = ceil(seconds / 60), ceil(seconds / 3600)
    if minutes < 24 * 60:
        return _said(minutes // 60, "h", f"{minutes % 60:02d} min")
    return _said(hours // 24, "d", f"{hours % 24} h")


def _said(count: int, unit: str, rest: str) -> str:
    return f"{count} {unit}" if rest.startswith(("0 ", "00 ")) else f"{count} {unit} {rest}"


def ago(at: datetime, now: datetime) -> str:
    """``4 min ago``, ``in 16 h``: rounded up to one unit."""
    passed = now - at
    is_past = passed.days >= 0
    apart = passed if is_past else -passed
    seconds = apart.days * 86400 + apart.seconds + (apart.microseconds > 0)
    if seconds < 60:
        lasting = f"{seconds} s"
    elif seconds <= 59 * 60:
        lasting = f"{-(-seconds // 60)} min"
    elif seconds <= 47 * 3600:
        lasting = f"{-(-seconds // 3600)} h"
    else:
        lasting = f"{-(-seconds // 86400)} d"
    return f"{lasting} ago" if is_past else f"in {lasting}"
