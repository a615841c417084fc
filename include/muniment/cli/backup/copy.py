"""``muniment copy FIRM``: the second region."""

import click

from muniment.cli.output import say_json, size
from muniment.cli.session import Session, firm_argument, json_option, shown_progress
from muniment.ports import utc_now


@click.command(short_help="Bring a recovery point to the other region.")
@firm_argument
@click.option("--point", "point_id", metavar="ID", help="Which recovery point. Default: the newest.")
@json_option
@click.pass_obj
def copy(session: Session, firm_id: str, point_id: str | None, *, as_json: bool) -> None:
    """Bring a recovery point of FIRM to the replica vault, and read it back there.

    Server-side and only what is missing: run it again as often as you like. The nightly chain has done it already; this
    is for a replica that was lost or changed.
    """
    from muniment.runbooks.vault.copy_point import copy_point

    site = session.site(firm_id)
    with shown_progress() as progress:
        point, proof = copy_point(site, point_id=point_id, clock=utc_now, progress=progress)
    if as_json:
        say_json({"firm": firm_id, "point": point.id, "proof": proof.model_dump(mode="json")})
        return
    click.echo(
        f"recovery point {point.id} is in {site.replica.bucket}: {proof.objects_copied:,} objects copied "
        f"({size(proof.bytes_copied)}), {proof.objects_already_there:,} were there"
    )
