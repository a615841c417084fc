"""Definitions out of a staged database as SQL, by pg_dump, and into a live one within a transaction of ours.

Whole schemas, and single objects that live lacks: types, domains, functions and whatever else a table's columns,
defaults, checks and indexes need. pg_restore finds those by their oids in the list of a dump's contents.
"""

import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import psycopg

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.libpq_environment import libpq_environment
from muniment.adapters.postgres.quoting import pattern
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.foreign_keys import Connection

type Object = tuple[int, int]
"""(pg_class.oid of its catalogue, its own oid)."""

_TIMEOUT_S = 600.0
_PLAIN = ("--no-owner", "--no-privileges", "--no-security-labels", "--no-tablespaces", "--no-password")
_DUMP = (*_PLAIN, "--schema-only", "--encoding=UTF8", "--no-publications", "--no-subscriptions")
# A line of pg_restore --list: number; catalogue and oid; kind, schema, name and owner.
_ENTRY = re.compile(r"\d+; (\d+) (\d+) ")
_CHUNK = re.compile(r"^(?=--\n-- Name: )", re.MULTILINE)
_CHUNK_NAME = re.compile(r"-- Name: (?P<name>.*?); Type: (?P<type>.*?); Schema: (?P<schema>.*?);")
# What psql alone understands, around the dump since August 2025.
_OF_PSQL = re.compile(r"^\\(?:un)?restrict \w+$", re.MULTILINE)
# Everything that the relations of the schemas depend on, with the constraints of domains and without what PostgreSQL
# made itself (oids below 16384).
_NEEDED = """
    WITH RECURSIVE own AS (
        SELECT 'pg_class'::regclass::oid AS catalogue, c.oid FROM pg_class c
        JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = ANY(%(schemas)s)
    ), parts AS (
        SELECT * FROM own UNION SELECT 'pg_attrdef'::regclass, f.oid FROM pg_attrdef f JOIN own ON own.oid = f.adrelid
        UNION SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN own ON own.oid = k.conrelid
    ), needed AS (
        SELECT catalogue, oid FROM parts
        UNION (
            WITH known AS (SELECT catalogue, oid FROM needed)
            SELECT d.refclassid, d.refobjid FROM pg_depend d JOIN known n ON (d.classid, d.objid) = (n.catalogue, n.oid)
            UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN known n ON n.oid = k.contypid
                AND n.catalogue = 'pg_type'::regclass WHERE k.contypid <> 0
        )
    ), others AS (
        SELECT n.* FROM needed n WHERE n.oid >= 16384 AND n.catalogue <> 'pg_class'::regclass
            AND (n.catalogue, n.oid) NOT IN (SELECT * FROM parts)
            AND NOT EXISTS (SELECT FROM pg_namespace s WHERE s.oid = n.oid AND s.nspname = ANY(%(schemas)s))
            AND NOT EXISTS (SELECT FROM pg_constraint k WHERE n.catalogue = 'pg_constraint'::regclass
                            AND k.oid = n.oid AND k.contypid = 0)
    )
    SELECT o.catalogue::bigint AS catalogue, o.oid::bigint AS oid, a.type, a.object_names AS names,
           a.object_args AS args
    FROM others o, pg_identify_object_as_address(o.catalogue, o.oid, 0) a
"""
# All of a schema that is gone: its relations come by their copies alone.
_OF_SCHEMA = """
    WITH gone AS (SELECT oid FROM pg_namespace WHERE nspname = %s)
    SELECT 'pg_namespace'::regclass::bigint AS catalogue, oid::bigint AS oid FROM gone
    UNION ALL SELECT 'pg_type'::regclass::bigint, t.oid::bigint FROM pg_type t
        LEFT JOIN pg_class c ON c.oid = t.typrelid WHERE t.typnamespace IN (TABLE gone)
        AND t.typcategory <> 'A' AND (c.oid IS NULL OR c.relkind = 'c')
    UNION ALL SELECT 'pg_proc'::regclass::bigint, oid::bigint FROM pg_proc WHERE pronamespace IN (TABLE gone)
    UNION ALL SELECT 'pg_collation'::regclass::bigint, oid::bigint FROM pg_collation WHERE collnamespace IN (TABLE gone)
    UNION ALL SELECT 'pg_operator'::regclass::bigint, oid::bigint FROM pg_operator WHERE oprnamespace IN (TABLE gone)
"""


def lacking(staged: Connection, live: Connection, copies: Collection[str], schemas: Iterable[str]) -> set[Object]:
    """Of what the relations in the schemas ``copies`` need, and of those ``schemas`` that live has not."""
    found = {
        (row["catalogue"], row["oid"])
        for row in staged.execute(_NEEDED, {"schemas": list(copies)}).fetchall()
        if not _has(live, row["type"], row["names"], row["args"])
    }
    for name in schemas:
        if not live.execute("SELECT FROM pg_namespace WHERE nspname = %s", (name,)).rowcount:
            found |= {(row["catalogue"], row["oid"]) for row in staged.execute(_OF_SCHEMA, (name,))}
    return found


def _has(live: Connection, kind: str, names: Sequence[str], args: Sequence[str]) -> bool:
    try:
        with live.transaction():
            live.execute("SELECT pg_get_object_address(%s, %s::text[], %s::text[])", (kind, list(names), list(args)))
    except psycopg.Error:
        return False
    return True


def definitions_of(server: PostgresServer, programs: PostgresPrograms, schemas: Iterable[str]) -> str:
    """Of all that the schemas hold. Raises ``ProgramMissing`` and ``ProgramFailed``."""
    with libpq_environment(server, server.database) as variables:
        chosen = [f"--schema={pattern(schema)}" for schema in schemas]
        done = programs.run("pg_dump", *_DUMP, *chosen, timeout_s=_TIMEOUT_S, env=variables)
    return _OF_PSQL.sub("", done.stdout)


def definitions_of_objects(
    server: PostgresServer, programs: PostgresPrograms, objects: Collection[Object]
) -> Iterator[tuple[str, str]]:
    """What each is called, and its definition, in an order in which they can be made."""
    with tempfile.TemporaryDirectory() as folder, libpq_environment(server, server.database) as variables:
        dump, listed = Path(folder, "definitions"), Path(folder, "wanted")
        programs.run("pg_dump", *_DUMP, "--format=custom", f"--file={dump}", timeout_s=_TIMEOUT_S, env=variables)
        entries = programs.run("pg_restore", "--list", dump, timeout_s=_TIMEOUT_S).stdout.splitlines()
        wanted = [line for line in entries if (found := _ENTRY.match(line)) and _object(found) in objects]
        listed.write_text("\n".join(wanted) + "\n")
        options = ("--no-owner", "--no-privileges", f"--use-list={listed}", "--file=-")
        script = programs.run("pg_restore", *options, dump, timeout_s=_TIMEOUT_S).stdout
    for chunk in _CHUNK.split(_OF_PSQL.sub("", script))[1:]:
        told = _CHUNK_NAME.search(chunk)
        assert told is not None
        name = told["name"] if told["schema"] == "-" else f"{told['schema']}.{told['name']}"
        yield f"{told['type'].lower()} {name}", chunk


def _object(entry: re.Match[str]) -> Object:
    return int(entry[1]), int(entry[2])
