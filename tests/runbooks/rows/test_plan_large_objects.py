"""Rows that name large objects: a row without its object is no row that came back."""

from collections.abc import Iterator

import psycopg
import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.domain.rows.matter_plan import MatterPlan
from muniment.errors import TablesNotRestorable
from muniment.ports import utc_now
from muniment.runbooks.rows.restore_database import restore_database
from tests.fixtures.clusters import ClusterFactory
from tests.support.lost_matters import planned, restored
from tests.support.matters import DATABASE, Pair, World, firm, make_pair

PLAIN = {"matters": {"links": [], "shared": []}, "drills": {}, "document_references": []}
SCHEMA = """
CREATE SCHEMA office;
CREATE DOMAIN office.lo AS oid;
CREATE TABLE office.matters (number text PRIMARY KEY);
CREATE TABLE office.scans (id int PRIMARY KEY, matter text REFERENCES office.matters, page oid, seal office.lo);
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
"""
ROWS = """
SELECT lo_from_bytea(90001, decode(repeat('00ff', 3000000), 'hex')), lo_from_bytea(90002, 'seal'), lo_create(90003);
GRANT SELECT ON LARGE OBJECT 90001 TO pg_monitor;
INSERT INTO office.matters VALUES ('M-1');
INSERT INTO office.scans VALUES (1, 'M-1', 90001, 90002), (2, 'M-1', 90003, 7), (3, 'M-1', NULL, NULL);
"""
OBJECTS = """
    SELECT m.oid, md5(lo_get(m.oid)), pg_get_userbyid(lomowner), lomacl::text FROM pg_largeobject_metadata m ORDER BY 1
"""


@pytest.fixture(scope="module")
def pair(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> Iterator[Pair]:
    yield from make_pair(module_cluster_factory, programs17)


@pytest.fixture
def world(pair: Pair) -> World:
    return pair.database(SCHEMA, ROWS)


def test_the_large_objects_of_a_matter_come_back_with_its_rows(world: World) -> None:
    world.on_live("SELECT lo_unlink(90001), lo_unlink(90002), lo_unlink(90003)")
    world.on_live("DELETE FROM office.scans WHERE id = 1")
    plan = MatterPlan.from_json(planned(world, policy=PLAIN).to_json())
    assert "large objects: 3 are gone and come back (5.7 MiB): 90001, 90002, 90003" in list(plan.lines())
    assert [each.oid for each in planned(world, policy=PLAIN, only=("office.scans:1",)).large_objects] == [90001, 90002]
    restored(world, plan, **PLAIN)
    assert world.on_live(OBJECTS) == world.on_staged(OBJECTS)
    assert planned(world, policy=PLAIN).large_objects == ()


def test_an_object_that_is_anothers_now_is_refused_and_one_that_was_written_over_is_told(world: World) -> None:
    world.on_live("SELECT lo_unlink(90002), lo_put(90003, 0, 'new')")
    world.on_live("SELECT lo_from_bytea(90002, 'another')")
    notes = planned(world, policy=PLAIN).notes
    assert "large object 90003 of office.scans 2 holds something else now, and stays as it is" in notes
    world.on_live("DELETE FROM office.scans WHERE id = 1")
    with pytest.raises(TablesNotRestorable) as refused:
        planned(world, policy=PLAIN)
    assert refused.value.facts["faults"] == (
        "large object 90002 of office.scans 1 holds something else now, and stays as it is"
    )


def test_a_whole_database_brings_its_large_objects(world: World) -> None:
    done = restore_database(firm(), DATABASE, staged=world.staged, live=world.live, clock=utc_now)
    try:
        assert World(world.pair, done.name).on_live(OBJECTS) == world.on_staged(OBJECTS)
    finally:
        with psycopg.connect(world.pair.live.conninfo("template1"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {done.name}".encode())
