"""What PostgreSQL 18 brought to keys: periods, keys that nobody enforces, NOT NULL that old rows do not keep."""

from collections.abc import Iterator

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.domain.sql_names import Identifier
from muniment.ports import utc_now
from muniment.runbooks.rows.plan_tables import TableSelection, restore_tables
from tests.fixtures.clusters import ClusterFactory
from tests.support.lost_matters import planned, restored
from tests.support.matters import Pair, World, firm, make_pair

SCHEMA = """
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;
CREATE SCHEMA office;
CREATE TABLE office.matters (number text PRIMARY KEY, letters int GENERATED ALWAYS AS (length(number)) VIRTUAL);
-- Who leads a matter, and since when; an invoice is of a time in which somebody did.
CREATE TABLE office.leads (
    matter text REFERENCES office.matters, during daterange, who text, since date,
    PRIMARY KEY (matter, during WITHOUT OVERLAPS)
);
CREATE TABLE office.invoices (
    id int PRIMARY KEY, matter text NOT NULL, during daterange NOT NULL, cents int,
    FOREIGN KEY (matter, PERIOD during) REFERENCES office.leads (matter, PERIOD during)
);
CREATE TABLE office.memos (
    id int PRIMARY KEY, matter text, body text,
    CONSTRAINT of_a_matter FOREIGN KEY (matter) REFERENCES office.matters NOT ENFORCED,
    CONSTRAINT says_much CHECK (length(body) > 9) NOT ENFORCED
);
"""
ROWS = """
INSERT INTO office.matters VALUES ('M-1'), ('M-2');
INSERT INTO office.leads VALUES
    ('M-1', '[2026-01-01,2026-02-01)', 'Ada'), ('M-1', '[2026-02-01,2026-03-01)', 'Bo'),
    ('M-1', '[2026-03-01,2026-04-01)', 'Cy'), ('M-2', '[2026-01-01,2027-01-01)', 'Di');
INSERT INTO office.invoices VALUES
    (1, 'M-1', '[2026-01-10,2026-01-20)', 100), (2, 'M-1', '[2026-01-20,2026-02-10)', 200),
    (3, 'M-2', '[2026-01-20,2026-02-10)', 300), (4, 'M-1', '[2026-03-01,2026-03-10)', 400);
INSERT INTO office.memos VALUES (1, 'M-1', 'short'), (2, 'gone', NULL);
ALTER TABLE office.leads ADD CONSTRAINT since_when NOT NULL since NOT VALID;
ALTER TABLE office.memos ADD CONSTRAINT says_something NOT NULL body NOT VALID;
"""
PLAIN = {"matters": {"links": [], "shared": []}, "drills": {}, "document_references": []}
BY_LEAD = {**PLAIN, "matters": {"table": "office.leads", "key": "who", "links": [], "shared": []}}


@pytest.fixture(scope="module")
def pair(module_cluster_factory: ClusterFactory, programs18: PostgresPrograms) -> Iterator[Pair]:
    yield from make_pair(module_cluster_factory, programs18)


@pytest.fixture
def world(pair: Pair) -> World:
    return pair.database(SCHEMA, ROWS)


GONE = """
DELETE FROM office.memos WHERE matter = 'M-1';
DELETE FROM office.invoices WHERE matter = 'M-1';
DELETE FROM office.leads WHERE matter = 'M-1';
DELETE FROM office.matters WHERE number = 'M-1';
"""
# What is NOT VALID lets no such row in again, for nobody.
NEW_ROWS_AS_OLD = """
ALTER TABLE office.leads DROP CONSTRAINT since_when;
ALTER TABLE office.memos DROP CONSTRAINT says_something;
"""


def test_a_matter_has_all_that_names_it_enforced_or_not(world: World) -> None:
    before = world.everything(world.pair.live)
    world.on_live(NEW_ROWS_AS_OLD + GONE)
    plan = planned(world, policy=PLAIN)
    assert sum(row.table == "office.invoices" for row in plan.rows) == 3
    assert sum(row.table == "office.memos" for row in plan.rows) == 1
    restored(world, plan, **PLAIN)
    assert world.everything(world.pair.live) == before
    assert planned(world, policy=PLAIN).rows == ()


def test_what_lies_in_two_periods_belongs_to_both(world: World) -> None:
    """Bo led for a month: an invoice that began before is of that month too, and needs the month before as well."""
    before = world.everything(world.pair.live)
    world.on_live(NEW_ROWS_AS_OLD + GONE)
    plan = planned(world, "Bo", policy=BY_LEAD)
    assert {(row.row_id, row.is_parent) for row in plan.rows} == {
        (("office.leads", ("M-1", "[2026-02-01,2026-03-01)")), False),
        (("office.invoices", ("2",)), False),
        (("office.leads", ("M-1", "[2026-01-01,2026-02-01)")), True),
        (("office.matters", ("M-1",)), True),
    }
    restored(world, plan, **BY_LEAD)
    assert world.everything(world.pair.live)["office.leads"] == [
        row for row in before["office.leads"] if "Cy" not in row
    ]


def test_a_period_that_others_cover_by_now_does_not_come_back(world: World) -> None:
    """It would overlap what is there, and the invoice needs it no more."""
    world.on_live(
        NEW_ROWS_AS_OLD + "DELETE FROM office.invoices WHERE id = 2;"
        "DELETE FROM office.invoices WHERE id = 1; DELETE FROM office.leads WHERE who = 'Ada';"
        "INSERT INTO office.leads VALUES ('M-1', '[2025-12-01,2026-01-15)', 'Eve'),"
        " ('M-1', '[2026-01-15,2026-02-01)', 'Fay')"
    )
    plan = planned(world, "Bo", policy=BY_LEAD)
    assert {row.row_id for row in plan.rows} == {("office.invoices", ("2",))}
    restored(world, plan, **BY_LEAD)
    assert world.on_live("SELECT count(*) FROM office.invoices WHERE matter = 'M-1'") == [(2,)]


def test_tables_come_back_with_the_constraints_that_they_had(world: World) -> None:
    new = beside(world, with_structure=True)
    assert constraints(world, new) == constraints(world, "office")
    assert world.on_live(f"SELECT count(*), sum(letters) FROM {new}.matters") == [(2, 6)]
    assert world.on_live(f"SELECT count(*) FROM {new}.leads WHERE since IS NULL") == [(4,)]
    world.on_live(f"DROP SCHEMA {new} CASCADE")


def test_rows_alone_come_back_that_no_new_row_may_be_like(world: World) -> None:
    new = beside(world, with_structure=False)
    assert world.on_live(f"SELECT count(*) FROM {new}.leads WHERE since IS NULL") == [(4,)]
    assert world.on_live(f"SELECT letters FROM {new}.matters") == [(3,), (3,)]
    world.on_live(f"DROP SCHEMA {new} CASCADE")


def beside(world: World, *, with_structure: bool) -> str:
    """The new schema."""
    found = restore_tables(
        firm(**PLAIN),
        TableSelection(schemas=(Identifier("office"),)),
        staged=world.staged,
        live=world.live,
        clock=utc_now,
        with_structure=with_structure,
    )
    return found.tables["office.memos"][0].split(".")[0].strip('"')


def constraints(world: World, schema: str) -> list[tuple[str, str]]:
    found = world.on_live(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        f" WHERE connamespace = '{schema}'::regnamespace ORDER BY conname"
    )
    return [(name, definition.replace(schema, "office")) for name, definition in found]
