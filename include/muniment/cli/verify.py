"""``muniment verify FIRM``: are the stored bytes right?"""

from typing import TYPE_CHECKING

import click

from include.muniment.cli.output import say_json, say_table, size
from include.muniment.cli.session import SIDES, Session, firm_argument, json_option, shown_progress
from include.muniment.errors import Damaged

if TYPE_CHECKING:
    from include.muniment.runbooks.verify_firm import Verification


@click.command(short_help="Are the stored bytes right?")
@firm_argument
@click.option("--deep", is_flag=True, help="Fetch, decrypt and check every byte, not only names and sizes.")
@click.option("--in", "where", type=click.Choice(["both", *SIDES]), default="both", show_default=True)
@json_option
@click.pass_obj
def verify(session: Session, firm_id: str, where: str, *, deep: bool, as_json: bool) -> int:
    """Is everything in FIRM's vaults that a register names, whole and readable?

    Names every damaged object, and ends with 3 where there is one. Needs the vaults only: neither the cluster nor, with
    --in, the other region.

    \b
    Every night, quickly:     muniment verify harbor-lane
    Every byte of one vault:  muniment verify harbor-lane --deep --in replica
    """
    from include.muniment.runbooks.verify_firm import verify_vault

    sides = SIDES if where == "both" else tuple(side for side in SIDES if side == where)
    with shown_progress() as progress:
        vaults = [session.vault(firm_id, side) for side in sides]
        found = {vault.bucket: verify_vault(vault, deep=deep, progress=progress) for vault in vaults}
    is_whole = not any(verification.faults for verification in found.values())
    if as_json:
        say_json({"firm": firm_id, "deep": deep, "whole": is_whole, "vaults": _plain(found)})
    else:
        _show(found)
    return 0 if is_whole else Damaged.exit_code


def _plain(found: "dict[str, Verification]") -> list[dict[str, object]]:
    return [
        {
            "vault": bucket,
            "objects": verification.objects,
            "bytes_read": verification.bytes_read,
            "faults": [{"key": fault.key, "what": fault.what} for fault in verification.faults],
        }
        for bucket, verification in found.items()
    ]


def _show(found: "dict[str, Verification]") -> None:
    damage = [(fault.bucket, fault.key, fault.what) for one in found.values() for fault in one.faults]
    if damage:
        say_table(("vault", "object", "what is wrong"), damage)
    for bucket, one in found.items():
        read = f", {size(one.bytes_read)} read and checked" if one.bytes_read else ""
        click.echo(f"{bucket}: {one.objects:,} objects{read}, {len(one.faults):,} damaged")
