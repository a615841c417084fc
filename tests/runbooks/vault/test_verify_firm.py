"""Every damaged object of both vaults is named; sound ones are not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault import keys
from muniment.domain.vault.firm_mark import FirmMark
from muniment.domain.vault.registers import DocumentSnapshot, DocumentVersion
from muniment.errors import WrongVault
from muniment.ports import utc_now
from muniment.runbooks.vault.point_presence import absent_from
from muniment.runbooks.vault.verify_firm import Fault, verify_vault, verify_vaults
from muniment.runbooks.vault.verify_objects import NO_DIGEST, UNLISTED, of_other
from muniment_demo.cloud import Cloud
from tests.support.stored import back_up

pytestmark = pytest.mark.timeout(360)
type Damage = Callable[[Cloud, Vault, str], None]


def flip_a_byte(cloud: Cloud, vault: Vault, key: str) -> None:
    body = bytearray(vault.get(key))
    body[len(body) // 2] ^= 1
    cloud.client("s3").put_object(Bucket=vault.bucket, Key=key, Body=bytes(body))


def truncate(cloud: Cloud, vault: Vault, key: str) -> None:
    cloud.client("s3").put_object(Bucket=vault.bucket, Key=key, Body=vault.get(key)[:-1])


def remove(cloud: Cloud, vault: Vault, key: str) -> None:
    cloud.client("s3").delete_object(Bucket=vault.bucket, Key=key)


@pytest.fixture
def stored(site17: Site) -> Site:
    back_up(site17, "20261120T080000000Z")
    return site17


def test_a_sound_vault_has_no_faults(stored: Site) -> None:
    found = verify_vault(stored.primary, deep=True)
    backup = catalog.registered_backups(stored.primary)[0]
    assert found.faults == found.unproven == ()
    assert found.objects == len(list(stored.primary.list("")))
    assert found.objects > len(backup.keys())
    assert found.server_versions == (backup.server_version,)
    assert found.bytes_read >= backup.stored_bytes


def test_a_flipped_byte_is_named_by_a_deep_verification_only(stored: Site, cloud: Cloud) -> None:
    key = catalog.registered_backups(stored.primary)[0].archives[0].chunks[0].key
    flip_a_byte(cloud, stored.primary, key)
    assert verify_vault(stored.primary, deep=False).faults == ()
    (fault,) = verify_vault(stored.primary, deep=True).faults
    what = f"object {key} in {stored.primary.bucket} is damaged: its sha256 is not the registered one"
    assert fault == Fault(stored.primary.bucket, key, what)


@pytest.mark.parametrize(("damage", "what"), [(truncate, "its register says"), (remove, "it is missing")])
@pytest.mark.parametrize("deep", [False, True], ids=["shallow", "deep"])
def test_a_missing_or_short_object_is_named_without_reading(
    stored: Site, cloud: Cloud, damage: Damage, what: str, deep: bool
) -> None:
    key = catalog.registered_backups(stored.primary)[0].manifest.key
    damage(cloud, stored.primary, key)
    (fault,) = verify_vault(stored.primary, deep=deep).faults
    assert fault.key == key
    assert what in fault.what


def test_all_faults_are_named_at_once(stored: Site, cloud: Cloud) -> None:
    backup = catalog.registered_backups(stored.primary)[0]
    chunk, config = backup.archives[0].chunks[0].key, keys.config("20261120T080000000Z")
    snapshot = keys.document_snapshot("20261120T080000000Z")
    flip_a_byte(cloud, stored.primary, chunk)
    remove(cloud, stored.primary, backup.manifest.key)
    flip_a_byte(cloud, stored.primary, config)
    flip_a_byte(cloud, stored.primary, snapshot)
    named = {fault.key for fault in verify_vault(stored.primary, deep=True).faults}
    assert named == {chunk, backup.manifest.key, config, snapshot}


def test_wal_under_a_wrong_name_is_named(stored: Site) -> None:
    mark = FirmMark.from_json(stored.primary.get(keys.FIRM))
    key = keys.wal(mark.system_identifier, "000000010000000000000001")
    stored.primary.put_sealed(key, b"\0" * 100, locked_until=None, metadata={"sha256": "0" * 64})
    (fault,) = verify_vault(stored.primary, deep=True).faults
    assert fault.key == key
    assert "its contents are not those that were pushed" in fault.what


def test_another_firms_vault_is_refused(stored: Site, cloud: Cloud) -> None:
    mark = FirmMark(firm="somebody-else", system_identifier=1, role="primary", created_at=utc_now())
    cloud.client("s3").put_object(Bucket=stored.primary.bucket, Key=keys.FIRM, Body=mark.to_json())
    with pytest.raises(WrongVault, match="is the vault of somebody-else"):
        verify_vault(stored.primary, deep=True)


def rewrite(cloud: Cloud, vault: Vault, key: str, body: bytes) -> None:
    _, metadata = vault.read(key)
    cloud.client("s3", vault.region).put_object(Bucket=vault.bucket, Key=key, Body=body, Metadata=metadata)


@pytest.mark.parametrize("deep", [False, True], ids=["shallow", "deep"])
def test_wal_that_is_gone_is_named_and_so_is_the_point_that_needs_it(stored: Site, cloud: Cloud, deep: bool) -> None:
    point = catalog.latest_point(stored.primary)
    key = keys.wal(point.system_identifier, point.wal.first_segment)
    remove(cloud, stored.primary, key)
    what = f"it is missing: recovery point {point.id} cannot be restored without it"
    assert verify_vault(stored.primary, deep=deep).faults == (Fault(stored.primary.bucket, key, what),)
    assert absent_from(stored.primary, [point]) == {point.id: (key,)}


def test_a_register_that_was_changed_is_named_and_the_rest_is_verified_all_the_same(stored: Site, cloud: Cloud) -> None:
    back_up(stored, "20261121T080000000Z")
    first, second = catalog.points(stored.primary)
    rewrite(cloud, stored.primary, keys.point(first.id), first.model_copy(update={"run": "other"}).to_json())
    rewrite(cloud, stored.primary, keys.backup_register(second.backup), b"{")
    remove(cloud, stored.primary, keys.config(second.config))
    found = {fault.key: fault.what for fault in verify_vault(stored.primary, deep=False).faults}
    changed = "its authentication code is not that of these bytes under this key: it was changed"
    named = {
        key: f"object {key} in {stored.primary.bucket} is damaged: {changed}"
        for key in (keys.point(first.id), keys.backup_register(second.backup))
    }
    config = keys.config(second.config)
    assert found == {**named, config: f"it is missing: recovery point {second.id} cannot be restored without it"}


def test_what_nothing_covers_is_named_as_not_proven(stored: Site) -> None:
    without_digest, unlisted = (keys.document_object("matters", each, "1") for each in ("scan.tif", "orphan"))
    for key in (without_digest, unlisted):
        stored.primary.put(key, b"%PDF", locked_until=None)
    version = DocumentVersion(
        bucket="matters",
        key="scan.tif",
        version_id="1",
        size_bytes=4,
        etag="e",
        modified_at=utc_now(),
        object=without_digest,
    )
    snapshot = DocumentSnapshot(id="s", firm=stored.firm.id, taken_at=utc_now(), documents=(version,))
    stored.primary.put_sealed(keys.document_snapshot("s"), snapshot.to_json(), locked_until=None)
    found = verify_vault(stored.primary, deep=True)
    assert found.faults == ()
    assert {each.key: each.what for each in found.unproven} == {without_digest: NO_DIGEST, unlisted: UNLISTED}


@pytest.mark.parametrize(("at", "what"), [(b'"created_at": "20', "it was changed"), (b'"mac_key": "', "does not open")])
def test_a_mark_that_was_changed_is_named_and_nothing_is_believed(
    stored: Site, cloud: Cloud, at: bytes, what: str
) -> None:
    body = stored.primary.get(keys.FIRM)
    place = body.index(at) + len(at) + 1
    rewrite(cloud, stored.primary, keys.FIRM, body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :])
    (fault,) = verify_vault(replace(stored.primary), deep=False).faults
    assert fault.key == keys.FIRM
    assert what in fault.what
    assert fault.what.endswith("; nothing else was read")


def test_a_vault_without_its_mark_is_named(stored: Site, cloud: Cloud) -> None:
    remove(cloud, stored.primary, keys.FIRM)
    (fault,) = verify_vault(replace(stored.primary), deep=False).faults
    assert fault.key == keys.FIRM


def test_points_are_looked_for_in_both_vaults(stored: Site) -> None:
    """One that is said to be in both, one that is not yet, one that the primary has lost, one half registered."""
    point = catalog.latest_point(stored.primary)
    waiting, lost, half = (
        point.model_copy(update={"id": each, "verified_replica_at": None})
        for each in ("20261121T080000000Z", "20261122T080000000Z", "20261123T080000000Z")
    )
    half = half.model_copy(update={"registered_at": utc_now()})
    stored.primary.put_register(keys.point(waiting.id), waiting, locked_until=None)
    for each in (lost, half):
        stored.replica.put_register(keys.point(each.id), each, locked_until=None)
    primary, replica = verify_vaults(stored.vaults, deep=False)
    named = [(fault.key, fault.what) for fault in primary.faults]
    assert named == [(keys.point(lost.id), "it is missing: the replica vault registers it")]
    assert (primary.not_in_second_region, primary.half_registered) == ((waiting.id,), (half.id,))
    told = {fault.key: fault.what for fault in replica.faults}
    assert told[keys.point(point.id)] == "it is missing: it was verified here once"
    assert keys.point(waiting.id) not in told


def test_a_lease_that_was_taken_away_since_it_was_listed_is_no_damage(stored: Site) -> None:
    item = of_other(stored.primary, f"{keys.LEASES}1.json")
    assert item.read
    item.read(stored.primary)
