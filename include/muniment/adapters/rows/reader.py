"""Rows as PostgreSQL's own text, one query for many rows, and everything that hangs on some of them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg import IsolationLevel, sql

from muniment.adapters.postgres.quoting import beside_placeholders
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.foreign_keys import read_catalogue
from muniment.domain.rows.foreign_keys import Catalogue, ForeignKey, Row, RowId, Rows, Table, Values

type Connection = psycopg.Connection[dict[str, Any]]

_PLACE = ""  # no column is called so
# A column that was made wider since, and one that names a wider one, has to bear all values of the other.
_WIDER = {"smallint": "bigint", "integer": "bigint"}
_EVERY_SCHEMA = """
    SELECT set_config('search_path', string_agg(name, ', ' ORDER BY place), true) FROM (
        SELECT current_setting('search_path') AS name, '' AS place
        WHERE current_setting('search_path') NOT IN ('', '""')
        UNION ALL SELECT quote_ident(nspname), nspname FROM pg_namespace
        WHERE nspname <> 'information_schema' AND nspname !~ '^pg_' AND has_schema_privilege(oid, 'USAGE')
    ) AS schemas HAVING count(*) > 0
"""


@dataclass(frozen=True, slots=True)
class RowReader:
    """One transaction on one database. With ``locking`` each row that is read is held until its end (FOR UPDATE).

    PostgreSQL compares keys, by the operators that they are declared with. A row that was asked for by a key that it
    spells differently keeps the asked one as its id, here and in whatever is read later.
    """

    connection: Connection
    catalogue: Catalogue
    locking: bool = False
    asked: dict[RowId, RowId] = field(default_factory=dict)
    """A row's own id → the one that it was asked for by, where the two differ."""

    def of(self, catalogue: Catalogue) -> "RowReader":
        """The same transaction, with what the registry adds or leaves out."""
        return replace(self, catalogue=catalogue)

    def by_key(self, row_ids: Iterable[RowId]) -> Rows:
        """Those of them that are there, by primary key."""
        keys: dict[str, list[Values]] = {}
        for name, key in row_ids:
            keys.setdefault(name, []).append(key)
        found: dict[RowId, Row] = {}
        for name, wanted in sorted(keys.items()):
            table = self.catalogue.tables[name]
            for row, key in self._matching(table, by_primary_key(table), wanted):
                if (own := table.row_id(row)) != (name, key):
                    self.asked[own] = (name, key)
                found[name, key] = row
        return found

    def named(self, table: str, column: str, value: str) -> Rows:
        """The rows that a person means; none where ``value`` is nothing that ``column`` can hold."""
        found = self.catalogue.tables[table]
        try:
            with self.connection.transaction():
                return self.equal(found, Comparison((column,), (found.types[column],)), (value,))
        except psycopg.DataError:  # such as a word where numbers are
            return {}

    def equal(self, table: Table, comparison: "Comparison", value: Values) -> Rows:
        return {self._id(table, row): row for row, _ in self._matching(table, comparison, [value])}

    def children(self, key: ForeignKey, targets: Iterable[Values]) -> Iterator[tuple[RowId, Row, Values]]:
        """The rows that name one of ``targets``, and which: texts as the parent has them."""
        child = self.catalogue.tables[key.child]
        comparison = to_children(key, self.catalogue.tables[key.parent])
        for row, target in self._matching(child, comparison, targets):
            yield self._id(child, row), row, target

    def parents(self, key: ForeignKey, values: Iterable[Values]) -> Iterator[tuple[RowId, Row, Values]]:
        """The rows that are named by ``values``, and by which: texts as the child has them."""
        parent = self.catalogue.tables[key.parent]
        comparison = to_parents(key, self.catalogue.tables[key.child])
        for row, value in self._matching(parent, comparison, values):
            yield self._id(parent, row), row, value

    def uncovered(self, key: ForeignKey, values: Sequence[Values]) -> list[Values]:
        """Those of ``values`` whose last one, a period, the parents together do not cover."""
        comparison = to_parents(key, self.catalogue.tables[key.child])
        parent, last = self.catalogue.tables[key.parent], len(values[0]) - 1
        query = sql.SQL(
            "SELECT v.place::text FROM {values} WHERE {period} <@ "
            "(SELECT range_agg({column}) FROM {table} AS r WHERE {condition}) IS NOT TRUE ORDER BY v.place"
        ).format(
            values=unnested("v", len(values[0])),
            period=beside_placeholders(comparison.value(last)),
            column=beside_placeholders(sql.Identifier("r", key.referenced[last])),
            table=beside_placeholders(from_clause(parent)),
            condition=comparison.of_rows(),
        )
        found = self._texts(query, by_column(values), (_PLACE,))
        return [values[int(str(each[_PLACE])) - 1] for each in found]

    def spelled(self, *images: Rows) -> Catalogue:
        """The catalogue with PostgreSQL's word on which of these rows name which, however they spell it."""
        by_table: dict[str, list[Row]] = {}
        for (name, _), row in (each for rows in images for each in rows.items()):
            by_table.setdefault(name, []).append(row)
        found = {}
        for key in self.catalogue.keys:
            if key.is_link or key.child not in by_table or key.parent not in by_table:
                continue
            targets = {target for row in by_table[key.parent] if (target := key.target(row)) is not None}
            values = {value for row in by_table[key.child] if (value := key.values(row)) is not None} - targets
            if values and targets:
                found[key] = self._pairs(key, sorted(values), sorted(targets))
        return replace(self.catalogue, spellings=found)

    def _pairs(self, key: ForeignKey, values: Sequence[Values], targets: Sequence[Values]) -> dict[Values, Values]:
        """Value of a child → the target that equals it."""
        comparison = to_parents(key, self.catalogue.tables[key.child])
        types = self.catalogue.tables[key.parent].types
        left = [sql.SQL("{}::{}").format(sql.Identifier("p", f"v{n}"), sql.SQL(wide(types[column])))
                for n, column in enumerate(key.referenced)]  # fmt: skip
        query = sql.SQL("SELECT v.place::text, p.place::text FROM {} JOIN {} ON {}").format(
            unnested("v", len(key.columns)), unnested("p", len(key.columns)), comparison.condition(left)
        )
        found = self._texts(query, [*by_column(values), *by_column(targets)], ("value", "target"))
        return {values[int(str(each["value"])) - 1]: targets[int(str(each["target"])) - 1] for each in found}

    def hanging_on(self, rows: Rows) -> Rows:
        """``rows``, those that name one of them, those that name one of these, and so on: one query a key and step.

        With ``locking`` nobody can make a row hang on one that is held already: whoever tries waits for us.
        """
        found = dict(rows)
        waiting: dict[str, list[Row]] = {}
        for (table, _), row in rows.items():
            waiting.setdefault(table, []).append(row)
        while waiting:
            parent, new = waiting.popitem()
            for key in self.catalogue.children.get(parent, ()):
                targets = [target for row in new if (target := key.target(row)) is not None]
                for row_id, row, _ in self.children(key, targets):
                    if row_id not in found:
                        found[row_id] = row
                        waiting.setdefault(key.child, []).append(row)
        return found

    def _id(self, table: Table, row: Row) -> RowId:
        own = table.row_id(row)
        return self.asked.get(own, own)

    def _matching(
        self, table: Table, comparison: "Comparison", values: Iterable[Values]
    ) -> Iterator[tuple[Row, Values]]:
        """Each row with the value that it equals: one query, whatever their number."""
        wanted = list(dict.fromkeys(values))
        if not wanted:
            return
        query = sql.SQL("SELECT {columns}, v.place::text FROM {table} AS r JOIN {values} ON {condition}{lock}").format(
            columns=beside_placeholders(sql.SQL(", ").join(sql.Identifier("r", name) for name in table.types)),
            table=beside_placeholders(from_clause(table)),
            values=unnested("v", len(comparison.columns)),
            condition=comparison.of_rows(),
            lock=sql.SQL(" FOR UPDATE OF r" if self.locking else ""),
        )
        for found in self._texts(query, by_column(wanted), (*table.types, _PLACE)):
            place = found.pop(_PLACE)
            yield found, wanted[int(str(place)) - 1]

    def _texts(
        self, query: sql.Composed, parameters: Sequence[Any], columns: Sequence[str]
    ) -> Iterator[dict[str, str | None]]:
        """Values as PostgreSQL wrote them: psycopg's own conversions would not all lead back."""
        with self.connection.cursor() as cursor:
            result = cursor.execute(query, parameters).pgresult
            for number in range(result.ntuples if result else 0):
                yield {column: _text(result, number, place) for place, column in enumerate(columns)}


