"""Whose session it is: ours, whatever environment, role and database say; and the firm's own connection is kept."""

import os
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest

from muniment.adapters.host.environment import program_environment
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms, run_program
from muniment.adapters.postgres.libpq_environment import libpq_environment
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.postgres.session import open_session
from muniment.domain.secret import Secret
from muniment.errors import MunimentError, StatementRefused
from tests.fixtures.clusters import ClusterFactory
from tests.support.hostile_settings import ENVIRONMENT, SETTINGS, altered

NAMES = sorted({*SETTINGS, "transaction_timeout", "zero_damaged_pages", "session_replication_role", "role"})
SHOWN = ", ".join(f"current_setting('{name}') AS {name}" for name in NAMES)
SUPERUSERS = (
    "ALTER ROLE postgres SET zero_damaged_pages = on; ALTER ROLE postgres SET session_replication_role = replica"
)


@pytest.fixture(scope="module")
def cluster(module_cluster_factory: ClusterFactory, programs: PostgresPrograms) -> LocalCluster:
    """Its superuser, a clerk and the database ``practice`` have settings that break whatever heeds them."""
    cluster = module_cluster_factory(programs)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE ROLE clerk LOGIN PASSWORD 'right'; CREATE ROLE reader; GRANT reader TO clerk")
        admin.execute("CREATE DATABASE practice")
        admin.execute("CREATE DATABASE letters ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        admin.execute("CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
        admin.execute("ALTER ROLE clerk SET role = 'reader'")
        if programs.major >= 17:
            admin.execute("ALTER ROLE clerk SET transaction_timeout = '2s'")
        admin.execute(SUPERUSERS)
        for what in ("DATABASE practice", "ROLE clerk"):
            admin.execute(altered(what).encode())
    return cluster


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def conninfo_of_clerk(cluster: LocalCluster, **more: str) -> str:
    told = {"host": "127.0.0.1", "port": str(cluster.port), "user": "clerk", "password": "right", **more}
    return psycopg.conninfo.make_conninfo("", **told)


@pytest.fixture
def server(cluster: LocalCluster) -> PostgresServer:
    return PostgresServer("acme", Secret(conninfo_of_clerk(cluster)), "practice")


def expected(major: int) -> Iterator[tuple[str, str]]:
    yield from {
        "statement_timeout": "0",
        "lock_timeout": "0",
        "idle_session_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "default_transaction_read_only": "off",
        "default_transaction_isolation": "read committed",
        "client_encoding": "UTF8",
        "datestyle": "ISO, DMY",
        "intervalstyle": "postgres",
        "timezone": "UTC",
        "bytea_output": "hex",
        "standard_conforming_strings": "on",
        "quote_all_identifiers": "off",
        "row_security": "off",
        "role": "none",
    }.items()
    if major >= 17:
        yield "transaction_timeout", "0"


@pytest.mark.usefixtures("hostile")
def test_environment_role_and_database_decide_nothing(server: PostgresServer, programs: PostgresPrograms) -> None:
    names = [name for name in NAMES if programs.major >= 17 or name != "transaction_timeout"]
    shown = ", ".join(f"current_setting('{name}') AS {name}" for name in names)
    found = server.row(f"SELECT {shown}, current_user AS who")  # type: ignore[arg-type]
    assert {name: found[name] for name, _ in expected(programs.major)} == dict(expected(programs.major))
    assert found["who"] == "clerk"


@pytest.mark.usefixtures("hostile")
def test_a_session_outlives_every_timeout_and_may_write(server: PostgresServer) -> None:
    with server.connect() as session, session.transaction():
        session.execute("CREATE TEMPORARY TABLE written (at timestamptz)")
        time.sleep(2.1)
        session.execute("INSERT INTO written SELECT now() FROM pg_sleep(2.1)")
        assert session.execute("SELECT at <= now() AS past FROM written").fetchone() == {"past": True}


def test_what_only_a_superuser_may_set_is_set_for_one(cluster: LocalCluster) -> None:
    with open_session(cluster.conninfo()) as session:
        shown = "SELECT current_setting('zero_damaged_pages'), current_setting('session_replication_role')"
        assert session.execute(shown).fetchone() == ("off", "origin")


def test_what_the_firms_own_connection_says_is_kept(cluster: LocalCluster) -> None:
    told = conninfo_of_clerk(cluster, options="-c statement_timeout=7s --work-mem=4MB -cDateStyle=German")
    found = PostgresServer("acme", Secret(told), "practice").row(
        "SELECT current_setting('statement_timeout') AS timeout, current_setting('work_mem') AS work_mem,"
        " current_setting('datestyle') AS spelled"
    )
    assert found == {"timeout": "7s", "work_mem": "4MB", "spelled": "ISO, DMY"}
    with pytest.raises(MunimentError, match="SSL was required"):
        PostgresServer("acme", Secret(conninfo_of_clerk(cluster, sslmode="require"))).now()


@pytest.mark.usefixtures("hostile")
def test_text_is_text_in_each_encoding(cluster: LocalCluster, server: PostgresServer) -> None:
    for database in ("letters", "bytes"):
        assert server.row("SELECT 'Gebühr' AS text, ' '::\"char\" AS one", database=database)["text"] == "Gebühr"
    assert server.databases() == ["bytes", "letters", "postgres", "practice"]


@pytest.mark.usefixtures("hostile")
def test_the_programs_of_postgresql_are_told_the_same(server: PostgresServer, programs: PostgresPrograms) -> None:
    shown = (
        "SELECT current_setting('statement_timeout'), current_setting('default_transaction_read_only'), current_user"
    )
    script = f'''
import os, psycopg
connection = psycopg.connect("")
idle = {{each.keyword: each.val for each in connection.pgconn.info}}[b"keepalives_idle"]
print(*connection.execute("{shown}").fetchone(), idle.decode())
print(*os.environ)'''
    with libpq_environment(server, "practice") as variables:
        done = run_program([sys.executable, "-c", script], timeout_s=60, env=variables)
        programs.run("pg_dump", "--file=/dev/null", env=variables)
    answer, names = done.stdout.splitlines()
    assert answer == "0 off clerk 30"
    assert not {"PGHOSTADDR", "PGTZ", "PGREQUIREAUTH", "PG_COLOR"} & set(names.split())


def test_a_program_reads_each_database_in_its_own_encoding(cluster: LocalCluster, programs: PostgresPrograms) -> None:
    """Bytes that are no text in UTF-8: a session is refused them by their code, a program reads them as they are."""
    server = PostgresServer("acme", Secret(cluster.conninfo()), "bytes")
    with server.connect() as session:
        session.execute("CREATE TABLE kept AS SELECT convert_from('\\x46fc72', 'SQL_ASCII') AS text")
    with pytest.raises(StatementRefused, match="SQLSTATE 22021"):
        server.row("SELECT text FROM kept", database="bytes")
    with libpq_environment(server, "bytes") as variables:
        assert variables["PGCLIENTENCODING"] == "SQL_ASCII"
        programs.run("pg_dump", "--file=/dev/null", env=variables)


@pytest.mark.usefixtures("hostile")
def test_a_process_that_has_begun_a_session_forgets_what_its_environment_says(server: PostgresServer) -> None:
    os.environ["PGDATA"] = "/somewhere"
    assert {name for name in program_environment() if name.startswith("PG")} == {"PGDATA"}
    server.now()
    assert {name for name in os.environ if name.startswith("PG")} == {"PGDATA"}
    del os.environ["PGDATA"]


@pytest.mark.usefixtures("hostile")
def test_the_replication_protocol_as_well(cluster: LocalCluster) -> None:
    connection = PostgresServer("acme", Secret(cluster.conninfo())).replication_connection()
    assert connection.exec_(b"IDENTIFY_SYSTEM").ntuples == 1
    connection.finish()
