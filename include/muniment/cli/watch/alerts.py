"""``muniment alerts``: who is told, by which way, and whether it arrives."""

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import click

from muniment.cli.output import as_plain, say_json, say_table
from muniment.cli.session import Session, json_option, typed_by
from muniment.cli.watch.lent_connections import lend_connections
from muniment.errors import ChannelFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muniment.domain.incidents.trouble import Severity
    from muniment.domain.watch.settings import Route, WatchSettings
    from muniment.runbooks.incidents.prove_channels import Proven


@click.group(short_help="Who is told, and whether it arrives.")
def alerts() -> None:
    """Who is told of what, by which channel (watch.yaml), and what arrived."""


@alerts.command("routes", short_help="Say who would be told of what.")
@json_option
@click.pass_obj
def routes(session: Session, *, as_json: bool) -> None:
    """Say who would be told of what: of each firm and severity, the channels in the order in which they are tried.

    \b
    Who is woken up for whom?   muniment alerts routes
    For a script:               muniment alerts routes --json | jq '.routes[] | select(.severity == "critical")'
    """
    found = list(_routes(session))
    if as_json:
        say_json({"routes": [_plain(*each) for each in found]})
        return
    rows = [(firm, severity, *_cells(route)) for firm, severity, route in found]
    say_table(("firm", "severity", "told", "told as well", "waits"), rows)


def _plain(firm: str, severity: "Severity", route: "Route | None") -> dict[str, object]:
    hours = route.model_dump(mode="json")["quiet_hours"] if route else None
    return {
        "firm": firm,
        "severity": severity,
        "tell": list(route.tell) if route else [],
        "also": list(route.also) if route else [],
        "quiet_from": hours and hours["start"],
        "quiet_until": hours and hours["end"],
    }


def _cells(route: "Route | None") -> tuple[str, str, str]:
    from muniment.domain.units import format_clock

    if route is None:
        return "NOBODY", "", ""
    hours = route.quiet_hours
    # What is critical never waits: `_routes` has left its quiet hours out.
    waits = f"from {format_clock(hours.start)} to {format_clock(hours.end)}" if hours else ""
    return ", then ".join(route.tell), ", ".join(route.also), waits


def _routes(session: Session) -> "Iterator[tuple[str, Severity, Route | None]]":
    from muniment.domain.watch.routing import own_route
    from muniment.domain.watch.settings import SEVERITIES

    settings = session.watch_settings()
    for firm in session.registry().firms.values():
        for severity in SEVERITIES:
            route = own_route(settings, firm.id, firm.tier, severity)
            never_waits = route is not None and severity == "critical"
            yield firm.id, severity, route.model_copy(update={"quiet_hours": None}) if route and never_waits else route


@alerts.command("test", short_help="Send a test by every channel.")
@click.option(
    "--channel", "names", multiple=True, metavar="NAME", help="This channel alone; may be given several times."
)
@json_option
@click.pass_obj
def test(session: Session, names: tuple[str, ...], *, as_json: bool) -> int:
    """Send a test by every channel that a route of watch.yaml names. It says that it is one; on PagerDuty it is
    resolved at once. The watch does the same every week.

    \b
    Before a night:          muniment alerts test
    One that had failed:     muniment alerts test --channel pager
    """
    from muniment.domain.watch.channel_tests import routed
    from muniment.errors import WatchStoreUnavailable
    from muniment.ports import utc_now
    from muniment.runbooks.incidents.prove_channels import prove_channels

    settings = session.watch_settings()
    _require_known(settings, names)
    lend_connections(session, settings)
    unremembered, store = None, None
    try:
        store = session.watch_store(settings)
    except WatchStoreUnavailable as error:
        unremembered = error.what
    by = typed_by("muniment alerts test")
    with redirect_stdout(sys.stderr):  # Airflow logs on stdout, where the answer is
        proven = prove_channels(store, settings, names or routed(settings), clock=utc_now, by=by)
    _say(proven, unremembered, as_json=as_json)
    return ChannelFailed.exit_code if any(each.failure for each in proven) else 0


def _say(proven: "tuple[Proven, ...]", unremembered: str | None, *, as_json: bool) -> None:
    if as_json:
        say_json({"channels": [as_plain(each) for each in proven], "unremembered": unremembered})
        return
    say_table(
        ("channel", "kind", "receiver"),
        [(each.channel, each.kind, f"FAILED: {each.failure}" if each.failure else "took it") for each in proven],
    )
    if unremembered:
        click.echo(f"the watch does not know of it: {unremembered}", err=True)


@alerts.command("sent", short_help="List what was told, and what was not.")
@click.option("--days", type=click.IntRange(1, 3660), default=7, show_default=True, help="How far back.")
@json_option
@click.pass_obj
def sent(session: Session, days: int, *, as_json: bool) -> None:
    """List what was told by which channel, what a channel did not take and why, and what nobody has taken yet.

    \b
    Was anybody told last night?   muniment alerts sent --days 1
    """
    from datetime import timedelta

    from muniment.ports import utc_now
    from muniment.runbooks.incidents.tell import UNTOLD

    store = session.watch_store()
    untold = store.recall(*UNTOLD) or {}
    found = store.deliveries(utc_now() - timedelta(days=days))
    if as_json:
        say_json({"untold": untold, "deliveries": [as_plain(each) for each in found]})
        return
    for facts in untold.values():
        click.echo(f"NOBODY HAS TAKEN: {facts['subject']} (since {facts['made_at']}): {facts['why']}")
    rows = [
        (
            f"{each.at:%Y-%m-%d %H:%M:%S}Z",
            each.notice,
            each.channel,
            f"FAILED: {each.failure}" if each.failure else "taken",
        )
        for each in found
    ]
    say_table(("at", "notice", "channel", "receiver"), rows)


def _require_known(settings: "WatchSettings", names: tuple[str, ...]) -> None:
    from muniment.errors import InvalidRequest
    from muniment.registry.faults import did_you_mean

    known = [each.name for each in settings.channels]
    faults = [
        f"{name!r} is no channel of watch.yaml; {did_you_mean(name, known)}" for name in names if name not in known
    ]
    if faults:
        raise InvalidRequest(count=len(faults), faults="\n".join(faults))
