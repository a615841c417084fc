"""What keeps a run's sessions from beginning, or its databases from being looked into. Rules of check_firm."""

from collections.abc import Iterable, Iterator

from muniment.domain.finding import Finding

SESSIONS_AT_ONCE = 3
"""One holds the firm's lock, one asks, one streams the base backup."""


def sessions_finding(reason: str) -> Finding:
    """``reason``: PostgreSQL's own."""
    return Finding(
        f"a run needs {SESSIONS_AT_ONCE} sessions at the same time and is not given them: {reason}",
        f"ALTER ROLE … CONNECTION LIMIT {SESSIONS_AT_ONCE} or more for the connection's role, the same for its"
        " database; or raise max_connections.",
    )


def database_finding(database: str, reason: str) -> Finding:
    """The firm's own one, in which every run holds its lock and counts."""
    return Finding(
        f"no session can be had in database {database}: {reason}",
        f"correct cluster.database in the firm's file, or let the connection's role in: GRANT CONNECT ON DATABASE"
        f" {database} TO the role; ALTER DATABASE {database} ALLOW_CONNECTIONS true.",
    )


def closed_findings(databases: Iterable[str]) -> Iterator[Finding]:
    """``databases``: each with its reason. They are backed up like any other."""
    for told in databases:
        yield Finding(
            f"nobody can look into database {told}",
            "none for one that is closed on purpose; one that is invalid can only be dropped: DROP DATABASE.",
            "warning",
        )


def locale_finding(reason: str, remedy: str) -> Finding:
    return Finding(f"on this worker nothing of this firm can be restored: {reason}", remedy, "warning")
