"""A full backup and six increments of everything that PostgreSQL stores, restored and compared in two ways.

docs/adr/0018 has the table of what a chain brings back and why; this is its test.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.restore.visibility import BothWays, both_ways
from muniment.adapters.site.site import Site
from muniment.adapters.vault.envelope import local_envelope
from muniment.ports import utc_now
from muniment.runbooks.restore.restore_cluster import restore_cluster
from muniment.runbooks.vault.create_vaults import create_vaults
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.golden.vaults import KEY, KEY_NAME
from tests.support import workload
from tests.support.kept import kept_where_it_differs
from tests.support.restores import prove_whole, serving
from tests.support.stored import archive_to, back_up, plan_for, restore_from, rows

pytestmark = pytest.mark.timeout(1200)
DATABASES = ("postgres", workload.BENCH, "by_wal", "by_copy")
_TABLES = (
    "SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'm', 't', 'p') AND c.relpersistence = 'p' ORDER BY 1, 2"
)


@pytest.fixture
def source(
    cluster_factory: ClusterFactory, programs17: PostgresPrograms, run_dir: Path, tmp_path: Path
) -> LocalCluster:
    cluster = cluster_factory(
        programs17,
        archive_command=archive_to(run_dir / f"wal-{tmp_path.name}"),
        shared_buffers="64MB",
        max_wal_size="4GB",
        checkpoint_timeout="1h",
    )
    workload.begin(cluster, cluster.data_dir.with_name("a room"))
    return cluster


@pytest.fixture
def site(site_factory: SiteFactory, source: LocalCluster) -> Site:
    """Sealed under a key that everybody may know, so that a vault that is kept can be read."""
    site, envelope = site_factory(source, vaults=False), local_envelope(KEY_NAME, KEY)
    site = replace(
        site, primary=replace(site.primary, envelope=envelope), replica=replace(site.replica, envelope=envelope)
    )
    create_vaults(site, clock=utc_now)
    return site


def test_a_full_backup_and_six_increments_come_back_as_the_cluster_was(
    site: Site, source: LocalCluster, programs17: PostgresPrograms, run_dir: Path, tmp_path: Path
) -> None:
    back_up(site, "20261120T080000000Z")
    for number in range(len(workload.NIGHTS)):
        workload.night(source, number)
        point = back_up(site, f"2026112{number + 1}T080000000Z")
    assert (point.kind, len(point.chain)) == ("incremental", 7)
    workload.do(source, *workload.AFTERWARDS)
    rows(source, "SELECT pg_switch_wal()")
    expected = {name: dumped(source, name) for name in DATABASES}
    source.stop()
    plan = plan_for(site.primary, point, run_dir / site.firm.id / "data")
    command = restore_from(run_dir / f"wal-{tmp_path.name}")
    restored = restore_cluster(site.primary, plan, programs=programs17, restore_command=command)
    prove_whole(restored, programs17)
    with serving(restored, programs17) as copy, kept_where_it_differs(site, source, copy):
        assert counted_otherwise_by_index(copy) == {}
        assert {name: dumped(copy, name) for name in DATABASES} == expected
        assert [bool(rows(copy, f"SELECT 1 FROM {table} LIMIT 1")) for table in ("passing", "staying")] == [True, False]


def dumped(cluster: LocalCluster, database: str) -> str:
    """A digest of the whole database in PostgreSQL's own words, less the word of the day that \\restrict has."""
    options = ("--no-unlogged-table-data", "--dbname", cluster.conninfo(database))
    dump = cluster.programs.run("pg_dump", *options).stdout
    lines = [line for line in dump.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def counted_otherwise_by_index(cluster: LocalCluster) -> dict[str, str]:
    """Of each table of each database, system catalogs and toast among them; and how many there were."""
    found, answered = {}, 0
    for database in DATABASES:
        for name, both in _counts(cluster, database):
            answered += both.by_index is not None
            if not both.agree:
                found[f"{database}: {name}"] = f"{both.by_index} by an index, {both.by_rows} rows"
    assert answered > 4 * 60, "an index answers for nearly every catalog"
    return found


def _counts(cluster: LocalCluster, database: str) -> Iterator[tuple[str, BothWays]]:
    with psycopg.connect(cluster.conninfo(database), autocommit=True, row_factory=dict_row) as connection:
        for table in connection.execute(_TABLES).fetchall():
            yield (
                f"{table['schema']}.{table['name']}",
                both_ways(connection, sql.Identifier(table["schema"], table["name"])),
            )
