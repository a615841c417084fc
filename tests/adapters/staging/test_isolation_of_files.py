"""A restored copy that is led to the files of the living: by SQL, by old settings, by links, by its own WAL."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms, run_program
from muniment.adapters.staging.isolated_cluster import IsolatedCluster
from muniment.errors import ProgramFailed
from tests.fixtures.clusters import ClusterFactory
from tests.support.isolated_copies import ask, copy_of, one
from tests.support.living import digests, folder_of_the_firm

pytestmark = pytest.mark.timeout(720)
PROGRAM = "COPY (SELECT 1) TO PROGRAM '{}'"
# As a superuser of the server; what the extension is that it wants, where it wants one.
STATEMENTS = {
    "COPY TO": ("COPY (SELECT 'spoilt') TO '{live}/deed'", None),
    "COPY TO a new file": ("COPY (SELECT 'spoilt') TO '{live}/another'", None),
    "lo_export": ("SELECT lo_from_bytea(4711, 'spoilt'); SELECT lo_export(4711, '{live}/deed')", None),
    "COPY TO PROGRAM": (PROGRAM.format("rm {live}/deed"), None),
    "chmod": (PROGRAM.format("chmod 0640 {live}/deed"), None),
    "DO": ("DO $$BEGIN EXECUTE 'COPY (SELECT 1) TO ''{live}/deed'''; END$$", None),
    "CREATE TABLESPACE": ("CREATE TABLESPACE taken LOCATION '{live}/empty'", None),
    "file_fdw": (
        "CREATE SERVER IF NOT EXISTS files FOREIGN DATA WRAPPER file_fdw; DROP FOREIGN TABLE IF EXISTS read;"
        " CREATE FOREIGN TABLE read (t text) SERVER files OPTIONS (program 'rm {live}/deed'); SELECT * FROM read",
        "file_fdw",
    ),
    "pg_file_write": ("SELECT pg_file_write('{live}/deed', 'spoilt', true)", "adminpack"),
    "an untrusted language": (
        "CREATE OR REPLACE FUNCTION spoil() RETURNS void LANGUAGE plperlu AS 'unlink \"{live}/deed\"'; SELECT spoil()",
        "plperlu",
    ),
}


@pytest.fixture(scope="module")
def production(module_cluster_factory: ClusterFactory, programs: PostgresPrograms) -> LocalCluster:
    return module_cluster_factory(programs)


@pytest.fixture(scope="module")
def staged(production: LocalCluster, run_dir: Path) -> Iterator[IsolatedCluster]:
    staged = copy_of(production, run_dir / f"staging-{uuid4().hex[:8]}")
    staged.recover({"recovery_target": "immediate", "recovery_target_timeline": "latest"}, "/bin/false")
    yield staged
    staged.kill()


@pytest.fixture
def live(run_dir: Path) -> Path:
    """Files that the server's user may write, whoever that is here."""
    live = folder_of_the_firm(run_dir / f"live-{uuid4().hex[:8]}")
    folder_of_the_firm(live / "empty")
    (live / "deed").write_text("precious")
    (live / "deed").chmod(0o666)
    os.chown(live / "deed", live.stat().st_uid, live.stat().st_gid)
    return live


@pytest.mark.parametrize("how", STATEMENTS)
def test_sql_that_writes_writes_in_its_own_folder_alone(
    how: str, production: LocalCluster, staged: IsolatedCluster, live: Path
) -> None:
    statement, extension = STATEMENTS[how]
    if extension and not ask(staged, f"SELECT 1 FROM pg_available_extensions WHERE name = '{extension}'"):
        pytest.skip(f"this PostgreSQL has no {extension}")
    before = digests(live)
    for server in (staged, production):
        if extension:
            ask(server, f"CREATE EXTENSION IF NOT EXISTS {extension}")
    with suppress(psycopg.Error):
        ask(staged, statement.format(live=live))
    assert digests(live) == before
    with suppress(psycopg.errors.InternalError_):  # a program may have ended before it was given what it does not read
        ask(production, statement.format(live=live))
    assert digests(live) != before, "production may"
    if how == "CREATE TABLESPACE":
        ask(production, "DROP TABLESPACE taken")


def test_where_it_may_write_it_does(staged: IsolatedCluster) -> None:
    own = staged.folder
    ask(staged, f"COPY (SELECT 'a copy') TO '{own}/exported'")
    ask(staged, PROGRAM.format(f"cp {own}/exported {own}/again 2>/dev/null"))
    assert (own / "again").read_text() == "a copy\n"
    assert one(staged, f"SELECT pg_read_file('{own}/again')") == "a copy\n"


