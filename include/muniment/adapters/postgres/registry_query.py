"""A query of the registry's own, written by whoever writes its policies: a ledger's balance, a smoke query."""

from typing import Any

import psycopg

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.server import PostgresServer


def first_value(connection: psycopg.Connection[dict[str, Any]], query: str) -> str | None:
    """Of the first row, as text; ``None`` where there is no row."""
    found = connection.execute(query.encode()).fetchone()
    return None if found is None else str(next(iter(found.values())))


def answer(server: PostgresServer, query: str) -> str | None:
    """``first_value`` in a transaction that may not write; an error of PostgreSQL's in its own words.

    Raises ``PostgresError`` where no session begins.
    """
    with server.connect() as connection:
        try:
            connection.execute("BEGIN READ ONLY")
            return first_value(connection, query)
        except psycopg.Error as error:
            return described(error)
