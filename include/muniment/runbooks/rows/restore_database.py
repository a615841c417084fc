"""One database of a staged cluster into the live one, under a new name; in place by an approved change of names."""

import time
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.reader import Connection
from muniment.adapters.rows.table_dump import pipe, programs_of
from muniment.domain.approval import Approval
from muniment.domain.firm.firm import Firm
from muniment.domain.record import new_id
from muniment.domain.rows.table_plan import DatabasePlan, stamped
from muniment.errors import InvalidConfiguration, RowsRefused
from muniment.ports import Clock
from muniment.runbooks.rows.restore_matter import require_approval
from muniment.runbooks.rows.staged_copy import prove_copy, prove_live

ATTEMPTS = 20
_MAINTENANCE = "template1"  # anybody may have dropped the database postgres
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
_SESSIONS = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
_END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(%s) AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class RestoredDatabase:
    """``name``: the new database; ``of``: the one it is a copy of."""

    name: str
    of: str
    size_bytes: int


def restore_database(
    firm: Firm, database: str, *, staged: PostgresServer, live: PostgresServer, clock: Clock
) -> RestoredDatabase:
    """``<database>_restored_<id>`` on the live cluster, with owners, rights and settings; nothing else is touched.

    Raises ``WrongCluster``, ``InvalidConfiguration``, ``ProgramMissing``; ``ProgramFailed`` after it was removed again.
    """
    prove_copy(firm, staged, live)
    properties = _properties(staged, database)
    name = stamped(database, "restored", new_id(clock()))
    with live.connect(_MAINTENANCE) as connection:
        _create(connection, name, properties)
        try:
            pipe(programs_of(staged), (staged, database), [], (live, name), ["--exit-on-error"])
            _settle(connection, name, staged, database)
        except BaseException:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            raise
        found = connection.execute("SELECT pg_database_size(%s) AS size", (name,)).fetchone() or {}
    return RestoredDatabase(name, database, int(found["size"]))


def _properties(staged: PostgresServer, database: str) -> dict[str, Any]:
    with staged.connect(_MAINTENANCE) as connection:
        # PostgreSQL 17 renamed the column.
        locale = "datlocale" if connection.info.server_version >= 170000 else "daticulocale"
        query = sql.SQL(_PROPERTIES).format(locale=sql.Identifier(locale))
        found = connection.execute(query, (database,)).fetchone()
    if found is None:
        raise InvalidConfiguration(count=1, faults=f"the staged cluster has no database {database}")
    return found


def _create(connection: Connection, name: str, told: dict[str, Any]) -> None:
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
    with staged.connect(_MAINTENANCE) as source:
        settings = source.execute(_SETTINGS, (database,)).fetchall()
        rights = source.execute(_RIGHTS, (database,)).fetchall()
    there = sql.SQL("DATABASE {}").format(sql.Identifier(name))
    for row in settings:
        key, _, value = row["setting"].partition("=")
        role = sql.SQL("" if row["role"] is None else "ROLE {} IN ").format(sql.Identifier(row["role"] or ""))
        told = sql.SQL(value) if key in _LISTS else sql.Literal(value)
        setting = sql.SQL("ALTER {}{} SET {} TO {}").format(role, there, sql.Identifier(*key.split(".")), told)
        connection.execute(setting)
    if rights:
        connection.execute(sql.SQL("REVOKE ALL ON {} FROM PUBLIC").format(there))
    for row in rights:
        grant = sql.SQL("GRANT {} ON {} TO {}{}").format(
            sql.SQL(row["privilege"]),
            there,
            sql.SQL(row["grantee"]),
            sql.SQL(" WITH GRANT OPTION" if row["is_grantable"] else ""),
        )
        connection.execute(grant)


def plan_swap(
    firm: Firm, restored: str, database: str, *, live: PostgresServer, requested_by: str, clock: Clock
) -> DatabasePlan:
    """Reads only. Raises ``InvalidConfiguration`` where one of the two is not there."""
    made_at = clock()
    with live.connect(_MAINTENANCE) as connection:
        known = {row["datname"] for row in connection.execute("SELECT datname FROM pg_database")}
        missing = [name for name in (restored, database) if name not in known]
        if missing:
            faults = "\n".join(f"the live cluster has no database {name}" for name in missing)
            raise InvalidConfiguration(count=len(missing), faults=faults)
        sessions = connection.execute(_SESSIONS, (database,)).fetchone() or {"n": 0}
    return DatabasePlan(
        id=new_id(made_at),
        firm=firm.id,
        database=database,
        restored=restored,
        system_identifier=live.system_identifier(),
        made_at=made_at,
        requested_by=requested_by,
        sessions=sessions["n"],
    )


def swap_database(firm: Firm, plan: DatabasePlan, *, approval: Approval, live: PostgresServer) -> None:
    """Both names change in one transaction. Sessions are ended; who connects at that very moment is sent away once.

    Raises ``NotApproved``, ``WrongCluster``, and ``RowsRefused`` where sessions keep it busy or a name is gone.
    """
    require_approval(firm, f"database {plan.database}", plan.sha256, plan.requested_by, approval)
    prove_live(firm, live, plan.system_identifier)
    with live.connect(_MAINTENANCE) as connection:
        for attempt in range(1, ATTEMPTS + 1):
            connection.execute(_END_SESSIONS, ([plan.database, plan.restored],))
            try:
                _rename(connection, plan)
            except psycopg.errors.ObjectInUse:
                # A pool that connects again at once; from the first rename on it has to wait for us.
                if attempt == ATTEMPTS:
                    raise _refused(firm, plan, "sessions connect to it faster than they are ended") from None
                time.sleep(0.05)
            except psycopg.Error as error:
                raise _refused(firm, plan, error.diag.message_primary or str(error)) from None
            else:
                return


def _rename(connection: Connection, plan: DatabasePlan) -> None:
    with connection.transaction():
        for old, new in ((plan.database, plan.before), (plan.restored, plan.database)):
            statement = sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))
            connection.execute(statement)
        aside = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(plan.before))
        connection.execute(aside)


def _refused(firm: Firm, plan: DatabasePlan, reason: str) -> RowsRefused:
    return RowsRefused(database=plan.database, firm=firm.id, reason=reason)
