"""The databases of a cluster, and what each needs of the machine that opens it."""

from typing import Any

from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.vault.registers import ClusterDatabase

# ICU's locale has another column since PostgreSQL 17, which is why the row is asked for by name.
_DATABASES = """
SELECT datname AS name, pg_encoding_to_char(encoding) AS encoding, datcollate AS collate, datctype AS ctype,
       datlocprovider::text AS provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale,
       datallowconn AND datconnlimit <> -2 AS is_open
  FROM pg_database d WHERE datname <> 'template0' ORDER BY datname
"""
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


def read_databases(server: PostgresServer) -> tuple[ClusterDatabase, ...]:
    """All but template0, which nobody opens. Raises ``PostgresError``."""
    with server.anywhere() as session:
        return tuple(_database(row) for row in session.execute(_DATABASES))


def _database(row: dict[str, Any]) -> ClusterDatabase:
    return ClusterDatabase(**{**row, "provider": _PROVIDERS[row["provider"]]})
