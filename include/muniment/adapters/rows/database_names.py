"""Which databases a cluster has, who holds them, and two of them that change their names in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC

import psycopg
from psycopg import sql

from muniment.adapters.postgres.errors import described
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.rows.foreign_keys import Connection

_NAMES = "SELECT datname AS name FROM pg_database"
_SESSIONS = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
_END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(%s) AND pid <> pg_backend_pid()
"""
_PREPARED = (
    "SELECT gid, owner, database, prepared FROM pg_prepared_xacts WHERE database = ANY(%s) ORDER BY prepared, gid"
)
_INVALID = "SELECT datname AS name FROM pg_database WHERE datname = ANY(%s) AND datconnlimit = -2"
_LEFT_BEHIND = """
    SELECT format('replication slot %%s stays with what was live: whoever reads it finds none in the other', slot_name)
        AS line FROM pg_replication_slots WHERE database = %(name)s
    UNION ALL SELECT format('subscription %%s stays with what was live, and fails: enable it in the other', subname)
        FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = %(name)s
    UNION ALL SELECT format('%%s (pid %%s) works in it now, and is ended with the sessions', backend_type, pid)
        FROM pg_stat_activity WHERE datname = %(name)s AND backend_type <> 'client backend' AND pid <> pg_backend_pid()
"""
_WHO = """
    SELECT DISTINCT format('%%s (%%s)', coalesce(nullif(application_name, ''), backend_type), usename) AS who
    FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() ORDER BY 1
"""


class DatabaseInUse(Exception):
    """Somebody has a session in it."""


class RenameRefused(Exception):
    """Its text is PostgreSQL's own."""


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

    def holders(self, *names: str) -> list[str]:
        """What keeps the databases' names, and no ended session lets go of, a line each."""
        found = self.connection.execute(_PREPARED, (list(names),)).fetchall()
        lines = [
            f"prepared transaction {row['gid']!r} of {row['owner']} in {row['database']}, since"
            f" {row['prepared'].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
            for row in found
        ]
        invalid = self.connection.execute(_INVALID, (list(names),)).fetchall()
        return lines + [f"{row['name']} is invalid: a DROP DATABASE of it was interrupted" for row in invalid]

    def left_behind(self, name: str) -> list[str]:
        """What belongs to a database and not to its name: slots, subscriptions, workers."""
        return [row["line"] for row in self.connection.execute(_LEFT_BEHIND, {"name": name})]

    def who_connects(self, name: str) -> list[str]:
        return [row["who"] for row in self.connection.execute(_WHO, (name,))]

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
