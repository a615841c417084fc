"""``muniment incidents``: what is wrong now, who has it in hand, and what is kept quiet."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import as_plain, say_json, say_table, when
from muniment.cli.session import Session, json_option
from muniment.cli.times import end_of, end_options
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.adapters.watch.store import WatchStore
    from muniment.domain.incidents.incident import Delivery, Incident, Silence
    from muniment.runbooks.incidents.answer import Silenced

COLUMNS = ("incident", "severity", "state", "since", "what", "whose", "firms>", "in hand")
_IN_HAND = timedelta(hours=24)

by_option = click.option("--by", metavar="NAME", help="Who says so. Default: whoever is logged in.")
incident_argument = click.argument("incident_id", metavar="INCIDENT")


@click.group(short_help="What is wrong now, and who has it in hand.")
def incidents() -> None:
    """What the watch found wrong, one incident for one cause, and what persons have said to it.

    INCIDENT is an id, or a key: then the last incident that has it.
    """


@incidents.command("list", short_help="List what is wrong now.")
@click.option("--firm", "firm_id", metavar="FIRM", help="What touches this firm.")
@click.option("--days", type=click.IntRange(1, 3660), help="Also what was resolved in the last so many days.")
@json_option
@click.pass_obj
def list_incidents(session: Session, firm_id: str | None, days: int | None, *, as_json: bool) -> None:
    """List what is wrong now, the gravest first; what was seen once and may be gone with the next pass is observed.

    \b
    Is anything wrong?             muniment incidents list
    What was, of this firm?        muniment incidents list --firm harbor-lane --days 30
    What nobody has in hand?       muniment incidents list --json | jq '.incidents[] | select(.state == "open")'
    """
    now, store = utc_now(), session.watch_store()
    since = now - timedelta(days=days) if days else None
    found = sorted(store.incidents(open_only=since is None, firm=firm_id, since=since), key=_gravest_first)
    found = [each for each in found if each.state != "resolved" or each.opened_at]
    silences = store.silences(now)
    if as_json:
        say_json({"incidents": [as_plain(each) for each in found], "silences": [as_plain(each) for each in silences]})
        return
    say_table(COLUMNS, [_row(each) for each in found])
    click.echo(f"{sum(each.state != 'resolved' for each in found)} not over")
    for silence in silences:
        click.echo(_of_silence(silence))


@incidents.command(short_help="Show one: whom it touches, its history, what was told of it.")
@incident_argument
@json_option
@click.pass_obj
def show(session: Session, incident_id: str, *, as_json: bool) -> None:
    """Show INCIDENT: what happened, what is kept and what to do, whom it touches, its history, and what was told of it
    by which channel.

    \b
    Who was told of it?   muniment incidents show 20261120T083000123Z-0123abcd --json | jq .deliveries
    """
    from muniment.runbooks.incidents.answer import find

    store = session.watch_store()
    found = find(store, incident_id)
    deliveries = _deliveries(store, found)
    if as_json:
        say_json({"incident": as_plain(found), "deliveries": [as_plain(each) for each in deliveries]})
        return
    for line in _page(found, deliveries):
        click.echo(line)


@incidents.command(short_help="Take one in hand: nothing of it is repeated until then.")
@incident_argument
@end_options
@by_option
@json_option
@click.pass_obj
def acknowledge(
    session: Session,
    incident_id: str,
    lasting: timedelta | None,
    until: datetime | None,
    by: str | None,
    *,
    as_json: bool,
) -> None:
    """Take INCIDENT in hand. Nothing of it is repeated until then (24 hours, where nothing else is said); that it gets
    worse, or is over, is told all the same.

    \b
    Until tomorrow:   muniment incidents acknowledge 20261120T083000123Z-0123abcd
    For the week:     muniment incidents acknowledge 20261120T083000123Z-0123abcd --for 7d --by ann
    """
    from muniment.runbooks.incidents import answer

    end = end_of(lasting, until, utc_now(), _IN_HAND)
    mine = answer.acknowledge(session.watch_store(), incident_id, until=end, by=_who(by), clock=utc_now)
    if as_json:
        say_json({"incident": as_plain(mine)})
        return
    click.echo(f"{mine.acknowledged_by} has incident {mine.id} in hand until {when(mine.acknowledged_until)}")


@incidents.command(short_help="Say that one is over.")
@incident_argument
@click.option("--why", required=True, metavar="TEXT", help="What has become of it.")
@by_option
@json_option
@click.pass_obj
def resolve(session: Session, incident_id: str, why: str, by: str | None, *, as_json: bool) -> None:
    """Say that INCIDENT is over: for what no pass can see, such as a failed task. What a pass still sees comes back.

    \b
    The night was made good by hand:   muniment incidents resolve 20261120T083000123Z-0123abcd --why "backup by hand"
    """
    from muniment.runbooks.incidents.answer import resolve_by_hand

    over = resolve_by_hand(session.watch_store(), incident_id, by=_who(by), why=why, clock=utc_now)
    if as_json:
        say_json({"incident": as_plain(over)})
        return
    click.echo(f"incident {over.id} is over")


@incidents.command(short_help="Keep something quiet, until then.")
@click.argument("incident_id", metavar="[INCIDENT]", required=False)
@click.option("--firm", "firm_id", metavar="FIRM", help="What is this firm's alone.")
@click.option("--cause", metavar="CAUSE", help="Such as wal-at-risk.")
@end_options
@click.option("--why", required=True, metavar="TEXT", help="The reason, for whoever finds it.")
@by_option
@json_option
@click.pass_obj
def silence(
    session: Session,
    /,
    incident_id: str | None,
    *,
    as_json: bool,
    **asked: Any,
) -> None:
    """Tell nothing of what matches all that is named, critical or not, until then. What is still wrong at its end is
    told once. The end of what was told before is told all the same.

    \b
    A firm moves house:   muniment incidents silence --firm harbor-lane --until 2026-11-22T07:00-06:00 --why "they move"
    One known cause:      muniment incidents silence --cause slot-holds-wal --firm harbor-lane --for 3d --why "case 812"
    """
    from muniment.runbooks.incidents import answer

    end = end_of(asked["lasting"], asked["until"], utc_now())
    store = session.watch_store()
    key = answer.find(store, incident_id).key if incident_id else None
    what = _silenced(session, store, asked["firm_id"], asked["cause"], key)
    made = answer.silence(store, what, until=end, by=_who(asked["by"]), why=asked["why"], clock=utc_now)
    if as_json:
        say_json({"silence": as_plain(made)})
        return
    click.echo(_of_silence(made))


@incidents.command(short_help="End a silence.")
@click.argument("silence_id", metavar="SILENCE")
@json_option
@click.pass_obj
def unsilence(session: Session, silence_id: str, *, as_json: bool) -> None:
    """End SILENCE now: what it kept back and is still wrong is told by the next pass.

    \b
    Which are there?   muniment incidents list
    """
    from muniment.runbooks.incidents import answer

    answer.unsilence(session.watch_store(), silence_id, clock=utc_now)
    if as_json:
        say_json({"ended": silence_id})
        return
    click.echo(f"silence {silence_id} has ended")


def _gravest_first(incident: "Incident") -> tuple[bool, int, datetime]:
    from muniment.domain.incidents.severity import RANK

    return incident.state == "resolved", -RANK[incident.severity], incident.observed_at


def _row(incident: "Incident") -> tuple[str, ...]:
    from muniment.domain.incidents.wording import touched

    return (
        incident.id,
        incident.severity,
        incident.state + (" (held back)" if incident.held_back_by else ""),
        when(incident.observed_at),
        f"{incident.cause}: {incident.subject}",
        str(incident.scope),
        str(len(touched(incident))),
        _in_hand(incident),
    )


def _in_hand(incident: "Incident") -> str:
    if incident.acknowledged_by is None:
        return "—"
    return f"{incident.acknowledged_by}, until {when(incident.acknowledged_until)}"


def _of_silence(silence: "Silence") -> str:
    named = [f"firm {silence.firm}" if silence.firm else "", silence.cause or "", silence.key or ""]
    what = ", ".join(filter(None, named))
    return f"silence {silence.id}: {what}, until {when(silence.until)}, by {silence.by}: {silence.why}"


def _deliveries(store: "WatchStore", incident: "Incident") -> "list[Delivery]":
    """A notice's id begins with its incident's."""
    return [each for each in store.deliveries(incident.observed_at) if each.notice.startswith(f"{incident.id}.")]


def _page(incident: "Incident", deliveries: "list[Delivery]") -> Iterator[str]:
    from muniment.domain.incidents.wording import whose

    yield f"{whose(incident)}: {incident.subject}"
    yield f"{incident.cause}, {incident.severity}, {incident.state}; in hand: {_in_hand(incident)}"
    yield f"key: {incident.key}"
    if incident.held_back_by:
        yield f"held back by: {incident.held_back_by}"
    yield f"\n{incident.what}\nKEPT: {incident.kept}\nHINT: {incident.hint}\nrunbook: {incident.runbook}"
    yield from (f"{name}: {address}" for name, address in incident.links.items())
    yield "\nfirms:"
    for each in incident.members:
        until = f" until {when(each.well_since)}" if each.well_since else ""
        yield f"  {each.firm} since {when(each.since)}{until}: {each.what}"
    yield "\nhistory:"
    yield f"  {when(incident.observed_at)}  seen first"
    yield from (f"  {when(each.at)}  {each.what}, {each.by}" for each in incident.changes)
    yield "\ntold:"
    for delivery in deliveries:
        kind = delivery.notice.rpartition(".")[2]
        took = f"FAILED: {delivery.failure}" if delivery.failure else "taken"
        yield f"  {when(delivery.at)}  {kind} by {delivery.channel}: {took}"


def _silenced(
    session: Session, store: "WatchStore", firm_id: str | None, cause: str | None, key: str | None
) -> "Silenced":
    """Raises ``InvalidRequest``: what is misspelled would silence nothing, and nobody would notice."""
    from typing import cast, get_args

    from muniment.domain.incidents.trouble import Cause
    from muniment.errors import InvalidRequest
    from muniment.registry import firm_ids
    from muniment.registry.faults import did_you_mean
    from muniment.runbooks.incidents.answer import Silenced

    causes, faults = get_args(Cause.__value__), []
    if cause is not None and cause not in causes:
        faults.append(f"{cause!r} is no cause; {did_you_mean(cause, causes)}")
    known = sorted({*firm_ids(session.root), *store.firms()}) if firm_id is not None else []
    if firm_id is not None and firm_id not in known:
        faults.append(f"{firm_id!r} is no firm; {did_you_mean(firm_id, known)}")
    if faults:
        raise InvalidRequest(count=len(faults), faults="\n".join(faults))
    return Silenced(firm=firm_id, cause=cast("Cause | None", cause), key=key)


def _who(by: str | None) -> str:
    from muniment.adapters.host.login import login_name

    return by or login_name()
