"""One firm's PostgreSQL: one run at a time, and errors that say what to do."""

import threading

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.secret import Secret
from muniment.errors import AnotherRunIsActive, ServerUnavailable


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
    assert server.databases() == server.databases("template1") == ["archive", "postgres"]
