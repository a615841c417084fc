"""``muniment points FIRM``: what can be restored."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.output import as_plain, lasting, say_json, say_table, size, when
from muniment.cli.session import SIDES, Session, firm_argument, json_option, side_option
from muniment.domain.vault import keys
from muniment.errors import MunimentError, ObjectDamaged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muniment.adapters.vault.vault import Vault
    from muniment.domain.vault.firm_mark import FirmMark
    from muniment.domain.vault.registers import Point

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
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one vault lists: point id → what it lacks of it; ``unseen`` is why it could not be asked."""

    vault: str
    lacks: "Mapping[str, tuple[str, ...]]"
    unseen: str | None = None

    def cell(self, point: "Point") -> str:
        if self.unseen:
            return "not seen"
        lacks = self.lacks[point.id]
        if not lacks:
            return "whole"
        if lacks[0] != keys.point(point.id):
            return f"lacks {len(lacks):,}"
        return "not there" if point.verified_replica_at else "not yet"


@click.command(short_help="List what can be restored.")
@firm_argument
@side_option
@json_option
@click.pass_obj
def points(session: Session, firm_id: str, side: Any, *, as_json: bool) -> None:
    """List FIRM's recovery points, the oldest first, and what each vault really has of them.

    Points are read from one vault, so it answers while the firm's cluster or the other region is down; what is there is
    told by listings, the documents excepted: `muniment verify` looks for those one by one.

    \b
    The region is lost:   muniment points quill-brandt --from replica
    The newest one's id:  muniment points quill-brandt --json | jq -r '[.points[] | select(.replaced | not)][-1].id'
    """
    from muniment.adapters.vault import catalog
    from muniment.runbooks.identity import prove_vault

    vault = session.vault(firm_id, side)
    mark = prove_vault(vault)
    damaged: list[ObjectDamaged] = []
    found = catalog.points(vault, damaged=damaged.append)
    seen = [_look(vault if each == side else session.vault(firm_id, each, hasty=True), found) for each in SIDES]
    if as_json:
        plain = [{**as_plain(point), "replaced": _is_replaced(mark, point)} for point in found]
        say_json({"firm": firm_id, "vault": vault.bucket, "points": plain, "vaults": [_plain(each) for each in seen]})
    else:
        say_table((*COLUMNS, *SIDES), [(*row(point), *(each.cell(point) for each in seen)) for point in found])
        for point in found:
            if _is_replaced(mark, point):
                click.echo(f"{point.id} is of cluster {point.system_identifier}, which another one replaced")
            for line in lacking(point, firm_id):
                click.echo(line)
        for each in seen:
            _tell(each)
        click.echo(f"{len(found)} recovery points in {vault.bucket}")
    if damaged:
        raise damaged[0]


def _is_replaced(mark: "FirmMark", point: "Point") -> bool:
    return point.system_identifier != mark.system_identifier


def _look(vault: "Vault", found: "Sequence[Point]") -> Seen:
    from muniment.runbooks.identity import prove_vault
    from muniment.runbooks.vault.point_presence import absent_from

    try:
        prove_vault(vault)
        return Seen(vault.bucket, absent_from(vault, found))
    except MunimentError as error:
        return Seen(vault.bucket, {}, error.what)


def _plain(seen: Seen) -> dict[str, Any]:
    lacking = [{"point": point_id, "lacks": list(lacks)} for point_id, lacks in seen.lacks.items() if lacks]
    return {"vault": seen.vault, "unseen": seen.unseen, "lacking": lacking}


def _tell(seen: Seen) -> None:
    if seen.unseen:
        click.echo(f"{seen.vault} was not seen: {seen.unseen}")
    for point_id, lacks in seen.lacks.items():
        if lacks:
            more = f" and {len(lacks) - 1:,} more" if len(lacks) > 1 else ""
            click.echo(f"{seen.vault} lacks of {point_id}: {lacks[0]}{more}")


def lacking(point: "Point", firm_id: str) -> list[str]:
    """What could not be read that night, the first few, and where more of it is named."""
    from muniment.domain.vault.incomplete import SAID_AT_MOST

    if point.incomplete is None:
        return []
    what = "names DAMAGED files and is no verified point" if point.is_damaged else "is incomplete"
    said = [f"{point.id} {what}: {each}" for each in point.incomplete.named[:SAID_AT_MOST]]
    beside = point.incomplete.count - len(said)
    more = f"{point.id} lacks {beside:,} more: `muniment restore {firm_id} --to {point.id} --plan` names them"
    return [*said, more] if beside else said


def row(point: "Point") -> tuple[str, ...]:
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
    )
