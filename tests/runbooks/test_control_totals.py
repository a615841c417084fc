"""Numbers at a position: exact to the cent, and of one instant even while somebody writes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.control_totals import read_each
from muniment.adapters.site.site import Site
from muniment.domain.firm.application import ControlTotalsPolicy
from muniment.errors import InvalidConfiguration
from muniment.ports import utc_now
from muniment.runbooks.control_totals import read_control_totals, read_those_there
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory, make_policy, with_firm

pytestmark = pytest.mark.timeout(360)
TRUST = ControlTotalsPolicy(tables=("public.ledger", 'public."Matters"'), sums={"trust": "public.ledger.amount"})


@pytest.fixture(scope="module")
def cluster(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> LocalCluster:
    cluster = module_cluster_factory(programs17)
    with connected(cluster) as connection:
        connection.execute('CREATE TABLE ledger (amount numeric(14,2)); CREATE TABLE "Matters" (id int)')
    return cluster


@pytest.fixture
def site(site_factory: SiteFactory, cluster: LocalCluster) -> Iterator[Site]:
    with connected(cluster) as connection:
        connection.execute("TRUNCATE ledger")
        connection.execute("INSERT INTO ledger VALUES (100000000000.01), (-0.02), (0.10)")
    yield with_firm(site_factory(cluster, vaults=False), policy=make_policy(control_totals=TRUST))


@contextmanager
def connected(cluster: LocalCluster) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        yield connection


def test_counts_and_sums_are_exact(site: Site) -> None:
    totals = read_control_totals(site, clock=utc_now)
    assert totals.counts == {"public.ledger": 3, 'public."Matters"': 0}
    assert totals.sums == {"trust": "100000000000.09"}
    assert totals.exact


def test_an_empty_table_sums_to_zero(site: Site, cluster: LocalCluster) -> None:
    with connected(cluster) as connection:
        connection.execute("TRUNCATE ledger")
    assert read_control_totals(site, clock=utc_now).sums == {"trust": "0"}


def test_a_transaction_under_way_makes_them_inexact_and_waits_no_longer_than_seconds(
    site: Site, cluster: LocalCluster
) -> None:
    with connected(cluster) as writer:
        writer.execute("BEGIN")
        writer.execute("INSERT INTO ledger VALUES (1)")
        totals = read_control_totals(site, clock=utc_now)
        writer.execute("COMMIT")
    assert not totals.exact
    assert totals.counts["public.ledger"] == 3


def test_a_writer_that_pauses_leaves_room_for_an_exact_instant(site: Site, cluster: LocalCluster) -> None:
    """Each transaction moves money between two rows: any one instant sums to the same, and the position fits."""
    stop = threading.Event()

    def write() -> None:
        with connected(cluster) as connection:
            while not stop.wait(0.01):
                connection.execute("INSERT INTO ledger VALUES (7), (-7)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        totals = read_control_totals(site, clock=utc_now)
    finally:
        stop.set()
        writer.join()
    assert totals.sums == {"trust": "100000000000.09"}
    assert totals.exact


def test_all_tables_that_do_not_exist_are_named_at_once(site: Site) -> None:
    policy = make_policy(
        control_totals=ControlTotalsPolicy(tables=("public.ledger", "public.gone"), sums={"x": "other.lost.amount"})
    )
    with pytest.raises(InvalidConfiguration) as refused:
        read_control_totals(with_firm(site, policy=policy), clock=utc_now)
    assert refused.value.what == (
        "2 faults in the configuration:\n"
        "policy.control_totals: table public.gone does not exist\n"
        "policy.control_totals: table other.lost does not exist"
    )


def test_a_column_that_does_not_exist_is_named(site: Site) -> None:
    policy = make_policy(control_totals=ControlTotalsPolicy(sums={"x": "public.ledger.balance"}))
    with pytest.raises(InvalidConfiguration, match='column "balance" does not exist'):
        read_control_totals(with_firm(site, policy=policy), clock=utc_now)


def test_of_a_copy_from_before_a_table_was_made_what_is_there_is_read(site: Site) -> None:
    """A cut-over to such an instant stopped at "table … does not exist"."""
    named = ControlTotalsPolicy(
        tables=("public.ledger", "public.gone"), sums={"trust": "public.ledger.amount", "fees": "public.ledger.fee"}
    )
    totals = read_those_there(with_firm(site, policy=make_policy(control_totals=named)), clock=utc_now)
    assert (totals.counts, totals.sums) == ({"public.ledger": 3}, {"trust": "100000000000.09"})


def test_what_is_no_number_is_told_without_what_it_is(site: Site, cluster: LocalCluster) -> None:
    with connected(cluster) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS parties AS SELECT 'Hale v. Voss' AS name")
    policy = make_policy(control_totals=ControlTotalsPolicy(sums={"x": "public.parties.name"}))
    with pytest.raises(InvalidConfiguration, match=r"no number: InvalidTextRepresentation \(SQLSTATE 22P02\)"):
        read_control_totals(with_firm(site, policy=policy), clock=utc_now)


def test_of_each_it_is_told_whether_wal_has_its_rows(site: Site, cluster: LocalCluster) -> None:
    """A plain table is in no partition tree, not even its own."""
    with connected(cluster) as connection:
        connection.execute(
            "CREATE UNLOGGED TABLE cache (id int); CREATE TABLE parts (id int) PARTITION BY LIST (id);"
            " CREATE UNLOGGED TABLE parts_1 PARTITION OF parts FOR VALUES IN (1)"
        )
    found = read_each(site.postgres, ("public.ledger", "public.cache", "public.parts"), {})
    assert {name: one.is_unlogged for name, one in found.counts.items()} == {
        "public.ledger": False,
        "public.cache": True,
        "public.parts": True,
    }
