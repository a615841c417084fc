"""Whose replica it is, before a byte of WAL is written there."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site, build_vault
from muniment.adapters.vault.vault import Vault
from muniment.adapters.wal.spool import WalSpool
from muniment.domain.vault import keys
from muniment.domain.vault.firm_mark import FirmMark, FormerCluster
from muniment.ports import utc_now
from muniment.runbooks.identity import prove_vault
from muniment.runbooks.wal.push_beside import AT_ONCE, Beside
from muniment.runbooks.wal.push_wal import open_pusher
from muniment_demo.cloud import Cloud
from tests.faults.worker import through
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import SiteFactory, as_root
from tests.support.wal import switch_wal

KEY = keys.wal(7, "000000010000000000000001")


@pytest.fixture(scope="module")
def two(cluster: LocalCluster, site_factory: SiteFactory) -> tuple[Site, Site]:
    return site_factory(cluster), site_factory(cluster)


def test_another_firms_replica_gets_nothing_and_the_primary_all(
    two: tuple[Site, Site], cluster: LocalCluster, cloud: Cloud, tmp_path: Path
) -> None:
    """With rights that would let it in."""
    ours, other = two
    theirs = replace(as_root(cloud, other).replica, firm=ours.firm.id)
    (name,) = switch_wal(cluster)
    spool = WalSpool(tmp_path, ours.firm.id)
    pusher = open_pusher(ours.primary, ours.policy, spool, clock=utc_now, replica=theirs)
    pusher.push(cluster.data_dir / "pg_wal" / name)
    assert pusher.beside is not None
    said = pusher.beside.finish(60)
    assert said == f"bucket {theirs.bucket} is the vault of {other.firm.id}, not of {ours.firm.id}"
    assert list(other.replica.list(keys.WAL)) == []
    assert ours.primary.head(keys.wal(int(cluster.system_identifier()), name))


def behind(mark: FirmMark) -> FirmMark:
    """What the primary says once the cluster was adopted and the replica has not heard of it."""
    former = FormerCluster(system_identifier=mark.system_identifier, until=mark.created_at, adoption="x")
    return mark.model_copy(update={"system_identifier": 8, "former": (former,)})


@pytest.mark.parametrize("change", [behind, lambda mark: mark.model_copy(update={"system_identifier": 8})])
def test_a_replica_of_another_cluster_gets_nothing(
    two: tuple[Site, Site], change: Callable[[FirmMark], FirmMark]
) -> None:
    site = two[0]
    beside = Beside(site.replica, change(prove_vault(site.primary)))
    beside.offer(KEY, b"sealed", locked_until=None, metadata={})
    said = beside.finish(60)
    assert (said is None) is (change is behind), "one that is behind is the watch's to bring up, and no fault"
    assert site.replica.head(KEY) is None


def test_other_bytes_that_are_there_stay_and_are_told(two: tuple[Site, Site]) -> None:
    vault: Vault = two[0].replica
    vault.put_message(KEY, b"first", locked_until=None)
    for message, is_told in ((b"first", False), (b"other", True)):
        beside = Beside(vault, prove_vault(two[0].primary))
        beside.offer(KEY, message, locked_until=None, metadata={})
        assert (beside.finish(60) is not None) is is_told
    assert vault.get(KEY) == b"first"


def test_what_a_slow_replica_has_no_room_for_is_left_to_the_watch(
    two: tuple[Site, Site], faulty_store: FaultProxy
) -> None:
    """Not kept in memory, and not waited for."""
    firm, _, aws = through(two[1], faulty_store.endpoint_url)
    replica = build_vault(firm, "replica", aws.clients())
    faulty_store.fail("timeout", method="PUT", path=f"{replica.bucket}/{keys.WAL}")
    beside = Beside(replica, prove_vault(two[1].primary))
    names = [f"{KEY[:-1]}{number}" for number in range(2 * AT_ONCE)]
    for name in names:
        beside.offer(name, b"sealed", locked_until=None, metadata={})
    faulty_store.heal()
    assert beside.finish(60) is None
    assert [found.key for found in two[1].replica.list(keys.WAL)] == names[:AT_ONCE]
