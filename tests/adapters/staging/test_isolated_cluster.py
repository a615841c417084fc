"""A restored copy of a cluster that does everything a copy must not: archive, subscribe, call others, run programs."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms, as_unprivileged, run_program
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.postgres.suspended_activity import what_sleeps
from muniment.adapters.staging import isolation_launcher
from muniment.adapters.staging.isolated_cluster import IsolatedCluster
from muniment.domain.restore.settings import settings_file
from muniment.domain.secret import Secret
from muniment.errors import ProgramFailed, StatementRefused
from tests.fixtures.clusters import ClusterFactory
from tests.support import crowded
from tests.support.hostile_settings import ENVIRONMENT, altered
from tests.support.isolated_copies import BANNER, ask, copy_of, one

# It reads what it is given, or PostgreSQL may find the pipe closed before it has written.
CALL = "COPY (SELECT 1) TO PROGRAM 'bash -c \"read -r; exec 3<>/dev/{protocol}/127.0.0.1/{port}\"'"
# What a server of this kind runs beside the sessions, and nothing else.
OWN_WORKERS = {"client backend", "checkpointer", "background writer", "walwriter", "startup"}


@dataclass(frozen=True)
class Scene:
    """``elsewhere`` is who production talks to; ``traces`` is where production's commands leave files."""

    elsewhere: LocalCluster
    production: LocalCluster
    staged: IsolatedCluster
    traces: Path


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def scene(module_cluster_factory: ClusterFactory, programs: PostgresPrograms, run_dir: Path) -> Iterator[Scene]:
    traces = run_dir / f"traces-{uuid4().hex[:8]}"
    traces.mkdir()
    traces.chmod(0o777)
    elsewhere = module_cluster_factory(programs, wal_level="logical")
    ask(elsewhere, "CREATE TABLE orders (id int)")
    ask(elsewhere, "CREATE PUBLICATION orders FOR TABLE orders")
    preloaded = "pg_prewarm" if programs.major < 17 else ""
    production = module_cluster_factory(
        programs,
        wal_level="logical",
        archive_command=f"touch {traces}/%f",
        external_pid_file=str(traces / "production.pid"),
        **({"shared_preload_libraries": preloaded} if preloaded else {}),
    )
    endanger(production, elsewhere, traces)
    staged = copy_of(production, run_dir / f"staging-{uuid4().hex[:8]}")
    staged.recover({"recovery_target": "immediate", "recovery_target_timeline": "latest"}, "/bin/false")
    yield Scene(elsewhere, production, staged, traces)
    staged.kill()


def endanger(production: LocalCluster, elsewhere: LocalCluster, traces: Path) -> None:
    ask(production, "CREATE TABLE orders (id int)")
    ask(production, f"CREATE SUBSCRIPTION billing CONNECTION '{elsewhere.conninfo()}' PUBLICATION orders")
    ask(elsewhere, "INSERT INTO orders VALUES (1)")
    eventually(lambda: ask(production, "SELECT id FROM orders") == [(1,)])
    for setting, value in {
        "recovery_end_command": f"touch {traces}/recovery_end_command",
        "archive_cleanup_command": f"touch {traces}/archive_cleanup_command",
        "primary_conninfo": elsewhere.conninfo(),
        "recovery_target_time": "2020-01-01 00:00:00+00",  # it was itself restored once
        "shared_preload_libraries": "pg_cron",  # which is not on this machine
        "listen_addresses": "*",
    }.items():
        ask(production, f"ALTER SYSTEM SET {setting} = '{value}'")
    with (production.data_dir / "postgresql.conf").open("a") as file:
        file.write(f"data_directory = '{production.data_dir}'\nhba_file = '/etc/postgresql/pg_hba.conf'\n")
    for database in ("template1", "postgres"):
        for setting in ("session_preload_libraries", "local_preload_libraries"):
            ask(production, f"ALTER DATABASE {database} SET {setting} = 'nowhere'")


def test_nothing_is_archived(scene: Scene) -> None:
    archived = one(scene.staged, "SELECT pg_walfile_name(pg_switch_wal())")
    ask(scene.staged, "CHECKPOINT")
    assert one(scene.staged, "SHOW archive_mode") == "off"
    assert one(scene.staged, "SHOW archive_command") == "(disabled)"
    assert one(scene.staged, "SHOW archive_library") == ""
    assert list((scene.staged.data_dir / "pg_wal" / "archive_status").glob("*.ready")) == []
    assert not (scene.traces / archived).exists()
    assert list(scene.traces.glob("0000*")), "production does archive"


