"""Settings tables as COPY's text, all of one transaction."""

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import IsolationLevel, sql

from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.config.snapshot import Confidential, TableColumn, TableExport
from muniment.domain.sql_names import TableName
from muniment.domain.vault.incomplete import NotRead

_FIND = """
    SELECT c.oid, n.nspname AS schema, c.relname AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
# A generated column is computed again by whoever reads the rows back.
_COLUMNS = """
    SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
    WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""

type Connection = psycopg.Connection[dict[str, Any]]


def export_tables(server: PostgresServer, names: Iterable[TableName]) -> Iterator[TableExport | NotRead]:
    """One answer for each of ``names``. Raises ``PostgresError``."""
    with server.connect() as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            for name in names:
                yield _answer(connection, name)


def _answer(connection: Connection, name: TableName) -> TableExport | NotRead:
    """No words of PostgreSQL's own but for a missing right: another error of a query may quote a row."""
    try:
        with connection.transaction():
            return _export(connection, name)
    except psycopg.OperationalError:
        raise
    except psycopg.errors.InsufficientPrivilege as denied:
        return _not_read(name, str(denied.diag.message_primary))
    except (psycopg.errors.CharacterNotInRepertoire, psycopg.errors.UntranslatableCharacter) as error:
        return _not_read(name, f"a byte in it is no text in the database's encoding (SQLSTATE {error.sqlstate})")
    except psycopg.Error as error:
        return _not_read(name, f"postgresql refused it with SQLSTATE {error.sqlstate}")


def _not_read(name: TableName, reason: str) -> NotRead:
    return NotRead(what="table", name=str(name), reason=reason)


def _export(connection: Connection, name: TableName) -> TableExport | NotRead:
    found = connection.execute(_FIND, (name.schema, name.table)).fetchone()
    if found is None:
        return _not_read(name, "not there")
    table = sql.Identifier(found["schema"], found["name"])
    columns = tuple(TableColumn(**row) for row in connection.execute(_COLUMNS, (found["oid"],)))
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    # COPY of a query, because COPY of a partitioned table or a view is refused.
    statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(names, table)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        rows = Confidential(b"".join(bytes(piece) for piece in copy))
    return TableExport(table=table.as_string(connection), columns=columns, rows=rows)
