"""The proxy that spoils requests must itself be right: signatures pass, and each fault is what it says."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from mypy_boto3_s3 import S3Client

from muniment_demo.cloud import ROOT, Cloud
from tests.fixtures.faults import FaultProxy

BODY = b"whereas" * 10_000


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    cloud.client("s3").create_bucket(Bucket="faults")
    return "faults"


def once(store: FaultProxy, read_timeout: float = 5) -> S3Client:
    """A client that never tries twice."""
    return boto3.Session().client(
        "s3",
        region_name="us-east-1",
        endpoint_url=store.endpoint_url,
        aws_access_key_id=ROOT.access_key_id,
        aws_secret_access_key=ROOT.secret_access_key.reveal(),
        config=Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout, s3={"addressing_style": "path"}),
    )


def test_what_is_not_spoiled_passes(faulty_store: FaultProxy, bucket: str) -> None:
    s3 = once(faulty_store)
    s3.put_object(Bucket=bucket, Key="deed of trust é", Body=BODY, ChecksumAlgorithm="SHA256")
    assert s3.get_object(Bucket=bucket, Key="deed of trust é")["Body"].read() == BODY
    assert s3.head_object(Bucket=bucket, Key="deed of trust é")["ContentLength"] == len(BODY)


def test_503_for_a_while_and_for_one_method(faulty_store: FaultProxy, bucket: str) -> None:
    faulty_store.fail("503", times=1, method="PUT")
    s3 = once(faulty_store)
    with pytest.raises(ClientError, match="SlowDown"):
        s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    assert len(faulty_store.spoiled) == 1


def test_a_reset_a_timeout_and_a_truncation(faulty_store: FaultProxy, bucket: str) -> None:
    s3 = once(faulty_store, read_timeout=0.3)
    s3.put_object(Bucket=bucket, Key="b", Body=BODY)
    faulty_store.fail("reset", times=1)
    with pytest.raises(ConnectionClosedError):
        s3.get_object(Bucket=bucket, Key="b")
    faulty_store.fail("timeout", times=1)
    with pytest.raises(ReadTimeoutError):
        s3.get_object(Bucket=bucket, Key="b")
    faulty_store.fail("truncate", times=1)
    with pytest.raises((ResponseStreamingError, IncompleteReadError)):
        s3.get_object(Bucket=bucket, Key="b")["Body"].read()


def test_a_lost_reply_leaves_the_work_done(faulty_store: FaultProxy, bucket: str) -> None:
    faulty_store.fail("lost-reply", times=1)
    s3 = once(faulty_store)
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket=bucket, Key="c", Body=BODY)
    assert s3.get_object(Bucket=bucket, Key="c")["Body"].read() == BODY
