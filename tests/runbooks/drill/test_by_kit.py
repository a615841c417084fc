"""A drill by the restore kit does what RESTORE.md says, and fails where that does not lead to a server that answers."""

import shutil
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.domain.drill.evidence import Drill
from muniment.domain.record import new_id
from muniment.errors import DrillFailed
from muniment.ports import utc_now
from muniment.runbooks.drill import by_kit
from muniment.runbooks.drill.run_drill import run_drill
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.restore import publish_kit
from muniment.runbooks.restore.publish_kit import KIT, SCRIPT, refresh_restore_kit
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support import crowded
from tests.support.wal import archive_with, muniment_script

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def cluster(module_cluster_factory: ClusterFactory, programs18: PostgresPrograms) -> LocalCluster:
    settings = crowded.settings(18)
    return module_cluster_factory(programs18, wal_segment_size_mb=crowded.SEGMENT_MB, **settings)


@pytest.fixture(scope="module")
def site(cluster: LocalCluster, site_factory: SiteFactory, tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = site_factory(cluster)
    archive_with(cluster, f"{muniment_script(site, tmp_path_factory.mktemp('site'))} wal push %p")
    crowded.crowd(cluster)
    run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)
    return site


def drill(site: Site, folder: Path) -> Drill:
    how = {"side": "primary", "by": "restore-kit", "seed": 1}
    return run_drill(site, drill_id=new_id(utc_now()), run_dir=folder, clock=utc_now, **how)  # type: ignore[arg-type]


def test_a_cluster_with_more_of_everything_is_started_as_the_page_says(site: Site, tmp_path: Path) -> None:
    found = drill(site, tmp_path)
    checks = {check.name: check.found for check in found.checks}
    assert checks["the server of RESTORE.md"] == "databases: postgres, template0, template1"
    assert tuple(step.name for step in found.steps) == found.planned
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_the_kit_lacks_fails_the_drill(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / "kit"
    shutil.copytree(KIT, planted)
    text = (planted / SCRIPT).read_text()
    (planted / SCRIPT).write_text(text.replace("{origins} = 65535", "{origins} = 10"))
    for module in (publish_kit, by_kit):
        monkeypatch.setattr(module, "KIT", planted)
    refresh_restore_kit(site, clock=utc_now)
    with pytest.raises(DrillFailed) as failed:
        drill(site, tmp_path / "scratch")
    assert "step 7 of RESTORE.md ended with no server that answers" in str(failed.value)
    assert "could not find free replication state" in str(failed.value)
    assert list((tmp_path / "scratch").iterdir()) == []
