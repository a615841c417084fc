"""Copies on a real S3 over HTTP: one request, many parts, and what they must refuse."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from muniment.adapters.store.port import CopySource
from muniment.adapters.store.s3 import S3Store
from muniment.adapters.store.s3_copy import PARTS_LIMIT, part_ranges
from muniment.adapters.vault.envelope import local_envelope
from muniment.adapters.vault.replication import copy_object
from muniment.adapters.vault.vault import Vault
from muniment.errors import ObjectDamaged, ObjectMissing, StoreUnavailable
from muniment_demo.cloud import Cloud
from tests.fixtures.faults import FaultProxy
from tests.support.s3 import impatient, s3_of, with_store

MIB = 2**20
UNTIL = datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def source_bucket(cloud: Cloud) -> str:
    return _bucket(cloud, "us-east-1")


@pytest.fixture(scope="module")
def target(cloud: Cloud) -> Vault:
    region = "eu-west-1"
    key = cloud.create_key(region, f"copy-{uuid4().hex[:8]}")
    bucket = _bucket(cloud, region)
    return Vault(
        "alder", S3Store(bucket, region, cloud.client("s3", region), key, "governance"), local_envelope("t", b"k" * 32)
    )


def in_parts(target: Vault, limit: int, part_bytes: int) -> Vault:
    """What is larger than ``limit`` is copied part by part."""
    return with_store(target, one_copy_limit=limit, part_bytes=part_bytes)


def _bucket(cloud: Cloud, region: str) -> str:
    bucket = f"copy-{uuid4().hex[:12]}"
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    cloud.client("s3", region).create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True, **place)
    return bucket


def _store(cloud: Cloud, bucket: str, key: str, body: bytes) -> CopySource:
    s3 = cloud.client("s3")
    put = s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=body,
        ChecksumAlgorithm="SHA256",
        Metadata={"matter": "4711"},
        ContentType="text/x-brief",
    )
    return CopySource(S3Store(bucket, "us-east-1", s3), key, len(body), put["VersionId"])


def test_s3_is_told_to_overwrite_nothing_and_to_lock(cloud: Cloud, source_bucket: str, target: Vault) -> None:
    """The test server looks at neither; S3 does."""
    source, asked = _store(cloud, source_bucket, "told", b"brief"), list[Any]()
    s3 = s3_of(target)
    s3.meta.events.register("before-call.s3.CopyObject", lambda params, **_: asked.append(params["headers"]))
    target.store.copy(source, "told", locked_until=UNTIL)
    target.store.copy(source, "told", over="0123")
    told, over = asked
    assert told["If-None-Match"] == "*"
    assert told["x-amz-object-lock-mode"] == "GOVERNANCE"
    assert told["x-amz-object-lock-retain-until-date"] == "2031-01-01T00:00:00Z"
    assert (over["If-Match"], "If-None-Match" in over) == ('"0123"', False)


@pytest.mark.parametrize("limit", [5 * MIB, 100], ids=["one request", "parts"])
def test_bytes_metadata_key_and_lock_arrive(cloud: Cloud, source_bucket: str, target: Vault, limit: int) -> None:
    body = bytes(range(256)) * 40
    source = _store(cloud, source_bucket, "Brief — Müller & Søn?versionId=1.txt", body)
    key = f"documents/objects/{limit}"

    copied = copy_object(source, target=in_parts(target, limit, 3000), key=key, locked_until=UNTIL)

    there = s3_of(target).head_object(Bucket=target.bucket, Key=key)
    assert target.get(key) == body
    assert there["SSEKMSKeyId"] == target.kms_key
    assert there["Metadata"] == {"matter": "4711"}
    assert there["ContentType"] == "text/x-brief"
    assert there["ObjectLockRetainUntilDate"] == UNTIL
    assert copied.size_bytes == len(body)


def test_one_request_copies_the_checksum_too(cloud: Cloud, source_bucket: str, target: Vault) -> None:
    source = _store(cloud, source_bucket, "checksum", b"tenor of the judgment")
    copied = copy_object(source, target=target, key="checksum", locked_until=None)
    assert copied.sha256 == hashlib.sha256(b"tenor of the judgment").hexdigest()


def test_a_multipart_copy_claims_no_checksum_of_the_whole(cloud: Cloud, source_bucket: str, target: Vault) -> None:
    source = _store(cloud, source_bucket, "parts", b"x" * 5000)
    copied = copy_object(source, target=in_parts(target, 10, 2000), key="parts", locked_until=None)
    assert copied.sha256 is None


def test_the_named_version_is_copied_not_the_newest(cloud: Cloud, source_bucket: str, target: Vault) -> None:
    old = _store(cloud, source_bucket, "contract", b"as signed")
    _store(cloud, source_bucket, "contract", b"as altered afterwards")
    copy_object(old, target=target, key="contract", locked_until=None)
    assert target.get("contract") == b"as signed"


def test_a_version_that_is_gone_is_named(cloud: Cloud, source_bucket: str, target: Vault) -> None:
    source = CopySource(S3Store(source_bucket, "us-east-1", cloud.client("s3")), "never-there", 3)
    with pytest.raises(ObjectMissing, match=f"object never-there is missing from {source_bucket}"):
        copy_object(source, target=target, key="gone", locked_until=None)


def test_a_copy_of_another_size_is_damaged(cloud: Cloud, source_bucket: str, target: Vault) -> None:
    source = _store(cloud, source_bucket, "sized", b"12345")
    wrong = replace(source, size_bytes=4)
    with pytest.raises(ObjectDamaged, match=f"it has 5 bytes, its source {source_bucket}/sized has 4"):
        copy_object(wrong, target=target, key="sized", locked_until=None)


def test_a_failed_part_leaves_no_upload_behind(cloud: Cloud, source_bucket: str, target: Vault) -> None:
    source = _store(cloud, source_bucket, "short", b"y" * 100)
    longer = replace(source, size_bytes=300)
    with pytest.raises(Exception, match="Range specified"):
        copy_object(longer, target=in_parts(target, 10, 80), key="short", locked_until=None)
    assert not s3_of(target).list_multipart_uploads(Bucket=target.bucket).get("Uploads")
    assert target.head("short") is None


def test_parts_cover_every_byte_and_stay_within_the_limit() -> None:
    assert list(part_ranges(10, 4)) == [(1, 0, 3), (2, 4, 7), (3, 8, 9)]
    parts = list(part_ranges(5 * 2**40, MIB))
    assert len(parts) <= PARTS_LIMIT
    assert parts[-1][2] == 5 * 2**40 - 1
    assert all(a[2] + 1 == b[1] for a, b in pairwise(parts))


def test_throttling_is_waited_out(cloud: Cloud, source_bucket: str, target: Vault, faulty_store: FaultProxy) -> None:
    """More 503s than boto3's own attempts: the copy tries again, and the object arrives once."""
    source = _store(cloud, source_bucket, "throttled", b"brief")
    throttled = with_store(target, s3=impatient(faulty_store.endpoint_url, target.region))
    faulty_store.fail("503", times=3, method="PUT")
    copied = copy_object(source, target=throttled, key="throttled", locked_until=None)
    assert copied.size_bytes == 5
    assert len(faulty_store.spoiled) == 3
    assert len(list(target.list_versions("throttled"))) == 1


def test_a_store_that_stays_away_is_named(
    cloud: Cloud, source_bucket: str, target: Vault, faulty_store: FaultProxy
) -> None:
    source = _store(cloud, source_bucket, "away", b"brief")
    faulty_store.fail("503")
    through = with_store(target, s3=impatient(faulty_store.endpoint_url, target.region))
    with pytest.raises(StoreUnavailable, match=f"S3 CopyObject to {target.bucket} on {source_bucket}/away did not"):
        copy_object(source, target=through, key="a", locked_until=None)
