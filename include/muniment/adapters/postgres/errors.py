"""The one place where what psycopg and libpq raise becomes ours: by SQLSTATE, never by words, which a locale changes.

Codes: PostgreSQL documentation, appendix A. No sentence of PostgreSQL's reaches an error of ours that may quote a row:
of an answer we take the primary message, the SQLSTATE and the names of what it is about, never DETAIL, CONTEXT or HINT.
"""

import os
import re
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, Self

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn

from muniment.errors import (
    LockNotAvailable,
    PostgresError,
    RightMissing,
    ServerDiskFull,
    ServerReadOnly,
    ServerUnavailable,
    SessionRefused,
    StatementEnded,
    StatementRefused,
)

# The longest prefix decides.
_KINDS: dict[str, type[PostgresError]] = {
    "08": ServerUnavailable,
    "25006": ServerReadOnly,
    "25P03": StatementEnded,  # idle_in_transaction_session_timeout
    "25P04": StatementEnded,  # transaction_timeout
    "28": SessionRefused,
    "3D000": SessionRefused,
    "40001": LockNotAvailable,  # also a conflict with recovery, on a standby
    "40P01": LockNotAvailable,
    "42501": RightMissing,
    "53000": ServerUnavailable,  # insufficient resources
    "53100": ServerDiskFull,
    "53200": ServerUnavailable,  # out of memory
    "53300": ServerUnavailable,  # too many connections
    "55P03": LockNotAvailable,
    "57014": StatementEnded,
    "57P01": ServerUnavailable,
    "57P02": ServerUnavailable,
    "57P03": ServerUnavailable,
    "57P04": SessionRefused,  # the database was dropped
    "57P05": StatementEnded,  # idle_session_timeout
}
# What they mean where a session begins: no right to connect, a database that takes no connections or is invalid.
_AT_CONNECT: dict[str, type[PostgresError]] = {"42501": SessionRefused, "55000": SessionRefused}
# Of these PostgreSQL's sentence quotes the value itself: `invalid input syntax for type integer: "Jane Doe"`.
_QUOTES_VALUES = ("22",)
# A line of PQtrace: severity as the locale has it, severity, code.
_ERROR_RESPONSE = re.compile(rb'\tB\t\d+\tErrorResponse\t S "[^"]*" V "[A-Z]+" C "([0-9A-Z]{5})"')
_TRACES_THE_BEGINNING = 180000  # libpq's version
_LOGIN_REFUSED = "28000"
_ASKING_TIMEOUT_S = 10.0


class Diagnosis(Protocol):
    """Of psycopg's ``Diagnostic`` what names no value."""

    @property
    def message_primary(self) -> str | None: ...
    @property
    def schema_name(self) -> str | None: ...
    @property
    def table_name(self) -> str | None: ...
    @property
    def column_name(self) -> str | None: ...
    @property
    def constraint_name(self) -> str | None: ...


def kind_of(sqlstate: str, *, at_connect: bool = False) -> type[PostgresError]:
    """The unknown is ``StatementRefused``, its own kind: nobody knows whether it passes."""
    if at_connect and sqlstate in _AT_CONNECT:
        return _AT_CONNECT[sqlstate]
    return next((_KINDS[key] for key in (sqlstate, sqlstate[:2]) if key in _KINDS), StatementRefused)


def described(error: psycopg.Error) -> str:
    """What PostgreSQL said without any value of a row: for our errors, findings and records."""
    if error.sqlstate is None and isinstance(error, psycopg.DataError):
        return "psycopg cannot take a value (DataError)"  # its own text quotes it
    if error.sqlstate is None:
        return " ".join(str(error).split("\n", 1)[0].split())
    return _described(error.sqlstate, error.diag, type(error).__name__)


def _described(sqlstate: str, told: Diagnosis, condition: str) -> str:
    message = condition if sqlstate.startswith(_QUOTES_VALUES) else told.message_primary or condition
    table = ".".join(name for name in (told.schema_name, told.table_name) if name)
    about = (("table", table), ("column", told.column_name), ("constraint", told.constraint_name))
    return ", ".join([f"{message} (SQLSTATE {sqlstate}", *(f"{what} {name}" for what, name in about if name)]) + ")"


