"""Documents on a real S3: what a snapshot says, what is copied once and never again, and what stops the chain."""

import hashlib
import json
import os
import threading
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from muniment.adapters.documents.copies import DocumentCopies
from muniment.adapters.documents.source_bucket import source_buckets
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.domain.documents.recovery import Cover, plan_documents
from muniment.domain.documents.selection import Selection
from muniment.domain.documents.sync import SourceVersion
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import DocumentChanges, DocumentSnapshot, DocumentVersion
from muniment.errors import (
    AccessDenied,
    AnotherRunIsActive,
    DocumentNotRead,
    ObjectDamaged,
    SourceChanged,
    SourceShrank,
    WrongVault,
)
from muniment.ports import utc_now
from muniment.runbooks.documents.restore_documents import plan_document_restore
from muniment.runbooks.documents.sync_documents import sync_documents
from muniment.runbooks.vault.copy_to_replica import copy_to_replica
from muniment_demo.cloud import Cloud
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import SiteFactory, as_root, with_firm
from tests.support.denials import denied_from
from tests.support.nights import Nights
from tests.support.progress import Told
from tests.support.s3 import s3_of, with_store
from tests.support.sources import AWKWARD_KEYS, Desk, asked, contents, copies_in, sync, through, with_limit


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    return site_factory(cluster)


@pytest.fixture
def desk(cloud: Cloud, site: Site) -> Desk:
    return Desk(cloud, site)


def test_every_current_document_is_copied_and_named(site: Site, desk: Desk) -> None:
    desk.put("matters/4711/brief.pdf", b"first draft")
    version_id = desk.put(
        "matters/4711/brief.pdf",
        b"as filed",
        ContentType="application/pdf",
        Metadata={"by": "jd"},
        ChecksumAlgorithm="SHA256",
    )
    desk.put("empty")
    snapshot = sync(site)
    assert contents(site, snapshot) == {"matters/4711/brief.pdf": b"as filed", "empty": b""}
    assert catalog.find_snapshot(site.primary, snapshot.id) == snapshot
    assert catalog.latest_snapshot(site.primary) == snapshot
    brief = next(version for version in snapshot.documents if version.size_bytes)
    there = s3_of(site.primary).head_object(Bucket=site.primary.bucket, Key=brief.object)
    assert (brief.version_id, there["ContentType"], there["Metadata"]) == (version_id, "application/pdf", {"by": "jd"})
    assert there["SSEKMSKeyId"] == site.primary.kms_key
    assert brief.sha256 == hashlib.sha256(b"as filed").hexdigest()


def test_any_key_that_s3_takes(site: Site, desk: Desk, cloud: Cloud) -> None:
    """As root: this server's policies end a wildcard at a line's end."""
    for key in AWKWARD_KEYS:
        desk.put(key, key.encode())
    assert contents(site, sync(as_root(cloud, site))) == {key: key.encode() for key in AWKWARD_KEYS}


def test_several_buckets_are_one_snapshot(site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud) -> None:
    site = site_factory(cluster, buckets=2)
    desk = Desk(cloud, site)
    desk.put("same key", b"in the first")
    desk.put("same key", b"in the second", bucket=1)
    snapshot = sync(site)
    stored = {version.bucket: site.primary.get(version.object) for version in snapshot.documents}
    assert stored == dict(zip(desk.buckets, (b"in the first", b"in the second"), strict=True))


def test_a_firm_without_documents_has_an_empty_snapshot(site: Site) -> None:
    assert sync(site).documents == ()
    assert sync(with_firm(site, documents=())).documents == ()


def test_the_next_night_copies_only_what_is_new(site: Site, desk: Desk, faulty_store: FaultProxy) -> None:
    desk.put_many(12)
    first = sync(site)
    desk.put("d/000", b"changed")
    desk.put("new")
    second = sync(through(site, faulty_store))
    assert len(asked(faulty_store, "PUT", "documents/objects/")) <= 2 * 2  # the copy, and its lock where S3 wants it so
    assert contents(site, second) == contents(site, first) | {"d/000": b"changed", "new": b""}
    assert second.previous == first.id
    assert (first.changes, second.changes) == (None, DocumentChanges(before=12, overwritten=1, vanished=0))
    assert catalog.snapshot_head(site.primary, second.id).changes == second.changes
    assert copies_in(site) == 14


