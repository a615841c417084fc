"""A store of each kind in turn: a SQLite file, and a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.watch.places import url_of
from muniment.adapters.watch.store import WatchStore
from muniment.domain.secret import Secret
from tests.fixtures.clusters import ClusterFactory

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def cluster(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> LocalCluster:
    return module_cluster_factory(programs17)


@pytest.fixture
def server_url(cluster: LocalCluster) -> Iterator[str]:
    """Of a database in which nothing of the watch is yet."""
    yield url_of(Secret(cluster.conninfo())).reveal()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS muniment_watch CASCADE")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "watch" / "watch.sqlite")
    return str(request.getfixturevalue("server_url"))


@pytest.fixture
def store(url: str) -> WatchStore:
    return WatchStore.open(url)
