"""Which documents come back with a database of some instant."""

import time
from datetime import datetime, timedelta

import pytest

from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.domain.vault import keys
from muniment.domain.vault.registers import DocumentSnapshot
from muniment.ports import utc_now
from muniment.runbooks.restore.documents_of_plan import documents_by
from muniment_demo.cloud import Cloud
from tests.support.sources import Desk, sync
from tests.support.wal import eventually


@pytest.fixture
def desk(cloud: Cloud, site17: Site) -> Desk:
    return Desk(cloud, site17)


def next_second() -> datetime:
    """S3 dates in whole seconds, so two things that must not be of the same one wait for the next."""
    began = int(time.time())
    eventually(lambda: int(time.time()) > began)
    return utc_now()


def two_nights(site: Site, desk: Desk) -> tuple[DocumentSnapshot, datetime, DocumentSnapshot]:
    """Three documents; between them and the second night two more come, at two instants."""
    desk.put_many(3)
    next_second()
    first = sync(site)
    next_second()
    desk.put("m/brief.pdf", b"draft")
    between = next_second()
    next_second()
    desk.put("m/will.pdf", b"signed")
    next_second()
    return first, between, sync(site)


def test_between_two_nights_it_is_what_was_there_then(site17: Site, desk: Desk) -> None:
    first, between, second = two_nights(site17, desk)
    found = documents_by(site17.primary, between).documents
    assert found is not None
    assert (found.count, found.at, found.snapshot) == (4, between, first.id)
    own = documents_by(site17.primary, first.taken_at).documents
    assert own is not None
    assert (own.count, own.at) == (3, first.taken_at)
    # Behind the last night its own are all that is known; before the first one there is nothing.
    behind = documents_by(site17.primary, second.taken_at + timedelta(hours=5)).documents
    assert behind is not None
    assert (behind.count, behind.at, behind.snapshot) == (5, second.taken_at, second.id)
    assert documents_by(site17.primary, first.taken_at - timedelta(days=1)).documents is None


def test_a_night_that_expired_between_leaves_the_one_before(site17: Site, desk: Desk, cloud: Cloud) -> None:
    first, _, second = two_nights(site17, desk)
    next_second()
    third = sync(site17)
    s3, bucket = cloud.client("s3"), site17.primary.bucket
    for found in list(site17.primary.list_versions(keys.document_snapshot(second.id))):
        s3.delete_object(Bucket=bucket, Key=found.key, VersionId=found.version_id, BypassGovernanceRetention=True)
    found = documents_by(site17.primary, third.taken_at - timedelta(milliseconds=1))
    nearest = found.documents
    assert nearest is not None
    assert found.uncertain == nearest.count
    assert (nearest.count, nearest.at, nearest.snapshot) == (3, first.taken_at, first.id)


def test_neither_names_nor_the_order_of_copying_decide(site17: Site, desk: Desk) -> None:
    """Three nights whose names run backwards, in a replica vault that got the newest list first."""
    nights = []
    for number in (3, 2, 1):
        desk.put(f"night/{number}.pdf", b"filed")
        next_second()
        nights.append(sync(site17, snapshot_id=f"night-{number}"))
        next_second()
    assert [night.previous for night in nights] == [None, "night-3", "night-2"]
    for night in reversed(nights):
        key = keys.document_snapshot(night.id)
        site17.replica.put(key, site17.primary.get(key), locked_until=None)
        next_second()
    for vault in site17.vaults:
        assert catalog.latest_snapshot(vault) == nights[-1]
        for count, night in enumerate(nights, 1):
            for at in (night.taken_at, night.taken_at + timedelta(milliseconds=1)):
                found = documents_by(vault, at).documents
                assert found is not None
                assert (found.count, found.snapshot) == (count, night.id)
        assert documents_by(vault, nights[0].taken_at - timedelta(milliseconds=1)).documents is None


def test_a_vault_without_snapshots_has_no_documents(site17: Site) -> None:
    assert documents_by(site17.primary, utc_now()).documents is None
