"""Text with units, as configuration files write it, and the way back for people to read.

Python code may pass a ``timedelta``, ``int`` or ``float``; a file has to write the unit, which the registry asks for
by validating with ``UNITS_REQUIRED`` as its context.
"""

import re
from datetime import time, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo

UNITS_REQUIRED = {"units": "required"}

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 30 * 86400}
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
# More digits than these mean nothing here, and timedelta overflows.
_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
_DURATION = re.compile(rf"{_NUMBER}\s+(second|minute|hour|day|week|month)s?", re.ASCII)
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*(B|KiB|MiB|GiB|TiB)", re.ASCII)
_PERCENT = re.compile(rf"{_NUMBER}\s*%", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
# 999,999,999 days is the most that a timedelta holds.
_MOST_SECONDS = 999_999_999 * 86400


def parse_duration(value: Any) -> Any:
    """``7 days``, ``15 minutes``, ``none``; a month is 30 days."""
    if isinstance(value, timedelta):
        return value
    if value == "none":
        return timedelta(0)
    match = _DURATION.fullmatch(str(value))
    seconds = Decimal(match[1]) * _SECONDS[match[2]] if match else None
    if seconds is None or seconds > _MOST_SECONDS:
        message = f"{value!r} is not a duration with a unit, such as '7 days' or '15 minutes'"
        raise ValueError(message)
    return timedelta(microseconds=int(seconds * 10**6))


def parse_size(value: Any, asked: ValidationInfo) -> Any:
    """``16 MiB``."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not _must_have_unit(asked):
            return value
        message = f"{value!r} has no unit; write it as '16 MiB'"
        raise ValueError(message)
    match = _SIZE.fullmatch(str(value))
    if not match:
        message = f"{value!r} is not a size with a unit, such as '16 MiB'"
        raise ValueError(message)
    return int(Decimal(match[1]) * _BYTES[match[2]])


def parse_percent(value: Any, asked: ValidationInfo) -> Any:
    """``20 %``."""
    if isinstance(value, float) and not _must_have_unit(asked):
        return value
    match = _PERCENT.fullmatch(str(value))
    if not match or float(match[1]) > 100:
        message = f"{value!r} is not a share between 0 % and 100 %, such as '20 %'"
        raise ValueError(message)
    return float(match[1])


def parse_clock(value: Any) -> Any:
    """``02:00``."""
    if isinstance(value, time):
        return value
    match = _CLOCK.fullmatch(str(value))
    if not match:
        message = f"{value!r} is not a time of day, such as '02:00'"
        raise ValueError(message)
    return time(int(match[1]), int(match[2]))


def _must_have_unit(asked: ValidationInfo) -> bool:
    return asked.context == UNITS_REQUIRED


def format_duration(duration: timedelta) -> str:
    """``7 days``: what ``parse_duration`` reads back as the same duration. Policies speak of days, not of months."""
    if not duration:
        return "none"
    microseconds = duration // timedelta(microseconds=1)
    for unit in ("day", "hour", "minute", "second"):
        count, rest = divmod(microseconds, _SECONDS[unit] * 10**6)
        if not rest:
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{Decimal(microseconds) / 10**6:f} seconds"


def format_size(size_bytes: int) -> str:
    """``16 MiB``: what ``parse_size`` reads back as the same number of bytes."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size_bytes and size_bytes % _BYTES[unit] == 0:
            return f"{size_bytes // _BYTES[unit]} {unit}"
    return f"{size_bytes} B"


def format_percent(share: float) -> str:
    """``20 %``."""
    return f"{Decimal(repr(share)).normalize():f} %"


def format_clock(clock: time) -> str:
    """``02:00``."""
    return f"{clock:%H:%M}"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, when_used="json")]
Bytes = Annotated[int, BeforeValidator(parse_size), PlainSerializer(format_size, when_used="json")]
Percent = Annotated[float, BeforeValidator(parse_percent), PlainSerializer(format_percent, when_used="json")]
WallClock = Annotated[time, BeforeValidator(parse_clock), PlainSerializer(format_clock, when_used="json")]


def human_size(size_bytes: float) -> str:
    """``1.1 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} TiB"


def human_duration(seconds: float) -> str:
    """``3.2 s``, ``4 min 05 s``, ``2 h 10 min``, ``3 d 4 h``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
