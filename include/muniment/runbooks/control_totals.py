"""Numbers of the live database at a known position, so that a restore can be compared with them to the cent.

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from muniment.adapters.site.site import Site
from muniment.domain.firm.firm import ControlTotalsPolicy
from muniment.domain.vault.registers import ControlTotals
from muniment.domain.wal.names import Lsn
from muniment.errors import AccessDenied, InvalidConfiguration
from muniment.ports import Clock

_ATTEMPTS = 40
_PAUSE_S = 0.05
_POSITION = "SELECT pg_current_wal_insert_lsn()::text AS lsn"
# A transaction holds the lock on its own id from its first write until after it is visible. (A snapshot's list of
# transactions in progress would not do: it ends at the newest completed one.)
_WRITERS = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'transactionid' AND granted AND mode = 'ExclusiveLock'"

type _Connection = psycopg.Connection[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Instant:
    lsn: Lsn
    exact: bool


def read_control_totals(site: Site, *, clock: Clock) -> ControlTotals:
    """The policy's counts and sums in one snapshot.

    Raises ``InvalidConfiguration`` for a table or column that does not exist, ``AccessDenied`` for one that may not be
    read whole.
    """
    wanted = site.policy.control_totals
    with site.postgres.connect() as connection, _config_errors(site):
        _prove_tables(connection, wanted)
        with _instant(connection) as instant:
            return ControlTotals(
                lsn=instant.lsn,
                exact=instant.exact,
                read_at=clock(),
                counts={name: _count(connection, name) for name in wanted.tables},
                sums={name: _sum(connection, column) for name, column in wanted.sums.items()},
            )


@contextmanager
def _instant(connection: _Connection) -> Iterator[_Instant]:
    """A snapshot that is open while the numbers are read; the last one tried where no instant was quiet."""
    for attempt in range(1, _ATTEMPTS + 1):
        # In this order: whoever wrote a commit record before the first reading and is not visible yet is a writer now.
        before = _one(connection, _POSITION)["lsn"]
        writers = _one(connection, _WRITERS)["n"]
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        after = _one(connection, _POSITION)["lsn"]
        exact = after == before and writers == 0
        if exact or attempt == _ATTEMPTS:
            # Rows that a policy hides must not be left out quietly: with this, PostgreSQL refuses instead.
            connection.execute("SET LOCAL row_security = off")
            yield _Instant(Lsn.parse(after), exact)
            connection.execute("COMMIT")
            return
        connection.execute("ROLLBACK")
        time.sleep(_PAUSE_S)


def _prove_tables(connection: _Connection, wanted: ControlTotalsPolicy) -> None:
    """All that is missing at once."""
    named = [*wanted.tables, *(column.rpartition(".")[0] for column in wanted.sums.values())]
    missing = [name for name in dict.fromkeys(named) if not _exists(connection, name)]
    if missing:
        faults = "\n".join(f"policy.control_totals: table {name} does not exist" for name in missing)
        raise InvalidConfiguration(count=len(missing), faults=faults)


def _exists(connection: _Connection, table: str) -> bool:
    found = connection.execute("SELECT to_regclass(%s) AS table", (_name(table).as_string(connection),)).fetchone()
    return found is not None and found["table"] is not None


def _count(connection: _Connection, table: str) -> int:
    return int(_one(connection, sql.SQL("SELECT count(*) AS n FROM {}").format(_name(table)))["n"])


def _sum(connection: _Connection, path: str) -> str:
    """As text, exact: numeric in PostgreSQL has no rounding, and a float's sum would depend on the rows' order."""
    table, _, column = path.rpartition(".")
    statement = sql.SQL("SELECT coalesce(sum({}::numeric), 0)::text AS total FROM {}")
    return str(_one(connection, statement.format(sql.Identifier(column), _name(table)))["total"])


def _name(path: str) -> sql.Identifier:
    return sql.Identifier(*path.split("."))


def _one(connection: _Connection, statement: Any) -> dict[str, Any]:
    found = connection.execute(statement).fetchone()
    if found is None:
        message = "an aggregate returned no row"
        raise LookupError(message)
    return found


@contextmanager
def _config_errors(site: Site) -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.UndefinedColumn, psycopg.errors.CannotCoerce) as error:
        raise InvalidConfiguration(count=1, faults=f"policy.control_totals: {error.diag.message_primary}") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise AccessDenied(
            service="PostgreSQL",
            operation="SELECT",
            place=f"database {site.postgres.database}",
            reason=error.diag.message_primary,
        ) from error
