"""``muniment restore FIRM --to TARGET --into DIR``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from include.muniment.cli.output import say_json
from include.muniment.cli.session import Session, firm_argument, json_option, shown_progress, side_option

if TYPE_CHECKING:
    from include.muniment.domain.recovery_target import RecoveryTarget


def _parse_target(ctx: click.Context, param: click.Parameter, text: str) -> "RecoveryTarget":
    from include.muniment.domain.recovery_target import RecoveryTarget

    try:
        return RecoveryTarget.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


@click.command(short_help="Restore a cluster into a folder, to any instant.")
@firm_argument
@click.option(
    "--to",
    "target",
    metavar="TARGET",
    default="latest",
    show_default=True,
    callback=_parse_target,
    help="latest, immediate, a recovery point's id, a time with its zone (ISO 8601), an LSN, xid:N or name:TEXT.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Show what would come back, and do nothing.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="An empty or a new folder: it becomes PostgreSQL's data directory. Without --plan it is needed.",
)
@side_option
@click.option(
    "--delta",
    is_flag=True,
    help="DIR may hold the firm's own cluster, stopped: only files that differ are fetched, others are removed.",
)
@json_option
@click.pass_obj
def restore(
    session: Session,
    firm_id: str,
    target: "RecoveryTarget",
    into: Path | None,
    side: Any,
    *,
    only_plan: bool,
    delta: bool,
    as_json: bool,
) -> None:
    """Restore FIRM's cluster into DIR, to TARGET: a base backup now, and the WAL behind it when the server starts.

    The plan is printed first: what is fetched, from where, how long it takes, what will not be in it. A target that
    cannot be reached is refused before anything is fetched, with the nearest instants that can.

    Needs one vault and PostgreSQL's programs: neither the firm's cluster, the other region nor Airflow. The restored
    cluster archives nowhere and cannot reach the firm's own.

    \b
    What would come back: muniment restore okafor-steele --plan
    All that there is:    muniment restore okafor-steele --into /srv/restored
    Before the mistake:   muniment restore okafor-steele --into /srv/restored --to 2026-11-19T16:59:00-05:00
    Before the import:    muniment restore okafor-steele --into /srv/restored --to name:before-import
    The region is lost:   muniment restore okafor-steele --into /srv/restored --from replica
    Over what is there:   muniment restore okafor-steele --into /var/lib/postgresql/17/main --delta
    Then:                 pg_ctl -D /srv/restored -o "-p 5433" start

    A restore that was killed goes on when the same command is given again.
    """
    from include.muniment.adapters.restore_journal import unfinished_plan
    from include.muniment.domain.restore_text import plan_lines
    from include.muniment.ports import utc_now
    from include.muniment.runbooks.plan_restore import plan_restore
    from include.muniment.runbooks.restore_cluster import restore_cluster

    if into is None and not only_plan:
        message = "name a folder with --into, or look at the plan alone with --plan"
        raise click.UsageError(message)
    vault, other = session.vault(firm_id, side), session.vault(firm_id, "replica" if side == "primary" else "primary")
    place = (into or Path(f"{firm_id}-restored")).absolute()
    with shown_progress() as progress:
        plan = unfinished_plan(place, firm_id, side, str(target))
        if plan is not None:
            progress.note(f"the restore that was begun with plan {plan.id} goes on")
        plan = plan or plan_restore(vault, session.firm(firm_id), target, side=side, into=place, clock=utc_now)
        if not as_json:
            click.echo("\n".join(plan_lines(plan)))
        if only_plan:
            if as_json:
                say_json({"firm": firm_id, "plan": plan.model_dump(mode="json")})
            return
        restored = restore_cluster(vault, plan, other=other, delta=delta, progress=progress)
    if as_json:
        say_json(
            {
                "firm": firm_id,
                "plan": plan.model_dump(mode="json"),
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
