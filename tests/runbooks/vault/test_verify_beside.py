"""Verify runs by the hour, beside nights: what they store and let go meanwhile is no damage."""

from datetime import UTC, datetime, timedelta

import pytest

from muniment.adapters.site.site import Site, build_site
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup, Point
from muniment.ports import utc_now
from muniment.runbooks.retention.expire import expire
from muniment.runbooks.vault.verify_firm import Verification, verify_vaults
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import LOGINS
from tests.support.interleavings import meanwhile
from tests.support.nights import Nights
from tests.support.s3 import s3_of
from tests.support.second_copies import DAY, copy, register

pytestmark = pytest.mark.timeout(360)
NIGHT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def night(site: Site, backup: Backup) -> Point:
    return register(site, backup, copy(site, backup))


def missing(found: tuple[Verification, ...]) -> set[str]:
    return {fault.key for one in found for fault in one.faults if "missing" in fault.what}


@pytest.mark.parametrize("at", [keys.POINTS, keys.BASE, keys.CONFIGS])
def test_what_expire_lets_go_meanwhile_is_not_missing(site: Site, nights: Nights, at: str) -> None:
    old = nights.take(NIGHT, documents=("will.pdf",))
    night(site, old)
    new = night(site, nights.take(NIGHT + DAY, previous=old.point, documents=("deed.pdf",)))

    logins = LOGINS[site.firm.id]
    other = build_site(site.firm, logins["postgres"].conninfo(), logins["aws"].clients())  # another process's clients

    def let_go() -> None:
        expire(other, point_id=new.id, clock=lambda: utc_now() + timedelta(days=400))

    with meanwhile("GetObject", f"/{at}", let_go, site.primary) as done:
        found = verify_vaults(site.vaults, deep=True)
    assert done
    assert missing(found) == set()
    assert site.primary.head(keys.backup_register(old.id)) is None


def test_what_somebody_takes_away_meanwhile_is_missing(site: Site, nights: Nights, cloud: Cloud) -> None:
    backup = nights.take(NIGHT, documents=("will.pdf",))
    night(site, backup)
    chunk = backup.archives[0].chunks[1].key

    def steal() -> None:
        s3 = cloud.client("s3", site.primary.region)
        s3.delete_object(Bucket=site.primary.bucket, Key=chunk)

    with meanwhile("GetObject", f"/{keys.POINTS}", steal, site.primary):
        found = verify_vaults(site.vaults, deep=True)
    assert missing(found) == {chunk}


def test_what_a_night_stores_behind_the_listing_is_not_missing(site: Site, nights: Nights) -> None:
    night(site, nights.take(NIGHT, documents=("will.pdf",)))
    vault = site.primary
    backup = nights.take(NIGHT + DAY, documents=("deed.pdf",))
    document = keys.document_object("matters", "deed.pdf", "1")
    body = vault.get(document)
    (version,) = [each.version_id for each in vault.list_versions(document)]
    s3_of(vault).delete_object(Bucket=vault.bucket, Key=document, VersionId=version)

    def store() -> None:
        vault.put(document, body, locked_until=None)

    with meanwhile("GetObject", f"/{keys.document_snapshot(backup.point)}", store, vault):
        found = verify_vaults([vault], deep=False)
    assert missing(found) == set()
