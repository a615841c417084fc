"""Rows written back in one transaction: COPY for what comes, UPDATE and DELETE by primary key for the rest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import IsolationLevel, sql

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.quoting import beside_placeholders
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.reader import Connection, RowReader, Values, begin_reading, from_clause, matches
from muniment.domain.rows.foreign_keys import Row, RowId, Table
from muniment.domain.rows.writes import Batch, WritePhases

# A row that somebody else holds is waited for so long, and not for ever: others would queue up behind us.
LOCK_TIMEOUT = "30s"
_TRIGGERS = """
    SELECT tgname AS name, tgenabled = 'A' AS always FROM pg_trigger
    WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled IN ('O', 'A')
"""
# An identity or serial column's sequence, where it lies behind the ids that are there now. It never goes back.
_SEQUENCES = """
    SELECT a.attname AS column, d.objid::regclass::text AS sequence FROM pg_depend d
    JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.refobjid = %s::regclass AND d.deptype IN ('a', 'i')
"""


class WriteRefused(Exception):
    """A constraint, a trigger or a type says no. Its text is PostgreSQL's, without a value of a row."""


class StillNamed(Exception):
    """A row that should go is named by one that stays: its foreign key may delete that one too, or change it."""

    def __init__(self, row: RowId, by: RowId) -> None:
        super().__init__(row, by)
        self.row, self.by = row, by


@dataclass(frozen=True, slots=True)
class RowWriter:
    reader: RowReader
    """Of the whole catalogue, without what the registry adds or leaves out."""

    @property
    def connection(self) -> Connection:
        return self.reader.connection

    @property
    def tables(self) -> Mapping[str, Table]:
        return self.reader.catalogue.tables

    def write(self, phases: WritePhases) -> None:
        """Raises ``StillNamed``, and whatever PostgreSQL refuses as psycopg has it."""
        self.connection.execute("SET CONSTRAINTS ALL DEFERRED")
        self._delete(phases.early_deletes)
        self._insert(phases.inserts)
        self._update(phases.updates)
        self._delete(phases.late_deletes)
        for name, rows in phases.inserts.rows.items():
            self._advance_sequences(self.tables[name], rows.values())
        # Now and not at COMMIT: what a constraint trigger refuses is still ours to report.
        self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def _insert(self, batch: Batch) -> None:
        later: dict[RowId, Row] = {}
        for name in batch.order.tables:
            table, rows = self.tables[name], batch.rows[name]
            waiting = batch.order.columns_later(table)
            self._copy_in(table, {row_id: {**row, **dict.fromkeys(waiting)} for row_id, row in rows.items()})
            if waiting:
                later |= {row_id: {column: row[column] for column in waiting} for row_id, row in rows.items()}
        self._update(later)

    def _copy_in(self, table: Table, rows: Mapping[RowId, Row]) -> None:
        columns = list(next(iter(rows.values())))
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.schema, table.relation), names)
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows.values():
                copy.write_row([row[column] for column in columns])

    def _update(self, rows: Mapping[RowId, Row]) -> None:
        """``rows``: the columns that change, of each."""
        alike: dict[tuple[str, tuple[str, ...]], list[RowId]] = {}
        for row_id, row in rows.items():
            alike.setdefault((row_id[0], tuple(row)), []).append(row_id)
        for (name, columns), row_ids in alike.items():
            table = self.tables[name]
            statement = sql.SQL("UPDATE {} AS r SET {} WHERE {}").format(
                beside_placeholders(from_clause(table)),
                sql.SQL(", ").join(_assigned(table, column) for column in columns),
                sql.SQL(" AND ").join(_assigned(table, column, "r") for column in table.primary_key),
            )
            parameters = [[*rows[row_id].values(), *row_id[1]] for row_id in row_ids]
            with self.connection.cursor() as cursor:
                cursor.executemany(statement, parameters)

    def _delete(self, batch: Batch) -> None:
        for key in batch.order.later:
            table = self.tables[key.child]
            empty = dict.fromkeys(table.nullable(key.columns))
            self._update(dict.fromkeys(batch.rows[table.name], empty))
        for name in reversed(batch.order.tables):
            table, rows = self.tables[name], batch.rows[name]
            self._require_unnamed(table, rows)
            statement = sql.SQL("DELETE FROM {} AS r WHERE {}").format(
                beside_placeholders(from_clause(table)), matches(table, table.primary_key)
            )
            keys: list[Values] = [key for _, key in rows]
            self.connection.execute(statement, [list(column) for column in zip(*keys, strict=True)])

    def _require_unnamed(self, table: Table, rows: Mapping[RowId, Row]) -> None:
        for key in self.reader.catalogue.children.get(table.name, ()):
            if key.is_period:
                continue  # another row may cover the child: PostgreSQL decides, and takes no child along
            named = {target: row_id for row_id, row in rows.items() if (target := key.target(row)) is not None}
            child = self.tables[key.child]
            for row_id, row in self.reader.where(child, key.columns, named).items():
                values = key.values(row)
                if row_id not in rows and values is not None:
                    raise StillNamed(named[values], row_id)

    def _advance_sequences(self, table: Table, rows: Iterable[Row]) -> None:
        for found in self.connection.execute(_SEQUENCES, (table.name,)).fetchall():
            highest = max(int(row.get(found["column"]) or 0) for row in rows)
            statement = sql.SQL("SELECT setval({}::regclass, {highest}) FROM {} s WHERE s.last_value < {highest}")
            name = found["sequence"]
            self.connection.execute(statement.format(sql.Literal(name), sql.SQL(name), highest=sql.Literal(highest)))

    @contextmanager
    def without_triggers(self, names: Sequence[str]) -> Iterator[None]:
        """The tables' own triggers are off, for this transaction alone; foreign keys are checked as always.

        Needs to own the tables, and keeps other writers out of them until the end.
        """
        found = [(self.tables[name], row) for name in names for row in self.connection.execute(_TRIGGERS, (name,))]
        for table, row in found:
            self._switch(table, "DISABLE", row["name"])
        yield
        for table, row in found:
            self._switch(table, "ENABLE ALWAYS" if row["always"] else "ENABLE", row["name"])

    def _switch(self, table: Table, how: str, trigger: str) -> None:
        statement = sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(
            sql.Identifier(table.schema, table.relation), sql.SQL(how), sql.Identifier(trigger)
        )
        self.connection.execute(statement)


def _assigned(table: Table, column: str, alias: str | None = None) -> sql.Composed:
    name = sql.Identifier(alias, column) if alias else sql.Identifier(column)
    return sql.SQL("{} = %s::{}").format(*map(beside_placeholders, (name, sql.SQL(table.types[column]))))


@contextmanager
def writing_rows(server: PostgresServer, database: str) -> Iterator[RowReader]:
    """One transaction, committed at the end of the block. Its reader locks every row that it reads.

    Raises ``WriteRefused``; ``RightMissing``; ``LockNotAvailable`` where a row stays locked by somebody else.
    """
    with server.connect(database) as connection, _refusals():
        # Each statement sees what was committed before it: who held a lock on a row has changed what hangs on it.
        connection.isolation_level = IsolationLevel.READ_COMMITTED
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
            yield RowReader(connection, begin_reading(connection), locking=True)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege:
        raise
    except (psycopg.IntegrityError, psycopg.DataError, psycopg.InternalError, psycopg.ProgrammingError) as error:
        raise WriteRefused(described(error)) from None
