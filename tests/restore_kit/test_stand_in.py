"""What was sealed while the replica's KMS was away: the kit opens it in the replica alone, by that region's key."""

from pathlib import Path

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import build_site
from muniment.adapters.vault.envelope import STAND_IN
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment_demo.cloud import Cloud
from tests.faults.worker import through
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import REPLICA_REGION, SiteFactory, login_env
from tests.restore_kit.kit import Kit
from tests.support.kit_readers import reader_of
from tests.support.wal import archive_with, muniment_script

pytestmark = pytest.mark.timeout(720)


def test_a_night_without_the_region_is_fetched_from_that_region_alone(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    cloud: Cloud,
    faulty_store: FaultProxy,
    kit: Kit,
    tmp_path: Path,
) -> None:
    cluster = cluster_factory(programs17, wal_segment_size_mb=1)
    made = site_factory(cluster)
    firm, postgres, aws = through(made, faulty_store.endpoint_url)
    site = build_site(firm, postgres.conninfo(), aws.clients(), aws.clients(hasty=True))
    archive_with(cluster, f"{muniment_script(made, tmp_path, **login_env('aws', aws))} wal push %p")

    def night() -> str:
        return run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now).id

    night()
    faulty_store.fail("reset", region=REPLICA_REGION)
    away = night()
    faulty_store.heal()
    night()
    assert STAND_IN.encode() in site.replica.get(keys.config(away))
    cloud.client("kms", "us-east-1").disable_key(KeyId=site.firm.vaults.primary.kms_key)

    place, into = site.firm.vaults.replica, tmp_path / "out"
    vault = ("--bucket", place.bucket, "--region", place.region)
    kit.run("fetch", *vault, "--point", away, "--into", into, who=reader_of(cloud, site))
    assert (into / "config.json").is_file()
    assert list((into / "backups").glob("*/PG_VERSION"))
