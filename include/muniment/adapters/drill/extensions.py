"""The extensions of a restored cluster, and whether a search among its embeddings answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, DataError, Error, OperationalError, sql

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.sql_names import ColumnPath, TableName

_EXTENSIONS = (
    "SELECT e.extname AS name, a.name IS NOT NULL AS there FROM pg_extension e"
    " LEFT JOIN pg_available_extensions a ON a.name = e.extname ORDER BY 1"
)
# Columns of pgvector's own type, or of a domain over it, in tables that hold rows of their own.
_VECTORS = """
SELECT n.nspname AS schema, c.relname AS table, a.attname AS column, x.nspname AS operators
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
  JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = coalesce(b.oid, t.oid) AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vector' JOIN pg_namespace x ON x.oid = e.extnamespace
 WHERE c.relkind = 'r' AND NOT a.attisdropped AND 'vector' IN (t.typname, b.typname) ORDER BY 1, 2, 3
"""
_NEIGHBOUR = sql.SQL(
    "SELECT count(*) AS rows, count({column}) AS embedded, (SELECT count(*) FROM (SELECT 1 FROM {table}"
    " WHERE {column} IS NOT NULL ORDER BY {column} OPERATOR({operators}.<->)"
    " (SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT 1) LIMIT 1) nearest) AS nearest FROM {table}"
)


@dataclass(frozen=True, slots=True)
class InstalledExtension:
    """``is_there``: its files are on the machine of the server."""

    name: str
    is_there: bool


def installed_extensions(server: PostgresServer, database: str) -> list[InstalledExtension]:
    with server.connect(database) as connection:
        return [InstalledExtension(row["name"], row["there"]) for row in connection.execute(_EXTENSIONS)]


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One column of vectors. ``nearest``: how many neighbours a search by distance has found, 0 or 1.

    ``fault``: why nothing could be searched. ``of_values``: that is what the rows hold, vectors of several lengths.
    """

    column: str
    rows: int = 0
    embedded: int = 0
    nearest: int = 0
    fault: str = ""
    of_values: bool = False


def embeddings(server: PostgresServer) -> Iterator[Embeddings]:
    """Of every column of pgvector's type in the firm's own database."""
    with server.connect() as connection:
        for row in connection.execute(_VECTORS).fetchall():
            yield _embeddings(connection, row)


def _embeddings(connection: Connection[dict[str, Any]], found: Mapping[str, str]) -> Embeddings:
    name = str(ColumnPath(TableName(found["schema"], found["table"]), found["column"]))
    query = _NEIGHBOUR.format(
        table=sql.Identifier(found["schema"], found["table"]),
        column=sql.Identifier(found["column"]),
        operators=sql.Identifier(found["operators"]),
    )
    try:
        counted = connection.execute(query).fetchone() or {}
    except OperationalError:
        raise
    except Error as refused:
        return Embeddings(name, fault=described(refused), of_values=isinstance(refused, DataError))
    rows, embedded, nearest = (int(counted.get(each, 0)) for each in ("rows", "embedded", "nearest"))
    return Embeddings(name, rows, embedded, nearest)
