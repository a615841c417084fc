"""What a restored cluster needs beside PostgreSQL itself: the extensions of all of its databases."""

from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.restore.kit_page import ClusterNeeds
from muniment.errors import PostgresError

_SERVER = """
SELECT current_setting('server_version') AS version, current_setting('shared_preload_libraries') AS preload,
       coalesce((SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1), 'postgres') AS name
"""
# plpgsql is in every PostgreSQL.
_EXTENSIONS = "SELECT extname, extversion FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname"


def read_cluster_needs(server: PostgresServer) -> ClusterNeeds:
    """Raises ``PostgresError``; a database that refuses us is named in what comes back."""
    told = server.row(_SERVER)
    found: set[str] = set()
    unread = []
    for name in server.databases():
        try:
            found |= _extensions(server, name)
        except PostgresError:  # no right to connect, or pg_hba.conf says no: the page tells it
            unread.append(name)
    return ClusterNeeds(told["version"], tuple(sorted(found)), told["preload"], told["name"], tuple(unread))


def _extensions(server: PostgresServer, database: str) -> set[str]:
    with server.connect(database) as connection:
        return {f"{row['extname']} {row['extversion']}" for row in connection.execute(_EXTENSIONS)}
