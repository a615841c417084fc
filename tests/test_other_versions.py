"""PostgreSQL 16 and 18 through the whole chain, once: check, nights, WAL, restore, staging, drill, a matter, tables.

15 and 17 go through everything else. What 18 has of its own is in the firm's schema.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.site.site import Site
from muniment.domain.approval import Approval
from muniment.domain.drill.rules import Means
from muniment.domain.firm.application import ControlTotalsPolicy, MattersPolicy
from muniment.domain.firm.firm import RestoreRules
from muniment.domain.record import new_id
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.secret import Secret
from muniment.domain.sql_names import TableName
from muniment.ports import utc_now
from muniment.runbooks.drill.run_drill import run_drill
from muniment.runbooks.firm.check_firm import check_firm
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.rows.plan_matter import MatterRequest, plan_matter
from muniment.runbooks.rows.plan_tables import TableSelection, restore_tables
from muniment.runbooks.rows.restore_matter import restore_matter
from muniment.runbooks.staging.stage_restore import stage_restore, staging_place
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, with_firm
from tests.support.stagings import stagings_folder
from tests.support.wal import archive_with, eventually, muniment_script, status_files

pytestmark = pytest.mark.timeout(1200)
SCHEMA = """
CREATE TABLE matters (number text PRIMARY KEY, title text, letters int GENERATED ALWAYS AS (length(title)){virtual});
CREATE TABLE ledger (id serial PRIMARY KEY, matter text REFERENCES matters, amount numeric(14,2));
INSERT INTO matters VALUES ('M-1', 'Jarndyce'), ('M-2', 'Bardell');
INSERT INTO ledger (matter, amount) SELECT 'M-' || 1 + n % 2, n / 100.0 FROM generate_series(1, 2000) n;
VACUUM ANALYZE;
"""
OLDER = "UPDATE pg_database SET datcollversion = '1.0' WHERE datname = 'postgres'"
BUILT_IN = """
CREATE DATABASE words TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8';
UPDATE pg_database SET datcollversion = '0' WHERE datname = 'words'
"""
POLICY: dict[str, Any] = {
    "control_totals": ControlTotalsPolicy(tables=("public.ledger",), sums={"trust": "public.ledger.amount"}),
    "matters": MattersPolicy(table="public.matters", key="number"),
}


@pytest.fixture
def cluster(other_programs: PostgresPrograms, cluster_factory: ClusterFactory) -> LocalCluster:
    return cluster_factory(other_programs, wal_segment_size_mb=1)


@pytest.fixture
def site(cluster: LocalCluster, site_factory: SiteFactory, tmp_path: Path) -> Site:
    site = with_firm(site_factory(cluster, **POLICY), restore=RestoreRules(approvers=("engineer", "lead")))
    archive_with(cluster, f"{muniment_script(site, tmp_path)} wal push %p")
    write(cluster, OLDER)
    if cluster.programs.major >= 17:  # before it, a wheel without ICU has no version to keep
        write(cluster, BUILT_IN)
    write(cluster, SCHEMA.format(virtual=" STORED" if cluster.programs.major < 18 else " VIRTUAL"))
    return site


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield from stagings_folder(tmp_path)


def write(cluster: LocalCluster, statements: str) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        for statement in filter(str.strip, statements.split(";")):
            connection.execute(statement.encode())


def rows(conninfo: str, query: str) -> list[Any]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def test_the_whole_chain(site: Site, cluster: LocalCluster, root: Path, tmp_path: Path) -> None:
    night(site)
    write(cluster, "DELETE FROM ledger WHERE id <= 6; UPDATE matters SET title = title || ' v. Pickwick'")
    second = night(site)
    assert second.kind == ("incremental" if cluster.programs.major >= 17 else "full")
    assert [finding.what for finding in check_firm(site, clock=utc_now) if finding.severity == "stop"] == []
    # The kit on 18: tests/runbooks/drill/test_by_kit.py.
    by: Means = "restore-kit" if cluster.programs.major == 16 else "muniment"
    found = run_drill(site, drill_id=new_id(utc_now()), run_dir=tmp_path / "drill", clock=utc_now, seed=1, by=by)
    assert found.passed
    sorted_otherwise = [each.found for each in found.checks if each.name == "versions of collations"]
    there = rows(cluster.conninfo(), "SELECT * FROM matters ORDER BY 1")
    write(cluster, "SELECT pg_switch_wal()")
    eventually(lambda: not status_files(cluster, "ready"))
    into = staging_place(root, site.firm.id, utc_now())
    plan = plan_restore(
        site.primary, site.firm, RecoveryTarget.parse("latest"), side="primary", into=into, clock=utc_now
    )
    assert any("the order of text as glibc 1.0 has it: this machine has " in line for line in plan.left_out)
    staging = stage_restore(site.primary, site.firm, plan, clock=utc_now)
    assert [each.found for each in staging.failed_checks] == sorted_otherwise
    assert len(sorted_otherwise) == (cluster.programs.major >= 17)
    staged = PostgresServer(site.firm.id, Secret(staging.connection.conninfo), "postgres")
    assert rows(staging.connection.conninfo, "SELECT * FROM matters ORDER BY 1") == there
    assert rows(staging.connection.conninfo, "SELECT count(*) FROM ledger") == [(1994,)]
    live = PostgresServer(site.firm.id, Secret(cluster.conninfo()), "postgres")
    back(site, cluster, staged, live)


def night(site: Site) -> Any:
    return run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)


def back(site: Site, cluster: LocalCluster, staged: PostgresServer, live: PostgresServer) -> None:
    """A matter into its tables, and tables beside them."""
    query = (
        "SELECT m.*, count(l), sum(l.amount) FROM matters m JOIN ledger l ON l.matter = m.number GROUP BY 1 ORDER BY 1"
    )
    before = rows(cluster.conninfo(), query)
    write(cluster, "DELETE FROM ledger WHERE matter = 'M-1'; DELETE FROM matters WHERE number = 'M-1'")
    plan = plan_matter(site.firm, MatterRequest("M-1", "engineer"), staged=staged, live=live, clock=utc_now)
    approval = Approval(by="lead", at=utc_now(), plan_sha256=plan.sha256)
    restore_matter(site.firm, plan, approval=approval, staged=staged, live=live, keep=lambda _: None)
    assert rows(cluster.conninfo(), query) == before
    ledger = TableSelection((TableName.parse("public.ledger"),))
    found = restore_tables(site.firm, ledger, staged=staged, live=live, clock=utc_now)
    ((place, count),) = found.tables.values()
    assert rows(cluster.conninfo(), f"SELECT count(*) FROM {place}") == [(count,)] == [(1994,)]
