"""One database as a whole: made like another one, and filled by PostgreSQL's own dump."""

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.function_paths import search_path_of
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
_UNLOGGED = """
    SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence = 'u' ORDER BY 1
"""

type Properties = dict[str, Any]
"""Encoding, locale and owner."""


def read_properties(server: PostgresServer, database: str) -> Properties | None:
    """``None`` where the cluster has no such database. Raises ``PostgresError``."""
    with server.beside() as connection:
        # PostgreSQL 17 renamed the column.
        locale = "datlocale" if connection.info.server_version >= 170000 else "daticulocale"
        query = sql.SQL(_PROPERTIES).format(locale=sql.Identifier(locale))
        return connection.execute(query, (database,)).fetchone()


@dataclass(frozen=True, slots=True)
class WholeDatabase:
    """``unlogged``: tables that are empty in it, since no backup has their rows. ``with_path``: functions that need a
    search_path where indexes, checks, generated columns or views call them, and had one while the rows came."""

    size_bytes: int
    unlogged: tuple[str, ...] = ()
    with_path: tuple[str, ...] = ()


def restore_whole(
    staged: PostgresServer, database: str, properties: Properties, live: PostgresServer, name: str
) -> WholeDatabase:
    """``database`` of ``staged`` as a new one of ``live``, with owners, rights and settings.

    Removed again whatever is raised: ``PostgresError``, ``ProgramMissing``, ``ProgramFailed``.
    """
    with live.beside() as connection:
        _create(connection, name, properties)
        try:
            with_path, unlogged = _fill(staged, database, live, name)
            _settle(connection, name, staged, database)
        except BaseException:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            raise
        found = connection.execute("SELECT pg_database_size(%s) AS size", (name,)).fetchone() or {}
    return WholeDatabase(int(found["size"]), unlogged, with_path)


def _fill(
    staged: PostgresServer, database: str, live: PostgresServer, name: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Definitions first, then rows, indexes and constraints, of one snapshot.

    Both programs, and from PostgreSQL 17 on whatever builds an index, empty the search_path: between the two, functions
    that were found to need one get their own.
    """
    programs = programs_of(staged)
    ends = ((staged, database), (live, name))
    with staged.connect(database) as source, source.transaction():
        source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        snapshot = str((source.execute("SELECT pg_export_snapshot() AS id").fetchone() or {})["id"])
        unlogged = tuple(row["name"] for row in source.execute(_UNLOGGED))
        of_one = f"--snapshot={snapshot}"
        pipe(programs, ends[0], [of_one, "--section=pre-data"], ends[1], ["--exit-on-error"])
        with search_path_of(source, live, name) as functions:
            rest = [of_one, "--section=data", "--section=post-data"]
            pipe(programs, ends[0], rest, ends[1], ["--exit-on-error"])
    return functions, unlogged


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
