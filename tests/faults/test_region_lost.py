"""The primary region is gone: its S3 and its KMS answer nobody, and the firm's server died with it."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms, run_program
from muniment.adapters.site.site import Site
from muniment.domain.record import new_id
from muniment.domain.vault.registers import Point
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.wal.replicate_wal import replicate_wal
from muniment_demo.cloud import Cloud
from tests.faults.worker import through
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import PRIMARY_REGION, SiteFactory, login_env
from tests.support.wal import MUNIMENT, archive_with, eventually, muniment_script, sql, status_files, write_registry

pytestmark = pytest.mark.timeout(900)
DEED = b"%PDF-1.4 the deed of Rivermouth Mill"


@pytest.fixture
def source(cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> LocalCluster:
    return cluster_factory(programs17, wal_segment_size_mb=1)


@pytest.fixture
def site(source: LocalCluster, site_factory: SiteFactory, cloud: Cloud, tmp_path: Path) -> Site:
    site = site_factory(source)
    archive_with(source, f"{muniment_script(site, tmp_path)} wal push %p")
    bucket = site.firm.documents[0].bucket
    cloud.client("s3").put_object(Bucket=bucket, Key="matters/7/deed.pdf", Body=DEED)
    return site


@pytest.fixture
def point(site: Site, source: LocalCluster) -> Point:
    """A night, then work that only WAL brings back, then the end of the region."""
    sql(source, "CREATE TABLE matter AS SELECT n AS id FROM generate_series(1, 1000) n")
    point = run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)
    sql(source, "INSERT INTO matter VALUES (1001)")
    sql(source, "SELECT pg_switch_wal()::text")
    eventually(lambda: not status_files(source, "ready"))
    replicate_wal(site, clock=utc_now)
    source.kill()
    return point


@pytest.fixture
def without_the_region(
    site: Site, point: Point, faulty_store: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment of an engineer in the other region: the same registry, the same connections."""
    _, postgres, aws = through(site, faulty_store.endpoint_url)
    registry = write_registry(site, tmp_path / "elsewhere")
    for name, value in {**login_env("aws", aws), **login_env("postgres", postgres)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MUNIMENT_REGISTRY", str(registry))
    faulty_store.fail("reset", region=PRIMARY_REGION)


@pytest.fixture
def started(programs17: PostgresPrograms, run_dir: Path, site: Site) -> Iterator[LocalCluster]:
    """What is restored into its data directory lets this machine in without a password."""
    cluster = LocalCluster(run_dir / f"{site.firm.id}-elsewhere" / "data", programs17)
    yield cluster
    cluster.kill()


def muniment(*arguments: str | Path) -> str:
    return run_program([str(MUNIMENT), *map(str, arguments)], timeout_s=360, env=dict(os.environ)).stdout


@pytest.mark.usefixtures("without_the_region")
def test_database_and_documents_come_back_from_the_other_region_alone(
    site: Site, started: LocalCluster, tmp_path: Path
) -> None:
    muniment("restore", site.firm.id, "--from", "replica", "--into", started.data_dir)
    access = started.data_dir.with_name("pg_hba.conf")
    access.write_text("host all all 127.0.0.1/32 trust\n")
    access.chmod(0o644)
    started.start(enforced={"hba_file": str(access)}, timeout_s=360)
    eventually(lambda: _rows(started) == 1001)

    documents = tmp_path / "documents"
    how = ("--from", "replica", "--without-live", "--prefix", "", "--at", "latest", "--into", documents)
    muniment("documents", site.firm.id, *how)
    assert [path.read_bytes() for path in documents.rglob("deed.pdf")] == [DEED]


def _rows(cluster: LocalCluster) -> int | None:
    try:
        count: int = sql(cluster, "SELECT count(*) FROM matter")
    except psycopg.OperationalError:
        return None
    return count
