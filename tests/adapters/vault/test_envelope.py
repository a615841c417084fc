"""Client-side encryption: one contract for both key providers, and what only two KMS keys can show."""

import os
from collections.abc import Callable
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muniment.adapters.vault.envelope import (
    Envelope,
    MessageDamaged,
    any_of,
    kms_envelope,
    kms_keyring,
    local_envelope,
)
from muniment.adapters.vault.stand_in import new_private_key, public_key_of, stand_in_ring
from muniment.errors import KeyUnusable, StoreUnavailable
from muniment_demo.cloud import Cloud

CONTEXT = {"muniment:firm": "acme", "muniment:key": "base/1/base/00000000"}


def kms_of(cloud: Cloud) -> Envelope:
    return kms_envelope(
        [(cloud.create_key(r, uuid4().hex), cloud.client("kms", r)) for r in ("us-east-1", "us-west-2")]
    )


def local_of(_: Cloud) -> Envelope:
    return local_envelope("test", os.urandom(32))


@pytest.fixture(params=[kms_of, local_of], ids=["kms", "local"], scope="module")
def envelope(request: pytest.FixtureRequest, cloud: Cloud) -> Envelope:
    make: Callable[[Cloud], Envelope] = request.param
    return make(cloud)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.just(b""), st.binary(max_size=200), st.integers(65_530, 65_540).map(os.urandom)))
def test_bytes_come_back(envelope: Envelope, plain: bytes) -> None:
    message = envelope.encrypt(plain, CONTEXT)
    assert envelope.decrypt(message, CONTEXT) == plain


def test_the_message_hides_its_plain_text(envelope: Envelope) -> None:
    assert b"attorney-client" not in envelope.encrypt(b"attorney-client " * 100, CONTEXT)


@pytest.mark.parametrize("changed", ["muniment:firm", "muniment:key"])
def test_a_message_moved_to_another_firm_or_key_does_not_decrypt(envelope: Envelope, changed: str) -> None:
    message = envelope.encrypt(b"x", CONTEXT)
    with pytest.raises(MessageDamaged, match="Encryption context does not match"):
        envelope.decrypt(message, {**CONTEXT, changed: "other"})


def test_no_byte_of_a_message_can_be_changed(envelope: Envelope) -> None:
    """Its header's names, algorithm and keys are authenticated with the rest: none is a byte that nobody looks at."""
    message = envelope.encrypt(b"", CONTEXT)
    for place in range(len(message)):
        changed = bytearray(message)
        changed[place] ^= 0x80  # no UTF-8 any more, where there was a name
        with pytest.raises(MessageDamaged):
            envelope.decrypt(bytes(changed), CONTEXT)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.999])
def test_a_flipped_bit_is_found_wherever_it_is(envelope: Envelope, share: float) -> None:
    message = bytearray(envelope.encrypt(os.urandom(200_000), CONTEXT))
    message[int(share * len(message))] ^= 1
    with pytest.raises(MessageDamaged):
        envelope.decrypt(bytes(message), CONTEXT)


def test_a_truncated_message_is_found(envelope: Envelope) -> None:
    message = envelope.encrypt(os.urandom(200_000), CONTEXT)
    with pytest.raises(MessageDamaged):
        envelope.decrypt(message[:-100], CONTEXT)


class TwoRegions:
    def __init__(self, cloud: Cloud) -> None:
        self.clients = [cloud.client("kms", region) for region in ("us-east-1", "us-west-2")]
        self.arns = [cloud.create_key(region, uuid4().hex) for region in ("us-east-1", "us-west-2")]
        self.both = kms_envelope(list(zip(self.arns, self.clients, strict=True)))


@pytest.fixture
def regions(cloud: Cloud) -> TwoRegions:
    return TwoRegions(cloud)


