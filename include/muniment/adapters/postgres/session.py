"""The one way in which a session to a PostgreSQL server begins (docs/adr/0026).

What the firm's own connection names is kept. What it leaves open is ours to say, and not the environment's, a service
file's or ``~/.pgpass``'s; and whatever the role or the database has set is set anew.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from muniment.adapters.host.environment import forget_postgres
from muniment.adapters.postgres.conninfo import parse_conninfo
from muniment.adapters.postgres.session_settings import session_settings, statement

CONNECT_TIMEOUT_S = 10
# A host that vanished without a word is noticed after a minute: Linux alone would wait for two hours. And a firewall
# that forgets what is idle sees that this is not.
_KEEPALIVES = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
# No file can be there. libpq would look for ~/.pgpass where none is named.
_NO_PASSFILE = "/dev/null/none"
_TRIES = 25
_UNLESS_TOLD = {"connect_timeout": str(CONNECT_TIMEOUT_S), "passfile": _NO_PASSFILE, **_KEEPALIVES}


def complete(told: Mapping[str, str], **own: str) -> dict[str, str]:
    """libpq's parameters, by name. ``told``: the firm's; ``own`` wins over it."""
    return {**_UNLESS_TOLD, **told, **own}


def session_conninfo(conninfo: str, **own: str) -> str:
    """``conninfo`` with all that libpq would look for elsewhere. From here on this process's environment is silent."""
    forget_postgres()
    return make_conninfo("", **complete(parse_conninfo(conninfo), client_encoding="UTF8", **own))


def settle[Row](connection: psycopg.Connection[Row], options: str = "") -> psycopg.Connection[Row]:
    """Its settings are ours. ``options``: the connection's own.

    Until they are set the role's own ``statement_timeout`` holds, for this statement too: one of milliseconds ends it
    where the machine is busy, and the next try is as likely to be in time.
    """
    ours = statement(settings_of(connection, options))
    for _ in range(_TRIES - 1):
        with suppress(psycopg.errors.QueryCanceled):
            connection.execute(ours)
            return connection
        connection.rollback()
    connection.execute(ours)
    return connection


def settings_of(
    connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], options: str = ""
) -> dict[str, str]:
    """Ours, as this server knows them and this role may set them."""
    superuser = connection.info.parameter_status("is_superuser") == "on"
    return session_settings(major=connection.info.server_version // 10000, superuser=superuser, options=options)


def open_session(conninfo: str, *, autocommit: bool = True) -> psycopg.Connection[tuple[Any, ...]]:
    """On a server of our own. Raises what psycopg raises."""
    return settle(psycopg.connect(session_conninfo(conninfo), autocommit=autocommit))
