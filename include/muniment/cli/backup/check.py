"""``muniment check FIRM``."""

import click

from muniment.cli.output import say_json, say_table
from muniment.cli.session import Session, firm_argument, json_option, tend_stagings
from muniment.errors import CheckFailed
from muniment.ports import utc_now


@click.command(short_help="May a backup of this firm start?")
@firm_argument
@click.option(
    "--replace-lost-vault", is_flag=True, help="First make a vault anew that is gone while the other one is not."
)
@json_option
@click.pass_obj
def check(session: Session, firm_id: str, *, as_json: bool, replace_lost_vault: bool) -> int:
    """May a backup of FIRM start? Everything that stands in its way, each with its remedy.

    Looks at the cluster, both vaults, both keys, the document buckets and the configuration, and writes nothing. Ends
    with 4 where a finding stops the backup; a warning does not.
    """
    from muniment.runbooks.firm.check_firm import check_firm
    from muniment.runbooks.vault.create_vaults import create_vaults

    tend_stagings()
    if replace_lost_vault:
        for done in create_vaults(session.site(firm_id), clock=utc_now, replace_lost=True):
            click.echo(f"made: {done}", err=True)
    findings = check_firm(session.site(firm_id), clock=utc_now)
    is_ready = all(finding.severity != "stop" for finding in findings)
    if as_json:
        rows = [{"severity": f.severity, "what": f.what, "remedy": f.remedy} for f in findings]
        say_json({"firm": firm_id, "ready": is_ready, "findings": rows})
    else:
        if findings:
            say_table(("", "finding", "remedy"), [(f.severity.upper(), f.what, f.remedy) for f in findings])
        click.echo(f"firm {firm_id} is {'ready' if is_ready else 'not ready'} for a backup")
    return 0 if is_ready else CheckFailed.exit_code
