"""The demonstration's registry is sound for any number of firms, and every key in it is a real one."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from muniment.registry import Registry, load_registry
from muniment_demo.cloud import Cloud
from muniment_demo.firms import firm_files, write_env_file, write_registry
from muniment_demo.world import World


@pytest.fixture(scope="module")
def clouds_own(run_dir: Path) -> Iterator[Cloud]:
    """The firms' keys have names: no other test's cloud may have them."""
    cloud = Cloud.start(run_dir / "registry-cloud")
    yield cloud
    cloud.stop()


@pytest.fixture(scope="module")
def registry(clouds_own: Cloud, run_dir: Path) -> Registry:
    world = World(run_dir / "registry-world")
    write_registry(world, clouds_own, firm_files(7))
    return load_registry(world.registry)


def test_the_registry_of_many_has_no_fault(registry: Registry) -> None:
    registry.require_sound()
    assert len(registry.firms) == 7
    assert {"harbor-lane", "quill-brandt", "okafor-steele", "firm-004"} <= set(registry.firms)


def test_three_firms_are_one_of_each_tier_and_more_follow_in_turn() -> None:
    tiers = [values["tier"] for values in firm_files(6)]
    assert tiers == ["starter", "professional", "enterprise"] * 2


def test_every_firm_has_two_keys_of_its_own(registry: Registry, clouds_own: Cloud) -> None:
    places = [place for firm in registry.firms.values() for place in (firm.vaults.primary, firm.vaults.replica)]
    assert len({place.kms_key for place in places}) == len(places) == 14
    for place in places:
        found = clouds_own.client("kms", place.region).describe_key(KeyId=place.kms_key)["KeyMetadata"]
        assert found["Arn"] == place.kms_key
        assert found["Enabled"]


def test_leads_key_is_at_hand_and_in_every_firms_file(registry: Registry, run_dir: Path) -> None:
    key = World(run_dir / "registry-world").approver_key
    assert (key.parent.stat().st_mode & 0o777, key.stat().st_mode & 0o777) == (0o700, 0o600)
    public = load_ssh_private_key(key.read_bytes(), None).public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert key.with_name("lead.pub").read_text() == f"{line} lead\n"
    for firm in registry.firms.values():
        assert [(each.name, each.key) for each in firm.restore.approvers] == [("lead", line), ("admin", None)]


def test_an_env_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / uuid4().hex / ".env"
    write_env_file(file, "acme")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "SMTP_PASSWORD=" in file.read_text()
