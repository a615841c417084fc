"""``muniment matter FIRM MATTER``."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from muniment.cli.restore.documents import Instant
from muniment.cli.restore.in_place import (
    UNDO,
    Answer,
    Servers,
    Ways,
    answer_by,
    asked_by,
    in_place_command,
    open_servers,
    planned,
    read_plan,
    require_one_way,
    write_new,
)
from muniment.cli.restore.second_person import approved, subject
from muniment.cli.session import Session, shown_progress
from muniment.ports import utc_now

if TYPE_CHECKING:
    from muniment.adapters.documents.source_bucket import SourceBucket
    from muniment.domain.documents.recovery import DocumentRestorePlan
    from muniment.domain.rows.matter_plan import MatterPlan
    from muniment.runbooks.acts.second_person import Subject

LONGEST_VALUE = 80


@in_place_command(
    "One matter as it was, back into the live database.",
    click.option("--at", type=Instant(), metavar="T", help="The documents' instant. Default: the staging's own."),
    click.option("--only", multiple=True, metavar="TABLE:KEY", help="Only this row, and what it cannot do without."),
    click.option("--exactly", is_flag=True, help="As it was and nothing else: what was added since is removed."),
    click.option("--without-triggers", is_flag=True, help="The live tables' triggers are off while it is written."),
    click.option("--mend-ledger", is_flag=True, help="The ledger is out of balance now, and this puts it right."),
    click.option("--without-documents", is_flag=True, help="Rows alone."),
    click.option("--values", is_flag=True, help="Show what the rows hold, then and now. The plan never has it."),
    argument=click.argument("matter_id", metavar="MATTER"),
    more=UNDO,
)
def matter(session: Session, /, firm_id: str, matter_id: str, side: Any, *, as_json: bool, **asked: Any) -> None:
    """Bring MATTER of FIRM back: its row and all that hangs on it, out of a staged copy, with its documents.

    First the difference: what was deleted, changed or added since. A plan names the rows and is approved as it is; it
    is applied in one transaction, or not at all where a row has changed meanwhile (exit code 4), and the ledger
    balances before and after. What it overwrites is kept in a file of its own, so that it can be undone.

    \b
    What became of it?   muniment matter hudson 2026-00417 --staged 20261121T083000123Z --values
    Plan it:             muniment matter hudson 2026-00417 --staged 20261121T083000123Z --plan plan.json
    Two rows only:       … --only practice.notes:17 --only practice.notes:18 --plan plan.json
    Somebody else signs: muniment approve plan.json.request
    Do it:               … --apply plan.json --approval plan.json.request.sig
    Take it back:        … --undo plan.json.before
    """
    require_one_way(asked, "plan_path", "apply_path", "undo_path")
    servers = open_servers(session, firm_id, side, asked["staged"])
    ways: Ways = {
        "apply_path": lambda: _apply(session, servers, side, matter_id, asked),
        "undo_path": lambda: _undo(session, servers, asked),
    }
    answer_by(
        firm_id, ways, asked, otherwise=lambda: _planned(session, servers, side, matter_id, asked), as_json=as_json
    )


def _planned(session: Session, servers: Servers, side: Any, matter_id: str, asked: dict[str, Any]) -> Answer:
    plan = _plan(session, servers, side, matter_id, asked)
    answer = planned(servers.firm, plan, _subject(plan), asked["plan_path"])
    if asked["values"]:
        answer["values"] = _values(servers, plan)
        answer["lines"] += [line for row in answer["values"] for line in _value_lines(row)]
    answer["lines"].append(f"plan {plan.sha256[:12]}: nothing was written")
    return answer


def _plan(session: Session, servers: Servers, side: Any, matter_id: str, asked: dict[str, Any]) -> "MatterPlan":
    from muniment.runbooks.rows.plan_matter import MatterRequest, plan_matter

    at = _instant(session, servers, side, asked)
    request = MatterRequest(
        matter_id,
        asked_by(),
        source=servers.source,
        at=at,
        only=asked["only"],
        exactly=asked["exactly"],
        triggers="disabled" if asked["without_triggers"] else "fire",
        mends_ledger=asked["mend_ledger"],
    )
    documents = None
    if at is not None and not asked["without_documents"]:
        documents = partial(_plan_documents, session, servers.firm.id, side, at)
    return plan_matter(
        servers.firm, request, staged=servers.staged, live=servers.live, clock=utc_now, documents=documents
    )


def _subject(plan: "MatterPlan") -> "Subject":
    return subject("matter", f"matter {plan.matter}", plan.sha256, plan.requested_by)


def _values(servers: Servers, plan: "MatterPlan") -> list[dict[str, Any]]:
    from muniment.runbooks.rows.show_values import show_values

    found = show_values(plan, staged=servers.staged, live=servers.live)
    return [{"table": each.row.table, "key": each.row.key, "then": each.then, "live": each.live} for each in found]


def _value_lines(row: dict[str, Any]) -> Iterator[str]:
    yield f"{row['table']} {' '.join(row['key'])!r}"
    for column in dict.fromkeys((*row["then"], *row["live"])):
        then, live = (_shown(row[side], column) for side in ("then", "live"))
        yield f"  {column}: {then} → {live}"


def _shown(values: dict[str, str | None], column: str) -> str:
    """One line, whatever the value holds."""
    if column not in values:
        return "—"
    value = values[column]
    if value is None:
        return "NULL"
    return repr(value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…")


def _instant(session: Session, servers: Servers, side: Any, asked: dict[str, Any]) -> datetime | None:
    from muniment.adapters.vault import catalog
    from muniment.runbooks.vault.typed_point import typed_point

    at = asked["at"] or servers.at
    if at is None or isinstance(at, datetime):
        return at
    vault = session.vault(servers.firm.id, side)
    if at == "latest":
        newest = next(catalog.latest_snapshots(vault), None)
        return newest.taken_at if newest else None
    with typed_point(at, *session.hasty_vaults(servers.firm.id)):
        return catalog.snapshot_head(vault, at).taken_at


def _plan_documents(
    session: Session, firm_id: str, side: Any, at: datetime, names: Sequence[str]
) -> "DocumentRestorePlan":
    from muniment.domain.documents.selection import Selection
    from muniment.runbooks.documents.restore_documents import plan_document_restore

    vault = session.vault(firm_id, side)
    selection = Selection(names=tuple(names))
    return plan_document_restore(vault, selection=selection, at=at, live=_live_buckets(session, firm_id))


def _live_buckets(session: Session, firm_id: str) -> "dict[str, SourceBucket]":
    from muniment.adapters.documents.source_bucket import source_buckets

    site = session.site(firm_id)
    return source_buckets(site.firm, site.clients)


def _apply(session: Session, servers: Servers, side: Any, matter_id: str, asked: dict[str, Any]) -> Answer:
    from muniment.domain.rows.matter_plan import MatterPlan
    from muniment.runbooks.rows.restore_matter import restore_matter
    from muniment.runbooks.rows.write_rows import counts

    plan = read_plan(MatterPlan, asked["apply_path"])
    if (plan.firm, plan.matter) != (servers.firm.id, matter_id):
        message = f"{asked['apply_path']} is a plan of matter {plan.matter} of {plan.firm}"
        raise click.UsageError(message)
    kept = asked["keep_path"] or asked["apply_path"].with_name(f"{asked['apply_path'].name}.before")
    with approved(session, servers.firm, _subject(plan), asked["apply_path"], asked) as act:
        act.did["documents"] = documents = _restore_documents(session, plan, side)
        images = restore_matter(
            servers.firm,
            plan,
            approval=act.approval,
            staged=servers.staged,
            live=servers.live,
            keep=partial(write_new, kept),
        )
        told = counts(images)
        act.did.update(told)
    lines = [
        f"matter {plan.matter} is live again: {_rows(told)}, {documents} documents restored",
        *([f"{len(plan.large_objects)} large objects came back"] if plan.large_objects else []),
        f"what was overwritten is in {kept}: it holds the firm's data, keep it as such",
    ]
    return {"matter": plan.matter, **told, "documents_restored": documents, "kept": str(kept), "lines": lines}


def _restore_documents(session: Session, plan: "MatterPlan", side: Any) -> int:
    """Before the rows: each becomes a new version, which harms nobody should the rows be refused."""
    from muniment.runbooks.documents.restore_documents import restore_in_place

    if plan.documents is None:
        return 0
    with shown_progress() as progress:
        vault, live = session.vault(plan.firm, side), _live_buckets(session, plan.firm)
        return len(restore_in_place(vault, plan.documents, live=live, progress=progress))


def _undo(session: Session, servers: Servers, asked: dict[str, Any]) -> Answer:
    from muniment.domain.rows.matter_plan import BeforeImages
    from muniment.runbooks.rows.restore_matter import undo_matter
    from muniment.runbooks.rows.write_rows import counts

    path = asked["undo_path"]
    images = read_plan(BeforeImages, path)
    wanted = subject("undo", f"what restore {images.plan} wrote", images.sha256)
    with approved(session, servers.firm, wanted, path, asked) as act:
        undone = undo_matter(
            servers.firm,
            images,
            asked_by=act.asked_by,
            approval=act.approval,
            live=servers.live,
            keep=partial(write_new, asked["keep_path"] or path.with_name(f"{path.name}.before")),
        )
        told = counts(undone)
        act.did.update(told)
    return {"undone": undone.plan, **told, "lines": [f"restore {undone.plan} is undone: {_rows(told)}"]}


def _rows(told: Mapping[str, int]) -> str:
    return f"{told['inserted']} rows inserted, {told['updated']} updated, {told['deleted']} deleted"