def test_a_subscription_of_productions_does_not_connect(scene: Scene) -> None:
    assert ask(scene.staged, "SELECT subname, subenabled FROM pg_subscription") == [("billing", True)]
    ask(scene.elsewhere, "INSERT INTO orders VALUES (2)")
    eventually(lambda: len(ask(scene.production, "SELECT id FROM orders")) == 2)
    assert ask(scene.staged, "SELECT id FROM orders") == [(1,)]
    assert one(scene.staged, "SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL") == 0
    assert one(scene.elsewhere, "SELECT count(*) FROM pg_stat_replication") == 1


def test_it_is_nobodys_standby_and_nobodys_primary(scene: Scene) -> None:
    assert one(scene.staged, "SHOW primary_conninfo") == ""
    assert one(scene.staged, "SELECT count(*) FROM pg_stat_wal_receiver") == 0
    assert one(scene.staged, "SELECT pg_is_in_recovery()") is False
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(scene.staged.conninfo(), replication="true")


def test_no_library_and_no_background_worker_comes_along(scene: Scene) -> None:
    for name in ("shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"):
        assert one(scene.staged, f"SHOW {name}") == ""
    workers = "SELECT backend_type FROM pg_stat_activity"
    assert {name for (name,) in ask(scene.staged, workers)} <= OWN_WORKERS
    there = {name for (name,) in ask(scene.production, workers)}
    assert there - OWN_WORKERS, "production has some"


def test_no_program_of_productions_runs_and_no_file_of_its_is_touched(scene: Scene) -> None:
    assert not (scene.traces / "recovery_end_command").exists()
    assert not (scene.traces / "archive_cleanup_command").exists()
    assert (scene.traces / "production.pid").read_text().strip() == str(scene.production.pid)
    assert one(scene.staged, "SHOW data_directory") == str(scene.staged.data_dir)
    assert scene.production.is_running


def test_nobody_comes_in_without_the_password_or_as_anybody_else(scene: Scene) -> None:
    assert one(scene.staged, "SHOW listen_addresses") == "127.0.0.1"
    assert one(scene.staged, "SELECT current_user") == "muniment_staging"
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(scene.staged.conninfo(passfile="/dev/null"))
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(scene.staged.conninfo(user="postgres"))
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(scene.staged.conninfo(host=str(scene.staged.folder), user="postgres"))
    assert scene.staged.passfile.stat().st_mode & 0o777 == 0o600
    password = scene.staged.passfile.read_text().strip().rsplit(":", 1)[1]
    assert password not in scene.staged.log_path.read_text()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_no_program_that_it_starts_reaches_anybody(scene: Scene, protocol: str) -> None:
    call = CALL.format(protocol=protocol, port=scene.elsewhere.port)
    ask(scene.production, call)
    with pytest.raises(psycopg.errors.ExternalRoutineException, match=r"program .* failed"):
        ask(scene.staged, call)


def test_sql_that_connects_reaches_nobody(scene: Scene) -> None:
    there = scene.elsewhere.conninfo()
    with pytest.raises(psycopg.errors.ConnectionFailure, match="Permission denied"):
        ask(scene.staged, f"CREATE SUBSCRIPTION another CONNECTION '{there}' PUBLICATION orders")


def test_a_foreign_table_of_productions_reaches_nobody(scene: Scene, run_dir: Path) -> None:
    """Wrappers and dblink are contrib, which the wheel's PostgreSQL does not have."""
    if not ask(scene.staged, "SELECT 1 FROM pg_available_extensions WHERE name = 'postgres_fdw'"):
        pytest.skip("this PostgreSQL has no postgres_fdw")
    password = scene.elsewhere.passfile.read_text().strip().rsplit(":", 1)[1]
    ask(scene.staged, "CREATE EXTENSION postgres_fdw")
    ask(
        scene.staged,
        "CREATE SERVER billing FOREIGN DATA WRAPPER postgres_fdw"
        f" OPTIONS (host '127.0.0.1', port '{scene.elsewhere.port}', dbname 'postgres')",
    )
    ask(scene.staged, f"CREATE USER MAPPING FOR PUBLIC SERVER billing OPTIONS (user 'postgres', password '{password}')")
    ask(scene.staged, "CREATE FOREIGN TABLE remote_orders (id int) SERVER billing OPTIONS (table_name 'orders')")
    with pytest.raises(psycopg.errors.SqlclientUnableToEstablishSqlconnection, match="Permission denied"):
        ask(scene.staged, "SELECT * FROM remote_orders")


