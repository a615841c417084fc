"""The WAL of a span out of two vaults, where one of them does not say what it has."""

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from muniment.adapters.store.s3 import S3Store
from muniment.adapters.vault.envelope import local_envelope
from muniment.adapters.vault.fallback import FallbackVault
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.archive import SHA256
from muniment.domain.vault import keys
from muniment.domain.wal.facts import PAGE_BYTES
from muniment.domain.wal.names import WalSegment
from muniment.errors import StoreUnavailable
from muniment.runbooks.wal.fetch_span import WalSpan, fetch_wal_beside
from muniment_demo.cloud import Cloud
from tests.fixtures.faults import FaultProxy
from tests.support.s3 import impatient, with_store
from tests.support.wal_records import SEGMENT_BYTES

SYSTEM = 1
SPAN = WalSpan(first=3, last=5, timelines=range(1, 2), segment_bytes=SEGMENT_BYTES)
type VaultWith = Callable[..., Vault]


def name_of(number: int) -> str:
    return WalSegment(1, number, SEGMENT_BYTES).name


def segment(number: int) -> bytes:
    head = struct.pack("=HHIQI4x", 0xD116, 2, 1, number * SEGMENT_BYTES, 0)
    return (head + struct.pack("=QII", SYSTEM, SEGMENT_BYTES, PAGE_BYTES)).ljust(SEGMENT_BYTES, b"\0")


@pytest.fixture
def vault_with(cloud: Cloud) -> VaultWith:
    def make(*numbers: int) -> Vault:
        bucket, s3 = f"span-{uuid4().hex[:12]}", cloud.client("s3")
        store = S3Store(bucket, "us-east-1", s3, cloud.create_key("us-east-1", bucket))
        store.create_bucket()
        vault = Vault("alder", store, local_envelope("span", b"k" * 32))
        for number in numbers:
            digest = hashlib.sha256(segment(number)).hexdigest()
            key = keys.wal(SYSTEM, name_of(number))
            vault.put_sealed(key, segment(number), locked_until=None, metadata={SHA256: digest})
        return vault

    return make


@pytest.fixture
def silent(vault_with: VaultWith, faulty_store: FaultProxy) -> Vault:
    """It has all of the span, and does not say so."""
    whole = vault_with(3, 4, 5)
    faulty_store.fail("reset")
    return with_store(whole, s3=impatient(faulty_store.endpoint_url, whole.region))


def test_what_one_lacks_comes_from_the_other(vault_with: VaultWith, tmp_path: Path) -> None:
    told: list[str] = []
    vaults = FallbackVault(vault_with(3, 5), vault_with(4, 5), lambda found: told.append(str(found)))
    assert fetch_wal_beside(vaults, SYSTEM, SPAN, tmp_path / "wal") == 3
    assert sorted(path.name for path in (tmp_path / "wal").iterdir()) == [name_of(each) for each in (3, 4, 5)]
    assert [line.split(" was taken")[0] for line in told] == [name_of(4)]


def test_a_listing_that_failed_is_no_hole(vault_with: VaultWith, silent: Vault, tmp_path: Path) -> None:
    """What nobody names would be taken for the end of the archive by the server."""
    with pytest.raises(StoreUnavailable):
        fetch_wal_beside(FallbackVault(vault_with(3, 5), silent), SYSTEM, SPAN, tmp_path / "wal")
    with pytest.raises(StoreUnavailable):
        fetch_wal_beside(FallbackVault(vault_with(3, 4), silent), SYSTEM, SPAN, tmp_path / "wal")
    assert list((tmp_path / "wal").iterdir()) == []


def test_a_vault_with_the_whole_span_needs_no_other(vault_with: VaultWith, silent: Vault, tmp_path: Path) -> None:
    vaults = FallbackVault(vault_with(3, 4, 5), silent)
    assert fetch_wal_beside(vaults, SYSTEM, SPAN, tmp_path / "wal") == 3
    assert vaults.substitutions == ()
