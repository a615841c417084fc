"""Rows as PostgreSQL's own text, one query for many rows, and everything that hangs on some of them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import IsolationLevel, sql

from muniment.adapters.postgres.quoting import beside_placeholders
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.foreign_keys import read_catalogue
from muniment.domain.rows.foreign_keys import Catalogue, Row, RowId, Rows, Table

type Connection = psycopg.Connection[dict[str, Any]]
type Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowReader:
    """One transaction on one database. With ``locking`` each row that is read is held until its end (FOR UPDATE)."""

    connection: Connection
    catalogue: Catalogue
    locking: bool = False

    def by_key(self, row_ids: Iterable[RowId]) -> Rows:
        """Those of them that are there, by primary key."""
        keys: dict[str, list[Values]] = {}
        for name, key in row_ids:
            keys.setdefault(name, []).append(key)
        found: dict[RowId, Row] = {}
        for name, wanted in sorted(keys.items()):
            table = self.catalogue.tables[name]
            found |= self.where(table, table.primary_key, wanted)
        return found

    def where(
        self, table: Table, columns: Sequence[str], values: Iterable[Values], *, is_period: bool = False
    ) -> dict[RowId, Row]:
        """The rows of ``table`` whose ``columns`` have one of ``values``: one query, whatever their number.

        ``is_period``: of the last column it is enough that the two ranges touch.
        """
        wanted = list(dict.fromkeys(values))
        if not wanted:
            return {}
        query = sql.SQL("SELECT {columns} FROM {table} AS r WHERE {condition}{lock}").format(
            columns=beside_placeholders(sql.SQL(", ").join(sql.Identifier("r", name) for name in table.types)),
            table=beside_placeholders(from_clause(table)),
            condition=touches(table, columns) if is_period else matches(table, columns),
            lock=sql.SQL(" FOR UPDATE OF r" if self.locking else ""),
        )
        parameters = [list(column) for column in zip(*wanted, strict=True)]
        return {table.row_id(row): row for row in self._texts(query, parameters, tuple(table.types))}

    def named(self, table: str, column: str, value: str) -> Rows:
        """The rows that a person means; none where ``value`` is nothing that ``column`` can hold."""
        try:
            with self.connection.transaction():
                return self.where(self.catalogue.tables[table], [column], [(value,)])
        except psycopg.DataError:  # such as a word where numbers are
            return {}

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
                child = self.catalogue.tables[key.child]
                for row_id, row in self.where(child, key.columns, targets, is_period=key.is_period).items():
                    if row_id not in found:
                        found[row_id] = row
                        waiting.setdefault(key.child, []).append(row)
        return found

    def uncovered(self, table: Table, columns: Sequence[str], values: Sequence[Values]) -> list[Values]:
        """Those of ``values`` whose last one, a period, the rows of ``table`` together do not cover."""
        *_, period = columns
        query = sql.SQL(
            "SELECT number::int - 1 AS place FROM {wanted} WHERE {period} <@ "
            "(SELECT range_agg({column}) FROM {table} AS r WHERE {condition}) IS NOT TRUE ORDER BY number"
        ).format(
            wanted=_wanted(columns),
            period=_value(table, columns, len(columns) - 1),
            column=sql.Identifier("r", period),
            table=from_clause(table),
            condition=_touch(table, columns),
        )
        found = self.connection.execute(query, [list(column) for column in zip(*values, strict=True)])
        return [values[row["place"]] for row in found]

    def _texts(self, query: sql.Composed, parameters: Sequence[Any], columns: Sequence[str]) -> Iterator[Row]:
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


def matches(table: Table, columns: Sequence[str]) -> sql.Composed:
    """A condition with one parameter a column: a list of texts."""
    # As PostgreSQL itself has just written it.
    types = [beside_placeholders(sql.SQL(table.types[column])) for column in columns]
    names = [sql.Identifier(f"v{number}") for number in range(len(columns))]
    return sql.SQL("({}) IN (SELECT {} FROM unnest({}) AS v({}))").format(
        beside_placeholders(sql.SQL(", ").join(sql.Identifier("r", column) for column in columns)),
        sql.SQL(", ").join(sql.SQL("{}::{}").format(name, type_) for name, type_ in zip(names, types, strict=True)),
        sql.SQL(", ").join(sql.SQL("%s::text[]") for _ in columns),
        sql.SQL(", ").join(names),
    )


def touches(table: Table, columns: Sequence[str]) -> sql.Composed:
    """As ``matches``, where the last column is a period."""
    return sql.SQL("EXISTS (SELECT FROM {} WHERE {})").format(_wanted(columns), _touch(table, columns))


def _touch(table: Table, columns: Sequence[str]) -> sql.Composed:
    pairs = [
        (beside_placeholders(sql.Identifier("r", column)), _value(table, columns, place))
        for place, column in enumerate(columns)
    ]
    operators = [*["="] * (len(pairs) - 1), "&&"]
    return sql.SQL(" AND ").join(
        sql.SQL("{} {} {}").format(own, sql.SQL(operator), other)
        for (own, other), operator in zip(pairs, operators, strict=True)
    )


def _value(table: Table, columns: Sequence[str], place: int) -> sql.Composed:
    return sql.SQL("{}::{}").format(
        sql.Identifier("v", f"v{place}"), beside_placeholders(sql.SQL(table.types[columns[place]]))
    )


def _wanted(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL("unnest({}) WITH ORDINALITY AS v({}, number)").format(
        sql.SQL(", ").join(sql.SQL("%s::text[]") for _ in columns),
        sql.SQL(", ").join(sql.Identifier(f"v{place}") for place in range(len(columns))),
    )


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
    # Operators of an extension's types, and what triggers call, are found where they always are.
    connection.execute("SET LOCAL search_path = DEFAULT")
    return catalogue
