"""Keys as PostgreSQL compares them, unique values that change hands, and the numbers that come next."""

from collections.abc import Iterator

import psycopg
import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.domain.rows.matter_plan import MatterPlan
from tests.fixtures.clusters import ClusterFactory
from tests.support.lost_matters import planned, restored
from tests.support.matters import DATABASE, Pair, World, make_pair

PLAIN = {"matters": {"links": [], "shared": []}, "drills": {}, "document_references": []}


@pytest.fixture(scope="module")
def pair(module_cluster_factory: ClusterFactory) -> Iterator[Pair]:
    """Debian's where it is: it has citext and ICU's collations, which the wheel lacks."""
    for made in make_pair(module_cluster_factory, PostgresPrograms.all_available()[0]):
        for cluster in (made.live, made.staged):
            with psycopg.connect(cluster.conninfo(DATABASE), autocommit=True) as connection:
                for extension in ("citext", "btree_gist"):
                    if connection.execute("SELECT FROM pg_available_extensions WHERE name = %s", [extension]).rowcount:
                        connection.execute(f"CREATE EXTENSION {extension}".encode())
        yield made


def lost(world: World, statements: str, **asked: bool) -> MatterPlan:
    """Brought back after ``statements``, and then nothing differs."""
    before = world.everything(world.pair.live)
    world.on_live(statements)
    plan = MatterPlan.from_json(planned(world, policy=PLAIN, **asked).to_json())
    restored(world, plan, **PLAIN)
    assert world.everything(world.pair.live) == before
    assert planned(world, policy=PLAIN).rows == ()
    return plan


def schema(pair: Pair) -> str:
    """The types of texts that are equal however they are spelled, where this PostgreSQL has them."""
    with psycopg.connect(pair.live.conninfo(DATABASE)) as connection:
        citext = connection.execute("SELECT FROM pg_type WHERE typname = 'citext'").rowcount
        icu = connection.execute("SELECT FROM pg_collation WHERE collprovider = 'i'").rowcount
    nocase = "CREATE COLLATION office.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
    return f"""
        CREATE SCHEMA office; {nocase if icu else ""}
        CREATE TABLE office.clients (code {"citext" if citext else "char(8)"} PRIMARY KEY);
        CREATE TABLE office.courts (name text {"COLLATE office.nocase" if icu else ""} PRIMARY KEY);
        CREATE TABLE office.rates (rate numeric, since float8, PRIMARY KEY (rate, since));
        CREATE TABLE office.matters (id bigint PRIMARY KEY, number text UNIQUE,
            client {"citext" if citext else "char(8)"} NOT NULL REFERENCES office.clients);
        CREATE TABLE office.fees (id int PRIMARY KEY, matter_id int REFERENCES office.matters, rate numeric,
            since float8, FOREIGN KEY (rate, since) REFERENCES office.rates);
        CREATE TABLE office.hearings (matter_id bigint REFERENCES office.matters,
            court text {"COLLATE office.nocase" if icu else ""} REFERENCES office.courts,
            PRIMARY KEY (court, matter_id));
        CREATE TABLE office.minutes (id int PRIMARY KEY, court text {"COLLATE office.nocase" if icu else ""},
            matter_id bigint, FOREIGN KEY (court, matter_id) REFERENCES office.hearings DEFERRABLE);
    """


def rows(pair: Pair) -> str:
    with psycopg.connect(pair.live.conninfo(DATABASE)) as connection:
        spelled = connection.execute("SELECT FROM pg_type WHERE typname = 'citext'").rowcount
    client, court = ("acme", "LYON") if spelled else ("ACME", "Lyon")
    return f"""
        INSERT INTO office.clients VALUES ('ACME'); INSERT INTO office.courts VALUES ('Lyon');
        INSERT INTO office.rates VALUES (1.00, 0);
        INSERT INTO office.matters VALUES (3000000000, 'M-1', '{client}'), (2, 'M-2', 'ACME');
        INSERT INTO office.fees VALUES (1, 2, 1.0, '-0');
        INSERT INTO office.hearings VALUES (3000000000, '{court}'), (2, '{court}');
        INSERT INTO office.minutes VALUES (1, 'Lyon', 3000000000), (2, 'Lyon', 2);
    """


