"""``muniment status [FIRM|--all]``: a line a firm, for a person or for a cron job."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import lasting, say_json, say_table, when
from muniment.cli.session import Session, json_option
from muniment.errors import MunimentError
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.domain.firm.firm import Firm
    from muniment.domain.recovery.standing import Standing
    from muniment.registry import Fault

COLUMNS = ("firm", "state", "can be recovered to", "lost now>", "promised>", "from", "points>", "newest point")
NOT_AS_PROMISED = MunimentError.exit_code
_AT_ONCE = 8


@click.command(short_help="Can each firm be recovered as promised?")
@click.argument("firm_id", metavar="[FIRM]", required=False)
@click.option("--all", "every", is_flag=True, help="Every firm of the registry.")
@json_option
@click.pass_obj
def status(session: Session, firm_id: str | None, *, every: bool, as_json: bool) -> int:
    """To which instant can FIRM be recovered, from which vaults, and is that what it was promised?

    Ends with 0 where every firm that was asked for is as promised from both vaults, else with 1. Asks the vaults and,
    where it answers, the cluster; changes nothing.

    \b
    In a cron job:   muniment status --all || mail -s "recovery is not as promised" on-call
    Which firms?     muniment status --all --json | jq -r '.firms[] | select(.state != "ok") | .firm'
    """
    firms, faults = _asked(session, firm_id, every=every)
    found = sorted(_standings(session, firms), key=lambda each: each.firm)
    if as_json:
        say_json({"firms": [_plain(each) for each in found], "faults": [str(fault) for fault in faults]})
    else:
        say_table(COLUMNS, [_row(each) for each in found])
        for line in (*map(str, faults), *(line for each in found for line in _unseen(each))):
            click.echo(line)
    return 0 if not faults and all(each.verdict == "ok" for each in found) else NOT_AS_PROMISED


def _asked(session: Session, firm_id: str | None, *, every: bool) -> "tuple[list[Firm], Sequence[Fault]]":
    """A firm whose file has a fault hides no other one."""
    if bool(firm_id) == every:
        message = "name one FIRM, or say --all"
        raise click.UsageError(message)
    if firm_id:
        return [session.firm(firm_id)], ()
    registry = session.registry()
    return list(registry.firms.values()), registry.faults


def _standings(session: Session, firms: "Iterable[Firm]") -> "Iterator[Standing]":
    from muniment.adapters.concurrency import at_once

    return at_once(lambda firm: _standing(session, firm), firms, _AT_ONCE)


def _standing(session: Session, firm: "Firm") -> "Standing":
    from muniment.runbooks.wal.standing import standing, unknown

    try:
        return standing(session.site(firm.id), clock=utc_now)
    except MunimentError as error:  # a connection that is not there yet: this firm's line says so
        return unknown(firm, error.what, clock=utc_now)


def _plain(found: "Standing") -> dict[str, Any]:
    until = found.recoverable_to
    told = {"state": found.verdict, "recoverable_to": until.isoformat() if until else None, "behind_s": found.behind_s}
    return {**found.model_dump(mode="json"), **told}


def _row(found: "Standing") -> tuple[str, ...]:
    return (
        found.firm,
        found.verdict if found.verdict == "ok" else found.verdict.upper(),
        when(found.recoverable_to),
        "everything" if found.behind_s is None else lasting(found.behind_s),
        lasting(found.promised_s),
        ", ".join(each.region for each in found.vaults if each.recoverable_to) or "—",
        f"{found.points:,}",
        found.newest_point or "—",
    )


def _unseen(found: "Standing") -> Iterator[str]:
    if found.server_unseen:
        yield f"{found.firm}: the cluster was not seen: {found.server_unseen}"
    for each in found.vaults:
        if each.unseen:
            yield f"{found.firm}: {each.vault} was not seen: {each.unseen}"
