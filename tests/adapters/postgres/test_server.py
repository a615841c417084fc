"""One firm's PostgreSQL: one run at a time, and errors that say what to do."""

import threading
from dataclasses import replace

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.secret import Secret
from muniment.errors import AnotherRunIsActive, RunLockLost, ServerUnavailable, SessionRefused


@pytest.fixture
def server(cluster: LocalCluster) -> PostgresServer:
    return PostgresServer("acme", Secret(cluster.conninfo()))


def test_a_second_run_is_refused_and_told_who_holds_the_lock(server: PostgresServer) -> None:
    with server.exclusively():
        holder = server.row("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")["pid"]
        with pytest.raises(AnotherRunIsActive) as refused, server.exclusively():
            pass
    assert str(refused.value) == (
        f"another run is working on firm acme (postgresql backend {holder})\n"
        "KEPT: everything; this run has not touched anything\n"
        "HINT: wait until it has finished, or stop it, then start this one again."
    )


def test_the_next_step_can_take_the_lock_at_once(server: PostgresServer) -> None:
    for _ in range(50):
        with server.exclusively():
            pass


def test_the_lock_of_a_worker_that_was_killed_is_free_again(server: PostgresServer, cluster: LocalCluster) -> None:
    entered, leave = threading.Event(), threading.Event()

    def work() -> None:
        with pytest.raises(ServerUnavailable), server.exclusively(), server.connect() as mine:
            entered.set()
            leave.wait()
            mine.execute("SELECT 1")

    worker = threading.Thread(target=work)
    worker.start()
    entered.wait()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'muniment'")
    leave.set()
    worker.join()
    with server.exclusively():
        pass


def test_a_server_that_is_not_there_is_transient(server: PostgresServer) -> None:
    nobody = PostgresServer("acme", Secret("host=127.0.0.1 port=9 user=x"))
    with pytest.raises(ServerUnavailable, match="postgresql of firm acme is not available: connection failed"):
        nobody.system_identifier()
    with pytest.raises(ServerUnavailable):
        nobody.replication_connection()


def test_the_password_is_in_no_error() -> None:
    nobody = PostgresServer("acme", Secret("host=127.0.0.1 port=9 user=x password=hunter2"))
    with pytest.raises(ServerUnavailable) as failure:
        nobody.system_identifier()
    assert "hunter2" not in str(failure.value) + repr(nobody) + repr(failure.value.__cause__)


def test_databases_are_those_that_somebody_may_connect_to(server: PostgresServer) -> None:
    with server.connect() as connection:
        connection.execute("CREATE DATABASE archive")
        connection.execute("CREATE DATABASE closed ALLOW_CONNECTIONS false")
        connection.execute("CREATE DATABASE half")
        connection.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'")
    assert server.databases() == ["archive", "postgres"]
    assert server.closed_databases() == [
        "closed (it takes no connections)",
        "half (an interrupted DROP DATABASE has left it invalid)",
    ]


def test_what_is_the_same_everywhere_is_asked_where_we_are_let_in(server: PostgresServer) -> None:
    elsewhere = replace(server, database="not there")
    assert elsewhere.system_identifier() == server.system_identifier()
    with elsewhere.beside() as session:
        assert session.info.dbname == "postgres"
    with server.beside() as session:
        assert session.info.dbname == "template1"
        session.execute("ALTER DATABASE postgres RENAME TO gone")
        assert "gone" in elsewhere.databases() == server.databases()
        session.execute("ALTER DATABASE gone RENAME TO postgres")
    with pytest.raises(SessionRefused, match='database "not there" does not exist'), elsewhere.connect():
        pass


def test_the_lock_is_of_the_firms_own_database_and_needs_no_other(cluster: LocalCluster) -> None:
    """A role that may connect to nothing else, in a cluster where nobody may connect to ``postgres``."""
    with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE practice")
        admin.execute("CREATE ROLE clerk LOGIN PASSWORD 'right'")
        admin.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
    told = psycopg.conninfo.make_conninfo(cluster.conninfo(), user="clerk", password="right")
    clerk = PostgresServer("acme", Secret(told), "practice")
    with clerk.exclusively() as lock:
        lock.prove()
        with (
            pytest.raises(AnotherRunIsActive),
            PostgresServer("acme", Secret(cluster.conninfo()), "practice").exclusively(),
        ):
            pass
    assert clerk.end_sessions() == 0
    with pytest.raises(SessionRefused, match="permission denied for database"):
        clerk.row("SELECT 1", database="postgres")


def test_a_lock_that_was_lost_is_never_taken_for_held(server: PostgresServer, cluster: LocalCluster) -> None:
    with server.exclusively() as lock:
        lock.prove()
        with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", (lock.pid,))
        with pytest.raises(RunLockLost) as lost:
            lock.prove()
        with server.exclusively() as second:
            second.prove()
            with pytest.raises(RunLockLost):
                lock.prove()
    assert str(lost.value) == (
        "the run lock of firm acme was lost while this run was at work:"
        " terminating connection due to administrator command\n"
        "KEPT: everything that was registered before; since the lock was lost this run has registered and deleted"
        " nothing\n"
        "HINT: the step is retried; if it goes on, find what ends idle sessions between worker and server: a firewall,"
        " a proxy or pooler, a failover, or a person."
    )


def test_a_lock_that_its_own_session_let_go_is_lost(server: PostgresServer) -> None:
    """As behind a pooler, which gives the session to others and unlocks all before it does."""
    with server.exclusively() as lock:
        lock.session.execute("SELECT pg_advisory_unlock_all()")
        with pytest.raises(RunLockLost, match=rf"backend {lock.pid} does not hold it any more"):
            lock.prove()
