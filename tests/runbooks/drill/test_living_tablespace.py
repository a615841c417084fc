"""A drill on the host where the firm's own cluster has the tablespace that the WAL makes: by either means."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from uuid import uuid4

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.staging import isolation_launcher
from muniment.adapters.vault import catalog
from muniment.domain.drill.evidence import Means
from muniment.domain.drill.rules import choose_target
from muniment.domain.firm.application import ControlTotalsPolicy
from muniment.domain.record import new_id
from muniment.domain.wal.names import Lsn
from muniment.errors import DrillFailed
from muniment.ports import utc_now
from muniment.runbooks.drill.run_drill import run_drill
from muniment.runbooks.nightly.chain import run_chain
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.kernels import launcher_of_an_older_kernel
from tests.support.living import digests, folder_of_the_firm
from tests.support.signing import with_signing_key
from tests.support.stored import rows
from tests.support.wal import archive_with, muniment_script, sql

pytestmark = pytest.mark.timeout(720)
TOTALS = ControlTotalsPolicy(tables=("public.ledger",))


@dataclass
class Firm:
    """Two nights; the tablespace at ``place`` was made between them."""

    site: Site
    place: Path
    made: Lsn

    def seed(self) -> int:
        """Of a drill to somewhere behind its CREATE, from the base backup before it."""
        points, window = catalog.points(self.site.primary), self.site.policy.point_in_time_window
        targets = (choose_target(points, window=window, now=utc_now(), seed=seed) for seed in range(2000))
        return next(
            seed
            for seed, target in enumerate(targets)
            if target and target.before == points[0].id and target.lsn > self.made
        )


@pytest.fixture(scope="module")
def firm(
    cloud: Cloud,
    site_factory: SiteFactory,
    module_cluster_factory: ClusterFactory,
    programs: PostgresPrograms,
    run_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Firm]:
    place = folder_of_the_firm(run_dir / f"space-{uuid4().hex[:8]}")
    cluster = module_cluster_factory(programs, wal_segment_size_mb=1)
    rows(cluster, "CREATE TABLE ledger (id int)")
    site = with_signing_key(cloud, site_factory(cluster, control_totals=TOTALS))
    archive_with(cluster, f"{muniment_script(site, tmp_path_factory.mktemp('site'))} wal push %p")
    run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)
    rows(cluster, f"CREATE TABLESPACE matters LOCATION '{place}'")
    rows(cluster, "CREATE UNLOGGED TABLE draft TABLESPACE matters AS SELECT generate_series(1, 1000) AS id")
    rows(cluster, "CREATE TABLE letter TABLESPACE matters AS SELECT generate_series(1, 1000) AS id")
    made = Lsn.parse(sql(cluster, "SELECT pg_current_wal_insert_lsn()::text"))
    rows(cluster, "INSERT INTO ledger SELECT generate_series(1, 20000)")
    run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)
    rows(cluster, "CHECKPOINT")
    yield Firm(site, place, made)
    cluster.kill()
    shutil.rmtree(place)


@pytest.mark.parametrize("by", get_args(Means.__value__))
def test_a_drill_passes_and_changes_nothing_that_lives(firm: Firm, by: Means, tmp_path: Path) -> None:
    before = digests(firm.place)
    found = run_drill(
        firm.site, drill_id=new_id(utc_now()), run_dir=tmp_path, clock=utc_now, seed=firm.seed(), side="primary", by=by
    )
    assert found.passed, found.failed_checks
    assert digests(firm.place) == before
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_that_cannot_fence_a_server_in_lets_no_drill_begin(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation_launcher, "__file__", str(launcher_of_an_older_kernel(tmp_path, 2)))
    scratch = tmp_path / "scratch"
    with pytest.raises(DrillFailed, match="the kernel's Landlock must have version 3, and has version 2") as raised:
        run_drill(firm.site, drill_id=new_id(utc_now()), run_dir=scratch, clock=utc_now, side="primary", by="muniment")
    assert not scratch.exists() or list(scratch.iterdir()) == []
    assert "writing outside of its folder" in str(raised.value)
