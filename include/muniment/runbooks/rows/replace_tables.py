"""Tables in place: the rows of now set aside, the rows of then in their stead, in one transaction, after approval."""

from collections.abc import Iterable, Iterator, Sequence

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.reader import Connection, reading
from muniment.adapters.rows.table_rows import exchange_rows, lock_whole, read_state, set_aside
from muniment.adapters.rows.writer import RowWriter
from muniment.domain.approval import Approval
from muniment.domain.firm.firm import Firm
from muniment.domain.record import new_id
from muniment.domain.rows.foreign_keys import Catalogue, NoOrder, Table, table_order
from muniment.domain.rows.table_plan import TablesPlan, TableState, stamped
from muniment.errors import LiveRowsChanged, TablesNotRestorable
from muniment.ports import Clock
from muniment.runbooks.rows.plan_large_objects import plan_objects_of_tables
from muniment.runbooks.rows.plan_tables import TableSelection
from muniment.runbooks.rows.restore_matter import require_approval
from muniment.runbooks.rows.staged_copy import prove_copy
from muniment.runbooks.rows.write_rows import writing


def plan_replacement(
    firm: Firm,
    selection: TableSelection,
    *,
    staged: PostgresServer,
    live: PostgresServer,
    requested_by: str,
    clock: Clock,
    source: str = "the staged cluster",
) -> TablesPlan:
    """Reads only. Raises ``WrongCluster``, ``InvalidConfiguration``, ``TablesNotRestorable`` with every fault."""
    identifier = prove_copy(firm, staged, live)
    with reading(staged) as then, reading(live) as now:
        chosen = selection.of(then.catalogue)
        faults = list(_faults(chosen, now.catalogue))
        if faults:
            raise TablesNotRestorable(firm=firm.id, count=len(faults), faults="\n".join(faults))
        objects = plan_objects_of_tables(then, now, chosen)
        if objects.faults:
            raise TablesNotRestorable(firm=firm.id, count=len(objects.faults), faults="\n".join(objects.faults))
        made_at = clock()
        return TablesPlan(
            id=new_id(made_at),
            firm=firm.id,
            database=live.database,
            system_identifier=identifier,
            source=source,
            made_at=made_at,
            requested_by=requested_by,
            tables=_states(now.connection, chosen),
            then=_states(then.connection, chosen),
            balances=tuple(firm.policy.drills.balances),
            notes=objects.notes,
            large_objects=objects.gone,
        )


def replace_tables(
    firm: Firm, plan: TablesPlan, *, approval: Approval, staged: PostgresServer, live: PostgresServer
) -> dict[str, str]:
    """Schema → the schema in which its tables' rows of before are kept.

    Raises ``ActNotApproved``, ``WrongCluster``, ``LiveRowsChanged``, ``LedgerOutOfBalance``, ``RowsRefused``. Whatever
    it raises, and whenever it is killed, live is as it was, or all of the plan is in it.
    """
    require_approval(firm, f"{len(plan.tables)} tables", plan.sha256, plan.requested_by, approval)
    prove_copy(firm, staged, live, plan.system_identifier)
    with reading(staged) as then, writing(firm, live, plan.database) as session:
        tables = _ordered(firm, plan, then.catalogue, session.reader.catalogue)
        connection = session.reader.connection
        lock_whole(connection, tables)
        _require_same(plan, "live", plan.tables, _states(connection, tables))
        _require_same(plan, "the staged cluster", plan.then, _states(then.connection, tables))
        session.require_balance("before")
        aside = _set_aside(connection, plan, tables)
        session.bring_over(then.connection, plan.large_objects)
        with RowWriter(session.reader).without_triggers([table.name for table in tables]):
            exchange_rows(then.connection, connection, tables)
        session.require_balance("after")
        _require_same(plan, "live after it was written", plan.then, _states(connection, tables))
        return aside


def _faults(chosen: Iterable[Table], live: Catalogue) -> Iterator[str]:
    names = {table.name for table in chosen}
    for table in chosen:
        there = live.tables.get(table.name)
        if there is None:
            yield f"{table.name}: the live database has no such table any more"
        elif {name: table.types[name] for name in table.stored} != {name: there.types[name] for name in there.stored}:
            yield f"{table.name}: it has other columns now"
    for key in sorted(live.keys, key=lambda each: (each.parent, each.name)):
        if key.parent in names and key.child not in names:
            yield f"{key.parent}: rows of {key.child} name it ({key.name}), so it cannot be replaced without that table"
    yield from _rings(names, live)


def _rings(names: set[str], live: Catalogue) -> Iterator[str]:
    try:
        table_order(live, names)
    except NoOrder as found:
        yield f"{' → '.join(found.ring)}: tables name each other in a ring, by keys that cannot be deferred"


def _ordered(firm: Firm, plan: TablesPlan, then: Catalogue, live: Catalogue) -> list[Table]:
    """Parents first; asked again, for somebody may have altered a table."""
    chosen = [then.tables[name] for name in plan.tables if name in then.tables]
    faults = list(_faults(chosen, live))
    if faults:
        raise TablesNotRestorable(firm=firm.id, count=len(faults), faults="\n".join(faults))
    return [live.tables[name] for name in table_order(live, set(plan.tables))]


def _states(connection: Connection, tables: Iterable[Table]) -> dict[str, TableState]:
    return {table.name: read_state(connection, table) for table in tables}


def _require_same(plan: TablesPlan, where: str, planned: dict[str, TableState], found: dict[str, TableState]) -> None:
    other = [name for name in planned if planned[name] != found.get(name)]
    if other:
        rows = "\n".join(f"  {name}" for name in other)
        raise LiveRowsChanged(count="some", matter=f"{len(plan.tables)} tables", where=where, rows=rows)


def _set_aside(connection: Connection, plan: TablesPlan, tables: Sequence[Table]) -> dict[str, str]:
    aside = {table.schema: stamped(table.schema, "before", plan.id) for table in tables}
    set_aside(connection, tables, aside)
    return aside
