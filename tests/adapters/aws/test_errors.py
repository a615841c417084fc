"""What S3 and KMS answer, by its code, through real clients: no error here is made by hand."""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from muniment.adapters.aws.errors import store_errors
from muniment.adapters.store.s3 import S3Store
from muniment.adapters.vault.envelope import Envelope, MessageDamaged, kms_envelope
from muniment.errors import (
    AccessDenied,
    AlreadyRegistered,
    ClockWrong,
    CredentialsExpired,
    CredentialsUnusable,
    KeyUnusable,
    MunimentError,
    ObjectArchived,
    ObjectMissing,
    StoreRefused,
    StoreUnavailable,
    TransferBroken,
    Transient,
)
from muniment_demo.cloud import Cloud
from tests.fixtures.faults import FaultProxy

ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=5)
CONTEXT = {"muniment:firm": "acme", "muniment:key": "base/1/base/00000000"}


def client(service: Any, endpoint_url: str, region: str = "us-east-1", **credentials: str) -> Any:
    credentials = credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, region_name=region, endpoint_url=endpoint_url, config=ONCE, **credentials)


@pytest.fixture(scope="module")
def proxy(cloud: Cloud) -> Iterator[FaultProxy]:
    with FaultProxy(cloud.endpoint_url) as store:
        yield store


@pytest.fixture
def spoiled(proxy: FaultProxy) -> Iterator[FaultProxy]:
    yield proxy
    proxy.heal()


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("SlowDown", 503, StoreUnavailable),
        ("InternalError", 500, StoreUnavailable),
        ("ConditionalRequestConflict", 409, StoreUnavailable),
        ("OperationAborted", 409, StoreUnavailable),
        ("RequestTimeout", 400, StoreUnavailable),
        ("NobodyKnowsThis", 503, StoreUnavailable),
        ("KMS.ThrottlingException", 400, StoreUnavailable),
        ("KMS.KMSInternalException", 500, StoreUnavailable),
        ("BadDigest", 400, TransferBroken),
        ("IncompleteBody", 400, TransferBroken),
        ("ExpiredToken", 400, CredentialsExpired),
        ("RequestTimeTooSkewed", 403, ClockWrong),
        ("InvalidAccessKeyId", 403, CredentialsUnusable),
        ("SignatureDoesNotMatch", 403, CredentialsUnusable),
        ("AccessDenied", 403, AccessDenied),
        ("KMS.DisabledException", 400, KeyUnusable),
        ("KMS.KMSInvalidStateException", 400, KeyUnusable),
        ("KMS.NotFoundException", 400, KeyUnusable),
        ("PreconditionFailed", 412, AlreadyRegistered),
        ("NoSuchBucket", 404, ObjectMissing),
        ("InvalidObjectState", 403, ObjectArchived),
        ("IllegalLocationConstraintException", 400, StoreRefused),
        ("InvalidRequest", 400, StoreRefused),
        ("NobodyKnowsThis", 400, StoreRefused),
        ("NobodyKnowsThis", 403, StoreRefused),
    ],
)
def test_what_s3_answers_is_said_by_its_code(
    spoiled: FaultProxy, code: str, status: int, kind: type[MunimentError]
) -> None:
    spoiled.refuse(code, status)
    store = S3Store("acme-vault", "us-east-1", client("s3", spoiled.endpoint_url))
    with pytest.raises(MunimentError) as refused:
        store.put_if_absent("points/1.json", b"{}", metadata={}, locked_until=None)
    assert type(refused.value) is kind
    if isinstance(refused.value, (StoreRefused, StoreUnavailable)):
        assert f"{code.removeprefix('KMS.')}: so it says" in refused.value.what


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(StoreUnavailable):
        S3Store("acme-vault", "us-east-1", client("s3", "http://127.0.0.1:9")).get("firm.json")


def test_a_local_disk_that_is_full_is_not_s3_s_fault() -> None:
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(OSError, match="No space left") as local,
        store_errors("GetObject", "acme-vault"),
    ):
        full.write(b"x")
    assert local.value.errno == errno.ENOSPC


