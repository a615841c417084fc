"""A firm's PostgreSQL, through psycopg 3. SQL in here, decisions elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, cast

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn
from psycopg.rows import dict_row

from muniment.adapters.postgres.conninfo import parse_conninfo
from muniment.adapters.postgres.errors import Session, connect_failure, session_errors
from muniment.adapters.postgres.run_lock import RunLock, locked
from muniment.adapters.postgres.session import session_conninfo, settle
from muniment.domain.secret import Secret
from muniment.errors import PostgresError, ServerUnavailable, SessionRefused, StatementRefused

# What initdb makes. template1 comes last: while anybody is in it, nobody can make a database from it.
_FROM_THE_BEGINNING = ("postgres", "template1")
_WRONG_PASSWORD = "28P01"
# A limit of -2 marks what an interrupted DROP DATABASE has left (DATCONNLIMIT_INVALID_DB): it can be dropped, no more.
_DATABASES = """
SELECT datname AS name, datallowconn AND datconnlimit <> -2 AS is_open, datconnlimit = -2 AS is_invalid
  FROM pg_database WHERE NOT datistemplate ORDER BY datname
"""


def is_of_every_database(refused: PostgresError) -> bool:
    """Whether the next one would refuse us likewise."""
    return bool(refused.facts["sqlstate"] == _WRONG_PASSWORD)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """One cluster. ``conninfo`` is libpq's keyword string, secrets included, and is never printed."""

    firm: str
    conninfo: Secret
    database: str = "postgres"
    application: str = "muniment"
    """``application_name`` of every session, at most 63 bytes."""
    may_be: frozenset[int] = frozenset()
    """Of a restored copy: the system identifiers of the firm's clusters, those before the one that serves too."""

    @contextmanager
    def connect(self, database: str | None = None) -> Iterator[Session]:
        """An autocommit connection whose rows are dictionaries. Whatever its server raises, there or in the block, is
        a ``PostgresError``."""
        with self._settled(self._session(database or self.database)) as session:
            yield session

    @contextmanager
    def anywhere(self) -> Iterator[Session]:
        """``connect``, for what is the same in each database: in the firm's own, else in one that a cluster begins
        with. A copy may be older than the firm's own; any of them may have been dropped, or be closed to us."""
        with self._settled(self._first_session(self.databases_to_try)) as session:
            yield session

    @contextmanager
    def beside(self) -> Iterator[Session]:
        """``connect``, in another database than the firm's own: for what is done to that one as a whole."""
        names = tuple(name for name in _FROM_THE_BEGINNING if name != self.database)
        with self._settled(self._first_session(names)) as session:
            yield session

    @contextmanager
    def _settled(self, session: Session) -> Iterator[Session]:
        with session_errors(self.firm, session), session.owning():
            settle(session, self.options)
            yield session

    def _session(self, database: str) -> Session:
        conninfo = self._conninfo(dbname=database)
        try:
            return Session.connect(conninfo, autocommit=True, row_factory=dict_row)
        except psycopg.errors.ConnectionTimeout as silent:  # and would be so once more
            raise ServerUnavailable(firm=self.firm, reason=str(silent)) from None
        except psycopg.OperationalError as error:
            asked = error.pgconn is not None and (error.pgconn.used_password or error.pgconn.needs_password)
            raise connect_failure(self.firm, conninfo, str(error), was_asked_for_password=asked) from None

    def _first_session(self, databases: tuple[str, ...]) -> Session:
        """Of the first one that lets us in. Raises what the first one has said."""
        refusals: list[PostgresError] = []
        for name in databases:
            try:
                return self._session(name)
            except (SessionRefused, StatementRefused) as refused:
                refusals.append(refused)
                if is_of_every_database(refused):
                    break
        raise refusals[0]

    @property
    def databases_to_try(self) -> tuple[str, ...]:
        """For what is the same in each: the firm's own one first."""
        return (self.database, *(name for name in _FROM_THE_BEGINNING if name != self.database))

    def _conninfo(self, **own: str) -> str:
        return session_conninfo(self.conninfo.reveal(), application_name=self.application, **own)

    @property
    def options(self) -> str:
        """What the firm's own connection sets in each of its sessions, in libpq's form."""
        return parse_conninfo(self.conninfo.reveal()).get("options", "")

    @property
    def host(self) -> str | None:
        """Where the firm's own connection leads."""
        told = parse_conninfo(self.conninfo.reveal())
        return told.get("host") or told.get("hostaddr")

    def replication_connection(self) -> PGconn:
        """A connection that speaks the streaming replication protocol; the caller finishes it.

        Raises ``PostgresError``.
        """
        conninfo = self._conninfo(replication="true")
        connection = pq.PGconn.connect(conninfo.encode())
        if connection.status != pq.ConnStatus.OK:
            reason, asked = connection.get_error_message(), connection.used_password or connection.needs_password
            connection.finish()
            raise connect_failure(self.firm, conninfo, reason, was_asked_for_password=asked)
        return connection

    def row(self, statement: LiteralString, *parameters: Any, database: str | None = None) -> dict[str, Any]:
        """The only row of a query; without ``database``, of one whose answer is the same in each."""
        with self.connect(database) if database else self.anywhere() as connection:
            found = connection.execute(statement, parameters).fetchone()
        if found is None:
            message = f"no row from {statement}"
            raise LookupError(message)
        return found

    def databases(self) -> list[str]:
        """Those that somebody may connect to, without templates."""
        return [str(row["name"]) for row in self._databases() if row["is_open"]]

    def closed_databases(self) -> list[str]:
        """Those that nobody can look into, templates aside, each with the reason."""
        told = {True: "an interrupted DROP DATABASE has left it invalid", False: "it takes no connections"}
        return [f"{row['name']} ({told[row['is_invalid']]})" for row in self._databases() if not row["is_open"]]

    def _databases(self) -> list[dict[str, Any]]:
        with self.anywhere() as session:
            return session.execute(_DATABASES).fetchall()

    def system_identifier(self) -> int:
        return int(self.row("SELECT system_identifier FROM pg_control_system()")["system_identifier"])

    def now(self) -> datetime:
        """By the clock of its machine."""
        return cast("datetime", self.row("SELECT clock_timestamp() AS now")["now"])

    def started_at(self) -> str:
        """To the microsecond: two servers of one cluster never started together."""
        return str(self.row("SELECT pg_postmaster_start_time()::text AS started")["started"])

    def end_sessions(self) -> int:
        """Ends every session that carries our ``application`` name; whoever waits in one gets ``ServerUnavailable``."""
        ended = self.row(
            "SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity"
            " WHERE application_name = %s AND usename = current_user AND pid <> pg_backend_pid()",
            self.application,
        )
        return int(ended["ended"])

    @contextmanager
    def exclusively(self) -> Iterator[RunLock]:
        """Holds the firm's advisory lock: one run at a time, and a killed run's lock goes with its connection.

        In the firm's own database, because such a lock is of one database: no two runs may choose another one. Raises
        ``AnotherRunIsActive`` when somebody else still holds it after ``LOCK_WAIT_S``.
        """
        with self.connect() as session, locked(self.firm, session) as lock:
            yield lock