def test_nothing_new_is_a_few_lists_whatever_the_number_of_documents(
    site: Site, desk: Desk, faulty_store: FaultProxy
) -> None:
    desk.put_many(30)
    first = sync(site)
    second = sync(through(site, faulty_store))
    assert second.documents == first.documents
    assert (second.superseded, second.deleted) == ((), ())
    assert not [
        request for request in faulty_store.seen if "documents/objects/" in request and "prefix=" not in request
    ]
    assert len(asked(faulty_store, "PUT", "")) == 1
    assert asked(faulty_store, "PUT", keys.document_snapshot(second.id))


def test_versions_that_came_and_went_between_two_nights_are_kept(site: Site, desk: Desk) -> None:
    desk.put("brief", b"first")
    first = sync(site)
    desk.put("brief", b"second")
    desk.put("brief", b"third")
    desk.put("note", b"written and deleted on one day")
    desk.delete("note")
    second = sync(site)
    assert contents(site, second) == {"brief": b"third"}
    passing = {site.primary.get(version.object) for version in second.superseded}
    assert passing == {b"second", b"written and deleted on one day"}
    assert site.primary.get(first.documents[0].object) == b"first"
    assert {version.object for version in second.versions} == {
        *(version.object for version in (*second.documents, *second.superseded))
    }
    assert sync(site).superseded == ()


def test_versions_from_before_the_first_night_are_left_where_they_are(site: Site, desk: Desk) -> None:
    desk.put("brief", b"of last year")
    desk.put("brief", b"current")
    assert sync(site).superseded == ()
    assert copies_in(site) == 1


def test_a_deletion_is_recorded_and_not_propagated(site: Site, desk: Desk) -> None:
    desk.put_many(10)
    gone_for_good = desk.put("e", b"evidence")
    first = sync(site)
    desk.delete("d/003")
    desk.remove_for_good("e", gone_for_good)
    second = sync(site)
    assert {(each.bucket, each.key) for each in second.deleted} == {(desk.buckets[0], "d/003"), (desk.buckets[0], "e")}
    for each in second.deleted:
        assert first.taken_at <= each.deleted_at <= second.taken_at
    assert {"d/003", "e"}.isdisjoint(contents(site, second))
    assert contents(site, first)["e"] == b"evidence"
    assert sync(site).deleted == ()


def test_a_document_that_comes_back_is_not_copied_again(site: Site, desk: Desk) -> None:
    desk.put_many(10)
    sync(site)
    desk.delete("d/003")
    sync(site)
    marks = desk.s3.list_object_versions(Bucket=desk.buckets[0])["DeleteMarkers"]
    desk.remove_for_good("d/003", marks[0]["VersionId"])
    third = sync(site)
    assert contents(site, third)["d/003"] == b"first 3"
    assert copies_in(site) == 10


def test_the_same_run_again_returns_what_is_registered(site: Site, desk: Desk) -> None:
    desk.put("a", b"1")
    snapshot = sync(site)
    desk.put("b", b"2")
    assert sync(site, snapshot_id=snapshot.id) == snapshot


def test_documents_that_change_while_it_runs_make_no_half_truth(site: Site, desk: Desk) -> None:
    """What the snapshot says is exactly what S3's own history says for that instant."""
    desk.put_many(20)
    stop = threading.Event()

    def work() -> None:
        for number in count():
            if stop.is_set():
                return
            desk.put(f"d/{number % 25:03d}", f"edition {number}".encode())
            desk.delete(f"d/{(number + 7) % 25:03d}")

    clerk = threading.Thread(target=work)
    clerk.start()
    try:
        snapshots = [sync(site), sync(site, accept_shrink=True)]
    finally:
        stop.set()
        clerk.join()
    for snapshot in snapshots:
        stored = {(each.bucket, each.key): site.primary.get(each.object) for each in snapshot.documents}
        assert stored == desk.read_at(snapshot.taken_at)


