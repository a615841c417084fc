"""``muniment watch show [FIRM]``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from muniment.cli.output import as_plain, lasting, say_json, say_table, when
from muniment.cli.session import Session, json_option
from muniment.errors import MunimentError
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.domain.watch.firm_seen import FirmSeen

COLUMNS = ("firm", "state", "lost now>", "from replica>", "promised>", "last point", "last drill", "seen")
NOT_AS_PROMISED = MunimentError.exit_code


@click.command(short_help="Show what the last pass saw of each firm.")
@click.argument("firm_id", metavar="[FIRM]", required=False)
@json_option
@click.pass_obj
def show(session: Session, firm_id: str | None, *, as_json: bool) -> int:
    """Show what the last pass saw of FIRM, or of every firm, the worst first, with the age of each observation.

    Asks nobody but the watch's store. Ends with 1 where a duty of a firm is missing or unknown.
    """
    from muniment.errors import InvalidRequest

    found = session.watch_store().firms()
    if firm_id and firm_id not in found:
        fault = f"the watch has not seen a firm {firm_id}: `muniment watch pass` looks at every firm now"
        raise InvalidRequest(count=1, faults=fault)
    shown = sorted((found[firm_id],) if firm_id else found.values(), key=_worst_first)
    if as_json:
        say_json({"firms": [as_plain(each) for each in shown]})
    else:
        say_table(COLUMNS, [_row(each) for each in shown])
        for line in (line for each in shown for line in _lines(each, every=firm_id is not None)):
            click.echo(line)
    return NOT_AS_PROMISED if any(_state(each) in {"missing", "unknown"} for each in shown) else 0


_ORDER = ("missing", "unknown", "late", "leaving", "kept", "suspended", "new")


def _state(seen: "FirmSeen") -> str:
    states = {each.state for each in seen.duties} or {"unknown"}
    return next((state for state in _ORDER if state in states), "unknown")


def _worst_first(seen: "FirmSeen") -> tuple[int, str]:
    return _ORDER.index(_state(seen)), seen.firm


def _row(seen: "FirmSeen") -> tuple[str, ...]:
    primary, replica = seen.vault("primary"), seen.vault("replica")
    return (
        seen.firm,
        _state(seen).upper() if _state(seen) in {"missing", "unknown"} else _state(seen),
        _lost(primary.rpo_s if primary else None),
        _lost(replica.rpo_s if replica else None),
        lasting(seen.rpo_promise_s),
        when(seen.evidence.last_point_at) if seen.evidence else "—",
        when(seen.evidence.last_drill_at) if seen.evidence else "—",
        f"{lasting(max(0.0, (utc_now() - seen.seen_at).total_seconds()))} ago",
    )


def _lost(seconds: float | None) -> str:
    return "unknown" if seconds is None else lasting(seconds)


def _lines(seen: "FirmSeen", *, every: bool) -> Iterator[str]:
    """``every``: duties that are kept, too."""
    if seen.server_unseen:
        yield f"{seen.firm}: the cluster was not seen: {seen.server_unseen}"
    for vault in seen.vaults:
        if vault.unseen:
            yield f"{seen.firm}: {vault.side} vault {vault.bucket} was not seen: {vault.unseen}"
        if vault.held is not None and vault.held.is_hole:
            yield f"{seen.firm}: WAL is missing from {vault.side} vault {vault.bucket}: {', '.join(vault.held.missing)}"
    for duty in seen.duties:
        if every or duty.state not in {"kept", "new"}:
            due = f", due {when(duty.due_at)}" if duty.due_at else ""
            yield f"{seen.firm}: {duty.duty}: {duty.state}{due}"
