"""The extensions of a restored cluster, and whether a search among its embeddings answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from muniment.adapters.postgres.server import PostgresServer

_EXTENSIONS = (
    "SELECT e.extname AS name, a.name IS NOT NULL AS there FROM pg_extension e"
    " LEFT JOIN pg_available_extensions a ON a.name = e.extname ORDER BY 1"
)
# Columns of pgvector's type, or of a domain over it, in tables that hold rows of their own.
_VECTORS = (
    "SELECT n.nspname AS schema, c.relname AS table, a.attname AS column"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype"
    " WHERE c.relkind = 'r' AND NOT a.attisdropped AND 'vector' IN (t.typname, b.typname) ORDER BY 1, 2, 3"
)
_NEIGHBOUR = sql.SQL(
    "SELECT count(*) AS rows, count({column}) AS embedded, (SELECT count(*) FROM (SELECT 1 FROM {table}"
    " WHERE {column} IS NOT NULL ORDER BY {column} <-> (SELECT {column} FROM {table} WHERE {column}"
    " IS NOT NULL LIMIT 1) LIMIT 1) nearest) AS nearest FROM {table}"
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
    """One column of vectors. ``nearest``: how many neighbours a search by distance has found, 0 or 1."""

    column: str
    rows: int
    embedded: int
    nearest: int


def embeddings(server: PostgresServer) -> Iterator[Embeddings]:
    """Of every column of pgvector's type in the firm's own database."""
    with server.connect() as connection:
        for row in connection.execute(_VECTORS).fetchall():
            yield _embeddings(connection, row["schema"], row["table"], row["column"])


def _embeddings(connection: Connection[dict[str, Any]], schema: str, table: str, column: str) -> Embeddings:
    query = _NEIGHBOUR.format(table=sql.Identifier(schema, table), column=sql.Identifier(column))
    found = connection.execute(query).fetchone() or {}
    rows, embedded, nearest = (int(found.get(name, 0)) for name in ("rows", "embedded", "nearest"))
    return Embeddings(f"{schema}.{table}.{column}", rows, embedded, nearest)
