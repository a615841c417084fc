"""``muniment expire FIRM``: what the policy lets go."""

import sys

import click

from muniment.cli.output import say_json
from muniment.cli.session import Session, firm_argument, json_option, shown_progress
from muniment.ports import utc_now


@click.command(short_help="What may go, what stays, and why.")
@firm_argument
@click.option("--dry-run", is_flag=True, help="Print the plan and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
@click.option("--kept", "with_kept", is_flag=True, help="Also what stays, and why.")
@json_option
@click.pass_obj
def expire(session: Session, firm_id: str, *, dry_run: bool, yes: bool, with_kept: bool, as_json: bool) -> None:
    """Which objects of FIRM may go, which stay, and why: the plan first, then the deletion.

    Kept are all that a kept recovery point needs, what a hold covers, what Object Lock holds, and the minimum number of
    points. Nothing goes before the newest point is verified in both regions (exit code 4). The nightly chain ends with
    this; nobody has to run it.

    \b
    What would go tonight?   muniment expire quill-brandt --dry-run
    Why is this still here?  muniment expire quill-brandt --dry-run --kept
    How much would that be?  muniment expire quill-brandt --dry-run --json | jq '[.vaults[].going_bytes] | add'
    """
    if not dry_run and not yes:
        _ask(firm_id)
    from muniment.adapters.vault import catalog
    from muniment.runbooks.identity import prove_identity
    from muniment.runbooks.retention.expire import expire as run

    site = session.site(firm_id)
    prove_identity(site)
    point = catalog.latest_point(site.primary)
    with shown_progress() as progress:
        plan = run(site, point_id=point.id, clock=utc_now, progress=progress, dry_run=dry_run)
    if as_json:
        say_json(plan.summary())
        return
    for line in plan.lines(with_kept=with_kept):
        click.echo(line)
    if any(vault.going for vault in plan.vaults):
        click.echo("deleted: what goes above" if plan.done else "dry run: nothing was deleted")


def _ask(firm_id: str) -> None:
    if not sys.stdin.isatty():
        message = "nobody is here to be asked: say --yes to delete, or --dry-run to see the plan"
        raise click.UsageError(message)
    click.confirm(f"Delete what the policy of {firm_id} lets go?", abort=True, err=True)
