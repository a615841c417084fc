"""The whole night on a real server, again and again: what was registered can be restored and compared."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.retention.inventory import read_inventories
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.domain.firm.firm import ControlTotalsPolicy
from muniment.domain.record import new_id
from muniment.domain.vault.dependencies import missing_here
from muniment.domain.vault.registers import Point
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.retention.expire import expire
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
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
