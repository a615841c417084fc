"""Every type of value, and everything that foreign keys can be, through each PostgreSQL and back."""

from collections.abc import Iterator, Sequence

import pytest
import yaml

from muniment.adapters.host.programs import PostgresPrograms
from muniment.domain.documents.recovery import DocumentRestorePlan
from muniment.domain.rows.matter_plan import MatterPlan
from muniment.errors import NoSuchDocument, TablesNotRestorable
from muniment.ports import utc_now
from muniment.runbooks.rows.plan_matter import MatterRequest, plan_matter
from muniment_demo import practice
from muniment_demo.practice import Practice, create_database, fill
from tests.bench.matter import DELETED
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.support.lost_matters import GONE, planned, restored
from tests.support.matters import ENGINEER, LONG_KEY, Pair, World, firm, make_pair
from tests.support.partitioned_matters import LOGGED, PARTITIONED


@pytest.fixture(scope="module")
def pair(module_cluster_factory: ClusterFactory, programs: PostgresPrograms) -> Iterator[Pair]:
    yield from make_pair(module_cluster_factory, programs)


@pytest.fixture
def world(pair: Pair) -> World:
    return pair.database()


def test_a_matter_that_was_deleted_with_all_that_hung_on_it_comes_back_value_for_value(world: World) -> None:
    before = world.everything(world.pair.live)
    world.on_live(GONE)
    plan = MatterPlan.from_json(planned(world).to_json())
    assert {row.change for row in plan.rows} == {"deleted"}
    assert [row.table for row in plan.rows if row.is_parent] == ["office.clients"]
    assert ("office.attachments", (LONG_KEY,)) in [row.row_id for row in plan.rows]
    restored(world, plan)
    after = world.everything(world.pair.live)
    # A person is shared: nobody sets back what they work on now.
    assert after.pop("office.people") != before.pop("office.people")
    assert after == before
    assert planned(world).rows == ()


RING = """
CREATE SCHEMA office;
CREATE TABLE office.matters (number text PRIMARY KEY, lead bigint);
CREATE TABLE office.a (id bigint PRIMARY KEY, matter text NOT NULL REFERENCES office.matters, b bigint NOT NULL);
CREATE TABLE office.b (id bigint PRIMARY KEY, matter text NOT NULL REFERENCES office.matters, a bigint NOT NULL);
CREATE TABLE office.c (one int, two int, next_one int, next_two int, matter text REFERENCES office.matters,
    PRIMARY KEY (one, two), FOREIGN KEY (next_one, next_two) REFERENCES office.c MATCH FULL);
ALTER TABLE office.a ADD FOREIGN KEY (b) REFERENCES office.b{how};
ALTER TABLE office.b ADD FOREIGN KEY (a) REFERENCES office.a{how};
"""
IN_A_RING = """
INSERT INTO office.matters VALUES ('M-1');
WITH x AS (INSERT INTO office.a VALUES (1, 'M-1', 1)) INSERT INTO office.b VALUES (1, 'M-1', 1);
INSERT INTO office.c VALUES (1, 1, 2, 2, 'M-1'), (2, 2, 3, 3, 'M-1'), (3, 3, 1, 1, 'M-1');
"""
OUT_OF_IT = """
DELETE FROM office.c;
WITH x AS (DELETE FROM office.a) DELETE FROM office.b;
DELETE FROM office.matters
"""
PLAIN = {"matters": {"links": [], "shared": []}, "drills": {}, "document_references": []}


def test_rows_in_a_ring_come_back_where_their_keys_can_wait(pair: Pair) -> None:
    world = pair.database(RING.format(how=" DEFERRABLE"), IN_A_RING)
    before = world.everything(pair.live)
    world.on_live(OUT_OF_IT)
    restored(world, planned(world, policy=PLAIN), **PLAIN)
    assert world.everything(pair.live) == before


def test_a_ring_that_nothing_can_break_is_refused_by_the_plan(pair: Pair) -> None:
    world = pair.database(RING.format(how=""), IN_A_RING)
    world.on_live(OUT_OF_IT)
    with pytest.raises(TablesNotRestorable, match="rows name each other in a ring, by columns that are never NULL"):
        planned(world, policy=PLAIN)


def test_a_matter_of_the_demonstrations_firm_under_its_own_policy(pair: Pair) -> None:
    """Embeddings too: vector where the server has it. The links of the policy lead to both halves of a transfer."""
    told = yaml.safe_load((ROOT / "include" / "applications" / "practice.yaml").read_text())
    policy = {name: told[name] for name in ("matters", "drills", "document_references")}
    policy["matters"]["shared"] = []
    for cluster in (pair.live, pair.staged):
        create_database(cluster.conninfo())
        fill(cluster.conninfo(practice.DATABASE), Practice("hudson", scale=0.05))
    world = World(pair, practice.DATABASE)
    before = world.everything(pair.live)
    ((matter, number),) = world.on_live(
        "SELECT m.id, m.number FROM practice.matters m JOIN practice.trust_accounts a ON a.matter_id = m.id"
        " JOIN practice.documents d ON d.matter_id = m.id WHERE d.storage_key IS NOT NULL"
        " AND EXISTS (SELECT FROM practice.ledger_entries e WHERE e.trust_account_id = a.id) LIMIT 1"
    )
    world.on_live(DELETED.format(id=matter))
    asked: list[str] = []

    def documents(names: Sequence[str]) -> DocumentRestorePlan:
        asked.extend(names)
        raise NoSuchDocument(firm="acme", selection="", at="")

    request = MatterRequest(number, ENGINEER)
    plan = plan_matter(
        firm(**policy), request, staged=world.staged, live=world.live, clock=utc_now, documents=documents
    )
    assert {row.table for row in plan.rows} >= {"practice.matters", "practice.documents", "practice.ledger_entries"}
    assert not [row for row in plan.rows if row.change != "deleted"]
    assert asked
    restored(world, plan, **policy)
    assert world.everything(pair.live) == before


def test_partitions_and_names_that_need_quotes(pair: Pair) -> None:
    world = pair.database(PARTITIONED, LOGGED)
    before = world.everything(pair.live)
    world.on_live('DELETE FROM office.seen; DELETE FROM office."My Logs: 100%" WHERE "it\'s 50% off" = \'b\'')
    plan = planned(world, policy=PLAIN)
    assert [str(row).split(" was")[0] for row in plan.rows] == [
        'office."My Logs: 100%" ["2026-01-01", "1"]',
        'office.seen ["2025-12-31", "1", "x"]',
        'office.seen ["2026-01-01", "1", "y"]',
    ]
    restored(world, plan, **PLAIN)
    assert world.everything(pair.live) == before
