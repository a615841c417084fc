"""Large objects that rows name by their oid: which are there, what they hold, and their way into another database.

Piece by piece through ``lo_get`` and ``lo_put``: one may have four terabytes. A vault's base backup has them all.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import psycopg
from psycopg import sql

from muniment.adapters.rows.foreign_keys import Connection
from muniment.domain.rows.matter_plan import LargeObject

PIECE_BYTES = 4 * 2**20
_THERE = "SELECT oid::bigint AS oid FROM pg_largeobject_metadata WHERE oid = ANY(%s::bigint[]::oid[])"
_OWNER = """
    SELECT pg_get_userbyid(lomowner) AS owner, ARRAY(
        SELECT format('GRANT %%s ON LARGE OBJECT %%s TO %%s', privilege_type, m.oid,
                      CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
        FROM aclexplode(lomacl) WHERE grantee <> lomowner) AS grants
    FROM pg_largeobject_metadata m WHERE m.oid = %s::bigint::oid
"""
_MAY_GIVE = "SELECT pg_has_role(oid, 'MEMBER') AS may FROM pg_roles WHERE rolname = %s"


class NotTheSame(Exception):
    """It is not what the plan saw. Its text is the oid."""


def _present(connection: Connection, oids: Iterable[int]) -> set[int]:
    return {row["oid"] for row in connection.execute(_THERE, (sorted(oids),))}


def gone_and_kept(staged: Connection, live: Connection, named: Collection[int]) -> tuple[list[int], set[int]]:
    """Of those that the staged database has: which the live one lacks, by number, and which it has."""
    there = _present(staged, named) if named else set()
    kept = _present(live, there) if there else set()
    return sorted(there - kept), kept


def describe(connection: Connection, oid: int) -> LargeObject:
    """Reads all of it."""
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(connection, oid):
        digest.update(piece)
        size += len(piece)
    return LargeObject(oid=oid, sha256=digest.hexdigest(), size_bytes=size)


def describe_where_allowed(connection: Connection, oid: int) -> LargeObject | None:
    """``None``: this role may not read it."""
    try:
        with connection.transaction():
            return describe(connection, oid)
    except psycopg.errors.InsufficientPrivilege:
        return None


def owner_unreachable(staged: Connection, live: Connection, oid: int) -> str | None:
    """The owner that this session cannot give it to; ``None`` where it can."""
    owner = str(_owner(staged, oid)["owner"])
    found = live.execute(_MAY_GIVE, (owner,)).fetchone()
    return None if found and found["may"] else owner


def bring_over(staged: Connection, live: Connection, oid: int, *, sha256: str | None = None) -> None:
    """Under its own oid, to its own owner, with its rights. ``sha256`` (hex): what a plan saw of it, if there was one.

    Raises ``NotTheSame``, and what PostgreSQL refuses.
    """
    live.execute("SELECT lo_create(%s::bigint::oid)", (oid,))
    digest, offset = hashlib.sha256(), 0
    for piece in _pieces(staged, oid):
        live.execute("SELECT lo_put(%s::bigint::oid, %s, %s)", (oid, offset, piece))
        digest.update(piece)
        offset += len(piece)
    if sha256 not in (None, digest.hexdigest()):
        raise NotTheSame(str(oid))
    told = _owner(staged, oid)
    live.execute(sql.SQL("ALTER LARGE OBJECT {} OWNER TO {}").format(sql.Literal(oid), sql.Identifier(told["owner"])))
    for grant in told["grants"]:
        live.execute(sql.SQL(grant))


def _owner(connection: Connection, oid: int) -> dict[str, Any]:
    return connection.execute(_OWNER, (oid,)).fetchone() or {"owner": "", "grants": []}


def _pieces(connection: Connection, oid: int) -> Iterator[bytes]:
    offset = 0
    while True:
        query = "SELECT lo_get(%s::bigint::oid, %s, %s) AS piece"
        found = connection.execute(query, (oid, offset, PIECE_BYTES), binary=True).fetchone()
        piece = bytes(found["piece"]) if found else b""
        if not piece:
            return
        yield piece
        offset += len(piece)
