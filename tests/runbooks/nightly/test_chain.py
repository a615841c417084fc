"""The whole night on a real server, again and again: what was registered can be restored and compared."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.retention.inventory import read_inventories
from muniment.adapters.site.site import Site
from muniment.adapters.staging.records import StagingFolder
from muniment.adapters.vault import catalog
from muniment.domain.firm.application import ControlTotalsPolicy
from muniment.domain.record import new_id
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.vault.dependencies import missing_here
from muniment.domain.vault.registers import Point
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.retention.expire import expire
from muniment.runbooks.staging.stage_restore import stage_restore, staging_place
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.hostile_settings import ENVIRONMENT, altered
from tests.support.wal import archive_with, muniment_script

pytestmark = pytest.mark.timeout(720)
TOTALS = ControlTotalsPolicy(tables=("public.ledger",), sums={"trust": "public.ledger.amount"})


@pytest.fixture
def cluster(cluster_factory: ClusterFactory, programs: PostgresPrograms) -> LocalCluster:
    cluster = cluster_factory(programs, wal_segment_size_mb=1)
    write(cluster, "CREATE TABLE ledger (amount numeric(14,2))")
    write(cluster, "INSERT INTO ledger VALUES (12.34), (-2.34)")
    return cluster


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster, tmp_path: Path) -> Site:
    site = site_factory(cluster, control_totals=TOTALS)
    archive_with(cluster, f"{muniment_script(site, tmp_path)} wal push %p")
    return site


def write(cluster: LocalCluster, statement: str) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute(statement.encode())


def night(site: Site, point_id: str | None = None, **how: Any) -> Point:
    return run_chain(site, point_id=point_id or new_id(utc_now()), run="test", clock=utc_now, **how)


def test_nights_follow_nights(site: Site, cluster: LocalCluster) -> None:
    first = night(site)
    write(cluster, "INSERT INTO ledger VALUES (0.01)")
    second = night(site)
    assert night(site, second.id) == second
    assert catalog.points(site.primary) == catalog.points(site.replica) == (first, second)
    assert first.kind == "full"
    assert second.kind == ("incremental" if cluster.programs.major >= 17 else "full")
    assert [point.control_totals.sums["trust"] for point in (first, second)] == ["10.00", "10.01"]
    for inventory in read_inventories(site):
        assert {version.etag for version in inventory.versions} == {""}, "what nobody reads costs memory"
        for point in (first, second):
            assert missing_here(point, inventory) == ()
            assert point.control_totals.lsn <= point.wal.through_lsn
            assert point.control_totals.exact
    plan = expire(site, point_id=second.id, clock=utc_now, dry_run=True)
    assert plan.primary.going == plan.replica.going == ()


def test_a_night_and_a_staging_whatever_environment_role_and_database_say(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody may connect to ``postgres``, and the firm's own database has no encoding."""
    cluster = cluster_factory(programs17, wal_segment_size_mb=1)
    site = site_factory(cluster, control_totals=TOTALS)
    firm = site.firm.model_copy(update={"cluster": site.firm.cluster.model_copy(update={"database": "practice"})})
    site = replace(site, firm=firm, postgres=replace(site.postgres, database="practice"))
    archive_with(cluster, f"{muniment_script(site, tmp_path)} wal push %p")
    write(cluster, "CREATE DATABASE practice ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with psycopg.connect(cluster.conninfo("practice"), autocommit=True) as admin:
        admin.execute("CREATE TABLE ledger (amount numeric(14,2), note text)")
        admin.execute("INSERT INTO ledger VALUES (12.34, convert_from('\\x46fc72', 'SQL_ASCII'))")
        admin.execute(f"{altered('ROLE postgres')}; {altered('DATABASE practice')}".encode())
        admin.execute("UPDATE pg_database SET datallowconn = false WHERE datname = 'postgres'")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    point = night(site)
    assert point.control_totals.sums == {"trust": "12.34"}
    assert [(each.name, each.encoding, each.is_open) for each in point.databases or ()] == [
        ("postgres", "UTF8", False),
        ("practice", "SQL_ASCII", True),
        ("template1", "UTF8", True),
    ]
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    into = staging_place(tmp_path, site.firm.id, utc_now())
    target = RecoveryTarget("point", point.id)
    plan = plan_restore(site.primary, site.firm, target, side="primary", into=into, clock=utc_now)
    try:
        staging = stage_restore(site.primary, site.firm, plan, clock=utc_now)
        told = ("database postgres (it takes no connections): nothing in it was looked at",)
        assert (staging.passed, staging.asleep) == (True, told)
    finally:
        StagingFolder(into.parent).remove()