def test_its_shared_memory_lies_in_its_own_folder(staged: IsolatedCluster) -> None:
    """POSIX segments of a server that is killed stay in /dev/shm for ever."""
    assert one(staged, "SHOW dynamic_shared_memory_type") == "mmap"
    assert list((staged.data_dir / "pg_dynshmem").glob("mmap.*"))


def test_old_settings_lead_nowhere(
    cluster_factory: ClusterFactory, programs: PostgresPrograms, run_dir: Path, live: Path
) -> None:
    """Of postgresql.conf, of postgresql.auto.conf, which is read always, and of what somebody has it include."""
    production = cluster_factory(programs)
    ask(production, f"CREATE TABLESPACE scratch LOCATION '{folder_of_the_firm(live / 'scratch')}'")
    for setting, value in {
        "logging_collector": "on",
        "log_directory": str(live / "log"),
        "unix_socket_directories": str(live),
        "external_pid_file": str(live / "pid"),
        "dynamic_library_path": str(live),
        "temp_tablespaces": "scratch",
        "log_statement_stats": "on",
        "jit_dump_bitcode": "on",
    }.items():
        ask(production, f"ALTER SYSTEM SET {setting} = '{value}'")
    (live / "more.conf").write_text(
        f"log_filename = 'included'\nstats_fetch_consistency = 'none'\nhba_file = '{live}/deed'\n"
    )
    (live / "more.conf").chmod(0o644)
    for name in ("postgresql.conf", "postgresql.auto.conf"):
        with (production.data_dir / name).open("a") as file:
            file.write(f"include '{live}/more.conf'\ndata_directory = '{production.data_dir}'\n")
    with (production.data_dir / "postgresql.conf").open("a") as file:
        file.write(f"log_directory = '{live}/log'\ninclude_dir '{live}'\n")
    folder = run_dir / f"staging-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    mapping = f"{live / 'scratch'}={folder / 'data-tablespaces'}"
    production.programs.run(
        "pg_basebackup", "-D", folder / "data", "-d", production.conninfo(), "-c", "fast", "-T", mapping
    )
    (folder / "data" / "recovery.signal").touch()
    before = digests(live)
    staged = IsolatedCluster(folder / "data", programs)
    try:
        staged.recover({"recovery_target": "immediate"}, "/bin/false")
        assert one(staged, "SHOW stats_fetch_consistency") == "none", "it was read"
        assert one(staged, "SHOW temp_tablespaces") == "scratch"
        sorting = "SET work_mem = '64kB'; CREATE TEMP TABLE t AS SELECT g FROM generate_series(1, 50000) g ORDER BY -g"
        ask(staged, sorting)
        assert list(folder.glob("data-tablespaces/PG_*/pgsql_tmp"))
        assert digests(live) == before
    finally:
        staged.kill()


@pytest.mark.parametrize("place", ["pg_wal", "pg_tblspc", "base"])
def test_a_link_into_the_living_is_not_followed(
    place: str, cluster_factory: ClusterFactory, programs: PostgresPrograms, run_dir: Path, live: Path
) -> None:
    """As a copy of a data directory has it that was not made by a restore."""
    production = cluster_factory(programs)
    ask(production, f"CREATE TABLESPACE scratch LOCATION '{folder_of_the_firm(live / 'scratch')}'")
    ask(production, "CREATE UNLOGGED TABLE draft TABLESPACE scratch AS SELECT 1 AS id")
    ask(production, "CHECKPOINT")
    production.stop()
    folder = run_dir / f"staging-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    copied = folder / "data"
    shutil.copytree(production.data_dir, copied, symlinks=True)
    if place != "pg_tblspc":
        for link in (copied / "pg_tblspc").iterdir():
            link.unlink()
        shutil.move(copied / place, live / place)
        run_program(["chown", "-R", f"--reference={live}", str(live / place)], timeout_s=360)
        (copied / place).symlink_to(live / place)
    (copied / "recovery.signal").touch()
    before = digests(live)
    staged = IsolatedCluster(copied, programs)
    with pytest.raises(ProgramFailed):
        staged.recover({"recovery_target": "immediate"}, f"cp {production.data_dir}/pg_wal/%f %p")
    staged.kill()
    assert digests(live) == before
    production.start()
    assert one(production, "SELECT count(*) FROM draft") == 1