ALL_GONE = "TRUNCATE office.clients, office.courts, office.rates CASCADE"


def test_rows_name_each_other_as_postgresql_compares_them(pair: Pair) -> None:
    """Parents by another spelling come back with their children, and a bigint that no int can hold is no crash."""
    world = pair.database(schema(pair), rows(pair))
    world.on_live(ALL_GONE)
    for matter in ("M-1", "M-2"):
        restored(world, planned(world, matter, policy=PLAIN), **PLAIN)
    assert world.everything(pair.live) == world.everything(pair.staged)


def test_a_parent_that_is_there_under_another_spelling_is_there(pair: Pair) -> None:
    world = pair.database(schema(pair), rows(pair))
    world.on_live("UPDATE office.rates SET rate = 1.000")
    world.on_live("DELETE FROM office.minutes; DELETE FROM office.hearings; DELETE FROM office.fees")
    plan = planned(world, "M-2", policy=PLAIN)
    assert [(row.table, row.change) for row in plan.rows] == [
        ("office.fees", "deleted"),
        ("office.hearings", "deleted"),
        ("office.minutes", "deleted"),
    ]
    restored(world, plan, **PLAIN)


def test_a_row_whose_key_is_spelled_otherwise_now_is_the_same_row(pair: Pair) -> None:
    world = pair.database(schema(pair), rows(pair))
    same = world.on_live("SELECT 'Lyon' = 'lyon' COLLATE office.nocase") if "nocase" in schema(pair) else [(False,)]
    if same != [(True,)]:
        pytest.skip("this PostgreSQL has no ICU")
    lost_rows = "ALTER TABLE office.minutes ALTER CONSTRAINT minutes_court_matter_id_fkey DEFERRABLE INITIALLY DEFERRED"
    plan = lost(world, f"{lost_rows}; UPDATE office.hearings SET court = 'lyon' WHERE matter_id = 3000000000")
    assert [(row.change, row.columns) for row in plan.rows] == [("changed", ("court",))]


UNIQUE = """
CREATE SCHEMA office;
CREATE TABLE office.matters (number text PRIMARY KEY);
CREATE TABLE office.tasks (id int PRIMARY KEY, matter text REFERENCES office.matters, position int NOT NULL
    CHECK (position > 0), title text NOT NULL, UNIQUE (matter, position));
CREATE UNIQUE INDEX ON office.tasks (lower(title)) WHERE position < 100;
CREATE TABLE office.contacts (id int PRIMARY KEY, matter text REFERENCES office.matters, email varchar(20) NOT NULL
    UNIQUE);
CREATE TABLE office.letters (id int PRIMARY KEY, matter text REFERENCES office.matters,
    contact int NOT NULL REFERENCES office.contacts, "100%" int DEFAULT 1);
CREATE TABLE office.rooms (id int PRIMARY KEY, matter text REFERENCES office.matters, booked tsrange NOT NULL,
    EXCLUDE USING gist (booked WITH &&));
"""
HELD = """
INSERT INTO office.matters VALUES ('M-1'), ('M-2');
INSERT INTO office.tasks SELECT n, 'M-1', n, 'Task ' || n FROM generate_series(1, 5) n;
INSERT INTO office.contacts VALUES (1, 'M-1', 'a@b');
INSERT INTO office.letters VALUES (1, 'M-1', 1, 5);
INSERT INTO office.rooms VALUES (1, 'M-1', '[2026-01-01, 2026-01-02)'), (2, 'M-1', '[2026-01-02, 2026-01-03)');
"""


