"""Tables of a staged database as copies in schemas of their own, and the way of those schemas into another database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from muniment.adapters.postgres.quoting import pattern
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.foreign_keys import read_catalogue
from muniment.adapters.rows.reader import Connection, from_clause
from muniment.adapters.rows.table_dump import pipe, programs_of
from muniment.domain.rows.foreign_keys import Catalogue, ForeignKey, Table

# What old rows need not keep. Before PostgreSQL 18 no NOT NULL is among it.
_UNPROVEN = """
    SELECT k.conname AS name, pg_get_constraintdef(k.oid) AS definition,
           (SELECT a.attname FROM pg_attribute a
            WHERE k.contype = 'n' AND a.attrelid = k.conrelid AND a.attnum = k.conkey[1]) AS column
    FROM pg_constraint k WHERE k.conrelid = %s::regclass AND k.contype IN ('c', 'n') AND NOT k.convalidated
"""


@dataclass(frozen=True, slots=True)
class TableCopier:
    """One session of the staged database."""

    connection: Connection
    catalogue: Catalogue

    @contextmanager
    def copied(
        self, chosen: Sequence[Table], schemas: Mapping[str, str], *, with_structure: bool
    ) -> Iterator[dict[str, int]]:
        """``schemas``: a table's schema → the new one of its copy. Yields the copies' rows by the table's name.

        ``with_structure``: with keys, indexes, defaults and checks; else columns and rows alone. Removed in the end.
        """
        try:
            with self.connection.transaction():
                for schema in schemas.values():
                    self.connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
                rows = {each.name: self._copy(each, schemas[each.schema], with_structure) for each in chosen}
                if with_structure:
                    self._add_keys(chosen, schemas)
            yield rows
        finally:
            for schema in schemas.values():
                self.connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))

    def _copy(self, table: Table, schema: str, with_structure: bool) -> int:
        """A partitioned table becomes one table of all its rows."""
        copy, source = sql.Identifier(schema, table.relation), sql.Identifier(table.schema, table.relation)
        including = sql.SQL(" INCLUDING ALL" if with_structure else "")
        self.connection.execute(sql.SQL("CREATE TABLE {} (LIKE {}{})").format(copy, source, including))
        unproven = self.connection.execute(_UNPROVEN, (table.name,)).fetchall()
        for each in unproven:
            self._let_old_rows_in(copy, each, with_structure)
        names = table.stored if with_structure else tuple(table.types)
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        done = self.connection.execute(
            sql.SQL("INSERT INTO {} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {}").format(
                copy, from_clause(table), columns=columns
            )
        )
        for each in unproven if with_structure else ():
            # PostgreSQL's own text, NOT VALID or NOT ENFORCED at its end.
            again = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} ").format(copy, sql.Identifier(each["name"]))
            self.connection.execute(again + sql.SQL(each["definition"]))
        return done.rowcount

    def _let_old_rows_in(self, copy: sql.Identifier, constraint: Mapping[str, str], with_structure: bool) -> None:
        """LIKE makes what the original promises of new rows alone a promise of all, and NOT NULL in any case."""
        if constraint["column"]:
            statement, name = sql.SQL("ALTER TABLE {} ALTER {} DROP NOT NULL"), constraint["column"]
        elif with_structure:
            statement, name = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}"), constraint["name"]
        else:
            return
        self.connection.execute(statement.format(copy, sql.Identifier(name)))

    def _add_keys(self, chosen: Sequence[Table], schemas: Mapping[str, str]) -> None:
        """Between the copies; a key that leads to a table that was not chosen is left out."""
        by_name = {table.name: table for table in chosen}
        for key in self.catalogue.keys:
            if key.child in by_name and key.parent in by_name:
                self._add_key(key, by_name[key.child], by_name[key.parent], schemas)

    def _add_key(self, key: ForeignKey, child: Table, parent: Table, schemas: Mapping[str, str]) -> None:
        statement = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){}").format(
            sql.Identifier(schemas[child.schema], child.relation),
            sql.Identifier(key.name),
            _columns(key.columns, is_period=key.is_period),
            sql.Identifier(schemas[parent.schema], parent.relation),
            _columns(key.referenced, is_period=key.is_period),
            sql.SQL(key.rules),
        )
        self.connection.execute(statement)


def _columns(names: Sequence[str], *, is_period: bool) -> sql.Composed:
    spelled_out = [sql.Composed([sql.Identifier(name)]) for name in names]
    if is_period:
        spelled_out[-1] = sql.SQL("PERIOD ") + spelled_out[-1]
    return sql.SQL(", ").join(spelled_out)


@contextmanager
def copying(staged: PostgresServer) -> Iterator[TableCopier]:
    """Raises ``PostgresError``."""
    with staged.connect() as connection:
        yield TableCopier(connection, read_catalogue(connection))


def bring_schemas_over(staged: PostgresServer, live: PostgresServer, schemas: Iterable[str]) -> None:
    """Owned by whoever restores, and open to nobody else: the copies hold what the tables' own rights guarded.

    In one transaction. Raises ``ProgramMissing`` and ``ProgramFailed``.
    """
    plain = ["--no-owner", "--no-privileges", "--no-security-labels", "--no-publications"]
    dump = [*plain, *(f"--schema={pattern(schema)}" for schema in schemas)]
    restore = [*plain, "--single-transaction", "--exit-on-error"]
    pipe(programs_of(staged), (staged, staged.database), dump, (live, live.database), restore)
