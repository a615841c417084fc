"""A query of the registry's own, written by whoever writes its policies: a ledger's balance, a smoke query."""

import re
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.drill.answers import Answer


class _MoneyLoader(Loader):
    """As ``lc_monetary = 'C'`` writes it: ``-$1,234.50``."""

    def load(self, data: Buffer) -> Decimal:
        return Decimal(re.sub(rb"[$,]", b"", bytes(data)).decode())


def only_value(connection: psycopg.Connection[dict[str, Any]], query: str) -> Answer:
    """In an open transaction. A query that answers with no row, with several or with several columns has no value."""
    connection.execute("SET LOCAL lc_monetary = 'C'")
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("money", _MoneyLoader)
        cursor.execute(query.encode())
        columns = len(cursor.description or ())
        rows = cursor.fetchmany(2) if columns else []
        if columns != 1:
            return Answer(None, f"{columns} columns")
        if len(rows) != 1:
            return Answer(None, "several rows" if rows else "no row")
        value = next(iter(rows[0].values()))
        if cursor.nextset():
            return Answer(None, "several answers")
    return Answer(None, "NULL") if value is None else Answer(str(value))


def answer(server: PostgresServer, query: str) -> Answer:
    """``only_value`` in a transaction that may not write; what PostgreSQL refuses is told.

    Raises ``PostgresError`` where no session begins.
    """
    with server.connect() as connection:
        try:
            connection.execute("BEGIN READ ONLY")
            return only_value(connection, query)
        except psycopg.Error as error:
            return Answer(None, described(error))
