"""Named tables, or all of a schema, out of a staged cluster and into the live database, under another schema's name.

Empty copies within the staged database show pg_dump what they are to be called; what it writes is carried out in live,
with the rows, in one transaction, touching nothing that is there. ``replace_tables`` is for what goes in place.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.table_copies import copying
from muniment.adapters.rows.tables_beside import writing_tables
from muniment.adapters.rows.writer import WriteRefused
from muniment.domain.firm.firm import Firm
from muniment.domain.record import new_id
from muniment.domain.rows.foreign_keys import Catalogue, Table
from muniment.domain.rows.table_plan import stamped
from muniment.domain.sql_names import Identifier, TableName, near
from muniment.errors import InvalidRequest, TablesRefused
from muniment.ports import Clock
from muniment.runbooks.rows.staged_copy import prove_copy


@dataclass(frozen=True, slots=True)
class TableSelection:
    """``tables``, and every table of ``schemas``."""

    tables: tuple[TableName, ...] = ()
    schemas: tuple[Identifier, ...] = ()

    def of(self, catalogue: Catalogue) -> list[Table]:
        """Raises ``InvalidRequest`` with every name that is not there, or that no backup has the rows of."""
        faults = [*self._unknown(catalogue)]
        chosen = [table for _, table in sorted(catalogue.tables.items()) if self._has(table)]
        faults += [f"{table.name} is UNLOGGED: no backup has its rows" for table in chosen if table.is_unlogged]
        if faults or not (self.tables or self.schemas):
            faults = faults or ["which tables? Name tables, or a schema"]
            raise InvalidRequest(count=len(faults), faults="\n".join(faults))
        return chosen

    def _unknown(self, catalogue: Catalogue) -> Iterator[str]:
        schemas = {Identifier(table.schema) for table in catalogue.tables.values()}
        for name in self.tables:
            if catalogue.find(name) is None:
                yield f"there is no table {name}{near(name, catalogue.tables)}"
        for schema in self.schemas:
            if schema not in schemas:
                yield f"there is no schema {schema} with a table{near(schema, schemas)}"

    def _has(self, table: Table) -> bool:
        return TableName(table.schema, table.relation) in self.tables or Identifier(table.schema) in self.schemas


@dataclass(frozen=True, slots=True)
class TablesBeside:
    """``tables``: the table that was restored → where it is in the live database, and its rows.

    ``notes``: what came with them, and what did not, a sentence each.
    """

    database: str
    tables: dict[str, tuple[str, int]]
    notes: tuple[str, ...] = ()


def restore_tables(
    firm: Firm,
    selection: TableSelection,
    *,
    staged: PostgresServer,
    live: PostgresServer,
    clock: Clock,
    with_structure: bool = True,
) -> TablesBeside:
    """``with_structure``: with keys, indexes, defaults and checks; else columns and rows alone. No triggers, no grants.

    Raises ``WrongCluster``, ``InvalidRequest``, ``ProgramMissing``, ``ProgramFailed``, ``RightMissing``,
    ``TablesRefused``: then live is as it was.
    """
    prove_copy(firm, staged, live)
    stamp = new_id(clock())
    with copying(staged) as copier:
        chosen = selection.of(copier.catalogue)
        schemas = {schema: stamped(schema, "restored", stamp) for schema in sorted({each.schema for each in chosen})}
        with (
            _refusals(firm, live.database),
            copier.copied(chosen, schemas, with_structure=with_structure) as later,
            writing_tables(copier, live, schemas) as writer,
        ):
            rows = writer.write(staged, chosen, later, whole=with_structure)
    places = {each.name: (str(TableName(schemas[each.schema], each.relation)), rows[each.name]) for each in chosen}
    return TablesBeside(live.database, places, tuple(later.notes))


@contextmanager
def _refusals(firm: Firm, database: str) -> Iterator[None]:
    try:
        yield
    except WriteRefused as refused:
        raise TablesRefused(database=database, firm=firm.id, reason=str(refused)) from None
