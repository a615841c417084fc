"""Two vaults of a real firm give each other back what somebody deleted or overwrote."""

import base64
import hashlib
from pathlib import Path

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.site.site import Site
from muniment.adapters.vault.authenticity import get_authentic
from muniment.adapters.vault.vault import Vault
from muniment.domain.record import new_id
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Point
from muniment.errors import ObjectDamaged
from muniment.ports import utc_now
from muniment.runbooks.nightly.chain import run_chain
from muniment.runbooks.repair.repair_vaults import Failure, find_repair, repair
from muniment.runbooks.vault.verify_firm import verify_vault
from muniment_demo.cloud import Cloud
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.wal import archive_with, eventually, muniment_script, status_files, switch_wal

pytestmark = pytest.mark.timeout(900)

type Keys = dict[str, str]


class Intruder:
    """With every right on the buckets."""

    def __init__(self, cloud: Cloud) -> None:
        self.s3 = cloud.client("s3")

    def delete(self, vault: Vault, key: str) -> None:
        for found in list(vault.list_versions(key)):
            self.s3.delete_object(
                Bucket=vault.bucket, Key=found.key, VersionId=found.version_id, BypassGovernanceRetention=True
            )

    def overwrite(self, vault: Vault, key: str) -> None:
        """One byte is another, with the metadata and a checksum that fits."""
        there = self.s3.get_object(Bucket=vault.bucket, Key=key)
        body = bytearray(there["Body"].read())
        body[len(body) // 2] ^= 1
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        self.s3.put_object(
            Bucket=vault.bucket, Key=key, Body=bytes(body), Metadata=there["Metadata"], ChecksumSHA256=checksum
        )


@pytest.fixture
def intruder(cloud: Cloud) -> Intruder:
    return Intruder(cloud)


@pytest.fixture
def point(site: Site) -> Point:
    return run_chain(site, point_id=new_id(utc_now()), run="test", clock=utc_now)


@pytest.fixture
def site(
    site_factory: SiteFactory,
    cluster_factory: ClusterFactory,
    programs17: PostgresPrograms,
    cloud: Cloud,
    tmp_path: Path,
) -> Site:
    cluster = cluster_factory(programs17, wal_segment_size_mb=1)
    site = site_factory(cluster)
    archive_with(cluster, f"{muniment_script(site, tmp_path)} wal push %p")
    cloud.client("s3").put_object(Bucket=site.firm.documents[0].bucket, Key="will.pdf", Body=b"the will of A. Hudson")
    switch_wal(cluster, 2)
    eventually(lambda: not status_files(cluster, "ready"))
    return site


def one_of_each(site: Site, point: Point) -> Keys:
    """A key of each kind that the point needs."""
    chunks = [found.key for found in site.primary.list(keys.BASE) if "/base/0" in found.key]
    return {
        "wal": keys.wal(point.system_identifier, point.wal.last_segment),
        "chunk": chunks[0],
        "document": next(site.primary.list(keys.DOCUMENT_OBJECTS)).key,
        "list": keys.document_snapshot(point.documents),
        "config": keys.config(point.config),
        "backup": keys.backup_register(point.backup),
        "point": keys.point(point.id),
    }


@pytest.mark.parametrize("direction", ["into the replica", "into the primary"])
def test_what_one_vault_lacks_or_has_damaged_comes_from_the_other(
    site: Site, point: Point, intruder: Intruder, direction: str
) -> None:
    whole, broken = site.vaults if direction == "into the replica" else site.vaults[::-1]
    kinds = one_of_each(site, point)
    bytes_before = {key: whole.get(key) for key in kinds.values()}
    damaged = ("chunk", "document", "config")
    for kind, key in kinds.items():
        intruder.overwrite(broken, key) if kind in damaged else intruder.delete(broken, key)

    plan = find_repair(site.vaults, deep=True)
    assert {(m.wanted.key, m.source, m.target) for m in plan.mendings} == {
        (key, whole.bucket, broken.bucket) for key in kinds.values()
    }
    assert [m.wanted.key for m in plan.mendings][-3:] == [kinds["list"], kinds["backup"], kinds["point"]]
    assert plan.lost == ()
    assert {broken.head(kinds[kind]) for kind in ("wal", "point")} == {None}  # a plan writes nothing

    assert repair(plan, site.vaults, clock=utc_now) == ()
    assert {key: broken.get(key) for key in kinds.values()} == bytes_before
    assert [verify_vault(vault, deep=True).faults for vault in site.vaults] == [(), ()]
    assert find_repair(site.vaults, deep=True).mendings == ()
    for kind in ("chunk", "wal", "point"):  # the lock is its source's, and the damaged version lies below
        mended, original = broken.head(kinds[kind]), whole.head(kinds[kind])
        assert mended is not None and original is not None
        assert mended.locked_until == original.locked_until
        versions = [found.is_latest for found in broken.list_versions(kinds[kind])]
        assert len(versions) == (3 if kind in damaged else 1)  # what was stored, the intruder's, and what is right


def test_bytes_that_do_not_prove_themselves_are_not_brought_and_nothing_registers_them(
    site: Site, point: Point, intruder: Intruder
) -> None:
    kinds = one_of_each(site, point)
    intruder.overwrite(site.primary, kinds["chunk"])
    for kind in ("chunk", "backup", "point"):
        intruder.delete(site.replica, kinds[kind])

    plan = find_repair(site.vaults)  # by names and sizes alone the primary's chunk looks right
    assert [m.wanted.key for m in plan.mendings] == [kinds["chunk"], kinds["backup"], kinds["point"]]
    assert repair(plan, site.vaults, clock=utc_now) == (
        Failure(
            kinds["chunk"],
            f"object {kinds['chunk']} in {site.primary.bucket} is damaged: its sha256 is not the registered one",
        ),
        Failure(kinds["backup"], f"it names what could not be brought: {kinds['chunk']}"),
        Failure(kinds["point"], f"it names what could not be brought: {kinds['backup']}"),
    )
    assert {site.replica.head(kinds[kind]) for kind in ("chunk", "backup", "point")} == {None}

    (lost,) = find_repair(site.vaults, deep=True).lost
    assert lost.key == kinds["chunk"]
    assert lost.why.endswith(f"{site.replica.bucket}: it is missing")


def test_a_firm_that_is_whole_needs_nothing_and_what_expired_is_left_alone(
    site: Site, point: Point, intruder: Intruder
) -> None:
    assert find_repair(site.vaults, deep=True).mendings == ()
    for vault in site.vaults:
        intruder.delete(vault, keys.point(point.id))
    for key in [found.key for found in site.replica.list(keys.BASE)]:
        intruder.delete(site.replica, key)
    assert find_repair(site.vaults).mendings == ()


def test_a_damaged_ledger_which_every_night_reads_comes_from_the_other_vault(
    site: Site, point: Point, intruder: Intruder
) -> None:
    key = next(found.key for found in site.primary.list(keys.VERIFIED_WAL))
    intruder.overwrite(site.primary, key)
    with pytest.raises(ObjectDamaged):
        get_authentic(site.primary, key)
    plan = find_repair(site.vaults, deep=True)
    assert [(each.wanted.key, each.target) for each in plan.mendings] == [(key, site.primary.bucket)], point.id
    assert repair(plan, site.vaults, clock=utc_now) == ()
    assert get_authentic(site.primary, key) == get_authentic(site.replica, key)
