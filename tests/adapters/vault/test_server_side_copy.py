"""The copy primitive against a real S3 over HTTP: one request, many parts, and what it must refuse."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from muniment.adapters.vault.envelope import local_envelope
from muniment.adapters.vault.server_side_copy import PARTS_LIMIT, CopySource, copy_object, part_ranges
from muniment.adapters.vault.vault import Vault
from muniment.errors import ObjectDamaged, ObjectMissing, StoreUnavailable
from muniment_demo.cloud import Cloud
from tests.fixtures.faults import FaultProxy

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
    return Vault("alder", bucket, region, key, "governance", cloud.client("s3", region), local_envelope("t", b"k" * 32))


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
    return CopySource(bucket, key, len(body), s3, put["VersionId"])


@pytest.mark.parametrize("limit", [5 * MIB, 100], ids=["one request", "parts"])
def test_bytes_metadata_key_and_lock_arrive(cloud: Cloud, source_bucket: str, target: Vault, limit: int) -> None:
    body = bytes(range(256)) * 40
    source = _store(cloud, source_bucket, "Brief — Müller & Søn?versionId=1.txt", body)
    key = f"documents/objects/{limit}"

    copied = copy_object(source, target=target, key=key, locked_until=UNTIL, one_copy_limit=limit, part_bytes=3000)

    there = target.s3.head_object(Bucket=target.bucket, Key=key)
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
    copied = copy_object(source, target=target, key="parts", locked_until=None, one_copy_limit=10, part_bytes=2000)
    assert copied.sha256 is None


def test_the_named_version_is_copied_not_the_newest(cloud: Cloud, source_bucket: str, target: Vault) -> None:
    old = _store(cloud, source_bucket, "contract", b"as signed")
    _store(cloud, source_bucket, "contract", b"as altered afterwards")
    copy_object(old, target=target, key="contract", locked_until=None)
    assert target.get("contract") == b"as signed"


def test_a_version_that_is_gone_is_named(cloud: Cloud, source_bucket: str, target: Vault) -> None:
    source = CopySource(source_bucket, "never-there", 3, cloud.client("s3"))
    with pytest.raises(ObjectMissing, match=f"object never-there is missing from {source_bucket}"):
        copy_object(source, target=target, key="gone", locked_until=None)


def test_a_copy_of_another_size_is_damaged(cloud: Cloud, source_bucket: str, target: Vault) -> None:
    source = _store(cloud, source_bucket, "sized", b"12345")
    wrong = CopySource(source.bucket, source.key, 4, source.s3, source.version_id)
    with pytest.raises(ObjectDamaged, match=f"it has 5 bytes, its source {source_bucket}/sized has 4"):
        copy_object(wrong, target=target, key="sized", locked_until=None)


def test_a_failed_part_leaves_no_upload_behind(cloud: Cloud, source_bucket: str, target: Vault) -> None:
    source = _store(cloud, source_bucket, "short", b"y" * 100)
    longer = CopySource(source.bucket, source.key, 300, source.s3, source.version_id)
    with pytest.raises(Exception, match="Range specified"):
        copy_object(longer, target=target, key="short", locked_until=None, one_copy_limit=10, part_bytes=80)
    assert not target.s3.list_multipart_uploads(Bucket=target.bucket).get("Uploads")
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
    throttled = replace(target, s3=_through(faulty_store, target.region))
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
    with pytest.raises(StoreUnavailable, match=f"S3 CopyObject to {target.bucket} on {source_bucket}/away did not"):
        copy_object(
            source, target=replace(target, s3=_through(faulty_store, target.region)), key="a", locked_until=None
        )


def _through(store: FaultProxy, region: str) -> Any:
    return boto3.client(
        "s3",
        region_name=region,
        endpoint_url=store.endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "total_max_attempts": 1}),
    )
