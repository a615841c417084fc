"""A firm's PostgreSQL, through psycopg 3. SQL in here, decisions elsewhere."""

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, cast

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.pq.abc import PGconn
from psycopg.rows import dict_row

from muniment.adapters.postgres.errors import Session, connect_failure, session_errors
from muniment.domain.secret import Secret
from muniment.errors import AnotherRunIsActive

CONNECT_TIMEOUT_S = 10
# A host that vanished without a word is noticed after a minute: Linux alone would wait for two hours.
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
# First key of pg_try_advisory_lock(int, int): "MUNI" in ASCII. The second is a constant: the lock is per cluster.
_LOCK_CLASS = 0x4D554E49
_RUN_LOCK = 1
_DATABASES = "SELECT datname AS name FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname"
# The backend of a worker that was killed needs a moment to notice.
LOCK_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """One cluster. ``conninfo`` is libpq's keyword string, secrets included, and is never printed."""

    firm: str
    conninfo: Secret
    database: str = "postgres"
    application: str = "muniment"
    """``application_name`` of every session, at most 63 bytes."""

    @contextmanager
    def connect(self, database: str | None = None) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        """An autocommit connection whose rows are dictionaries. Whatever its server raises, there or in the block, is
        a ``PostgresError``."""
        session = self._session(database or self.database)
        with session_errors(self.firm, session), session.owning():
            yield session

    def _session(self, database: str) -> Session:
        conninfo = self._conninfo(database)
        try:
            return Session.connect(conninfo, autocommit=True, row_factory=dict_row)
        except psycopg.OperationalError as error:
            asked = error.pgconn is not None and (error.pgconn.used_password or error.pgconn.needs_password)
            raise connect_failure(self.firm, conninfo, str(error), was_asked_for_password=asked) from None

    def _conninfo(self, database: str) -> str:
        return make_conninfo(
            self.conninfo.reveal(),
            dbname=database,
            application_name=self.application,
            connect_timeout=CONNECT_TIMEOUT_S,
        )

    def replication_connection(self) -> PGconn:
        """A connection that speaks the streaming replication protocol; the caller finishes it.

        Raises ``PostgresError``.
        """
        conninfo = make_conninfo(
            self.conninfo.reveal(),
            application_name=self.application,
            replication="true",
            connect_timeout=CONNECT_TIMEOUT_S,
            **_KEEPALIVES,
        )
        connection = pq.PGconn.connect(conninfo.encode())
        if connection.status != pq.ConnStatus.OK:
            reason, asked = connection.get_error_message(), connection.used_password or connection.needs_password
            connection.finish()
            raise connect_failure(self.firm, conninfo, reason, was_asked_for_password=asked)
        return connection

    def row(self, statement: LiteralString, *parameters: Any, database: str | None = None) -> dict[str, Any]:
        """The only row of a query."""
        with self.connect(database) as connection:
            found = connection.execute(statement, parameters).fetchone()
        if found is None:
            message = f"no row from {statement}"
            raise LookupError(message)
        return found

    def databases(self, through: str | None = None) -> list[str]:
        """Those that somebody may connect to, without templates. ``through``: the database that is asked."""
        with self.connect(through) as connection:
            return [str(row["name"]) for row in connection.execute(_DATABASES)]

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
            database="postgres",
        )
        return int(ended["ended"])

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Holds the firm's advisory lock: one run at a time, and a killed run's lock goes with its connection.

        Raises ``AnotherRunIsActive`` when somebody else still holds it after ``LOCK_WAIT_S``.
        """
        with self.connect("postgres") as connection:
            self._take_lock(connection)
            try:
                yield
            finally:
                # Said aloud, because a backend outlives its closed connection by moments and the next step is quick.
                # A connection that is lost has lost its lock as well.
                with contextlib.suppress(psycopg.Error):
                    connection.execute("SELECT pg_advisory_unlock(%s, %s)", (_LOCK_CLASS, _RUN_LOCK))

    def _take_lock(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            row = connection.execute(
                "SELECT pg_try_advisory_lock(%s, %s) AS taken", (_LOCK_CLASS, _RUN_LOCK)
            ).fetchone()
            if row and row["taken"]:
                return
            if time.monotonic() > deadline:
                raise AnotherRunIsActive(firm=self.firm, holder=self._lock_holder(connection))
            time.sleep(0.1)

    @staticmethod
    def _lock_holder(connection: psycopg.Connection[dict[str, Any]]) -> str:
        held = connection.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND granted",
            (_LOCK_CLASS, _RUN_LOCK),
        ).fetchone()
        return str(held["pid"]) if held else "unknown"
