"""Looks for what a firm's file and its tier name in the firm's database. Runs no query of theirs."""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import pq, sql

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.postgres.unlogged import IS_UNLOGGED
from muniment.domain.firm.named import FoundTable, NamedQuery, NamedTable, Names
from muniment.domain.sql_names import TableName

_ROLE = "SELECT current_database() AS database, quote_ident(current_user) AS role"
_KNOWN = """
SELECT n.nspname AS schema, c.relname AS table FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_TABLE = sql.SQL("""
SELECT c.oid,
       has_schema_privilege(n.oid, 'usage') AND has_table_privilege(c.oid, 'select') AS readable,
       row_security_active(c.oid) AS hides_rows,
       {} AS unlogged
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
""").format(IS_UNLOGGED)
_COLUMNS = """
SELECT attname AS name, has_schema_privilege(c.relnamespace, 'usage')
       AND has_column_privilege(attrelid, attnum, 'select') AS readable
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
# Of PostgreSQL's own types, by OID (pg_type.dat): those that a number has, with money, and boolean.
_KINDS = {**dict.fromkeys((20, 21, 23, 700, 701, 790, 1700), "a number"), 16: "true or false"}

type Connection = psycopg.Connection[dict[str, Any]]


def look_up(server: PostgresServer, tables: Iterable[NamedTable], queries: Iterable[NamedQuery]) -> Names:
    """Raises ``ServerUnavailable``."""
    with server.connect() as connection:
        told = connection.execute(_ROLE).fetchone() or {}
        found = {name: _table(connection, name) for name in dict.fromkeys(named.table for named in tables)}
        return Names(
            told["database"],
            told["role"],
            tuple(TableName(**row) for row in connection.execute(_KNOWN)),
            {name: table for name, table in found.items() if table is not None},
            {named.query: _fault(connection, named) for named in queries},
        )


def _table(connection: Connection, name: TableName) -> FoundTable | None:
    row = connection.execute(_TABLE, (name.schema, name.table)).fetchone()
    if row is None:
        return None
    columns = {each["name"]: each["readable"] for each in connection.execute(_COLUMNS, (row["oid"],))}
    return FoundTable(columns, row["readable"], row["unlogged"], row["hides_rows"])


def _fault(connection: Connection, named: NamedQuery) -> str | None:
    """Prepared, and not run: PostgreSQL then looks up every name in it, and takes one statement alone."""
    wire, query = connection.pgconn, named.query.encode()
    prepared = wire.prepare(b"", query)
    if prepared.status != pq.ExecStatus.COMMAND_OK:
        told = (prepared.error_field(field) for field in (pq.DiagnosticField.MESSAGE_PRIMARY, _HINT))
        return "; ".join(text.decode(errors="replace") for text in told if text)
    described = wire.describe_prepared(b"")
    if described.nfields != 1:
        return f"it answers in {described.nfields} columns, one is wanted"
    kind = _KINDS.get(described.ftype(0))
    return None if kind == named.wanted else f"its value is not {named.wanted}"


_HINT = pq.DiagnosticField.MESSAGE_HINT
