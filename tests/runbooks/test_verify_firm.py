"""Every damaged object of both vaults is named; sound ones are not."""

from collections.abc import Callable

import pytest

from include.demo.cloud import Cloud
from include.muniment.adapters import catalog
from include.muniment.adapters.site import Site
from include.muniment.adapters.vault import Vault
from include.muniment.domain import keys
from include.muniment.domain.register import FirmMark
from include.muniment.errors import WrongVault
from include.muniment.ports import utc_now
from include.muniment.runbooks.verify_firm import Fault, verify_vault
from tests.runbooks.stored import back_up

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
    assert found.faults == ()
    assert found.objects > len(backup.keys())
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
    assert "its sha256 is not the one that was recorded when it was pushed" in fault.what


def test_another_firms_vault_is_refused(stored: Site, cloud: Cloud) -> None:
    mark = FirmMark(firm="somebody-else", system_identifier=1, role="primary", created_at=utc_now())
    cloud.client("s3").put_object(Bucket=stored.primary.bucket, Key=keys.FIRM, Body=mark.to_json())
    with pytest.raises(WrongVault, match="is the vault of somebody-else"):
        verify_vault(stored.primary, deep=True)
