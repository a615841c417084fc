"""A tablespace that is made after the base backup, restored on the host where the firm's own cluster has its files."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from include.muniment.adapters.local_cluster import LocalCluster
from include.muniment.adapters.programs import UNPRIVILEGED_GID, UNPRIVILEGED_UID, PostgresPrograms
from include.muniment.adapters.staging_records import StagingFolder
from include.muniment.domain.recovery_target import RecoveryTarget
from include.muniment.ports import utc_now
from include.muniment.runbooks.plan_restore import plan_restore
from include.muniment.runbooks.stage_restore import stage_restore, staging_place
from include.muniment.runbooks.staging import destroy
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.fixtures.wal import sql
from tests.runbooks.archived import Archived, archived_firm
from tests.runbooks.stored import rows

pytestmark = pytest.mark.timeout(720)


@dataclass
class Firm:
    """``place`` is the tablespace's, on this host; ``lsn`` is behind its CREATE, and its rows are there by then."""

    archived: Archived
    place: Path
    lsn: str

    @property
    def cluster(self) -> LocalCluster:
        return self.archived.cluster

    def stage(self, root: Path) -> tuple[StagingFolder, LocalCluster]:
        site = self.archived.site
        into = staging_place(root, site.firm.id, utc_now())
        target = RecoveryTarget.parse(self.lsn)
        plan = plan_restore(site.primary, site.firm, target, side="primary", into=into, clock=utc_now)
        stage_restore(site.primary, site.firm, plan, clock=utc_now)
        folder = StagingFolder(into.parent)
        return folder, folder.server(self.cluster.programs, plan)


def tablespace_folder(run_dir: Path) -> Path:
    place = run_dir / f"space-{uuid4().hex[:8]}"
    place.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(place, UNPRIVILEGED_UID, UNPRIVILEGED_GID)
    return place


@pytest.fixture(scope="module")
def firm(
    module_cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    programs: PostgresPrograms,
    run_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Firm]:
    place = tablespace_folder(run_dir)
    made = archived_firm(module_cluster_factory, site_factory, programs, tmp_path_factory.mktemp("wal"))
    made.point(full=True)
    cluster = made.cluster
    rows(cluster, f"CREATE TABLESPACE matters LOCATION '{place}'")
    rows(cluster, "CREATE TABLE ledger (id int PRIMARY KEY) TABLESPACE matters")
    rows(cluster, "CREATE UNLOGGED TABLE draft (id int) TABLESPACE matters")
    rows(cluster, "INSERT INTO ledger SELECT generate_series(1, 30000)")
    rows(cluster, "INSERT INTO draft SELECT generate_series(1, 1000)")
    lsn = str(made.switch())
    rows(cluster, "INSERT INTO ledger SELECT generate_series(30001, 40000)")
    made.switch()
    yield Firm(made, place, lsn)
    rows(cluster, "DROP TABLE ledger, draft")
    rows(cluster, "DROP TABLESPACE matters")
    shutil.rmtree(place)


def digests(*folders: Path) -> dict[str, str]:
    """Every file's, and every folder's mode."""
    found = {}
    for path in sorted(path for folder in folders for path in (folder, *folder.rglob("*"))):
        mode = oct(path.lstat().st_mode)
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = f"{mode} {hashlib.sha256(content).hexdigest()}"
    return found


def test_a_staging_on_the_live_host_changes_nothing_that_lives(firm: Firm, tmp_path: Path) -> None:
    firm.cluster.stop()  # so that nobody else writes, and so that its next start reads what is on disk
    before = digests(firm.place, firm.cluster.data_dir)
    folder, staged = firm.stage(tmp_path)
    try:
        assert digests(firm.place, firm.cluster.data_dir) == before
        assert sql(staged, "SELECT count(*) FROM ledger") == 30000
        assert sql(staged, "SELECT count(*) FROM draft") == 0
        assert rows(staged, "INSERT INTO ledger VALUES (0) RETURNING id") == [(0,)]
        assert sql(staged, "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'matters'") == str(
            folder.path / "data-tablespaces" / str(sql(staged, "SELECT oid FROM pg_tablespace WHERE spcname='matters'"))
        )
        rows(staged, "DROP TABLE ledger, draft")
        rows(staged, "DROP TABLESPACE matters")
        assert digests(firm.place, firm.cluster.data_dir) == before
    finally:
        destroy(folder)
    assert not folder.path.exists()
    firm.cluster.start()
    assert rows(firm.cluster, "SELECT count(*), count(DISTINCT id) FROM ledger") == [(40000, 40000)]
    assert sql(firm.cluster, "SELECT count(*) FROM draft") == 1000
