"""Links and special files of a data directory, which PostgreSQL leaves out of a base backup with a warning alone."""

from collections.abc import Iterable

# What PostgreSQL itself makes in a data directory and cannot do without (src/bin/initdb/initdb.c, "subdirs"); what it
# sends as an empty folder wherever it leads (pg_wal and its like) is not skipped.
_NEEDED = frozenset(
    {"PG_VERSION", "base", "global", "pg_commit_ts", "pg_logical", "pg_multixact", "pg_twophase", "pg_xact"}
)
_SOCKET = ".s.PGSQL."


def is_worth_telling(path: str) -> bool:
    """A server's socket is made anew at each start."""
    return not path.rsplit("/", 1)[-1].startswith(_SOCKET)


def without_which_nothing_starts(left_out: Iterable[str]) -> tuple[str, ...]:
    """A table, a folder of tables, a log of transactions: a base backup that lacks it restores nothing."""
    return tuple(path for path in left_out if path.partition("/")[0] in _NEEDED)
