"""How much room the server of a restored cluster needs: where a setting is too small, recovery stops or PANICs.

PostgreSQL compares most of them only for a hot standby, which no copy of ours is; but what the WAL brings must fit. The
values that the WAL was written with are in pg_control. Where the cluster got more room behind its base backup only the
WAL tells of it, so each has a floor as well. ``finish.sh`` of the restore kit writes the same ones.
"""

from collections.abc import Mapping

from muniment.domain.restore.copy_settings import Settings

# Transactions that wait for their second phase have a place each, and their locks. The lock table holds
# max_locks_per_transaction for each connection, worker and prepared transaction together (lock.c, NLOCKENTS). The
# floors are PostgreSQL's defaults, and more prepared transactions than anybody has been seen with.
AT_LEAST = {
    "max_connections": 100,
    "max_worker_processes": 8,
    "max_prepared_transactions": 1000,
    "max_locks_per_transaction": 64,
}
# Two segments, or the server does not start (xlog.c, ReadControlFile). The floors, in MiB, are PostgreSQL's defaults.
_WAL_SIZES_MIB = {"min_wal_size": 80, "max_wal_size": 1024}


def room(control: Mapping[str, str], segment_bytes: int) -> Settings:
    """``control``: pg_control's values, by the settings' own names; ``segment_bytes``: of a WAL segment."""
    twice_mib = 2 * segment_bytes // 2**20
    return {
        **{name: max(least, int(control.get(name, 0))) for name, least in AT_LEAST.items()},
        **{name: f"{max(least, twice_mib)}MB" for name, least in _WAL_SIZES_MIB.items()},
        # Off, it would throw away what the copy remembers.
        "track_commit_timestamp": control.get("track_commit_timestamp", "off"),
    }
