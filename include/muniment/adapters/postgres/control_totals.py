"""Tables counted and columns summed in one snapshot whose position in the WAL is known.

Which position is the right one? The rows that a snapshot sees are those whose commit records lie before some position
in the WAL, but PostgreSQL does not tell which: a transaction writes its commit record first and becomes visible a
moment later. So we look for an instant at which both are the same: nothing was written to the WAL between a reading of
``pg_current_wal_insert_lsn()`` before the snapshot and one after it, and no transaction that has written anything was
under way. Every commit before that position is then visible and none after it. The position is where the next record
will begin: a restore that stops *before* it (``recovery_target_lsn``, ``recovery_target_inclusive = off``) has exactly
these rows. It is the insert position and not the flushed one, because a transaction with ``synchronous_commit = off``
is visible before it is flushed; the point is registered only when the WAL through this position is in both vaults.

On a server that is never at rest, not even for a millisecond in two seconds, the numbers are still those of one
snapshot, and ``exact`` is false.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.quoting import identifier
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.postgres.unlogged import IS_UNLOGGED
from muniment.domain.drill.totals import Reading, Readings
from muniment.domain.sql_names import ColumnPath, TableName
from muniment.domain.wal.names import Lsn
from muniment.errors import InvalidConfiguration

_ATTEMPTS = 40
_PAUSE_S = 0.05
_POSITION = "SELECT pg_current_wal_insert_lsn()::text AS lsn"
_UNLOGGED = sql.SQL("""
SELECT {} AS yes FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
""").format(IS_UNLOGGED)
_COLUMN = """
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                WHERE n.nspname = %s AND c.relname = %s AND a.attname = %s) AS yes
"""
# A transaction holds the lock on its own id from its first write until after it is visible. (A snapshot's list of
# transactions in progress would not do: it ends at the newest completed one.)
_WRITERS = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'transactionid' AND granted AND mode = 'ExclusiveLock'"


@dataclass(frozen=True, slots=True)
class Instant:
    """Of a snapshot. ``exact``: it has every row that was committed before ``lsn``, and no other."""

    lsn: Lsn
    exact: bool


@dataclass(frozen=True, slots=True)
class TotalsReader:
    """One session."""

    connection: psycopg.Connection[dict[str, Any]]

    def has_table(self, name: TableName) -> bool:
        spelled = identifier(name).as_string(self.connection)
        found = self.connection.execute("SELECT to_regclass(%s) AS table", (spelled,)).fetchone()
        return found is not None and found["table"] is not None

    def has_column(self, path: ColumnPath) -> bool:
        return bool(self._one(_COLUMN, (path.table.schema, path.table.table, path.column))["yes"])

    @contextmanager
    def at_an_instant(self) -> Iterator[Instant]:
        """A snapshot that is open while the numbers are read; the last one tried where no instant was quiet."""
        for attempt in range(1, _ATTEMPTS + 1):
            # In this order: whoever wrote a commit record before the first reading and is not visible yet is a writer
            # now.
            before = self._one(_POSITION)["lsn"]
            writers = self._one(_WRITERS)["n"]
            self.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            after = self._one(_POSITION)["lsn"]
            exact = after == before and writers == 0
            if exact or attempt == _ATTEMPTS:
                yield Instant(Lsn.parse(after), exact)
                self.connection.execute("COMMIT")
                return
            self.connection.execute("ROLLBACK")
            time.sleep(_PAUSE_S)

    def count(self, table: TableName) -> int:
        return int(self._one(sql.SQL("SELECT count(*) AS n FROM {}").format(identifier(table)))["n"])

    def sum(self, path: ColumnPath) -> str:
        """As text, exact: numeric in PostgreSQL has no rounding, and a float's sum would depend on the rows' order."""
        statement = sql.SQL("SELECT coalesce(sum({}::numeric), 0)::text AS total FROM {}")
        return str(self._one(statement.format(sql.Identifier(path.column), identifier(path.table)))["total"])

    def is_unlogged(self, table: TableName) -> bool:
        return bool(self._one(_UNLOGGED, (table.schema, table.table))["yes"])

    def _one(self, statement: Any, parameters: Any = None) -> dict[str, Any]:
        found = self.connection.execute(statement, parameters).fetchone()
        if found is None:
            message = "an aggregate returned no row"
            raise LookupError(message)
        return found


@contextmanager
def counting(server: PostgresServer) -> Iterator[TotalsReader]:
    """Raises ``InvalidConfiguration`` for a column that cannot be summed, ``RightMissing`` for what may not be read
    whole, any other ``PostgresError``."""
    with server.connect() as connection, _refusals():
        yield TotalsReader(connection)


def read_each(server: PostgresServer, tables: Iterable[str], columns: Mapping[str, ColumnPath]) -> Readings:
    """Each on its own, of a cluster that nobody else writes to: one that cannot be read hides no other.

    ``tables`` as a recovery point has them. Raises ``PostgresError``.
    """
    with server.connect() as connection:
        totals = TotalsReader(connection)
        return Readings(
            {text: _reading(totals, text) for text in tables},
            {name: _reading(totals, path) for name, path in columns.items()},
        )


def _reading(totals: TotalsReader, named: str | ColumnPath) -> Reading:
    try:
        if isinstance(named, ColumnPath):
            return Reading(totals.sum(named), is_unlogged=totals.is_unlogged(named.table))
        table = TableName.parse(named)
        return Reading(str(totals.count(table)), is_unlogged=totals.is_unlogged(table))
    except ValueError as misshapen:
        return Reading(None, str(misshapen))
    except psycopg.OperationalError:
        raise
    except psycopg.Error as refused:
        return Reading(None, described(refused))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.UndefinedColumn, psycopg.errors.CannotCoerce) as error:
        raise InvalidConfiguration(count=1, faults=f"policy.control_totals: {described(error)}") from None
    except psycopg.DataError as error:
        faults = f"policy.control_totals: a column that is summed holds what is no number: {described(error)}"
        raise InvalidConfiguration(count=1, faults=faults) from None
