"""Who may write to the bucket and has no key of the firm changes nothing that is then believed."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.authenticity import get_authentic, mac_key, read_mark, read_register
from muniment.adapters.vault.vault import Vault
from muniment.domain.holds.hold import Hold
from muniment.domain.vault import keys
from muniment.domain.vault.firm_mark import FirmMark
from muniment.errors import ObjectDamaged
from muniment.ports import utc_now
from muniment_demo.cloud import Cloud

HOLD = Hold(id="h", reason="a subpoena", placed_by="km", placed_at=utc_now(), covers_from=utc_now())
KEY = keys.hold("h")
type Overwrite = Callable[[str, bytes, dict[str, str]], None]


@pytest.fixture
def vault(site17: Site) -> Vault:
    site17.primary.put_register(KEY, HOLD, locked_until=None)
    return site17.primary


@pytest.fixture
def overwrite(cloud: Cloud, vault: Vault) -> Overwrite:
    def write(key: str, body: bytes, metadata: dict[str, str]) -> None:
        cloud.client("s3").put_object(Bucket=vault.bucket, Key=key, Body=body, Metadata=metadata)

    return write


def metadata_of(vault: Vault, key: str) -> dict[str, str]:
    found = vault.head(key)
    assert found is not None
    return dict(found.metadata or {})


def again(vault: Vault) -> Vault:
    """As another process has it, which has opened nothing yet."""
    return replace(vault)


def test_a_register_is_plain_json_with_its_code_beside_it(vault: Vault) -> None:
    assert vault.get(KEY) == HOLD.to_json()
    assert list(metadata_of(vault, KEY)) == ["hmac-sha256"]
    assert read_register(again(vault), Hold, KEY) == HOLD


def test_every_changed_byte_of_a_register_is_found_though_it_stays_json(vault: Vault, overwrite: Overwrite) -> None:
    told = metadata_of(vault, KEY)
    overwrite(KEY, HOLD.to_json().replace(b"subpoena", b"subpaena"), told)
    with pytest.raises(ObjectDamaged) as damaged:
        read_register(vault, Hold, KEY)
    assert str(damaged.value) == (
        f"object holds/h.json in {vault.bucket} is damaged: its authentication code is not that of these bytes under "
        "this key: it was changed\n"
        "KEPT: every other object; nothing was deleted or overwritten\n"
        f"HINT: `muniment repair {vault.firm} --deep` brings back what the other vault has whole; until then a restore "
        f"takes that vault with `--from`; `muniment verify {vault.firm} --deep` names every damaged object of both."
    )


def test_a_register_without_a_code_is_refused(vault: Vault, overwrite: Overwrite) -> None:
    overwrite(KEY, HOLD.to_json(), {})
    with pytest.raises(ObjectDamaged, match="nothing shows that it is the firm's: it has no authentication code"):
        read_register(vault, Hold, KEY)


def test_a_register_in_anothers_place_is_refused(vault: Vault, overwrite: Overwrite) -> None:
    overwrite(keys.hold("other"), HOLD.to_json(), metadata_of(vault, KEY))
    with pytest.raises(ObjectDamaged, match="not that of these bytes under this key"):
        read_register(vault, Hold, keys.hold("other"))


def test_what_is_no_such_register_is_named(vault: Vault) -> None:
    vault.put(keys.point("x"), b'{"id": "x"}', locked_until=None)
    vault.put(keys.point("y"), b"{", locked_until=None)
    with pytest.raises(ObjectDamaged, match=r"object points/x.json in .* is damaged: its text .*: it lacks 'firm'"):
        catalog.find_point(vault, "x")
    with pytest.raises(ObjectDamaged, match=r"object points/y.json in .* is damaged: its text .*: it is no JSON"):
        catalog.find_point(vault, "y")


def test_both_vaults_have_one_key_so_that_a_copy_is_authentic_there(site17: Site, vault: Vault) -> None:
    assert mac_key(site17.primary) == mac_key(site17.replica) is not None
    assert read_mark(site17.primary).mac_key != read_mark(site17.replica).mac_key
    site17.replica.put(KEY, get_authentic(vault, KEY), locked_until=None)
    assert metadata_of(site17.replica, KEY) == metadata_of(vault, KEY)


def test_a_try_made_again_is_the_same_object(vault: Vault) -> None:
    again(vault).put_register(KEY, HOLD, locked_until=None)
    assert len(list(vault.list_versions(KEY))) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"created_at": "2020-01-01T00:00:00Z"}, "its authentication code is not that of these bytes"),
        ({"mac_key": "AAAA"}, "its MAC key does not open: "),
        ({"mac_key": "A"}, "its MAC key does not open: "),
        ({"mac_key": None}, "it has no MAC key, and there is another version of it, which may have one"),
        ({"mac_key": 1}, "its text is not what belongs there: its 'mac_key' cannot be right"),
        ({"fnrmat": 1}, "its text is not what belongs there: there is no such thing as its 'fnrmat'"),
    ],
)
def test_a_mark_that_was_changed_opens_nothing(
    vault: Vault, overwrite: Overwrite, change: dict[str, object], reason: str
) -> None:
    mark = json.loads(vault.get(keys.FIRM)) | change
    overwrite(keys.FIRM, json.dumps(mark).encode(), metadata_of(vault, keys.FIRM))
    with pytest.raises(ObjectDamaged) as damaged:
        read_register(again(vault), Hold, KEY)
    assert f"object firm.json in {vault.bucket} is damaged: {reason}" in damaged.value.what


def test_a_vault_from_before_there_were_keys_is_read_as_it_is(vault: Vault, cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    for version in list(vault.list_versions(keys.FIRM)):
        s3.delete_object(Bucket=vault.bucket, Key=keys.FIRM, VersionId=version.version_id)
    mark = FirmMark(firm=vault.firm, system_identifier=1, role="primary", created_at=utc_now())
    s3.put_object(Bucket=vault.bucket, Key=keys.FIRM, Body=mark.to_json())
    older = again(vault)
    assert mac_key(older) is None
    older.put(keys.hold("older"), HOLD.to_json(), locked_until=None)
    assert metadata_of(older, keys.hold("older")) == {}
    assert read_register(older, Hold, keys.hold("older")) == HOLD
