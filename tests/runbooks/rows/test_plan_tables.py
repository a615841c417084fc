"""Tables, schemas and databases out of a staged server: beside what is live, and in its place."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.approval import Approval
from muniment.domain.rows.table_plan import DatabasePlan, TablesPlan
from muniment.domain.secret import Secret
from muniment.domain.sql_names import Identifier, TableName, quoted
from muniment.errors import (
    DatabaseHeld,
    InvalidRequest,
    LedgerOutOfBalance,
    LiveRowsChanged,
    NotApproved,
    RowsRefused,
    TablesNotRestorable,
)
from muniment.ports import utc_now
from muniment.runbooks.rows.plan_tables import TablesBeside, TableSelection, restore_tables
from muniment.runbooks.rows.replace_tables import plan_replacement, replace_tables
from muniment.runbooks.rows.restore_database import plan_swap, restore_database, swap_database
from tests.fixtures.clusters import ClusterFactory
from tests.support.matters import DATABASE, ENGINEER, LEAD, Pair, World, approval, firm, make_pair
from tests.support.partitioned_matters import LOGGED, PARTITIONED


def chosen(*tables: str, schemas: tuple[str, ...] = ()) -> TableSelection:
    return TableSelection(tuple(map(TableName.parse, tables)), tuple(map(Identifier.parse, schemas)))


NOTES = chosen("office.notes", "office.attachments")


@pytest.fixture(scope="module")
def pair(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> Iterator[Pair]:
    yield from make_pair(module_cluster_factory, programs17, max_prepared_transactions=2, wal_level="logical")


@pytest.fixture
def world(pair: Pair) -> World:
    return pair.database()


def beside(world: World, selection: TableSelection, **how: Any) -> TablesBeside:
    return restore_tables(firm(), selection, staged=world.staged, live=world.live, clock=utc_now, **how)


def schemas(world: World) -> set[str]:
    return {name for (name,) in world.on_live("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|inf)'")}


def forget(world: World, *names: str) -> None:
    for name in names:
        world.on_live(f"DROP SCHEMA {name} CASCADE")


def test_tables_come_back_under_another_schemas_name_with_their_keys(world: World) -> None:
    world.on_live("DELETE FROM office.attachments; UPDATE office.notes SET body = 'rewritten'")
    there = world.everything(world.pair.live)
    found = beside(world, NOTES)
    (notes, rows), (attachments, _) = found.tables["office.notes"], found.tables["office.attachments"]
    assert rows == 4
    assert notes.startswith("office_restored_2")
    query = "SELECT t::text FROM {} t ORDER BY 1"
    assert world.on_live(query.format(notes)) == world.on_staged(query.format("office.notes"))
    assert world.on_live(query.format(attachments)) == world.on_staged(query.format("office.attachments"))
    keys = world.on_live(
        f"SELECT contype::text, conrelid::regclass::text FROM pg_constraint"
        f" WHERE conrelid IN ('{notes}'::regclass, '{attachments}'::regclass) AND contype IN ('p', 'f') ORDER BY 1, 2"
    )
    # A note's key to its matter leads out of what was chosen.
    assert [kind for kind, _ in keys] == ["f", "p", "p"]
    # What is live was not touched, and nothing is left in the staged database.
    new = notes.split(".")[0]
    now = world.everything(world.pair.live)
    assert {name: rows for name, rows in now.items() if not name.startswith("office_restored")} == there
    assert world.on_staged("SELECT FROM pg_namespace WHERE nspname ~ '_restored_'") == []
    forget(world, new)


def test_rows_alone_and_a_whole_schema(world: World) -> None:
    found = beside(world, chosen(schemas=("office",)), with_structure=False)
    assert len(found.tables) == 10
    assert found.tables["office.entries"][1] == 4
    new = found.tables["office.entries"][0].split(".")[0]
    plain = new.strip('"')
    assert (
        world.on_live(f"SELECT FROM pg_constraint WHERE connamespace = '{plain}'::regnamespace AND contype <> 'n'")
        == []
    )
    assert world.on_live(f"SELECT words FROM {new}.notes WHERE no = 1 AND matter_id = 2") == [(5,)]
    forget(world, new)


def test_what_is_not_there_is_named_all_at_once(world: World) -> None:
    with pytest.raises(InvalidRequest) as wrong:
        beside(world, chosen("office.nots", "office.zebras", "office.notes", schemas=("offices", '"Firm Archive"')))
    assert wrong.value.facts["faults"].splitlines() == [
        "there is no table office.nots; do you mean office.notes?",
        "there is no table office.zebras",
        "there is no schema offices with a table; do you mean office?",
        'there is no schema "Firm Archive" with a table',
    ]
    with pytest.raises(InvalidRequest, match="which tables"):
        beside(world, TableSelection())


def test_an_unlogged_table_is_not_emptied_as_it_was(world: World) -> None:
    """A restored copy has none of its rows: in place, all live ones would be gone."""
    for on in (world.on_live, world.on_staged):
        on("CREATE UNLOGGED TABLE office.cache (id bigint PRIMARY KEY)")
    world.on_live("INSERT INTO office.cache SELECT generate_series(1, 50)")
    how: dict[str, Any] = {"staged": world.staged, "live": world.live, "clock": utc_now}
    for selection in (chosen("office.cache"), chosen(schemas=("office",))):
        for bring_back, more in ((restore_tables, {}), (plan_replacement, {"requested_by": ENGINEER})):
            with pytest.raises(InvalidRequest) as refused:
                bring_back(firm(), selection, **how, **more)
            assert refused.value.facts["faults"] == "office.cache is UNLOGGED: no backup has its rows"
    assert world.on_live("SELECT count(*) FROM office.cache") == [(50,)]


def test_a_type_that_the_live_database_lacks_comes_along_under_its_own_name(world: World) -> None:
    world.on_live("ALTER TYPE office.stage RENAME TO phase")
    found = beside(world, chosen("office.matters"))
    assert found.notes == ("type office.stage was gone, and came back under its own name",)
    forget(world, found.tables["office.matters"][0].split(".")[0])


LOST = """
SET check_function_bodies = off;
CREATE SCHEMA office;
CREATE SEQUENCE office.everybodys; CREATE SEQUENCE office.texts;
CREATE DOMAIN office.cents AS bigint CHECK (VALUE > -100);
CREATE TYPE office.stage AS ENUM ('open', 'closed');
CREATE FUNCTION office.known(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN plain($1) <> $$$$; END';
CREATE FUNCTION office.folded(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN lower(plain($1)); END';
CREATE FUNCTION office.plain(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT trim($1)';
CREATE TABLE office.books (id serial PRIMARY KEY, no bigint GENERATED ALWAYS AS IDENTITY (START 50),
    code text DEFAULT 'B-' || nextval('office.texts') UNIQUE, other bigint DEFAULT nextval('office.everybodys'),
    fee office.cents, stage office.stage[], title text CHECK (office.known(title)), years int CHECK (years > 0),
    twice text GENERATED ALWAYS AS (office.folded(title) || office.folded(title)) STORED);
CREATE INDEX ON office.books (office.folded(title));
ALTER SEQUENCE office.texts OWNED BY office.books.code;
CREATE TABLE office.pages ("at" date, book int, PRIMARY KEY ("at", book)) PARTITION BY RANGE ("at");
CREATE TABLE office.pages_2025 PARTITION OF office.pages FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')
    PARTITION BY LIST (book);
CREATE TABLE office."pages of 1" PARTITION OF office.pages_2025 FOR VALUES IN (1);
CREATE TABLE office.pages_rest PARTITION OF office.pages DEFAULT;
ALTER TABLE office.pages ADD FOREIGN KEY (book) REFERENCES office.books ON DELETE CASCADE;
"""
LOST_ROWS = """
SET search_path = office;
INSERT INTO books (fee, stage, title, years) VALUES (1, '{open}', ' Bleak ', 1), (2, NULL, 'House', 1);
INSERT INTO pages VALUES ('2025-03-01', 1), ('2026-03-01', 2);
UPDATE books SET years = 5 WHERE id = 1;
ALTER TABLE books ADD CONSTRAINT few CHECK (years < 3) NOT VALID;
"""


def test_a_dropped_schema_comes_back_with_all_that_its_tables_need(pair: Pair) -> None:
    """Numbers of a serial, an identity and a text, domains, functions that need a path, partitions, NOT VALID."""
    world = pair.database(LOST, LOST_ROWS)
    world.on_live("DROP SCHEMA office CASCADE")
    found = beside(world, TableSelection(schemas=(Identifier("office"),)))
    schema = found.tables["office.books"][0].split(".")[0]
    assert {name: rows for name, (_, rows) in found.tables.items()} == {
        "office.books": 2, "office.pages": 2,
    }  # fmt: skip
    assert "function office.folded(text) was gone, and came back under its own name" in found.notes
    assert not [note for note in found.notes if "cannot" in note]
    told = f"""
        SELECT conname, convalidated, pg_get_constraintdef(oid) LIKE '%CASCADE' FROM pg_constraint
        WHERE conrelid IN ('{schema}.books'::regclass, '{schema}.pages'::regclass) AND contype IN ('c', 'f') ORDER BY 1
    """
    assert world.on_live(told) == [
        ("books_title_check", True, False), ("books_years_check", True, False), ("few", False, False),
        ("pages_book_fkey", True, True),
    ]  # fmt: skip
    world.on_live("ALTER DATABASE firm SET search_path = office")
    made = world.on_live(f"INSERT INTO {schema}.books (title) VALUES ('House') RETURNING id, no, code, other, twice")
    world.on_live("ALTER DATABASE firm RESET search_path")
    assert made == [(3, 52, "B-3", 3, "househouse")]
    leaves = f"SELECT relid::regclass::text, isleaf FROM pg_partition_tree('{schema}.pages')"
    assert len(world.on_live(leaves)) == len(world.on_staged(leaves.replace(schema, "office"))) == 4
    for table in ("books", "pages"):
        world.on_live(f"ALTER TABLE {schema}.{table} SET SCHEMA office")
    assert world.on_live("SELECT nextval(pg_get_serial_sequence('office.books', 'id'))") == [(4,)]
    forget(world, schema)


def test_a_password_is_in_no_argument_list_and_works(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    passwords = []

    def with_password(server: PostgresServer) -> PostgresServer:
        told = server.conninfo.reveal()
        passfile = Path(str(psycopg.conninfo.conninfo_to_dict(told)["passfile"]))
        passwords.append(passfile.read_text().strip().rsplit(":", 1)[1])
        told = psycopg.conninfo.make_conninfo(told, passfile="/dev/null", password=passwords[-1])
        return PostgresServer("acme", Secret(told), DATABASE)

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, argv: list[str], **more: Any) -> None:
            seen.extend([*argv, *(more.get("env") or {}).values()])
            super().__init__(argv, **more)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    staged, live = with_password(world.staged), with_password(world.live)
    found = restore_tables(firm(), NOTES, staged=staged, live=live, clock=utc_now)
    assert any("pg_dump" in word for word in seen)
    assert not any(password in word for password in passwords for word in seen)
    forget(world, found.tables["office.notes"][0].split(".")[0])


# In place.


def replacement(world: World, *tables: str, **policy: Any) -> TablesPlan:
    selection = chosen(*tables) if tables else NOTES
    return plan_replacement(
        firm(**policy), selection, staged=world.staged, live=world.live, requested_by=ENGINEER, clock=utc_now
    )


def replaced(world: World, plan: TablesPlan, by: str = LEAD) -> dict[str, str]:
    plan = TablesPlan.from_json(plan.to_json())
    return replace_tables(firm(), plan, approval=approval(plan, by), staged=world.staged, live=world.live)


def test_tables_are_replaced_in_place_and_what_was_there_is_kept_beside(world: World) -> None:
    before = world.everything(world.pair.live)
    world.on_live("DELETE FROM office.attachments; UPDATE office.notes SET body = 'rewritten'")
    plan = replacement(world)
    assert "office.notes: 4 rows now, 4 rows then; the rows of now are kept beside" in list(plan.lines())
    aside = replaced(world, plan)
    schema = aside["office"]
    assert world.on_live(f"SELECT DISTINCT body FROM {schema}.notes") == [("rewritten",)]
    forget(world, schema)
    assert world.everything(world.pair.live) == before


def test_tables_that_others_name_or_that_were_altered_are_refused(world: World) -> None:
    world.on_live("ALTER TABLE office.attachments ADD COLUMN size bigint")
    with pytest.raises(TablesNotRestorable) as refused:
        replacement(world, "office.notes", "office.accounts")
    assert refused.value.facts["faults"].splitlines() == [
        "office.accounts: rows of office.entries name it (entries_account_id_fkey), so it cannot be replaced without"
        " that table",
        "office.notes: rows of office.attachments name it (attachments_matter_id_note_no_fkey), so it cannot be"
        " replaced without that table",
    ]
    with pytest.raises(TablesNotRestorable, match=r"office.attachments: it has other columns now"):
        replacement(world)


def test_a_replacement_of_what_changed_since_its_plan_is_refused(world: World) -> None:
    plan = replacement(world)
    world.on_live("UPDATE office.notes SET body = 'mine' WHERE no = 2")
    there = world.everything(world.pair.live)
    with pytest.raises(LiveRowsChanged) as refused:
        replaced(world, plan)
    assert refused.value.what == "some rows of 2 tables are not as the plan saw them in live:\n  office.notes"
    with pytest.raises(NotApproved, match="engineer asked for it"):
        replaced(world, replacement(world), by=ENGINEER)
    assert world.everything(world.pair.live) == there


def test_a_replacement_that_breaks_the_ledger_leaves_nothing_of_it(world: World) -> None:
    world.on_staged("DELETE FROM office.entries WHERE cents = 500")
    there = world.everything(world.pair.live)
    with pytest.raises(LedgerOutOfBalance, match="after the restore: ledger is -500, transfers is 1"):
        replaced(world, replacement(world, "office.entries"))
    assert world.everything(world.pair.live) == there


def test_partitions_and_names_that_need_quotes_beside_and_in_place(pair: Pair) -> None:
    world = pair.database(PARTITIONED, LOGGED)
    before = world.everything(pair.live)
    world.on_live('DELETE FROM office.seen; UPDATE office."My Logs: 100%" SET "it\'s 50% off" = \'changed\'')
    logs = chosen('office."My Logs: 100%"', "OFFICE.Seen")
    place, rows = beside(world, logs).tables['office."My Logs: 100%"']
    assert (rows, world.on_live(f'SELECT "it\'s 50% off" FROM {place} ORDER BY 1')) == (2, [("a",), ("b",)])
    forget(world, place.split(".")[0])
    policy: dict[str, Any] = {"matters": {}, "drills": {}}
    plan = plan_replacement(
        firm(**policy), logs, staged=world.staged, live=world.live, requested_by=ENGINEER, clock=utc_now
    )
    done = replace_tables(firm(**policy), plan, approval=approval(plan), staged=world.staged, live=world.live)
    forget(world, done["office"])
    assert world.everything(pair.live) == before


OLD_ROWS = """
CREATE TABLE office.old (id serial, cents int, scan oid);
INSERT INTO office.old (cents, scan) VALUES (-1, NULL), (1, lo_from_bytea(95001, 'seal'));
ALTER TABLE office.old ADD CHECK (cents > 0) NOT VALID;
"""


def test_old_rows_under_a_constraint_that_is_not_valid_come_back_in_place_and_numbers_go_on(world: World) -> None:
    for on in (world.on_live, world.on_staged):
        on(OLD_ROWS)
    before = world.on_live("TABLE office.old")
    world.on_live("TRUNCATE office.old RESTART IDENTITY; SELECT lo_unlink(95001)")
    policy: dict[str, Any] = {"matters": {}, "drills": {}}
    selection, both = chosen("office.old"), {"staged": world.staged, "live": world.live}
    plan = plan_replacement(firm(**policy), selection, requested_by=ENGINEER, clock=utc_now, **both)
    assert "large objects: 1 are gone and come back (4 B): 95001" in list(plan.lines())
    forget(world, replace_tables(firm(**policy), plan, approval=approval(plan), **both)["office"])
    assert world.on_live("TABLE office.old") == before
    assert world.on_live("SELECT convalidated FROM pg_constraint WHERE conname = 'old_cents_check'") == [(False,)]
    assert world.on_live("INSERT INTO office.old (cents) VALUES (1) RETURNING id, lo_get(95001)") == [(3, b"seal")]


# Databases.


@pytest.fixture
def library(pair: Pair) -> Iterator[World]:
    """A database of its own in both, which tests may rename."""
    for cluster in (pair.live, pair.staged):
        with psycopg.connect(cluster.conninfo("template1"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE library")
            connection.execute('ALTER DATABASE library SET search_path TO office, "$user"')
            connection.execute("ALTER DATABASE library SET statement_timeout TO '5min'")
            connection.execute("REVOKE CONNECT ON DATABASE library FROM PUBLIC")
        with psycopg.connect(cluster.conninfo("library")) as connection:
            connection.execute("CREATE SCHEMA office; CREATE TABLE office.books (id bigint PRIMARY KEY, title text)")
            connection.execute("INSERT INTO office.books VALUES (1, 'Bleak House')")
    yield World(pair, "library")
    for cluster in (pair.live, pair.staged):
        with psycopg.connect(cluster.conninfo("template1"), autocommit=True) as connection:
            for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^library'").fetchall():
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def restored_name(library: World) -> str:
    found = restore_database(firm(), "library", staged=library.staged, live=library.live, clock=utc_now)
    assert found.size_bytes > 1_000_000
    return found.name


def test_a_database_comes_back_beside_the_live_one_with_its_settings_and_rights(library: World) -> None:
    library.on_live("DELETE FROM office.books")
    name = restored_name(library)
    again = World(library.pair, name)
    assert again.on_live("SELECT title FROM books") == [("Bleak House",)]
    assert again.on_live("SHOW statement_timeout") == [("5min",)]
    assert again.on_live("SELECT has_database_privilege('pg_monitor', current_database(), 'CONNECT')") == [(False,)]
    assert library.on_live("SELECT count(*) FROM office.books") == [(0,)]
    with pytest.raises(InvalidRequest, match=r"the staged cluster has no database libary; do you mean library\?"):
        restore_database(firm(), "libary", staged=library.staged, live=library.live, clock=utc_now)


@pytest.mark.parametrize("name", ["library = b", 'it\'s "Library"', "100% lib\\rary.Ünï", "postgresql://library"])
def test_a_database_comes_back_and_changes_hands_whatever_its_name_is(library: World, name: str) -> None:
    """An equals sign, or what looks like an address, was a connection string to pg_restore."""
    spelled = quoted(name)
    for cluster in (library.pair.live, library.pair.staged):
        with psycopg.connect(cluster.conninfo("template1"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {spelled} TEMPLATE library".encode())
    how: dict[str, Any] = {"live": library.live, "clock": utc_now}
    done = restore_database(firm(), name, staged=library.staged, **how)
    plan = plan_swap(firm(), done.name, name, requested_by=ENGINEER, **how)
    swap_database(firm(), plan, approval=approved(plan), live=library.live)
    assert World(library.pair, name).on_live("SELECT title FROM office.books") == [("Bleak House",)]
    for cluster in (library.pair.live, library.pair.staged):
        with psycopg.connect(cluster.conninfo("template1"), autocommit=True) as connection:
            for made in (name, plan.before):
                connection.execute(f"DROP DATABASE IF EXISTS {quoted(made)} WITH (FORCE)".encode())


PATHS = """
CREATE FUNCTION office.plain(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT trim($1)';
CREATE FUNCTION office.folded(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN lower(plain($1)); END';
CREATE FUNCTION office.own(text) RETURNS text IMMUTABLE LANGUAGE sql SET search_path = office AS 'SELECT plain($1)';
CREATE TABLE office.shelves (title text CHECK (folded(title) <> ''),
    twice text GENERATED ALWAYS AS (folded(title)) STORED);
CREATE INDEX ON office.shelves (folded(title));
CREATE MATERIALIZED VIEW office.seen AS SELECT folded(title) AS title FROM office.shelves WITH NO DATA;
CREATE UNLOGGED TABLE office.cache (id int);
INSERT INTO office.shelves VALUES (' Bleak ');
"""


def test_a_database_whose_indexes_and_checks_need_a_search_path_comes_back(library: World) -> None:
    """pg_restore empties it; PostgreSQL 17 does wherever an index is built."""
    library.on_staged(PATHS)
    done = restore_database(firm(), "library", staged=library.staged, live=library.live, clock=utc_now)
    again = World(library.pair, done.name)
    query = "SELECT title, twice FROM office.shelves WHERE folded(title) = 'bleak'"
    assert again.on_live(query) == [(" Bleak ", "bleak")]
    functions = "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'office'::regnamespace ORDER BY 1"
    assert again.on_live(functions) == library.on_staged(functions)
    empty, with_path = done.notes
    assert empty == "UNLOGGED, and empty in it, since no backup has their rows: office.cache"
    assert with_path.startswith("2 functions had the database's search_path while the rows came")


def test_a_database_of_another_locale_keeps_it(library: World) -> None:
    """ICU's, and from PostgreSQL 17 on, whose wheel has no ICU, the built-in provider's."""
    builtin = library.pair.live.programs.major >= 17
    provider = "builtin BUILTIN_LOCALE 'C.UTF-8'" if builtin else "icu ICU_LOCALE 'sv'"
    for cluster in (library.pair.live, library.pair.staged):
        with psycopg.connect(cluster.conninfo("template1"), autocommit=True) as connection:
            statement = f"CREATE DATABASE library_of_words TEMPLATE template0 LOCALE_PROVIDER {provider} LC_COLLATE 'C'"
            connection.execute(statement.encode())
    done = restore_database(firm(), "library_of_words", staged=library.staged, live=library.live, clock=utc_now)
    told = "SELECT datlocprovider::text, datcollate FROM pg_database WHERE datname = current_database()"
    assert World(library.pair, done.name).on_live(told) == [("b" if builtin else "i", "C")]


def swap_plan(library: World) -> DatabasePlan:
    return plan_swap(firm(), restored_name(library), "library", live=library.live, requested_by=ENGINEER, clock=utc_now)


def approved(plan: DatabasePlan, by: str = LEAD) -> Approval:
    return approval(plan, by)


def test_it_takes_the_live_ones_name_after_approval_and_the_old_one_is_kept(library: World) -> None:
    library.on_live("UPDATE office.books SET title = 'encrypted'")
    with psycopg.connect(library.pair.live.conninfo("library")):
        plan = swap_plan(library)
        assert plan.sessions == 1
        with pytest.raises(NotApproved):
            swap_database(firm(), plan, approval=approved(plan, ENGINEER), live=library.live)
        swap_database(firm(), plan, approval=approved(plan), live=library.live)
    assert library.on_live("SELECT title FROM books") == [("Bleak House",)]
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(library.pair.live.conninfo(plan.before))
    with psycopg.connect(library.pair.live.conninfo("template1"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {plan.before} ALLOW_CONNECTIONS true".encode())
    assert World(library.pair, plan.before).on_live("SELECT title FROM office.books") == [("encrypted",)]


def test_a_pool_that_connects_again_and_again_does_not_keep_it_from_changing_hands(library: World) -> None:
    plan = swap_plan(library)
    over, unknown = threading.Event(), []

    def connect_for_ever() -> None:
        while not over.is_set():
            try:
                with psycopg.connect(library.pair.live.conninfo("library"), connect_timeout=30) as connection:
                    connection.execute("SELECT FROM office.books")
            except psycopg.OperationalError as error:
                unknown.extend([str(error)] if "does not exist" in str(error) else [])

    pool = [threading.Thread(target=connect_for_ever) for _ in range(3)]
    for each in pool:
        each.start()
    try:
        swap_database(firm(), plan, approval=approved(plan), live=library.live)
    finally:
        over.set()
        for each in pool:
            each.join()
    # Whoever waited at the door while the names changed is sent away once, by PostgreSQL itself.
    assert all("It seems to have just been dropped or renamed" in each for each in unknown)
    assert len(unknown) <= len(pool)
    assert library.on_live("SELECT title FROM books") == [("Bleak House",)]


def test_a_restored_database_that_is_gone_is_refused_and_the_live_one_keeps_its_name(library: World) -> None:
    plan = swap_plan(library)
    with psycopg.connect(library.pair.live.conninfo("template1"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {plan.restored}".encode())
    with pytest.raises(RowsRefused, match=f'database "{plan.restored}" does not exist'):
        swap_database(firm(), plan, approval=approved(plan), live=library.live)
    assert library.on_live("SELECT title FROM books") == [("Bleak House",)]


def test_a_prepared_transaction_that_holds_it_is_named_before_anything_is_touched(library: World) -> None:
    """PostgreSQL would wait, and then speak of sessions that there are not."""
    with psycopg.connect(library.pair.live.conninfo("library"), autocommit=True) as application:
        application.execute("SELECT pg_create_logical_replication_slot('feed', 'pgoutput')")
        application.execute("BEGIN; DELETE FROM office.books; PREPARE TRANSACTION 'it''s half'")
        try:
            plan = swap_plan(library)
            held, slot = plan.notes
            assert held.startswith(
                """to be ended before it is applied: prepared transaction "it's half" of postgres in"""
            )
            assert slot == "replication slot feed stays with what was live: whoever reads it finds none in the other"
            with pytest.raises(DatabaseHeld) as refused:
                swap_database(firm(), plan, approval=approved(plan), live=library.live)
            assert application.execute("SELECT title FROM office.books").fetchall() == [("Bleak House",)]
        finally:
            application.execute("SELECT pg_drop_replication_slot('feed')")
            application.execute("ROLLBACK PREPARED 'it''s half'")
    lines = str(refused.value).splitlines()
    assert lines[0] == "database library of firm acme cannot change its name:"
    assert lines[1].startswith("""  prepared transaction "it's half" of postgres in library, since 20""")
    assert lines[2:] == [
        "KEPT: every database under its name, and every session: none was ended",
        "HINT: connect to it, and COMMIT PREPARED or ROLLBACK PREPARED each transaction; drop an invalid database."
        " Then the same plan can be applied.",
    ]
    swap_database(firm(), plan, approval=approved(plan), live=library.live)