class Session(psycopg.Connection[dict[str, Any]]):
    """Knows which errors are of its own server: a block may use several servers at once."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._failures: list[BaseException] = []

    def wait(self, *arguments: Any, **named: Any) -> Any:
        """Every exchange with the server runs through here."""
        try:
            return super().wait(*arguments, **named)
        except psycopg.Error as error:
            self._failures = [*self._failures[-1:], error]
            raise

    def has_raised(self, error: psycopg.Error) -> bool:
        return any(error is own for own in self._failures)

    @contextmanager
    def owning(self) -> Iterator[Self]:
        """Closed at the end of the block; in it, what psycopg does not even ask of a closed one is of this server, and
        so is a value that Python cannot hold."""
        with self:
            try:
                yield self
            except (psycopg.OperationalError, psycopg.DataError) as error:
                if error.sqlstate is None and (self.closed or isinstance(error, psycopg.DataError)):
                    self._failures.append(error)
                raise


@contextmanager
def session_errors(firm: str, session: Session) -> Iterator[None]:
    """Of ``session`` alone. Not chained: a stack's text would have the DETAIL that ours leaves out."""
    try:
        yield
    except psycopg.Error as error:
        if not session.has_raised(error) or not _is_an_answer(error):
            raise
        raise failure(firm, error) from None


def failure(firm: str, error: psycopg.Error) -> PostgresError:
    """Ours for what a server answered, or for a connection to it that was lost."""
    return _kind(error)(firm=firm, reason=described(error))


def _kind(error: psycopg.Error) -> type[PostgresError]:
    if error.sqlstate:
        return kind_of(error.sqlstate)
    return StatementRefused if isinstance(error, psycopg.DataError) else ServerUnavailable


def _is_an_answer(error: psycopg.Error) -> bool:
    """Or a connection that was lost; anything else is a fault of ours, of which the stack tells more."""
    return error.sqlstate is not None or isinstance(error, (psycopg.OperationalError, psycopg.DataError))


def connect_failure(firm: str, conninfo: str, said: str, *, was_asked_for_password: bool) -> PostgresError:
    """What it means that no session began. ``said``: libpq's own sentence, which names no value of a row.

    libpq keeps no SQLSTATE of a refused connection (PQconnectPoll), and its sentence comes in the server's language.
    So a server that is up is asked once more, and its answer read where libpq traces its messages.
    """
    reason = " ".join(said.split())
    if not was_asked_for_password and pq.PGconn.ping(conninfo.encode()) != pq.Ping.OK:
        return ServerUnavailable(firm=firm, reason=reason)
    sqlstate = _sqlstate_of_refusal(conninfo)
    if sqlstate is None:
        return ServerUnavailable(firm=firm, reason=reason)
    told = f"{reason} (SQLSTATE {sqlstate})" if sqlstate else reason
    return kind_of(sqlstate or _LOGIN_REFUSED, at_connect=True)(firm=firm, reason=told, sqlstate=sqlstate)


def _sqlstate_of_refusal(conninfo: str) -> str | None:
    """Empty where it refuses without one that we can see, ``None`` where it lets us in now, or answers no more."""
    connection = pq.PGconn.connect_start(conninfo.encode())
    if connection.status == pq.ConnStatus.BAD:
        connection.finish()
        return None
    trace = os.memfd_create("libpq")  # in memory alone: what is traced has passwords in it
    try:
        connection.trace(trace)
        is_over = _poll(connection)
        connection.untrace()
        codes = _ERROR_RESPONSE.findall(os.pread(trace, os.fstat(trace).st_size, 0))
        if codes:
            return str(codes[-1].decode())  # the last one: where TLS is preferred and not asked for, libpq tries twice
        # A libpq before 18 does not trace how a session begins; the newer one says nothing of a password it has not.
        is_refused = is_over and connection.status == pq.ConnStatus.BAD
        return "" if is_refused and (connection.needs_password or pq.version() < _TRACES_THE_BEGINNING) else None
    finally:
        connection.finish()
        os.close(trace)


def _poll(connection: PGconn) -> bool:
    """Until it is connected, or has failed; false where the server stays silent."""
    deadline = time.monotonic() + _ASKING_TIMEOUT_S
    while (status := connection.connect_poll()) not in (pq.PollingStatus.OK, pq.PollingStatus.FAILED):
        waiting = select.poll()
        waiting.register(connection.socket, select.POLLIN if status == pq.PollingStatus.READING else select.POLLOUT)
        if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return False
    return True
