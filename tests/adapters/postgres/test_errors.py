"""What PostgreSQL refuses, by its code: nothing here depends on the words of an answer."""

import select
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.secret import Secret
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
from tests.fixtures.clusters import ClusterFactory


@pytest.fixture(scope="module")
def running(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> LocalCluster:
    return module_cluster_factory(programs17)


@pytest.fixture(scope="module")
def server(running: LocalCluster) -> PostgresServer:
    acme = PostgresServer("acme", Secret(running.conninfo()))
    with acme.connect() as session:
        session.execute("CREATE TABLE client (id int PRIMARY KEY, ssn text NOT NULL UNIQUE, age int CHECK (age > 17))")
        session.execute("INSERT INTO client VALUES (1, '078-05-1120', 40)")
        session.execute("CREATE ROLE guest LOGIN PASSWORD 'guest' CONNECTION LIMIT 0")
        session.execute("CREATE ROLE nobody NOLOGIN PASSWORD 'guest'")
        session.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
        session.execute("CREATE DATABASE closed ALLOW_CONNECTIONS false")
        session.execute("CREATE DATABASE private")
        session.execute("REVOKE CONNECT ON DATABASE private FROM PUBLIC")
    return acme


@pytest.mark.parametrize(
    ("changed", "kind", "sqlstate"),
    [
        ({"password": "wrong"}, SessionRefused, "28P01"),
        ({"passfile": "nowhere"}, SessionRefused, None),
        ({"user": "nobody", "password": "guest"}, SessionRefused, "28000"),
        ({"user": "guest", "password": "guest"}, ServerUnavailable, "53300"),
        ({"dbname": "nowhere"}, SessionRefused, "3D000"),
        ({"dbname": "closed"}, SessionRefused, "55000"),
        ({"dbname": "private", "user": "clerk", "password": "clerk"}, SessionRefused, "42501"),
        ({"port": "9"}, ServerUnavailable, None),
        ({"host": "nowhere.invalid"}, ServerUnavailable, None),
    ],
)
def test_no_session_begins_for_a_reason_that_the_code_tells(
    server: PostgresServer, changed: dict[str, str], kind: type[PostgresError], sqlstate: str | None
) -> None:
    asking = replace(
        server,
        conninfo=Secret(make_conninfo(server.conninfo.reveal(), **changed)),
        database=changed.get("dbname", "postgres"),
    )
    # For replication nobody needs a database, and only some may log in at all.
    replicates = not {"dbname", "user"} & changed.keys()
    for begin in (asking.connect().__enter__, *([asking.replication_connection] if replicates else [])):
        with pytest.raises(PostgresError) as refused:
            begin()
        assert type(refused.value) is kind
        assert f"(SQLSTATE {sqlstate})" in refused.value.what if sqlstate else "SQLSTATE" not in refused.value.what


def test_a_server_that_stays_silent_is_not_asked_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        server = PostgresServer("acme", Secret(f"host=127.0.0.1 port={port} user=x connect_timeout=2"))
        with pytest.raises(ServerUnavailable):
            server.now()
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_server_that_starts_or_stops_is_not_available(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms
) -> None:
    cluster = cluster_factory(programs17)
    server = PostgresServer("acme", Secret(cluster.conninfo()))
    with pytest.raises(ServerUnavailable, match="57P01"), server.connect() as session:
        cluster.stop()
        session.execute("SELECT 1")
    with pytest.raises(ServerUnavailable):
        server.now()


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("08006", ServerUnavailable),
        ("57P03", ServerUnavailable),
        ("53300", ServerUnavailable),
        ("53100", ServerDiskFull),
        ("53400", StatementRefused),
        ("40P01", LockNotAvailable),
        ("25006", ServerReadOnly),
        ("XX000", StatementRefused),
        ("ZZ999", StatementRefused),
    ],
)
def test_a_statement_is_refused_for_the_reason_that_the_code_tells(
    server: PostgresServer, sqlstate: str, kind: type[PostgresError]
) -> None:
    with pytest.raises(PostgresError) as refused, server.connect() as session:
        session.execute(f"DO $$ BEGIN RAISE EXCEPTION 'nicht jetzt' USING ERRCODE = '{sqlstate}'; END $$".encode())
    assert type(refused.value) is kind
    assert f"nicht jetzt (SQLSTATE {sqlstate})" in refused.value.what