def test_unique_values_that_changed_hands_go_back_whoever_has_them(pair: Pair) -> None:
    world = pair.database(UNIQUE, HELD)
    lost(world, "DELETE FROM office.tasks WHERE id = 2; UPDATE office.tasks SET position = id - 1 WHERE id = 3;"
                "UPDATE office.tasks SET position = id - 1 WHERE id = 4")  # fmt: skip
    exchanged = """
        UPDATE office.tasks SET title = title || 'x', position = position + 100;
        UPDATE office.tasks SET position = 4 - id, title = 'task ' || (4 - id) WHERE id < 4;
        UPDATE office.tasks SET position = id, title = 'Task ' || id WHERE id > 3;
        UPDATE office.rooms SET booked = 'empty';
        UPDATE office.rooms SET booked = CASE id WHEN 2 THEN '[2026-01-01, 2026-01-02)'::tsrange
            ELSE '[2026-01-02, 2026-01-03)' END
    """
    lost(world, exchanged)
    # Made anew under the same address: the letter names the new one, so that it cannot go first.
    anew = """
        UPDATE office.contacts SET email = 'x'; INSERT INTO office.contacts VALUES (2, 'M-1', 'a@b');
        UPDATE office.letters SET contact = 2; DELETE FROM office.contacts WHERE id = 1
    """
    lost(world, anew, exactly=True)


NUMBERED = """
CREATE SCHEMA office;
CREATE SEQUENCE office.everybodys;
CREATE TABLE office.matters (number text PRIMARY KEY);
CREATE SEQUENCE office.texts;
CREATE TABLE office.lines (id serial PRIMARY KEY, matter text REFERENCES office.matters,
    code text DEFAULT 'L-' || nextval('office.texts'), other bigint DEFAULT nextval('office.everybodys'),
    down int GENERATED BY DEFAULT AS IDENTITY (INCREMENT -1));
ALTER SEQUENCE office.texts OWNED BY office.lines.code;
"""
LINES = """
INSERT INTO office.matters VALUES ('M-1'); INSERT INTO office.lines (matter) SELECT 'M-1' FROM generate_series(1, 9)
"""


def test_the_next_number_is_never_one_that_came_back(pair: Pair) -> None:
    world = pair.database(NUMBERED, LINES)
    for on_live in ("RESTART WITH 9", "RESTART WITH 3"):
        lost(world, f"""
            DELETE FROM office.lines; ALTER SEQUENCE office.lines_id_seq {on_live};
            ALTER SEQUENCE office.everybodys {on_live};
            ALTER SEQUENCE office.lines_down_seq {on_live.replace("9", "-9").replace("3", "-3")}
        """)  # fmt: skip
        (made,) = world.on_live("INSERT INTO office.lines (matter) VALUES ('M-1') RETURNING id, other, down")
        assert made == (10, 10, -10)
        world.on_live("DELETE FROM office.lines WHERE id = 10")


OLD = """
CREATE SCHEMA office;
CREATE TABLE office.matters (number text PRIMARY KEY);
CREATE TABLE office.courts (id int PRIMARY KEY);
CREATE TABLE office.lines (id int PRIMARY KEY, matter text REFERENCES office.matters, cents int, court int);
CREATE UNLOGGED TABLE office.cache (matter text REFERENCES office.matters);
"""
OLD_ROWS = """
INSERT INTO office.matters VALUES ('M-1');
INSERT INTO office.lines VALUES (1, 'M-1', -5, 7), (2, 'M-1', 5, NULL);
ALTER TABLE office.lines ADD CONSTRAINT positive CHECK (cents > 0) NOT VALID;
ALTER TABLE office.lines ADD CONSTRAINT heard FOREIGN KEY (court) REFERENCES office.courts NOT VALID;
"""


def test_old_rows_under_constraints_that_are_not_valid_come_back_and_unlogged_ones_are_told(pair: Pair) -> None:
    world = pair.database(OLD, OLD_ROWS)
    told = "SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'office.lines'::regclass ORDER BY 1"
    there = world.on_live(told)
    plan = lost(world, "DELETE FROM office.lines")
    assert world.on_live(told) == there
    assert (
        "office.cache is UNLOGGED: no backup has its rows, and what hangs on office.matters is left alone" in plan.notes
    )
