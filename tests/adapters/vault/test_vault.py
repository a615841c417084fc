"""What a vault promises, on a real S3 server."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import zstandard
from botocore.exceptions import ClientError

from muniment.adapters.store.s3 import S3Store
from muniment.adapters.vault.envelope import kms_envelope
from muniment.adapters.vault.vault import Vault
from muniment.errors import AlreadyRegistered, ObjectDamaged, ObjectMissing
from muniment_demo.cloud import Cloud
from tests.support.s3 import s3_of

LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture(scope="module")
def vault(cloud: Cloud) -> Vault:
    region, bucket = "us-east-1", f"vault-{uuid4().hex[:8]}"
    s3, key = cloud.client("s3", region), cloud.create_key(region, uuid4().hex)
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    envelope = kms_envelope([(key, cloud.client("kms", region))])
    return Vault("acme", S3Store(bucket, region, s3, key, "governance"), envelope)


def new_key() -> str:
    return f"test/{uuid4().hex}"


def test_put_returns_the_sha256_that_the_store_keeps(vault: Vault) -> None:
    key = new_key()
    sha256 = vault.put(key, b"abc", locked_until=None, metadata={"a": "b"})
    found = vault.head(key)
    assert found is not None
    assert sha256 == found.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert (found.size_bytes, found.metadata) == (3, {"a": "b"})
    assert vault.get(key, sha256=sha256) == b"abc"


def test_a_key_is_written_once(vault: Vault) -> None:
    key = new_key()
    vault.put(key, b"first", locked_until=None)
    with pytest.raises(AlreadyRegistered) as refused:
        vault.put(key, b"second", locked_until=None)
    assert refused.value.what == f"object {key} already exists in {vault.bucket}"
    assert vault.get(key) == b"first"


def test_a_retried_put_that_finds_its_own_bytes_succeeds(vault: Vault) -> None:
    key = new_key()
    assert vault.put(key, b"same", locked_until=None) == vault.put(key, b"same", locked_until=None)
    assert len(list(vault.list_versions(key))) == 1


def test_objects_are_encrypted_at_rest_under_the_vaults_own_key(vault: Vault) -> None:
    key = new_key()
    vault.put(key, b"x", locked_until=None)
    head = s3_of(vault).head_object(Bucket=vault.bucket, Key=key)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", vault.kms_key)


def test_a_locked_object_cannot_be_deleted(vault: Vault) -> None:
    key = new_key()
    vault.put(key, b"x", locked_until=LATER)
    found = vault.head(key)
    assert found is not None
    assert found.locked_until == LATER.replace(microsecond=found.locked_until.microsecond if found.locked_until else 0)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3_of(vault).delete_object(Bucket=vault.bucket, Key=key, VersionId=found.version_id)


def test_a_lock_moves_later_and_never_earlier(vault: Vault) -> None:
    key = new_key()
    vault.put(key, b"x", locked_until=LATER)
    vault.extend_lock(key, LATER + timedelta(days=1))
    found = vault.head(key)
    assert found is not None
    assert found.locked_until is not None
    assert found.locked_until > LATER


def test_what_was_sealed_comes_back_and_is_bound_to_its_key(vault: Vault) -> None:
    key, elsewhere = new_key(), new_key()
    stored = vault.put_sealed(key, b"privileged " * 1000, locked_until=None)
    assert vault.get_sealed(key, sha256=stored.sha256) == b"privileged " * 1000
    assert stored.size_bytes == 11_000
    assert stored.stored_bytes < 1_000
    vault.put(elsewhere, vault.get(key), locked_until=None)
    with pytest.raises(ObjectDamaged, match="Encryption context does not match"):
        vault.get_sealed(elsewhere)


def test_other_bytes_than_registered_are_named(vault: Vault) -> None:
    key = new_key()
    vault.put(key, b"x", locked_until=None)
    with pytest.raises(ObjectDamaged) as damaged:
        vault.get(key, sha256="0" * 64)
    assert str(damaged.value) == (
        f"object {key} in {vault.bucket} is damaged: its sha256 is not the registered one\n"
        "KEPT: every other object; nothing was deleted or overwritten\n"
        "HINT: `muniment repair acme --deep` brings back what the other vault has whole; until then a restore takes "
        "that vault with `--from`; `muniment verify acme --deep` names every damaged object of both."
    )


def test_what_is_not_there_is_missing(vault: Vault) -> None:
    assert vault.head("nothing") is None
    with pytest.raises(ObjectMissing, match=f"object nothing is missing from {vault.bucket}"):
        vault.get("nothing")


def test_content_whose_last_zstd_frame_is_cut_off_is_damaged(vault: Vault) -> None:
    """Whoever sealed it had half of it: every tag is right, and zstandard's own reader would call it the end."""
    key = new_key()
    frames = zstandard.ZstdCompressor().compress(b"page " * 9999) + zstandard.ZstdCompressor().compress(bytes(9999))
    for cut, is_whole in ((0, True), (1, False)):
        message = vault.envelope.encrypt(frames[: len(frames) - cut], vault.context(key))
        if is_whole:
            assert vault.unseal(key, message) == b"page " * 9999 + bytes(9999)
        else:
            with pytest.raises(ObjectDamaged, match="the last zstd frame has no end"):
                vault.unseal(key, message)