def _cancelled(session: psycopg.Connection[dict[str, object]]) -> None:
    session.execute("SET statement_timeout = 20")
    session.execute("SELECT pg_sleep(10)")


def _ended_when_idle(session: psycopg.Connection[dict[str, object]]) -> None:
    session.execute("SET idle_in_transaction_session_timeout = 20")
    session.execute("BEGIN")
    _wait_for_word(session)
    session.execute("SELECT 1")


def _ended_when_idle_at_all(session: psycopg.Connection[dict[str, object]]) -> None:
    session.execute("SET idle_session_timeout = 20")
    _wait_for_word(session)
    session.execute("SELECT 1")


def _wait_for_word(session: psycopg.Connection[dict[str, object]]) -> None:
    select.select([session.pgconn.socket], [], [], 10)


def _read_only(session: psycopg.Connection[dict[str, object]]) -> None:
    session.execute("SET default_transaction_read_only = on")
    session.execute("CREATE TABLE t ()")


def _denied(session: psycopg.Connection[dict[str, object]]) -> None:
    session.execute("SET ROLE clerk")
    session.execute("SELECT * FROM client")


@pytest.mark.parametrize(
    ("does", "kind"),
    [
        (_cancelled, StatementEnded),
        (_ended_when_idle, StatementEnded),
        (_ended_when_idle_at_all, StatementEnded),
        (_read_only, ServerReadOnly),
        (_denied, RightMissing),
    ],
)
def test_what_a_server_does_not_let_us_do(
    server: PostgresServer,
    does: Callable[[psycopg.Connection[dict[str, object]]], None],
    kind: type[PostgresError],
) -> None:
    with pytest.raises(PostgresError) as refused, server.connect() as session:
        does(session)
    assert type(refused.value) is kind


def test_a_lock_that_another_one_holds_is_waited_for_later(server: PostgresServer) -> None:
    with server.connect() as holder, holder.transaction():
        holder.execute("LOCK TABLE client")
        with pytest.raises(LockNotAvailable), server.connect() as session:
            session.execute("SET lock_timeout = 20")
            session.execute("SELECT * FROM client")


@pytest.mark.filterwarnings("error")
def test_what_another_server_raises_is_not_ascribed_to_this_one(server: PostgresServer) -> None:
    other = replace(server, firm="other")
    with pytest.raises(StatementEnded, match="postgresql of firm other"), other.connect() as theirs, server.connect():
        _cancelled(theirs)
    with pytest.raises(ServerUnavailable, match="postgresql of firm other"), other.connect() as theirs:
        theirs.close()
        with server.connect():
            theirs.execute("SELECT 1")


_ROWS = {
    "the whole row": ("INSERT INTO client VALUES (2, NULL, 40)", "23502", "table public.client, column ssn"),
    "a key": (
        "INSERT INTO client VALUES (2, '078-05-1120', 40)",
        "23505",
        "table public.client, constraint client_ssn_key",
    ),
    "a check": (
        "INSERT INTO client VALUES (2, '078-05-1121', 7)",
        "23514",
        "table public.client, constraint client_age_check",
    ),
    "a value": ("SELECT ssn::int FROM client", "22P02", "InvalidTextRepresentation"),
}


def test_a_value_that_python_cannot_hold_is_not_quoted_either(server: PostgresServer) -> None:
    with pytest.raises(StatementRefused) as refused, server.connect() as session:
        session.execute("SELECT 'infinity'::date, '0044-03-15 BC'::date").fetchall()
    assert "44" not in str(refused.value)


@pytest.mark.parametrize("name", _ROWS)
def test_no_value_of_a_row_is_in_an_error_nor_in_its_stack(server: PostgresServer, name: str) -> None:
    statement, sqlstate, about = _ROWS[name]
    program = f"""
        import sys
        from muniment.adapters.postgres.server import PostgresServer
        from muniment.domain.secret import Secret
        with PostgresServer("acme", Secret(sys.stdin.read())).connect() as session:
            session.execute({statement!r})
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        input=server.conninfo.reveal(), text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert sqlstate in done.stderr
    assert about in done.stderr
    assert "078-05" not in done.stderr.replace(statement, "")
    assert "DETAIL" not in done.stderr
