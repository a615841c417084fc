"""``muniment watch pass``."""

from typing import TYPE_CHECKING

import click

from muniment.cli.output import as_plain, say_json, say_table, when
from muniment.cli.session import Session, json_option, shown_progress
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.domain.watch.passes import Pass

COLUMNS = ("queue", "began at", "firms>", "all answered>", "seconds>")
SKIPPED = 75


@click.command("pass", short_help="Look at every firm once, as fleet__watch does.")
@click.option("--queue", help="Only the firms of this queue (the region of their primary vault).")
@click.option("--whole", is_flag=True, help="Read keys, vault settings and all evidence of each firm too.")
@json_option
@click.pass_obj
def run_pass(session: Session, queue: str | None, *, whole: bool, as_json: bool) -> int:
    """Look at every firm once: keep what was seen, judge it, tell who is on call.

    The same pass that Airflow makes every five minutes. Where one is under way already this one yields, and ends
    with 75. `muniment watch show` shows what was seen, `muniment incidents` what is wrong.
    """
    from muniment.cli.watch.lent_connections import lend_connections
    from muniment.cli.watch.outlook import outlook
    from muniment.runbooks.watch.one_pass import one_pass

    watch = outlook(session.root, session.settings)
    lend_connections(session, watch.settings)
    with shown_progress() as progress:
        passes = one_pass(watch, queue, clock=utc_now, progress=progress, everyone=whole)
    if as_json:
        say_json({"passes": [as_plain(each) for each in passes]})
    else:
        say_table(COLUMNS, [_row(each) for each in passes])
    return 0 if passes else SKIPPED


def _row(each: "Pass") -> tuple[str, ...]:
    seconds = "—" if each.seconds is None else f"{each.seconds:.1f}"
    return each.queue, when(each.began_at), f"{each.firms:,}", f"{each.fresh:,}", seconds
