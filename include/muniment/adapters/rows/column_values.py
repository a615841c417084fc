"""One column of a table as text, as it comes: a firm may have a million rows."""

from collections.abc import Iterator

import psycopg
from psycopg import sql

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.quoting import identifier
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.sql_names import Identifier, TableName

ROWS_AT_ONCE = 2000


_ABSENT = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName)


class ColumnUnreadable(Exception):
    """There is no such column (``is_absent``), or this role may not read it. Its text is PostgreSQL's, without a value
    of a row."""

    def __init__(self, text: str, *, is_absent: bool) -> None:
        super().__init__(text)
        self.is_absent = is_absent


def column_values(server: PostgresServer, table: TableName, column: Identifier) -> Iterator[str]:
    """Without NULLs. Raises ``ColumnUnreadable`` and ``PostgresError``."""
    query = sql.SQL("SELECT {0}::text AS value FROM {1} WHERE {0} IS NOT NULL").format(
        sql.Identifier(column.name), identifier(table)
    )
    with server.connect() as connection, connection.transaction(), connection.cursor(name="references") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        try:
            cursor.execute(query)
            for row in cursor:
                yield row["value"]
        except (psycopg.ProgrammingError, psycopg.DataError) as error:
            raise ColumnUnreadable(described(error), is_absent=isinstance(error, _ABSENT)) from None
