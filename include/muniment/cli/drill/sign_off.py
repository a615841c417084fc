"""``muniment sign-off FIRM DRILL``."""

import click

from muniment.cli.output import as_plain, say_json, when
from muniment.cli.session import Session, firm_argument, json_option, typed_by
from muniment.ports import utc_now


@click.command("sign-off", short_help="A reviewer's word on a quarter's drill.")
@firm_argument
@click.argument("drill_id", metavar="DRILL")
@click.option("--by", required=True, help="Who has looked at it: one of the firm's drill_reviewers.")
@click.option("--note", default="", help="What they have to say; it stands on the page.")
@json_option
@click.pass_obj
def sign_off(session: Session, firm_id: str, drill_id: str, by: str, note: str, *, as_json: bool) -> None:
    """Record that a reviewer has read the evidence of FIRM's DRILL, whether it passed or failed.

    The evidence is proven first. The record is written once, in both vaults, with the page again that shows it. Which
    drills wait, `muniment drills FIRM` tells. In Airflow, FIRM__drill_sign_off asks for the same.

    \b
    Read its page, then:    muniment sign-off quill-brandt 20261215T183000123Z --by j.marlow --note "Seen."
    """
    from muniment.runbooks.drill.sign_off import sign_off_drill

    done = sign_off_drill(
        session.site(firm_id),
        drill_id=drill_id,
        by=by,
        through=typed_by("muniment sign-off"),
        note=note,
        signed_at=utc_now(),
        clock=utc_now,
    )
    if as_json:
        say_json({"sign_off": as_plain(done)})
        return
    click.echo(
        f"drill {done.drill} ({done.verdict}) signed off for {done.quarter} by {done.by}, {when(done.signed_at)}"
    )
