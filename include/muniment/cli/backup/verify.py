"""``muniment verify FIRM``: are the stored bytes right?"""

from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import say_json, say_table, size
from muniment.cli.session import SIDES, Session, firm_argument, json_option, shown_progress
from muniment.errors import Damaged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muniment.runbooks.vault.verify_firm import Fault, Verification

NAMED_AT_MOST = 20


@click.command(short_help="Are the stored bytes right?")
@firm_argument
@click.option("--deep", is_flag=True, help="Fetch, decrypt and check every byte, not only what is there and its size.")
@click.option("--in", "where", type=click.Choice(["both", *SIDES]), default="both", show_default=True)
@json_option
@click.pass_obj
def verify(session: Session, firm_id: str, where: str, *, deep: bool, as_json: bool) -> int:
    """Is everything in FIRM's vaults that a recovery point needs: there, whole and readable?

    Names every missing and every damaged object, and ends with 3 where there is one. What nothing covers, no digest,
    code or seal, is counted and named as not proven: it may be sound, and nobody can tell; that alone ends with 0.
    Needs the vaults only: neither the cluster nor, with --in, the other region.

    \b
    Every night, quickly:     muniment verify harbor-lane
    Every byte of one vault:  muniment verify harbor-lane --deep --in replica
    """
    from muniment.runbooks.vault.verify_firm import verify_vaults

    sides = SIDES if where == "both" else tuple(side for side in SIDES if side == where)
    with shown_progress() as progress:
        found = verify_vaults([session.vault(firm_id, side) for side in sides], deep=deep, progress=progress)
    is_whole = not any(verification.faults for verification in found)
    if as_json:
        say_json({"firm": firm_id, "deep": deep, "whole": is_whole, "vaults": [_plain(each) for each in found]})
    else:
        _show(found)
    return 0 if is_whole else Damaged.exit_code


def _plain(verification: "Verification") -> dict[str, Any]:
    return {
        "vault": verification.bucket,
        "objects": verification.objects,
        "bytes_read": verification.bytes_read,
        "faults": _named(verification.faults),
        "not_proven": _named(verification.unproven),
        "not_in_second_region": list(verification.not_in_second_region),
        "half_registered": list(verification.half_registered),
        "server_versions": list(verification.server_versions),
    }


def _named(found: "Sequence[Fault]") -> list[dict[str, str]]:
    return [{"key": each.key, "what": each.what} for each in found]


def _show(found: "Sequence[Verification]") -> None:
    damage = [(fault.bucket, fault.key, fault.what) for one in found for fault in one.faults]
    if damage:
        say_table(("vault", "object", "what is wrong"), damage)
    for one in found:
        _show_unproven(one)
    for one in found:
        read = f", {size(one.bytes_read)} read and checked" if one.bytes_read else ""
        versions = ", ".join(f"{each // 10000}.{each % 10000}" for each in one.server_versions)
        of = f", base backups of PostgreSQL {versions}" if versions else ""
        unproven = f", {len(one.unproven):,} not proven" if one.unproven else ""
        click.echo(f"{one.bucket}: {one.objects:,} objects{read}, {len(one.faults):,} missing or damaged{unproven}{of}")
        for point_id in one.not_in_second_region:
            click.echo(f"{point_id} is not yet in the second region")
        for point_id in one.half_registered:
            click.echo(f"{point_id} is registered in the replica alone: the next backup completes it")


def _show_unproven(one: "Verification") -> None:
    """Counted and named; all of them with --json."""
    for fault in one.unproven[:NAMED_AT_MOST]:
        click.echo(f"not proven: {fault.bucket}/{fault.key}: {fault.what}")
    if len(one.unproven) > NAMED_AT_MOST:
        click.echo(f"not proven: {len(one.unproven) - NAMED_AT_MOST:,} more in {one.bucket}; --json names them all")
