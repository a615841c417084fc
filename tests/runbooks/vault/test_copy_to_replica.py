"""What tonight's point needs is in the other region, under its key, compared; only what was missing moved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muniment.adapters.acts.records import acts
from muniment.adapters.site.site import Site
from muniment.adapters.wal.ledgers import KnownFacts, WalLedgers
from muniment.domain.backup.proofs import CopyProof
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup
from muniment.domain.wal.facts import SegmentFacts, VerifiedWal
from muniment.errors import AccessDenied, AnotherRunIsActive, ObjectDamaged, ObjectMissing
from muniment.ports import utc_now
from muniment.runbooks.acts.on_record import on_record
from muniment.runbooks.vault.copy_to_replica import copy_to_replica
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory
from tests.support.acts import ORDER, ledger_of
from tests.support.denials import denied_from
from tests.support.nights import Nights
from tests.support.s3 import s3_of

pytestmark = pytest.mark.timeout(360)
NIGHT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.fixture
def site(site_factory: SiteFactory, cluster: Any) -> Site:
    return site_factory(cluster)


def copy(site: Site, backup: Backup) -> CopyProof:
    return copy_to_replica(site, backup_id=backup.id, snapshot_id=backup.point, config_id=backup.point, clock=utc_now)


def everything(site: Site, side: str = "primary") -> dict[str, int]:
    vault = site.primary if side == "primary" else site.replica
    return {
        item.key: item.size_bytes
        for item in vault.list("")
        if item.key.startswith((keys.BASE, keys.WAL, keys.DOCUMENT_OBJECTS, keys.DOCUMENT_SNAPSHOTS, keys.CONFIGS))
    }


def test_all_that_the_point_needs_arrives_under_the_replicas_key(site: Site, nights: Nights, cloud: Cloud) -> None:
    backup = nights.take(NIGHT, documents=("a.pdf", "b.docx"))
    with on_record(replace(ledger_of(site), vaults=(site.primary,)), ORDER):
        """As if the other region had been away."""
    proof = copy(site, backup)
    assert everything(site, "replica") == everything(site)
    assert len(acts(site.replica)) == 1
    assert acts(site.replica) == acts(site.primary)
    assert proof.objects_copied == len(everything(site))
    assert proof.objects_already_there == 0
    assert proof.bytes_copied == sum(everything(site).values())
    head = cloud.client("s3").head_object(Bucket=site.replica.bucket, Key=backup.manifest.key)
    assert head["SSEKMSKeyId"] == site.replica.kms_key
    assert head["ObjectLockMode"] == "GOVERNANCE"
    assert site.replica.get(keys.config(backup.point)) == site.primary.get(keys.config(backup.point))


def test_a_second_run_copies_nothing(site: Site, nights: Nights) -> None:
    backup = nights.take(NIGHT, documents=("a.pdf",))
    first = copy(site, backup)
    again = copy(site, backup)
    assert (again.objects_copied, again.bytes_copied) == (0, 0)
    assert again.objects_already_there == first.objects_copied


def test_the_next_night_moves_only_what_is_new(site: Site, nights: Nights) -> None:
    full = nights.take(NIGHT, documents=("a.pdf",))
    copy(site, full)
    tonight = nights.take(NIGHT + timedelta(days=1), parent=full, previous=full.point, documents=("a.pdf", "new.pdf"))
    proof = copy(site, tonight)

    # 3 chunks, manifest, register; 3 segments; new.pdf; snapshot; configuration
    assert proof.objects_copied == 5 + 3 + 1 + 1 + 1
    assert everything(site, "replica") == everything(site)


def test_what_is_known_of_the_wal_goes_too(site: Site, nights: Nights) -> None:
    """Whoever plans a restore with the primary region dead need not read every segment."""
    backup = nights.take(NIGHT)
    system = backup.system_identifier
    facts = (SegmentFacts(name="000000010000000000000005", ended=1, newest_at=NIGHT, last_at=NIGHT),)
    ledger = VerifiedWal(firm=site.firm.id, system_identifier=system, verified_at=NIGHT, files=(), facts=facts)
    site.primary.put_register(
        keys.verified_wal(system, new_id(NIGHT), *2 * (facts[0].name[8:],)), ledger, locked_until=None
    )
    copy(site, backup)
    for vault in site.vaults:
        assert KnownFacts(WalLedgers(vault, system)) == {facts[0].name: facts[0]}
    assert copy(site, backup).objects_copied == 0


def test_new_wal_goes_too_and_a_failed_night_leaves_no_hole(site: Site, nights: Nights) -> None:
    nights.push_wal(2)
    older = everything(site)
    backup = nights.take(NIGHT)
    nights.push_wal(4)
    copy(site, backup)
    there = everything(site, "replica")
    assert not older.keys() & there.keys(), "wal from before the first backup is of no use"
    assert there.keys() == everything(site).keys() - older.keys()


def test_a_register_never_arrives_before_what_it_names(site: Site, nights: Nights) -> None:
    backup = nights.take(NIGHT, documents=("a.pdf",))
    order: list[str] = []
    s3_of(site.replica).meta.events.register(
        "before-parameter-build.s3.CopyObject", lambda params, **_: order.append(params["Key"])
    )
    copy(site, backup)
    register = order.index(keys.backup_register(backup.id))
    assert {order.index(key) for key in named_by(backup)} <= set(range(register))
    assert order.index(keys.document_object("matters", "a.pdf", "1")) < order.index(
        keys.document_snapshot(backup.point)
    )


def test_an_object_that_is_gone_from_the_primary_is_named(site: Site, nights: Nights, cloud: Cloud) -> None:
    backup = nights.take(NIGHT)
    gone = backup.archives[0].chunks[1].key
    cloud.client("s3").delete_object(Bucket=site.primary.bucket, Key=gone)
    with pytest.raises(ObjectMissing, match=f"object {gone} is missing from {site.primary.bucket}"):
        copy(site, backup)
    assert site.replica.head(keys.backup_register(backup.id)) is None


def test_other_bytes_under_the_same_key_are_damage(site: Site, nights: Nights, cloud: Cloud) -> None:
    backup = nights.take(NIGHT)
    key = backup.archives[0].chunks[1].key
    body = bytearray(site.primary.get(key))
    body[20] ^= 1
    cloud.client("s3").put_object(Bucket=site.replica.bucket, Key=key, Body=bytes(body), ChecksumAlgorithm="SHA256")
    with pytest.raises(ObjectDamaged, match=f"{key} in {site.replica.bucket} is damaged: its sha256 is not"):
        copy(site, backup)


def test_an_object_without_the_servers_checksum_is_read(site: Site, nights: Nights, cloud: Cloud) -> None:
    backup = nights.take(NIGHT)
    key = backup.archives[0].chunks[1].key
    root = cloud.client("s3")
    root.put_object(Bucket=site.replica.bucket, Key=key, Body=site.primary.get(key), ChecksumAlgorithm="CRC32")
    assert site.replica.head(key).sha256 is None  # type: ignore[union-attr]
    assert copy(site, backup).objects_already_there == 1


def test_a_document_that_is_locked_anew_is_locked_anew_here(site: Site, nights: Nights) -> None:
    nights.locked_until = datetime(2027, 1, 1, tzinfo=UTC)
    first = nights.take(NIGHT, documents=("a.pdf",))
    copy(site, first)
    nights.locked_until = datetime(2028, 1, 1, tzinfo=UTC)
    tonight = nights.take(NIGHT + timedelta(days=1), previous=first.point, documents=("a.pdf",))
    copy(site, tonight)
    found = site.replica.head(keys.document_object("matters", "a.pdf", "1"))
    assert found is not None
    assert found.locked_until == datetime(2028, 1, 1, tzinfo=UTC)


def test_a_second_run_at_the_same_time_is_refused(site: Site, nights: Nights) -> None:
    backup = nights.take(NIGHT)
    with site.postgres.exclusively(), pytest.raises(AnotherRunIsActive):
        copy(site, backup)


def test_whatever_call_fails_the_next_run_completes(site: Site, nights: Nights) -> None:
    """The fault sweep: from each call to S3 in turn on, every one is denied; then all is well again."""
    backup = nights.take(NIGHT, documents=("a.pdf",))
    position = 0
    while not _copied_when_denied_from(site, backup, position := position + 1):
        registered = site.replica.head(keys.backup_register(backup.id)) is not None
        assert not registered or all(site.replica.head(key) for key in named_by(backup))
    assert position > 20
    assert everything(site, "replica") == everything(site)


def _copied_when_denied_from(site: Site, backup: Backup, position: int) -> bool:
    with denied_from(site, position):
        try:
            copy(site, backup)
        except AccessDenied:
            return False
    return True


def named_by(backup: Backup) -> tuple[str, ...]:
    return backup.keys()