def test_what_was_stored_just_before_is_in(site: Site, desk: Desk) -> None:
    before = utc_now()
    desk.put("last minute", b"!")
    snapshot = sync(site)
    assert contents(site, snapshot) == {"last minute": b"!"}
    assert snapshot.taken_at.microsecond == 0
    assert before < snapshot.taken_at < utc_now()


def test_the_snapshot_before_is_the_one_that_was_stored_last_whatever_its_id_says(site: Site, desk: Desk) -> None:
    """A worker whose clock was in the year 2099 made an id that no later one surpasses."""
    desk.put("a")
    sync(site, snapshot_id="20990101T000000000Z")
    second = sync(site)
    assert second.previous == "20990101T000000000Z"
    assert sync(site).previous == second.id


# Locks


def test_copies_and_the_snapshot_are_locked(site: Site, desk: Desk) -> None:
    desk.put("a", b"1")
    snapshot = sync(site)
    (entry,) = snapshot.documents
    assert entry.locked_until == snapshot.taken_at + 2 * site.policy.retention
    assert _locked_until(site, entry.object) == entry.locked_until
    assert _locked_until(site, keys.document_snapshot(snapshot.id)) == (
        snapshot.taken_at + site.policy.retention + timedelta(days=site.policy.base_backups.chain_limit)
    )


def test_a_lock_that_ends_too_soon_is_extended_once(site: Site, desk: Desk, faulty_store: FaultProxy) -> None:
    desk.put_many(3)
    sync(site)
    longer = with_firm(site, policy=site.policy.model_copy(update={"retention": 3 * site.policy.retention}))
    second = sync(longer)
    for entry in second.documents:
        assert entry.locked_until == second.taken_at + 2 * longer.policy.retention
        assert _locked_until(site, entry.object) == entry.locked_until
    third = sync(with_firm(through(site, faulty_store), policy=longer.policy))
    assert third.documents == second.documents
    assert not asked(faulty_store, "PUT", "retention")


def test_without_object_lock_nothing_is_locked(site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud) -> None:
    site = site_factory(cluster, lock="none")
    Desk(cloud, site).put("a", b"1")
    assert [entry.locked_until for entry in sync(site).documents] == [None]
    assert [entry.locked_until for entry in sync(site).documents] == [None]


def _locked_until(site: Site, key: str) -> object:
    found = site.primary.head(key)
    assert found is not None
    return found.locked_until


# A source that shrinks


def test_a_mass_deletion_stops_the_chain_before_anything_is_registered(site: Site, desk: Desk) -> None:
    desk.put_many(20)
    first = sync(site)
    desk.delete(*(f"d/{number:03d}" for number in range(5)))
    desk.put("README_TO_DECRYPT.txt", b"pay")
    with pytest.raises(SourceShrank) as caught:
        sync(site)
    assert caught.value.what == (
        f"the documents of firm {site.firm.id} shrank by 25.0 % in {desk.buckets[0]} (5 deleted, 0 overwritten) "
        f"since snapshot {first.id}: 20 objects were current, 16 are; the limit is 20 %"
    )
    assert catalog.latest_snapshot(site.primary) == first
    assert copies_in(site) == 21
    assert len(sync(site, accept_shrink=True).documents) == 16
    assert len(sync(site).documents) == 16


def test_a_mass_overwrite_stops_the_chain(site: Site, desk: Desk) -> None:
    desk.put_many(20)
    sync(site)
    desk.put_many(12, edition="encrypted by somebody else")
    with pytest.raises(SourceShrank, match=r"shrank by 60\.0 % in .* \(0 deleted, 12 overwritten\)"):
        sync(site)


