"""Reads what check_firm has to know of a PostgreSQL server."""

from collections.abc import Collection
from typing import Any

import psycopg

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.postgres.server_files import unread_files
from muniment.domain.firm.readiness import ServerFacts
from muniment.errors import PostgresError, SessionRefused, StatementRefused

_SETTINGS = """
SELECT current_setting('server_version_num')::int AS version_num,
       pg_is_in_recovery() AS is_standby,
       current_setting('wal_level') AS wal_level,
       current_setting('archive_mode') AS archive_mode,
       current_setting('archive_command') AS archive_command,
       current_setting('archive_library') AS archive_library,
       current_setting('data_checksums')::bool AS data_checksums,
       coalesce(current_setting('summarize_wal', true)::bool, false) AS summarize_wal,
       current_setting('max_wal_senders')::int AS max_wal_senders,
       (SELECT count(*) FROM pg_stat_replication) AS wal_senders,
       last_archived_time AS last_archived_at,
       last_failed_time AS last_failed_at,
       last_failed_wal,
       has_function_privilege('pg_switch_wal()', 'execute') AS may_switch_wal,
       current_database() AS database,
       quote_ident(current_user) AS role,
       ARRAY(SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE pg_tablespace_location(oid) ~ '^pg_tblspc/')
         AS tablespaces_in_place,
       clock_timestamp() AS now
  FROM pg_stat_archiver
"""
_MAY_COUNT_READY = "SELECT has_function_privilege('pg_ls_archive_statusdir()', 'execute') AS yes"
_READY = "SELECT count(*) AS segments FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"

type Connection = psycopg.Connection[dict[str, Any]]


def read_server_facts(server: PostgresServer, links: Collection[str] = ()) -> ServerFacts:
    """``links``: names in the data directory that the last base backup left out."""
    with server.connect() as connection:
        return ServerFacts(
            **_only(connection, _SETTINGS),
            ready_segments=_ready_segments(connection),
            files_in_no_vault=unread_files(connection, links),
            tls=connection.pgconn.ssl_in_use,
            is_local=_is_local(connection.info.host),
        )


def replication_fault(server: PostgresServer) -> str | None:
    """Why the streaming replication protocol cannot be spoken, tried with a real IDENTIFY_SYSTEM."""
    try:
        connection = server.replication_connection()
    except PostgresError as refused:
        return str(refused.facts["reason"])
    try:
        answer = connection.exec_(b"IDENTIFY_SYSTEM")
        return None if answer.ntuples == 1 else connection.get_error_message().strip()
    finally:
        connection.finish()


def own_database_fault(server: PostgresServer) -> str | None:
    """Why nobody of ours comes into the firm's own database."""
    try:
        with server.connect():
            return None
    except (SessionRefused, StatementRefused) as refused:
        return str(refused.facts["reason"])


def sessions_fault(server: PostgresServer) -> str | None:
    """Why a run would not have its sessions at the same time, tried with as many."""
    try:
        with server.connect(), server.connect():
            server.replication_connection().finish()
    except PostgresError as refused:
        return str(refused.facts["reason"])
    return None


def _only(connection: Connection, statement: Any) -> dict[str, Any]:
    found = connection.execute(statement).fetchone()
    assert found is not None, "each of these statements has one row"
    return found


def _ready_segments(connection: Connection) -> int | None:
    """Two statements: PostgreSQL asks for the right to call a function even where the plan never reaches it."""
    if not _only(connection, _MAY_COUNT_READY)["yes"]:
        return None
    return int(_only(connection, _READY)["segments"])


def _is_local(host: str) -> bool:
    return not host or host.startswith(("/", "127.")) or host in {"localhost", "::1"}
