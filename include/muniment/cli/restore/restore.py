"""``muniment restore FIRM --to TARGET --into DIR``, or ``--stage``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import paper_width, say_json, when
from muniment.cli.restore.documents import Standing, live_buckets
from muniment.cli.restore.staging import say_staging, staging_as_plain
from muniment.cli.session import Session, firm_argument, json_option, shown_progress, side_option
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.adapters.site.site import Side
    from muniment.adapters.vault.vault import Vault
    from muniment.domain.recovery.target import RecoveryTarget
    from muniment.domain.restore.plan import RestorePlan
    from muniment.ports import Progress


def _parse_target(ctx: click.Context, param: click.Parameter, text: str) -> "RecoveryTarget":
    from muniment.domain.recovery.target import RecoveryTarget

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
    help="latest, immediate, a recovery point's id, a time with its zone (ISO 8601), an LSN, xid:N or name:TEXT;"
    " timeline:N: before it for another timeline than the one that serves.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Show what would come back, and do nothing.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="An empty or a new folder: it becomes PostgreSQL's data directory.",
)
@click.option("--stage", is_flag=True, help="Beside the live cluster: a server that hurts nobody, with its documents.")
@click.option(
    "--ttl",
    type=Standing(),
    help="How long a staging stands: 90m, 24h, 7d; 10 minutes to 30 days. Default: the policy's.",
)
@click.option(
    "--without-documents", is_flag=True, help="Stage the cluster alone; rows are still compared with snapshots."
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
    /,
    firm_id: str,
    target: "RecoveryTarget",
    into: Path | None,
    side: Any,
    *,
    as_json: bool,
    **how: Any,
) -> None:
    """Restore FIRM's cluster to TARGET: into DIR, or with --stage as a server beside the live one, for a time.

    Into DIR comes a base backup; the WAL behind it when its server is started. A staging is recovered, is read back and
    answers on this machine, with the documents of the same instant; `muniment staging` lists, extends and destroys.

    The plan is printed first: what is fetched, from where, how long it takes, what will not be in it. A target that
    cannot be reached is refused before anything is fetched, with the nearest instants that can.

    Needs one vault and PostgreSQL's programs: neither the firm's cluster, the other region nor Airflow. The restored
    cluster archives nowhere and cannot reach the firm's own.

    \b
    What would come back: muniment restore okafor-steele --plan
    To look at yesterday: muniment restore okafor-steele --stage --to 2026-11-19T16:59:00-05:00
    All that there is:    muniment restore okafor-steele --into /srv/restored
    Before the mistake:   muniment restore okafor-steele --into /srv/restored --to 2026-11-19T16:59:00-05:00
    Before the import:    muniment restore okafor-steele --into /srv/restored --to name:before-import
    The region is lost:   muniment restore okafor-steele --into /srv/restored --from replica
    Over what is there:   muniment restore okafor-steele --into /var/lib/postgresql/17/main --delta
    Then:                 pg_ctl -D /srv/restored -o '-p 5433 -c data_directory=/srv/restored' start

    A restore that was killed goes on when the same command is given again.
    """
    from muniment.adapters.site.site import opposite

    vault, other = session.vault(firm_id, side), session.vault(firm_id, opposite(side))
    with shown_progress() as progress:
        if how["stage"]:
            plan = _staging_plan(session, vault, other, side, target, progress, only=how["only_plan"])
        else:
            plan = _folder_plan(session, vault, other, side, target, into, progress, how)
        _say_plan(plan, only=how["only_plan"], as_json=as_json)
        if how["only_plan"]:
            return
        if how["stage"]:
            _stage(session, vault, other, plan, progress, as_json=as_json, how=how)
        else:
            _restore(vault, other, plan, progress, as_json=as_json, delta=how["delta"])


def _folder_plan(
    session: Session,
    vault: "Vault",
    other: "Vault",
    side: "Side",
    target: "RecoveryTarget",
    into: Path | None,
    progress: "Progress",
    how: dict[str, Any],
) -> "RestorePlan":
    """The one that was begun there, where it is the same that is asked for."""
    from muniment.adapters.restore.journal import unfinished_plan
    from muniment.runbooks.restore.plan_restore import plan_restore
    from muniment.runbooks.restore.target_folder import holds_cluster

    only = how["only_plan"]
    if into is None and not only:
        message = "name a folder with --into, stage it with --stage, or look at the plan alone with --plan"
        raise click.UsageError(message)
    place = (into or Path(f"{vault.firm}-restored")).absolute()
    plan = unfinished_plan(place, vault.firm, side, str(target))
    if plan is not None:
        progress.note(f"the restore that was begun with plan {plan.id} goes on")
        progress.note(f"made {when(plan.made_at)}: {plan.target} is what it was then; an empty folder begins anew")
        return plan
    replaces = str(place) if how["delta"] and holds_cluster(place) else None
    plan = plan_restore(
        vault,
        session.firm(vault.firm),
        target,
        side=side,
        into=place,
        clock=utc_now,
        replaces=replaces,
        other=other,
    )
    return plan if only else _leased(vault, other, plan, progress)


def _staging_plan(
    session: Session,
    vault: "Vault",
    other: "Vault",
    side: "Side",
    target: "RecoveryTarget",
    progress: "Progress",
    *,
    only: bool,
) -> "RestorePlan":
    from muniment.runbooks.drill.restore import scratch_root
    from muniment.runbooks.restore.plan_restore import plan_restore
    from muniment.runbooks.staging.lifetime import begun_plans
    from muniment.runbooks.staging.stage_restore import staging_place

    into = staging_place(scratch_root(), vault.firm, utc_now())
    plan = plan_restore(vault, session.firm(vault.firm), target, side=side, into=into, clock=utc_now, other=other)
    for begun in begun_plans(scratch_root(), plan):
        if begun.restores_the_same(plan):
            progress.note(f"the staging that was begun with plan {begun.id} goes on")
            return begun
        progress.note(f"the staging that was begun with plan {begun.id}, made {when(begun.made_at)}, led elsewhere")
        progress.note("this one begins anew; `muniment staging list` shows both")
    return plan if only else _leased(vault, other, plan, progress)


def _leased(vault: "Vault", other: "Vault", plan: "RestorePlan", progress: "Progress") -> "RestorePlan":
    from muniment.runbooks.leases.lease_point import lease_plan

    return lease_plan((vault, other), plan, progress=progress)


def _say_plan(plan: "RestorePlan", *, only: bool, as_json: bool) -> None:
    from muniment.domain.restore.plan_text import COLUMNS, plan_lines

    if not as_json:
        click.echo("\n".join(plan_lines(plan, min(paper_width(), COLUMNS))))
    elif only:
        say_json({"firm": plan.firm, "plan": plan.model_dump(mode="json")})


def _restore(
    vault: "Vault", other: "Vault", plan: "RestorePlan", progress: "Progress", *, as_json: bool, delta: bool
) -> None:
    from muniment.adapters.staging.isolated_cluster import fenced_start_command
    from muniment.adapters.wal.spool import spool_beside
    from muniment.domain.restore.settings import start_command
    from muniment.runbooks.restore.restore_cluster import restore_cluster

    restored = restore_cluster(vault, plan, other=other, delta=delta, progress=progress)
    if as_json:
        say_json(
            {
                "firm": plan.firm,
                "plan": plan.model_dump(mode="json"),
                "point": plan.point,
                "data_directory": str(restored.data_dir),
                "tablespaces": {str(oid): str(place) for oid, place in restored.tablespaces.items()},
                "postgresql": restored.major,
                "substitutions": [str(each) for each in restored.substitutions],
            }
        )
        return
    click.echo(f"the base backup of recovery point {plan.point} is in {restored.data_dir}")
    click.echo(f"next: start PostgreSQL {restored.major} there, `{start_command(str(restored.data_dir))}`;")
    click.echo(f"it replays the WAL to {plan.target}, then opens for writing. Its user must own the folder and its")
    click.echo(
        "tablespaces (`chown -R`), and have this shell's MUNIMENT_ and AIRFLOW_CONN_ variables, to fetch the WAL;"
    )
    fenced = fenced_start_command(restored.data_dir, spool_beside(restored.data_dir))
    click.echo(f"or so that the kernel keeps it from writing anywhere else: {fenced}")


def _stage(
    session: Session,
    vault: "Vault",
    other: "Vault",
    plan: "RestorePlan",
    progress: "Progress",
    *,
    as_json: bool,
    how: dict[str, Any],
) -> None:
    from muniment.runbooks.staging.stage_restore import Beside, stage_restore

    staged = stage_restore(
        vault,
        session.firm(plan.firm),
        plan,
        beside=Beside(other, live_buckets(session, plan.firm)),
        ttl=how["ttl"],
        documents=not how["without_documents"],
        clock=utc_now,
        progress=progress,
    )
    if as_json:
        say_json({"firm": plan.firm, "plan": plan.model_dump(mode="json"), "staging": staging_as_plain(staged)})
    else:
        say_staging(staged)
        click.echo(f"it is destroyed by itself; `muniment staging extend {staged.id} --ttl 24h` gives it more time")
    if not staged.passed:  # it stands all the same, to be looked at
        click.get_current_context().exit(1)
