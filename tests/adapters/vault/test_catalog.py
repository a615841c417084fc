"""What is newest is found out by what was measured, and no more is read than that takes."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.adapters.store.s3 import S3Store
from muniment.adapters.vault import catalog
from muniment.adapters.vault.envelope import kms_envelope
from muniment.adapters.vault.vault import START_BYTES, Vault
from muniment.domain.stored_object import ObjectVersion
from muniment.domain.vault import keys
from muniment.domain.vault.registers import CLOCKS_DIFFER, DocumentSnapshot, DocumentVersion, SnapshotHead
from muniment.errors import ObjectDamaged
from muniment_demo.cloud import Cloud
from tests.support.s3 import s3_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def vault(cloud: Cloud) -> Vault:
    region, bucket = "us-east-1", f"catalog-{uuid4().hex[:8]}"
    s3, key = cloud.client("s3", region), cloud.create_key(region, uuid4().hex)
    s3.create_bucket(Bucket=bucket)
    return Vault("acme", S3Store(bucket, region, s3, key), kms_envelope([(key, cloud.client("kms", region))]))


def head(name: str, minute: int) -> SnapshotHead:
    return SnapshotHead(id=name, firm="acme", taken_at=NOON + minute * MINUTE)


TAKEN_AND_STORED = st.lists(st.tuples(st.integers(0, 9000), st.integers(-59, 9000)), max_size=12)
"""Minutes: when each was taken, and how long after that it was stored, by a clock that may be behind the other."""


@given(TAKEN_AND_STORED, st.randoms())
def test_newest_first_whatever_was_stored_when(times: list[tuple[int, int]], chance: object) -> None:
    names = [f"{number:03d}" for number in range(len(times))]
    chance.shuffle(names)  # type: ignore[attr-defined]
    heads = {name: head(name, taken) for name, (taken, _) in zip(names, times, strict=True)}
    listed = [
        ObjectVersion(name, 1, NOON + (taken + later) * MINUTE)
        for name, (taken, later) in zip(names, times, strict=True)
    ]
    found = list(catalog.newest_first(listed, heads.get))
    assert found == sorted(heads.values(), key=lambda each: each.measured, reverse=True)


def test_a_vault_filled_night_after_night_is_read_no_further_than_it_is_asked_for() -> None:
    heads = {f"{night:03d}": head(f"{night:03d}", night * 1440) for night in range(90)}
    listed = [ObjectVersion(name, 1, each.taken_at + 20 * MINUTE) for name, each in heads.items()]
    read: list[str] = []

    def reading(name: str) -> SnapshotHead:
        read.append(name)
        return heads[name]

    newest = catalog.newest_first(listed, reading)
    assert (next(newest).id, read) == ("089", ["089"])
    assert (next(newest).id, read) == ("088", ["089", "088"])


def test_what_is_gone_when_it_is_read_is_left_out() -> None:
    listed = [ObjectVersion(str(number), 1, NOON + 5 * number * CLOCKS_DIFFER) for number in range(3)]
    heads = {"0": head("0", 0), "1": head("1", 1)}
    assert [each.id for each in catalog.newest_first(listed, heads.get)] == ["1", "0"]


def snapshot(documents: int) -> DocumentSnapshot:
    versions = tuple(
        DocumentVersion(
            bucket="matters",
            key=f"Müller/{number}-{uuid4().hex}",
            version_id=uuid4().hex,
            size_bytes=number,
            etag=uuid4().hex,
            modified_at=NOON,
            object=keys.document_object("matters", str(number), uuid4().hex),
            sha256=uuid4().hex * 2,
        )
        for number in range(documents)
    )
    return DocumentSnapshot(
        id=f"s-{uuid4().hex}", firm="acme", taken_at=NOON, previous="the one before", documents=versions
    )


@pytest.mark.parametrize("documents", [0, 1, 5000])
def test_a_snapshots_head_is_what_the_snapshot_says(vault: Vault, documents: int) -> None:
    made = snapshot(documents)
    stored = vault.put_sealed(keys.document_snapshot(made.id), made.to_json(), locked_until=None)
    found = catalog.snapshot_head(vault, made.id)
    assert (found.id, found.firm, found.taken_at, found.previous) == (made.id, "acme", NOON, "the one before")
    assert (stored.stored_bytes > 2 * START_BYTES) == (documents > 1000)


def test_a_head_is_proven_by_its_own_frame(vault: Vault) -> None:
    made = snapshot(5000)
    key = keys.document_snapshot(made.id)
    vault.put_sealed(key, made.to_json(), locked_until=None)
    whole = vault.get(key)
    for place, is_seen in ((2000, True), (len(whole) // 2, False)):
        body = bytearray(whole)
        body[place] ^= 1
        s3_of(vault).put_object(Bucket=vault.bucket, Key=key, Body=bytes(body))
        if is_seen:
            with pytest.raises(ObjectDamaged, match="a frame's authentication tag does not match"):
                catalog.snapshot_head(vault, made.id)
        else:
            assert catalog.snapshot_head(vault, made.id).taken_at == NOON
        with pytest.raises(ObjectDamaged):
            catalog.find_snapshot(vault, made.id)