def _text(result: Any, row: int, column: int) -> str | None:
    value = result.get_value(row, column)
    return None if value is None else value.decode()


def from_clause(table: Table) -> sql.Composable:
    """Rows of tables that inherit from it are theirs: foreign keys do not see them either."""
    name = sql.Identifier(table.schema, table.relation)
    return name if table.is_partitioned else sql.SQL("ONLY {}").format(name)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Columns of a table with given values: texts of these ``types``, by these operators."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    operators: tuple[str, ...] = ()
    collations: tuple[str | None, ...] = ()
    value_first: bool = False

    def value(self, number: int) -> sql.Composed:
        return sql.SQL("{}::{}").format(sql.Identifier("v", f"v{number}"), sql.SQL(wide(self.types[number])))

    def of_rows(self) -> sql.SQL:
        """The condition, for rows of ``r``."""
        return self.condition([sql.Identifier("r", column) for column in self.columns])

    def condition(self, left: Sequence[sql.Composable]) -> sql.SQL:
        """``left``: what stands for the columns. The values are in ``v``."""
        parts = []
        for number, column in enumerate(left):
            value: sql.Composable = self.value(number)
            if self.collations and self.collations[number]:
                value = sql.SQL("({} COLLATE {})").format(value, sql.SQL(str(self.collations[number])))
            operator = sql.SQL(self.operators[number] if self.operators else "=")
            sides = (value, operator, column) if self.value_first else (column, operator, value)
            parts.append(sql.SQL(" ").join(sides))
        return beside_placeholders(sql.SQL(" AND ").join(parts))


