"""Rows written back in one transaction: COPY for what comes, UPDATE and DELETE by primary key for the rest."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import IsolationLevel, sql

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.quoting import beside_placeholders
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.not_valid import SetAside
from muniment.adapters.rows.reader import (
    Connection,
    RowReader,
    begin_reading,
    by_column,
    by_primary_key,
    from_clause,
    unnested,
)
from muniment.adapters.rows.sequences import advance_past_rows
from muniment.adapters.rows.write_steps import Step, StillNamed, carry_out_all
from muniment.domain.rows.foreign_keys import Row, RowId, Rows, Table
from muniment.domain.rows.writes import Batch, WritePhases

# A row that somebody else holds is waited for so long, and not for ever: others would queue up behind us.
LOCK_TIMEOUT = "30s"
_TRIGGERS = """
    SELECT tgname AS name, tgenabled = 'A' AS always FROM pg_trigger
    WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled IN ('O', 'A')
"""


class WriteRefused(Exception):
    """A constraint, a trigger or a type says no. Its text is PostgreSQL's, without a value of a row."""


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
        """Raises ``StillNamed``, ``ValueTaken``, and whatever PostgreSQL refuses as psycopg has it."""
        self.connection.execute("SET CONSTRAINTS ALL DEFERRED")
        for step in self._deletes(phases.early_deletes):
            self.carry_out(step)
        away = SetAside(self.connection)
        steps = (self._inserts(phases.inserts), self._updates(phases.updates), self._deletes(phases.late_deletes))
        carry_out_all(self, [step for each in steps for step in each], away)
        for name, rows in phases.inserts.rows.items():
            advance_past_rows(self.connection, self.tables[name], rows.values())
        # Now and not at COMMIT: what a constraint trigger refuses is still ours to report.
        self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        away.put_back()

    def _inserts(self, batch: Batch) -> Iterator[Step]:
        later: dict[RowId, Row] = {}
        for name in batch.order.tables:
            table, rows = self.tables[name], batch.rows[name]
            waiting = batch.order.columns_later(table)
            yield Step("insert", table, {row_id: {**row, **dict.fromkeys(waiting)} for row_id, row in rows.items()})
            if waiting:
                later |= {row_id: {column: row[column] for column in waiting} for row_id, row in rows.items()}
        yield from self._updates(later)

    def _updates(self, rows: Rows) -> Iterator[Step]:
        """``rows``: the columns that change, of each. A step for those of one table that change in the same columns."""
        alike: dict[tuple[str, tuple[str, ...]], dict[RowId, Row]] = {}
        for row_id, row in rows.items():
            alike.setdefault((row_id[0], tuple(row)), {})[row_id] = row
        for (name, columns), found in alike.items():
            if columns:
                yield Step("update", self.tables[name], found)

    def _deletes(self, batch: Batch) -> Iterator[Step]:
        for key in batch.order.later:
            table = self.tables[key.child]
            empty = dict.fromkeys(table.nullable(key.columns))
            yield from self._updates(dict.fromkeys(batch.rows[table.name], empty))
        for name in reversed(batch.order.tables):
            yield Step("delete", self.tables[name], batch.rows[name])

    def carry_out(self, step: Step) -> None:
        """Raises ``StillNamed``, and whatever PostgreSQL refuses."""
        carry_out = {"insert": self._copy_in, "update": self._update, "delete": self._delete}[step.kind]
        carry_out(step.table, step.rows)

    def _copy_in(self, table: Table, rows: Rows) -> None:
        columns = list(next(iter(rows.values())))
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.schema, table.relation), names)
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows.values():
                copy.write_row([row[column] for column in columns])

    def _update(self, table: Table, rows: Rows) -> None:
        columns, keys = list(next(iter(rows.values()))), table.primary_key
        statement = sql.SQL("UPDATE {} AS r SET {} FROM {} WHERE {}").format(
            beside_placeholders(from_clause(table)),
            sql.SQL(", ").join(_assigned(table, column, len(keys) + n) for n, column in enumerate(columns)),
            unnested("v", len(keys) + len(columns)),
            by_primary_key(table).of_rows(),
        )
        self.connection.execute(statement, by_column((*row_id[1], *row.values()) for row_id, row in rows.items()))

    def _delete(self, table: Table, rows: Rows) -> None:
        self._require_unnamed(table, rows)
        statement = sql.SQL("DELETE FROM {} AS r USING {} WHERE {}").format(
            beside_placeholders(from_clause(table)),
            unnested("v", len(table.primary_key)),
            by_primary_key(table).of_rows(),
        )
        self.connection.execute(statement, by_column(key for _, key in rows))

    def _require_unnamed(self, table: Table, rows: Rows) -> None:
        for key in self.reader.catalogue.children.get(table.name, ()):
            if key.is_period:
                continue  # another row may cover the child: PostgreSQL decides, and takes no child along
            named = {target: row_id for row_id, row in rows.items() if (target := key.target(row)) is not None}
            for row_id, _, target in self.reader.children(key, named):
                if row_id not in rows:
                    raise StillNamed(named[target], row_id)

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


def _assigned(table: Table, column: str, number: int) -> sql.SQL:
    value = sql.Identifier("v", f"v{number}")
    told = sql.SQL("{} = {}::{}").format(sql.Identifier(column), value, sql.SQL(table.types[column]))
    return beside_placeholders(told)


@contextmanager
def writing_rows(server: PostgresServer, database: str) -> Iterator[RowReader]:
    """One transaction, committed at the end of the block. Its reader locks every row that it reads.

    Raises ``WriteRefused``; ``RightMissing``; ``LockNotAvailable`` where a row stays locked by somebody else.
    """
    with server.connect(database) as connection, refusals():
        # Each statement sees what was committed before it: who held a lock on a row has changed what hangs on it.
        connection.isolation_level = IsolationLevel.READ_COMMITTED
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
            yield RowReader(connection, begin_reading(connection), locking=True)


@contextmanager
def refusals() -> Iterator[None]:
    """What PostgreSQL says no to. Raises ``WriteRefused``."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege:
        raise
    except (psycopg.IntegrityError, psycopg.DataError, psycopg.InternalError, psycopg.ProgrammingError) as error:
        raise WriteRefused(described(error)) from None
