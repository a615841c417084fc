"""``muniment watch probe``."""

from typing import TYPE_CHECKING

import click

from muniment.cli.output import as_plain, say_json, when
from muniment.cli.session import Session, json_option
from muniment.errors import MunimentError
from muniment.ports import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from muniment.adapters.watch.store import WatchStore
    from muniment.runbooks.watch.probe import Probed

ASLEEP = MunimentError.exit_code


@click.command(short_help="Is the watch awake? For a timer, or cron, outside of Airflow.")
@json_option
@click.pass_obj
def probe(session: Session, *, as_json: bool) -> int:
    """Say what is late of the watch itself, and end with 1 where something is. Without Airflow, and for the case that
    Airflow is dead: run it from a timer or from cron, best on a machine of its own (docs/watch-host).

    \b
    Late is: a queue without a pass for two intervals, a notice that nobody took, a store that is away, and, where
    watch.yaml has `airflow`: an Airflow that does not answer, a scheduler that stands still, a queue nobody serves,
    a pool that is missing, fleet__watch paused or not there.

    \b
    Every five minutes, by cron:   muniment watch probe || mail …
    For a script:                  muniment watch probe --json | jq -r '.late[].what'
    """
    found = probed(session, session.watch_store)
    if as_json:
        say_json(as_plain(found))
    else:
        _say(found)
    return ASLEEP if found.late else 0


def probed(session: Session, open_store: "Callable[[], WatchStore]") -> "Probed":
    """Raises ``InvalidConfiguration``."""
    from muniment.adapters.site.logins import find_login
    from muniment.runbooks.watch.probe import probe as look

    queues = sorted({firm.queue for firm in session.registry().firms.values()})
    return look(
        session.watch_settings(),
        queues,
        open_store,
        lambda connection_id: find_login(connection_id, session.settings),
        clock=utc_now,
    )


def _say(found: "Probed") -> None:
    for each in found.late:
        since = f" (since {when(each.since)})" if each.since else ""
        click.echo(f"LATE: {each.what}{since}" + (f"\n  HINT: {each.hint}" if each.hint else ""))
    if not found.late:
        ended = ", ".join(f"{each.queue} {when(each.ended_at)}" for each in found.passes)
        click.echo(f"awake: the last passes ended: {ended}")
    if not found.is_awaited_outside:
        click.echo("nobody outside waits for the watch: watch.yaml names no `heartbeat`")
    if not found.is_airflow_asked:
        click.echo("Airflow itself is not asked: watch.yaml names no `airflow`")