def test_a_whole_bucket_is_not_hidden_by_a_larger_one(
    site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud
) -> None:
    site = site_factory(cluster, buckets=2)
    desk = Desk(cloud, site)
    desk.put_many(40)
    desk.put_many(4, bucket=1)
    sync(site)
    desk.delete(*(f"d/{number:03d}" for number in range(4)), bucket=1)
    with pytest.raises(SourceShrank, match=f"shrank by 100.0 % in {desk.buckets[1]}"):
        sync(site)
    with pytest.raises(SourceShrank, match=desk.buckets[1]):
        sync(with_firm(site, documents=site.firm.documents[:1]))


def test_an_ordinary_day_passes(site: Site, desk: Desk) -> None:
    desk.put_many(20)
    sync(site)
    desk.delete("d/000", "d/001")
    desk.put_many(7, edition="edited", prefix="d")
    for number in range(10, 16):
        desk.put(f"closed matters/{number:03d}", f"first {number}".encode())
        desk.delete(f"d/{number:03d}")
    sync(site)


def test_the_limit_is_the_policys(site: Site, desk: Desk) -> None:
    desk.put_many(10)
    sync(site)
    desk.delete("d/000")
    with pytest.raises(SourceShrank, match=r"10\.0 % .* the limit is 5 %"):
        sync(with_limit(site, 5))
    sync(with_limit(site, 10))


# Sources that are not as they should be


def test_a_bucket_that_is_not_versioned_loses_nothing(site: Site, desk: Desk, cloud: Cloud) -> None:
    desk.s3.create_bucket(Bucket=f"{site.firm.id}-plain")
    desk.s3.delete_bucket(Bucket=desk.buckets[0])
    desk.s3.create_bucket(Bucket=desk.buckets[0])
    desk.put("a", b"one")
    first = sync(site)
    desk.put("a", b"two")
    second = sync(site)
    assert (contents(site, first), contents(site, second)) == ({"a": b"one"}, {"a": b"two"})
    assert [each.version_id for each in (*first.documents, *second.documents)] == ["null", "null"]


def test_an_unversioned_document_that_changes_meanwhile_is_not_taken_for_what_was_listed(
    site: Site, desk: Desk
) -> None:
    desk.s3.delete_bucket(Bucket=desk.buckets[0])
    desk.s3.create_bucket(Bucket=desk.buckets[0])
    desk.put("a", b"one")
    (listed,) = _listed(desk)
    desk.put("a", b"two")
    with pytest.raises(SourceChanged):
        _copies(site).copy(listed)


def test_a_version_that_is_removed_meanwhile_asks_for_a_new_listing(site: Site, desk: Desk) -> None:
    version_id = desk.put("a", b"one")
    (listed,) = _listed(desk)
    desk.remove_for_good("a", version_id)
    with pytest.raises(SourceChanged) as caught:
        _copies(site).copy(listed)
    assert caught.value.what == (
        f"document a of bucket {desk.buckets[0]} was removed for good, or overwritten without a version, "
        "while it was being copied"
    )


def test_documents_under_another_kms_key(site: Site, desk: Desk, cloud: Cloud) -> None:
    own_key = cloud.create_key("us-east-1", f"{site.firm.id}-documents")
    desk.put("a", b"encrypted at rest", ServerSideEncryption="aws:kms", SSEKMSKeyId=own_key)
    snapshot = sync(site)
    assert contents(site, snapshot) == {"a": b"encrypted at rest"}
    there = s3_of(site.primary).head_object(Bucket=site.primary.bucket, Key=snapshot.documents[0].object)
    assert there["SSEKMSKeyId"] == site.primary.kms_key


