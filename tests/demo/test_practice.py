"""The demo firms' database: it is there on both PostgreSQLs, the same for the same seed, and its ledger balances."""

from collections.abc import Iterator
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.host.programs import PostgresPrograms
from muniment_demo.practice import DATABASE, Practice, create_database, fill
from tests.fixtures.clusters import ClusterFactory

SMALL = Practice("Hollander & Xu", scale=0.05)


@pytest.fixture(scope="module")
def cluster(programs: PostgresPrograms, module_cluster_factory: ClusterFactory) -> LocalCluster:
    cluster = module_cluster_factory(programs)
    create_database(cluster.conninfo())
    fill(cluster.conninfo(DATABASE), Practice("Hollander & Xu"))
    return cluster


@pytest.fixture
def connection(cluster: LocalCluster) -> Iterator[psycopg.Connection]:
    """Whatever a test writes is gone after it."""
    with psycopg.connect(cluster.conninfo(DATABASE)) as connection:
        yield connection
        connection.rollback()


def value(connection: psycopg.Connection, query: LiteralString | sql.Composed) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_a_firm_has_tens_of_thousands_of_rows_and_every_table_has_some(connection: psycopg.Connection) -> None:
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'practice'").fetchall()
    counts = {
        table: value(connection, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("practice", table)))
        for (table,) in tables
    }
    assert set(counts) == {
        *("users", "matters", "contacts", "tasks", "notes", "events", "documents", "playbook_clauses"),
        *("trust_accounts", "ledger_entries", "practice_settings"),
    }
    assert min(counts.values()) >= 5
    assert sum(counts.values()) > 20_000


def test_every_transfer_is_two_rows_that_sum_to_zero(connection: psycopg.Connection) -> None:
    odd = "SELECT count(*) FROM (SELECT FROM practice.ledger_entries GROUP BY transfer_id HAVING {}) AS odd"
    assert value(connection, odd.format("count(*) <> 2")) == 0
    assert value(connection, odd.format("sum(amount_cents) <> 0")) == 0
    assert value(connection, "SELECT sum(amount_cents) FROM practice.ledger_entries") == 0


def test_each_matter_holds_what_its_ledger_says(connection: psycopg.Connection) -> None:
    differing = """SELECT count(*) FROM practice.matters AS m JOIN practice.trust_accounts AS a ON a.matter_id = m.id
        WHERE m.trust_balance_cents <> (SELECT coalesce(sum(amount_cents), 0) FROM practice.ledger_entries
                                        WHERE trust_account_id = a.id)"""
    assert value(connection, differing) == 0
    assert value(connection, "SELECT sum(trust_balance_cents) FROM practice.matters") > 0


def test_a_transfer_moves_both_sides(connection: psycopg.Connection) -> None:
    before = value(connection, "SELECT trust_balance_cents FROM practice.matters WHERE id = 3")
    transfer = value(connection, "SELECT practice.transfer(3, 12345, 'retainer')")
    rows = connection.execute(
        "SELECT amount_cents FROM practice.ledger_entries WHERE transfer_id = %s ORDER BY 1", (transfer,)
    ).fetchall()
    assert rows == [(-12345,), (12345,)]
    assert value(connection, "SELECT trust_balance_cents FROM practice.matters WHERE id = 3") == before + 12345


def test_a_transfer_that_does_not_balance_is_refused(connection: psycopg.Connection) -> None:
    connection.execute("UPDATE practice.ledger_entries SET amount_cents = amount_cents + 1 WHERE id = 1")
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="transfer 1 does not balance"):
        connection.commit()


def test_new_rows_follow_on_the_loaded_ones(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO practice.notes (matter_id, author_id, written_at, body) VALUES (1, 1, now(), 'x')")
    last = value(connection, "SELECT max(transfer_id) FROM practice.ledger_entries")
    assert value(connection, "SELECT practice.transfer(1, 100, 'x')") > last


def test_embeddings_are_vectors_where_the_server_has_pgvector(
    connection: psycopg.Connection, programs: PostgresPrograms
) -> None:
    has = value(connection, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'")
    assert value(connection, "SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == has
    assert programs.major != 17 or has
    dimensions: LiteralString = "vector_dims(embedding::vector)" if has else "array_length(embedding::real[], 1)"
    assert value(connection, "SELECT DISTINCT " + dimensions + " FROM practice.documents") == 384


def test_the_same_seed_makes_the_same_rows_and_another_seed_others(
    programs17: PostgresPrograms, cluster_factory: ClusterFactory
) -> None:
    cluster = cluster_factory(programs17)

    def digest(practice: Practice) -> str:
        name = f"practice_{uuid4().hex[:8]}"
        with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        fill(cluster.conninfo(name), practice)
        with psycopg.connect(cluster.conninfo(name)) as connection:
            return str(
                value(
                    connection,
                    "SELECT md5(string_agg(md5(n::text), '' ORDER BY id)) FROM practice.notes AS n"
                    " UNION ALL SELECT md5(string_agg(md5(d::text), '' ORDER BY id)) FROM practice.documents AS d",
                )
            )

    assert digest(SMALL) == digest(SMALL)
    assert digest(SMALL) != digest(Practice("another", scale=0.05))
