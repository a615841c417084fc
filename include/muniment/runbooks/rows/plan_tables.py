"""Named tables, or all of a schema, out of a staged cluster and into the live database, under another schema's name.

They are copied within the staged database into a schema of the new name, and from there PostgreSQL's own dump and
restore bring that schema over: in one transaction, touching nothing that is there. ``replace_tables`` is for what goes
in place.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.table_copies import bring_schemas_over, copying
from muniment.domain.firm.firm import Firm
from muniment.domain.record import new_id
from muniment.domain.rows.foreign_keys import Catalogue, Table
from muniment.domain.rows.table_plan import stamped
from muniment.domain.sql_names import Identifier, TableName, near
from muniment.errors import InvalidRequest
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
    """``tables``: the table that was restored → where it is in the live database, and its rows."""

    database: str
    tables: dict[str, tuple[str, int]]


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

    Raises ``WrongCluster``, ``InvalidRequest``, ``ProgramMissing``, ``ProgramFailed``: then live is as it was.
    """
    prove_copy(firm, staged, live)
    stamp = new_id(clock())
    with copying(staged) as copier:
        chosen = selection.of(copier.catalogue)
        schemas = {schema: stamped(schema, "restored", stamp) for schema in sorted({each.schema for each in chosen})}
        with copier.copied(chosen, schemas, with_structure=with_structure) as rows:
            bring_schemas_over(staged, live, schemas.values())
    return TablesBeside(
        live.database,
        {each.name: (str(TableName(schemas[each.schema], each.relation)), rows[each.name]) for each in chosen},
    )
