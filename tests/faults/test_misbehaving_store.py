"""S3 and KMS answer 503, reset connections, lose replies, truncate and hang: for a while, and for ever."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site, build_site
from muniment.adapters.vault import catalog
from muniment.domain.record import new_id
from muniment.errors import StoreUnavailable
from muniment.ports import utc_now
from muniment.runbooks.vault.verify_firm import verify_vaults
from muniment_demo.cloud import Cloud
from tests.faults.worker import Night, through
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.faults import Fault, FaultProxy
from tests.fixtures.sites import SiteFactory
from tests.support.wal import archive_with, muniment_script

pytestmark = pytest.mark.timeout(720)
# A worker's own limits are 60 s and five attempts: too long for a test that waits until they are used up.
IMPATIENT = {"read_timeout": 2, "retries": {"mode": "standard", "total_max_attempts": 3}}
PARTS = ("/base/", "/wal/", "/documents/", "/config/", "/points/", "firm.json")
FAULTS: tuple[Fault, ...] = ("503", "reset", "lost-reply", "timeout")


@pytest.fixture(scope="module")
def site(
    site_factory: SiteFactory,
    module_cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    cloud: Cloud,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    cluster = module_cluster_factory(programs17)
    site = site_factory(cluster)
    folder: Path = tmp_path_factory.mktemp("muniment")
    archive_with(cluster, f"{muniment_script(site, folder)} wal push %p")
    for number in range(4):
        cloud.client("s3").put_object(Bucket=site.firm.documents[0].bucket, Key=f"{number}.txt", Body=b"deed")
    return site


@pytest.fixture
def shaky(site: Site, faulty_store: FaultProxy) -> Iterator[Site]:
    """The same firm through the misbehaving store."""
    firm, postgres, aws = through(site, faulty_store.endpoint_url)
    aws = replace(aws, extra={**aws.extra, "config_kwargs": IMPATIENT})
    yield build_site(firm, postgres.conninfo(), aws.clients())
    faulty_store.heal()


@pytest.mark.parametrize("fault", FAULTS)
def test_the_chain_outlives_a_store_that_misbehaves_for_a_while(
    fault: Fault, site: Site, shaky: Site, faulty_store: FaultProxy
) -> None:
    for part in PARTS:
        for method in ("GET", "PUT"):
            faulty_store.fail(fault, times=1, method=method, path=part)
    point_id = new_id(utc_now())
    Night(shaky, point_id).run()
    assert len(faulty_store.spoiled) >= len(PARTS)
    assert catalog.latest_point(site.replica).id == point_id
    assert [each.faults for each in verify_vaults(site.vaults, deep=True)] == [(), ()]


def test_truncated_answers_are_read_again(site: Site, shaky: Site, faulty_store: FaultProxy) -> None:
    Night(site, new_id(utc_now())).run()
    for part in ("/base/", "/documents/snapshots/", "/points/", "firm.json"):
        faulty_store.fail("truncate", times=1, method="GET", path=part)
    assert [each.faults for each in verify_vaults(shaky.vaults, deep=True)] == [(), ()]
    assert len(faulty_store.spoiled) == 4


@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_that_never_recovers_fails_the_chain_as_transient_and_registers_nothing(
    fault: Fault, site: Site, shaky: Site, faulty_store: FaultProxy
) -> None:
    before = [(point.id, point.backup) for point in catalog.points(site.primary)]
    faulty_store.fail(fault, method="PUT", path="/base/")
    with pytest.raises(StoreUnavailable) as failure:
        Night(shaky, new_id(utc_now())).run()
    assert failure.value.what.startswith(f"S3 PutObject on {site.primary.bucket}/base/")
    assert [(point.id, point.backup) for point in catalog.points(site.primary)] == before
    faulty_store.heal()
    assert [each.faults for each in verify_vaults(site.vaults, deep=True)] == [(), ()]
