"""With docs/iam/watch.json and nothing else the looks and the evidence work; it changes nothing and opens no backup."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site, build_site
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import WalRange
from muniment.errors import AccessDenied, KeyUnusable
from muniment.runbooks.watch.gather_evidence import gather_evidence
from muniment.runbooks.watch.look_at_vault import look_at_vault
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory
from tests.support.points import make_point
from tests.support.s3 import s3_of
from tests.support.vault_looks import NOW, make_server, push_names, run, segment
from tests.support.watch_rights import watching

CHUNK, SEALED_WAL = keys.chunk("b", "base", 0), "wal/7/00000001/000000010000000000000001"


@pytest.fixture(scope="module")
def firm(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    """With a recovery point, WAL of two timelines, a chunk and a document."""
    site = site_factory(cluster)
    system = site.postgres.system_identifier()
    end = segment(5)
    wal = WalRange(timeline=1, first_segment=segment(3).name, last_segment=end.name, through_lsn=end.end)
    at = NOW - timedelta(hours=1)
    point = make_point(new_id(at), wal, at=at, firm=site.firm.id, system_identifier=system, verified_replica_at=at)
    history = f"1\t{segment(7).start}\tno recovery target specified\n".encode()
    for vault in site.vaults:
        vault.put_register(keys.point(point.id), point, locked_until=None)
        push_names(vault, system, [*run(3, 6), *run(7, 8, timeline=2)])
        vault.put_sealed(keys.wal(system, "00000002.history"), history, locked_until=None)
        vault.put_sealed(CHUNK, b"rows", locked_until=None)
        vault.put_sealed(SEALED_WAL, b"wal", locked_until=None)
        vault.put(keys.document_object("b", "k", "1"), b"%PDF", locked_until=None)
    return site


@pytest.fixture(scope="module")
def watch(cloud: Cloud, firm: Site) -> Site:
    return watching(cloud, firm)


@pytest.mark.parametrize("side", ["primary", "replica"])
def test_a_whole_look_needs_no_more(watch: Site, side: Any) -> None:
    server = make_server(watch, 9, timeline=2)
    seen = look_at_vault(watch, side, None, server, whole=True, clock=lambda: NOW)
    assert (seen.unseen, seen.key_fault, seen.setting_faults) == (None, None, {})
    assert seen.key_seen_at == seen.settings_seen_at == NOW
    assert seen.held is not None
    assert (seen.held.timeline, seen.held.first, seen.held.number) == (2, 3, 8)


def test_nor_does_the_evidence(watch: Site) -> None:
    found = gather_evidence(watch, clock=lambda: NOW)
    assert found.points == 1
    assert found.last_copied_at == found.last_point_at == found.last_verified_at == NOW - timedelta(hours=1)


def test_a_key_that_the_watch_may_not_use_is_told_as_such(cloud: Cloud, firm: Site) -> None:
    """By a file that was made for another firm."""
    other = replace(firm, firm=firm.firm.model_copy(update={"id": "another-firm"}))
    site = build_site(firm.firm, firm.postgres.conninfo, watching(cloud, other).clients)
    seen = look_at_vault(site, "primary", None, None, whole=True, clock=lambda: NOW)
    assert seen.key_fault is not None
    assert "AccessDenied" in seen.key_fault


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def of_s3(call: Callable[[Any, str], Any]) -> Callable[[Site], Any]:
    return lambda site: call(s3_of(site.primary), site.primary.bucket)


def of_kms(call: Callable[[Any, str], Any]) -> Callable[[Site], Any]:
    return lambda site: call(site.clients("kms", site.primary.region), site.primary.kms_key)


MUST_NOT: dict[str, Callable[[Site], Any]] = {
    "write a register": lambda site: site.primary.put("points/x.json", b"{}", locked_until=None),
    "write to the replica": lambda site: site.replica.put("points/x.json", b"{}", locked_until=None),
    "write wal": lambda site: site.primary.store.put(SEALED_WAL, b"", metadata={}),
    "lease": lambda site: site.primary.store.put(keys.lease("x"), b"", metadata={}),
    "seal": lambda site: site.primary.put_sealed("config/x", b"x", locked_until=None),
    "lock": lambda site: site.primary.extend_lock(CHUNK, in_an_hour()),
    "hold": lambda site: site.primary.store.hold(CHUNK, is_held=True),
    "delete": of_s3(lambda s3, bucket: s3.delete_object(Bucket=bucket, Key=CHUNK)),
    "delete a version": of_s3(lambda s3, bucket: s3.delete_object(Bucket=bucket, Key=CHUNK, VersionId="1")),
    "read a chunk": lambda site: site.primary.get(CHUNK),
    "read a document": lambda site: site.primary.get(keys.document_object("b", "k", "1")),
    "read a configuration": lambda site: site.primary.get(keys.config("x")),
    "open wal": lambda site: site.primary.get_sealed(SEALED_WAL),
    "change the bucket": of_s3(
        lambda s3, bucket: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    ),
    "remove the bucket's policy": of_s3(lambda s3, bucket: s3.delete_bucket_policy(Bucket=bucket)),
    "end the key": of_kms(lambda kms, key: kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)),
    "disable the key": of_kms(lambda kms, key: kms.disable_key(KeyId=key)),
    "encrypt": of_kms(lambda kms, key: kms.encrypt(KeyId=key, Plaintext=b"x")),
    "make a data key for something else": of_kms(
        lambda kms, key: kms.generate_data_key(
            KeyId=key, KeySpec="AES_256", EncryptionContext={"muniment:firm": "x", "muniment:key": "watch"}
        )
    ),
}


@pytest.mark.parametrize("name", MUST_NOT)
def test_the_watch_changes_nothing_and_opens_no_backup(name: str, watch: Site) -> None:
    with pytest.raises((AccessDenied, KeyUnusable, ClientError)) as refused:
        MUST_NOT[name](watch)
    told = str(refused.value)
    assert "AccessDenied" in told or "403" in told or "not allowed" in told, told


def test_the_watch_reads_no_live_document(watch: Site) -> None:
    bucket = watch.firm.documents[0].bucket
    with pytest.raises(ClientError, match="AccessDenied"):
        s3_of(watch.primary).list_objects_v2(Bucket=bucket)


def test_a_chunk_that_somebody_handed_over_stays_shut(watch: Site, firm: Site) -> None:
    """Whoever has the stored bytes lacks the key all the same."""
    stored = firm.primary.get(CHUNK)
    assert firm.primary.unseal(CHUNK, stored) == b"rows"
    with pytest.raises((AccessDenied, KeyUnusable)):
        watch.primary.unseal(CHUNK, stored)
