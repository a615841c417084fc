"""What PostgreSQL itself makes of the names that we write."""

import psycopg
import pytest
from psycopg import sql

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.quoting import beside_placeholders, identifier
from muniment.domain.sql_names import TableName, parse_parts, spelled
from tests.fixtures.clusters import ClusterFactory

NAMES = (
    "notes",
    "TimeEntries",
    "a=b",
    "a.b",
    'it\'s "x"',
    "back\\slash",
    "100% {}",
    "Akten Ä",
    "order",
    "$x",
    "9lives",
)


def test_names_are_written_as_quote_ident_does_and_read_as_the_parser_does(
    cluster_factory: ClusterFactory, programs: PostgresPrograms
) -> None:
    with psycopg.connect(cluster_factory(programs).conninfo(), autocommit=True) as connection:
        words = [word for (word,) in connection.execute("SELECT word FROM pg_get_keywords()")]
        for name in (*NAMES, *words):
            (theirs,) = connection.execute("SELECT quote_ident(%s)", (name,)).fetchone() or ("",)
            # A newer version has more keywords: to quote one too many harms nobody.
            assert spelled(name) in (theirs, f'"{name}"')
            assert parse_parts(theirs) == (name,)
        for name in NAMES:
            table = TableName(f"{name} s", name)
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(table.schema)))
            connection.execute(sql.SQL("CREATE TABLE {} AS SELECT 1 AS n").format(identifier(table)))
            connection.execute(f"INSERT INTO {table} VALUES (2)".encode())
            query = sql.SQL("SELECT n FROM {} WHERE n > %s").format(beside_placeholders(identifier(table)))
            assert connection.execute(query, (1,)).fetchall() == [(2,)]
        with pytest.raises(psycopg.ProgrammingError, match="placeholder"):
            connection.execute(sql.SQL("SELECT %s AS {}").format(sql.Identifier("100% {}")), (1,))
