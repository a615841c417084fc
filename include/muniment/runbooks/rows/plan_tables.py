"""Named tables, or all of a schema, out of a staged cluster and into the live database, under another schema's name.

They are copied within the staged database into a schema of the new name, and from there PostgreSQL's own dump and
restore bring that schema over: in one transaction, touching nothing that is there. ``replace_tables`` is for what goes
in place.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.foreign_keys import read_catalogue
from muniment.adapters.rows.reader import Connection, from_clause
from muniment.adapters.rows.table_dump import pipe, programs_of
from muniment.domain.firm.firm import Firm
from muniment.domain.record import new_id
from muniment.domain.rows.foreign_keys import Catalogue, Table
from muniment.domain.rows.table_plan import stamped
from muniment.errors import InvalidConfiguration
from muniment.ports import Clock
from muniment.runbooks.rows.staged_copy import prove_copy


@dataclass(frozen=True, slots=True)
class TableSelection:
    """``tables`` as PostgreSQL writes them (``practice.notes``), and every table of ``schemas``."""

    tables: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()

    def of(self, catalogue: Catalogue) -> list[Table]:
        """Raises ``InvalidConfiguration`` with every name that is not there, or that no backup has the rows of."""
        schemas = {table.schema for table in catalogue.tables.values()}
        faults = [f"there is no table {name}" for name in self.tables if name not in catalogue.tables]
        faults += [f"there is no schema {name} with a table" for name in self.schemas if name not in schemas]
        chosen = [
            table
            for name, table in sorted(catalogue.tables.items())
            if name in self.tables or table.schema in self.schemas
        ]
        faults += [f"{table.name} is UNLOGGED: no backup has its rows" for table in chosen if table.is_unlogged]
        if faults or not (self.tables or self.schemas):
            faults = faults or ["which tables? Name tables, or a schema"]
            raise InvalidConfiguration(count=len(faults), faults="\n".join(faults))
        return chosen


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

    Raises ``WrongCluster``, ``InvalidConfiguration``, ``ProgramMissing``, ``ProgramFailed``: then live is as it was.
    """
    prove_copy(firm, staged, live)
    stamp = new_id(clock())
    with staged.connect() as connection:
        catalogue = read_catalogue(connection)
        chosen = selection.of(catalogue)
        schemas = {schema: stamped(schema, "restored", stamp) for schema in sorted({each.schema for each in chosen})}
        with _copied(connection, catalogue, chosen, schemas, with_structure=with_structure) as rows:
            _bring_over(staged, live, schemas.values())
    return TablesBeside(
        live.database,
        {
            each.name: (sql.Identifier(schemas[each.schema], each.relation).as_string(), rows[each.name])
            for each in chosen
        },
    )


def _bring_over(staged: PostgresServer, live: PostgresServer, schemas: Iterable[str]) -> None:
    """Owned by whoever restores, and open to nobody else: the copies hold what the tables' own rights guarded."""
    plain = ["--no-owner", "--no-privileges", "--no-security-labels", "--no-publications"]
    dump = [*plain, *(f"--schema={_pattern(schema)}" for schema in schemas)]
    restore = [*plain, "--single-transaction", "--exit-on-error"]
    pipe(programs_of(staged), (staged, staged.database), dump, (live, live.database), restore)


@contextmanager
def _copied(
    connection: Connection,
    catalogue: Catalogue,
    chosen: Sequence[Table],
    schemas: dict[str, str],
    *,
    with_structure: bool,
) -> Iterator[dict[str, int]]:
    """The tables as copies in new schemas of the staged database, and how many rows each has; removed in the end."""
    try:
        with connection.transaction():
            for schema in schemas.values():
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            rows = {each.name: _copy(connection, each, schemas[each.schema], with_structure) for each in chosen}
            if with_structure:
                _add_keys(connection, catalogue, chosen, schemas)
        yield rows
    finally:
        for schema in schemas.values():
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def _copy(connection: Connection, table: Table, schema: str, with_structure: bool) -> int:
    """A partitioned table becomes one table of all its rows."""
    copy, source = sql.Identifier(schema, table.relation), sql.Identifier(table.schema, table.relation)
    including = sql.SQL(" INCLUDING ALL" if with_structure else "")
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {}{})").format(copy, source, including))
    names = table.stored if with_structure else tuple(table.types)
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    done = connection.execute(
        sql.SQL("INSERT INTO {} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {}").format(
            copy, from_clause(table), columns=columns
        )
    )
    return done.rowcount


def _add_keys(connection: Connection, catalogue: Catalogue, chosen: Sequence[Table], schemas: dict[str, str]) -> None:
    """Between the copies; a key that leads to a table that was not chosen is left out."""
    by_name = {table.name: table for table in chosen}
    for key in catalogue.keys:
        if key.child in by_name and key.parent in by_name:
            child, parent = by_name[key.child], by_name[key.parent]
            statement = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){}").format(
                sql.Identifier(schemas[child.schema], child.relation),
                sql.Identifier(key.name),
                sql.SQL(", ").join(map(sql.Identifier, key.columns)),
                sql.Identifier(schemas[parent.schema], parent.relation),
                sql.SQL(", ").join(map(sql.Identifier, key.referenced)),
                sql.SQL(" MATCH FULL" if key.is_match_full else ""),
            )
            connection.execute(statement)


def _pattern(name: str) -> str:
    """pg_dump reads a pattern, of which quotes take the meaning."""
    return '"' + name.replace('"', '""') + '"'
