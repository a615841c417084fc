"""The night's second copy brings what earlier nights could not: each list in between, and each point."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muniment.adapters.documents.cover import find_cover
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault import keys
from muniment.ports import utc_now
from muniment.runbooks.retention.expire import expire
from muniment.runbooks.vault.second_copy import awaits_second_copy
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory
from tests.support.nights import Nights
from tests.support.progress import Told
from tests.support.s3 import s3_of
from tests.support.second_copies import DAY, copy, register

pytestmark = pytest.mark.timeout(360)
NIGHT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def names(vault: Vault) -> set[str]:
    return {found.key for found in vault.list("") if not found.key.startswith(("restore-kit/", keys.FIRM))}


def test_a_night_that_ended_at_its_copy_is_told_of_by_the_replica_too(site: Site, nights: Nights) -> None:
    first = nights.take(NIGHT, documents=("will.pdf",))
    register(site, first, copy(site, first))
    failed = nights.take(NIGHT + DAY, previous=first.point, documents=("will.pdf", "that-night-alone.pdf"))
    third = nights.take(NIGHT + 2 * DAY, previous=failed.point, documents=("will.pdf",))
    register(site, third, copy(site, third))

    assert names(site.replica) >= {key for key in names(site.primary) if not key.startswith(keys.backup(failed.id))}
    for at in (NIGHT + DAY, NIGHT + DAY + timedelta(hours=3)):
        assert find_cover(site.replica, at).base.id == find_cover(site.primary, at).base.id == failed.point


def test_a_point_of_the_primary_alone_follows_with_all_that_it_needs(site: Site, nights: Nights) -> None:
    alone = nights.take(NIGHT, documents=("will.pdf",))
    point = register(site, alone, None)
    assert point.verified_replica_at is None
    assert catalog.points(site.replica) == ()
    assert awaits_second_copy(site, point.id)

    tonight = nights.take(NIGHT + DAY, parent=alone, previous=alone.point, documents=("will.pdf",))
    register(site, tonight, copy(site, tonight))
    assert not awaits_second_copy(site, point.id)
    assert catalog.find_point(site.replica, point.id) == point
    assert names(site.replica) == names(site.primary)
    assert copy(site, tonight).objects_copied == 0


def test_what_is_damaged_of_an_earlier_night_is_told_and_costs_tonight_nothing(
    site: Site, nights: Nights, cloud: Cloud
) -> None:
    broken = nights.take(NIGHT, documents=("will.pdf",))
    register(site, broken, None)
    chunk = broken.archives[0].chunks[1].key
    for found in list(site.primary.list_versions(chunk)):
        cloud.client("s3").delete_object(Bucket=site.primary.bucket, Key=chunk, VersionId=found.version_id)
    tonight, told = nights.take(NIGHT + DAY, documents=("deed.pdf",)), Told()
    point = register(site, tonight, copy(site, tonight, told))
    assert catalog.points(site.replica) == (point,)
    left_out = (
        f"not in the second region: {keys.point(broken.point)}: object {chunk} is missing from {site.primary.bucket}"
    )
    assert told.notes == [left_out]


def test_a_point_that_got_its_copy_later_expires_from_both_vaults(site: Site, nights: Nights) -> None:
    alone = nights.take(NIGHT, documents=("will.pdf",))
    old = register(site, alone, None)
    tonight = nights.take(NIGHT + DAY, previous=alone.point, documents=("will.pdf",))
    new = register(site, tonight, copy(site, tonight))
    expire(site, point_id=new.id, clock=lambda: utc_now() + timedelta(days=400))
    for vault in site.vaults:
        assert [point.id for point in catalog.points(vault)] == [new.id], old.id


def test_a_list_of_long_ago_that_a_hold_keeps_comes_over_without_the_locks_that_are_over(
    site_factory: SiteFactory, cluster: Any
) -> None:
    """S3 refuses to write an object whose lock has ended; this store takes it, so what is asked of it is looked at."""
    site = site_factory(cluster)
    soon = utc_now().replace(microsecond=0) + timedelta(seconds=3)
    locked = Nights(site, site.postgres.system_identifier(), soon, next_segment=7000)
    alone = locked.take(NIGHT, documents=("will.pdf",))
    old = register(site, alone, None)
    time.sleep(max(0.0, (soon - utc_now()).total_seconds()) + 0.1)
    locked.locked_until = soon + 30 * DAY
    tonight = locked.take(NIGHT + 90 * DAY, previous=alone.point, documents=("deed.pdf",))
    asked: list[datetime] = []

    def look(params: dict[str, Any], **_: Any) -> None:
        if until := params.get("ObjectLockRetainUntilDate"):
            asked.append(until)

    for operation in ("CopyObject", "PutObject"):
        s3_of(site.replica).meta.events.register(f"before-parameter-build.s3.{operation}", look)
    began = utc_now()
    register(site, tonight, copy(site, tonight))
    assert catalog.find_point(site.replica, old.id) == old
    assert asked
    assert all(until > began for until in asked)
