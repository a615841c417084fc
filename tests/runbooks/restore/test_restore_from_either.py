"""An object that one vault lacks or has damaged comes out of the other, and is named."""

import hashlib
from pathlib import Path

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.vault.authenticity import code_of
from muniment.adapters.vault.vault import Vault
from muniment.domain.vault import keys
from muniment.errors import ObjectArchived, ObjectDamaged, ObjectMissing
from muniment.ports import Silent
from tests.fixtures.faults import FaultProxy
from tests.support.restores import Intruder, Stored, prove_whole, substitution
from tests.support.s3 import impatient, with_store

pytestmark = pytest.mark.timeout(360)


def chunk(stored: Stored, number: int) -> str:
    return stored.backup(stored.full).archives[0].chunks[number].key


def why_damaged(key: str, vault: Vault) -> str:
    return f"object {key} in {vault.bucket} is damaged: its sha256 is not the registered one"


@pytest.mark.parametrize("side", ["primary", "replica"])
def test_damaged_and_missing_objects_come_from_the_other_vault(
    stored: Stored, side: str, intruder: Intruder, tmp_path: Path, programs17: PostgresPrograms
) -> None:
    primary, replica = stored.site.vaults
    home, other = (primary, replica) if side == "primary" else (replica, primary)
    plan = stored.plan(stored.full, tmp_path / "data").model_copy(update={"side": side, "vault": home.bucket})
    damaged, missing = chunk(stored, 3), chunk(stored, 5)
    manifest = stored.backup(stored.full).manifest.key
    intruder.damage(home, damaged)
    intruder.remove(home, missing)
    intruder.damage(home, manifest)
    notes: list[str] = []
    restored = stored.restore(plan, home, other=other, progress=Notes(notes))
    prove_whole(restored, programs17)
    assert restored.substitutions == (
        substitution(manifest, home, other, why_damaged(manifest, home)),
        substitution(damaged, home, other, why_damaged(damaged, home)),
        substitution(missing, home, other, f"object {missing} is missing from {home.bucket}"),
    )
    assert sorted(notes) == sorted(map(str, restored.substitutions))
    assert f"{missing} was taken from {other.bucket}: object {missing} is missing from {home.bucket}" in notes


def test_what_neither_vault_has_whole_is_homes_error(stored: Stored, intruder: Intruder, tmp_path: Path) -> None:
    primary, replica = stored.site.vaults
    key = chunk(stored, 4)
    intruder.damage(primary, key)
    intruder.remove(replica, key)
    plan = stored.plan(stored.full, tmp_path / "data")
    with pytest.raises(ObjectDamaged, match=f"object {key} in {primary.bucket} is damaged"):
        stored.restore(plan, other=replica)
    intruder.remove(primary, key)
    with pytest.raises(ObjectMissing, match=f"object {key} is missing from {primary.bucket}"):
        stored.restore(plan, other=replica)


def test_with_the_other_region_away_a_whole_vault_is_enough(
    stored: Stored, intruder: Intruder, faulty_store: FaultProxy, tmp_path: Path, programs17: PostgresPrograms
) -> None:
    """And a damaged one says what is damaged in it, not what is silent."""
    faulty_store.fail("reset")
    away = with_store(stored.site.replica, s3=impatient(faulty_store.endpoint_url, stored.site.replica.region))
    plan = stored.plan(stored.full, tmp_path / "data")
    restored = stored.restore(plan, other=away)
    prove_whole(restored, programs17)
    # It is told what is read, under the firm's own code, and asked for nothing.
    read = [line for line in faulty_store.seen if f"/{keys.LEASES}" not in line and not line.endswith(keys.FIRM)]
    assert (restored.substitutions, read) == ((), [])
    key = chunk(stored, 2)
    intruder.damage(stored.site.primary, key)
    with pytest.raises(ObjectDamaged, match=f"object {key} in {stored.site.primary.bucket} is damaged"):
        stored.restore(stored.plan(stored.full, tmp_path / "again"), other=away)


def test_whatever_home_answers_the_other_vault_is_asked(
    stored: Stored, faulty_store: FaultProxy, tmp_path: Path, programs17: PostgresPrograms
) -> None:
    home, key = stored.through(faulty_store), chunk(stored, 6)
    faulty_store.fail("archived", path=key)
    plan = stored.plan(stored.full, tmp_path / "data")
    with pytest.raises(ObjectArchived):
        stored.restore(plan, home)
    restored = stored.restore(plan, home, other=stored.site.replica)
    prove_whole(restored, programs17)
    assert [each.key for each in restored.substitutions] == [key]


def test_bytes_that_the_register_knows_and_the_manifest_does_not_are_damage(
    stored: Stored, intruder: Intruder, tmp_path: Path
) -> None:
    """Whoever can write and open the firm's keys could forge both; PostgreSQL's own checksum still tells."""
    vault, backup = stored.site.primary, stored.backup(stored.full)
    forged = backup.archives[0].chunks[3]
    content = bytearray(vault.get_sealed(forged.key))
    content[-5000] ^= 1
    body = vault.seal(forged.key, bytes(content))
    register = keys.backup_register(backup.id)
    text = vault.get(register).replace(forged.sha256.encode(), hashlib.sha256(body).hexdigest().encode())
    intruder.write(vault, forged.key, body)
    intruder.write(vault, register, text, code_of(vault, register, text))
    with pytest.raises(ObjectDamaged) as damaged:
        stored.restore(stored.plan(stored.full, tmp_path / "data"), other=stored.site.replica)
    assert damaged.value.facts["key"].startswith(f"base/{backup.id}/base/"), "a large file lies in several"
    assert damaged.value.what.endswith(", which it holds a part of, is not what PostgreSQL's manifest says")


class Notes:
    """A progress of which only the notes are kept."""

    def __init__(self, notes: list[str]) -> None:
        self.note = notes.append
        self.step = Silent().step
