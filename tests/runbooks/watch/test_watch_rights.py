"""With docs/iam/watch.json and nothing else the looks and the evidence work; it changes nothing and opens no backup."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from muniment.adapters.acts import records as acts
from muniment.adapters.drill.records import evidence_pages, prove_evidence, write_evidence_pages
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.restore.records import write_record
from muniment.adapters.site.site import Site, build_site
from muniment.domain.acts.act import BegunAct
from muniment.domain.record import new_id
from muniment.domain.retention.stock import Stock
from muniment.domain.vault import keys
from muniment.domain.vault.registers import WalRange
from muniment.errors import AccessDenied, KeyUnusable
from muniment.runbooks.watch.gather_evidence import gather_evidence
from muniment.runbooks.watch.gather_history import gather_history
from muniment.runbooks.watch.look_at_vault import look_at_vault
from muniment_demo.cloud import Cloud
from tests.fixtures.sites import SiteFactory
from tests.support.points import make_point
from tests.support.registered import drilled
from tests.support.restore_records import record_of
from tests.support.s3 import s3_of
from tests.support.vault_looks import NOW, make_server, push_names, run, segment
from tests.support.watch_rights import watching

CHUNK, SEALED_WAL = keys.chunk("b", "base", 0), "wal/7/00000001/000000010000000000000001"


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture(scope="module")
def firm(site_factory: SiteFactory, cluster: LocalCluster) -> Site:
    """With a recovery point, WAL of two timelines, a chunk and a document, and a record of each kind."""
    site = site_factory(cluster)
    system = site.postgres.system_identifier()
    end = segment(5)
    wal = WalRange(timeline=1, first_segment=segment(3).name, last_segment=end.name, through_lsn=end.end)
    at = NOW - timedelta(hours=1)
    point = make_point(new_id(at), wal, at=at, firm=site.firm.id, system_identifier=system, verified_replica_at=at)
    write_record(site, record_of(site, new_id(at)), locked_until=in_an_hour())
    begun = BegunAct(
        act="matter", what="matter M-1", by="engineer", id=new_id(at), firm=site.firm.id, began_at=at, process="h 1 1"
    )
    acts.write(site.primary, begun, locked_until=in_an_hour())
    history = f"1\t{segment(7).start}\tno recovery target specified\n".encode()
    for vault in site.vaults:
        vault.put_register(keys.point(point.id), point, locked_until=None)
        push_names(vault, system, [*run(3, 6), *run(7, 8, timeline=2)])
        vault.put_sealed(keys.wal(system, "00000002.history"), history, locked_until=None)
        vault.put_sealed(CHUNK, b"rows", locked_until=None)
        vault.put_sealed(SEALED_WAL, b"wal", locked_until=None)
        vault.put(keys.document_object("b", "k", "1"), b"%PDF", locked_until=None)
        stock = Stock(id=new_id(NOW), firm=site.firm.id, bucket=vault.bucket, at=NOW, held=(), next_at=NOW)
        vault.put_register(keys.stock(stock.id), stock, locked_until=None)
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


def test_nor_does_a_history_nor_the_proof_of_a_drill(watch: Site, firm: Site) -> None:
    drill = drilled(firm, 1)
    pages = write_evidence_pages(firm, drill, locked_until=in_an_hour())
    told = gather_history(watch, None, clock=lambda: NOW)
    assert told.unread == ()
    assert (len(told.nights), len(told.drills), len(told.restores), len(told.acts)) == (1, 1, 1, 1)
    assert [each.side for each in told.stocks] == ["primary", "replica"]
    for vault in watch.vaults:
        prove_evidence(vault, drill.id)
        assert evidence_pages(vault, drill.id) == pages


@pytest.mark.parametrize("ending", ["/restores/*", "/acts/*", "/audit/stock/*"])
def test_what_an_older_file_does_not_allow_is_said_once_and_all_else_is_read(
    cloud: Cloud, firm: Site, ending: str
) -> None:
    prefix = ending.strip("*/") + "/"
    told = gather_history(watching(cloud, firm, without=(ending,)), None, clock=lambda: NOW)
    assert {line.split(": ")[0] for line in told.unread} <= {f"{vault.bucket}/{prefix}" for vault in firm.vaults}
    assert told.unread
    found = {"restores/": told.restores, "acts/": told.acts, "audit/stock/": told.stocks}
    assert {each for each, seen in found.items() if not seen} == {prefix}
    assert len(told.nights) == 1


def test_a_key_that_the_watch_may_not_use_is_told_as_such(cloud: Cloud, firm: Site) -> None:
    """By a file that was made for another firm."""
    other = replace(firm, firm=firm.firm.model_copy(update={"id": "another-firm"}))
    site = build_site(firm.firm, firm.postgres.conninfo, watching(cloud, other).clients)
    seen = look_at_vault(site, "primary", None, None, whole=True, clock=lambda: NOW)
    assert seen.key_fault is not None
    assert "AccessDenied" in seen.key_fault


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
    "write an act": lambda site: site.primary.put(keys.act("x"), b"{}", locked_until=None),
    "take stock": lambda site: site.primary.put(keys.stock("x"), b"{}", locked_until=None),
    "read what went": lambda site: site.primary.get(keys.expired("x")),
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
