"""``muniment restore FIRM --into DIR``."""

from pathlib import Path
from typing import Any

import click

from include.muniment.cli.output import say_json
from include.muniment.cli.session import Session, firm_argument, json_option, shown_progress, side_option


@click.command(short_help="Restore a cluster into a folder.")
@firm_argument
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="An empty or a new folder: it becomes PostgreSQL's data directory.",
)
@side_option
@click.option("--point", "point_id", metavar="ID", help="Which recovery point. Default: the newest.")
@click.option(
    "--delta",
    is_flag=True,
    help="DIR may hold the firm's own cluster, stopped: only files that differ are fetched, others are removed.",
)
@json_option
@click.pass_obj
def restore(
    session: Session, firm_id: str, into: Path, side: Any, point_id: str | None, *, delta: bool, as_json: bool
) -> None:
    """Restore FIRM's cluster into DIR: a recovery point, and all WAL behind it when the server starts.

    Needs one vault and PostgreSQL's programs: neither the firm's cluster, the other region nor Airflow. The restored
    cluster archives nowhere and cannot reach the firm's own.

    \b
    The newest point:     muniment restore okafor-steele --into /srv/restored
    The region is lost:   muniment restore okafor-steele --into /srv/restored --from replica
    Over what is there:   muniment restore okafor-steele --into /var/lib/postgresql/17/main --delta
    Then:                 pg_ctl -D /srv/restored -o "-p 5433" start

    A restore that was killed goes on when the same command is given again.
    """
    from include.muniment.adapters.restore_journal import unfinished_plan
    from include.muniment.domain.recovery_target import RecoveryTarget
    from include.muniment.ports import utc_now
    from include.muniment.runbooks.plan_restore import plan_restore
    from include.muniment.runbooks.restore_cluster import restore_cluster

    vault, other = session.vault(firm_id, side), session.vault(firm_id, "replica" if side == "primary" else "primary")
    target = RecoveryTarget("point", point_id) if point_id else RecoveryTarget("latest")
    with shown_progress() as progress:
        plan = unfinished_plan(into, firm_id, side, str(target))
        if plan is not None:
            progress.note(f"the restore that was begun with plan {plan.id} goes on")
        plan = plan or plan_restore(vault, session.firm(firm_id), target, side=side, into=into, clock=utc_now)
        restored = restore_cluster(vault, plan, other=other, delta=delta, progress=progress)
    if as_json:
        say_json(
            {
                "firm": firm_id,
                "point": plan.point,
                "data_directory": str(restored.data_dir),
                "tablespaces": {str(oid): str(place) for oid, place in restored.tablespaces.items()},
                "postgresql": restored.major,
                "substitutions": [str(each) for each in restored.substitutions],
            }
        )
        return
    click.echo(f"recovery point {plan.point} is in {restored.data_dir}")
    click.echo(f'next: start PostgreSQL {restored.major} there, `pg_ctl -D {restored.data_dir} -o "-p 5433" start`;')
    click.echo(f"it replays the WAL to {plan.target}, then opens for writing")
