"""The replica's region answers nobody for five nights, S3 and KMS alike, and then it is back."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site, build_site, build_vault
from muniment.adapters.vault import catalog
from muniment.adapters.vault.envelope import STAND_IN
from muniment.adapters.vault.vault import Vault
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.errors import StoreUnavailable
from muniment.ports import utc_now
from muniment.runbooks.firm.check_firm import check_firm
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.vault.copy_point import copy_point
from muniment.runbooks.vault.verify_firm import verify_vault
from muniment.runbooks.wal.replicate_wal import replicate_wal
from muniment_demo.cloud import Cloud
from tests.faults.worker import through
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.faults import Fault, FaultProxy
from tests.fixtures.sites import PRIMARY_REGION, REPLICA_REGION, SiteFactory, login_env
from tests.support.wal import archive_with, eventually, muniment_script, sql, status_files

pytestmark = pytest.mark.timeout(900)
NIGHTS = 5


@dataclass
class Practice:
    """A firm whose store is behind the proxy, for its nights and for its server's archive_command alike."""

    site: Site
    cluster: LocalCluster
    store: FaultProxy
    s3: Any
    points: list[Point] = field(default_factory=list)

    def night(self) -> Point:
        """A row and a document that only this night has as its current version."""
        number = len(self.points)
        sql(self.cluster, "INSERT INTO matter SELECT count(*) FROM matter")
        self.s3.put_object(Bucket=self.site.firm.documents[0].bucket, Key="draft.txt", Body=b"draft %d" % number)
        point = run_chain(self.site, point_id=new_id(utc_now()), run="test", clock=utc_now)
        self.points.append(point)
        return point

    def lose(self, region: str, how: Fault = "reset") -> None:
        self.store.fail(how, region=region)

    def alone(self) -> Vault:
        """The replica as an engineer has it whose primary region is gone."""
        firm, _, aws = through(self.site, self.store.endpoint_url)
        return build_vault(firm, "replica", aws.clients(), aws.clients(hasty=True))


@pytest.fixture
def practice(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    cloud: Cloud,
    faulty_store: FaultProxy,
    tmp_path: Path,
) -> Iterator[Practice]:
    cluster = cluster_factory(programs17, wal_segment_size_mb=1)
    made = site_factory(cluster)
    firm, postgres, aws = through(made, faulty_store.endpoint_url)
    site = build_site(firm, postgres.conninfo(), aws.clients(), aws.clients(hasty=True))
    archive_with(cluster, f"{muniment_script(made, tmp_path, **login_env('aws', aws))} wal push %p")
    sql(cluster, "CREATE TABLE matter (id bigint)")
    yield Practice(site, cluster, faulty_store, cloud.client("s3"))
    faulty_store.heal()


def names(vault: Vault, prefix: str) -> set[str]:
    return {found.key for found in vault.list(prefix)}


def test_every_night_has_its_point_and_the_second_copy_catches_up(practice: Practice) -> None:
    site = practice.site
    assert practice.night().verified_replica_at is not None
    practice.lose(REPLICA_REGION)
    for _ in range(NIGHTS):
        point = practice.night()
        assert point.verified_replica_at is None
        assert catalog.find_point(site.primary, point.id) == point
    assert any(STAND_IN.encode() in site.primary.get(f.key)[:2000] for f in site.primary.list(keys.BASE))

    practice.store.heal()
    assert practice.night().verified_replica_at is not None

    for prefix in (keys.POINTS, keys.DOCUMENT_SNAPSHOTS, keys.DOCUMENT_OBJECTS, keys.CONFIGS):
        assert names(site.replica, prefix) == names(site.primary, prefix), prefix
    # A night that finds a hole takes a full backup in its first one's place: that one is no point's, and stays here.
    for backup_id in {backup_id for point in practice.points for backup_id in point.chain}:
        assert names(site.replica, keys.backup(backup_id)) == names(site.primary, keys.backup(backup_id)) != set()
    practice.lose(PRIMARY_REGION)
    replica = practice.alone()
    assert [point.id for point in catalog.points(replica)] == [point.id for point in practice.points]
    assert verify_vault(replica, deep=True).faults == ()
    for number, point in enumerate(practice.points):
        document = next(d for d in catalog.find_snapshot(replica, point.documents).documents if d.key == "draft.txt")
        assert replica.get(document.object, sha256=document.sha256) == b"draft %d" % number


def test_a_firm_is_told_what_its_night_without_the_region_will_be(practice: Practice) -> None:
    practice.night()
    practice.lose(REPLICA_REGION)
    (away,) = [each for each in check_firm(practice.site, clock=utc_now) if "region" in each.what]
    assert away.severity == "warning"
    assert away.what.startswith(
        f"the second region does not answer: S3 HeadObject on {practice.site.replica.bucket}/firm.json"
    )
    with pytest.raises(StoreUnavailable):
        copy_point(practice.site, clock=utc_now)
    primary = practice.site.primary  # as in a vault from before there was a stand-in
    for found in list(primary.list_versions(keys.STAND_IN_PUBLIC)):
        practice.s3.delete_object(Bucket=primary.bucket, Key=found.key, VersionId=found.version_id)
    (stop,) = [each for each in check_firm(practice.site, clock=utc_now) if each.severity == "stop"]
    assert stop.what == f"there is no {keys.STAND_IN_PUBLIC} to stand in for the key of {REPLICA_REGION}"


@pytest.mark.parametrize("how", ["reset", "timeout"])
def test_the_servers_wal_goes_on_into_the_primary_and_reaches_the_replica_later(practice: Practice, how: Fault) -> None:
    """Also where the region takes every connection and never answers: archive_command has a minute."""
    practice.night()
    practice.lose(REPLICA_REGION, how)
    sql(practice.cluster, "INSERT INTO matter VALUES (7)")
    sql(practice.cluster, "SELECT pg_switch_wal()::text")
    eventually(lambda: not status_files(practice.cluster, "ready"))
    with pytest.raises(StoreUnavailable):
        replicate_wal(practice.site, clock=utc_now)
    practice.store.heal()
    replicate_wal(practice.site, clock=utc_now)
    assert names(practice.site.replica, keys.WAL) == names(practice.site.primary, keys.WAL)
    practice.lose(PRIMARY_REGION)
    assert verify_vault(practice.alone(), deep=True).faults == ()
