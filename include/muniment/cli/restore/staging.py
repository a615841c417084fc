"""``muniment staging``: the restored clusters that stand on this machine for a time."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import as_plain, say_json, say_table, when
from muniment.cli.restore.documents import Standing
from muniment.cli.session import json_option, tend_stagings
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.domain.restore.staging import Staging
    from muniment.runbooks.staging.lifetime import HalfMade

COLUMNS = ("staging", "firm", "target", "reached", "until", "checks>", "server")


@click.group(short_help="Restored clusters on this machine: list, extend, destroy.")
def staging() -> None:
    """Restores that stand beside the live cluster, each until its time is over.

    They lie below MUNIMENT_SCRATCH. One firm's staging is made by `muniment restore FIRM --to T --stage`.
    """


@staging.command("list", short_help="What stands on this machine, and how to get in.")
@json_option
def list_stagings(*, as_json: bool) -> None:
    """List the stagings of this machine, and how to connect to each; also those that somebody makes, or was kept from
    finishing.

    \b
    psql into the only one:   psql "$(muniment staging list --json | jq -r '.stagings[0].conninfo')"
    """
    from muniment.runbooks.drill.restore import scratch_root
    from muniment.runbooks.staging.lifetime import half_made, stagings

    tend_stagings()
    found, unfinished = stagings(scratch_root()), half_made(scratch_root())
    if as_json:
        halves = [_half_made_as_plain(each) for each in unfinished]
        say_json({"stagings": [staging_as_plain(each) for each in found], "half_made": halves})
        return
    say_table(COLUMNS, [_row(each) for each in found] + [_half_made_row(each) for each in unfinished])
    for each in found:
        say_staging(each)
    for half in unfinished:
        if not half.is_being_made:
            click.echo(f"{half.id}: half-made, and whoever made it is gone; it is removed {when(half.removed_at)},")
            click.echo(f"  or now: `muniment staging destroy {half.id}`")


@staging.command(short_help="Give one more time.")
@click.argument("staging_id", metavar="ID")
@click.option("--ttl", type=Standing(), required=True, help="From now on: 90m, 24h, 7d; 10 minutes to 30 days.")
@json_option
def extend(staging_id: str, ttl: timedelta, *, as_json: bool) -> None:
    """Let staging ID stand for TTL from now on, whatever was left of its time.

    \b
    Two more days:   muniment staging extend 20261121T083000123Z --ttl 2d
    """
    from muniment.runbooks.drill.restore import scratch_root
    from muniment.runbooks.staging import lifetime as runbook

    longer = runbook.extend(runbook.find_staging(scratch_root(), staging_id), utc_now() + ttl)
    if as_json:
        say_json({"staging": staging_as_plain(longer)})
        return
    click.echo(f"staging {longer.id} of {longer.firm} stands until {when(longer.expires_at)}")


@staging.command(short_help="End its server and remove it.")
@click.argument("staging_id", metavar="ID")
@json_option
def destroy(staging_id: str, *, as_json: bool) -> None:
    """End the server of staging ID and remove its folder, documents and all, be it half-made. The firm's vaults are not
    touched.

    \b
    Not needed any more:   muniment staging destroy 20261121T083000123Z
    """
    from muniment.runbooks.drill.restore import scratch_root
    from muniment.runbooks.staging import lifetime as runbook

    folder = runbook.find_any_staging(scratch_root(), staging_id)
    runbook.destroy(folder)
    if as_json:
        say_json({"destroyed": str(folder.path)})
        return
    click.echo(f"{folder.path} is gone, its server too")


def staging_as_plain(staged: "Staging") -> dict[str, Any]:
    """``staging.json``, and what follows from it."""
    more = {"conninfo": staged.connection.conninfo, "passed": staged.passed, "running": _is_running(staged)}
    return {**as_plain(staged), **more}


def _is_running(staged: "Staging") -> bool:
    from muniment.adapters.staging.records import StagingFolder

    return StagingFolder(Path(staged.data_directory).parent).is_running


def say_staging(staged: "Staging") -> None:
    """How to get in, where the documents are, and what was found wrong."""
    from muniment.domain.evidence import counted

    click.echo(f'{staged.id}: psql "{staged.connection.conninfo}"')
    click.echo(f"  until {when(staged.expires_at)}; {counted(staged.checks)}")
    if staged.documents:
        click.echo(
            f"  {staged.documents.count:,} documents of {when(staged.documents.at)} in {staged.documents.folder}"
        )
    for what in staged.asleep:
        click.echo(f"  asleep: {what}")
    for check in staged.failed_checks:
        click.echo(f"  FAILED {check.name}: expected {check.expected}, found {check.found}")


def _half_made_as_plain(each: "HalfMade") -> dict[str, Any]:
    return {
        "id": each.id,
        "firm": each.firm,
        "target": each.target,
        "folder": str(each.folder),
        "begun_at": each.begun_at.isoformat(),
        "removed_at": each.removed_at.isoformat(),
        "being_made": each.is_being_made,
    }


def _half_made_row(each: "HalfMade") -> tuple[str, ...]:
    state = "being made" if each.is_being_made else "half-made"
    return each.id, each.firm, each.target, "—", when(each.removed_at), "—", state


def _row(staged: "Staging") -> tuple[str, ...]:
    return (
        staged.id,
        staged.firm,
        staged.target,
        when(staged.reached_at) if staged.reached_at else str(staged.reached_lsn or "—"),
        when(staged.expires_at),
        f"{len(staged.passed_checks)}/{len(staged.checks)}",
        f"port {staged.connection.port}" if _is_running(staged) else "does not run",
    )
