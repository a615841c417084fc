"""B-trees over expressions, or over some of a table's rows: whoever holds such an index against its table runs their
functions.

pg_amcheck runs them without a search_path, and from PostgreSQL 17 on amcheck itself does. A function that needs one
fails then, though the index is whole: that is told apart by the code of the error.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.sql_names import TableName

_COMPUTED = """
SELECT c.oid, n.nspname AS schema, c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
 WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence <> 't' AND i.indisvalid AND n.nspname !~ '^pg_'
   AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) ORDER BY 2, 3
"""
_AMCHECK = (
    "SELECT n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
    " WHERE e.extname = 'amcheck'"
)
_CHECK = sql.SQL("SELECT {}.bt_index_check({}::oid::regclass, {})")
# Class XX is corruption, and what PostgreSQL did not expect. Any other error is a function's own.
_OF_THE_INDEX = "XX"


@dataclass(frozen=True, slots=True)
class ComputedIndex:
    oid: int
    name: TableName


@dataclass(frozen=True, slots=True)
class IndexFinding:
    """``is_fault``: the index is damaged. Else nobody can tell whether it holds every row: its structure is right."""

    index: TableName
    reason: str
    is_fault: bool


def computed_indexes(server: PostgresServer, database: str) -> list[ComputedIndex]:
    with server.connect(database) as connection:
        rows = connection.execute(_COMPUTED).fetchall()
    return [ComputedIndex(row["oid"], TableName(row["schema"], row["name"])) for row in rows]


def check_computed(server: PostgresServer, database: str, indexes: list[ComputedIndex]) -> Iterator[IndexFinding]:
    """Where amcheck is installed: its structure, then every row of its table in it, by the database's own settings."""
    with server.connect(database) as connection:
        schema = (connection.execute(_AMCHECK).fetchone() or {"schema": "public"})["schema"]
        for index in indexes:
            for every_row in (False, True):
                check = _CHECK.format(sql.Identifier(schema), sql.Literal(index.oid), sql.Literal(every_row))
                try:
                    connection.execute(check)
                except psycopg.OperationalError:
                    raise
                except psycopg.Error as error:
                    is_fault = not every_row or (error.sqlstate or _OF_THE_INDEX).startswith(_OF_THE_INDEX)
                    yield IndexFinding(index.name, described(error), is_fault)
                    break