def wide(type_: str) -> str:
    return _WIDER.get(type_, type_)


def by_primary_key(table: Table) -> Comparison:
    types = tuple(table.types[column] for column in table.primary_key)
    return Comparison(table.primary_key, types, table.key_operators)


def to_children(key: ForeignKey, parent: Table) -> Comparison:
    """Values of the parent's types: a key of bigint has values that a child's int cannot hold."""
    types = tuple(parent.types[column] for column in key.referenced)
    return Comparison(key.columns, types, key.operators, key.collations, value_first=True)


def to_parents(key: ForeignKey, child: Table) -> Comparison:
    types = tuple(child.types[column] for column in key.columns)
    return Comparison(key.referenced, types, key.operators, key.collations)


def unnested(name: str, columns: int) -> sql.Composed:
    """One parameter a column: a list of texts. ``place`` counts from 1."""
    return sql.SQL("unnest({}) WITH ORDINALITY AS {}({}, place)").format(
        sql.SQL(", ").join(sql.SQL("%s::text[]") for _ in range(columns)),
        sql.Identifier(name),
        sql.SQL(", ").join(sql.Identifier(f"v{number}") for number in range(columns)),
    )


def by_column(values: Iterable[Sequence[str | None]]) -> list[list[str | None]]:
    """The parameters of ``unnested``."""
    return [list(column) for column in zip(*values, strict=True)]


@contextmanager
def reading(server: PostgresServer) -> Iterator[RowReader]:
    """One snapshot, read only. Raises ``PostgresError``."""
    with server.connect() as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            yield RowReader(connection, begin_reading(connection))


def begin_reading(connection: Connection) -> Catalogue:
    """In an open transaction."""
    # Without a search_path PostgreSQL writes every type with its schema.
    connection.execute("SET LOCAL search_path = ''")
    catalogue = read_catalogue(connection)
    search_every_schema(connection)
    return catalogue


def search_every_schema(connection: Connection) -> None:
    """What triggers, checks and generated columns call is found where it always is: by the role's own path, and where
    the application's role has another one, in any schema that there is."""
    connection.execute("SET LOCAL search_path = DEFAULT")
    connection.execute(_EVERY_SCHEMA)
