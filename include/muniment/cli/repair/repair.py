"""``muniment repair FIRM``: what one vault lacks comes back from the other."""

import sys
from typing import TYPE_CHECKING

import click

from muniment.cli.output import say_json
from muniment.cli.session import SIDES, Session, firm_argument, json_option, shown_progress
from muniment.errors import Damaged
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.domain.repair.plan import RepairPlan
    from muniment.runbooks.repair.repair_vaults import Failure


@click.command(short_help="Bring back what one vault lacks and the other has.")
@firm_argument
@click.option("--deep", is_flag=True, help="Read and prove every byte of both vaults, not only names and sizes.")
@click.option("--plan", "plan_only", is_flag=True, help="Print the plan and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
@json_option
@click.pass_obj
def repair(session: Session, firm_id: str, *, deep: bool, plan_only: bool, yes: bool, as_json: bool) -> int:
    """Bring back what one of FIRM's vaults lacks or has damaged and the other has whole, in either direction.

    The plan first. Where a vault's firm.json is wrong it is the whole plan: run repair again for the rest. Only bytes
    that prove themselves are written: by a register's sha256, or by decrypting. Nothing is deleted: a damaged object
    stays below what is written over it. Needs both vaults and neither the cluster nor Airflow. Ends with 3 where
    something is lost in both vaults or could not be brought.

    \b
    After a hole in the WAL:    muniment repair quill-brandt --plan
    After `muniment verify --deep` has named damage:  muniment repair quill-brandt --deep
    """
    from muniment.runbooks.repair.repair_vaults import find_repair
    from muniment.runbooks.repair.repair_vaults import repair as run

    vaults = session.vault(firm_id, SIDES[0]), session.vault(firm_id, SIDES[1])
    with shown_progress() as progress:
        plan = find_repair(vaults, deep=deep, progress=progress)
    if not as_json:
        for line in plan.lines():
            click.echo(line)
    failures: tuple[Failure, ...] = ()
    is_done = plan.brings > 0 and not plan_only and _agreed(firm_id, yes=yes)
    if is_done:
        with shown_progress() as progress:
            failures = run(plan, vaults, clock=utc_now, progress=progress)
    _say(plan, failures, is_done=is_done, as_json=as_json)
    return Damaged.exit_code if plan.lost or failures else 0


def _agreed(firm_id: str, *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        message = "nobody is here to be asked: say --yes to write, or --plan to see the plan"
        raise click.UsageError(message)
    click.confirm(f"Write this into the vaults of {firm_id}?", abort=True, err=True)
    return True


def _say(plan: "RepairPlan", failures: "tuple[Failure, ...]", *, is_done: bool, as_json: bool) -> None:
    if as_json:
        failed = [{"key": each.key, "what": each.what} for each in failures]
        say_json({**plan.summary(), "done": is_done, "failed": failed})
        return
    for each in failures:
        click.echo(f"FAILED {each.key}: {each.what}")
    if is_done and plan.mark and not failures:
        bucket = plan.mark.bucket
        click.echo(f"firm.json of {bucket} is right again; run `muniment repair {plan.firm}` again for the rest")
    elif is_done:
        click.echo(f"brought {plan.brings - len(failures)} objects")
    elif plan.brings:
        click.echo("nothing was written")
