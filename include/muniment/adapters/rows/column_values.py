"""One column of a table as text, as it comes: a firm may have a million rows."""

from collections.abc import Iterator

import psycopg
from psycopg import sql

from muniment.adapters.postgres.server import PostgresServer

ROWS_AT_ONCE = 2000


class ColumnUnreadable(Exception):
    """There is no such column, or this role may not read it. Its text is the first line of PostgreSQL's."""


def column_values(server: PostgresServer, table: str, column: str) -> Iterator[str]:
    """``table``: ``schema.table``. Without NULLs. Raises ``ColumnUnreadable`` and ``ServerUnavailable``."""
    query = sql.SQL("SELECT {0}::text AS value FROM {1} WHERE {0} IS NOT NULL").format(
        sql.Identifier(column), sql.Identifier(*table.split("."))
    )
    try:
        with server.connect() as connection, connection.transaction(), connection.cursor(name="references") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            cursor.execute(query)
            for row in cursor:
                yield row["value"]
    except psycopg.Error as error:
        raise ColumnUnreadable(str(error).strip().split("\n", 1)[0]) from error
