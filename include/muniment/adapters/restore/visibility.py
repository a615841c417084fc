"""Do a restored cluster's visibility maps say the truth? Asked in the two ways that PostgreSQL has.

A bit that is set wrongly shows where an index alone answers, and in nothing else: no checksum, manifest or amcheck sees
it (docs/adr/0018).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from muniment.adapters.postgres.quoting import identifier
from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.sql_names import TableName

type _Connection = psycopg.Connection[dict[str, Any]]

INDEX_ALONE = "Index Only Scan"
_AVAILABLE = "SELECT count(*) AS n FROM pg_available_extensions WHERE name = 'pg_visibility'"
_INSTALLED = (
    "SELECT n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
    " WHERE e.extname = 'pg_visibility'"
)
# A schema of its own, because the firm's database may have none that anybody may write to. All of it is rolled back.
_OURS = "muniment_drill_visibility"
_WRONG = sql.SQL(
    "SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relkind IN ('r', 'm', 't')"
    " AND c.relpersistence <> 't' AND pg_relation_size(c.oid, 'vm') > 0 AND (EXISTS (SELECT FROM"
    " {schema}.pg_check_visible(c.oid)) OR EXISTS (SELECT FROM {schema}.pg_check_frozen(c.oid))) ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class BothWays:
    """``by_index`` is ``None`` where no index of the table answers alone."""

    by_rows: int
    by_index: int | None

    @property
    def agree(self) -> bool:
        return self.by_index in (None, self.by_rows)


def count_both_ways(server: PostgresServer, table: TableName) -> BothWays | None:
    """``None`` where it is not there.

    Of a partitioned one it is enough that one partition is answered by its index.
    """
    with server.connect() as connection:
        try:
            return both_ways(connection, identifier(table))
        except psycopg.errors.UndefinedTable:
            return None


def both_ways(connection: _Connection, name: sql.Identifier) -> BothWays:
    query = sql.SQL("SELECT count(*) AS n FROM {}").format(name)
    by_rows = _count(connection, query, without=("indexscan", "indexonlyscan", "bitmapscan"))
    by_index = _count(connection, query, without=("seqscan", "bitmapscan"), only_by=INDEX_ALONE)
    assert by_rows is not None, "nothing is asked of its plan"
    return BothWays(by_rows, by_index)


def _count(
    connection: _Connection, query: sql.Composed, *, without: tuple[str, ...], only_by: str | None = None
) -> int | None:
    with connection.transaction():
        for scan in without:
            connection.execute(sql.SQL("SET LOCAL {} = off").format(sql.Identifier(f"enable_{scan}")))
        if only_by and only_by not in _nodes(connection, query):
            return None
        return int((connection.execute(query).fetchone() or {})["n"])


def _nodes(connection: _Connection, query: sql.Composed) -> frozenset[str]:
    found = connection.execute(sql.SQL("EXPLAIN (FORMAT JSON) ") + query).fetchone() or {}
    return frozenset(_types(found["QUERY PLAN"][0]["Plan"]))


def _types(node: Mapping[str, Any]) -> Iterator[str]:
    yield node["Node Type"]
    for below in node.get("Plans", ()):
        yield from _types(below)


def has_pg_visibility(server: PostgresServer) -> bool:
    return bool(server.row(_AVAILABLE)["n"])


def wrong_maps(server: PostgresServer, database: str) -> list[str]:
    """The relations of ``database`` of whose pages the map says more than is so. Needs a superuser; leaves nothing."""
    with server.connect(database) as connection, connection.transaction(force_rollback=True):
        installed = connection.execute(_INSTALLED).fetchone()
        if installed is None:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(_OURS)))
            connection.execute(sql.SQL("CREATE EXTENSION pg_visibility SCHEMA {}").format(sql.Identifier(_OURS)))
        schema = sql.Identifier(installed["schema"] if installed else _OURS)
        return [row["name"] for row in connection.execute(_WRONG.format(schema=schema)).fetchall()]
