"""One column of a table as text, as it comes: a firm may have a million rows."""

from collections.abc import Iterator

import psycopg
from psycopg import sql

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.server import PostgresServer

ROWS_AT_ONCE = 2000


class ColumnUnreadable(Exception):
    """There is no such column, or this role may not read it. Its text is PostgreSQL's, without a value of a row."""


def column_values(server: PostgresServer, table: str, column: str) -> Iterator[str]:
    """``table``: ``schema.table``. Without NULLs. Raises ``ColumnUnreadable`` and ``PostgresError``."""
    query = sql.SQL("SELECT {0}::text AS value FROM {1} WHERE {0} IS NOT NULL").format(
        sql.Identifier(column), sql.Identifier(*table.split("."))
    )
    with server.connect() as connection, connection.transaction(), connection.cursor(name="references") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        try:
            cursor.execute(query)
            for row in cursor:
                yield row["value"]
        except (psycopg.ProgrammingError, psycopg.DataError) as error:
            raise ColumnUnreadable(described(error)) from None
