"""A copy of a cluster in isolation, and what it and the cluster that it came from answer."""

from pathlib import Path
from typing import Any

import psycopg

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.staging.isolated_cluster import IsolatedCluster

BANNER = "muniment staging acme 2026-11-20 18:00:00+00"
# Production's own libraries are not there: so that the test gets in. The copy is asked like anybody asks it.
AROUND = {"options": "-c session_preload_libraries= -c local_preload_libraries="}


def ask(cluster: LocalCluster, statement: str) -> list[tuple[Any, ...]]:
    around = {} if isinstance(cluster, IsolatedCluster) else AROUND
    with psycopg.connect(cluster.conninfo(**around), autocommit=True) as session:
        cursor = session.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def one(cluster: LocalCluster, statement: str) -> Any:
    return ask(cluster, statement)[0][0]


def copy_of(production: LocalCluster, folder: Path) -> IsolatedCluster:
    """As a restore leaves it: consistent once its WAL is replayed, and a signal to recover from an archive."""
    folder.mkdir(mode=0o700)
    production.programs.run("pg_basebackup", "-D", folder / "data", "-d", production.conninfo(), "-c", "fast")
    (folder / "data" / "recovery.signal").touch()
    return IsolatedCluster(folder / "data", production.programs, banner=BANNER)
