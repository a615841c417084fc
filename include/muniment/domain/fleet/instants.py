"""Instants as the pages take them and say them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from muniment.domain.restore.form_target import instant_told
from muniment.errors import InvalidRequest

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def parse_instant(text: str, time_zone: str, *, name: str = "instant") -> datetime:
    """In UTC: ISO 8601 with its offset, or the firm's wall clock without one. ``name``: of the parameter.

    Raises ``InvalidRequest`` for what is no time, and for a wall clock that showed this time twice, or never.
    """
    try:
        at = instant_told(text.strip(), time_zone).astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise InvalidRequest(count=1, faults=f"{name}: {fault}") from None
    if not _FIRST <= at < _LAST:
        raise InvalidRequest(count=1, faults=f"{name}: {text!r} is no time between {_FIRST.year} and {_LAST.year}")
    return at


def in_zone(at: datetime, time_zone: str) -> str:
    """``2026-11-20 18:00 CET``; with seconds where there are any."""
    there = at.astimezone(ZoneInfo(time_zone))
    clock = "%H:%M:%S" if there.second or there.microsecond else "%H:%M"
    return f"{there:%Y-%m-%d {clock} %Z}"
