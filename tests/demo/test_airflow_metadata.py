"""Airflow's tables from a dump: the same as Airflow's own command makes, without a start of Airflow."""

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment_demo.airflow_env import airflow_env
from muniment_demo.airflow_home import write_home
from muniment_demo.airflow_metadata import NAME, create_metadata, make_tables
from muniment_demo.airflow_process import LocalAirflow
from tests.fixtures.clusters import ROOT, ClusterFactory


@pytest.fixture
def cluster(cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> LocalCluster:
    return cluster_factory(programs17)


def airflow(cluster: LocalCluster, home: Path) -> LocalAirflow:
    """Told of a new and empty database; nothing of it runs."""
    write_home(home, {})
    metadata = create_metadata(cluster)
    env = airflow_env(home=home, project_root=ROOT, port=1, metadata_conn=metadata, registry_root=home)
    return LocalAirflow(home, env, lambda pid: None)


def dumped(cluster: LocalCluster) -> list[str]:
    said = cluster.programs.run("pg_dump", "--inserts", f"--dbname={cluster.conninfo(NAME)}").stdout
    return [line for line in said.splitlines() if not line.startswith("\\")]


def drop(cluster: LocalCluster) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as session:
        session.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(NAME)))


def test_what_is_loaded_is_what_was_migrated(cluster: LocalCluster, tmp_path: Path) -> None:
    dumps, first, second = tmp_path / "dumps", tmp_path / "first", tmp_path / "second"
    make_tables(airflow(cluster, first), cluster, dumps)
    assert (first / "db.log").exists()
    (dump,) = dumps.iterdir()
    migrated = dumped(cluster)
    assert [line for line in migrated if line.startswith("INSERT INTO public.alembic_version")]
    drop(cluster)

    make_tables(airflow(cluster, second), cluster, dumps)
    assert not (second / "db.log").exists()
    assert dumped(cluster) == migrated
    assert list(dumps.iterdir()) == [dump]
