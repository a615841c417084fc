"""A scheduled run that starts late is named after the hour it was due at: older by name than points made before it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from include.demo.cloud import Cloud
from include.muniment.adapters import catalog
from include.muniment.adapters.local_cluster import LocalCluster
from include.muniment.adapters.programs import PostgresPrograms
from include.muniment.adapters.site import Site
from include.muniment.adapters.staging_records import StagingFolder
from include.muniment.domain.recovery_target import RecoveryTarget
from include.muniment.domain.register import Point, new_id
from include.muniment.domain.restore_plan import RestorePlan
from include.muniment.ports import utc_now
from include.muniment.runbooks.drill import run_drill
from include.muniment.runbooks.nightly import run_chain
from include.muniment.runbooks.plan_restore import plan_restore
from include.muniment.runbooks.stage_restore import stage_restore, staging_place
from include.muniment.runbooks.staging import destroy
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.fixtures.wal import archive_with, muniment_script
from tests.runbooks.sources import Desk

pytestmark = pytest.mark.timeout(720)


class Late(NamedTuple):
    """``by_hand`` was made first; ``scheduled`` after it, by a run that had been due eight hours before."""

    site: Site
    cluster: LocalCluster
    desk: Desk
    by_hand: Point
    scheduled: Point


@pytest.fixture(scope="module")
def late(
    cloud: Cloud,
    site_factory: SiteFactory,
    module_cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path_factory: pytest.TempPathFactory,
) -> Late:
    cluster = module_cluster_factory(programs17, wal_segment_size_mb=1)
    site = site_factory(cluster)
    archive_with(cluster, f"{muniment_script(site, tmp_path_factory.mktemp('firm'))} wal push %p")
    desk = Desk(cloud, site)
    desk.put("of both.txt", b"first")
    run(cluster, "CREATE TABLE filed AS SELECT 1 AS id")
    by_hand = run_chain(site, point_id=new_id(utc_now()), run="by hand", full=True, clock=utc_now)
    desk.put("of the late run.txt", b"second")
    run(cluster, "INSERT INTO filed VALUES (2)")
    due_at = utc_now() - timedelta(hours=8)
    scheduled = run_chain(site, point_id=new_id(due_at), run="scheduled", clock=utc_now)
    run(cluster, "INSERT INTO filed VALUES (3)")
    return Late(site, cluster, desk, by_hand, scheduled)


def run(cluster: LocalCluster, statement: str) -> None:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as session:
        session.execute(statement)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for path in tmp_path.glob("staging-*"):
        destroy(StagingFolder(path))


def planned(site: Site, root: Path, target: RecoveryTarget) -> RestorePlan:
    into = staging_place(root, site.firm.id, utc_now())
    return plan_restore(site.primary, site.firm, target, side="primary", into=into, clock=utc_now)


def staged_files(site: Site, plan: RestorePlan) -> tuple[list[str], str]:
    """The documents that came back, and which configuration belongs to them."""
    staging = stage_restore(site.primary, site.firm, plan, clock=utc_now)
    assert staging.documents is not None
    told = json.loads((Path(staging.documents.folder) / "manifest.json").read_text())["documents"]
    return sorted(each["key"] for each in told), plan.config


def test_points_are_listed_in_the_order_in_which_they_were_taken(late: Late) -> None:
    assert late.scheduled.id < late.by_hand.id
    for vault in late.site.vaults:
        assert [point.id for point in catalog.points(vault)] == [late.by_hand.id, late.scheduled.id]
        assert catalog.latest_point(vault) == late.scheduled
    assert late.scheduled.chain == (late.by_hand.backup, late.scheduled.backup)


@pytest.mark.parametrize("target", ["point", "latest"])
def test_the_late_point_and_the_latest_instant_are_staged_with_their_documents(
    late: Late, root: Path, target: str
) -> None:
    asked = RecoveryTarget("point", late.scheduled.id) if target == "point" else RecoveryTarget("latest")
    plan = planned(late.site, root, asked)
    assert (plan.point, plan.chain) == (late.scheduled.id, late.scheduled.chain)
    assert staged_files(late.site, plan) == (["of both.txt", "of the late run.txt"], late.scheduled.config)


def test_the_point_before_it_is_staged_without_what_came_later(late: Late, root: Path) -> None:
    plan = planned(late.site, root, RecoveryTarget("point", late.by_hand.id))
    assert staged_files(late.site, plan) == (["of both.txt"], late.by_hand.config)


def test_a_drill_of_the_late_point_passes(late: Late, tmp_path: Path) -> None:
    drill = run_drill(late.site, drill_id=new_id(utc_now()), run_dir=tmp_path, clock=utc_now, seed=SEED)
    assert drill.target is not None
    assert (drill.target.kind, drill.target.before) == ("point", late.scheduled.id)
    assert drill.passed, drill.failed_checks


SEED = 0
