"""How long, and until when: as commands take it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Lasting(click.ParamType[timedelta]):
    """``15m``, ``1h``, ``7d``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        match = re.fullmatch(r"([1-9]\d{0,3})([mhd])", str(value), re.ASCII)
        if not match:
            self.fail(f"{value!r} is not a time such as 15m, 1h or 7d", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


class ZonedInstant(click.ParamType[datetime]):
    """ISO 8601 with its zone."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time such as 2026-11-20T07:00Z", param, ctx)
        if instant.tzinfo is None:
            self.fail(f"{value!r} has no time zone: write it as {value}Z or {value}-06:00", param, ctx)
        return instant.astimezone(UTC)


def end_options[F: Callable[..., Any]](command: F) -> F:
    """``--for`` and ``--until``: ``end_of`` makes one instant of them."""
    until = click.option("--until", type=ZonedInstant(), metavar="INSTANT", help="Such as 2026-11-20T07:00-06:00.")
    lasting = click.option("--for", "lasting", type=Lasting(), metavar="TIME", help="From now on: 90m, 24h, 7d.")
    return lasting(until(command))


def end_of(
    lasting: timedelta | None, until: datetime | None, now: datetime, default: timedelta | None = None
) -> datetime:
    """Raises ``click.UsageError`` unless exactly one is said; where none is, ``default`` counts, if there is one."""
    if lasting is not None and until is not None:
        message = "say --for or --until, not both"
        raise click.UsageError(message)
    if until is not None:
        return until
    lasting = lasting or default
    if lasting is None:
        message = "it needs an end: --for or --until"
        raise click.UsageError(message)
    return now + lasting
