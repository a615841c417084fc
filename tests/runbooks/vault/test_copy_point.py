"""The second copy of a point that is registered already: a replica that lost it has it again, register and all."""

from datetime import UTC, datetime

import pytest

from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.errors import NoSuchPoint, NothingToRestore, ObjectMissing
from muniment.ports import utc_now
from muniment.runbooks.config.compare_config import compare_config
from muniment.runbooks.vault.copy_point import copy_point
from muniment.runbooks.vault.copy_to_replica import copy_to_replica
from muniment_demo.cloud import Cloud
from tests.support.nights import Nights, copy_proof
from tests.support.second_copies import register

pytestmark = pytest.mark.timeout(360)
NIGHT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def registered(site: Site) -> Point:
    nights = Nights(site, site.postgres.system_identifier(), next_segment=5000)
    backup = nights.take(NIGHT, documents=("a.pdf", "b.pdf"))
    copy_to_replica(site, backup_id=backup.id, snapshot_id=backup.point, config_id=backup.point, clock=utc_now)
    return register(site, backup, copy_proof(NIGHT))


def lose(cloud: Cloud, site: Site) -> int:
    """Everything in the replica but whose vault it is; how many objects that were."""
    s3, bucket = cloud.client("s3", site.replica.region), site.replica.bucket
    lost = [version for version in site.replica.list_versions("") if version.key != keys.FIRM]
    for version in lost:
        s3.delete_object(Bucket=bucket, Key=version.key, VersionId=version.version_id)
    return len(lost)


def test_a_replica_that_lost_everything_has_the_point_again(cloud: Cloud, site: Site) -> None:
    point = registered(site)
    before = {found.key: found.size_bytes for found in site.replica.list("")}
    assert lose(cloud, site) > 5
    copied, proof = copy_point(site, clock=utc_now)
    assert copied == point
    assert catalog.latest_point(site.replica) == point
    assert {found.key: found.size_bytes for found in site.replica.list("")} == before
    assert proof.objects_already_there == 0


def test_a_mistyped_id_is_refused_and_a_lost_register_is_damage(cloud: Cloud, site: Site) -> None:
    point = registered(site)
    with pytest.raises(NoSuchPoint) as refused:
        copy_point(site, point_id="nix", clock=utc_now)
    assert str(refused.value) == (
        f"firm {site.firm.id} has no recovery point nix in {site.primary.bucket}, {site.replica.bucket}; "
        f"the nearest ids are: {point.id}\n"
        "KEPT: everything; nothing was fetched or written\n"
        f"HINT: `muniment points {site.firm.id}` lists them all."
    )
    s3 = cloud.client("s3", site.primary.region)
    s3.delete_object(Bucket=site.primary.bucket, Key=keys.point(point.id))
    with pytest.raises(ObjectMissing, match=rf"{keys.point(point.id)} is missing"):
        copy_point(site, point_id=point.id, clock=utc_now)


def test_the_configuration_of_the_latest_point_and_of_none(site: Site) -> None:
    point = registered(site)
    found = compare_config(site, config_id="latest", clock=utc_now)
    assert found.config == point.config


def test_a_whole_replica_is_left_as_it_is(site: Site) -> None:
    point = registered(site)
    before = {found.key: found.modified_at for found in site.replica.list("")}
    copied, proof = copy_point(site, point_id=point.id, clock=utc_now)
    assert copied == point
    assert proof.objects_copied == 0
    assert {found.key: found.modified_at for found in site.replica.list("")} == before


def test_nothing_to_copy(site: Site) -> None:
    with pytest.raises(NothingToRestore):
        copy_point(site, clock=utc_now)