def test_what_cannot_be_read_is_named_and_costs_the_others_nothing(
    site: Site, desk: Desk, cloud: Cloud, faulty_store: FaultProxy
) -> None:
    """One in an archive, one under a key of the customer's own, one that the role may not read: three sentences."""
    desk.put_many(3)
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    desk.put("theirs", b"under their key", **key)
    desk.put("closed", b"not ours to read")
    desk.put("old matter", b"in Glacier")
    denied = {"Effect": "Deny", "Action": "s3:GetObject*", "Resource": f"arn:aws:s3:::{desk.buckets[0]}/closed"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    cloud.client("iam").put_user_policy(UserName=site.firm.id, PolicyName="closed", PolicyDocument=document)
    archived = next(each for each in _listed(desk) if each.key == "old matter")
    faulty_store.fail("archived", method="PUT", path=archived.object)
    faulty_store.fail("archived", method="GET", path="old%20matter")
    told = Told()

    first = sync_documents(through(site, faulty_store), snapshot_id="20261120T1", clock=utc_now, progress=told)

    assert {each.key for each in first.documents} == {"d/000", "d/001", "d/002"}
    reasons = {each.key: each.reason for each in first.unread}
    assert list(reasons) == ["closed", "old matter", "theirs"]
    assert reasons["old matter"] == "The operation is not valid for the object's storage class"
    assert "customer" in reasons["theirs"].lower() or "Server Side Encryption" in reasons["theirs"]
    assert "not authorized" in reasons["closed"] or "Access Denied" in reasons["closed"]
    assert all(each.is_current for each in first.unread)
    assert catalog.find_snapshot(site.primary, first.id) == first
    assert any(note.startswith("documents that could not be read: 3: document ") for note in told.notes)

    # What can be read by now is read by now; what was replaced unread is told once more, and no shrinkage of anything.
    faulty_store.heal()
    desk.put("theirs", b"in the clear")
    desk.put("d/000", b"second", **key)
    second = sync(through(site, faulty_store))
    assert {each.key for each in second.documents} == {"d/001", "d/002", "old matter", "theirs"}
    assert [(each.key, each.is_current) for each in second.unread] == [
        ("closed", True),
        ("d/000", True),
        ("theirs", False),
    ]
    assert second.deleted == ()
    superseded = next(each for each in first.documents if each.key == "d/000")
    plan = plan_documents(Cover(second.taken_at, second), Selection(), vault="v", live=None)
    assert superseded.version_id not in {each.version.version_id for each in plan.documents}
    assert [each.key for each in plan.unread] == ["closed", "d/000"]
    with pytest.raises(DocumentNotRead) as caught:
        plan_document_restore(site.primary, selection=Selection(key="closed"), at=None)
    at = f"{second.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    assert str(caught.value).startswith(
        f"no document 'closed' that firm {site.firm.id} had at {at} is in the vault: it could not be read then:\n"
        f"document {desk.buckets[0]}/closed: "
    )


def test_a_vault_that_refuses_is_no_document_that_cannot_be_read(site: Site, desk: Desk) -> None:
    """The same answer of S3: whose it is, the source tells. Else one lost right of the role would empty every night."""
    desk.put("a", b"one")
    with denied_from(site, 1, only=frozenset({"CopyObject"})), pytest.raises(AccessDenied):
        sync(site)
    assert catalog.latest_snapshot(site.primary) is None


# Objects and copies


def _listed(desk: Desk) -> list[SourceVersion]:
    return [history[0] for history in desk.source().histories()]


def _copies(site: Site, **sizes: int) -> DocumentCopies:
    vault = with_store(site.primary, **sizes)
    sources = source_buckets(site.firm, site.clients)
    return DocumentCopies(sources, vault, site.policy, utc_now().replace(microsecond=0))


