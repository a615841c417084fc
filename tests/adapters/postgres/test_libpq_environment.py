"""A client of libpq's finds the server by its environment, and the password is not in it."""

import sys
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms, run_program
from muniment.adapters.postgres.libpq_environment import libpq_environment
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.secret import Secret
from tests.fixtures.clusters import ClusterFactory

PASSWORD = r"a:b\c' d"


@pytest.fixture(scope="module")
def server(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> PostgresServer:
    cluster: LocalCluster = module_cluster_factory(programs17)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        spelled = PASSWORD.replace("'", "''")
        connection.execute(f"CREATE ROLE clerk LOGIN PASSWORD '{spelled}'")  # type: ignore[arg-type]
    conninfo = psycopg.conninfo.make_conninfo(
        host="127.0.0.1", port=cluster.port, user="clerk", password=PASSWORD, options="-c work_mem=4MB"
    )
    return PostgresServer("acme", Secret(conninfo), "postgres", "muniment drill")


def test_libpq_logs_in_with_it(server: PostgresServer) -> None:
    asked = "SELECT current_user, current_database(), current_setting('application_name'), current_setting('work_mem')"
    script = f'import psycopg; print(*psycopg.connect("").execute("{asked}").fetchone(), sep="|")'
    with libpq_environment(server, "postgres") as variables:
        done = run_program([sys.executable, "-c", script], timeout_s=60, env=variables)
        passfile = Path(variables["PGPASSFILE"])
        assert (passfile.stat().st_mode & 0o777, passfile.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert done.stdout.strip() == "clerk|postgres|muniment drill|4MB"
    assert not passfile.exists()


def test_the_password_is_not_in_it(server: PostgresServer) -> None:
    with libpq_environment(server, "postgres") as variables:
        assert PASSWORD not in run_program(["env"], timeout_s=60, env=variables).stdout