def test_what_production_does_by_itself_is_told(scene: Scene) -> None:
    told = what_sleeps(PostgresServer("acme", Secret(scene.staged.conninfo())))
    assert "subscription billing of database postgres" in told
    assert all(" of database postgres" in line for line in told)


def test_it_says_what_it_is(scene: Scene) -> None:
    assert one(scene.staged, "SHOW cluster_name") == BANNER
    scene.staged.announce("it's until tomorrow")
    eventually(lambda: one(scene.staged, "SHOW muniment.staging") == "it's until tomorrow")


def test_a_start_later_is_as_quiet(scene: Scene) -> None:
    scene.staged.stop()
    scene.staged.start_again()
    assert one(scene.staged, "SHOW archive_mode") == "off"
    with pytest.raises(psycopg.errors.ExternalRoutineException):
        ask(scene.staged, CALL.format(protocol="tcp", port=scene.elsewhere.port))


def test_a_trigger_on_login_does_not_fire(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms, run_dir: Path
) -> None:
    production = cluster_factory(programs17)
    with psycopg.connect(production.conninfo(), autocommit=True) as session:
        session.execute("CREATE FUNCTION mail() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''sent''; END'")
        session.execute("CREATE EVENT TRIGGER mail ON login EXECUTE FUNCTION mail()")
        session.execute("ALTER EVENT TRIGGER mail ENABLE ALWAYS")
    with pytest.raises(psycopg.OperationalError, match="sent"):
        ask(production, "SELECT 1")
    staged = copy_of(production, run_dir / f"staging-{uuid4().hex[:8]}")
    try:
        staged.recover({}, "/bin/false")
        assert one(staged, "SELECT evtname FROM pg_event_trigger") == "mail"
    finally:
        staged.kill()


def test_a_firm_that_locked_postgres_out_is_staged_all_the_same(
    cluster_factory: ClusterFactory, programs: PostgresPrograms, run_dir: Path
) -> None:
    production = cluster_factory(programs)
    ask(production, "CREATE ROLE boss SUPERUSER")
    ask(production, "CREATE TABLE kept AS SELECT 42 AS answer")
    staged = copy_of(production, run_dir / f"staging-{uuid4().hex[:8]}")
    with psycopg.connect(production.conninfo(), autocommit=True) as session:
        session.execute("ALTER ROLE postgres NOLOGIN")
        session.execute("SELECT pg_switch_wal()")
    wal = production.data_dir / "pg_wal"
    try:
        staged.recover({"recovery_target_timeline": "latest"}, f"cp {wal}/%f %p")
        assert one(staged, "SELECT answer FROM kept") == 42
        assert one(staged, "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'postgres'") is False
    finally:
        staged.kill()