@pytest.mark.parametrize("left", [0, 1], ids=["primary", "replica"])
def test_either_region_alone_reads_everything(regions: TwoRegions, left: int) -> None:
    message = regions.both.encrypt(b"x", CONTEXT)
    alone = kms_envelope([(regions.arns[left], regions.clients[left])])
    assert alone.decrypt(message, CONTEXT) == b"x"


def test_a_disabled_key_stops_writing_and_leaves_reading_to_the_other(regions: TwoRegions) -> None:
    message = regions.both.encrypt(b"x", CONTEXT)
    regions.clients[0].disable_key(KeyId=regions.arns[0])
    with pytest.raises(KeyUnusable, match="is disabled"):
        regions.both.encrypt(b"y", CONTEXT)
    assert regions.both.decrypt(message, CONTEXT) == b"x"


def test_with_both_keys_disabled_nothing_is_read(regions: TwoRegions) -> None:
    message = regions.both.encrypt(b"x", CONTEXT)
    for arn, client in zip(regions.arns, regions.clients, strict=True):
        client.disable_key(KeyId=arn)
    with pytest.raises(KeyUnusable, match="is disabled"):
        regions.both.decrypt(message, CONTEXT)


def test_a_kms_that_does_not_answer_is_transient() -> None:
    nobody = boto3.client(
        "kms",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    envelope = kms_envelope([("arn:aws:kms:us-east-1:000000000000:key/x", nobody)])
    with pytest.raises(StoreUnavailable):
        envelope.encrypt(b"x", CONTEXT)


class Lost:
    """A KMS client of a region that is away; counts how often it was asked."""

    def __init__(self, region: str) -> None:
        self.asked = 0
        self.client = boto3.client(
            "kms",
            region_name=region,
            endpoint_url="http://127.0.0.1:9",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}),
        )
        self.client.meta.events.register("before-send.kms", self._count)

    def _count(self, **_: object) -> None:
        self.asked += 1


class StandIn:
    """The pair in memory, as ``VaultStandIn`` hands it out of a vault."""

    def __init__(self, private_key: bytes, own: tuple[str, object], other: tuple[str, object]) -> None:
        self.private_key = private_key
        self.own, self.other = kms_keyring(*own), kms_keyring(*other)

    def sealing(self) -> object:
        return any_of(self.own, stand_in_ring(public_key=public_key_of(self.private_key)))

    def opening(self) -> object:
        return any_of(self.own, stand_in_ring(private_key=self.private_key), self.other)


@pytest.mark.parametrize("away", [0, 1], ids=["primary", "replica"])
def test_what_was_sealed_while_a_region_was_away_is_opened_in_either_region_alone(
    regions: TwoRegions, away: int
) -> None:
    private_key = new_private_key()
    here = 1 - away
    lost = [Lost(region) for region in ("us-east-1", "us-west-2")]

    def envelope(own: int, *gone: int) -> Envelope:
        clients = [lost[n].client if n in gone else regions.clients[n] for n in (0, 1)]
        keys = [(regions.arns[own], clients[own]), (regions.arns[1 - own], clients[1 - own])]
        return kms_envelope(keys, StandIn(private_key, *keys))

    during = envelope(here, away)
    messages = [during.encrypt(plain, CONTEXT) for plain in (b"x", b"y" * 200_000)]
    assert lost[away].asked == 1  # the second message does not wait for what did not answer a moment ago
    for left in (0, 1):
        alone = envelope(left, 1 - left)
        assert [alone.decrypt(message, CONTEXT) for message in messages] == [b"x", b"y" * 200_000]


def test_a_key_that_refuses_is_not_stood_in_for(regions: TwoRegions) -> None:
    keys = list(zip(regions.arns, regions.clients, strict=True))
    regions.clients[1].disable_key(KeyId=regions.arns[1])
    with pytest.raises(KeyUnusable, match="cannot be used"):
        kms_envelope(keys, StandIn(new_private_key(), *keys)).encrypt(b"x", CONTEXT)
