"""What the watch brings to the replica of what its listings have shown to be lacking."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.site import Site, build_site
from muniment.domain.vault import keys
from muniment.errors import WrongVault
from muniment.ports import utc_now
from muniment.runbooks.watch.bring_wal import bring_wal
from muniment_demo.cloud import Cloud
from tests.faults.worker import through
from tests.fixtures.faults import FaultProxy
from tests.fixtures.sites import SiteFactory, as_root
from tests.support.progress import Told

SEGMENTS = [f"0000000200000000000000{number:02X}" for number in range(1, 7)]
HISTORY = "00000002.history"


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster, faulty_store: FaultProxy) -> Iterator[Site]:
    """Its primary vault has six segments and a history file; every request goes through the proxy, which sees it."""
    made = site_factory(cluster)
    for name in (*SEGMENTS, HISTORY):
        key = keys.wal(made.postgres.system_identifier(), name)
        made.primary.put_sealed(key, name.encode(), locked_until=None, metadata={"sha256": "x"})
    firm, postgres, aws = through(made, faulty_store.endpoint_url)
    yield build_site(firm, postgres.conninfo(), aws.clients(), aws.clients(hasty=True))


def copied(store: FaultProxy, site: Site) -> list[str]:
    puts = (seen.rsplit("/", 1)[1] for seen in store.seen if seen.startswith(f"PUT /{site.replica.bucket}/wal/"))
    return [name.split("?")[0] for name in puts]


def held(site: Site) -> set[str]:
    return {found.key.rsplit("/", 1)[1] for found in site.replica.list(keys.WAL)}


def test_the_history_goes_first_and_nothing_is_listed(site: Site, faulty_store: FaultProxy) -> None:
    assert bring_wal(site, [*SEGMENTS, HISTORY], clock=utc_now) == 7
    assert copied(faulty_store, site)[0] == HISTORY
    assert not [seen for seen in faulty_store.seen if "list-type" in seen or "versions" in seen]
    assert held(site) == {*SEGMENTS, HISTORY}
    for found in site.replica.list(keys.WAL):
        assert site.replica.get(found.key) == site.primary.get(found.key)
        there = site.replica.find(found.key)
        assert there.locked_until is not None
        assert there.metadata == {"sha256": "x"}


def test_nothing_lacking_costs_nothing(site: Site, faulty_store: FaultProxy) -> None:
    assert bring_wal(site, [], clock=utc_now) == 0
    assert faulty_store.seen == []


def test_what_has_expired_since_or_is_there_already_is_no_fault(site: Site) -> None:
    gone = "0000000200000000000000FF"
    assert bring_wal(site, [SEGMENTS[0], gone], clock=utc_now) == 1
    assert bring_wal(site, [SEGMENTS[0], SEGMENTS[1]], clock=utc_now) == 2, "the same bytes: accepted"
    assert held(site) == set(SEGMENTS[:2])


def test_without_names_both_archives_are_compared(site: Site) -> None:
    assert bring_wal(site, SEGMENTS[:2], clock=utc_now) == 2
    assert bring_wal(site, None, clock=utc_now) == 5
    assert held(site) == {*SEGMENTS, HISTORY}


def test_its_time_is_up(site: Site) -> None:
    """A pass gives a firm seconds: what is left is the next one's."""
    for names in (SEGMENTS, None):
        assert bring_wal(site, names, clock=utc_now, lasting=timedelta(0)) == 0
    assert held(site) == set()


def test_another_firms_replica_gets_nothing(
    site: Site, site_factory: SiteFactory, cluster: LocalCluster, cloud: Cloud
) -> None:
    """The registry names it by mistake, and the rights would let it in."""
    other = site_factory(cluster)
    vaults = site.firm.vaults.model_copy(update={"replica": other.firm.vaults.replica})
    wrong = build_site(
        site.firm.model_copy(update={"vaults": vaults}), site.postgres.conninfo, as_root(cloud, site).clients
    )
    with pytest.raises(WrongVault):
        bring_wal(wrong, SEGMENTS, clock=utc_now, progress=Told())
    assert list(other.replica.list(keys.WAL)) == []
