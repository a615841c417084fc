"""``muniment backup FIRM``: the whole nightly chain."""

import click

from muniment.cli.backup.points import COLUMNS, lacking, row
from muniment.cli.output import as_plain, say_json, say_table
from muniment.cli.session import Session, firm_argument, json_option, shown_progress, tend_stagings, typed_by
from muniment.ports import utc_now


@click.command(short_help="Take a recovery point now.")
@firm_argument
@click.option("--full", is_flag=True, help="A full base backup, whatever the policy says.")
@click.option("--accept-shrink", is_flag=True, help="Go on although many documents vanished: you know why they did.")
@click.option(
    "--accept-damage", is_flag=True, help="Go on although pages are damaged: a point that names the files, unverified."
)
@click.option("--point", "point_id", metavar="ID", help="Go on with the recovery point that an interrupted run began.")
@json_option
@click.pass_obj
def backup(session: Session, /, firm_id: str, point_id: str | None, *, as_json: bool, **how: bool) -> None:
    """Take a recovery point of FIRM now.

    All that the nightly DAG does: check, base backup, WAL, documents, configuration, second region, registration,
    expiry. Nothing counts before the point is registered; an interrupted run goes on where it ended with --point.

    \b
    Before an upgrade:          muniment backup quill-brandt --full
    From cron, while Airflow is down, trying again later where that can help (exit code 75):
        muniment backup quill-brandt --json || [ $? -ne 75 ] || sleep 600
    """
    from muniment.domain.record import new_id
    from muniment.runbooks.nightly.chain import run_chain

    tend_stagings()
    site, point_id = session.site(firm_id), point_id or new_id(utc_now())
    with shown_progress() as progress:
        progress.note(f"recovery point {point_id} of {firm_id}; if it is interrupted, go on with --point {point_id}")
        point = run_chain(
            site,
            point_id=point_id,
            run=typed_by("muniment backup"),
            **how,
            clock=utc_now,
            progress=progress,
        )
    if as_json:
        say_json({"point": as_plain(point)})
        return
    verified = "both regions" if point.verified_replica_at else "one region"
    say_table((*COLUMNS, "verified in"), [(*row(point), "nowhere: DAMAGED" if point.is_damaged else verified)])
    for line in lacking(point, firm_id):
        click.echo(line)
