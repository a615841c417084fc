"""Empty copies of a staged database's tables in schemas of their own: what they look like, and what is made later.

``LIKE … INCLUDING ALL`` brings columns, defaults, keys, indexes and checks. What it leaves out is done here: sequences
become the copies' own, partitions are attached again, and what rows need not obey is added behind them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.foreign_keys import Connection, read_catalogue
from muniment.domain.rows.foreign_keys import Catalogue, Table

_PARTITIONS = """
    SELECT t.relid::oid AS oid, format('%%I.%%I', n.nspname, c.relname) AS name, c.relname AS relation,
           p.relname AS parent, pg_get_expr(c.relpartbound, c.oid) AS bound, pg_get_partkeydef(c.oid) AS partition_by
    FROM pg_partition_tree(%s::regclass) t JOIN pg_class c ON c.oid = t.relid
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class p ON p.oid = t.parentrelid
    WHERE t.level > 0 ORDER BY t.level, c.relname
"""
_ROOT = "SELECT %s::regclass::oid AS oid, pg_get_partkeydef(%s::regclass) AS partition_by"
# What old rows need not keep. Before PostgreSQL 18 no NOT NULL is among it.
_NOT_VALID = """
    SELECT k.conname AS name, pg_get_constraintdef(k.oid) AS definition, k.coninhcount = 0 AS is_own,
           (SELECT a.attname FROM pg_attribute a
            WHERE k.contype = 'n' AND a.attrelid = k.conrelid AND a.attnum = k.conkey[1]) AS column
    FROM pg_constraint k WHERE k.conrelid = %s AND NOT k.convalidated AND k.contype IN ('c', 'n')
"""
_DEFAULTS = """
    SELECT a.attname AS column, pg_get_expr(f.adbin, f.adrelid) AS expression, s.oid, n.nspname AS schema,
           s.relname AS relation, format_type(q.seqtypid, NULL) AS type, q.*, EXISTS (
               SELECT FROM pg_depend o WHERE (o.classid, o.objid, o.deptype) = ('pg_class'::regclass, s.oid, 'a')
               AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum) AS is_own
    FROM pg_attrdef f JOIN pg_attribute a ON (a.attrelid, a.attnum) = (f.adrelid, f.adnum)
    JOIN pg_depend d ON (d.classid, d.objid, d.refclassid) = ('pg_attrdef'::regclass, f.oid, 'pg_class'::regclass)
    JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
    JOIN pg_sequence q ON q.seqrelid = s.oid WHERE f.adrelid = %s AND a.attgenerated = ''
"""
_IDENTITIES = """
    SELECT a.attname AS column, format('%%I.%%I', n.nspname, s.relname) AS sequence
    FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    JOIN pg_namespace n ON n.oid = s.relnamespace
    JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
    WHERE (d.classid, d.deptype) = ('pg_class'::regclass, 'i') AND d.refobjid = %s::regclass
