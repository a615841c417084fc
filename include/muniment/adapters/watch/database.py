"""The database of the watch's store, a SQLite file or PostgreSQL: connections, transactions, locks.

A transaction that writes is exclusive from its beginning on SQLite (``BEGIN IMMEDIATE``); on PostgreSQL it is where it
says about what (an advisory lock, which ends with the transaction and with the process). Both wait for
``patience_s`` at most. No connection outlives a fork: Airflow's tasks are forks.
"""

import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from sqlalchemy import Connection, Engine, Insert, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import NullPool

from muniment.adapters.postgres.conninfo import parse_conninfo
from muniment.adapters.postgres.session import session_conninfo, settle
from muniment.adapters.watch.failures import store_errors
from muniment.errors import InvalidConfiguration

SCHEMA = "muniment_watch"
"""Of PostgreSQL's: its own, for the database may be somebody else's."""
PATIENCE_S = 10.0
"""As long as a firm may keep a pass: whoever writes to a store for longer is in its way."""
_LONGEST_S = 60
"""A host that hung in the middle of a book keeps the others out no longer than that, and no statement takes as long."""
_SILENCE = {"tcp_user_timeout": f"{_LONGEST_S * 1000}"}
"""Milliseconds. What was sent and is never acknowledged is given up then, and not after a quarter of an hour."""
_WRITES = "muniment_writes"
_SETTINGS = text(
    "SELECT set_config('search_path', :schema, true), set_config('lock_timeout', :patience, true),"
    " set_config('statement_timeout', :longest, true),"
    " set_config('idle_in_transaction_session_timeout', :longest, true)"
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))")


@dataclass(frozen=True, slots=True)
class Database:
    """``place`` is what errors name it by: a file, or host and database."""

    place: str
    engine: Engine
    file: Path | None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction. Raises ``WatchStoreUnavailable``."""
        with store_errors(self.place), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, exclusively: str | None = None) -> Iterator[Connection]:
        """One transaction, which an error in the block undoes. ``exclusively``: about what, and nobody else at the
        same time. Raises ``WatchStoreUnavailable``."""
        writing = self.engine.execution_options(**{_WRITES: True})
        with store_errors(self.place), writing.begin() as connection:
            if exclusively and self.file is None:
                connection.execute(_LOCK, {"what": f"{SCHEMA}: {exclusively}"})
            yield connection

    @contextmanager
    def outside_transactions(self) -> Iterator[sqlite3.Connection]:
        """Of a file: for what SQLite does outside of one. Raises ``WatchStoreUnavailable``."""
        with store_errors(self.place), closing(self.engine.raw_connection()) as connection:
            session = connection.driver_connection
            assert isinstance(session, sqlite3.Connection)
            yield session

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """One that knows ``ON CONFLICT``, the same on both."""
        return sqlite.insert(table) if self.file else postgresql.insert(table)

    def upsert(self, table: Table, *names: str) -> Insert:
        """What is there under the table's key, or under its columns ``names``, is overwritten."""
        inserted = self.insert(table)
        key = names or tuple(column.name for column in table.primary_key)
        changed = {c.name: inserted.excluded[c.name] for c in table.c if c.name not in (*key, "number")}
        return inserted.on_conflict_do_update(index_elements=list(key), set_=changed)


def connect(url: str, patience_s: float = PATIENCE_S, *, read_only: bool = False) -> Database:
    """``url``: a SQLite file, plainly or as ``sqlite:///…``, or ``postgresql://…`` as libpq or SQLAlchemy writes it."""
    scheme, divided, rest = url.partition("://")
    if not divided:
        return _of_file(Path(url), patience_s, read_only)
    if scheme == "sqlite" and rest.strip("/"):
        return _of_file(Path(rest.removeprefix("/")), patience_s, read_only)
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return _of_server(f"postgresql://{rest}", patience_s, read_only)
    fault = f"the watch's store: {scheme}:// is neither sqlite:///FILE nor postgresql://"
    raise InvalidConfiguration(count=1, faults=fault)


def _of_file(file: Path, patience_s: float, read_only: bool) -> Database:
    file = file.absolute()

    def opened() -> sqlite3.Connection:
        return sqlite3.connect(_uri(file, read_only), uri=True, timeout=patience_s, isolation_level=None)

    engine = create_engine("sqlite://", creator=opened, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return Database(str(file), engine, file)


def _uri(file: Path, read_only: bool) -> str:
    """Where nobody may write and nobody does, SQLite needs no files beside it, which it could not make: the log of
    what was written last was taken into the file when the last one closed it."""
    log = file.with_name(f"{file.name}-wal")
    is_still = not log.exists() and not os.access(file.parent, os.W_OK)
    mode = "ro&immutable=1" if is_still else "ro" if read_only else "rw"
    return f"file:{quote(str(file))}?mode={mode}"


def make_file(file: Path) -> None:
    """An empty one that nobody else may read, where there is none. Raises ``OSError``.

    Where there is one it is left alone: to close a file is to lose the locks that SQLite has on it in this process.
    """
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _of_server(url: str, patience_s: float, read_only: bool) -> Database:
    try:
        told = parse_conninfo(url)
    except ValueError:  # without its words, which quote the URL
        fault = "the watch's store: its URL is not one that libpq reads"
        raise InvalidConfiguration(count=1, faults=fault) from None
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: _session(session_conninfo(url, **_SILENCE), told.get("options", ""), read_only),
        pool_pre_ping=True,
        pool_size=2,
        pool_timeout=patience_s,
        hide_parameters=True,
    )
    settings = {"schema": SCHEMA, "patience": f"{patience_s * 1000:.0f}", "longest": f"{_LONGEST_S * 1000}"}

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.execute(_SETTINGS, settings)

    _forget_in_children(engine)
    where = f"{told.get('host', 'localhost')}:{told.get('port', '5432')}/{told.get('dbname', '')}"
    return Database(f"postgresql {where}", engine, None)


def _session(conninfo: str, options: str, read_only: bool) -> psycopg.Connection[tuple[Any, ...]]:
    session = settle(psycopg.connect(conninfo, autocommit=True), options)
    session.read_only = read_only or None  # of each transaction: ``BEGIN READ ONLY``
    session.autocommit = False  # only now: a rollback of the first transaction would undo what was set
    return session


def _forget_in_children(engine: Engine) -> None:
    """A connection that a fork has inherited is its parent's: the child leaves it alone and begins its own."""
    here = weakref.ref(engine)

    def forget() -> None:
        if inherited := here():
            inherited.dispose(close=False)

    os.register_at_fork(after_in_child=forget)
