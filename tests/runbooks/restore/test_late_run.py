"""A scheduled run that starts late is named after the hour it was due at: older by name than points made before it."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site, build_vault
from muniment.adapters.staging.records import StagingFolder
from muniment.adapters.vault import catalog
from muniment.domain.record import new_id
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.vault.registers import Point
from muniment.errors import NoSnapshotCovers, TargetUnreachable
from muniment.ports import utc_now
from muniment.restore_kit import restore as restore_kit
from muniment.runbooks.drill.run_drill import run_drill
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.staging.lifetime import destroy
from muniment.runbooks.staging.stage_restore import stage_restore, staging_place
from muniment_demo.cloud import Cloud
from tests.cli.conftest import in_this_process, write_registry
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import LOGINS, SiteFactory, site_env
from tests.support.sources import Desk
from tests.support.wal import archive_with, muniment_script

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


def test_the_late_runs_second_try_finds_what_the_first_has_made(late: Late) -> None:
    again = run_chain(late.site, point_id=late.scheduled.id, run="second try", clock=utc_now)
    assert again == late.scheduled
    assert len(catalog.registered_backups(late.site.primary)) == 2


def test_the_nearest_instant_behind_what_cannot_be_reached_is_the_first_point_taken(late: Late, root: Path) -> None:
    first = catalog.find_backup(late.site.primary, late.by_hand.backup)
    before = RecoveryTarget("time", f"{first.started_at - timedelta(days=1):%Y-%m-%d %H:%M:%S}+00")
    with pytest.raises(TargetUnreachable) as refused:
        planned(late.site, root, before)
    assert f"nearest before: none\nnearest after: {first.stop_lsn} (" in refused.value.what


def test_what_cannot_be_told_is_refused_before_anything_is_fetched(
    late: Late, root: Path, faulty_store: FaultProxy
) -> None:
    plan = planned(late.site, root, RecoveryTarget("point", late.by_hand.id))
    assert plan.documents is not None
    at = plan.documents.at - timedelta(days=1)
    plan = plan.model_copy(update={"documents": plan.documents.model_copy(update={"at": at})})
    login = LOGINS[late.site.firm.id]["aws"]
    away = replace(login, extra={**login.extra, "endpoint_url": faulty_store.endpoint_url})
    with pytest.raises(NoSnapshotCovers) as refused:
        stage_restore(build_vault(late.site.firm, "primary", away.clients()), late.site.firm, plan, clock=utc_now)
    first = catalog.snapshot_head(late.site.primary, late.by_hand.documents)
    assert str(refused.value) == (
        f"no document snapshots of firm {late.site.firm.id} in {late.site.primary.bucket} tell what was there at"
        f" {at:%Y-%m-%d %H:%M:%S} UTC: before it none, after it {first.id} of {first.taken_at:%Y-%m-%d %H:%M:%S} UTC\n"
        "KEPT: everything; nothing was fetched\n"
        "HINT: choose an instant between two nights that follow each other, or a night's own, or look into the other"
        " vault with `--from`."
    )
    assert not [line for line in faulty_store.seen if "/wal/" in line or re.search(r"/base/[^/]+/base/", line)]
    assert list(root.iterdir()) == []


def test_the_command_and_the_restore_kit_list_them_in_that_order(
    late: Late, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {"MUNIMENT_REGISTRY": str(write_registry(late.site.firm, tmp_path)), **site_env(late.site)}
    in_order = [late.by_hand.id, late.scheduled.id]
    told = json.loads(in_this_process("points", late.site.firm.id, "--json", env=env).out)
    assert [point["id"] for point in told["points"]] == in_order

    login = LOGINS[late.site.firm.id]["aws"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", login.user)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", login.password.reveal())
    vault = late.site.primary
    kit = restore_kit.Vault(vault.bucket, vault.region, endpoint_url=str(login.extra["endpoint_url"]))
    restore_kit.list_points(kit)
    assert re.findall(r"^(\S+)  taken", capsys.readouterr().out, re.MULTILINE) == in_order
    assert restore_kit.find_point(kit, "latest")["id"] == late.scheduled.id
    page = vault.get("restore-kit/RESTORE.md").decode()
    assert re.findall(r"^\| `(\d{8}T\w+)` \|", page, re.MULTILINE) == [late.scheduled.id, late.by_hand.id]


def test_a_drill_of_the_late_point_passes(late: Late, tmp_path: Path) -> None:
    drill = run_drill(late.site, drill_id=new_id(utc_now()), run_dir=tmp_path, clock=utc_now, seed=0)
    assert drill.target is not None
    assert (drill.target.kind, drill.target.before) == ("point", late.scheduled.id)
    assert drill.passed, drill.failed_checks
