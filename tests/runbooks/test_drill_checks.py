"""What a drill asks of a restored cluster: a damaged page is found, by amcheck or by a dump, and is named."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.muniment.adapters.local_cluster import LocalCluster
from include.muniment.adapters.postgres_server import PostgresServer
from include.muniment.adapters.programs import PostgresPrograms
from include.muniment.domain.secret import Secret
from include.muniment.runbooks.drill_checks import Inspection
from tests.fixtures.clusters import ClusterFactory

ANYBODY: Any = None
"""The site: only totals, balances and smoke queries ask for it."""


@pytest.fixture
def cluster(cluster_factory: ClusterFactory, programs: PostgresPrograms) -> LocalCluster:
    cluster = cluster_factory(programs)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE ledger AS SELECT n, repeat('x', 100) AS memo FROM generate_series(1, 2000) n")
        connection.execute("CREATE INDEX ON ledger (n)")
        connection.execute("CHECKPOINT")
    return cluster


def without_amcheck(programs: PostgresPrograms, folder: Path) -> PostgresPrograms:
    """Debian has pg_amcheck in a package of its own."""
    folder.mkdir()
    for program in programs.bin_dir.iterdir():
        if program.name != "pg_amcheck":
            (folder / program.name).symlink_to(program)
    return PostgresPrograms(programs.major, folder)


def inspection(cluster: LocalCluster, programs: PostgresPrograms) -> Inspection:
    return Inspection(ANYBODY, PostgresServer("alder", Secret(cluster.conninfo()), "postgres"), programs)


def damage(cluster: LocalCluster, relation: str) -> None:
    """A few bytes in the middle of one page, while nobody has it in memory."""
    with psycopg.connect(cluster.conninfo()) as connection:
        (path,) = connection.execute("SELECT pg_relation_filepath(%s)", (relation,)).fetchone() or ("",)
    cluster.stop()
    with (cluster.data_dir / path).open("r+b") as file:
        file.seek(2 * 8192 + 4000)
        file.write(b"rotten")
    cluster.start()


@pytest.mark.parametrize("with_amcheck", [True, False])
def test_a_damaged_page_is_found(cluster: LocalCluster, with_amcheck: bool, tmp_path: Path) -> None:
    programs = cluster.programs if with_amcheck else without_amcheck(cluster.programs, tmp_path / "bin")
    restored = inspection(cluster, programs)
    has_amcheck = with_amcheck and restored._has_amcheck
    whole = restored.relations()
    assert whole.passed
    assert whole.found == f"1 databases read by {'amcheck' if has_amcheck else 'a dump to nowhere'}"
    damage(cluster, "ledger")
    broken = inspection(cluster, programs).relations()
    assert not broken.passed
    assert broken.found.startswith("postgres: ")
    assert "page" in broken.found


def test_a_damaged_index_is_found_where_amcheck_is(cluster: LocalCluster) -> None:
    """A dump reads no index."""
    restored = inspection(cluster, cluster.programs)
    if not restored._has_amcheck:
        pytest.skip("amcheck is not installed here")
    damage(cluster, "ledger_n_idx")
    broken = inspection(cluster, cluster.programs).relations()
    assert not broken.passed
    assert "ledger_n_idx" in broken.found
