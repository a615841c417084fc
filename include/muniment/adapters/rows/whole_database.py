"""One database as a whole: made like another one, filled by PostgreSQL's own dump, given another one's name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.reader import Connection
from muniment.adapters.rows.table_dump import pipe, programs_of

_PROPERTIES = """
    SELECT pg_encoding_to_char(encoding) AS encoding, datcollate AS collate, datctype AS ctype,
           datlocprovider AS provider, {locale} AS locale, pg_get_userbyid(datdba) AS owner
    FROM pg_database WHERE datname = %s
"""
_SETTINGS = """
    SELECT setting, CASE WHEN setrole <> 0 THEN pg_get_userbyid(setrole) END AS role
    FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting
    WHERE d.datname = %s
"""
_RIGHTS = """
    SELECT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee,
           privilege_type AS privilege, is_grantable
    FROM pg_database, aclexplode(datacl) WHERE datname = %s
"""
_PROVIDERS: dict[str, LiteralString] = {
    "i": "LOCALE_PROVIDER icu ICU_LOCALE {}",
    "b": "LOCALE_PROVIDER builtin BUILTIN_LOCALE {}",
}
# Settings whose value is a list of names, each quoted already where it needs to be: pg_dump's own list.
_LISTS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
_NAMES = "SELECT datname AS name FROM pg_database"
_SESSIONS = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
_END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(%s) AND pid <> pg_backend_pid()
"""

type Properties = dict[str, Any]
"""Encoding, locale and owner."""


class DatabaseInUse(Exception):
    """Somebody has a session in it."""


class RenameRefused(Exception):
    """Its text is PostgreSQL's own."""


def read_properties(server: PostgresServer, database: str) -> Properties | None:
    """``None`` where the cluster has no such database. Raises ``PostgresError``."""
    with server.beside() as connection:
        # PostgreSQL 17 renamed the column.
        locale = "datlocale" if connection.info.server_version >= 170000 else "daticulocale"
        query = sql.SQL(_PROPERTIES).format(locale=sql.Identifier(locale))
        return connection.execute(query, (database,)).fetchone()


def restore_whole(
    staged: PostgresServer, database: str, properties: Properties, live: PostgresServer, name: str
) -> int:
    """``database`` of ``staged`` as a new one of ``live``, with owners, rights and settings. Returns its bytes.

    Removed again whatever is raised: ``PostgresError``, ``ProgramMissing``, ``ProgramFailed``.
    """
    with live.beside() as connection:
        _create(connection, name, properties)
        try:
            pipe(programs_of(staged), (staged, database), [], (live, name), ["--exit-on-error"])
            _settle(connection, name, staged, database)
        except BaseException:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            raise
        found = connection.execute("SELECT pg_database_size(%s) AS size", (name,)).fetchone() or {}
    return int(found["size"])


def _create(connection: Connection, name: str, told: Properties) -> None:
    parts = [
        sql.SQL("CREATE DATABASE {} TEMPLATE template0 OWNER {}").format(*map(sql.Identifier, (name, told["owner"]))),
        sql.SQL("ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
            *map(sql.Literal, (told["encoding"], told["collate"], told["ctype"]))
        ),
    ]
    if told["provider"] in _PROVIDERS:
        parts.append(sql.SQL(_PROVIDERS[told["provider"]]).format(sql.Literal(told["locale"])))
    connection.execute(sql.SQL(" ").join(parts))


def _settle(connection: Connection, name: str, staged: PostgresServer, database: str) -> None:
    """Settings and rights of the database itself: no dump of its contents has them."""
    with staged.beside() as source:
        settings = source.execute(_SETTINGS, (database,)).fetchall()
        rights = source.execute(_RIGHTS, (database,)).fetchall()
    there = sql.SQL("DATABASE {}").format(sql.Identifier(name))
    for row in settings:
        connection.execute(_setting(there, row))
    if rights:
        connection.execute(sql.SQL("REVOKE ALL ON {} FROM PUBLIC").format(there))
    for row in rights:
        connection.execute(_grant(there, row))


def _setting(there: sql.Composed, row: dict[str, Any]) -> sql.Composed:
    key, _, value = row["setting"].partition("=")
    role = sql.SQL("" if row["role"] is None else "ROLE {} IN ").format(sql.Identifier(row["role"] or ""))
    told = sql.SQL(value) if key in _LISTS else sql.Literal(value)
    return sql.SQL("ALTER {}{} SET {} TO {}").format(role, there, sql.Identifier(*key.split(".")), told)


def _grant(there: sql.Composed, row: dict[str, Any]) -> sql.Composed:
    return sql.SQL("GRANT {} ON {} TO {}{}").format(
        sql.SQL(row["privilege"]),
        there,
        sql.SQL(row["grantee"]),
        sql.SQL(" WITH GRANT OPTION" if row["is_grantable"] else ""),
    )


@dataclass(frozen=True, slots=True)
class ClusterDatabases:
    """Seen from a session in none of those that are given other names."""

    connection: Connection

    def names(self) -> list[str]:
        return [str(row["name"]) for row in self.connection.execute(_NAMES)]

    def has(self, name: str) -> bool:
        return name in self.names()

    def sessions(self, name: str) -> int:
        """How many would be ended."""
        return int((self.connection.execute(_SESSIONS, (name,)).fetchone() or {"n": 0})["n"])

    def swap(self, database: str, before: str, restored: str) -> None:
        """``database`` becomes ``before``, which nobody may connect to, ``restored`` takes its name: both or neither.

        Sessions are ended. Raises ``DatabaseInUse`` where somebody was quicker, ``RenameRefused``.
        """
        self.connection.execute(_END_SESSIONS, ([database, restored],))
        try:
            with self.connection.transaction():
                for old, new in ((database, before), (restored, database)):
                    self.connection.execute(
                        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))
                    )
                self.connection.execute(
                    sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(before))
                )
        except psycopg.errors.ObjectInUse:
            raise DatabaseInUse from None
        except psycopg.Error as error:
            raise RenameRefused(described(error)) from None


@contextmanager
def databases_of(server: PostgresServer) -> Iterator[ClusterDatabases]:
    """Raises ``PostgresError``."""
    with server.beside() as connection:
        yield ClusterDatabases(connection)
