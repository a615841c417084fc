"""What a restored copy would do by itself in production and does not here: told, so that nobody is surprised later."""

from collections.abc import Iterator

from muniment.adapters.postgres.server import PostgresServer
from muniment.errors import SessionRefused, StatementRefused

_SUBSCRIPTIONS = """
SELECT format('subscription %s of database %s', subname, datname) AS what
  FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE subenabled ORDER BY 1
"""
_PREPARED = "SELECT format('prepared transaction %s of database %s', gid, database) AS what FROM pg_prepared_xacts"
_IN_A_DATABASE = """
SELECT format('foreign server %s of database %s', srvname, current_database()) AS what FROM pg_foreign_server
UNION ALL
SELECT format('event trigger %s (%s) of database %s', evtname, evtevent, current_database()) FROM pg_event_trigger
 WHERE evtenabled <> 'D'
UNION ALL
SELECT format('extension %s of database %s', extname, current_database()) FROM pg_extension
 WHERE extname IN ('dblink', 'pg_background', 'pg_cron', 'pg_net', 'http', 'timescaledb')
 ORDER BY 1
"""


def what_sleeps(server: PostgresServer) -> tuple[str, ...]:
    """One a line. Raises ``PostgresError``."""
    return tuple(_lines(server))


def _lines(server: PostgresServer) -> Iterator[str]:
    yield from (f"database {told}: nothing in it was looked at" for told in server.closed_databases())
    with server.anywhere() as session:
        for statement in (_SUBSCRIPTIONS, _PREPARED):
            yield from (row["what"] for row in session.execute(statement))
    for name in server.databases():
        yield from _of_database(server, name)


def _of_database(server: PostgresServer, name: str) -> list[str]:
    """One that does not let us in, such as for a locale that this machine lacks, is told, and the others are read."""
    try:
        with server.connect(name) as session:
            return [row["what"] for row in session.execute(_IN_A_DATABASE)]
    except (SessionRefused, StatementRefused) as refused:
        return [f"database {name} (it lets nobody in: {refused.facts['reason']}): nothing in it was looked at"]
