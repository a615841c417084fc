"""One byte of every object of a real vault in turn, and each object taken away: verify names it, every time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from muniment.adapters.documents.copies import DocumentCopies
from muniment.adapters.documents.source_bucket import source_buckets
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.restore.records import write_approval, write_record
from muniment.adapters.site.site import Site
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.approval import Approval
from muniment.domain.holds.hold import Hold
from muniment.domain.record import new_id
from muniment.domain.retention.stock import Stock
from muniment.domain.vault import keys
from muniment.errors import MunimentError
from muniment.ports import utc_now
from muniment.runbooks.acts.on_record import on_record
from muniment.runbooks.drill.run_drill import run_drill
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.vault.verify_firm import verify_vault, verify_vaults
from muniment_demo.cloud import Cloud
from muniment_demo.documents import Paper
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, with_firm
from tests.support.acts import ORDER, ledger_of
from tests.support.restore_records import record_of
from tests.support.s3 import with_store
from tests.support.signing import with_signing_key
from tests.support.sources import Desk
from tests.support.wal import archive_with, muniment_script, sql

pytestmark = pytest.mark.timeout(1800)
KINDS = (
    "firm.json",
    "base/",
    "wal/",
    "points/",
    "documents/objects/",
    "documents/snapshots/",
    "config/",
    "holds/",
    "drills/",
    "acts/",
    "restores/",
    "audit/expired/",
    "audit/stock/",
    "audit/verified/",
    "restore-kit/",
    "leases/",
    "stand-in/",
)


@pytest.fixture(scope="module")
def site(
    cloud: Cloud,
    site_factory: SiteFactory,
    module_cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """Two nights, two drills (one signed, one sealed), a restore with its approval, a hold, and a document in parts."""
    folder = tmp_path_factory.mktemp("every-object")
    cluster = module_cluster_factory(programs17, wal_segment_size_mb=1)
    sql(cluster, "CREATE TABLE ledger (amount numeric(14,2))")
    site = with_signing_key(cloud, site_factory(cluster))
    archive_with(cluster, f"{muniment_script(site, folder)} wal push %p")
    file_documents(cloud, site)
    for _ in range(2):
        run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)
    for firm in (site, with_firm(site, signing_key=None)):
        run_drill(firm, drill_id=new_id(utc_now()), run_dir=folder / "scratch", clock=utc_now)
    keep_records(site)
    return site


def file_documents(cloud: Cloud, site: Site) -> None:
    desk = Desk(cloud, site)
    for number in range(3):
        paper = Paper("alder", number)
        desk.put(paper.key, paper.body())
    desk.put("scan.tif", bytes(range(256)) * 100)
    source = source_buckets(site.firm, site.clients)[desk.buckets[0]]
    vault = with_store(site.primary, one_copy_limit=20_000, part_bytes=7_000)
    copies = DocumentCopies({desk.buckets[0]: source}, vault, site.policy, utc_now())
    copies.copy(next(history[0] for history in source.histories() if history[0].key == "scan.tif"))


def keep_records(site: Site) -> None:
    with on_record(ledger_of(site), ORDER):
        pass
    until, now = utc_now() + timedelta(days=1), utc_now()
    record = record_of(site, new_id(now))
    write_record(site, record, locked_until=until)
    approval = Approval(by="k", at=now, plan_sha256=record.plan_sha256 or "", comment="")
    write_approval(site, record.id, approval, locked_until=until)
    stock = Stock(id=new_id(now), firm=site.firm.id, bucket="-", at=now, held=(), next_at=now)
    hold = Hold(id="subpoena", reason="a subpoena", placed_by="km", placed_at=now, covers_from=now)
    for vault in site.vaults:
        vault.put_register(keys.hold(hold.id), hold, locked_until=until)
        vault.put_register("leases/1.json", hold, locked_until=until)
        vault.put_sealed(keys.expired(new_id(now)), b"{}", locked_until=until)
        vault.put_register(keys.stock(stock.id), stock, locked_until=until)


@contextmanager
def flipped(cloud: Cloud, vault: Vault, key: str) -> Iterator[None]:
    body, metadata = vault.read(key)
    changed = bytearray(body)
    changed[len(changed) // 2] ^= 1
    s3, place = cloud.client("s3", vault.region), {"Bucket": vault.bucket, "Key": key}
    version = s3.put_object(**place, Body=bytes(changed), Metadata=metadata)["VersionId"]
    yield
    s3.delete_object(**place, VersionId=version)


@contextmanager
def deleted(cloud: Cloud, vault: Vault, key: str) -> Iterator[None]:
    s3, place = cloud.client("s3", vault.region), {"Bucket": vault.bucket, "Key": key}
    marker = s3.delete_object(**place)["VersionId"]
    yield
    s3.delete_object(**place, VersionId=marker)


def named(vault: Vault, *, deep: bool) -> set[str]:
    """By another process, which has opened nothing yet."""
    try:
        return {fault.key for fault in verify_vault(replace(vault), deep=deep).faults}
    except MunimentError as error:
        return {error.what}


def test_both_vaults_hold_every_kind_and_are_proven_to_the_last_byte(site: Site) -> None:
    for vault, found in zip(site.vaults, verify_vaults(site.vaults, deep=True), strict=True):
        there = {item.key: item.size_bytes for item in vault.list("")}
        assert [kind for kind in KINDS if not any(key.startswith(kind) for key in there)] == []
        assert {key.rpartition(".")[2] for key in there if key.startswith(keys.DRILLS)} >= {
            "json",
            "html",
            "pdf",
            "sig",
        }
        assert found.faults == found.unproven == found.not_in_second_region == ()
        assert (found.objects, found.bytes_read) == (len(there), sum(there.values()))
    scan = next(
        version
        for version in catalog.find_snapshot(site.primary, catalog.latest_point(site.primary).documents).documents
        if version.key == "scan.tif"
    )
    copy = site.primary.head(scan.object)
    assert copy is not None
    assert copy.sha256 is None
    assert scan.sha256 is not None


def test_a_byte_of_every_object_in_turn_is_named_by_a_deep_verification(site: Site, cloud: Cloud) -> None:
    vault, unseen = site.primary, []
    for key in [item.key for item in vault.list("")]:
        with flipped(cloud, vault, key):
            found = named(vault, deep=True)
        if key not in found:
            unseen.append((key, found))
    assert unseen == []
    assert named(vault, deep=True) == set()


def test_every_object_that_a_point_needs_is_missed_by_name(site: Site, cloud: Cloud) -> None:
    vault = site.primary
    needed = [item.key for item in vault.list("") if _is_needed(site, item.key)]
    assert len(needed) > 15
    unseen = []
    for key in needed:
        with deleted(cloud, vault, key):
            found = verify_vaults([replace(vault) for vault in site.vaults], deep=False)
        half = {keys.point(each) for each in found[0].half_registered}
        if key not in {fault.key for fault in found[0].faults} | half:
            unseen.append(key)
    assert unseen == []


def _is_needed(site: Site, key: str) -> bool:
    if key.startswith(keys.WAL):
        name = key.rpartition("/")[2]
        ranges = [point.wal for point in catalog.points(site.primary)]
        return len(name) == 24 and any(wal.first_segment <= name <= wal.last_segment for wal in ranges)
    return key.startswith((keys.BASE, keys.POINTS, "documents/", keys.CONFIGS, keys.FIRM, "stand-in/"))
