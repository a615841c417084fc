"""Whoever stages a restore is killed with SIGKILL: no server stays, nothing half counts, and the same plan goes on."""

import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host import processes
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.staging.records import StagingFolder
from muniment.adapters.vault import catalog
from muniment.domain.record import new_id
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.plan import RestorePlan
from muniment.errors import NoSuchStaging
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.staging.lifetime import (
    HALF_MADE_KEPT,
    clear_expired,
    destroy,
    find_any_staging,
    half_made,
    stagings,
)
from muniment.runbooks.staging.stage_restore import stage_restore, staging_place
from muniment_demo.cloud import Cloud
from tests.faults.worker import through
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import SiteFactory
from tests.support.sources import Desk
from tests.support.stagings import stagings_folder
from tests.support.wal import archive_with, eventually, muniment_script

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
    yield from stagings_folder(tmp_path)


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
        eventually(lambda: store.spoiled or stager.poll() is not None)
        assert stager.poll() is None, "it ended before it could be killed"
        assert bool(processes.working_in(Path(plan.into))) == middle.server_runs
        stager.kill()
    store.heal()


@pytest.mark.parametrize("moment", list(MIDDLES))
def test_the_same_plan_goes_on(moment: str, firm: Site, root: Path, faulty_store: FaultProxy, tmp_path: Path) -> None:
    into = staging_place(root, firm.firm.id, utc_now())
    plan = plan_restore(firm.primary, firm.firm, RecoveryTarget("latest"), side="primary", into=into, clock=utc_now)
    killed_at(MIDDLES[moment], firm, plan, faulty_store, tmp_path)
    eventually(lambda: not processes.working_in(into))
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


@pytest.fixture
def command(firm: Site, root: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    script = muniment_script(firm, tmp_path, MUNIMENT_SCRATCH=str(root))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([script, *words], check=True, capture_output=True, text=True)

    return run


def test_one_that_was_begun_is_shown_and_destroyed_and_goes_on_only_to_the_same_end(
    firm: Site,
    root: Path,
    faulty_store: FaultProxy,
    tmp_path: Path,
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """After more nights ``latest`` is another instant: the old plan's would be restored, and nobody would know."""
    into = staging_place(root, firm.firm.id, utc_now())
    plan = plan_restore(firm.primary, firm.firm, RecoveryTarget("latest"), side="primary", into=into, clock=utc_now)
    killed_at(MIDDLES["WAL is fetched"], firm, plan, faulty_store, tmp_path)
    staging_id = into.parent.name[-19:]
    listed = json.loads(command("staging", "list", "--json").stdout)
    (begun,) = listed["half_made"]
    assert listed["stagings"] == []
    assert (begun["id"], begun["target"], begun["being_made"]) == (staging_id, "latest", False)
    assert datetime.fromisoformat(begun["removed_at"]) > utc_now() + timedelta(hours=23)
    shown = command("staging", "list").stdout
    assert re.search(rf"{staging_id} .* latest .* half-made", shown)
    assert f"or now: `muniment staging destroy {staging_id}`" in shown

    with firm.postgres.connect() as session:
        session.execute("INSERT INTO matter VALUES (1001)")
    run_chain(firm, point_id=new_id(utc_now()), run="another night", clock=utc_now)
    anew = command("restore", firm.firm.id, "--stage", "--without-documents")
    assert f"the staging that was begun with plan {plan.id}, made " in anew.stderr
    assert "this one begins anew; `muniment staging list` shows both" in anew.stderr
    (staging,) = stagings(root)
    with psycopg.connect(staging.connection.conninfo) as session:
        assert session.execute("SELECT count(*) FROM matter").fetchone() == (1001,)

    gone = json.loads(command("staging", "destroy", staging_id, "--json").stdout)
    assert gone == {"destroyed": str(into.parent)}
    assert not into.parent.exists()
    assert stagings(root) == [staging]


def test_the_same_plan_made_anew_goes_on(
    firm: Site,
    root: Path,
    faulty_store: FaultProxy,
    tmp_path: Path,
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    point = catalog.latest_point(firm.primary).id
    into = staging_place(root, firm.firm.id, utc_now())
    plan = plan_restore(
        firm.primary, firm.firm, RecoveryTarget("point", point), side="primary", into=into, clock=utc_now
    )
    killed_at(MIDDLES["documents are fetched"], firm, plan, faulty_store, tmp_path)
    done = command("restore", firm.firm.id, "--to", point, "--stage")
    assert f"the staging that was begun with plan {plan.id} goes on" in done.stderr
    (staging,) = stagings(root)
    assert staging.data_directory == str(into)
    assert half_made(root) == []


def test_a_folder_that_nothing_was_in_yet_is_cleared_like_any_other(root: Path) -> None:
    folder = StagingFolder(root / "staging-alder-20261120T083000123Z")
    folder.path.mkdir()
    (each,) = half_made(root)
    assert (each.id, each.firm, each.target, each.is_being_made) == ("20261120T083000123Z", "alder", "—", False)
    assert clear_expired(root, now=utc_now()) == []
    assert clear_expired(root, now=utc_now() + HALF_MADE_KEPT) == [folder.path]
    folder.path.mkdir()
    destroy(find_any_staging(root, "20261120T083000123Z"))
    assert not folder.path.exists()
    folder.path.mkdir()
    (folder.path / "will.pdf").write_text("somebody else's")
    with pytest.raises(NoSuchStaging):
        destroy(find_any_staging(root, "20261120T083000123Z"))
    assert half_made(root) == []
    assert clear_expired(root, now=utc_now() + 2 * HALF_MADE_KEPT) == []
    (folder.path / "will.pdf").unlink()
