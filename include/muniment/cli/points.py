"""``muniment points FIRM``: what can be restored."""

from typing import TYPE_CHECKING, Any

import click

from include.muniment.cli.output import as_plain, lasting, say_json, say_table, size, when
from include.muniment.cli.session import Session, firm_argument, json_option, side_option

if TYPE_CHECKING:
    from include.muniment.domain.register import Point

COLUMNS = (
    "point",
    "kind",
    "taken at",
    "size>",
    "stored>",
    "documents>",
    "of size>",
    "window until",
    "RPO>",
    "verified",
)


@click.command(short_help="List what can be restored.")
@firm_argument
@side_option
@json_option
@click.pass_obj
def points(session: Session, firm_id: str, side: Any, *, as_json: bool) -> None:
    """List FIRM's recovery points, the oldest first.

    Reads one vault, so it answers while the firm's cluster or the other region is down; where the other vault answers,
    it tells which points are in both.

    \b
    The region is lost:   muniment points quill-brandt --from replica
    The newest one's id:  muniment points quill-brandt --json | jq -r '.points[-1].id'
    """
    from include.muniment.adapters import catalog
    from include.muniment.runbooks.identity import prove_vault

    vault = session.vault(firm_id, side)
    prove_vault(vault)
    elsewhere = catalog.point_ids(session.vault(firm_id, "replica" if side == "primary" else "primary", hasty=True))
    found = catalog.points(vault)
    if as_json:
        say_json({"firm": firm_id, "vault": vault.bucket, "points": [as_plain(point) for point in found]})
        return
    say_table(COLUMNS, [row(point, elsewhere) for point in found])
    click.echo(f"{len(found)} recovery points in {vault.bucket}")


def row(point: "Point", elsewhere: frozenset[str] | None = None) -> tuple[str, ...]:
    """``elsewhere``: the ids that the other vault registers; ``None`` where it was not asked or does not answer."""
    window = point.windows[-1] if point.windows else None
    return (
        point.id,
        point.kind,
        when(point.taken_at),
        size(point.size_bytes),
        size(point.stored_bytes),
        f"{point.document_count:,}",
        size(point.document_bytes),
        when(window.end_at) if window else "—",
        lasting(point.effective_rpo_s),
        _verified(point, elsewhere),
    )


def _verified(point: "Point", elsewhere: frozenset[str] | None) -> str:
    """A point's register is in a vault when all that it names has been read back there."""
    both = point.verified_replica_at is not None if elsewhere is None else point.id in elsewhere
    return "both regions" if both else "one region"
