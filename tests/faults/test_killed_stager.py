"""Whoever stages a restore is killed with SIGKILL: no server stays, nothing half counts, and the same plan goes on."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from include.demo.cloud import Cloud
from include.muniment.adapters import processes
from include.muniment.adapters.programs import PostgresPrograms
from include.muniment.adapters.site import Site
from include.muniment.adapters.staging_records import StagingFolder
from include.muniment.domain.recovery_target import RecoveryTarget
from include.muniment.domain.register import new_id
from include.muniment.domain.restore_plan import RestorePlan
from include.muniment.ports import utc_now
from include.muniment.runbooks.nightly import run_chain
from include.muniment.runbooks.plan_restore import plan_restore
from include.muniment.runbooks.stage_restore import stage_restore, staging_place
from include.muniment.runbooks.staging import HALF_MADE_KEPT, clear_expired, stagings
from tests.faults.worker import through
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import SiteFactory
from tests.fixtures.wal import archive_with, eventually, muniment_script
from tests.runbooks.sources import Desk

pytestmark = pytest.mark.timeout(540)


@pytest.fixture(scope="module")
def firm(
    cloud: Cloud,
    site_factory: SiteFactory,
    module_cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    cluster = module_cluster_factory(programs17, wal_segment_size_mb=1)
    site = site_factory(cluster)
    archive_with(cluster, f"{muniment_script(site, tmp_path_factory.mktemp('firm'))} wal push %p")
    Desk(cloud, site).put_many(6)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as session:
        session.execute("CREATE TABLE matter AS SELECT n AS id FROM generate_series(1, 1000) n")
    run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)
    return site


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "stagings"
    place.mkdir()
    yield place
    for path in place.glob("staging-*"):
        StagingFolder(path).remove()


@dataclass(frozen=True)
class Middle:
    """Where the process hangs when it is killed, and whether its server runs by then."""

    path: str
    server_runs: bool = False


MIDDLES = {
    "the base backup is fetched": Middle("/base/"),
    "WAL is fetched": Middle("/wal/"),
    "documents are fetched": Middle("/documents/objects/", server_runs=True),
}


def killed_at(middle: Middle, site: Site, plan: RestorePlan, store: FaultProxy, folder: Path) -> None:
    told, asked = folder / "firm.pickle", folder / "plan.json"
    told.write_bytes(pickle.dumps(through(site, store.endpoint_url)))
    asked.write_bytes(plan.to_json())
    store.fail("timeout", method="GET", path=middle.path)
    argv = [sys.executable, "-m", "tests.faults.stager", str(told), str(asked)]
    with subprocess.Popen(argv, cwd=ROOT) as stager:
        eventually(lambda: store.spoiled or stager.poll() is not None, timeout_s=270)
        assert stager.poll() is None, "it ended before it could be killed"
        assert bool(processes.working_in(Path(plan.into))) == middle.server_runs
        stager.kill()
    store.heal()


@pytest.mark.parametrize("moment", list(MIDDLES))
def test_the_same_plan_goes_on(moment: str, firm: Site, root: Path, faulty_store: FaultProxy, tmp_path: Path) -> None:
    into = staging_place(root, firm.firm.id, utc_now())
    plan = plan_restore(firm.primary, firm.firm, RecoveryTarget("latest"), side="primary", into=into, clock=utc_now)
    killed_at(MIDDLES[moment], firm, plan, faulty_store, tmp_path)
    eventually(lambda: not processes.working_in(into), timeout_s=180)
    assert stagings(root) == []
    staging = stage_restore(firm.primary, firm.firm, plan, clock=utc_now)
    assert stagings(root) == [staging]
    assert staging.documents
    assert staging.documents.count == 6
    with psycopg.connect(staging.connection.conninfo) as session:
        assert session.execute("SELECT count(*) FROM matter").fetchone() == (1000,)


def test_what_nobody_goes_on_with_is_cleared_a_day_later(
    firm: Site, root: Path, faulty_store: FaultProxy, tmp_path: Path, cloud: Cloud
) -> None:
    into = staging_place(root, firm.firm.id, utc_now())
    plan = plan_restore(firm.primary, firm.firm, RecoveryTarget("latest"), side="primary", into=into, clock=utc_now)
    killed_at(MIDDLES["WAL is fetched"], firm, plan, faulty_store, tmp_path)
    now = utc_now()
    assert clear_expired(root, now=now) == []
    assert clear_expired(root, now=now + HALF_MADE_KEPT) == [into.parent]
    assert list(root.iterdir()) == []