def test_what_is_larger_than_one_copy_request_goes_in_parts(site: Site, desk: Desk) -> None:
    body = bytes(range(256)) * 100
    desk.put("scan.tif", body, ContentType="image/tiff")
    entry = _copies(site, one_copy_limit=20_000, part_bytes=7_000).copy(_listed(desk)[0])
    assert site.primary.get(entry.object) == body
    found = site.primary.head(entry.object)
    assert found is not None
    assert found.sha256 is None  # S3 keeps one of each part: ours is of what was read
    assert (entry.size_bytes, entry.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert _locked_until(site, entry.object) == entry.locked_until
    notes = Told()
    snapshot = sync_documents(site, snapshot_id=new_id(utc_now()), clock=utc_now, progress=notes)
    because = "because the store gave no SHA-256 of their copies"
    assert notes.notes == [f"new documents read once, {because}: 1, 25,600 bytes"]
    assert contents(site, snapshot) == {"scan.tif": body}
    assert copies_in(site) == 1


def test_a_copy_of_another_size_is_damaged(site: Site, desk: Desk) -> None:
    desk.put("a", b"12345")
    site.primary.put(_listed(desk)[0].object, b"1234", locked_until=None)
    with pytest.raises(ObjectDamaged, match=r"it has 4 bytes and not 5 as its document .*/a, version"):
        sync(site)


def test_a_copy_of_another_content_is_damaged(site: Site, desk: Desk) -> None:
    desk.put("a", b"12345", ChecksumAlgorithm="SHA256")
    listed = _listed(desk)[0]
    site.primary.put(listed.object, b"abcde", locked_until=None)
    with_checksum = _with_sha256(listed)
    with pytest.raises(ObjectDamaged, match="its sha256 is not that of its document"):
        _copies(site).recognise(with_checksum)


def _with_sha256(version: SourceVersion) -> SourceVersion:
    """AWS's listing says which checksums there are; this server's does not."""
    return replace(version, has_sha256=True)


def test_an_object_that_vanished_from_the_vault_is_copied_again(
    site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud
) -> None:
    site = site_factory(cluster, lock="none")
    desk = Desk(cloud, site)
    desk.put_many(3)
    lost: DocumentVersion = sync(site).documents[1]
    found = site.primary.head(lost.object)
    assert found is not None
    desk.s3.delete_object(Bucket=site.primary.bucket, Key=lost.object, VersionId=found.version_id)
    assert len(contents(site, sync(site))) == 3


def test_only_one_run_of_a_firm_at_a_time(site: Site, desk: Desk) -> None:
    desk.put("a")
    with site.postgres.exclusively(), pytest.raises(AnotherRunIsActive):
        sync(site)
    assert catalog.latest_snapshot(site.primary) is None


def test_another_firms_vault_is_refused_before_anything_is_copied(
    site: Site, desk: Desk, site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud
) -> None:
    other = site_factory(cluster)
    desk.put("a", b"of the first firm")
    theirs = replace(with_store(other.primary, s3=cloud.client("s3")), firm=site.firm.id)
    with pytest.raises(WrongVault):
        sync(replace(site, primary=theirs))
    assert copies_in(other) == 0


def test_a_page_ends_in_the_middle_of_a_documents_versions(site: Site, desk: Desk) -> None:
    desk.put_many(3)
    for edition in range(5):
        desk.put("d/001", f"edition {edition}".encode())
        desk.delete("d/001")
    desk.put("d/001", b"last")
    whole = list(desk.source().histories())
    small = desk.source(page_size=2)
    assert list(small.histories()) == whole
    assert [len(history) for history in whole] == [1, 12, 1]


# The other vault


def test_the_replica_gets_what_came_and_went_and_the_same_locks(site: Site, desk: Desk) -> None:
    desk.put("brief", b"first")
    desk.put("contract", b"signed")
    backup = Nights(site, site.postgres.system_identifier(), utc_now() + timedelta(days=90)).take(utc_now())

    def copied(site: Site) -> DocumentSnapshot:
        snapshot = sync(site)
        copy_to_replica(site, backup_id=backup.id, snapshot_id=snapshot.id, config_id=backup.point, clock=utc_now)
        return catalog.find_snapshot(site.replica, snapshot.id)

    copied(site)
    desk.put("brief", b"second")
    desk.put("brief", b"third")
    second = copied(site)
    assert {site.replica.get(version.object) for version in second.versions} == {b"second", b"third", b"signed"}

    third = copied(with_firm(site, policy=site.policy.model_copy(update={"retention": timedelta(days=80)})))
    for version in third.versions:
        for vault in site.vaults:
            found = vault.head(version.object)
            assert found is not None
            assert found.locked_until == version.locked_until == third.taken_at + timedelta(days=160)