def test_nothing_that_a_cluster_or_the_environment_says_of_sessions_keeps_us_out(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    production = cluster_factory(programs17)
    with psycopg.connect(production.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE practice")
        admin.execute("CREATE DATABASE half")
        for whose in ("ROLE postgres", "DATABASE practice"):
            admin.execute(altered(whose).encode())
        admin.execute("SET default_transaction_read_only = off")
        admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        admin.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'")
        admin.execute("UPDATE pg_database SET datallowconn = false WHERE datname IN ('postgres', 'template1')")
    staged = copy_of(production, run_dir / f"staging-{uuid4().hex[:8]}")
    staged.database = "practice"
    # A locale that this machine lacks, overruled as a restore does it.
    with (staged.data_dir / "postgresql.auto.conf").open("a") as file:
        file.write("lc_monetary = 'xx_XX.UTF-8'\n" + settings_file({}, "/bin/false"))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    try:
        staged.recover({"recovery_target": "immediate"}, "/bin/false")
        server = PostgresServer("acme", Secret(staged.conninfo()), "practice")
        assert server.databases() == ["practice"]
        assert what_sleeps(server) == (
            "database half (an interrupted DROP DATABASE has left it invalid): nothing in it was looked at",
            "database postgres (it takes no connections): nothing in it was looked at",
        )
        with server.connect() as session:
            session.execute("CREATE TABLE written (id int)")
    finally:
        staged.kill()


def test_a_copy_that_lets_nobody_in_says_why_at_once(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms, run_dir: Path
) -> None:
    """Not after the hours that a recovery may take."""
    production = cluster_factory(programs17)
    with psycopg.connect(production.conninfo(), autocommit=True) as admin:
        admin.execute("UPDATE pg_database SET datcollate = 'xx_XX.UTF-8'")
        staged = copy_of(production, run_dir / f"staging-{uuid4().hex[:8]}")
    try:
        with pytest.raises(StatementRefused, match="database locale is incompatible with operating system"):
            staged.recover({"recovery_target": "immediate"}, "/bin/false")
    finally:
        staged.kill()


def test_more_of_everything_than_a_servers_defaults_hold_is_recovered(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms, run_dir: Path
) -> None:
    """The restore kit's server: tests/runbooks/drill/test_by_kit.py, on PostgreSQL 18."""
    production = cluster_factory(programs17, wal_segment_size_mb=crowded.SEGMENT_MB, **crowded.settings(17))
    crowded.crowd(production)
    staged = copy_of(production, run_dir / f"staging-{uuid4().hex[:8]}")
    crowded.crowd_more(production)
    ask(production, "SELECT pg_switch_wal()")
    try:
        staged.recover({"recovery_target_timeline": "latest"}, f"cp {production.data_dir / 'pg_wal'}/%f %p")
        assert crowded.found(staged) == crowded.EVERYTHING
    finally:
        staged.kill()


def test_a_recovery_that_misses_its_target_tells_what_the_server_said(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms, run_dir: Path
) -> None:
    staged = copy_of(cluster_factory(programs17), run_dir / f"staging-{uuid4().hex[:8]}")
    with pytest.raises(ProgramFailed, match="recovery ended before configured recovery target was reached"):
        staged.recover({"recovery_target_lsn": "FF/0"}, "/bin/false")
    assert not staged.is_running


def test_where_the_filter_cannot_be_set_no_server_starts(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms, run_dir: Path
) -> None:
    staged = copy_of(cluster_factory(programs17), run_dir / f"staging-{uuid4().hex[:8]}")
    staged.launcher = (sys.executable, "-c", "raise OSError('seccomp is not allowed here')")
    with pytest.raises(ProgramFailed, match="seccomp is not allowed here"):
        staged.recover({}, "/bin/false")
    assert not staged.is_running


def test_a_machine_that_the_filter_does_not_know_is_an_error() -> None:
    for known in (isolation_launcher.no_calls_filter, isolation_launcher.no_attributes_filter):
        assert len(known("aarch64")) % 8 == 0
        with pytest.raises(KeyError):
            known("s390x")


def test_a_program_behind_the_filter_still_talks_to_its_children() -> None:
    script = "import socket; a, b = socket.socketpair(); a.send(b'yes'); print(b.recv(3).decode())"
    done = run_program(["python3", isolation_launcher.__file__, "--no-calls", "python3", "-c", script], timeout_s=360)
    assert done.stdout == "yes\n"


def test_the_filter_needs_no_rights(scene: Scene) -> None:
    """As the user that servers run as; the same call goes through without it."""
    script = f"import socket; socket.create_connection(('127.0.0.1', {scene.elsewhere.port}))"
    run_program(as_unprivileged([sys.executable, "-c", script]), timeout_s=360)
    with pytest.raises(ProgramFailed, match="PermissionError"):
        fence = [sys.executable, isolation_launcher.__file__, "--no-calls"]
        run_program(as_unprivileged([*fence, sys.executable, "-c", script]), timeout_s=360)


def test_no_credential_of_a_workers_environment_reaches_it() -> None:
    worker = {"AIRFLOW_CONN_ACME_AWS": "hunter2", "AWS_SECRET_ACCESS_KEY": "hunter2", "PATH": os.environ["PATH"]}
    fence = [sys.executable, isolation_launcher.__file__, "--no-calls"]
    said = run_program(["env", "-i", *(f"{k}={v}" for k, v in worker.items()), *fence, "env"], timeout_s=360)
    assert said.stdout == f"PATH={os.environ['PATH']}\n"