class Kms:
    """Both of a firm's keys behind one proxy, and a message sealed under both."""

    def __init__(self, cloud: Cloud, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self.regions = ("us-east-1", "us-west-2")
        self.arns = [cloud.create_key(region, f"errors-{region}") for region in self.regions]
        self.message = self.envelope().encrypt(b"deed", CONTEXT)

    def envelope(self, **credentials: str) -> Envelope:
        clients = [client("kms", self.proxy.endpoint_url, region, **credentials) for region in self.regions]
        return kms_envelope(list(zip(self.arns, clients, strict=True)))


@pytest.fixture(scope="module")
def sealed(cloud: Cloud, proxy: FaultProxy) -> Kms:
    return Kms(cloud, proxy)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, StoreUnavailable),
        ("KMSInternalException", 500, StoreUnavailable),
        ("DependencyTimeoutException", 500, StoreUnavailable),
        ("KeyUnavailableException", 500, StoreUnavailable),
        ("ExpiredTokenException", 400, CredentialsExpired),
        ("UnrecognizedClientException", 400, CredentialsUnusable),
        ("AccessDeniedException", 400, AccessDenied),
        ("DisabledException", 400, KeyUnusable),
        ("KMSInvalidStateException", 400, KeyUnusable),
        ("NotFoundException", 400, KeyUnusable),
        ("NobodyKnowsThis", 400, StoreRefused),
    ],
)
def test_what_kms_answers_is_no_damage_and_no_matter_of_enabling_the_key(
    sealed: Kms, spoiled: FaultProxy, code: str, status: int, kind: type[MunimentError]
) -> None:
    spoiled.refuse(code, status)
    envelope = sealed.envelope()
    for does in (lambda: envelope.encrypt(b"x", CONTEXT), lambda: envelope.decrypt(sealed.message, CONTEXT)):
        with pytest.raises(MunimentError) as refused:
            does()
        assert type(refused.value) is kind


def test_without_credentials_nothing_is_damaged_and_nobody_lacks_a_right(
    sealed: Kms, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    session = boto3.Session()
    s3, kms = (session.client(each, region_name="us-east-1", config=ONCE) for each in ("s3", "kms"))
    with pytest.raises(CredentialsUnusable):
        S3Store("acme-vault", "us-east-1", s3).get("firm.json")
    envelope = kms_envelope([(sealed.arns[0], kms)])
    for does in (lambda: envelope.encrypt(b"x", CONTEXT), lambda: envelope.decrypt(sealed.message, CONTEXT)):
        with pytest.raises(CredentialsUnusable):
            does()


def test_a_kms_that_is_lost(sealed: Kms, spoiled: FaultProxy) -> None:
    envelope = sealed.envelope()
    spoiled.fail("reset")
    for does in (lambda: envelope.encrypt(b"x", CONTEXT), lambda: envelope.decrypt(sealed.message, CONTEXT)):
        with pytest.raises(StoreUnavailable):
            does()


def test_one_key_that_answers_later_outweighs_one_that_refuses(sealed: Kms, spoiled: FaultProxy) -> None:
    spoiled.refuse("AccessDeniedException", 400, region="us-east-1")
    spoiled.refuse("ThrottlingException", 400, region="us-west-2")
    with pytest.raises(Transient):
        sealed.envelope().decrypt(sealed.message, CONTEXT)
    spoiled.heal()
    spoiled.refuse("AccessDeniedException", 400, region="us-east-1")
    assert sealed.envelope().decrypt(sealed.message, CONTEXT) == b"deed"


def test_what_both_keys_do_not_know_is_damaged(sealed: Kms, spoiled: FaultProxy) -> None:
    spoiled.refuse("InvalidCiphertextException", 400)
    with pytest.raises(MessageDamaged):
        sealed.envelope().decrypt(sealed.message, CONTEXT)


def test_what_the_source_raises_is_the_source_s(sealed: Kms) -> None:
    class Lost:
        def read(self, size: int) -> bytes:
            raise OSError(errno.EIO, "the disk")

    with pytest.raises(OSError, match="the disk"):
        sealed.envelope().encrypt_stream(Lost(), 10, CONTEXT)
