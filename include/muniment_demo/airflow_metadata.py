"""Airflow's metadata: a database `airflow` with its tables, which a version of Airflow makes once a machine.

`airflow db migrate` is a start of Airflow and a hundred tables: 5 CPU-seconds where the dump of what it made takes
less than one.
"""

from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

from psycopg import sql

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.postgres.session import open_session
from muniment_demo.airflow_process import LocalAirflow
from muniment_demo.world import PROJECT

NAME = "airflow"
DUMPS = PROJECT / ".muniment" / "airflow-metadata"
_DUMP_TIMEOUT_S = 600


def create_metadata(cluster: LocalCluster) -> str:
    """An empty database on a running cluster; returns SQLAlchemy's URL, password included."""
    with open_session(cluster.conninfo()) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    password = cluster.passfile.read_text().strip().rpartition(":")[2]
    return f"postgresql+psycopg2://postgres:{password}@127.0.0.1:{cluster.port}/{NAME}"


def make_tables(airflow: LocalAirflow, cluster: LocalCluster, dumps: Path = DUMPS) -> None:
    """In the empty database that `airflow` was told of; before its parts start.

    Raises `ProgramFailed` where Airflow or PostgreSQL cannot.
    """
    dump = dumps / f"{version('apache-airflow-core')}-pg{cluster.programs.major}.sql"
    if dump.exists():
        _load(cluster, dump.read_bytes())
        return
    airflow.migrate()
    keep(dump, _dumped(cluster).encode())


def keep(file: Path, content: bytes) -> None:
    """Whole or not at all: several test workers come by at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{uuid4().hex}")
    part.write_bytes(content)
    part.replace(file)


def _dumped(cluster: LocalCluster) -> str:
    """Rows as INSERT, and without what only psql understands (\\restrict)."""
    told = ["--no-owner", "--inserts", f"--dbname={cluster.conninfo(NAME)}"]
    dump = cluster.programs.run("pg_dump", *told, timeout_s=_DUMP_TIMEOUT_S).stdout
    return "".join(line for line in dump.splitlines(keepends=True) if not line.startswith("\\"))


def _load(cluster: LocalCluster, dump: bytes) -> None:
    with open_session(cluster.conninfo(NAME), autocommit=False) as connection:
        connection.execute(dump)