"""
_HEIRS = "SELECT count(*) AS n FROM pg_inherits WHERE inhparent = %s::regclass"


@dataclass(frozen=True, slots=True)
class Later:
    """What follows the rows. ``numbers``: a sequence → its state; ``constraints``: whole statements."""

    numbers: dict[str, tuple[int, bool]] = field(default_factory=dict)
    constraints: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TableCopier:
    """One session of the staged database, whose search_path is empty: definitions have every name in full."""

    connection: Connection
    catalogue: Catalogue

    @contextmanager
    def copied(self, chosen: Sequence[Table], schemas: Mapping[str, str], *, with_structure: bool) -> Iterator[Later]:
        """``schemas``: a table's schema → the new one of its copy, which is empty. Removed in the end.

        ``with_structure``: with keys, indexes, defaults and checks, and partitions; else columns alone.
        """
        later = Later()
        try:
            with self.connection.transaction():
                for schema in schemas.values():
                    self.connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
                for table in chosen:
                    self._copy(table, schemas[table.schema], later, with_structure)
                if with_structure:
                    self._keys(chosen, schemas, later)
            yield later
        finally:
            for schema in schemas.values():
                self.connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))

    def _copy(self, table: Table, schema: str, later: Later, with_structure: bool) -> None:
        heirs = self._one(_HEIRS, table.name)["n"]
        if heirs and not table.is_partitioned:
            later.notes.append(f"{table.name}: rows of the tables that inherit from it are theirs: name them as well")
        if not with_structure:
            copy = sql.Identifier(schema, table.relation)
            self.connection.execute(sql.SQL("CREATE TABLE {} (LIKE {})").format(copy, _name(table)))
            oid = self._one(_ROOT, table.name, table.name)["oid"]
            for each in self.connection.execute(_NOT_VALID, (oid,)).fetchall():
                if each["column"]:
                    self._let_old_rows_in(copy, each)
            return
        root = self._one(_ROOT, table.name, table.name)
        self._like(root, table.name, schema, table.relation, later, "INCLUDING ALL")
        for part in self.connection.execute(_PARTITIONS, (table.name,)).fetchall():
            self._like(part, part["name"], schema, part["relation"], later, "INCLUDING ALL EXCLUDING IDENTITY")
            self.connection.execute(
                sql.SQL("ALTER TABLE {} ATTACH PARTITION {} {}").format(
                    sql.Identifier(schema, part["parent"]),
                    sql.Identifier(schema, part["relation"]),
                    sql.SQL(part["bound"]),
                )
            )
        self._identities(table, schema, later)

    def _like(self, told: dict[str, Any], name: str, schema: str, relation: str, later: Later, including: str) -> None:
        copy = sql.Identifier(schema, relation)
        by = f" PARTITION BY {told['partition_by']}" if told["partition_by"] else ""
        statement = sql.SQL("CREATE TABLE {} (LIKE {} {}){}")
        self.connection.execute(statement.format(copy, sql.SQL(name), sql.SQL(including), sql.SQL(by)))
        for each in self.connection.execute(_NOT_VALID, (told["oid"],)).fetchall():
            self._let_old_rows_in(copy, each)
            if each["is_own"]:
                later.constraints.append(_added(copy, each["name"], each["definition"]))
        for each in self.connection.execute(_DEFAULTS, (told["oid"],)).fetchall():
            self._own_sequence(each, schema, copy, later)

    def _let_old_rows_in(self, copy: sql.Identifier, constraint: dict[str, Any]) -> None:
        """LIKE makes what the original promises of new rows alone a promise of all, and NOT NULL in any case."""
        column = constraint["column"]
        statement = sql.SQL("ALTER TABLE {} ALTER {} DROP NOT NULL" if column else "ALTER TABLE {} DROP CONSTRAINT {}")
        self.connection.execute(statement.format(copy, sql.Identifier(column or constraint["name"])))

    def _own_sequence(self, told: dict[str, Any], schema: str, copy: sql.Identifier, later: Later) -> None:
        """Numbers of a copy come from a sequence of its own: the original may be gone, or be in use."""
        new, old = sql.Identifier(schema, told["relation"]), sql.Identifier(told["schema"], told["relation"])
        if new.as_string() not in later.numbers:
            self._make_sequence(new, told)
            later.numbers[new.as_string()] = self._state(old.as_string())
        column = sql.Identifier(told["column"])
        literals = [f"{sql.Literal(self._spelled(name)).as_string()}::regclass" for name in (old, new)]
        expression = told["expression"].replace(*literals)
        self.connection.execute(
            sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}").format(copy, column, sql.SQL(expression))
        )
        if told["is_own"]:
            self.connection.execute(sql.SQL("ALTER SEQUENCE {} OWNED BY {}.{}").format(new, copy, column))

    def _make_sequence(self, name: sql.Identifier, told: dict[str, Any]) -> None:
        cycle = sql.SQL("CYCLE" if told["seqcycle"] else "NO CYCLE")
        numbers = [sql.Literal(told[key]) for key in ("seqincrement", "seqmin", "seqmax", "seqstart", "seqcache")]
        statement = sql.SQL("CREATE SEQUENCE {} AS {} INCREMENT {} MINVALUE {} MAXVALUE {} START {} CACHE {} {}")
        self.connection.execute(statement.format(name, sql.SQL(told["type"]), *numbers, cycle))

    def _identities(self, table: Table, schema: str, later: Later) -> None:
        copy = sql.Identifier(schema, table.relation).as_string()
        of_copy = {row["column"]: row["sequence"] for row in self.connection.execute(_IDENTITIES, (copy,))}
        for row in self.connection.execute(_IDENTITIES, (table.name,)).fetchall():
            if row["column"] in of_copy:
                later.numbers[of_copy[row["column"]]] = self._state(row["sequence"])

    def _state(self, sequence: str) -> tuple[int, bool]:
        found = self.connection.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(sql.SQL(sequence)))
        row = found.fetchone() or {"last_value": 1, "is_called": False}
        return row["last_value"], row["is_called"]

    def _keys(self, chosen: Sequence[Table], schemas: Mapping[str, str], later: Later) -> None:
        """Between the copies; a key that leads to a table that was not chosen is left out."""
        by_name = {table.name: table for table in chosen}
        for key in self.catalogue.keys:
            if key.child in by_name and key.parent in by_name:
                child, parent = by_name[key.child], by_name[key.parent]
                definition = sql.SQL("FOREIGN KEY ({}) REFERENCES {} ({}){}").format(
                    _columns(key.columns, is_period=key.is_period),
                    sql.Identifier(schemas[parent.schema], parent.relation),
                    _columns(key.referenced, is_period=key.is_period),
                    sql.SQL(key.rules),
                )
                of_child = sql.Identifier(schemas[child.schema], child.relation)
                later.constraints.append(_added(of_child, key.name, definition.as_string()))

    def _spelled(self, name: sql.Identifier) -> str:
        """As a regclass prints itself: quoted only where it has to be."""
        found = self._one("SELECT to_regclass(%s)::text AS name", name.as_string())
        return str(found["name"])

    def _one(self, query: str, *parameters: str) -> dict[str, Any]:
        return self.connection.execute(sql.SQL(query), parameters).fetchone() or {}


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.schema, table.relation)


def _columns(names: Sequence[str], *, is_period: bool) -> sql.Composed:
    spelled_out = [sql.Composed([sql.Identifier(name)]) for name in names]
    if is_period:
        spelled_out[-1] = sql.SQL("PERIOD ") + spelled_out[-1]
    return sql.SQL(", ").join(spelled_out)


def _added(table: sql.Identifier, name: str, definition: str) -> str:
    told = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(table, sql.Identifier(name), sql.SQL(definition))
    return told.as_string()


@contextmanager
def copying(staged: PostgresServer) -> Iterator[TableCopier]:
    """Raises ``PostgresError``."""
    with staged.connect() as connection:
        connection.execute("SET search_path = ''")
        yield TableCopier(connection, read_catalogue(connection))
