"""A staging whose WAL made a tablespace goes live: its files come along, and it archives what the firm wrote."""

from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.staging.records import StagingFolder
from muniment.adapters.vault import catalog
from muniment.adapters.wal.archive import WalArchive
from muniment.domain.approval import Approval
from muniment.domain.record import new_id
from muniment.domain.recovery.target import RecoveryTarget
from muniment.domain.restore.plan import RestorePlan
from muniment.domain.wal.names import is_segment
from muniment.domain.wal.tablespaces import emptied
from muniment.ports import utc_now
from muniment.runbooks.cut_over.cut_over import cut_over, release
from muniment.runbooks.nightly.safety_backup import back_up_around
from muniment.runbooks.restore.plan_restore import plan_restore
from muniment.runbooks.staging.lifetime import destroy
from muniment.runbooks.staging.stage_restore import stage_restore, staging_place
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.cut_overs import AFTER, BEFORE, Staged, own_port, with_live, write
from tests.support.living import digests, folder_of_the_firm
from tests.support.stored import rows
from tests.support.wal import archive_with, muniment_script, sql

pytestmark = pytest.mark.timeout(720)


@pytest.fixture
def place(run_dir: Path, tmp_path: Path) -> Path:
    return folder_of_the_firm(run_dir / f"space-{tmp_path.name}" / "matters")


def back_up(site: Site, *, full: bool) -> None:
    back_up_around(site, point_id=new_id(utc_now()), run="test", full=full, clock=utc_now)


def stage(site: Site, target: str, root: Path) -> tuple[StagingFolder, RestorePlan]:
    into = staging_place(root, site.firm.id, utc_now())
    plan = plan_restore(site.primary, site.firm, RecoveryTarget.parse(target), side="primary", into=into, clock=utc_now)
    stage_restore(site.primary, site.firm, plan, clock=utc_now)
    return StagingFolder(into.parent), plan


def made_in_the_archive(site: Site, system_identifier: int, timeline: str) -> list[str]:
    """What the archive's segments of ``timeline`` say of tablespaces."""
    archive = WalArchive(site.primary, system_identifier)
    segments = [name for name in archive.files() if is_segment(name) and name.startswith(timeline)]
    return [each.location for name in segments for each in emptied(archive.read(name)).creations]


def test_its_tablespace_goes_live_with_it(
    cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    programs17: PostgresPrograms,
    tmp_path: Path,
    place: Path,
) -> None:
    live = own_port(cluster_factory(programs17, start=False))
    site = with_live(site_factory(live), live)
    archive_with(live, f"{muniment_script(site, tmp_path)} wal push %p")
    write(live, f"CREATE TABLE matters (id int, title text); INSERT INTO matters VALUES (1, '{BEFORE}')")
    back_up(site, full=True)
    write(live, f"CREATE TABLESPACE space LOCATION '{place}'")
    write(live, "CREATE TABLE ledger TABLESPACE space AS SELECT generate_series(1, 5000) AS id")
    lsn = str(sql(live, "SELECT pg_current_wal_insert_lsn()"))
    write(live, f"INSERT INTO matters VALUES (2, '{AFTER}')")
    write(live, "SELECT pg_switch_wal()")
    back_up(site, full=False)
    folder, plan = stage(site, lsn, tmp_path)
    assert [each.made_by for each in plan.tablespaces] == ["WAL"]
    world = Staged(site, live, folder.server(live.programs, plan))
    order = world.order(plan=plan, approval=Approval(by="lead", at=utc_now(), plan_sha256=plan.sha256))
    done = cut_over(world.stage(), order)
    assert done.outcome == "live"
    assert world.serves == "new"
    with psycopg.connect(site.postgres.conninfo.reveal()) as session:
        found = session.execute("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'space'")
        assert found.fetchone() == (str(place / f"restored-{order.id}"),)
        assert session.execute("SELECT count(*) FROM ledger").fetchone() == (5000,)
        assert session.execute("SHOW allow_in_place_tablespaces").fetchone() == ("off",)
    old = next(place.glob("PG_*"))
    before = digests(old)
    assert made_in_the_archive(site, done.system_identifier, "00000002") == [str(place)], "what the firm wrote"
    write(live, "INSERT INTO ledger SELECT generate_series(5001, 6000)")
    back_up(site, full=True)
    assert digests(old) == before, "the old one's files stay as they are"
    assert release(world.stage(), order.id).outcome == "released"
    assert not old.exists()
    assert catalog.points(site.primary)[-1].wal.timeline == 2
    again, plan = stage(site, "latest", tmp_path)
    try:
        assert rows(again.server(live.programs, plan), "SELECT count(*) FROM ledger") == [(6000,)]
    finally:
        destroy(again)
