"""An approved plan of one matter written into the live database: in one transaction, and only over what the plan saw.

Everything that it overwrites is handed to ``keep`` before it commits, so that ``undo_matter`` can take it back. The
documents of the plan are not brought back here: ``restore_documents.restore_in_place(vault, plan.documents)`` before
it, so that no row is live whose document is not.
"""

from collections.abc import Iterator, Mapping

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.reader import reading
from muniment.domain.approval import Approval, Request, still_holds
from muniment.domain.firm.firm import Firm
from muniment.domain.rows.difference import RowSets
from muniment.domain.rows.foreign_keys import Catalogue, RowId, Rows, digest
from muniment.domain.rows.matter_plan import BeforeImages, MatterPlan, key_text, parse_key
from muniment.domain.rows.matter_tables import MatterTables
from muniment.domain.rows.writes import RowWrites
from muniment.domain.shown_text import first_lines
from muniment.errors import ActNotApproved, LiveRowsChanged
from muniment.runbooks.rows.plan_matter import live_digests
from muniment.runbooks.rows.staged_copy import prove_copy, prove_live
from muniment.runbooks.rows.write_rows import Keep, WriteSession, writing

NAMED_AT_MOST = 50


def restore_matter(
    firm: Firm, plan: MatterPlan, *, approval: Approval, staged: PostgresServer, live: PostgresServer, keep: Keep
) -> BeforeImages:
    """What was written, as ``keep`` was given it.

    Raises ``ActNotApproved``, ``WrongCluster``, ``LiveRowsChanged``, ``LedgerOutOfBalance``, ``RowsRefused``,
    ``TablesNotRestorable``. Whatever it raises, and whenever it is killed, the live database is as it was, or all of
    the plan is in it.
    """
    require_approval(firm, f"matter {plan.matter}", plan.sha256, plan.requested_by, approval)
    prove_copy(firm, staged, live, plan.system_identifier)
    with reading(staged) as source, writing(firm, live, plan.database) as session:
        then = source.by_key(row.row_id for row in plan.chosen if row.then_sha256)
        tables = MatterTables.of(firm, source.catalogue, session.reader.catalogue)
        _require_then(plan, tables, then)
        if not plan.mends_ledger:
            session.require_balance("before")
        now = _live_rows(plan, tables, session)
        sets = RowSets(then, now, frozenset(then))
        session.bring_over(source.connection, plan.large_objects)
        return session.carry_out(tables.writes(sets, [row.row_id for row in plan.chosen]), _header(plan), keep)


def undo_matter(
    firm: Firm, images: BeforeImages, *, asked_by: str, approval: Approval, live: PostgresServer, keep: Keep
) -> BeforeImages:
    """Every row as it was before that restore; refused where one has changed since. Raises as ``restore_matter``."""
    require_approval(firm, f"what was before restore {images.plan}", images.sha256, asked_by, approval)
    prove_live(firm, live, images.system_identifier)
    left = {row.row_id: row.after for row in images.rows if row.after is not None}
    before = {row.row_id: row.before for row in images.rows if row.before is not None}
    with writing(firm, live, images.database) as session:
        catalogue = session.reader.catalogue
        session.require_balance("before")
        now = session.reader.by_key([row.row_id for row in images.rows])
        _require_same(f"restore {images.plan}", live_digests(catalogue, left), live_digests(catalogue, now), "live")
        return session.carry_out(RowWrites(now, before), images.model_copy(update={"rows": ()}), keep)


def require_approval(firm: Firm, target: str, plan_sha256: str, asked_by: str, approval: Approval) -> None:
    """Raises ``ActNotApproved``."""
    reason = still_holds(approval, Request(plan_sha256, asked_by, firm.restore.approvers))
    if reason is not None:
        raise ActNotApproved(firm=firm.id, what=target, reason=reason)


def _require_then(plan: MatterPlan, tables: MatterTables, then: Rows) -> None:
    """A staged cluster is anybody's to write into until it is destroyed."""
    planned = {row.row_id: row.then_sha256 for row in plan.chosen if row.then_sha256}
    found = {row_id: digest(row, tables.common.get(row_id[0], ())) for row_id, row in then.items()}
    _require_same(f"matter {plan.matter}", _by_table(planned), _by_table(found), "the staged cluster")


def _live_rows(plan: MatterPlan, tables: MatterTables, session: WriteSession) -> Rows:
    """All that hangs on the matter now, locked, found in the same way as for the plan. Raises ``LiveRowsChanged``."""
    reader = session.reader.of(tables.live)
    now = reader.hanging_on(reader.by_key(_known(plan, tables.live)))
    _require_same(f"matter {plan.matter}", plan.live_rows, live_digests(tables.live, now), "live")
    return now


def _known(plan: MatterPlan, catalogue: Catalogue) -> Iterator[RowId]:
    yield from (row.row_id for row in plan.rows if row.table in catalogue.tables)
    for name, keys in plan.live_rows.items():
        if name in catalogue.tables:
            columns = len(catalogue.tables[name].primary_key)
            yield from ((name, parse_key(text, columns)) for text in keys)


def _require_same(
    matter: str, planned: Mapping[str, Mapping[str, str]], found: Mapping[str, Mapping[str, str]], where: str
) -> None:
    """Both: table → key → digest. Raises ``LiveRowsChanged`` with each row and what became of it."""
    lines = []
    for name in sorted(planned.keys() | found.keys()):
        was, now = planned.get(name, {}), found.get(name, {})
        for key in sorted(was.keys() | now.keys()):
            if was.get(key) != now.get(key):
                what = "came" if key not in was else "went" if key not in now else "was changed"
                lines.append(f"  {name} {key.encode('unicode_escape').decode()} {what}")
    if lines:
        rows = "\n".join(first_lines(lines, NAMED_AT_MOST))
        raise LiveRowsChanged(count=len(lines), matter=matter, where=where, rows=rows)


def _by_table(digests: Mapping[RowId, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for (name, key), value in digests.items():
        found.setdefault(name, {})[key_text(key)] = value
    return found


def _header(plan: MatterPlan) -> BeforeImages:
    return BeforeImages(
        plan=plan.id,
        plan_sha256=plan.sha256,
        firm=plan.firm,
        database=plan.database,
        system_identifier=plan.system_identifier,
        triggers=plan.triggers,
        rows=(),
    )
