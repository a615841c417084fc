"""Functions that need a search_path where PostgreSQL gives them none: in a restore, and while an index is built."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.foreign_keys import Connection

# Called by an index, a check, a domain, a generated column or a view that holds rows, directly or by way of each
# other as far as PostgreSQL knows; written in SQL or a procedural language, by somebody, without a path of their own.
_CALLED = """
    WITH callers AS (
        SELECT 'pg_class'::regclass::oid AS catalogue, indexrelid AS oid FROM pg_index
        UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE contype = 'c'
        UNION ALL SELECT 'pg_attrdef'::regclass, f.oid FROM pg_attrdef f JOIN pg_attribute a
            ON (a.attrelid, a.attnum) = (f.adrelid, f.adnum) WHERE a.attgenerated <> ''
        UNION ALL SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class
            WHERE v.relkind = 'm'
    )
    SELECT EXISTS (
        SELECT FROM callers c JOIN pg_depend d ON (d.classid, d.objid) = (c.catalogue, c.oid)
        JOIN pg_proc p ON (d.refclassid, d.refobjid) = ('pg_proc'::regclass, p.oid)
        JOIN pg_language l ON l.oid = p.prolang
        WHERE p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL
    ) AS yes
"""
# What these call in turn, in the text of their bodies, is not known: so all of them get one.
_WITHOUT_PATH = """
    SELECT format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
    WHERE p.oid >= 16384 AND p.prokind = 'f' AND l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL
      AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
      AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE (d.classid, d.objid, d.deptype) = ('pg_proc'::regclass, p.oid, 'e'))
    ORDER BY 1
"""
# The database's own path, and behind it every schema that there is: the application's role may have another one.
_PATH = """
    SELECT quote_ident(nspname) AS name FROM pg_namespace
    WHERE nspname <> 'information_schema' AND nspname !~ '^pg_' ORDER BY nspname
"""


@contextmanager
def search_path_of(source: Connection, live: PostgresServer, database: str) -> Iterator[tuple[str, ...]]:
    """The functions of ``database`` that have, for as long as this lasts, the search_path that ``source`` has.

    None where nothing needs one. It is theirs alone, and taken from them again.
    """
    functions = _functions(source)
    path = [_own_path(source), *(row["name"] for row in source.execute(_PATH))]
    with live.connect(database) as connection:
        for name in functions:
            told = "ALTER FUNCTION {} SET search_path TO {}"
            connection.execute(sql.SQL(told).format(sql.SQL(name), sql.SQL(", ".join(filter(None, path)))))
    yield functions
    with live.connect(database) as connection:
        for name in functions:
            connection.execute(sql.SQL("ALTER FUNCTION {} RESET search_path").format(sql.SQL(name)))


def _functions(source: Connection) -> tuple[str, ...]:
    called = source.execute(_CALLED).fetchone()
    if not called or not called["yes"]:
        return ()
    source.execute("SET LOCAL search_path = ''")
    found = tuple(str(row["name"]) for row in source.execute(_WITHOUT_PATH))
    source.execute("SET LOCAL search_path = DEFAULT")
    return found


def _own_path(source: Connection) -> str:
    """What the database and this role set, without what stands for the role itself."""
    found = source.execute("SELECT current_setting('search_path') AS path").fetchone() or {"path": ""}
    return ", ".join(part for part in str(found["path"]).split(", ") if part not in ("", '""', '"$user"', "$user"))
