"""What a query of the registry's answers, by PostgreSQL itself: one row with one value, or nothing that proves."""

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.registry_query import answer
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.drill.answers import balance_check, smoke_check
from muniment.domain.secret import Secret
from tests.fixtures.clusters import ClusterFactory

BALANCES = {
    "SELECT 0::numeric(14,8)": (True, "0E-8"),
    "SELECT 0::money": (True, "0.00"),
    "SELECT 12.5::money": (False, "12.50"),
    "SELECT '-1234.5'::money": (False, "-1234.50"),
    "SELECT 0.0::float8": (True, "0.0"),
    "SELECT 0;": (True, "0"),
    "SELECT ''": (False, "not a number"),
    "SELECT '-'": (False, "not a number"),
    "SELECT 'NaN'::numeric": (False, "not a number"),
    "SELECT NULL::numeric": (False, "NULL"),
    "SELECT 0 WHERE false": (False, "no row"),
    "SELECT * FROM generate_series(0, 1)": (False, "several rows"),
    "SELECT 0, 0": (False, "2 columns"),
    "SELECT": (False, "0 columns"),
    "SELECT 0; SELECT 1": (False, "several answers"),
    "SELECT 0 FROM nowhere": (False, 'relation "nowhere" does not exist (SQLSTATE 42P01)'),
    "SELECT 'Hale v. Voss'::numeric": (False, "InvalidTextRepresentation (SQLSTATE 22P02)"),
    "DROP TABLE IF EXISTS ledger": (False, "cannot execute DROP TABLE in a read-only transaction (SQLSTATE 25006)"),
}


@pytest.fixture(scope="module")
def server(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> PostgresServer:
    return PostgresServer("alder", Secret(module_cluster_factory(programs17).conninfo()))


def test_a_balance_is_one_number(server: PostgresServer) -> None:
    checks = {query: balance_check("trust", answer(server, query)) for query in BALANCES}
    assert {query: (check.passed, check.found) for query, check in checks.items()} == BALANCES


def test_a_smoke_query_is_true_in_one_row(server: PostgresServer) -> None:
    queries = ("SELECT true", "SELECT false", "SELECT 1", "SELECT true FROM generate_series(1, 2)", "SELECT null::bool")
    assert [smoke_check("x", answer(server, query)).passed for query in queries] == [True, False, False, False, False]
