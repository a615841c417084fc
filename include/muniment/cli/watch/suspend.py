"""``muniment watch suspend`` and ``resume``."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from muniment.cli.output import as_plain, say_json, when
from muniment.cli.session import Session, firm_argument, json_option, typed_by
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.domain.watch.duty import Duty, Suspension

_SUSPENDABLE = (
    "wal-flow",
    "nightly-point",
    "second-copy",
    "verification",
    "drill",
    "sign-off",
    "documents",
    "configuration",
    "channel-test",
)

duty_option = click.option(
    "--duty", "name", type=click.Choice(_SUSPENDABLE), help="Default: all that the firm is owed."
)


@click.command(short_help="Let a firm's duties rest until an end.")
@firm_argument
@duty_option
@click.option("--until", required=True, help="Its end: '3 days', or a time of the firm's own zone: '2026-12-01 08:00'.")
@click.option("--why", required=True, help="For whoever reads it at night.")
@click.option("--by", help="Whose word it is. Default: the user of this machine.")
@json_option
@click.pass_obj
def suspend(
    session: Session, firm_id: str, name: str | None, until: str, why: str, by: str | None, *, as_json: bool
) -> None:
    """Let what FIRM is owed rest: the watch shows it as suspended, and not as kept, and nobody is told that it is
    missing. It ends by itself, after 31 days at the latest; a day before, somebody is told.

    \b
    While the office moves:   muniment watch suspend harbor-lane --until '3 days' --why 'the office moves'
    No drill this month:      muniment watch suspend harbor-lane --duty drill --until '30 days' --why 'new host'
    """
    from muniment.runbooks.watch.suspend import suspend as put

    registry = session.registry()
    zone = registry.firms[firm_id].time_zone if firm_id in registry.firms else "UTC"
    made = put(
        session.watch_store(),
        {*registry.firms, *registry.broken},
        firm_id,
        _duty(name),
        until=_end(until, zone),
        by=by or typed_by("muniment watch suspend"),
        why=why,
        clock=utc_now,
    )
    if as_json:
        say_json({"suspension": as_plain(made)})
    else:
        click.echo(_told(made))


@click.command(short_help="Owe a firm again what was suspended.")
@firm_argument
@duty_option
@json_option
@click.pass_obj
def resume(session: Session, firm_id: str, name: str | None, *, as_json: bool) -> None:
    """Owe FIRM again what was suspended: one duty, or all of them. It is judged by the next pass.

    \b
    The office has moved:   muniment watch resume harbor-lane
    """
    from muniment.runbooks.watch.suspend import resume as end

    ended = end(session.watch_store(), firm_id, _duty(name), clock=utc_now)
    if as_json:
        say_json({"ended": [as_plain(each) for each in ended]})
        return
    for each in ended:
        click.echo(f"{firm_id}: {each.duty or 'everything'} is owed again; it was suspended by {each.by}")


def _duty(name: str | None) -> "Duty | None":
    if name is None:
        return None
    duty: Duty = name if name == "sign-off" else name.replace("-", " ")  # type: ignore[assignment]
    return duty


def _end(text: str, zone: str) -> datetime:
    """Raises ``InvalidRequest``."""
    from zoneinfo import ZoneInfo

    from muniment.domain.units import parse_duration
    from muniment.errors import InvalidRequest

    with suppress(ValueError):
        lasting: timedelta = parse_duration(text)
        return utc_now() + lasting
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        fault = f"until: {text!r} is neither a duration, such as '3 days', nor a time, such as '2026-12-01 08:00'"
        raise InvalidRequest(count=1, faults=fault) from None
    return (told if told.tzinfo else told.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def _told(made: "Suspension") -> str:
    what = made.duty or "everything"
    return f"{made.firm}: {what} is suspended until {when(made.until)}, by {made.by}: {made.why}"
