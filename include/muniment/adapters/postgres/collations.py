"""Which collations have another version on this server's machine than the one that indexes were built with."""

import os
from collections.abc import Iterator

from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.collation import OldCollation

# The oid of "default": what the database itself sorts by (pg_collation.dat).
_DEFAULT = 100
_DATABASE = """
    SELECT NULL AS name, datcollversion AS built, pg_database_collation_actual_version(oid) AS here, %(default)s AS oid
    FROM pg_database WHERE datname = current_database() AND datcollversion <> pg_database_collation_actual_version(oid)
"""
_COLLATIONS = """
    SELECT format('%%I.%%I', n.nspname, c.collname) AS name, c.collversion AS built,
           pg_collation_actual_version(c.oid) AS here, c.oid
    FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
    WHERE c.oid <> %(default)s AND c.collversion <> pg_collation_actual_version(c.oid)
      AND EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_collation'::regclass AND d.refobjid = c.oid)
    ORDER BY 1
"""
_INDEXES = """
    SELECT format('%%I.%%I', n.nspname, c.relname) AS name
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE %(oid)s::oid = ANY (i.indcollation::oid[]) AND c.relkind = 'i' AND n.nspname !~ '^pg_' ORDER BY 1
"""
_RECORDED = """
    SELECT DISTINCT CASE datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END
           || ' ' || datcollversion AS told
    FROM pg_database WHERE datcollversion IS NOT NULL AND NOT datistemplate ORDER BY 1
"""


def all_old_collations(server: PostgresServer) -> Iterator[OldCollation]:
    """Of every database that takes connections. Raises ``PostgresError``."""
    for database in server.databases():
        yield from old_collations(server, database)


def old_collations(server: PostgresServer, database: str) -> Iterator[OldCollation]:
    """Of one database. Raises ``ServerUnavailable`` where it does not let us in."""
    with server.connect(database) as connection:
        default = {"default": _DEFAULT}
        found = [row for query in (_DATABASE, _COLLATIONS) for row in connection.execute(query, default).fetchall()]
        for row in found:
            oid = row.pop("oid")
            indexes = tuple(each["name"] for each in connection.execute(_INDEXES, {"oid": oid}))
            yield OldCollation(database, indexes=indexes, **row)


def glibc_version() -> str | None:
    """This machine's; ``None`` where its C library is another one. PostgreSQL keeps the same text as a version."""
    try:
        said = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None
    return said.removeprefix("glibc ") if said else None


def recorded_versions(server: PostgresServer) -> tuple[str, ...]:
    """By what the databases of the cluster were sorted: ``libc 2.36``, ``icu 153.120``."""
    with server.connect() as connection:
        return tuple(row["told"] for row in connection.execute(_RECORDED))
